"""Whether anybody changed what probes are asked to do, asked several times a second.

Goes in: the file of the state store, opened a second time for reading only. Comes out: the version. Two processes write the file:
SQLite counts the commits of all others (`PRAGMA data_version`), so while nothing is written a look costs no more than a read of
the file's header, and it never waits for the worker's transactions.
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path


class VersionWatch:
    """Over the file of a state store that is open elsewhere; a component. Safe from several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._commits: int | None = None
        self._version = 0

    def start(self) -> None:
        """Open the file."""
        self._connection = sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)

    def stop(self) -> None:
        """Let go of the file."""
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def version(self) -> int:
        """Of the newest change of tasks or requests; after the stop the last one that was seen."""
        with self._lock:
            if self._connection is None:
                return self._version
            (commits,) = self._connection.execute("PRAGMA data_version").fetchone()
            if commits != self._commits:
                (self._version,) = self._connection.execute("SELECT version FROM task_version").fetchone()
                self._commits = commits
            return self._version
