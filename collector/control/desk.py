"""Answers probes that ask for their orders: at once when there is something new, else when there is, or when their wait is over.

Goes in: the probe, the version it knows, how long it would wait. Comes out: an answer. All questions that are held look at one
watch, four times a second; each then reads its own orders only when something changed. It knows nothing of HTTP and of what
orders mean.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from starlette.concurrency import run_in_threadpool

from collector.intake.answers import Answer, refused
from faultline.runtime.clock import Clock
from faultline.runtime.counters import Counters
from faultline.store.control import ControlBook, Orders

MOST_WAIT_S = 30.0
"""A question is held this long at most: proxies and firewalls forget a connection that is silent for a minute."""
MOST_HELD = 200
"""Questions held at a time: each keeps a connection that an upload may need."""
_LOOK_S = 0.25
_BUSY_S = 10


class OrderDesk:
    """A component: its stop answers every question that is held.

    Args:
        control: tasks and requests.
        version: of the newest change of anything; asked often.
        clock: for what has expired.
        counters: questions and what was served.
    """

    def __init__(self, *, control: ControlBook, version: Callable[[], int], clock: Clock, counters: Counters) -> None:
        self._control = control
        self._newest = version
        self._clock = clock
        self._counters = counters
        self._held = 0
        self._seen = 0
        self._moved = asyncio.Event()
        """Of the present version; set, and replaced, when it moves."""
        self._looking: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        """Ready from the beginning."""

    def stop(self) -> None:
        """Answer what is held, and hold nothing any more."""
        self._stopping = True

    async def ask(self, probe: str, *, after: int, wait_s: float) -> Answer:
        """What is new for a probe since a version; called in one event loop."""
        self._counters.count("orders_asked")
        if self._held >= MOST_HELD:
            self._counters.count("orders_not_held")
            document = {"error": f"{self._held} probes wait already", "hint": "ask again later"}
            return Answer(status=HTTPStatus.TOO_MANY_REQUESTS, document=document, retry_after_s=_BUSY_S)
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + min(wait_s, MOST_WAIT_S)
        self._held += 1
        self._counters.gauge("orders_held", self._held)
        try:
            while True:
                moved = self._moved  # before the reading: what changes in between wakes us
                found = await run_in_threadpool(self._control.orders, probe, after=after, now_ns=self._clock.wall_ns())
                left_s = deadline_s - loop.time()
                # A probe that has just started, or knew another store, shall know what is so, even when it is nothing.
                if not found.is_empty or found.whole or left_s <= 0 or self._stopping:
                    return self._answer(found)
                await self._wait(moved, left_s)
        finally:
            self._held -= 1
            self._counters.gauge("orders_held", self._held)

    def _answer(self, found: Orders) -> Answer:
        self._counters.count("orders_served", len(found.tasks) + len(found.removed), kind="task")
        self._counters.count("orders_served", len(found.requests), kind="request")
        document: dict[str, Any] = {
            "version": found.version,
            "whole": found.whole,
            "tasks": [json.loads(text) for text in found.tasks],
            "removed": list(found.removed),
            "requests": [json.loads(text) for text in found.requests],
        }
        return Answer(status=HTTPStatus.OK, document=document)

    async def _wait(self, moved: asyncio.Event, left_s: float) -> None:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look())
        with contextlib.suppress(TimeoutError):  # the caller looks once more, and answers
            await asyncio.wait_for(moved.wait(), left_s)

    async def _look(self) -> None:
        """While questions are held."""
        while self._held:
            try:
                version = await run_in_threadpool(self._newest)
            except sqlite3.Error:  # a question that is not woken is answered when its wait is over
                self._counters.count("orders_look_failed")
                version = self._seen
            if version != self._seen or self._stopping:
                self._seen = version
                moved, self._moved = self._moved, asyncio.Event()
                moved.set()
            await asyncio.sleep(_LOOK_S)


def parsed(after: str | None, wait: str | None) -> tuple[int, float] | Answer:
    """The two parameters of a question, or why they are none; left out they are 0."""
    try:
        version, wait_s = int(after or 0), float(wait or 0)
    except ValueError:
        version, wait_s = -1, -1.0
    if not 0 <= version < 1 << 63 or not 0 <= wait_s < float("inf"):
        return refused(
            HTTPStatus.BAD_REQUEST,
            f"after={after}, wait={wait}",
            "after is the version of the last answer, 0 at first; wait is in seconds",
        )
    return version, wait_s
