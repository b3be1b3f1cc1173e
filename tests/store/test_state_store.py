"""The state store: transactions, layout, documents, two processes at once."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from faultline.runtime.console import CommandError
from faultline.store.migrations import MIGRATIONS
from faultline.store.state import StateStore


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateStore]:
    """An empty store."""
    made = StateStore(tmp_path / "state.db", durable=False)
    yield made
    made.close()


def test_a_transaction_is_all_or_nothing(state: StateStore) -> None:
    """An error inside takes back everything, also what joined it."""

    def fail_half_way() -> None:
        with state.transaction():
            state.put_fact("a", "1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert state.fact("a") is None
    with state.transaction():
        state.put_fact("a", "2")
    assert state.fact("a") == "2"


def test_writing_inside_a_reading_is_a_mistake_of_the_program(state: StateStore) -> None:
    """It would be lost when the reading ends."""
    with state.reading(), pytest.raises(RuntimeError):
        state.put_fact("a", "1")


def test_an_older_revision_of_a_document_does_not_replace_a_newer_one(state: StateStore) -> None:
    """A restart may write again what was already superseded."""
    assert state.put_document("incident", "F1", 2, '{"v": 2}')
    assert not state.put_document("incident", "F1", 1, '{"v": 1}')
    assert state.put_document("incident", "F1", 2, '{"v": "2 again"}')
    state.put_document("incident", "F0", 1, "{}")
    state.put_document("baseline", "x", 1, "{}")
    assert [(d.id, d.revision, d.text) for d in state.documents("incident")] == [("F0", 1, "{}"), ("F1", 2, '{"v": "2 again"}')]
    assert state.document("incident", "nobody") is None
    state.remove_document("incident", "F0")
    assert [d.id for d in state.documents("incident")] == ["F1"]


def test_a_store_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    """Better no service than one that misreads the ledger."""
    path = tmp_path / "state.db"
    StateStore(path).close()
    with sqlite3.connect(path) as raw:
        raw.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    raw.close()
    with pytest.raises(CommandError, match="newer") as told:
        StateStore(path)
    assert told.value.hint


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to look at" * 100, None])
def test_a_file_that_is_no_store_is_one_clear_line(tmp_path: Path, content: bytes | None) -> None:
    """Damaged files and folders in the way are told with what to do."""
    path = tmp_path / "state.db"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(CommandError) as told:
        StateStore(path)
    assert str(path) in told.value.message
    assert told.value.hint


def test_the_file_is_for_its_user_only(state: StateStore) -> None:
    """It holds customers' names."""
    assert state.path.stat().st_mode & 0o077 == 0


def test_two_processes_write_at_the_same_time(tmp_path: Path) -> None:
    """Collector and analyzer share the file: each waits for the other, nothing is lost."""
    path = tmp_path / "state.db"
    script = (
        "import sys; from pathlib import Path; from faultline.store.state import StateStore\n"
        "s = StateStore(Path(sys.argv[1]))\n"
        "for n in range(60): s.put_fact(f'{sys.argv[2]}{n}', str(n))\n"
        "s.close()"
    )
    running = [subprocess.Popen([sys.executable, "-c", script, str(path), name]) for name in ("collector", "analyzer")]
    assert [process.wait(60) for process in running] == [0, 0]
    state = StateStore(path)
    with state.reading() as db:
        assert db.execute("SELECT count(*) FROM facts").fetchone() == (120,)
    state.close()
