"""Opens a SQLite file that several processes write: write-ahead log, and patience for each other.

Switching a new file to the log takes a lock for which SQLite does not wait, whatever timeout is set: when collector and analyzer
start at once on an empty folder, the second one tries again here.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

BUSY_S = 30.0
"""The other process's longest transaction is far below; beyond it something is wrong, and an error is better than silence."""
_AGAIN_S = 0.02


def open_shared(path: Path, *, durable: bool) -> sqlite3.Connection:
    """The file, made with its folder when missing; `durable` False gives up the promise that a commit survives a power cut.

    Raises:
        OSError, sqlite3.Error: it cannot be made or is no database.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        _switch_to_log(connection)
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
    except BaseException:
        connection.close()
        raise
    return connection


def _switch_to_log(connection: sqlite3.Connection) -> None:
    deadline_s = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline_s:
                raise
            time.sleep(_AGAIN_S)
        else:
            return
