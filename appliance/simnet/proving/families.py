"""Families of scenarios: a network, who measures it, and what may be wrong beside the faults.

Goes in: a family's name, how bad, how many faults, a seed. Comes out: `Scenario`: the evidence and the truth, always the
same for the same four. Knows no method and no score.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from appliance.simnet.proving import carriers, drawing, fabrics, telling
from appliance.simnet.proving.carriers import Carrier
from appliance.simnet.proving.drawing import Losses
from appliance.simnet.proving.fabrics import Fabric
from appliance.simnet.proving.measuring import Flow, Vantages, mesh, sessions
from appliance.simnet.proving.telling import EXACT, Errors
from faultline.records.terms import Owner

RATES = (0.001, 0.002, 0.004, 0.006, 0.01, 0.02, 0.05)
FAULTS = (1, 3, 5, 8)
EXPECTED = 1.0
"""It is known that something is wrong, as when somebody asks; healthy days have the rates of real life."""


@attrs.frozen(slots=True, kw_only=True)
class Cell:
    """How bad, and how many at once."""

    rate: float
    faults: int

    @property
    def name(self) -> str:
        """For tables and files."""
        return f"{self.faults} x {self.rate:.1%}"


CELLS = tuple(Cell(rate=rate, faults=faults) for faults in FAULTS for rate in RATES)


@attrs.frozen(slots=True, kw_only=True)
class Truth:
    """A fault that was made."""

    component: str
    owner: Owner
    rate: float
    nats: float
    """Log ratio of what was drawn with this fault to that without it, everything else being known: what there was to be seen."""


@attrs.frozen(kw_only=True, eq=False)
class Scenario:
    """Evidence with its truth."""

    evidence: Mapping[str, Any]
    faults: tuple[Truth, ...]


@attrs.frozen(kw_only=True, eq=False)
class Family:
    """What its scenarios have in common."""

    name: str
    network: Callable[[], Carrier | Fabric]
    vantages: Vantages = Vantages.FULL
    flows: int = 0
    """Of a fabric: drawn by chance."""
    sent: int = 500
    errors: Errors = EXACT
    chronic: float = 0.0
    """Share of links that have always lost a little."""
    burst: float = 1.0
    """Mean run of packets that a fault loses."""
    tuned_as: str = ""
    """The family whose settings the others are given, where this one is too large to try hundreds."""
    devices: bool = False
    """Devices are faulty, and not links."""

    def scenario(self, cell: Cell, seed: int) -> Scenario:
        """Draw one."""
        rng = np.random.default_rng([seed, zlib.crc32(self.name.encode()), round(cell.rate * 1e6), cell.faults])
        place = _built(self.network)
        network = place.network
        flows = self.measured(place, rng)
        healthy = drawing.in_order(network, rng, chronic=self.chronic)
        before = drawing.lost(flows, healthy, rng, times=telling.HISTORY)
        crossed = sorted({c for flow in flows for c in flow.way})
        able = set(network.devices if self.devices else network.links)
        chosen = rng.choice([c for c in crossed if c in able], size=cell.faults, replace=False)
        faulty = drawing.with_faults(healthy, {int(c): cell.rate for c in chosen}, burst=self.burst)
        gone = drawing.lost(flows, faulty, rng)
        rows = telling.rows_of(network, flows, rng, lost=gone, before=before, errors=self.errors)
        truths = tuple(
            Truth(component=network.parts[c].id, owner=network.parts[c].owner, rate=cell.rate, nats=nats)
            for c, nats in zip(
                map(int, chosen), _visible(flows, gone, faulty, chosen, rate=cell.rate, burst=self.burst), strict=True
            )
        )
        return Scenario(evidence=telling.document(network, rows, expected_faults=EXPECTED), faults=truths)

    def measured(self, place: Carrier | Fabric, rng: np.random.Generator) -> Sequence[Flow]:
        """The flows of a window."""
        if isinstance(place, Carrier):
            return _sessions(place, self.vantages)
        known = 1 if self.errors == EXACT else telling.MOST_TOLD_WAYS
        return mesh(place, rng, flows=self.flows, sent=self.sent, known=known)


@functools.lru_cache(maxsize=4)
def _built(network: Callable[[], Carrier | Fabric]) -> Carrier | Fabric:
    return network()


@functools.lru_cache(maxsize=8)
def _sessions(carrier: Carrier, vantages: Vantages) -> tuple[Flow, ...]:
    return sessions(carrier, vantages)


def _visible(
    flows: Sequence[Flow], gone: drawing.Array, faulty: Losses, chosen: Any, *, rate: float, burst: float
) -> list[float]:
    """For each fault the nats that what was drawn holds for it, to one who knows everything else."""
    through = np.log1p(-faulty.ratio)
    hops = drawing.padded([flow.way for flow in flows])
    survive = np.where(hops >= 0, through[hops], 0.0).sum(axis=1)
    sent = np.array([flow.sent for flow in flows], dtype=float)
    found = []
    for c in chosen:
        rows = (hops == c).any(axis=1)
        with_it, without = survive[rows], survive[rows] - np.log1p(-rate)
        without = np.minimum(without, -1e-9)
        bad, good = gone[rows] / burst, (sent[rows] - gone[rows]) / burst
        nats = bad * (np.log(-np.expm1(with_it)) - np.log(-np.expm1(without))) + good * (with_it - without)
        found.append(float(nats.sum()))
    return found


def _hub(branches: int) -> Callable[[], Carrier]:
    return functools.partial(carriers.hub_and_spoke, branches)


HUB_100 = _hub(100)
DUAL_40 = functools.partial(carriers.dual_homed, 40)
RING_48 = functools.partial(carriers.metro_ring, 48)
FAT_TREE_8 = functools.partial(fabrics.fat_tree, 8)
FAT_TREE_16 = functools.partial(fabrics.fat_tree, 16)

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family(name="hub-10", network=_hub(10)),
        Family(name="hub-100", network=HUB_100),
        Family(name="hub-100-ends", network=HUB_100, vantages=Vantages.ENDS),
        Family(name="hub-1000", network=_hub(1000), tuned_as="hub-100"),
        Family(name="dual-40", network=DUAL_40),
        Family(name="dual-40-ends", network=DUAL_40, vantages=Vantages.ENDS),
        Family(name="ring-48", network=RING_48),
        Family(name="ring-48-ends", network=RING_48, vantages=Vantages.ENDS),
        Family(name="fat-tree-4", network=functools.partial(fabrics.fat_tree, 4), flows=300),
        Family(name="fat-tree-8", network=FAT_TREE_8, flows=3000),
        Family(name="fat-tree-16", network=FAT_TREE_16, flows=20_000, tuned_as="fat-tree-8"),
    )
}
"""The main ones; graphs of others and variants with wrong knowledge are made by `with_graph` and `attrs.evolve`."""


def with_graph(name: str, graph: Mapping[str, Any], *, flows: int = 400) -> Family:
    """A family on a wide-area network that others have drawn."""
    return Family(name=name, network=functools.partial(fabrics.backbone, graph), flows=flows)


ROBUSTNESS: Mapping[str, dict[str, Any]] = {
    "exact": {},
    "stale 1 %": {"errors": Errors(stale=0.01)},
    "stale 5 %": {"errors": Errors(stale=0.05)},
    "stale 10 %": {"errors": Errors(stale=0.1)},
    "labels 5 %": {"errors": Errors(labels=0.05)},
    "rows missing 20 %": {"errors": Errors(rows=0.2)},
    "probes missing 20 %": {"errors": Errors(probes=0.2)},
    "ways unknown": {"errors": Errors(untraced=True)},
    "chronic loss on 5 %": {"chronic": 0.05},
    "in runs of 3": {"burst": 3.0},
}
"""What is changed, by name; the name of the family stays, so that seeds are paired."""
