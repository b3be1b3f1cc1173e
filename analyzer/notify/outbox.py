"""The durable outbox: what was to be told, in order, and how far each target has been told.

One SQLite file. An entry is written once (incident and revision are its identity), gets a gapless sequence, and stays until every
target has it and a week has passed. A target's cursor moves only after its delivery returned, so a restart repeats at most one
message and loses none.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from faultline.records.terms import SECOND_NS
from faultline.runtime.console import BAD_USAGE, CommandError

KEEP_NS = 7 * 86_400 * SECOND_NS
FIRST_WAIT_NS = SECOND_NS
LONGEST_WAIT_NS = 60 * SECOND_NS

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
"""


@attrs.frozen(slots=True, kw_only=True)
class Entry:
    """One thing to tell."""

    sequence: int
    written_ns: int
    body: Mapping[str, Any]


def wait_ns(attempts: int) -> int:
    """How long to wait before the next attempt: doubled each time up to a minute."""
    return min(LONGEST_WAIT_NS, FIRST_WAIT_NS << min(attempts, 6))


class Outbox:
    """Safe from several threads; each call is its own transaction."""

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
            db = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
            self._db = db
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            db.executescript(_SCHEMA)
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

    def put(self, incident: str, revision: int, body: Mapping[str, Any], now_ns: int) -> bool:
        """Write an entry; False when it was written before."""
        with self._lock:
            cursor = self._open_db.execute(
                "INSERT INTO entries (sequence, incident, revision, written_ns, body)"
                " SELECT 1 + MAX((SELECT IFNULL(MAX(sequence), 0) FROM entries), (SELECT IFNULL(MAX(sequence), 0) FROM cursors)),"
                " ?, ?, ?, ?"
                " WHERE NOT EXISTS (SELECT 1 FROM entries WHERE incident = ? AND revision = ?)",
                (incident, revision, now_ns, json.dumps(body, ensure_ascii=False), incident, revision),
            )
            return cursor.rowcount > 0

    def join(self, target: str) -> None:
        """Make a new target start after what is already there: yesterday's alarms are not news to it."""
        with self._lock:
            self._open_db.execute(
                "INSERT OR IGNORE INTO cursors SELECT ?, IFNULL((SELECT MAX(sequence) FROM entries), 0)",
                (target,),
            )

    def next_for(self, target: str) -> Entry | None:
        """The oldest entry the target has not been told."""
        with self._lock:
            row = self._open_db.execute(
                "SELECT sequence, written_ns, body FROM entries WHERE sequence > (SELECT sequence FROM cursors WHERE target = ?)"
                " ORDER BY sequence LIMIT 1",
                (target,),
            ).fetchone()
        return None if row is None else Entry(sequence=row[0], written_ns=row[1], body=json.loads(row[2]))

    def waiting(self, target: str) -> int:
        """How many entries the target has not been told."""
        with self._lock:
            query = "SELECT COUNT(*) FROM entries WHERE sequence > (SELECT sequence FROM cursors WHERE target = ?)"
            return int(self._open_db.execute(query, (target,)).fetchone()[0])

    def told(self, target: str, sequence: int) -> None:
        """Move the target's cursor past an entry."""
        with self._lock:
            self._open_db.execute(
                "UPDATE cursors SET sequence = ? WHERE target = ? AND sequence < ?", (sequence, target, sequence)
            )

    def give_up(self, target: str, sequence: int, reason: str) -> None:
        """Put an entry aside for a target, and go on."""
        with self._lock:
            db = self._open_db
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT OR IGNORE INTO dead VALUES (?, ?, ?)", (target, sequence, reason))
            db.execute("UPDATE cursors SET sequence = ? WHERE target = ? AND sequence < ?", (sequence, target, sequence))
            db.execute("COMMIT")

    def dead_letters(self) -> list[tuple[str, int, str]]:
        """(target, sequence, reason) of entries put aside."""
        with self._lock:
            return list(self._open_db.execute("SELECT target, sequence, reason FROM dead ORDER BY sequence, target"))

    def prune(self, targets: Sequence[str], now_ns: int) -> int:
        """Forget what every configured target has and what is older than a week; returns how many entries went."""
        with self._lock:
            marks = ",".join("?" * len(targets))
            least = f"SELECT MIN(sequence) FROM cursors WHERE target IN ({marks})"  # noqa: S608 - only question marks are put in
            query = f"DELETE FROM entries WHERE written_ns < ? AND sequence <= IFNULL(({least}), sequence)"  # noqa: S608
            return self._open_db.execute(query, (now_ns - KEEP_NS, *targets)).rowcount

    @property
    def _open_db(self) -> sqlite3.Connection:
        if self._db is None:
            raise RuntimeError("the outbox is not open")
        return self._db
