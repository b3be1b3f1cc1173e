"""Packets, drawn flow by flow and hop by hop.

Goes in: flows, how each component loses. Comes out: how many packets of each flow arrived nowhere. Nothing of the localiser's
model is used: what is left of a flow meets the next hop, and where losses come in runs, whole runs are drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from appliance.simnet.proving.measuring import Flow
from appliance.simnet.proving.network import Network

Array = np.ndarray[Any, np.dtype[np.float64]]
GOOD_LOSS = 1e-4
"""Components in order lose a share drawn evenly from nothing to this."""
CHRONIC_LOSS = (2e-4, 1e-3)
"""Lines that have always lost a little: a share between these."""


@attrs.frozen(slots=True, kw_only=True, eq=False)
class Losses:
    """What each component does to what crosses it."""

    ratio: Array
    """By component."""
    burst: Array
    """Mean length of a run of lost packets, by component; one where each packet is lost for itself."""


def in_order(network: Network, rng: np.random.Generator, *, chronic: float = 0.0) -> Losses:
    """A network without faults; that share of its links has always lost a little."""
    ratio = np.zeros(len(network.parts))
    links = np.array(network.links)
    ratio[links] = rng.uniform(0.0, GOOD_LOSS, size=len(links))
    if chronic:
        worn = rng.choice(links, size=max(1, round(chronic * len(links))), replace=False)
        low, high = CHRONIC_LOSS
        ratio[worn] = low * (high / low) ** rng.random(len(worn))
    return Losses(ratio=ratio, burst=np.ones(len(network.parts)))


def with_faults(losses: Losses, rates: Mapping[int, float], *, burst: float = 1.0) -> Losses:
    """The same network with faults: packets must survive both."""
    ratio, runs = losses.ratio.copy(), losses.burst.copy()
    for component, rate in rates.items():
        ratio[component] = 1 - (1 - ratio[component]) * (1 - rate)
        runs[component] = burst
    return Losses(ratio=ratio, burst=runs)


def lost(flows: Sequence[Flow], losses: Losses, rng: np.random.Generator, *, times: float = 1.0) -> Array:
    """Packets lost of each flow; `times` the usual number of packets is sent."""
    hops = padded([flow.way for flow in flows])
    left = np.array([round(flow.sent * times) for flow in flows], dtype=np.int64)
    gone = np.zeros(len(flows))
    for at in range(hops.shape[1]):
        crossed = np.flatnonzero(hops[:, at] >= 0)
        component = hops[crossed, at]
        dropped = _dropped(left[crossed], losses.ratio[component], losses.burst[component], rng)
        left[crossed] -= dropped
        gone[crossed] += dropped
    return gone


def _dropped(packets: Any, ratio: Array, burst: Array, rng: np.random.Generator) -> Any:
    dropped = rng.binomial(packets, ratio)
    runs = np.flatnonzero(burst > 1)
    if len(runs):
        begun = rng.binomial(packets[runs], ratio[runs] / burst[runs])
        # A run is longer than one packet by a geometric number: the sum of those is negative binomial.
        longer = np.where(begun > 0, rng.negative_binomial(np.maximum(1, begun), 1 / burst[runs]), 0)
        dropped[runs] = np.minimum(packets[runs], begun + longer)
    return dropped


def padded(ways: Sequence[Sequence[int]]) -> Any:
    """Ways as a matrix, filled up with -1."""
    longest = max((len(way) for way in ways), default=0)
    found = np.full((len(ways), longest), -1, dtype=np.int64)
    for row, way in enumerate(ways):
        found[row, : len(way)] = way
    return found
