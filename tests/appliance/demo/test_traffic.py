"""Servers and people of the bank over loopback: what is answered, and what a spoiled server does to it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

SERVER = "127.77.0.12"
SERVICES = ("svc-teller", "svc-web", "svc-file", "dns-1")
PATIENCE_S = 20

Second = dict[str, Any]


class Bank:
    """A server with everything, and the people of one branch."""

    def __init__(self, server: subprocess.Popen[str], people: subprocess.Popen[str]) -> None:
        self._server = server
        self._people = people

    def spoil(self, line: str) -> None:
        """Tell the server."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(line + "\n")
        self._server.stdin.flush()
        assert self._server.stdout.readline() == "set\n"

    def second(self) -> Second:
        """What the people saw in the next one."""
        assert self._people.stdout is not None
        seen: Second = json.loads(self._people.stdout.readline())
        return seen

    def until(self, condition: Callable[[Second], bool]) -> Second:
        """The first second that is so."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not condition(seen := self.second()):
            assert time.monotonic() < deadline_s, seen
        return seen


@pytest.fixture
def bank() -> Iterator[Bank]:
    """Both processes, as the demo starts them."""
    module = (sys.executable, "-m", "appliance.demo.namespaces")
    serve = [*module[:2], f"{module[2]}.serving", SERVER, *SERVICES]
    use = [*module[:2], f"{module[2]}.using", *(f"--{role}={SERVER}" for role in ("teller", "web", "file", "dns")), "--seed=1"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(serve, **pipes) as server, subprocess.Popen(use, **pipes) as people:
        try:
            yield Bank(server, people)
        finally:
            people.kill()
            server.kill()


@pytest.mark.net
def test_people_are_answered_by_every_service_until_one_is_spoiled(bank: Bank) -> None:
    """Nothing fails at first; a slow service takes longer; refused and unanswered requests fail."""
    usual = bank.until(lambda seen: seen["answered"] > 20 and seen["failed"] == 0)
    usual_ms = usual["sum_ms"] / usual["answered"]
    bank.spoil("svc-teller slow 10")
    bank.until(lambda seen: seen["answered"] > 0 and seen["sum_ms"] / seen["answered"] > 3 * usual_ms)
    bank.spoil("svc-teller slow 1")
    bank.spoil("svc-web refuse 1")
    bank.until(lambda seen: seen["failed"] > 0)
    bank.spoil("svc-web refuse 0")
    bank.until(lambda seen: seen["answered"] > 20 and seen["failed"] == 0)
    bank.spoil("dns-1 mute 1")
    bank.until(lambda seen: seen["failed"] > 0)
