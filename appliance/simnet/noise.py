"""Chance, from one seed: what a healthy network and honest instruments scatter. Each stream of draws has a name.

A draw depends on the seed, its name and its interval alone: a fault added elsewhere, or another probe, changes no other draw.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]
Ratios = NDArray[np.float64]
Flags = NDArray[np.bool_]

_QUEUE_SHAPE, _QUEUE_SCALE_NS = 2.0, 25_000.0
"""Queueing of a line that is not full: a gamma around 50 µs."""
_SPIKE_SHARE, _SPIKE_SCALE_NS = 0.004, 700_000.0
"""Now and then a packet waits behind a burst."""


def generator(seed: int, name: str, start_ns: int) -> np.random.Generator:
    """The draws of one name in one interval."""
    return np.random.default_rng([seed & 0xFFFFFFFF, zlib.crc32(name.encode()), start_ns // 1_000_000_000])


def queueing_ns(draw: np.random.Generator, count: int) -> Times:
    """Waiting of packets on their way, never negative."""
    waits = draw.gamma(_QUEUE_SHAPE, _QUEUE_SCALE_NS, count)
    spikes = draw.random(count) < _SPIKE_SHARE
    waits[spikes] += draw.exponential(_SPIKE_SCALE_NS, int(spikes.sum()))
    found: Times = waits.astype(np.int64)
    return found


def hashed(*parts: object) -> int:
    """A number that stays, of the things it is made from."""
    return zlib.crc32(" ".join(str(part) for part in parts).encode())
