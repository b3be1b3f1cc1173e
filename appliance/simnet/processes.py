"""What comes and goes in time at one place and hits whoever crosses it then: bursts of loss, a queue, a closed window.

Each is drawn for stretches of ten seconds from the seed and the place's name, and looked up by moments: two flows that cross at
the same moment meet the same burst.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from appliance.simnet import noise
from appliance.simnet.noise import Flags, Ratios, Times
from faultline.records.terms import SECOND_NS

STRETCH_NS = 10 * SECOND_NS
_BURST_NS = 40_000_000
"""Mean length of a burst of loss: an interface that resynchronises, a microwave hop in a gust."""
_BURST_LOSS = 0.9
"""Of the packets within a burst; some get through."""
_CLOSED_NS = 1_200_000_000
"""Mean time for which an application that is stuck leaves its window closed before it reads again."""
_GRID_NS = 5_000_000
"""The queue's length is known every 5 ms."""
_QUEUE_STEP = 0.12
"""It changes by about so much of its buffer in a step."""
_P90 = 0.9
"""A reflected walk is anywhere in its buffer alike: so much of it is full, or less, nine times out of ten."""
_BUSY_SHARE = 0.85
"""Of the time there is a queue at all; between the bursts of traffic there is none, so the least delay stays what it was."""


class Alternation:
    """Two states in turn, each lasting exponentially long: on for a given share of the time."""

    def __init__(self, seed: int, name: str, *, share: float, mean_on_ns: int) -> None:
        self._seed = seed
        self._name = name
        self._share = min(share, 1.0)
        self._mean_on_ns = mean_on_ns

    def edges(self, start_ns: int) -> Times:
        """Moments of a stretch at which it changes; it begins off, so that even positions of the list turn it on."""
        return _edges(self._seed, self._name, start_ns // STRETCH_NS * STRETCH_NS, self._share, self._mean_on_ns)

    def on(self, at_ns: Times) -> Flags:
        """Whether it is on at these moments."""
        if self._share >= 1:
            return np.ones(at_ns.shape, bool)
        found = np.zeros(at_ns.shape, bool)
        for start_ns in np.unique(at_ns // STRETCH_NS).tolist():
            inside = at_ns // STRETCH_NS == start_ns
            found[inside] = np.searchsorted(self.edges(start_ns * STRETCH_NS), at_ns[inside], side="right") % 2 == 1
        return found

    def spans(self, start_ns: int, end_ns: int) -> list[tuple[int, int]]:
        """Stretches of [start, end) in which it is on."""
        if self._share >= 1:
            return [(start_ns, end_ns)]
        found = []
        for stretch_ns in range(start_ns // STRETCH_NS * STRETCH_NS, end_ns, STRETCH_NS):
            edges = [*self.edges(stretch_ns).tolist(), stretch_ns + STRETCH_NS]
            found += [(max(start_ns, on), min(end_ns, off)) for on, off in zip(edges[::2], edges[1::2], strict=False)]
        return [(on, off) for on, off in found if on < off]


@lru_cache(maxsize=256)
def _edges(seed: int, name: str, start_ns: int, share: float, mean_on_ns: int) -> Times:
    draw = noise.generator(seed, name, start_ns)
    mean_off_ns = mean_on_ns * (1 - share) / share
    count = 4 + int(3 * STRETCH_NS / (mean_on_ns + mean_off_ns))
    lengths = np.empty(2 * count)
    lengths[0::2] = draw.exponential(mean_off_ns, count)
    lengths[1::2] = draw.exponential(mean_on_ns, count)
    if draw.random() < share:
        lengths[0] = 0.0
    edges = start_ns + np.cumsum(lengths).astype(np.int64)
    found: Times = edges[edges < start_ns + STRETCH_NS]
    return found


def bursts(seed: int, name: str, ratio: float) -> Alternation:
    """Bursts that lose a given share of all packets."""
    return Alternation(seed, f"bursts {name}", share=min(1.0, ratio / _BURST_LOSS), mean_on_ns=_BURST_NS)


def burst_loss(process: Alternation, at_ns: Times) -> Ratios:
    """Chance of each packet to be lost in a burst."""
    return np.where(process.on(at_ns), _BURST_LOSS, 0.0)


def closed_windows(seed: int, name: str, ratio: float) -> Alternation:
    """Times in which a host's receive windows are closed."""
    return Alternation(seed, f"closed {name}", share=ratio, mean_on_ns=_CLOSED_NS)


class Queue:
    """A queue that every packet crosses: a reflected random walk between empty and a full buffer."""

    def __init__(self, seed: int, name: str, *, p90_ns: int) -> None:
        self._seed = seed
        self._name = f"queue {name}"
        self._most_ns = p90_ns / _P90

    def at(self, at_ns: Times) -> tuple[Times, Ratios]:
        """Waiting times of packets that come at these moments, and their chance to find the buffer full."""
        waits, dropped = np.zeros(at_ns.shape, np.int64), np.zeros(at_ns.shape)
        for stretch in np.unique(at_ns // STRETCH_NS).tolist():
            inside = at_ns // STRETCH_NS == stretch
            fill, over = _walk(self._seed, self._name, stretch * STRETCH_NS)
            steps = (at_ns[inside] - stretch * STRETCH_NS) // _GRID_NS
            waits[inside] = (fill[steps] * self._most_ns).astype(np.int64)
            dropped[inside] = over[steps]
        return waits, dropped

    def dropped_share(self, start_ns: int) -> float:
        """Mean share of packets that a stretch drops."""
        return float(_walk(self._seed, self._name, start_ns // STRETCH_NS * STRETCH_NS)[1].mean())


@lru_cache(maxsize=256)
def _walk(seed: int, name: str, start_ns: int) -> tuple[NDArray[np.float64], Ratios]:
    """Fill of the buffer, 0..1, and the share that is dropped, on the grid."""
    draw = noise.generator(seed, name, start_ns)
    count = STRETCH_NS // _GRID_NS
    steps = draw.normal(0.0, _QUEUE_STEP, count)
    fill, over = np.empty(count), np.zeros(count)
    now = draw.random()
    for at, step in enumerate(steps.tolist()):
        now += step
        if now > 1.0:
            over[at], now = min(1.0, now - 1.0), 1.0
        now = max(now, 0.0)
        fill[at] = now
    idle = np.repeat(draw.random(count // 20) >= _BUSY_SHARE, 20)
    fill[idle], over[idle] = 0.0, 0.0
    return fill, over
