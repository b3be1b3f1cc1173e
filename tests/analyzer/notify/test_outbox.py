"""The outbox: order, durability, each target's own pace, and what is marked as repeated."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from analyzer.notify.outbox import KEEP_NS, LONGEST_WAIT_NS, Entry, Item, Outbox, wait_ns
from faultline.runtime.console import CommandError


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    """An open outbox."""
    made = Outbox(tmp_path / "outbox.sqlite")
    made.open()
    yield made
    made.close()


def put(outbox: Outbox, *revisions: int, now_ns: int = 0) -> int:
    """Write revisions of one incident."""
    return outbox.put([Item(incident="F1", revision=n, body={"n": n}) for n in revisions], now_ns)


def tell(outbox: Outbox, target: str, count: int) -> list[tuple[int, bool]]:
    """Tell a target so many; sequences, and whether they were marked."""
    entries = outbox.begin(target, count)
    for entry in entries:
        assert outbox.told(target, entry)
    return seen(entries)


def seen(entries: list[Entry]) -> list[tuple[int, bool]]:
    """Sequences, and whether they are marked."""
    return [(entry.sequence, entry.repeated) for entry in entries]


def reopened(outbox: Outbox, path: Path) -> Outbox:
    """As after a death: nothing but the file is left."""
    outbox.close()
    again = Outbox(path)
    again.open()
    return again


def test_entries_come_in_order_without_gaps(outbox: Outbox) -> None:
    """Sequences are dense from 1, each target at its own pace, and nothing is told twice."""
    for target in ("noc", "nms"):
        outbox.join(target)
    assert put(outbox, 1, 2, 3) == 3
    assert tell(outbox, "noc", 2) == [(1, False), (2, False)]
    assert tell(outbox, "noc", 9) == [(3, False)]
    assert tell(outbox, "noc", 9) == []
    assert [entry.body["n"] for entry in outbox.begin("nms")] == [1, 2, 3]


def test_the_same_event_is_written_once(outbox: Outbox) -> None:
    """Telling again after a crash between outbox and incident changes nothing."""
    assert put(outbox, 1) == 1
    assert put(outbox, 1) == 0
    assert put(outbox, 1, 2) == 1


def test_a_death_while_telling_marks_exactly_what_may_have_left(outbox: Outbox, tmp_path: Path) -> None:
    """Of three that were handed to the wire one is known to have arrived: the other two come again, marked; the fourth is new."""
    outbox.join("noc")
    put(outbox, 1, 2, 3)
    assert outbox.told("noc", outbox.begin("noc")[0])
    put(outbox, 4)
    again = reopened(outbox, tmp_path / "outbox.sqlite")
    again.join("noc")
    assert seen(again.begin("noc")) == [(2, True), (3, True), (4, False)]
    again.close()


def test_what_certainly_did_not_leave_is_not_marked(outbox: Outbox) -> None:
    """A refused connection takes the mark back from what it was to carry, not from what had been tried before."""
    outbox.join("noc")
    put(outbox, 1, 2, 3)
    outbox.withdraw("noc", outbox.begin("noc")[1:])
    assert seen(outbox.begin("noc")) == [(1, True), (2, False), (3, False)]
    outbox.withdraw("noc", outbox.begin("noc"))
    assert seen(outbox.begin("noc")) == [(1, True), (2, True), (3, True)]


def test_a_replay_tells_again_from_a_sequence_and_marks_it(outbox: Outbox) -> None:
    """What was told is marked, what was not is not; what a delivery had in its hands meanwhile does not move the cursor."""
    outbox.join("noc")
    put(outbox, 1, 2, 3)
    tell(outbox, "noc", 2)
    (in_hand,) = outbox.begin("noc")
    outbox.withdraw("noc", [in_hand])
    assert outbox.replay("noc", 2) == 2
    assert not outbox.told("noc", in_hand)
    assert tell(outbox, "noc", 9) == [(2, True), (3, False)]
    with pytest.raises(LookupError):
        outbox.replay("nobody", 1)


def test_a_new_target_is_not_told_yesterdays_news(outbox: Outbox) -> None:
    """Joining starts after what is there; another target's cursor is untouched."""
    outbox.join("noc")
    put(outbox, 1)
    outbox.join("late")
    assert outbox.waiting("late") == 0
    assert outbox.waiting("noc") == 1


def test_what_cannot_be_told_is_put_aside_with_its_reason(outbox: Outbox) -> None:
    """A dead letter does not hold up what comes after it, shows in the standing, and a replay brings it back."""
    outbox.join("noc")
    put(outbox, 1, 2)
    assert outbox.give_up("noc", outbox.begin("noc")[0], "expired")
    assert outbox.dead_letters() == [("noc", 1, "expired")]
    (standing,) = outbox.standings()
    assert (standing.sequence, standing.waiting, standing.dead) == (1, 1, 1)
    assert outbox.replay("noc", 1) == 2
    assert outbox.dead_letters() == []


def test_pruning_keeps_what_somebody_still_needs_and_sequences_stay_gapless(outbox: Outbox) -> None:
    """Old entries go once every target has them; the next sequence follows the last one even when the table is empty."""
    for target in ("fast", "slow"):
        outbox.join(target)
    put(outbox, 1, 2)
    tell(outbox, "fast", 2)
    tell(outbox, "slow", 1)
    assert outbox.prune(["fast", "slow"], KEEP_NS) == 0
    assert outbox.prune(["fast", "slow"], KEEP_NS + 1) == 1
    tell(outbox, "slow", 1)
    assert outbox.prune(["fast", "slow"], KEEP_NS + 1) == 1
    put(outbox, 3)
    assert tell(outbox, "slow", 1) == [(3, False)]


def test_waits_double_up_to_a_minute() -> None:
    """1, 2, 4 ... 60 s, and never more."""
    assert [wait_ns(n) // 10**9 for n in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert wait_ns(10_000) == LONGEST_WAIT_NS


def test_the_file_of_an_earlier_version_is_taken_over(tmp_path: Path) -> None:
    """Cursors that did not note what was tried go on where they were."""
    path = tmp_path / "outbox.sqlite"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE cursors (target TEXT PRIMARY KEY, sequence INTEGER NOT NULL)")
    db.execute("INSERT INTO cursors VALUES ('noc', 41)")
    db.commit()
    db.close()
    outbox = Outbox(path)
    outbox.open()
    put(outbox, 1)
    assert tell(outbox, "noc", 9) == [(42, False)]
    outbox.close()


def test_a_file_that_is_no_outbox_is_one_clear_line(tmp_path: Path) -> None:
    """The path, the reason and a hint; exit code 2."""
    (tmp_path / "outbox.sqlite").write_bytes(b"not a database, but long enough to be looked at as one" * 100)
    with pytest.raises(CommandError, match=r"outbox\.sqlite: file is not a database") as caught:
        Outbox(tmp_path / "outbox.sqlite").open()
    assert caught.value.code == 2
    assert caught.value.hint
