"""When standing tasks are due: intervals and times go in, the tasks that are due come out. Pure; it knows not what they do.

Each task has a phase made from its id, counted from the Unix epoch: tasks of one interval do not all start in one moment, and
the phase is the same after a reload and after a restart. Between two runs only the monotonic clock counts.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import attrs


def phase_of(name: str, interval_ns: int) -> int:
    """Where in its interval a task has its turn."""
    return zlib.crc32(name.encode()) * interval_ns >> 32


@attrs.frozen(slots=True, kw_only=True)
class Due:
    """A task whose turn has come."""

    id: str
    missed: int
    """Earlier turns that passed before we were let run."""


@attrs.define(slots=True, kw_only=True)
class _Entry:
    interval_ns: int
    due_ns: int


class Timetable:
    """The standing tasks' turns, on the monotonic clock."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    def replace(self, intervals_ns: Mapping[str, int], *, now_ns: int, wall_ns: int) -> set[str]:
        """Have these tasks and no others; one that stays with its interval keeps its turn. Returns those that are new."""
        before, self._entries = self._entries, {}
        new = set()
        for name, interval_ns in intervals_ns.items():
            entry = before.get(name)
            if entry is None or entry.interval_ns != interval_ns:
                wait_ns = (phase_of(name, interval_ns) - wall_ns) % interval_ns
                entry = _Entry(interval_ns=interval_ns, due_ns=now_ns + wait_ns)
            if name not in before:
                new.add(name)
            self._entries[name] = entry
        return new

    def due(self, now_ns: int) -> list[Due]:
        """The tasks whose turn has come; each is given once, whatever number of turns was missed."""
        found = []
        for name, entry in self._entries.items():
            if entry.due_ns <= now_ns:
                missed = (now_ns - entry.due_ns) // entry.interval_ns
                entry.due_ns += (missed + 1) * entry.interval_ns
                found.append(Due(id=name, missed=missed))
        return found

    def next_ns(self) -> int | None:
        """When the next turn is; None without tasks."""
        return min((entry.due_ns for entry in self._entries.values()), default=None)
