"""How much to believe: what is not known stands in sentences; planned work and routes are told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC

from faultline.records.incident import Base
from faultline.records.terms import SECOND_NS
from faultline.reports.instruments import planned_list, traced_table, unknown_sentences
from faultline.reports.material import DroppedBatches, LinePath, PlannedWindow, QualityRow, TracedFlow
from faultline.reports.sentences import Speaker

BEGIN_NS = 1_767_225_600 * SECOND_NS


def test_what_is_not_known_is_said(line_path: LinePath, speaker: Speaker) -> None:
    """A silent probe, batches that will never come, gaps, a lossy capture, starved samples, a clock that nothing keeps."""
    quality = (
        QualityRow(name="s1", missing_windows=6, suspect=3, clock_class="none"),
        QualityRow(name="ce-wan", capture_loss_ratio=0.02, missing_windows=0),
        QualityRow(name="fw-wan", missing_windows=9),
    )
    dropped = (DroppedBatches(probe="p1", stream="flows", reason="disk_full", batches=12),)
    assert unknown_sentences(speaker, line_path, quality, dropped) == [
        "Probe fw-wan does not report: what it would see is missing.",
        "Probe p1 had to drop 12 batches of its stream flows (its disk was full); they will never come.",
        "s1 has no measurements for 60 s of the time shown.",
        "3 samples of s1 were taken while its host was starved; they count less.",
        "Nothing is known of the clock of s1: its one-way delays are not used.",
        "The capture at ce-wan lost 2 % of its packets; its counts are widened by as much.",
    ]


def test_nothing_missing_is_nothing_said(line_path: LinePath, speaker: Speaker) -> None:
    """A good instrument is not worth a sentence, a trace of capture loss neither."""
    heard = LinePath(elements=line_path.elements)
    assert unknown_sentences(speaker, heard, (QualityRow(name="s1", missing_windows=0, capture_loss_ratio=1e-5),), ()) == []


def test_planned_work_is_now_to_come_or_over(speaker: Speaker, plain: Callable[[str], str]) -> None:
    """With its place and reason."""
    works = [
        PlannedWindow(
            places=(Base("loop"),), start_ns=BEGIN_NS + at * SECOND_NS, end_ns=BEGIN_NS + (at + 10) * SECOND_NS, reason=why
        )
        for at, why in ((-20, "first"), (-5, "second"), (20, "third"))
    ]
    words = plain(planned_list(speaker, works, UTC, BEGIN_NS))
    for expected in ("over Loop: first", "now Loop: second", "to come Loop: third"):
        assert expected in words


def test_a_route_is_told_hop_by_hop_with_the_one_before(speaker: Speaker, plain: Callable[[str], str]) -> None:
    """A hop that does not answer is called silent, a trace that did not arrive says so."""
    flow = TracedFlow(
        trace="t1", flow="a:1 → b:2", hops=("PE1", None, "10.0.0.9"), reached=False, traced_ns=BEGIN_NS, previous=("PE1", "P2")
    )
    words = plain(traced_table(speaker, [flow], UTC))
    assert "PE1 → silent → 10.0.0.9 (did not arrive)" in words
    assert "before: PE1 → P2" in words
    assert "No trace" in plain(traced_table(speaker, [], UTC))
