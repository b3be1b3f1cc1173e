"""Baselines: when there is one, what it says, and what it forgets."""

from __future__ import annotations

import json
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import attrs
import pytest

from analyzer.baselines import (
    FEWEST_WINDOWS,
    RECENT_WINDOWS,
    SLOT_WINDOWS,
    Baselines,
    Rhythm,
    View,
    document_id,
    slot_of,
)
from faultline.inventory.calendar import Batch, Calendar, Days
from faultline.records.histogram import Histogram
from faultline.records.terms import SECOND_NS

VIEW = View(line="L1", name="s1", direction="a_to_z", metric="forward_delay")
MS = 1_000_000


def make_window(median_ms: float = 5.0, n: int = 100) -> Histogram:
    """Delays spread by 2 % around a median."""
    return Histogram(int(median_ms * MS * (1 + (i - n / 2) / n * 0.04)) for i in range(n))


def test_there_is_no_baseline_before_enough_clean_windows() -> None:
    """One window is none."""
    baselines = Baselines()
    for _ in range(FEWEST_WINDOWS - 1):
        baselines.train(VIEW, make_window(), "workday-09")
    assert baselines.usual(VIEW, "workday-09") is None


def test_a_cold_start_answers_with_a_widened_spread_at_any_hour() -> None:
    """The same data as part of a full slot has half the spread."""
    cold = Baselines()
    for _ in range(FEWEST_WINDOWS):
        cold.train(VIEW, make_window(), "workday-09")
    early = cold.usual(VIEW, "weekend-23")
    assert early is not None
    assert early.learning
    for _ in range(SLOT_WINDOWS):
        cold.train(VIEW, make_window(), "workday-09")
    full = cold.usual(VIEW, "workday-09")
    assert full is not None
    assert not full.learning
    assert early.mad_ns == pytest.approx(2 * full.mad_ns)
    assert full.median_ns == pytest.approx(5 * MS, rel=0.02)


def test_each_hour_has_its_own_usual() -> None:
    """Nine o'clock is busy, three o'clock is not."""
    baselines = Baselines()
    for _ in range(SLOT_WINDOWS):
        baselines.train(VIEW, make_window(8.0), "workday-09")
        baselines.train(VIEW, make_window(5.0), "workday-03")
    busy, quiet = baselines.usual(VIEW, "workday-09"), baselines.usual(VIEW, "workday-03")
    assert busy is not None
    assert quiet is not None
    assert busy.median_ns > 1.5 * quiet.median_ns


def test_a_lasting_change_becomes_usual_in_the_cold_start_memory() -> None:
    """After twice the memory at the new level the median is the new one."""
    baselines = Baselines()
    for _ in range(RECENT_WINDOWS):
        baselines.train(VIEW, make_window(5.0), "workday-09")
    for _ in range(2 * RECENT_WINDOWS):
        baselines.train(VIEW, make_window(9.0), "workday-10")
    usual = baselines.usual(VIEW, "workday-11")
    assert usual is not None
    assert usual.median_ns == pytest.approx(9 * MS, rel=0.03)


def test_a_steady_line_still_has_a_spread() -> None:
    """All samples in one bucket: the spread is what the histogram can resolve, not 0."""
    baselines = Baselines()
    for _ in range(SLOT_WINDOWS):
        baselines.train(VIEW, Histogram([5 * MS] * 100), "workday-09")
    usual = baselines.usual(VIEW, "workday-09")
    assert usual is not None
    assert usual.mad_ns > 0


def test_an_empty_window_teaches_nothing() -> None:
    """No sample, no version."""
    baselines = Baselines()
    baselines.train(VIEW, Histogram(), "workday-09")
    assert list(baselines.views()) == []
    assert baselines.take_changed() == []


def test_baselines_survive_a_restart_with_their_version() -> None:
    """Documents are JSON, only for changed views, and read back to the same answers."""
    baselines = Baselines()
    for _ in range(SLOT_WINDOWS):
        baselines.train(VIEW, make_window(), "workday-09")
    ((view, document),) = baselines.take_changed()
    assert view == VIEW
    assert document["version"] == SLOT_WINDOWS
    assert baselines.take_changed() == []
    again = Baselines()
    again.restore(json.loads(json.dumps(document)))
    assert again.usual(VIEW, "workday-09") == baselines.usual(VIEW, "workday-09")
    assert document_id(VIEW) == "L1|s1|a_to_z|forward_delay"
    with pytest.raises(ValueError, match="format"):
        again.restore({"format": "x"})


def test_slots_follow_the_lines_own_clock() -> None:
    """Saturday 01:30 in UTC is Saturday 09:30 in Shanghai; Friday 20:00 UTC is already the weekend there."""
    saturday = 1_767_403_800 * SECOND_NS  # 2026-01-03T01:30:00Z
    shanghai = ZoneInfo("Asia/Shanghai")
    assert slot_of(saturday, shanghai) == "weekend-09"
    assert slot_of(saturday - int(5.5 * 3600) * SECOND_NS, shanghai) == "weekend-04"
    assert slot_of(saturday - int(5.5 * 3600) * SECOND_NS, ZoneInfo("UTC")) == "workday-20"


def test_slots_follow_the_customers_calendar() -> None:
    """A Saturday that is worked is a working day, a holiday is none, the last working days close the books, a batch is apart."""
    calendar = Calendar(
        holidays=(Days(date(2026, 1, 1), date(2026, 1, 2)),),
        working_days=(Days(date(2026, 1, 4), date(2026, 1, 4)),),
        month_end_days=2,
        batches=(Batch(start=time(1), end=time(3)),),
    )
    rhythm = Rhythm(zone=ZoneInfo("Asia/Shanghai"), calendar=calendar)

    def at(day: int, hour: int) -> str:
        return rhythm.slot(int(datetime(2026, 1, day, hour, 30, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()) * SECOND_NS)

    assert [at(2, 9), at(3, 9), at(4, 9), at(5, 9)] == ["holiday-09", "weekend-09", "workday-09", "workday-09"]
    assert [at(29, 9), at(30, 9)] == ["month_end-09", "month_end-09"]
    assert [at(5, 1), at(5, 3)] == ["workday-01-batch", "workday-03"]


def test_when_learning_of_a_line_began_is_kept() -> None:
    """The earliest of its views, also after a restart; of what an older version kept, since ever."""
    baselines = Baselines()
    assert baselines.begun_ns("L1") is None
    baselines.train(VIEW, make_window(), "workday-09", at_ns=70)
    baselines.train(attrs.evolve(VIEW, name="s2"), make_window(), "workday-09", at_ns=50)
    baselines.train(VIEW, make_window(), "workday-09", at_ns=90)
    assert baselines.begun_ns("L1") == 50
    again = Baselines()
    for _, document in baselines.take_changed():
        again.restore(json.loads(json.dumps(document)))
    assert again.begun_ns("L1") == 50
    baselines.train(VIEW, make_window(), "workday-09")
    ((_, document),) = baselines.take_changed()
    del document["since_ns"]
    older = Baselines()
    older.restore(document)
    assert older.begun_ns("L1") == 0
