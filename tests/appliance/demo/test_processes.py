"""Processes of a run: watched, ended in time, never left behind."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.demo.namespaces.processes import Processes, ask, hear, listens, tell
from appliance.demo.world import WorldError


@pytest.fixture
def processes() -> Iterator[Processes]:
    """Ended after the test."""
    made = Processes()
    yield made
    made.stop_all(grace_s=0.1)


def python(script: str) -> list[str]:
    """A child that runs a script."""
    return [sys.executable, "-c", script]


def test_a_death_is_told_with_the_last_words(processes: Processes, tmp_path: Path) -> None:
    """Who died, how, and what it said of it."""
    log = tmp_path / "log"
    script = "import sys; print('starting', file=sys.stderr); print('error: no room', file=sys.stderr); sys.exit(3)"
    processes.start("collector", python(script), log=log)
    with pytest.raises(WorldError, match="collector ended with 3: error: no room"):
        processes.await_that(lambda: False, "never", timeout_s=10)


def test_waiting_has_an_end(processes: Processes, tmp_path: Path) -> None:
    """What does not come within its time is an error that says what was waited for."""
    processes.start("sleeper", python("import time; time.sleep(60)"), log=tmp_path / "log")
    with pytest.raises(WorldError, match=r"the moon does not rise within 0\.1 s"):
        processes.await_that(lambda: False, "the moon does not rise", timeout_s=0.1)


def test_a_process_that_does_not_want_to_end_is_ended(processes: Processes, tmp_path: Path) -> None:
    """Whoever ignores the request is gone when the grace is over."""
    script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    child = processes.start("stubborn", python(script), log=tmp_path / "log", talk=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "up\n"
    begun_s = time.monotonic()
    processes.stop(["stubborn"], grace_s=0.3)
    assert 0.3 <= time.monotonic() - begun_s < 5
    assert child.returncode == -9
    assert processes.pids == {}


def test_listening_is_seen_by_process() -> None:
    """A socket that listens shows in its process's own table of the network."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        assert not listens(os.getpid(), port)
        server.listen()
        assert listens(os.getpid(), port)


TALKER = (
    "import sys\n"
    "print('ready', flush=True)\n"
    "for line in sys.stdin: print('set' if line == 'do\\n' else f'no {line.strip()}', flush=True)\n"
)


def test_a_child_that_talks_confirms_what_it_is_told(processes: Processes, tmp_path: Path) -> None:
    """It is heard, told and asked line by line; what it does not understand, and its death, are told as such."""
    child = processes.start("talker", python(TALKER), log=tmp_path / "log", talk=True)
    hear(child, "ready")
    tell(child, "do")
    assert ask(child, "what") == "no what"
    with pytest.raises(WorldError, match="was told 'sing' and said 'no sing'"):
        tell(child, "sing")
    processes.kill("talker")
    with pytest.raises(WorldError, match="does not listen"):
        tell(child, "do")
