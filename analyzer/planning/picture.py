"""A line's path as text, from A to Z, with the owner of each element and who looks from where.

Goes in: a line and the inventory. Comes out: lines of text, or the same as plain data. No colours, no terminal.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Any

from faultline.inventory import Inventory, Line, PlannedWork, Vantage, positions
from faultline.records.incident import base_of
from faultline.records.terms import SECOND_NS
from faultline.reports.numbers import zone

_WIDE = frozenset({"W", "F"})


def draw(line: Line, inventory: Inventory) -> list[str]:
    """The picture."""
    facts = [line.code, line.customer, *(fact for fact in (line.grade, line.type, _rate(line.cir_bps), line.state) if fact)]
    rows = [_element(line, inventory, at) for at in range(len(line.path))]
    widths = [max(map(_columns, column)) for column in zip(*rows, strict=True)]
    drawn = [" · ".join(facts), "", f"  A  {line.a_end.name}  {', '.join(line.a_end.prefixes)}"]
    for at, row in enumerate(rows):
        drawn += [f"  ◆    {_looks(vantage)}" for vantage in _vantages(line, inventory, at - 0.5)]
        cells = "  ".join(_padded(cell, width) for cell, width in zip(row, widths, strict=True))
        mark = "│" if inventory.components[line.path[at]].directed else "■"
        drawn.append(f"  {mark}  {cells}".rstrip())
        drawn += [f"  ◆    {_looks(vantage)} (at it)" for vantage in _vantages(line, inventory, float(at))]
    drawn += [f"  ◆    {_looks(vantage)}" for vantage in _vantages(line, inventory, len(line.path) - 0.5)]
    drawn.append(f"  Z  {line.z_end.name}  {', '.join(line.z_end.prefixes)}")
    tests = _tests(line, inventory)
    if tests:
        drawn += [
            "",
            "tests",
            *(f"  {t['id']}: {t['sender']} → {t['reflector']}, over {' - '.join(t['crosses'])}" for t in tests),
        ]
    planned = [work for work in inventory.planned if not set(work.components).isdisjoint(line.path)]
    if planned:
        drawn += ["", "planned work", *(f"  {_planned(work, line)}" for work in planned)]
    return drawn


def document(line: Line, inventory: Inventory) -> dict[str, Any]:
    """The same as plain data; what is not known is left out."""
    facts = {name: getattr(line, name) for name in ("grade", "type", "cir_bps", "time_zone", "backup")}
    return {
        "code": line.code,
        "tenant": line.tenant,
        "customer": line.customer,
        "state": line.state,
        **_known(facts),
        "a_end": _known({"name": line.a_end.name, "site": line.a_end.site, "prefixes": list(line.a_end.prefixes)}),
        "z_end": _known({"name": line.z_end.name, "site": line.z_end.site, "prefixes": list(line.z_end.prefixes)}),
        "path": [_path_entry(line, inventory, at) for at in range(len(line.path))],
        "vantages": [
            _known({"id": v.id, "probe": v.probe, "observation_point": v.observation_point})
            | positions.describe(line.path, v.positions[line.code])
            for v in _vantages(line, inventory, None)
        ],
        "sessions": _tests(line, inventory),
    }


def _path_entry(line: Line, inventory: Inventory, at: int) -> dict[str, Any]:
    component = inventory.components[line.path[at]]
    joins = list(component.between) if component.between else None
    entry = {"id": component.id, "name": component.name, "kind": component.kind.value, "owner": component.owner.value}
    return entry | _known({"site": component.site, "between": joins, "hosts": list(component.hosts) or None})


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _element(line: Line, inventory: Inventory, at: int) -> tuple[str, str, str, str]:
    component = inventory.components[line.path[at]]
    joins = " \u2013 ".join(component.between or ()) or (f"runs {', '.join(component.hosts)}" if component.hosts else "")
    name = component.name if component.name == component.id else f"{component.name} ({component.id})"
    return name, component.kind.value, component.owner.value, joins


def _vantages(line: Line, inventory: Inventory, place: float | None) -> list[Vantage]:
    """Those on the line at a place, or all of them from A to Z."""
    seen = [vantage for vantage in inventory.vantages.values() if line.code in vantage.positions]
    here = [v for v in seen if place is None or v.positions[line.code].place == place]
    return sorted(here, key=lambda vantage: vantage.positions[line.code].place)


def _looks(vantage: Vantage) -> str:
    if vantage.probe is None:
        return f"{vantage.id}: a reflector that is not ours"
    point = f", captures {vantage.observation_point}" if vantage.observation_point else ", tests only"
    return f"{vantage.id}: probe {vantage.probe}{point}"


def _tests(line: Line, inventory: Inventory) -> list[dict[str, Any]]:
    found = []
    for session in inventory.sessions.values():
        if session.line == line.code:
            ends = [inventory.vantages[name].positions[line.code] for name in (session.sender, session.reflector)]
            crosses = [str(base_of(component)) for component in positions.via(line, inventory, *ends)]
            found.append({"id": session.id, "sender": session.sender, "reflector": session.reflector, "crosses": crosses})
    return found


def _planned(work: PlannedWork, line: Line) -> str:
    tz = zone(line.time_zone)
    start, end = (datetime.fromtimestamp(ns // SECOND_NS, tz=UTC).astimezone(tz) for ns in (work.start_ns, work.end_ns))
    reason = f": {work.reason}" if work.reason else ""
    return f"{', '.join(work.components)}, {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M %Z}{reason}"


def _rate(bps: int | None) -> str | None:
    if bps is None:
        return None
    for unit, size in (("Gbit/s", 10**9), ("Mbit/s", 10**6), ("kbit/s", 10**3)):
        if bps >= size:
            return f"{bps / size:g} {unit}"
    return f"{bps} bit/s"


def _columns(text: str) -> int:
    """Columns of a terminal: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in _WIDE else 1 for character in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _columns(text))
