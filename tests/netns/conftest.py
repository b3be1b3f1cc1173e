"""Lines built for a test, and taken down after it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from appliance.demo.faults import Fault
from appliance.demo.namespaces.ground import Ground
from appliance.demo.namespaces.processes import Processes

PING = Path(__file__).parent / "ping.py"


def run_ping(ground: Ground, node: str, address: str, *, count: int = 10, interval_s: float = 0.01) -> dict[str, Any]:
    """Echo requests from a node: sent, received, and sorted round trips in milliseconds."""
    command = (sys.executable, str(PING), address, str(count), str(interval_s))
    answer: dict[str, Any] = json.loads(ground.spaces.run(node, command))
    return answer


@pytest.fixture
def ping() -> Callable[..., dict[str, Any]]:
    """Sends echo requests from a node of a line."""
    return run_ping


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., Ground]]:
    """Builds lines for the faults announced."""
    built: list[tuple[Ground, Processes]] = []

    def make(faults: Sequence[Fault] = (), *, seed: int = 1) -> Ground:
        processes = Processes()
        ground = Ground(processes, faults=faults, seed=seed)
        built.append((ground, processes))
        ground.start(tmp_path / "relay.log")
        # The first packets of a new line wait for ARP; the tests count from when every neighbour is known.
        for _ in range(10):
            if run_ping(ground, "host", "10.9.0.10", count=3)["received"] == 3:
                return ground
        raise AssertionError("the line does not carry packets")

    yield make
    for ground, processes in built:
        processes.stop_all(grace_s=2)
        ground.stop()
