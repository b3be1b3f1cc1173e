"""The bank's traffic as processes: servers in the data centre, people at the branches; started, counted, spoiled.

Goes in: a network that carries packets, then faults of servers, or a segment that is to be filled. Comes out: what the people
see. What is sent when is in `serving` and `using`.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

from appliance.demo.faults import Fault, Kind
from appliance.demo.namespaces import crossings
from appliance.demo.namespaces.applications import FILE, PORTS, TELLER, WEB
from appliance.demo.namespaces.ground import Ground
from appliance.demo.namespaces.processes import Processes, tell
from appliance.demo.network import BRANCHES, ELEMENTS, SPANS, Branch, address_of
from faultline.records.terms import Direction

_MODULE = (sys.executable, "-m")
_SPOILS = {
    Kind.SERVER_SLOW: "slow",
    Kind.SERVER_STALLED: "stall",
    Kind.SERVICE_REFUSED: "refuse",
    Kind.DNS_TIMEOUT: "mute",
}
SPOILS = frozenset(_SPOILS)
"""Kinds of fault that a server makes itself."""
SERVERS = {"srv-1": ELEMENTS["srv-1"].hosts, "srv-2": ELEMENTS["srv-2"].hosts, "dns-1": ("dns-1",)}
"""Host → what it serves."""
_BULK = {Direction.A_TO_Z: "back-up", Direction.Z_TO_A: "restore"}
_BULK_FLOWS = 2
"""Transfers that fill a segment: one alone would leave it idle for a moment after each loss."""
_BULK_PORTS = {Direction.A_TO_Z: 45000, Direction.Z_TO_A: 47000}


@attrs.frozen(slots=True, kw_only=True)
class Tally:
    """What everybody together saw in a second."""

    answered: int = 0
    failed: int = 0
    mean_ms: float | None = None


class Traffic:
    """Everybody who serves, and everybody who is served. Its processes belong to whoever owns the collection."""

    def __init__(self, processes: Processes, ground: Ground, *, seed: int, log: Callable[[str], Path]) -> None:
        self._processes = processes
        self._ground = ground
        self._seed = seed
        self._log = log
        self._servers: dict[str, subprocess.Popen[str]] = {}
        self._people: dict[int, _People] = {}
        self._bulk = 0
        """Transfers so far: each has a port of its own."""

    def serve(self) -> None:
        """Start the servers."""
        for node, services in SERVERS.items():
            command = (*_MODULE, "appliance.demo.namespaces.serving", address_of(node, "eth0"), *services)
            inside = self._ground.spaces.inside(node, command)
            self._servers[node] = self._processes.start(node, inside, log=self._log(node), talk=True)

    def use(self, *, timeout_s: float) -> None:
        """Let the people in, once the servers listen, and wait until each branch is being answered.

        Raises:
            WorldError: somebody died, or nobody answers.
        """
        for node, services in SERVERS.items():
            for port in (PORTS[service] for service in services if service in PORTS):
                self._processes.await_listening(node, port, timeout_s=timeout_s)
        for branch in BRANCHES:
            command = (*_MODULE, "appliance.demo.namespaces.using", *_addresses(), "--seed", str(self._seed * 10 + branch.number))
            label = people(branch)
            inside = self._ground.spaces.inside(f"host-{branch.number}", command)
            child = self._processes.start(label, inside, log=self._log(label.replace(" ", "-")), talk=True)
            self._people[branch.number] = _People(child)
        for one in self._people.values():
            self._processes.await_that(one.are_answered, "no request is answered", timeout_s=timeout_s)

    def spoil(self, fault: Fault) -> None:
        """Let a server, or one service of it, behave as the fault has it."""
        for node, services in SERVERS.items():
            for service in services:
                if fault.component in {node, service}:
                    tell(self._servers[node], f"{service} {_SPOILS[fault.kind]} {fault.rate}")

    def fill(self, fault: Fault) -> None:
        """Start backups and restores over a segment: as many people as a queue needs who send as fast as it lets them."""
        for direction in fault.way.directions:
            for branch, port in self._bulk_flows(fault.component, direction):
                self._people[branch.number].say(f"{_BULK[direction]} {port}")

    def _bulk_flows(self, segment: str, direction: Direction) -> Iterator[tuple[Branch, int]]:
        crossing = [branch for branch in BRANCHES if segment in _reaches(branch)]
        for number in range(_BULK_FLOWS):
            branch = crossing[number % len(crossing)]
            flow = crossings.of_bulk(
                branch,
                server=_server_of(FILE),
                middle=_middle_of(segment),
                source_port=_BULK_PORTS[direction] + self._bulk,
                destination_port=PORTS[FILE],
            )
            self._bulk += 1
            yield branch, self._ground.source_ports([flow])[flow.id]

    def tally(self) -> Tally:
        """What the people saw in their newest second."""
        seen = [newest for one in self._people.values() if (newest := one.newest())]
        answered = sum(int(one["answered"]) for one in seen)
        spent_ms = sum(one.get("sum_ms", 0.0) for one in seen)
        return Tally(
            answered=answered, failed=sum(int(one["failed"]) for one in seen), mean_ms=spent_ms / answered if answered else None
        )


class _People:
    """The people of a branch: a process that tells once a second what it saw."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child
        self._unread = b""
        self._newest: dict[str, float] | None = None

    def are_answered(self) -> bool:
        """Whether anything was answered in the newest second."""
        return bool((self.newest() or {}).get("answered"))

    def newest(self) -> dict[str, float] | None:
        """What they told last; None once they are gone."""
        pipe = self._child.stdout
        if pipe is None or pipe.closed:
            return None
        # Straight from the descriptor: lines that wait in a buffer of ours would not wake select.
        while select.select([pipe], [], [], 0)[0]:
            octets = os.read(pipe.fileno(), 65536)
            if not octets:
                return None
            *lines, self._unread = (self._unread + octets).split(b"\n")
            for line in lines:
                if line.startswith(b"{"):  # everything else confirms what we said
                    self._newest = json.loads(line)
        return self._newest

    def say(self, line: str) -> None:
        """Something to do; their confirmation comes among what they tell."""
        if self._child.stdin:
            self._child.stdin.write(line + "\n")
            self._child.stdin.flush()


def people(branch: Branch) -> str:
    """Label of a branch's people among the processes."""
    return f"people {branch.number}"


def _addresses() -> list[str]:
    servers = {"--teller": _server_of(TELLER), "--web": _server_of(WEB), "--file": _server_of(FILE), "--dns": _server_of("dns-1")}
    return [word for pair in servers.items() for word in pair]


def _server_of(service: str) -> str:
    return next(address_of(node, "eth0") for node, services in SERVERS.items() if service in services)


def _reaches(branch: Branch) -> set[str]:
    """Everything a branch's packets may cross."""
    members = {member for component in branch.path if component in SPANS for path in SPANS[component].paths for member in path}
    return members | set(branch.path)


def _middle_of(segment: str) -> int:
    """The middle router that a member of the core leads to; either will do elsewhere."""
    return 2 if "p2" in segment.split("-") else 1
