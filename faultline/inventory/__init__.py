"""What the operator knows: schema, reading, checking, and the positions from which via follows. Pure."""

from faultline.inventory.model import (
    Component,
    Inventory,
    Line,
    LineEnd,
    PlannedWork,
    Position,
    ProbeInterface,
    Site,
    Tenant,
    TestSession,
    Vantage,
)
from faultline.inventory.problems import InventoryError, Problem
from faultline.inventory.reading import FORMAT, parse, read

__all__ = [
    "FORMAT",
    "Component",
    "Inventory",
    "InventoryError",
    "Line",
    "LineEnd",
    "PlannedWork",
    "Position",
    "ProbeInterface",
    "Problem",
    "Site",
    "Tenant",
    "TestSession",
    "Vantage",
    "parse",
    "read",
]
