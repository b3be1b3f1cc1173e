"""A part of the inventory: some lines with all that looks at them, and a probe that is not there yet.

Goes in: an inventory. Comes out: another one. What a vantage sees on other lines is left out with them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import attrs

from faultline.inventory import Inventory, Line, Position, TestSession, Vantage
from faultline.records.terms import LineCode, ProbeId, SessionId, VantageId


def part_of(inventory: Inventory, lines: Collection[LineCode]) -> Inventory:
    """Only these lines."""
    kept = {code: line for code, line in inventory.lines.items() if code in lines}
    vantages = {}
    for name, vantage in inventory.vantages.items():
        places = {code: position for code, position in vantage.positions.items() if code in kept}
        if places:
            vantages[name] = attrs.evolve(vantage, positions=places)
    return attrs.evolve(
        inventory,
        lines=kept,
        vantages=vantages,
        sessions={name: s for name, s in inventory.sessions.items() if s.line in kept},
        dials={name: d for name, d in inventory.dials.items() if d.line in kept},
        traces={name: t for name, t in inventory.traces.items() if t.line in kept},
        planned=(),
        freezes=(),
    )


def with_probe(inventory: Inventory, places: Mapping[LineCode, Position], name: str) -> Inventory:
    """With a probe that captures at these places and tests towards the outermost places of each line that test already."""
    vantage = Vantage(id=VantageId(name), probe=ProbeId(name), observation_point=name, positions=dict(places))
    sessions = {
        session.id: session for code, position in places.items() for session in _sessions(inventory, code, position, vantage.id)
    }
    return attrs.evolve(
        inventory, vantages={**inventory.vantages, vantage.id: vantage}, sessions={**inventory.sessions, **sessions}
    )


def _sessions(inventory: Inventory, code: LineCode, position: Position, sender: VantageId) -> Iterator[TestSession]:
    stands = {
        vantage: inventory.vantages[vantage].positions[code].place
        for session in inventory.sessions.values()
        if session.line == code
        for vantage in (session.sender, session.reflector)
    }
    if not stands:
        return
    for end, partner in (("a", min(stands, key=stands.__getitem__)), ("z", max(stands, key=stands.__getitem__))):
        if stands[partner] != position.place:
            name = SessionId(f"{sender} {code} {end}")
            yield TestSession(id=name, line=code, sender=sender, reflector=partner)


def crossing(inventory: Inventory, before: str | None, after: str | None) -> Iterator[tuple[Line, Position]]:
    """Lines that have the two as neighbours on their path, with the place between them; None: beyond the path's end."""
    for line in inventory.lines.values():
        ends: list[str | None] = [None, *line.path, None]
        for at in range(len(ends) - 1):
            if {ends[at], ends[at + 1]} == {before, after} and (before, after) != (None, None):
                yield line, Position(place=at - 0.5)
                break
