"""What the baselines learn of TCP losses."""

from __future__ import annotations

from datetime import UTC

import pytest

from analyzer.baselines import Baselines, Rhythm, View
from analyzer.history import Row, Window
from analyzer.training import LAG_WINDOWS, Trainer, ratios_of
from faultline.records.histogram import Histogram
from faultline.records.terms import SECOND_NS, LineCode

LINE = LineCode("L1")
TAGS = {"line": "L1", "vantage": "ce-lan", "direction": "a_to_z"}
TEN_S = 10 * SECOND_NS


def make_row(**fields: float) -> Row:
    """A row of TCP quality."""
    return Row(measurement="line_quality", tags=TAGS, fields=fields)


def test_each_side_of_a_vantage_is_learned_apart() -> None:
    """Upstream of those that came and those that did not, downstream of those that came; the mean is the loss ratio."""
    baselines = Baselines()
    trainer = Trainer(baselines)
    for number in range(4 + LAG_WINDOWS):
        row = make_row(tcp_segments=990, loss_upstream=8, loss_upstream_inferred=2, loss_downstream=99)
        window = Window(start_ns=number * TEN_S, end_ns=(number + 1) * TEN_S, revision=1, rows=(row,))
        trainer.observe(window, clean=lambda _: True, lines={LINE: Rhythm(zone=UTC)})
    found = {
        metric: baselines.usual(View(line="L1", name="ce-lan", direction="a_to_z", metric=metric), "workday-00")
        for metric in ("loss_upstream", "loss_downstream")
    }
    up, down = found["loss_upstream"], found["loss_downstream"]
    assert up is not None
    assert down is not None
    assert (up.n, up.mean) == (4000, pytest.approx(0.01))
    assert (down.n, down.mean) == (3960, pytest.approx(0.1))


def test_a_bad_capture_teaches_nothing() -> None:
    """What the capture lost would become usual."""
    baselines = Baselines()
    trainer = Trainer(baselines)
    for number in range(5):
        row = make_row(tcp_segments=990, loss_upstream=8, capture_loss_ratio=0.1)
        window = Window(start_ns=number * TEN_S, end_ns=(number + 1) * TEN_S, revision=1, rows=(row,))
        trainer.observe(window, clean=lambda _: True, lines={LINE: Rhythm(zone=UTC)})
    assert list(baselines.views()) == []


def test_rows_without_judged_segments_have_no_loss() -> None:
    """No traffic is no lossless traffic."""
    assert ratios_of(make_row(tcp_segments=0)) == []
    assert ratios_of(Row(measurement="session", tags={"line": "L1", "session": "s"}, fields={"sent": 10})) == []


def make_timed(measurement: str, *, suspect: int = 0, **tags: str) -> Row:
    """A row with round trips: of a session, or of the traffic at a vantage."""
    histogram = Histogram()
    histogram.add(5_000_000, 500)
    metric = "rtt" if measurement == "session" else "data_rtt"
    fields = {"sent": 500, "suspect": suspect} if measurement == "session" else {}
    return Row(measurement=measurement, tags={"line": "L1", **tags}, fields=fields, histograms={metric: histogram})


def test_a_line_is_still_learning_while_one_of_its_sessions_has_no_baseline() -> None:
    """A session starved in the first window needs one more than the traffic does; without it a queue would look like loss."""
    trainer = Trainer(Baselines())
    waits = []
    for number in range(5):
        rows = (make_timed("session", suspect=100 if number == 0 else 0, session="s"), make_timed("line_quality", vantage="v"))
        window = Window(start_ns=number * TEN_S, end_ns=(number + 1) * TEN_S, revision=1, rows=rows)
        trainer.observe(window, clean=lambda _: True, lines={LINE: Rhythm(zone=UTC)})
        waits.append(trainer.learning_until_ns(LINE, window))
    assert [until is not None for until in waits] == [True, True, True, False, False]
    assert waits[2] == 4 * TEN_S


def test_a_session_that_never_measures_well_keeps_no_line_learning() -> None:
    """Its host is too busy to tell delays: the others decide."""
    trainer = Trainer(Baselines())
    for number in range(4):
        rows = (make_timed("session", suspect=100, session="a"), make_timed("session", session="b"))
        window = Window(start_ns=number * TEN_S, end_ns=(number + 1) * TEN_S, revision=1, rows=rows)
        trainer.observe(window, clean=lambda _: True, lines={LINE: Rhythm(zone=UTC)})
    assert trainer.learning_until_ns(LINE, window) is None


def test_of_a_session_the_losses_of_each_way_are_learned() -> None:
    """Packets whose fate nobody knows are in neither."""
    row = Row(
        measurement="session",
        tags={"line": "L1", "session": "s"},
        fields={"sent": 520, "received": 490, "lost_forward": 4, "lost_reverse": 6, "lost_unattributed": 20},
    )
    found = {view.metric: (histogram.n, histogram) for view, histogram in ratios_of(row)}
    assert {metric: n for metric, (n, _) in found.items()} == {"lost_there": 500, "lost_back": 496}
    assert {metric: sum(count for bucket, count in h if bucket) for metric, (_, h) in found.items()} == {
        "lost_there": 4,
        "lost_back": 6,
    }
