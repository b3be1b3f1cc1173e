"""The state store: one SQLite file that collector and analyzer open at the same time.

This page: connections, transactions, documents and facts. The ledger, windows and the outbox have pages of their own and share
its transactions.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from faultline.runtime.console import CommandError
from faultline.store.migrations import NewerStoreError, migrate
from faultline.store.sqlite import open_shared


@attrs.frozen(slots=True, kw_only=True)
class Document:
    """What the analyzer keeps under (kind, id)."""

    kind: str
    id: str
    revision: int
    text: str
    """JSON."""


class StateStore:
    """The file, opened. Safe from several threads: they take turns.

    Args:
        path: the file; made with its folder when missing.
        durable: False gives up the promise that a commit survives a power cut.

    Raises:
        CommandError: it cannot be opened, is no database, or was written by a newer program.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._open = False
        self._writing = False
        try:
            self._connection = open_shared(path, durable=durable)
            self._connection.execute("PRAGMA foreign_keys = ON")
            migrate(self._connection)
            path.chmod(0o600)
        except (OSError, sqlite3.Error) as error:
            raise CommandError(
                f"{path}: {getattr(error, 'strerror', None) or error}",
                hint="store.data must be a folder this user can write to, on a disk with room; was the file damaged?",
            ) from None
        except NewerStoreError as error:
            raise CommandError(f"{path}: {error}", hint="run the newer version, or point store.data elsewhere") from None

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, durable on return; calls inside one join it. Others wait."""
        with self._lock:
            if self._open:
                if not self._writing:
                    raise RuntimeError("a transaction inside a reading would be lost with it")
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            self._open, self._writing = True, True
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # an error may have ended it already
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                self._open, self._writing = False, False

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Several reads of one moment; nobody waits but threads of this process."""
        with self._lock:
            if self._open:
                yield self._connection
                return
            self._connection.execute("BEGIN")
            self._open = True
            try:
                yield self._connection
            finally:
                self._open = False
                self._connection.execute("ROLLBACK")

    def put_document(self, kind: str, id: str, revision: int, document_json: str) -> bool:  # noqa: A002 - what it is
        """Keep a document; an older revision than the kept one is ignored (a restart may write again). True when kept."""
        with self.transaction() as db:
            done = db.execute(
                "INSERT INTO documents VALUES (?, ?, ?, ?) ON CONFLICT (kind, id) DO UPDATE"
                " SET revision = excluded.revision, document = excluded.document WHERE excluded.revision >= documents.revision",
                (kind, id, revision, document_json),
            )
            return done.rowcount > 0

    def document(self, kind: str, id: str) -> Document | None:  # noqa: A002 - what it is
        """One document, or None."""
        with self.reading() as db:
            row = db.execute(
                "SELECT kind, id, revision, document FROM documents WHERE kind = ? AND id = ?", (kind, id)
            ).fetchone()
        return _document(row) if row else None

    def documents(self, kind: str) -> list[Document]:
        """All documents of a kind, by id."""
        with self.reading() as db:
            rows = db.execute("SELECT kind, id, revision, document FROM documents WHERE kind = ? ORDER BY id", (kind,)).fetchall()
        return [_document(row) for row in rows]

    def remove_document(self, kind: str, id: str) -> None:  # noqa: A002 - what it is
        """Forget a document; one that is not there is fine."""
        with self.transaction() as db:
            db.execute("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, id))

    def put_fact(self, name: str, value: str) -> None:
        """Keep a small text under a name."""
        with self.transaction() as db:
            db.execute("INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value))

    def fact(self, name: str) -> str | None:
        """The text under a name, or None."""
        with self.reading() as db:
            row = db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else None


def _document(row: tuple[str, str, int, str]) -> Document:
    return Document(kind=row[0], id=row[1], revision=row[2], text=row[3])
