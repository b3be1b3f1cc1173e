"""Services as children: started in order, asked how they are, restarted with back-off when they die, stopped in reverse.

Goes in: commands and questions. Comes out: states and events. When to start again is pure (`Backoff`); what a service does is its
own business.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from enum import StrEnum

import attrs

from faultline.runtime.console import BAD_USAGE, CommandError
from faultline.runtime.counters import Counters
from faultline.runtime.log import logger

_MANAGERS = frozenset({"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
FIRST_S, LONGEST_S = 1.0, 30.0
STABLE_S = 60.0
"""A child that ran so long is forgiven its earlier deaths."""


class State(StrEnum):
    """Where a child is in its life."""

    STARTING = "starting"
    READY = "ready"
    WAITING = "waiting"
    """Dead; it is started again when its back-off is over."""
    STOPPED = "stopped"


@attrs.define(slots=True)
class Backoff:
    """How long to wait before the next start: 1, 2, 4, ... 30 s, forgotten after a stable minute."""

    deaths: int = 0

    def after_death(self, lived_s: float) -> float:
        """Seconds to wait after a life of this length."""
        self.deaths = 1 if lived_s >= STABLE_S else self.deaths + 1
        return float(min(LONGEST_S, FIRST_S * 2 ** (self.deaths - 1)))


@attrs.define(slots=True, kw_only=True)
class Child:
    """One service."""

    name: str
    arguments: Sequence[str]
    """Of the `faultline` command."""
    problems: Callable[[], Sequence[str] | None]
    """Asks the service why it cannot work: none when it can; None: it does not answer."""
    start_s: float = 30.0
    """It must answer so soon after its start."""
    stop_s: float = 20.0
    """It is killed when it has not stopped by then."""
    state: State = State.STOPPED
    backoff: Backoff = attrs.field(factory=Backoff)
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    again_s: float = 0.0
    died: str = ""

    @property
    def pid(self) -> int | None:
        """Of its process, while there is one."""
        return self.process.pid if self.process else None

    def trouble(self) -> list[str]:
        """Why it does not do its work; empty when it does."""
        if self.state is State.WAITING:
            return [f"{self.name}: {self.died}; it is started again"]
        found = self.problems() if self.state is State.READY else None
        if found is None:
            return [f"{self.name}: {'does not answer' if self.state is State.READY else self.state.value}"]
        return [f"{self.name}: {problem}" for problem in found]


class Supervisor:
    """All children of one installation.

    Args:
        children: in the order they start; each starts once the one before is ready.
        counters: of the installation.
        sleep: waits; returns True when a stop was asked for meanwhile.
    """

    def __init__(self, children: Sequence[Child], *, counters: Counters, sleep: Callable[[float], bool]) -> None:
        self.children = tuple(children)
        self._counters = counters
        self._sleep = sleep
        self._log = logger("up")

    def start(self) -> bool:
        """Start every child and wait until each is ready; False when a stop was asked for meanwhile.

        Raises:
            CommandError: a child ended at its start, with its exit code; it has said why.
        """
        for child in self.children:
            self._launch(child)
            deadline_s = time.monotonic() + child.start_s
            while not self._becomes_ready(child):
                code = child.process.poll() if child.process else None
                if code is not None:
                    raise CommandError(
                        f"{child.name}: ended at its start ({_ending(code)})",
                        hint="the lines above say why",
                        code=code if code == BAD_USAGE else 1,
                    )
                if time.monotonic() > deadline_s:
                    raise CommandError(
                        f"{child.name}: does not answer {child.start_s:g} s after its start", hint="the log above may say why"
                    )
                if self._sleep(0.1):
                    return False
        return True

    def watch(self) -> None:
        """Look after every child once: notice deaths, start again what is due."""
        now_s = time.monotonic()
        for child in self.children:
            process = child.process
            code = process.poll() if process else None
            if code is not None:
                self._bury(child, code, now_s)
            elif child.state is State.WAITING and now_s >= child.again_s:
                self._launch(child)
            elif child.state is State.STARTING and not self._becomes_ready(child):
                self._end_if_stuck(child, now_s)

    def stop(self) -> None:
        """Stop every child, the last started first; what does not stop is killed."""
        for child in reversed(self.children):
            process, child.process = child.process, None
            child.state = State.STOPPED
            if process is None:
                continue
            process.terminate()
            try:
                process.wait(child.stop_s)
            except subprocess.TimeoutExpired:
                self._log.error("killed: did not stop in time", child=child.name, seconds=child.stop_s)
                process.kill()
                process.wait()

    def problems(self) -> list[str]:
        """Why the whole cannot work; empty when it can."""
        return [problem for child in self.children for problem in child.trouble()]

    def _launch(self, child: Child) -> None:
        command = [sys.executable, "-m", "appliance.child", str(os.getpid()), *child.arguments]
        # The service manager talks to us alone: a child's word must not pass for the whole's.
        environment = {name: value for name, value in os.environ.items() if name not in _MANAGERS}
        child.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment)
        child.started_s = time.monotonic()
        child.state = State.STARTING
        self._counters.gauge("child_ready", 0, child=child.name)

    def _becomes_ready(self, child: Child) -> bool:
        # A service that answers at all has started; what it lacks it says itself from now on.
        if child.problems() is None:
            return False
        child.state = State.READY
        self._counters.gauge("child_ready", 1, child=child.name)
        self._log.info("child ready", child=child.name, pid=child.pid)
        return True

    def _bury(self, child: Child, code: int, now_s: float) -> None:
        lived_s = now_s - child.started_s
        wait_s = child.backoff.after_death(lived_s)
        child.process, child.state = None, State.WAITING
        child.died = _ending(code)
        child.again_s = now_s + wait_s
        self._counters.count("child_deaths", child=child.name)
        self._counters.gauge("child_ready", 0, child=child.name)
        self._log.error("child died", child=child.name, how=child.died, lived_s=round(lived_s, 1), again_in_s=wait_s)

    def _end_if_stuck(self, child: Child, now_s: float) -> None:
        process = child.process
        if process is not None and now_s - child.started_s > child.start_s:
            self._log.error("killed: does not answer after its start", child=child.name, seconds=child.start_s)
            process.kill()


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
