"""What became of a task's runs, interval by interval: runs that ended go in, groups and `task` records come out. Pure.

A run counts in the interval in which it was due, or, when it is still under way as that is cut, in the next one: no row changes
afterwards, and none is lost. scheduled = done + failed + skipped, always.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

DONE, SKIPPED = "done", "skipped"
"""Outcomes that every kind of task has; any other word is a way to fail."""

Owner = tuple[str, str | None]
"""Whose runs they are: the standing task's id, and the request's when it was one."""


@attrs.frozen(slots=True, kw_only=True)
class Ended:
    """A run that ended, or never began."""

    task: str
    request_id: str | None = None
    due_ns: int
    """Wall clock."""
    outcome: str
    times: int = 1
    """More than one only of turns that were missed."""
    response_ns: int | None = None


class Accounts:
    """Runs whose interval has not been cut."""

    def __init__(self) -> None:
        self._ended: list[Ended] = []

    def note(self, ended: Ended) -> None:
        """Keep one; of no runs at all there is nothing to keep."""
        if ended.times:
            self._ended.append(ended)

    def take(self, end_ns: int, standing: Iterable[str]) -> Mapping[Owner, Sequence[Ended]]:
        """The runs that were due before `end_ns`, by owner; a standing task is there also when it had none."""
        groups: dict[Owner, list[Ended]] = {(task, None): [] for task in standing}
        kept = []
        for ended in self._ended:
            if ended.due_ns >= end_ns:
                kept.append(ended)
            else:
                groups.setdefault((ended.task, ended.request_id), []).append(ended)
        self._ended = kept
        return groups


def counted(found: Iterable[Ended]) -> Counter[str]:
    """How many had which outcome."""
    count: Counter[str] = Counter()
    for ended in found:
        count[ended.outcome] += ended.times
    return count


def task_row(owner: Owner, found: Sequence[Ended], *, start_ns: int, end_ns: int) -> dict[str, Any]:
    """The `task` record of an interval."""
    task, request_id = owner
    count = counted(found)
    row: dict[str, Any] = {
        "task": task if request_id is None else request_id,
        "interval_start_ns": start_ns,
        "interval_end_ns": end_ns,
        "scheduled": count.total(),
        "done": count[DONE],
        "failed": count.total() - count[DONE] - count[SKIPPED],
        "skipped": count[SKIPPED],
    }
    return row if request_id is None else {**row, "request_id": request_id}
