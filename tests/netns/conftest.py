"""Networks built for a test, and taken down after it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from appliance.demo.faults import Fault
from appliance.demo.namespaces.ground import Ground
from appliance.demo.namespaces.processes import Processes
from appliance.demo.probing import Probes

PING = Path(__file__).parent / "ping.py"


def run_ping(
    ground: Ground, node: str, address: str, *, count: int = 10, interval_s: float = 0.01, octets: int = 76
) -> dict[str, Any]:
    """Echo requests from a node: sent, received, and sorted round trips in milliseconds."""
    command = (sys.executable, str(PING), address, str(count), str(interval_s), str(octets))
    answer: dict[str, Any] = json.loads(ground.spaces.run(node, command))
    return answer


@pytest.fixture
def ping() -> Callable[..., dict[str, Any]]:
    """Sends echo requests from a node."""
    return run_ping


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., Ground]]:
    """Builds the network for the faults announced."""
    built: list[tuple[Ground, Processes]] = []

    def make(faults: Sequence[Fault] = (), *, seed: int = 1, probes: Probes = Probes.FULL) -> Ground:
        processes = Processes()
        ground = Ground(processes, faults=faults, probes=probes, seed=seed)
        built.append((ground, processes))
        ground.start(tmp_path / "relay.log")
        # The first packets of a new network wait for ARP; the tests count from when the neighbours on a branch's way are known.
        for _ in range(10):
            if run_ping(ground, "host-1", "10.9.0.11", count=3)["received"] == 3:
                return ground
        raise AssertionError("the network does not carry packets")

    yield make
    for ground, processes in built:
        processes.stop_all(grace_s=2)
        ground.stop()


@pytest.fixture
def fill() -> Callable[..., AbstractContextManager[None]]:
    """Backs files up to the second server from a branch's host, as fast as they go, while a block lasts."""

    @contextlib.contextmanager
    def run(ground: Ground, host: str) -> Iterator[None]:
        serve = (sys.executable, "-m", "appliance.demo.namespaces.serving", "10.9.0.12", "svc-file")
        servers = [f"--{server}=10.9.0.12" for server in ("teller", "web", "file", "dns")]
        use = (sys.executable, "-m", "appliance.demo.namespaces.using", *servers)
        with (
            subprocess.Popen(ground.spaces.inside("srv-2", serve), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as server,
            subprocess.Popen(ground.spaces.inside(host, use), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as people,
        ):
            assert people.stdin is not None
            people.stdin.write(b"back-up 45001\nback-up 45002\n")
            people.stdin.flush()
            try:
                yield
            finally:
                people.kill()
                server.kill()

    return run
