"""The demo's processes: started with their logs, watched, ended by their ids and nobody else's.

Every child is in a session of its own, so that Ctrl-C reaches the driver alone and the end has an order.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO

from appliance.demo.world import WorldError

_LISTENING = "0A"
_POLL_S = 0.02


class Processes:
    """Children of this run, by label."""

    def __init__(self) -> None:
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._logs: dict[str, Path] = {}
        self._commands: dict[str, tuple[Sequence[str], bool]] = {}

    @property
    def pids(self) -> dict[str, int]:
        """Label → process id of those that run."""
        return {label: child.pid for label, child in self._running.items()}

    def start(self, label: str, command: Sequence[str], *, log: Path, talk: bool = False) -> subprocess.Popen[str]:
        """Start one; its messages go to the log. With `talk` its standard input and output are ours."""
        pipe: int | IO[str]
        with log.open("a", encoding="utf-8") as messages:
            pipe = subprocess.PIPE if talk else messages
            child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if talk else subprocess.DEVNULL,
                stdout=pipe,
                stderr=messages,
                text=True,
                start_new_session=True,
            )
        self._running[label] = child
        self._logs[label] = log
        self._commands[label] = (command, talk)
        return child

    def check(self) -> None:
        """Notice a death.

        Raises:
            WorldError: one has ended that should run; with the last thing it said.
        """
        for label, child in self._running.items():
            if child.poll() is not None:
                raise WorldError(f"{label} ended with {child.returncode}: {_last_words(self._logs[label])}")

    def await_listening(self, label: str, port: int, *, timeout_s: float) -> None:
        """Wait until the process's namespace has somebody listening on a TCP port.

        Raises:
            WorldError: it died, or took too long.
        """
        # The process id stays the same from nsenter to the service, so its own /proc entry shows the namespace it runs in.
        self.await_that(lambda: listens(self._running[label].pid, port), f"{label} does not listen", timeout_s=timeout_s)

    def await_that(self, condition: Callable[[], bool], complaint: str, *, timeout_s: float) -> None:
        """Wait for a condition while every process lives.

        Raises:
            WorldError: one died, or it took too long.
        """
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            self.check()
            if time.monotonic() > deadline_s:
                raise WorldError(f"{complaint} within {timeout_s:g} s")
            time.sleep(_POLL_S)

    def stop(self, labels: Iterable[str], *, grace_s: float) -> None:
        """Ask all to end at once, and end those that do not within the grace."""
        ending = {label: self._running.pop(label) for label in list(labels) if label in self._running}
        for child in ending.values():
            child.terminate()
        deadline_s = time.monotonic() + grace_s
        for child in ending.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, deadline_s - time.monotonic()))
        for child in ending.values():
            _end(child)

    def kill(self, label: str) -> None:
        """As a crash: no farewell."""
        child = self._running.pop(label)
        child.kill()
        _end(child)

    def start_again(self, label: str) -> None:
        """Start one that has ended as it was started before."""
        command, talk = self._commands[label]
        self.start(label, command, log=self._logs[label], talk=talk)

    def stop_all(self, *, grace_s: float) -> None:
        """Ask everything to end, the youngest first."""
        self.stop(reversed(list(self._running)), grace_s=grace_s)


def hear(child: subprocess.Popen[str], word: str) -> None:
    """Wait for a word of a child that talks.

    Raises:
        WorldError: it said something else, or nothing any more.
    """
    heard = child.stdout.readline().strip() if child.stdout else ""
    if heard != word:
        raise WorldError(f"process {child.pid} said {heard!r}, not {word!r}")


def ask(child: subprocess.Popen[str], line: str) -> str:
    """Say a line to a child that talks, and give its answer.

    Raises:
        WorldError: it does not listen.
    """
    if child.stdin is None or child.stdout is None or child.stdin.closed:
        raise WorldError(f"process {child.pid} does not listen")
    try:
        child.stdin.write(line + "\n")
        child.stdin.flush()
    except OSError as error:
        raise WorldError(f"process {child.pid} does not listen: {error}") from None
    return child.stdout.readline().strip()


def tell(child: subprocess.Popen[str], line: str) -> None:
    """Say a line to a child that talks, and wait for it to be done.

    Raises:
        WorldError: it does not listen, or does not understand.
    """
    answer = ask(child, line)
    if answer != "set":
        raise WorldError(f"process {child.pid} was told {line!r} and said {answer!r}")


def _end(child: subprocess.Popen[str]) -> None:
    if child.poll() is None:
        child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):  # what was not yet written has nobody left to read it
                pipe.close()


def listens(pid: int, port: int) -> bool:
    """Whether somebody listens on a TCP port in the network namespace of a process."""
    try:
        rows = Path(f"/proc/{pid}/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return False
    return any(fields[1].endswith(f":{port:04X}") and fields[3] == _LISTENING for fields in map(str.split, rows))


def _last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    told = [line for line in lines if line.startswith(("error:", "hint:"))] or lines[-1:]
    return " ".join(told) or "it said nothing"
