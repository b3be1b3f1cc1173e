"""What tests on the simulated network share: the demo's line, and runs on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.demo.line import Probes, inventory_document
from appliance.simnet.run import Scenario, SimulatedRun
from faultline.inventory import Inventory, parse


@pytest.fixture(scope="session")
def line() -> Inventory:
    """The demo's line with probes at both ends and at the provider edges."""
    return parse(inventory_document(Probes.FULL), "the demo line")


@pytest.fixture
def simulate(tmp_path: Path, line: Inventory) -> Iterator[Callable[..., SimulatedRun]]:
    """Opens runs; closes them."""
    opened: list[SimulatedRun] = []

    def start(seed: int = 1, *, answer: bool = True, **changes: Any) -> SimulatedRun:
        scenario = Scenario(**({"inventory": line, "seed": seed} | changes))
        opened.append(SimulatedRun(tmp_path / str(len(opened)), scenario, answer=answer))
        return opened[-1]

    yield start
    for run in opened:
        run.close()
