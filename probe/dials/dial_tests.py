"""The dial tests as a component: attempts in a thread with an asyncio loop, records when the cutter asks. Edge around `book`.

Counter stage `dials`, in attempts: out are those that were done; dropped are `failed_` with what failed, and `skipped_` with why.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from faultline.records.terms import SECOND_NS
from faultline.runtime.counters import Counters
from faultline.runtime.log import logger
from probe.dials.book import Attempt, DialBook, Outcome
from probe.dials.config import DialConfig
from probe.dials.dialing import Result, attempt

_LONGEST_WAIT_S = 60.0
_JOIN_S = 5.0


class DialTests:
    """A component, and the cutter's source of `dial` records.

    Args:
        dials: of the probe's own configuration; they are always there.
        make: makes one attempt; for tests.
    """

    def __init__(
        self,
        dials: Sequence[DialConfig],
        *,
        counters: Counters,
        make: Callable[[DialConfig], Awaitable[Result]] = attempt,
    ) -> None:
        self._configured = list(dials)
        self._counters = counters
        self._stage = counters.stage("dials")
        self._make = make
        self._book = DialBook()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._failure: str | None = None
        self._log = logger("dials")
        self.order([])

    # ---- what others ask -----------------------------------------------------------------------------------------
    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="dials", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; attempts under way are given up, and are in no record."""
        self._stopping = True
        thread, self._thread = self._thread, None
        if thread is not None:
            self._rouse()
            thread.join(_JOIN_S)

    def problems(self) -> list[str]:
        """Why nothing is dialled; empty while it is."""
        return [f"dials: {self._failure}"] if self._failure else []

    def order(self, dials: Iterable[DialConfig]) -> None:
        """Have these standing tests beside the configured ones; those that stay keep their turns."""
        with self._lock:
            self._book.replace([*self._configured, *dials], now_ns=time.monotonic_ns(), wall_ns=time.time_ns())
        self._rouse()

    def request(self, request_id: str, dial: DialConfig, expires_ns: int) -> None:
        """Make one attempt now."""
        with self._lock:
            self._book.request(request_id, dial, expires_ns)
        self._rouse()

    def collect(self, start_ns: int, end_ns: int) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """The `dial` records of an interval, and the `task` records of requests that ended in it."""
        with self._lock:
            return self._book.cut(start_ns, end_ns)

    # ---- work ----------------------------------------------------------------------------------------------------
    def _rouse(self) -> None:
        loop, wake = self._loop, self._wake
        if loop is not None and wake is not None:
            with contextlib.suppress(RuntimeError):  # it has ended
                loop.call_soon_threadsafe(wake.set)

    def _run(self) -> None:
        try:
            asyncio.run(self._work())
        except Exception as error:  # noqa: BLE001 - tests that stop yielding must be seen, and the other parts go on
            self._failure = str(error) or type(error).__name__
            self._log.error("the dial tests ended", exc_info=True)

    async def _work(self) -> None:
        self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
        under_way: set[asyncio.Task[None]] = set()
        while not self._stopping:
            self._wake.clear()
            for due in self._due():
                task = asyncio.create_task(self._attempt(due))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            try:
                async with asyncio.timeout(self._wait_s()):
                    await self._wake.wait()
            except TimeoutError:
                continue
        for task in list(under_way):
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    def _due(self) -> Sequence[Attempt]:
        with self._lock:
            turn = self._book.turn(now_ns=time.monotonic_ns(), wall_ns=time.time_ns())
        for reason, count in turn.skipped.items():
            self._stage.take(count)
            self._stage.drop(f"skipped_{reason}", count)
        self._stage.take(len(turn.start))
        return turn.start

    def _wait_s(self) -> float:
        with self._lock:
            next_ns = self._book.next_ns()
        if next_ns is None:
            return _LONGEST_WAIT_S
        return min(_LONGEST_WAIT_S, max(0, next_ns - time.monotonic_ns()) / SECOND_NS)

    async def _attempt(self, due: Attempt) -> None:
        try:
            result = await self._make(due.dial)
        except asyncio.CancelledError:
            self._stage.drop("skipped_stopping")
            raise
        except Exception as error:  # noqa: BLE001 - the other tests go on, and this attempt says nothing of the service
            self._log.error("a dial test failed in itself", dial=due.dial.id, exc_info=True)
            result = Result(outcome=Outcome.SKIPPED, reason=type(error).__name__.lower())
        with self._lock:
            self._book.ended(due, result.outcome, result.response_ns)
        if result.outcome is Outcome.DONE:
            self._stage.done()
        else:
            kind = "skipped" if result.outcome is Outcome.SKIPPED else "failed"
            self._stage.drop(f"{kind}_{result.reason}")
        self._rouse()  # a request may have waited for room
