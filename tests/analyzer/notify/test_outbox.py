"""The outbox: order, durability, and each target's own pace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from analyzer.notify.outbox import KEEP_NS, LONGEST_WAIT_NS, Outbox, wait_ns
from faultline.runtime.console import CommandError


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    """An open outbox."""
    made = Outbox(tmp_path / "outbox.sqlite")
    made.open()
    yield made
    made.close()


def test_entries_come_in_order_without_gaps(outbox: Outbox) -> None:
    """Sequences are dense from 1, and the cursor moves one by one."""
    outbox.join("noc")
    for revision in (1, 2, 3):
        assert outbox.put("F1", revision, {"n": revision}, 0)
    seen = []
    while entry := outbox.next_for("noc"):
        seen.append((entry.sequence, entry.body["n"]))
        outbox.told("noc", entry.sequence)
    assert seen == [(1, 1), (2, 2), (3, 3)]
    assert outbox.waiting("noc") == 0


def test_the_same_revision_is_written_once(outbox: Outbox) -> None:
    """Writing again after a crash between outbox and incident changes nothing."""
    assert outbox.put("F1", 1, {}, 0)
    assert not outbox.put("F1", 1, {}, 0)


def test_a_restart_loses_nothing_and_goes_on_where_it_was(outbox: Outbox, tmp_path: Path) -> None:
    """What was not told before the file was closed is told after it is opened again."""
    outbox.join("noc")
    outbox.put("F1", 1, {"n": 1}, 0)
    outbox.put("F1", 2, {"n": 2}, 0)
    outbox.told("noc", 1)
    outbox.close()
    again = Outbox(tmp_path / "outbox.sqlite")
    again.open()
    again.join("noc")
    entry = again.next_for("noc")
    assert entry is not None
    assert entry.body == {"n": 2}
    again.close()


def test_a_new_target_is_not_told_yesterdays_news(outbox: Outbox) -> None:
    """Joining starts after what is there; another target's cursor is untouched."""
    outbox.join("noc")
    outbox.put("F1", 1, {}, 0)
    outbox.join("late")
    assert outbox.waiting("late") == 0
    assert outbox.waiting("noc") == 1


def test_what_cannot_be_told_is_put_aside_with_its_reason(outbox: Outbox) -> None:
    """A dead letter does not hold up what comes after it."""
    outbox.join("noc")
    outbox.put("F1", 1, {}, 0)
    outbox.put("F1", 2, {"n": 2}, 0)
    outbox.give_up("noc", 1, "expired")
    assert outbox.dead_letters() == [("noc", 1, "expired")]
    entry = outbox.next_for("noc")
    assert entry is not None
    assert entry.sequence == 2


def test_pruning_keeps_what_somebody_still_needs_and_sequences_stay_gapless(outbox: Outbox) -> None:
    """Old entries go once every target has them; the next sequence follows the last one even when the table is empty."""
    for target in ("fast", "slow"):
        outbox.join(target)
    outbox.put("F1", 1, {}, 0)
    outbox.put("F1", 2, {}, 0)
    outbox.told("fast", 2)
    outbox.told("slow", 1)
    assert outbox.prune(["fast", "slow"], KEEP_NS) == 0
    assert outbox.prune(["fast", "slow"], KEEP_NS + 1) == 1
    outbox.told("slow", 2)
    assert outbox.prune(["fast", "slow"], KEEP_NS + 1) == 1
    outbox.put("F1", 3, {}, 0)
    entry = outbox.next_for("slow")
    assert entry is not None
    assert entry.sequence == 3


def test_waits_double_up_to_a_minute() -> None:
    """1, 2, 4 ... 60 s, and never more."""
    assert [wait_ns(n) // 10**9 for n in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert wait_ns(10_000) == LONGEST_WAIT_NS


def test_a_file_that_is_no_outbox_is_one_clear_line(tmp_path: Path) -> None:
    """The path, the reason and a hint; exit code 2."""
    (tmp_path / "outbox.sqlite").write_bytes(b"not a database, but long enough to be looked at as one" * 100)
    with pytest.raises(CommandError, match=r"outbox\.sqlite: file is not a database") as caught:
        Outbox(tmp_path / "outbox.sqlite").open()
    assert caught.value.code == 2
    assert caught.value.hint
