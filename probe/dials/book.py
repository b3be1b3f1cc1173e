"""Which dial tests to start now, and what became of them: times and outcomes go in, attempts and rows come out. Pure.

scheduled = done + refused + timed_out + unreachable + error_answers + skipped, in every row.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import attrs

from faultline.records.histogram import Histogram
from probe.dials.config import DialConfig
from probe.tasks.accounts import DONE, SKIPPED, Accounts, Ended, counted, task_row
from probe.tasks.timetable import Timetable

MOST_AT_ONCE = 64
"""Attempts under way at one time: sockets that are open."""
MOST_EACH = 4
"""Of one test: a service that hangs is asked no more often than that within its timeout."""


class Outcome(StrEnum):
    """What became of an attempt; also the field that counts it."""

    DONE = DONE
    REFUSED = "refused"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    ERROR_ANSWER = "error_answers"
    SKIPPED = SKIPPED


@attrs.frozen(slots=True, kw_only=True)
class Attempt:
    """One to start."""

    number: int
    dial: DialConfig
    due_ns: int
    """Wall clock."""
    request_id: str | None = None


@attrs.frozen(slots=True, kw_only=True)
class Turn:
    """What a moment asks for."""

    start: Sequence[Attempt]
    skipped: Mapping[str, int]
    """Attempts that were due and do not start, by reason; they are in the accounts."""


class DialBook:
    """Standing dial tests and requests."""

    def __init__(self, *, most_at_once: int = MOST_AT_ONCE, most_each: int = MOST_EACH) -> None:
        self._most_at_once = most_at_once
        self._most_each = most_each
        self._timetable = Timetable()
        self._dials: dict[str, DialConfig] = {}
        self._requests: deque[tuple[str, DialConfig, int]] = deque()
        self._under_way: dict[int, Attempt] = {}
        self._accounts = Accounts()
        self._next_number = 0

    def replace(self, dials: Iterable[DialConfig], *, now_ns: int, wall_ns: int) -> None:
        """Have these standing tests and no others; attempts under way go on."""
        self._dials = {dial.id: dial for dial in dials}
        intervals_ns = {dial.id: dial.interval_ns for dial in self._dials.values()}
        self._timetable.replace(intervals_ns, now_ns=now_ns, wall_ns=wall_ns)

    def request(self, request_id: str, dial: DialConfig, expires_ns: int) -> None:
        """Make one attempt as soon as there is room, before it expires (wall clock)."""
        self._requests.append((request_id, dial, expires_ns))

    @property
    def under_way(self) -> int:
        """Attempts that have not ended."""
        return len(self._under_way)

    def next_ns(self) -> int | None:
        """When the next attempt is due (monotonic); None without standing tests."""
        return self._timetable.next_ns()

    def turn(self, *, now_ns: int, wall_ns: int) -> Turn:
        """The attempts to start now."""
        start: list[Attempt] = []
        skipped: Counter[str] = Counter()
        while self._requests and len(self._under_way) < self._most_at_once:
            request_id, dial, expires_ns = self._requests.popleft()
            if wall_ns >= expires_ns:
                self._note(dial, wall_ns, Outcome.SKIPPED, request_id=request_id)
                skipped["expired"] += 1
            else:
                start.append(self._begin(dial, wall_ns, request_id))
        each = Counter(attempt.dial.id for attempt in self._under_way.values() if attempt.request_id is None)
        for due in self._timetable.due(now_ns):
            dial = self._dials[due.id]
            self._note(dial, wall_ns, Outcome.SKIPPED, times=due.missed)
            skipped["starved"] += due.missed
            if each[dial.id] >= self._most_each or len(self._under_way) >= self._most_at_once:
                self._note(dial, wall_ns, Outcome.SKIPPED)
                skipped["busy"] += 1
            else:
                start.append(self._begin(dial, wall_ns, None))
        return Turn(start=start, skipped=+skipped)

    def ended(self, attempt: Attempt, outcome: Outcome, response_ns: int | None = None) -> None:
        """An attempt's outcome; a time only when it was done."""
        if self._under_way.pop(attempt.number, None) is not None:
            self._note(attempt.dial, attempt.due_ns, outcome, request_id=attempt.request_id, response_ns=response_ns)

    def cut(self, start_ns: int, end_ns: int) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """The `dial` records of an interval, one a standing test and a request that ended; `task` records of requests, too."""
        dials, tasks = [], []
        for (dial, request_id), found in self._accounts.take(end_ns, self._dials).items():
            row = {"dial": dial, "interval_start_ns": start_ns, "interval_end_ns": end_ns, **_counts(found)}
            dials.append(row if request_id is None else {**row, "request_id": request_id})
            if request_id is not None:
                tasks.append(task_row((dial, request_id), found, start_ns=start_ns, end_ns=end_ns))
        return {"dial": dials, "task": tasks}

    def _begin(self, dial: DialConfig, wall_ns: int, request_id: str | None) -> Attempt:
        attempt = Attempt(number=self._next_number, dial=dial, due_ns=wall_ns, request_id=request_id)
        self._next_number += 1
        self._under_way[attempt.number] = attempt
        return attempt

    def _note(self, dial: DialConfig, due_ns: int, outcome: Outcome, **more: Any) -> None:
        self._accounts.note(Ended(task=dial.id, due_ns=due_ns, outcome=outcome, **more))


def _counts(found: Sequence[Ended]) -> dict[str, Any]:
    count = counted(found)
    response_time = Histogram()
    for ended in found:
        if ended.response_ns is not None:
            response_time.add(ended.response_ns)
    return {
        "scheduled": count.total(),
        **{str(outcome): count[outcome] for outcome in Outcome},
        "response_time": response_time.encode(),
    }
