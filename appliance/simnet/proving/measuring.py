"""Who measures whom: the flows of test packets that cross a network in one window.

Goes in: a network with its vantages. Comes out: flows, each with all equal ways between its ends and the one it takes. Draws
only what a hash of addresses and ports decides. Knows neither loss nor faults.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

import attrs
import numpy as np

from appliance.simnet.proving.carriers import Carrier
from appliance.simnet.proving.fabrics import Fabric
from appliance.simnet.proving.network import Network, Way

SENT = 2000
"""Test packets of a session and direction in a window of a minute: 33 a second."""
SPREAD = 4
"""Flows that a session keeps at most, one on each of as many equal ways."""


class Vantages(StrEnum):
    """Where an operator has probes."""

    FULL = "full"
    """At both ends, behind the customer's router and at the provider edges."""
    ENDS = "ends"
    """At the A and Z ends only."""


@attrs.frozen(slots=True, kw_only=True)
class Flow:
    """Packets of one five-tuple: they keep to one way."""

    start: str
    end: str
    ways: tuple[Way, ...]
    taken: int
    """Which of them."""
    sent: int

    @property
    def way(self) -> Way:
        """The way it takes."""
        return self.ways[self.taken]


def sessions(carrier: Carrier, vantages: Vantages, *, sent: int = SENT) -> tuple[Flow, ...]:
    """Test sessions of leased lines, both directions; a session keeps a flow on each of the equal ways."""
    pairs = [(branch, carrier.hub) for branch in carrier.branches]
    if vantages is Vantages.FULL:
        for router, edges in zip(carrier.routers, carrier.edges, strict=True):
            pairs += [(router, edge) for edge in edges]
        reached = [(edge, hub) for edges in carrier.edges for edge, hub in zip(edges, carrier.hub_edges, strict=True)]
        pairs += list(dict.fromkeys(reached))
        pairs += [(edge, carrier.hub) for edge in carrier.hub_edges]
    return tuple(_both_ways(carrier.network, pairs, sent))


def _both_ways(network: Network, pairs: Iterable[tuple[str, str]], sent: int) -> Iterable[Flow]:
    for one, other in pairs:
        for start, end in ((one, other), (other, one)):
            ways = network.ways(start, end)
            for taken in range(min(SPREAD, len(ways))):
                yield Flow(start=start, end=end, ways=ways, taken=taken, sent=sent)


def mesh(fabric: Fabric, rng: np.random.Generator, *, flows: int, sent: Sequence[int] | int, known: int = 1) -> tuple[Flow, ...]:
    """So many flows between places drawn by chance, each on the way that its hash takes.

    Args:
        fabric: the network.
        rng: draws places and hashes.
        flows: how many.
        sent: packets of each flow, or of all alike.
        known: how many of its equal ways each flow is to have, if there are as many: the one it takes, and others.
    """
    places = fabric.places
    start = rng.integers(len(places), size=flows)
    step = rng.integers(1, len(places), size=flows)
    luck = _luck(rng)
    sizes = [sent] * flows if isinstance(sent, int) else sent
    found = []
    for one, further, size in zip(start, step, sizes, strict=True):
        a, z = places[one], places[(one + further) % len(places)]
        # Some walks are alike where there are few ways: then fewer are known.
        ways = dict.fromkeys(fabric.network.walk(a, z, luck) for _ in range(1 if known == 1 else 2 * known))
        found.append(Flow(start=a, end=z, ways=tuple(ways)[:known], taken=0, sent=int(size)))
    return tuple(found)


def _luck(rng: np.random.Generator) -> Iterator[float]:
    while True:
        yield from rng.random(4096)
