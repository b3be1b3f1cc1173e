"""What tests on the simulated network share: the bank's inventory, a ground with one fault, and runs."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from appliance.demo.inventory_file import inventory_document
from appliance.demo.probing import Probes
from appliance.simnet.effects import BOTH, disturbance
from appliance.simnet.measuring import Measuring, Pace, Upload
from appliance.simnet.orders import standing_orders
from appliance.simnet.plant import Plant
from appliance.simnet.run import Scenario, SimulatedRun
from appliance.simnet.traffic import Traffic
from faultline.inventory import Inventory, parse
from faultline.native import decode_batch
from faultline.records.terms import SECOND_NS, Direction

BEGIN_NS = 1_767_576_000 * SECOND_NS
TEN_S = 10 * SECOND_NS
Records = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="session")
def bank() -> Inventory:
    """The bank's network with probes at both ends and at the provider edges."""
    return parse(inventory_document(Probes.FULL), "the bank's network")


class Ground:
    """The bank's network with one fault from its beginning, measured interval by interval."""

    def __init__(self, bank: Inventory, *, seed: int = 3, traffic: Traffic | None = None) -> None:
        self.plant = Plant(bank, seed=seed)
        self.measuring = Measuring(
            inventory=bank,
            plant=self.plant,
            traffic=traffic or Traffic(),
            pace=Pace(),
            orders=standing_orders(bank),
            seed=seed,
            begin_ns=BEGIN_NS,
        )

    def fail(self, kind: str, component: str, rate: float, directions: tuple[Direction, ...] = BOTH, **when: int) -> None:
        """Add a fault."""
        times = {"begin_ns": BEGIN_NS} | when
        self.plant.disturbances.append(disturbance(kind, component, rate=rate, directions=directions, **times))

    def uploads(self, number: int = 0) -> list[Upload]:
        """Batches of an interval."""
        start_ns = BEGIN_NS + number * TEN_S
        return list(self.measuring.batches(start_ns, start_ns + TEN_S, closed_ns=start_ns + TEN_S + SECOND_NS))

    def interval(self, number: int = 0) -> Records:
        """Records by kind; each with its probe."""
        found = collections.defaultdict(list)
        for upload in self.uploads(number):
            batch = decode_batch(upload.octets)
            assert batch.problems == []
            assert batch.header["watermark_ns"] == BEGIN_NS + (number + 1) * TEN_S
            for kind in batch.kinds():
                found[kind] += [row | {"by": upload.probe} for row in pa.table(batch.table(kind)).to_pylist()]
        return found


@pytest.fixture
def ground(bank: Inventory) -> Callable[..., Ground]:
    """Makes grounds."""
    return lambda **how: Ground(bank, **how)


@pytest.fixture
def simulate(tmp_path: Path, bank: Inventory) -> Iterator[Callable[..., SimulatedRun]]:
    """Opens runs; closes them."""
    opened: list[SimulatedRun] = []

    def start(seed: int = 1, *, answer: bool = True, **changes: Any) -> SimulatedRun:
        scenario = Scenario(**({"inventory": bank, "seed": seed} | changes))
        opened.append(SimulatedRun(tmp_path / str(len(opened)), scenario, answer=answer))
        return opened[-1]

    yield start
    for run in opened:
        run.close()
