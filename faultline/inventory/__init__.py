"""What the operator knows: schema, reading, checking, and the positions from which via follows. Pure."""

from faultline.inventory.model import (
    Component,
    DeviceInterface,
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
from faultline.inventory.places import Places
from faultline.inventory.problems import InventoryError, Problem
from faultline.inventory.reading import FORMAT, parse, read, read_with_data, read_with_places

__all__ = [
    "FORMAT",
    "Component",
    "DeviceInterface",
    "Dial",
    "DialProtocol",
    "Freeze",
    "Inventory",
    "InventoryError",
    "Line",
    "LineEnd",
    "Places",
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
    "read_with_places",
]
