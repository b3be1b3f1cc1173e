"""Named points at which a process dies: before, in the middle of and after each write, sync, rename, removal, commit and answer.

Nothing of this is in the product: `arm` puts itself around the operating system's calls, SQLite's commits and the two ends of the
upload, in the process that is to die. A point is `thing.step.moment`, e.g. `payload.rename.before`; `once` is what is armed.
"""

from __future__ import annotations

import functools
import os
import re
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

FILE_POINTS = ("write.before", "write.torn", "write.after", "sync.before", "sync.after", "rename.before", "rename.after")
COMMITS = ("batches", "windows", "outbox", "archive_files")
"""Transactions by what they change: a batch's entry, a window made final, points delivered, files of the archive."""
COLLECTOR_POINTS = (
    *(f"payload.{step}" for step in FILE_POINTS),
    *(f"archive.{step}" for step in FILE_POINTS),
    "payload.remove.before",
    "payload.remove.after",
    *(f"commit-{table}.{moment}" for table in COMMITS for moment in ("before", "after")),
    "metrics-commit.before",
    "metrics-commit.after",
    "answer.before",
    "answer.after",
)
PROBE_POINTS = (
    *(f"batch.{step}" for step in FILE_POINTS),
    *(f"position.{step}" for step in FILE_POINTS),
    "batch.remove.before",
    "batch.remove.after",
    "send.before",
    "send.after",
    "release.before",
    "release.after",
)

_CHANGES = re.compile(r"\s*(?:INSERT(?: OR \w+)? INTO|UPDATE|DELETE FROM) (\w+)")


@attrs.define
class Points:
    """Dies at the nth time a point is passed."""

    armed: str
    left: int

    def passed(self, name: str) -> None:
        """Die here, when it is time: as power goes, without any handler."""
        if self.due(name):
            os.kill(os.getpid(), signal.SIGKILL)

    def due(self, name: str) -> bool:
        """Whether this is the time."""
        if name != self.armed:
            return False
        self.left -= 1
        return self.left == 0


def arm(points: Points) -> None:
    """From now on this process passes points."""
    _arm_files(points)
    _arm_commits(points)


def around(points: Points, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """A call with a point on either side."""

    @functools.wraps(call)
    def guarded(*args: Any, **options: Any) -> Any:
        points.passed(f"{name}.before")
        found = call(*args, **options)
        points.passed(f"{name}.after")
        return found

    return guarded


def thing(path: str) -> str:
    """What a file is to the product; `other` for what no promise is about."""
    name = Path(path).name
    if "/spool" in path and "/quarantine" not in path:
        return "position" if name.startswith("position") else "batch" if name[:1].isdigit() else "other"
    if "/collector/payloads/" in path:
        return "payload"
    return "archive" if "/store/flows/" in path else "other"


def _arm_files(points: Points) -> None:
    write, replace, rename, unlink = os.write, os.replace, os.rename, os.unlink

    def of_number(number: int) -> str:
        return thing(str(Path(f"/proc/self/fd/{number}").readlink()))

    def write_some(number: int, octets: Any) -> int:
        name = of_number(number)
        points.passed(f"{name}.write.before")
        if points.due(f"{name}.write.torn"):
            write(number, bytes(octets)[: len(octets) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        done = write(number, octets)
        points.passed(f"{name}.write.after")
        return done

    def synced(call: Callable[[int], None]) -> Callable[[int], None]:
        return lambda number: around(points, f"{of_number(number)}.sync", call)(number)

    def renamed(call: Callable[..., None]) -> Callable[..., None]:
        return lambda source, target: around(points, f"{thing(str(target))}.rename", call)(source, target)

    def removed(path: Any, **options: Any) -> None:
        around(points, f"{thing(str(path))}.remove", unlink)(path, **options)

    changed: dict[str, Any] = {
        "write": write_some,
        "fdatasync": synced(os.fdatasync),
        "fsync": synced(os.fsync),
        "replace": renamed(replace),
        "rename": renamed(rename),
        "unlink": removed,
    }
    for name, call in changed.items():
        setattr(os, name, call)


def _arm_commits(points: Points) -> None:
    class Connection(sqlite3.Connection):
        """Knows what its transaction is about: the first of `COMMITS` it changes."""

        about = "other"

        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            self._note(sql)
            if sql != "COMMIT":
                return super().execute(sql, *args)
            name, self.about = self.about, "other"
            done: sqlite3.Cursor = around(points, name, super().execute)(sql)
            return done

        def executemany(self, sql: str, *args: Any) -> sqlite3.Cursor:
            self._note(sql)
            return super().executemany(sql, *args)

        def _note(self, sql: str) -> None:
            found = _CHANGES.match(sql)
            if found and self.about == "other" and found[1] in COMMITS:
                self.about = f"commit-{found[1]}"
            elif sql.startswith('INSERT OR REPLACE INTO "'):
                self.about = "metrics-commit"

    sqlite3.connect = functools.partial(sqlite3.connect, factory=Connection)  # type: ignore[assignment]
