"""The components of an evidence document: those that the measured lines cross, each direction of a segment on its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from faultline.inference.observations_rows import Observation
from faultline.inventory import positions
from faultline.inventory.extent import everything_on
from faultline.inventory.model import Component, Inventory
from faultline.records.incident import Base, base_of
from faultline.records.terms import SECOND_NS, ComponentId, ComponentKind, Direction, Owner

OVERRUN_NS = 60 * SECOND_NS
"""What is still down so long after the work on it was to end is no planned work any more."""


def components(observations: Sequence[Observation], inventory: Inventory) -> list[dict[str, Any]]:
    """Every component of the lines that were measured, with the services on their servers, and what else observations name.

    A bundle stands aside for its members: they are what can fail.
    """
    named = _named(observations)
    wanted: dict[Base, None] = {}
    for line in inventory.lines.values():
        reach = everything_on(line, inventory.components)
        if not named.isdisjoint(reach):
            wanted.update(reach)
    wanted.update((base, None) for base in inventory.components if base in named)
    for base in list(wanted):
        wanted.update((Base(host), None) for host in inventory.components[base].hosts)
    known = (inventory.components[base] for base in wanted)
    found = [entry for component in known if not component.paths for entry in _entries(inventory, component)]
    return found + _silent_places(observations, inventory)


def _named(observations: Iterable[Observation]) -> set[Base]:
    found: set[Base] = set()
    for observation in observations:
        vias = [observation.get("via", ()), *(path["via"] for path in observation.get("paths", ()))]
        ids = [*(component for via in vias for component in via), observation.get("endpoint"), observation.get("component")]
        found.update(base_of(component) for component in ids if component is not None)
    return found


def _entries(inventory: Inventory, component: Component) -> list[dict[str, Any]]:
    ids = list(dict.fromkeys(positions.directed(inventory, component.id, direction) for direction in Direction))
    return [
        {
            "id": directed,
            "kind": component.kind.value,
            "owner": component.owner.value,
            **({"site": component.site} if component.site else {}),
            **({"reverse": ids[1 - at]} if len(ids) > 1 else {}),
            **({"hosts": list(component.hosts)} if component.hosts else {}),
        }
        for at, directed in enumerate(ids)
    ]


def _silent_places(observations: Iterable[Observation], inventory: Inventory) -> list[dict[str, Any]]:
    """Probes that fell silent and their sites: the two things a silence can be. And sites that somebody tells of."""
    found: dict[str, dict[str, Any]] = {}
    for observation in observations:
        if observation["kind"] == "silence":
            probe, site = observation["probe"], observation.get("site")
            grouped = {"site": site} if site else {}
            found[probe] = {"id": probe, "kind": ComponentKind.PROBE.value, "owner": Owner.UNKNOWN.value, **grouped}
        else:
            site = observation.get("component")
        if site is not None and site in inventory.sites and site not in inventory.components:
            found[site] = {"id": site, "kind": ComponentKind.SITE.value, "owner": inventory.sites[site].owner.value}
    return list(found.values())


def maintenance(inventory: Inventory, start_ns: int, end_ns: int) -> list[str]:
    """Ids of components with planned work at the end of that time; a site where everything in it is worked on."""
    begun_ns = max(start_ns, end_ns - OVERRUN_NS)
    under_way = [work for work in inventory.planned if work.start_ns < end_ns and begun_ns < work.end_ns]
    if not under_way:
        return []
    bases = {base for work in under_way for base in work.components}
    sites = {site for base in bases if (site := inventory.components[base].site)}
    left = {component.site for component in inventory.components.values() if component.id not in bases}
    return [*worked_on(inventory, (base for work in under_way for base in work.components)), *sorted(sites - left)]


def worked_on(inventory: Inventory, bases: Iterable[Base]) -> list[ComponentId]:
    """What work on these works on, as evidence names it: both directions; of a bundle its members, of a server its services."""
    found: dict[ComponentId, None] = {}
    for base in (part for named in bases for part in _parts(inventory, named)):
        found.update((positions.directed(inventory, base, direction), None) for direction in Direction)
    return list(found)


def _parts(inventory: Inventory, base: Base) -> tuple[Base, ...]:
    component = inventory.components[base]
    if component.paths:
        return tuple(dict.fromkeys(member for path in component.paths for member in path))
    return (base, *(Base(host) for host in component.hosts))
