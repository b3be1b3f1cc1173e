"""Turns of standing tasks: phases that stay, and turns that were missed."""

from __future__ import annotations

from faultline.records.terms import SECOND_NS
from probe.tasks.timetable import Timetable, phase_of

WALL_NS = 1_800_000_000 * SECOND_NS + 123_456_789


def turns(timetable: Timetable, until_ns: int) -> dict[str, list[int]]:
    """When each task had its turn, asked as its edge asks."""
    found: dict[str, list[int]] = {}
    while (next_ns := timetable.next_ns()) is not None and next_ns < until_ns:
        for due in timetable.due(next_ns):
            found.setdefault(due.id, []).append(next_ns)
    return found


def test_each_task_has_its_phase_and_keeps_it_across_reload_and_restart() -> None:
    """The same wall-clock turns from another process that started at another time, and with other tasks beside it."""
    one, other = Timetable(), Timetable()
    one.replace({"a": 10 * SECOND_NS}, now_ns=0, wall_ns=WALL_NS)
    other.replace({"a": 10 * SECOND_NS, "b": 7 * SECOND_NS}, now_ns=5 * SECOND_NS, wall_ns=WALL_NS + 33 * SECOND_NS)
    first = [WALL_NS + turn_ns for turn_ns in turns(one, 60 * SECOND_NS)["a"]]
    second = [WALL_NS + 28 * SECOND_NS + turn_ns for turn_ns in turns(other, 30 * SECOND_NS)["a"]]
    assert {turn % (10 * SECOND_NS) for turn in first + second} == {phase_of("a", 10 * SECOND_NS)}


def test_phases_are_spread_over_the_whole_interval() -> None:
    """A hundred tasks of one minute have turns in every ten seconds of it."""
    phases = [phase_of(f"dial-{number}", 60 * SECOND_NS) for number in range(100)]
    assert {phase // (10 * SECOND_NS) for phase in phases} == set(range(6))


def test_a_reload_moves_no_turn_of_a_task_that_stays() -> None:
    """Replaced every second with the same interval it still has its turn; with another interval it gets another."""
    timetable = Timetable()
    assert timetable.replace({"a": 10 * SECOND_NS}, now_ns=0, wall_ns=WALL_NS) == {"a"}
    expected = timetable.next_ns()
    for second in range(1, 5):
        new = timetable.replace({"a": 10 * SECOND_NS, "b": SECOND_NS}, now_ns=second, wall_ns=WALL_NS + 99 * second)
        assert new == ({"b"} if second == 1 else set())
    assert expected in {entry.due_ns for entry in timetable._entries.values()}
    timetable.replace({}, now_ns=9, wall_ns=WALL_NS)
    assert timetable.next_ns() is None


def test_turns_that_were_missed_are_counted_and_not_made_up_for() -> None:
    """Asked three and a half intervals late: one turn, three missed, and the next one is in the future."""
    timetable = Timetable()
    timetable.replace({"a": 10 * SECOND_NS}, now_ns=0, wall_ns=WALL_NS)
    first_ns = timetable.next_ns() or 0
    late_ns = first_ns + 35 * SECOND_NS
    (due,) = timetable.due(late_ns)
    assert (due.id, due.missed) == ("a", 3)
    assert timetable.due(late_ns) == []
    assert timetable.next_ns() == first_ns + 40 * SECOND_NS
