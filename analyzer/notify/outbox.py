"""The durable outbox: what was to be told, in order, and how far each target has been told.

One SQLite file. An entry is written once (incident and revision are its identity), gets a gapless sequence, and stays until every
target has it and a week has passed. A target's cursor moves only after its delivery returned; before entries are handed to the
wire they are noted as tried, so that after a death in between exactly those are told as perhaps repeated (docs/decisions/0070).
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from faultline.records.terms import SECOND_NS
from faultline.runtime.console import BAD_USAGE, CommandError

KEEP_NS = 7 * 86_400 * SECOND_NS
FIRST_WAIT_NS = SECOND_NS
LONGEST_WAIT_NS = 60 * SECOND_NS
BATCH = 64
"""Entries that are noted as tried at once: one sync of the disk for so many."""
_BUSY_S = 10.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
  sequence INTEGER PRIMARY KEY,
  incident TEXT NOT NULL,
  revision INTEGER NOT NULL,
  written_ns INTEGER NOT NULL,
  body TEXT NOT NULL,
  UNIQUE (incident, revision)
);
CREATE TABLE IF NOT EXISTS cursors (target TEXT PRIMARY KEY, sequence INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS dead (
  target TEXT NOT NULL, sequence INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (target, sequence)
);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS mutes (
  id INTEGER PRIMARY KEY, scope TEXT NOT NULL, what TEXT NOT NULL, reason TEXT NOT NULL, owner TEXT NOT NULL,
  since_ns INTEGER NOT NULL, until_ns INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS kept_back (incident TEXT PRIMARY KEY, revision INTEGER NOT NULL, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS begun (incident TEXT PRIMARY KEY);
"""
_LATER_COLUMNS = ("tried", "turn")
"""Of cursors: highest sequence that was handed to the wire, and how often somebody asked for a replay."""


@attrs.frozen(slots=True, kw_only=True)
class Entry:
    """One thing to tell a target."""

    sequence: int
    written_ns: int
    body: Mapping[str, Any]
    repeated: bool = False
    """It may have been told before."""
    turn: int = 0
    """Since the how manieth replay: what is told afterwards for an earlier one does not move the cursor."""


@attrs.frozen(slots=True, kw_only=True)
class Item:
    """One thing to write; incident and revision are its identity."""

    incident: str
    revision: int
    body: Mapping[str, Any]


@attrs.frozen(slots=True, kw_only=True)
class Standing:
    """How far a target has been told."""

    target: str
    sequence: int
    waiting: int
    dead: int


def wait_ns(attempts: int) -> int:
    """How long to wait before the next attempt: doubled each time up to a minute."""
    return min(LONGEST_WAIT_NS, FIRST_WAIT_NS << min(attempts, 6))


class Outbox:
    """Safe from several threads and beside another process; each call is its own transaction."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open the file, making it when missing.

        Raises:
            CommandError: it cannot be made, or is no outbox.
        """
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            db = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None, timeout=_BUSY_S)
            self._db = db
            db.execute("PRAGMA journal_mode=WAL")
            db.executescript(_SCHEMA)
            known = {row[1] for row in db.execute("PRAGMA table_info(cursors)")}
            for column in _LATER_COLUMNS:
                if column not in known:
                    db.execute(f"ALTER TABLE cursors ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0")
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise CommandError(
                f"{self._path}: {getattr(error, 'strerror', None) or error}",
                hint="analyzer.data must be a folder this user can write to, on a disk with room; was the file damaged?",
                code=BAD_USAGE,
            ) from None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            db, self._db = self._db, None
            if db is not None:
                db.close()

    # ---- writing
    def put(self, items: Sequence[Item], now_ns: int) -> int:
        """Write entries, all or none; returns how many are new. What was written before is left as it is."""
        with self.transaction() as db:
            return self.write(db, items, now_ns)

    def write(self, db: sqlite3.Connection, items: Sequence[Item], now_ns: int) -> int:
        """As `put`, within a transaction of the caller's."""
        written = 0
        for item in items:
            key = (item.incident, item.revision)
            cursor = db.execute(
                "INSERT INTO entries (sequence, incident, revision, written_ns, body)"
                " SELECT 1 + MAX((SELECT IFNULL(MAX(sequence), 0) FROM entries),"
                " (SELECT IFNULL(MAX(sequence), 0) FROM cursors)), ?, ?, ?, ?"
                " WHERE NOT EXISTS (SELECT 1 FROM entries WHERE incident = ? AND revision = ?)",
                (*key, now_ns, json.dumps(item.body, ensure_ascii=False), *key),
            )
            written += cursor.rowcount
        return written

    # ---- a target's pace
    def join(self, target: str) -> None:
        """Make a new target start after what is already there: yesterday's alarms are not news to it."""
        with self.transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO cursors (target, sequence) SELECT ?, IFNULL((SELECT MAX(sequence) FROM entries), 0)",
                (target,),
            )

    def begin(self, target: str, limit: int = BATCH) -> list[Entry]:
        """The oldest entries the target has not been told, noted as tried: durable before the first octet of them leaves."""
        with self.transaction() as db:
            cursor = db.execute("SELECT sequence, tried, turn FROM cursors WHERE target = ?", (target,)).fetchone()
            if cursor is None:
                return []
            sequence, tried, turn = cursor
            rows = db.execute(
                "SELECT sequence, written_ns, body FROM entries WHERE sequence > ? ORDER BY sequence LIMIT ?", (sequence, limit)
            ).fetchall()
            if rows and rows[-1][0] > tried:
                db.execute("UPDATE cursors SET tried = ? WHERE target = ?", (rows[-1][0], target))
        return [
            Entry(sequence=row[0], written_ns=row[1], body=json.loads(row[2]), repeated=row[0] <= tried, turn=turn)
            for row in rows
        ]

    def withdraw(self, target: str, entries: Sequence[Entry]) -> None:
        """These certainly did not leave: they are not noted as tried any more, unless they were before."""
        first = next((entry for entry in entries if not entry.repeated), None)
        if first is not None:
            with self.transaction() as db:
                db.execute("UPDATE cursors SET tried = ? WHERE target = ? AND turn = ?", (first.sequence - 1, target, first.turn))

    def told(self, target: str, entry: Entry) -> bool:
        """Move the target's cursor past an entry; False when somebody asked for a replay meanwhile."""
        with self.transaction(synced=False) as db:
            return _move(db, target, entry)

    def give_up(self, target: str, entry: Entry, reason: str) -> bool:
        """Put an entry aside for a target, and go on; False as for `told`."""
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO dead VALUES (?, ?, ?)", (target, entry.sequence, reason))
            return _move(db, target, entry)

    def replay(self, target: str, sequence: int) -> int:
        """Tell a target again from a sequence on; returns how many entries wait for it now.

        Raises:
            LookupError: nobody has joined under that name.
        """
        with self.transaction() as db:
            moved = db.execute(
                "UPDATE cursors SET tried = MAX(tried, sequence), sequence = ?, turn = turn + 1 WHERE target = ?",
                (max(sequence - 1, 0), target),
            ).rowcount
            if not moved:
                raise LookupError(target)
            db.execute("DELETE FROM dead WHERE target = ? AND sequence >= ?", (target, sequence))
        return self.waiting(target)

    # ---- looking
    def waiting(self, target: str) -> int:
        """How many entries the target has not been told."""
        with self._lock:
            query = "SELECT COUNT(*) FROM entries WHERE sequence > (SELECT sequence FROM cursors WHERE target = ?)"
            return int(self._open_db.execute(query, (target,)).fetchone()[0])

    def standings(self) -> list[Standing]:
        """How far each target that ever joined has been told."""
        with self._lock:
            rows = self._open_db.execute(
                "SELECT target, sequence, (SELECT COUNT(*) FROM entries WHERE entries.sequence > cursors.sequence),"
                " (SELECT COUNT(*) FROM dead WHERE dead.target = cursors.target) FROM cursors ORDER BY target"
            ).fetchall()
        return [Standing(target=row[0], sequence=row[1], waiting=row[2], dead=row[3]) for row in rows]

    def dead_letters(self) -> list[tuple[str, int, str]]:
        """(target, sequence, reason) of entries put aside."""
        with self._lock:
            return list(self._open_db.execute("SELECT target, sequence, reason FROM dead ORDER BY sequence, target"))

    # ---- keeping
    def prune(self, targets: Sequence[str], now_ns: int) -> int:
        """Forget what every configured target has and what is older than a week; returns how many entries went."""
        with self.transaction() as db:
            marks = ",".join("?" * len(targets))
            least = f"SELECT MIN(sequence) FROM cursors WHERE target IN ({marks})"  # noqa: S608 - only question marks are put in
            query = f"DELETE FROM entries WHERE written_ns < ? AND sequence <= IFNULL(({least}), sequence)"  # noqa: S608
            return db.execute(query, (now_ns - KEEP_NS, *targets)).rowcount

    def fact(self, name: str) -> str | None:
        """A small thing that a kind of target must remember over starts."""
        with self._lock:
            row = self._open_db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def put_fact(self, name: str, value: str) -> None:
        """Remember it."""
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    @contextmanager
    def transaction(self, *, synced: bool = True) -> Iterator[sqlite3.Connection]:
        """All or nothing. What is not synced outlives the process, and may be lost with the machine's power.

        A cursor may: the mark was synced before, so that what comes again says so.
        """
        with self._lock:
            db = self._open_db
            db.execute(f"PRAGMA synchronous={'FULL' if synced else 'NORMAL'}")
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    @property
    def _open_db(self) -> sqlite3.Connection:
        if self._db is None:
            raise RuntimeError("the outbox is not open")
        return self._db


def _move(db: sqlite3.Connection, target: str, entry: Entry) -> bool:
    query = "UPDATE cursors SET sequence = MAX(sequence, ?) WHERE target = ? AND turn = ?"
    return db.execute(query, (entry.sequence, target, entry.turn)).rowcount > 0
