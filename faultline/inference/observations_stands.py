"""Where probes stand: the device around them, their site, and which of them measured a row.

Goes in: the inventory. Comes out: ids, or None where nobody can tell. Knows nothing of time.
"""

from __future__ import annotations

import itertools

from faultline.inference.observations_rows import SeenRow
from faultline.inventory import positions
from faultline.inventory.model import Inventory, Line
from faultline.records.incident import Base
from faultline.records.terms import ComponentId, DialId, ProbeId, SessionId, VantageId


def site_of(probe: str, inventory: Inventory) -> str | None:
    """Where a probe stands, when its vantages agree on it."""
    found = {vantage.site for vantage in inventory.vantages.values() if vantage.probe == probe and vantage.site}
    return found.pop() if len(found) == 1 else None


def device_of(probe: ProbeId | None, line: Line, inventory: Inventory) -> ComponentId | None:
    """The device that a probe stands in: one with a vantage of the probe on each side; None when not known."""
    if probe is None:
        return None
    places = [v.positions[line.code] for v in inventory.vantages.values() if v.probe == probe and line.code in v.positions]
    for one, other in itertools.combinations(places, 2):
        inside = positions.via(line, inventory, one, other)
        if len(inside) == 1 and not inventory.components[Base(inside[0])].directed:
            return inside[0]
    return None


def measured_by(row: SeenRow, inventory: Inventory) -> ProbeId | None:
    """The probe that a row came from; None when the inventory does not say."""
    if "probe" in row.tags:
        return ProbeId(row.tags["probe"])
    session = inventory.sessions.get(SessionId(row.tags.get("session", "")))
    dial = inventory.dials.get(DialId(row.tags.get("dial", "")))
    asked = session or dial
    named = row.tags.get("vantage", row.tags.get("first", ""))
    vantage = inventory.vantages.get(asked.sender if asked else VantageId(named))
    return vantage.probe if vantage else None
