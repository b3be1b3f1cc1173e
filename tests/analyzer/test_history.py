"""Windows in memory: what adds up over a span, what takes the worst, and what is left out."""

from __future__ import annotations

from analyzer.history import History, Row, Window, summed
from faultline.records.histogram import Histogram
from faultline.records.points import FieldValue
from faultline.records.terms import SECOND_NS

TEN_S = 10 * SECOND_NS


def make_window(number: int, *rows: Row, revision: int = 1) -> Window:
    """The window after `number` others."""
    return Window(start_ns=number * TEN_S, end_ns=(number + 1) * TEN_S, revision=revision, rows=rows)


def make_row(measurement: str = "session", tags: dict[str, str] | None = None, **fields: FieldValue) -> Row:
    """A row of the line's session, with five round trips."""
    histograms = {"rtt": Histogram([5_000_000] * 5)} if measurement == "session" else {}
    return Row(measurement=measurement, tags=tags or {"line": "L1", "session": "s1"}, fields=fields, histograms=histograms)


def test_counts_and_distributions_add_up() -> None:
    """Two windows of 1000 packets are 2000; percentiles of windows are dropped, their histograms merged."""
    windows = [make_window(n, make_row(sent=1000, lost_forward=n, rtt_p50=5_000_000)) for n in (1, 2)]
    (row,) = summed(windows)
    assert row.fields == {"sent": 2000, "lost_forward": 3}
    assert row.histograms["rtt"].n == 10
    assert summed(windows, distributions=False)[0].histograms == {}


def test_a_distribution_is_of_the_newest_windows_that_hold_enough() -> None:
    """A step of delay is not mixed with the time before it; of what comes rarely the whole span is needed."""
    dense = [
        make_window(
            n,
            Row(measurement="session", tags={"session": "s"}, fields={"sent": 1000}, histograms={"rtt": Histogram([ms] * 1000)}),
        )
        for n, ms in enumerate((1, 1, 1, 13, 13))
    ]
    (row,) = summed(dense)
    assert row.fields == {"sent": 5000}
    assert row.histograms["rtt"].n == 2000
    assert row.histograms["rtt"].min == 13
    assert summed([make_window(n, make_row(sent=10)) for n in range(6)])[0].histograms["rtt"].n == 30


def test_quality_takes_the_worst_window() -> None:
    """The largest clock error and loss of capture, and the newest clock."""
    windows = [
        make_window(n, make_row(clock_error_ns=error, clock_class=clock), make_row("probe_health", {"probe": "p"}, **health))
        for n, error, clock, health in (
            (1, 9000, "ntp", {"capture_loss_ratio": 0.2, "clock_bad": 1, "spool_octets": 10}),
            (2, 1000, "ptp", {"capture_loss_ratio": 0.0, "clock_bad": 1, "spool_octets": 7}),
        )
    ]
    health, session = summed(windows)
    assert session.fields == {"clock_error_ns": 9000, "clock_class": "ptp"}
    assert health.fields == {"capture_loss_ratio": 0.2, "clock_bad": 1, "spool_octets": 10}


def test_a_link_that_was_down_once_was_down() -> None:
    """Link state takes the least, counters add, the speed is the newest."""
    tags = {"probe": "p", "interface": "wan0"}
    windows = [
        make_window(n, make_row("interface", tags, link_up=up, in_errors=2, speed_bps=speed))
        for n, up, speed in ((1, 1, 10), (2, 0, 100), (3, 1, 1000))
    ]
    (row,) = summed(windows)
    assert row.fields == {"link_up": 0, "in_errors": 6, "speed_bps": 1000}


def test_unmeasured_seconds_of_a_span_are_counted() -> None:
    """Masks of seconds cannot be joined, their numbers of seconds can."""
    windows = [make_window(n, make_row(sent=10, unmeasured_mask=mask)) for n, mask in ((1, 0b11), (2, 0), (3, 0b1))]
    (row,) = summed(windows)
    assert row.fields == {"sent": 30, "gap_seconds": 3}


def test_what_was_not_measured_stays_absent() -> None:
    """A field that no window has is not in the sum."""
    (row,) = summed([make_window(1, make_row(sent=10))])
    assert row.count("lost_forward") is None


def test_a_revision_replaces_its_window_and_old_windows_go() -> None:
    """The memory holds each window once, the newest ones only, in order."""
    history = History(keep_ns=3 * TEN_S)
    for number in (1, 2, 4, 3):
        history.add(make_window(number, make_row(sent=number)))
    history.add(make_window(3, make_row(sent=30), revision=2))
    assert [(w.start_ns // TEN_S, w.revision) for w in history.windows] == [(2, 1), (3, 2), (4, 1)]
    assert history.revision(3 * TEN_S) == 2
    assert history.revision(TEN_S) is None
    assert [w.start_ns // TEN_S for w in history.suffix(2 * TEN_S)] == [3, 4]
