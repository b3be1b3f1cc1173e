"""A line's path as text, from A to Z, with the owner of each element and who looks from where.

Goes in: a line and the inventory. Comes out: lines of text, or the same as plain data. No colours, no terminal.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Any

import attrs

from faultline.inventory import Inventory, Line, LineEnd, PlannedWork, Vantage, positions
from faultline.inventory.promised import MS_NS
from faultline.records.incident import Base, base_of
from faultline.records.terms import SECOND_NS
from faultline.reports.numbers import zone

_WIDE = frozenset({"W", "F"})


def draw(line: Line, inventory: Inventory) -> list[str]:
    """The picture."""
    facts = [line.code, line.customer, *(fact for fact in (line.grade, line.type, _rate(line.cir_bps), line.state) if fact)]
    rows = [_element(line, inventory, at) for at in range(len(line.path))]
    widths = [max(map(_columns, column)) for column in zip(*rows, strict=True)]
    drawn = [" · ".join(facts), *_agreed(line, inventory), "", f"  A  {line.a_end.name}  {', '.join(line.a_end.prefixes)}"]
    for at, row in enumerate(rows):
        drawn += [f"  ◆    {_looks(vantage)}" for vantage in _vantages(line, inventory, at - 0.5)]
        cells = "  ".join(_padded(cell, width) for cell, width in zip(row, widths, strict=True))
        mark = "│" if inventory.components[line.path[at]].directed else "■"
        drawn.append(f"  {mark}  {cells}".rstrip())
        drawn += [f"  ◆    {_looks(vantage)} (at it)" for vantage in _vantages(line, inventory, float(at))]
    drawn += [f"  ◆    {_looks(vantage)}" for vantage in _vantages(line, inventory, len(line.path) - 0.5)]
    drawn.append(f"  Z  {line.z_end.name}  {', '.join(line.z_end.prefixes)}")
    drawn += _behind(line, inventory)
    tests = _tests(line, inventory)
    if tests:
        drawn += [
            "",
            "tests",
            *(f"  {t['id']}: {t['sender']} → {t['reflector']}, over {' - '.join(t['crosses'])}" for t in tests),
        ]
    asked = [*_dials(line, inventory), *_traces(line, inventory)]
    if asked:
        drawn += ["", "dial tests and traces", *(f"  {one['id']}: {one['sender']} → {one['target']}" for one in asked)]
    planned = [work for work in inventory.planned if not set(work.components).isdisjoint(line.path)]
    if planned:
        drawn += ["", "planned work", *(f"  {_planned(work, line)}" for work in planned)]
    return drawn


def document(line: Line, inventory: Inventory) -> dict[str, Any]:
    """The same as plain data; what is not known is left out."""
    facts = {name: getattr(line, name) for name in ("grade", "type", "cir_bps", "eir_bps", "time_zone", "backup")}
    facts["vip"] = inventory.tenants[line.tenant].vip
    facts["contract"] = _known(attrs.asdict(line.contract)) or None
    facts["groups"] = [group.id for group in inventory.groups.values() if line.code in group.lines] or None
    return {
        "code": line.code,
        "tenant": line.tenant,
        "customer": line.customer,
        "state": line.state,
        **_known(facts),
        "a_end": _end(line.a_end),
        "z_end": _end(line.z_end),
        "path": [_path_entry(line, inventory, at) for at in range(len(line.path))],
        "vantages": [
            _known({"id": v.id, "probe": v.probe, "observation_point": v.observation_point})
            | positions.describe(line.path, v.positions[line.code])
            for v in _vantages(line, inventory, None)
        ],
        "sessions": _tests(line, inventory),
        "dials": _dials(line, inventory),
        "traces": _traces(line, inventory),
    }


def _agreed(line: Line, inventory: Inventory) -> list[str]:
    """What was promised, and what the line belongs to."""
    contract, vip = line.contract, inventory.tenants[line.tenant].vip
    promised = [
        f"{name} {value / unit:g} {sign}"
        for name, value, unit, sign in (
            ("availability", contract.availability_ratio, 0.01, "%"),
            ("loss", contract.loss_ratio, 0.01, "%"),
            ("round trip", contract.round_trip_ns, MS_NS, "ms"),
            ("delay variation", contract.variation_ns, MS_NS, "ms"),
        )
        if value is not None
    ]
    groups = [f"{group.kind.value} {group.name}" for group in inventory.groups.values() if line.code in group.lines]
    told = {"customer": [vip.value] if vip else [], "contract": promised, "belongs to": groups}
    return [f"{what}: {', '.join(values)}" for what, values in told.items() if values]


def _end(end: LineEnd) -> dict[str, Any]:
    hosts = list(end.hosts) or None
    return _known({"name": end.name, "site": end.site, "prefixes": list(end.prefixes), "hosts": hosts})


def _behind(line: Line, inventory: Inventory) -> list[str]:
    """Servers and resolvers behind the ends, with what runs on them."""
    drawn = []
    for end in (line.a_end, line.z_end):
        for host in (inventory.components[base] for base in end.hosts):
            services = [inventory.components[Base(name)] for name in host.hosts]
            runs = ", ".join(" ".join([service.name, *map(str, service.ports)]) for service in services)
            facts = [host.kind.value, ", ".join(host.addresses), f"runs {runs}" if runs else ""]
            drawn.append(f"     {host.name} ({host.id}), {', '.join(fact for fact in facts if fact)}, behind {end.name}")
    return drawn


def _dials(line: Line, inventory: Inventory) -> list[dict[str, Any]]:
    return [
        {"id": dial.id, "sender": dial.sender, "protocol": dial.protocol.value, "target": dial.endpoint}
        for dial in inventory.dials.values()
        if dial.line == line.code
    ]


def _traces(line: Line, inventory: Inventory) -> list[dict[str, Any]]:
    return [
        {"id": trace.id, "sender": trace.sender, "target": trace.target or trace.endpoint}
        for trace in inventory.traces.values()
        if trace.line == line.code
    ]


def _path_entry(line: Line, inventory: Inventory, at: int) -> dict[str, Any]:
    component = inventory.components[line.path[at]]
    joins = list(component.between) if component.between else None
    entry = {"id": component.id, "name": component.name, "kind": component.kind.value, "owner": component.owner.value}
    more = {"hosts": list(component.hosts), "addresses": list(component.addresses), "paths": [list(p) for p in component.paths]}
    return entry | _known({"site": component.site, "between": joins, **{key: value or None for key, value in more.items()}})


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _element(line: Line, inventory: Inventory, at: int) -> tuple[str, str, str, str]:
    component = inventory.components[line.path[at]]
    joins = " \u2013 ".join(component.between or ()) or (f"runs {', '.join(component.hosts)}" if component.hosts else "")
    if component.paths:
        joins = f"{joins}, over {' or '.join(' - '.join(path) for path in component.paths)}".removeprefix(", ")
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
