"""What the operator knows: schema, reading, checking, and the positions from which via follows. Pure."""

from faultline.inventory.model import (
    Component,
    Dial,
    DialProtocol,
    Freeze,
    Inventory,
    Line,
    LineEnd,
    PlannedWork,
    Position,
    ProbeInterface,
    ServicePort,
    Site,
    Tenant,
    TestSession,
    Trace,
    TransportProtocol,
    Vantage,
)
from faultline.inventory.problems import InventoryError, Problem
from faultline.inventory.reading import FORMAT, parse, read, read_with_data

__all__ = [
    "FORMAT",
    "Component",
    "Dial",
    "DialProtocol",
    "Freeze",
    "Inventory",
    "InventoryError",
    "Line",
    "LineEnd",
    "PlannedWork",
    "Position",
    "ProbeInterface",
    "Problem",
    "ServicePort",
    "Site",
    "Tenant",
    "TestSession",
    "Trace",
    "TransportProtocol",
    "Vantage",
    "parse",
    "read",
    "read_with_data",
]
