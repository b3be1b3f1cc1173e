"""One loop for all test traffic: sockets, timers, and questions from other threads. Edge; it knows nothing of STAMP.

It sleeps until the next timer. Poll counts in milliseconds: a timer that is far may be one late, which costs nothing, as the
next one keeps to the plan; a near one is slept for exactly, and what arrives meanwhile has its kernel timestamp.
"""

from __future__ import annotations

import heapq
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

from faultline.records.terms import SECOND_NS

_MILLISECOND_NS = 1_000_000
_EARLY_NS = 100_000
"""Timers so near are run in the same turn: going to sleep and waking costs as much."""
_FAR_NS = 4_000_000
_LONGEST_NS = SECOND_NS // 2
_TIMERS_A_TURN = 64
"""Then sockets get their turn, however many sessions are due. Fewer than the datagrams that are read in a turn: a host that is
too busy sends less, which is accounted for, and does not let replies lie until they look lost."""
_JOB_NS = 10_000_000
"""What a job may take of each turn; a step that takes longer is the last of its turn."""
_ANSWER_S = 8.0
"""Less than the longest interval, so that a question that is not answered does not delay the next one."""

Timer = Callable[[int, int], int | None]
"""Called with (due, now), monotonic; returns when it is due next, None for never."""


class Pollable(Protocol):
    """Something with a file descriptor."""

    def fileno(self) -> int:
        """For polling."""


class Loop:
    """Runs in the thread that calls `run`; `ask` and `stop` are for others."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll.register(self._wake, select.EPOLLIN)
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._timers: list[tuple[int, int, Timer]] = []
        self._numbered = 0
        self._jobs: deque[Iterator[None]] = deque()
        self._stopping = False
        self._ended = False

    def watch(self, channel: Pollable, handler: Callable[[int], None]) -> None:
        """Call the handler with the poll's events whenever there are any."""
        self._handlers[channel.fileno()] = handler
        self._poll.register(channel.fileno(), select.EPOLLIN)

    def at(self, due_ns: int, timer: Timer) -> None:
        """Set a timer; from the loop's thread, or before it runs."""
        self._numbered += 1
        heapq.heappush(self._timers, (due_ns, self._numbered, timer))

    def ask(self, job: Callable[[], Iterator[None]]) -> None:
        """Run a job in the loop, a few steps a turn, and wait for its end; from another thread.

        Raises:
            TimeoutError: the loop did not get to its end, or has ended.
        """
        if self._ended:
            raise TimeoutError("the loop of the test sessions has ended")
        done = threading.Event()
        failures: list[Exception] = []

        def steps() -> Iterator[None]:
            try:
                yield from job()
            except Exception as error:  # noqa: BLE001 - it belongs to the thread that asked
                failures.append(error)
            finally:
                done.set()

        self.post(steps())
        if not done.wait(_ANSWER_S):
            raise TimeoutError("the loop of the test sessions does not answer")
        if failures:
            raise failures[0]

    def post(self, job: Iterator[None]) -> None:
        """Run a job in the loop, a few steps a turn, without waiting; from any thread."""
        self._jobs.append(job)
        self._rouse()

    def stop(self) -> None:
        """Make `run` return; from any thread."""
        self._stopping = True
        self._rouse()

    def close(self) -> None:
        """Give the descriptors back; after `run`."""
        self._poll.close()
        os.close(self._wake)

    def run(self) -> None:
        """Turn until stopped."""
        try:
            while not self._stopping:
                self._run_timers()
                self._step_jobs()
                for descriptor, events in self._wait():
                    if descriptor == self._wake:
                        os.eventfd_read(self._wake)
                    else:
                        self._handlers[descriptor](events)
        finally:
            self._ended = True

    def _rouse(self) -> None:
        os.eventfd_write(self._wake, 1)

    def _run_timers(self) -> None:
        now_ns = time.monotonic_ns()
        for _ in range(_TIMERS_A_TURN):
            if not self._timers or self._timers[0][0] > now_ns + _EARLY_NS:
                return
            due_ns, number, timer = heapq.heappop(self._timers)
            again_ns = timer(due_ns, now_ns)
            if again_ns is not None:
                heapq.heappush(self._timers, (again_ns, number, timer))
            now_ns = time.monotonic_ns()

    def _step_jobs(self) -> None:
        until_ns = time.monotonic_ns() + _JOB_NS
        while self._jobs and time.monotonic_ns() < until_ns:
            if next(self._jobs[0], self) is self:
                self._jobs.popleft()

    def _wait(self) -> list[tuple[int, int]]:
        wait_ns = self._timers[0][0] - time.monotonic_ns() if self._timers else _LONGEST_NS
        if self._jobs or wait_ns <= 0:
            return self._poll.poll(0)
        if wait_ns >= _FAR_NS:
            return self._poll.poll(min(wait_ns, _LONGEST_NS) / SECOND_NS)
        if wait_ns >= _MILLISECOND_NS:
            # poll() rounds up to whole milliseconds: half of one less makes it the whole ones below the wait.
            return self._poll.poll((wait_ns // _MILLISECOND_NS - 0.5) / 1000)
        ready = self._poll.poll(0)
        if not ready:
            time.sleep(wait_ns / SECOND_NS)
        return ready
