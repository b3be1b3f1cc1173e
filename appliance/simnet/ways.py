"""Words of the simulated network: a way over a line, the components on it, packets that cross it. Plain data."""

from __future__ import annotations

import attrs
import numpy as np

from appliance.simnet import noise
from appliance.simnet.noise import Flags, Times
from faultline.records.incident import Base
from faultline.records.terms import Direction, LineCode


@attrs.frozen(slots=True)
class Hop:
    """A component on the way of a packet, with its place on the line; members of a bundle are around the bundle's place."""

    base: Base
    direction: Direction
    place: float
    bundle: Base | None = None


@attrs.frozen(slots=True)
class Way:
    """A slice of a line in one direction: everything between two places."""

    line: LineCode
    direction: Direction
    low: float
    high: float


@attrs.frozen(slots=True)
class Packets:
    """Packets of any flows, as arrays of equal length."""

    at_ns: Times
    octets: Times
    lots: Times
    """Of each packet's flow: see `lot`."""

    def __len__(self) -> int:
        return len(self.at_ns)

    def of(self, chosen: Flags) -> Packets:
        """Some of them."""
        return Packets(self.at_ns[chosen], self.octets[chosen], self.lots[chosen])


def packets(at_ns: Times, *, octets: int, lot: int) -> Packets:
    """Packets of one flow and size."""
    return Packets(at_ns, np.full(at_ns.shape, octets, np.int64), np.full(at_ns.shape, lot, np.int64))


def lot(protocol: int, source: str, source_port: int, destination: str, destination_port: int) -> int:
    """What a router's choice among alternatives of equal cost depends on: neighbouring ports take different ones."""
    return noise.hashed(protocol, source, destination) + source_port + destination_port
