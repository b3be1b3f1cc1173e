"""The closed lists of the field: owners, component kinds, modes, directions, levels. Anything outside them is an error."""

from __future__ import annotations

from enum import StrEnum
from typing import NewType

ComponentId = NewType("ComponentId", str)
"""A component as observations name it: a segment carries its direction (`loop-17>`), a device does not (`pe-3`)."""
LineCode = NewType("LineCode", str)
TenantId = NewType("TenantId", str)
VantageId = NewType("VantageId", str)
ProbeId = NewType("ProbeId", str)
SessionId = NewType("SessionId", str)
DialId = NewType("DialId", str)
TraceId = NewType("TraceId", str)

UNASSIGNED = TenantId("_unassigned")
"""Tenant of traffic whose addresses the inventory does not map: kept and counted, never guessed."""
CARRIER = TenantId("carrier")

SECOND_NS = 1_000_000_000


class Owner(StrEnum):
    """Who answers for a component."""

    CUSTOMER = "customer"
    ACCESS = "access"
    CARRIER_CORE = "carrier_core"
    OTHER_CARRIER = "other_carrier"
    DESTINATION = "destination"
    UNKNOWN = "unknown"


class ComponentKind(StrEnum):
    """What a component is."""

    SEGMENT = "segment"
    LINK = "link"
    DEVICE = "device"
    SITE = "site"
    SERVER = "server"
    SERVICE = "service"
    RESOLVER = "resolver"
    ROUTE = "route"
    PROBE = "probe"


class Mode(StrEnum):
    """How a component fails."""

    LOSS = "loss"
    CONGESTION = "congestion"
    DELAY = "delay"
    DOWN = "down"
    MTU = "mtu"
    SLOW = "slow"
    FAILING = "failing"
    STALLED = "stalled"
    ROUTE = "route"


class Direction(StrEnum):
    """Direction on a line. Forward and reverse belong to biflows and test sessions; enrichment maps one to the other."""

    A_TO_Z = "a_to_z"
    Z_TO_A = "z_to_a"

    @property
    def opposite(self) -> Direction:
        """The other direction."""
        return Direction.Z_TO_A if self is Direction.A_TO_Z else Direction.A_TO_Z

    @property
    def mark(self) -> str:
        """Suffix of a directed component's id: `>` from A to Z, `<` from Z to A."""
        return ">" if self is Direction.A_TO_Z else "<"


class Level(StrEnum):
    """Length of a roll-up window."""

    TEN_SECONDS = "10s"
    MINUTE = "1m"
    HOUR = "1h"

    @property
    def length_ns(self) -> int:
        """Length in nanoseconds."""
        return {Level.TEN_SECONDS: 10, Level.MINUTE: 60, Level.HOUR: 3600}[self] * SECOND_NS


class Stream(StrEnum):
    """Streams of batches of a probe; when the spool is full they are dropped in this order."""

    FLOWS = "flows"
    MEASUREMENTS = "measurements"
    EVENTS = "events"
