"""Evidence told by probes' hosts: link state and counters of their interfaces, and probes that fell silent.

An interface speaks for the component it is plugged into. A link that is down is down both ways; receive errors are damage on the
way to the interface, send errors and drops on the way from it: which direction of the line that is follows from the side of the
component the probe is on. Packets received and dropped are left out: hosts count frames of protocols they do not speak there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from faultline.inference.observations_rows import Observation, SeenRow, count
from faultline.inventory import positions
from faultline.inventory.model import Inventory, ProbeInterface
from faultline.records.incident import Base
from faultline.records.terms import ComponentId, Direction, ProbeId

RAISED_RATIO = 5e-5
"""Of the packets of that direction: the loss ratio of a healthy path."""
FEWEST_RAISED = 2
"""One damaged frame is weather."""


def probe_id(probe: str) -> str:
    """A probe's id among components: probes and devices are named by different people, and may share a name."""
    return f"probe:{probe}"


def interface_observations(row: SeenRow, inventory: Inventory) -> Iterator[Observation]:
    """What an `interface` row says; nothing when the inventory has it speak for nothing."""
    for spoken in inventory.interfaces:
        if spoken.probe == row.tags.get("probe") and spoken.interface == row.tags.get("interface"):
            yield from _link(row, spoken, inventory)
            yield from _counters(row, spoken, inventory)


def _link(row: SeenRow, spoken: ProbeInterface, inventory: Inventory) -> Iterator[Observation]:
    up = count(row, "link_up")
    if up is not None:
        for component in _both(inventory, spoken.component):
            yield _counter(component, "if_oper_down", raised=up == 0)


def _counters(row: SeenRow, spoken: ProbeInterface, inventory: Inventory) -> Iterator[Observation]:
    to_host = direction_to(inventory, spoken)
    for name, bad, packets, inward in (
        ("if_in_errors", "in_errors", "in_packets", True),
        ("if_out_errors", "out_errors", "out_packets", False),
        ("if_discards", "out_discards", "out_packets", False),
    ):
        errors, good = count(row, bad), count(row, packets)
        if errors is None or good is None or not errors + good:
            continue
        raised = errors >= FEWEST_RAISED and errors >= RAISED_RATIO * (errors + good)
        for component in _towards(inventory, spoken.component, to_host, inward=inward):
            yield _counter(component, name, raised=raised)


def _towards(inventory: Inventory, base: Base, to_host: Direction | None, *, inward: bool) -> tuple[ComponentId, ...]:
    if to_host is None:
        # Of an undirected component it is the component; of a segment seen from both sides the direction cannot be told.
        return () if inventory.components[base].directed else _both(inventory, base)
    return (positions.directed(inventory, base, to_host if inward else to_host.opposite),)


def _both(inventory: Inventory, base: Base) -> tuple[ComponentId, ...]:
    return tuple(dict.fromkeys(positions.directed(inventory, base, direction) for direction in Direction))


def direction_to(inventory: Inventory, spoken: ProbeInterface) -> Direction | None:
    """Direction on the line of packets that reach the interface through its component; None when it cannot be told."""
    found: set[Direction] = set()
    for vantage in inventory.vantages.values():
        if vantage.probe != spoken.probe:
            continue
        for code, position in vantage.positions.items():
            path = inventory.lines[code].path
            place = path.index(spoken.component) if spoken.component in path else None
            if place is not None and position.place != place:
                found.add(Direction.A_TO_Z if position.place > place else Direction.Z_TO_A)
    return found.pop() if len(found) == 1 else None


def _counter(component: ComponentId, name: str, *, raised: bool) -> Observation:
    return {"kind": "counter", "component": component, "name": name, "raised": raised}


def silence_observations(silent: Mapping[ProbeId, tuple[int, int]], inventory: Inventory) -> Iterator[Observation]:
    """Probes that fell silent, with the reports missed and expected, as `Attendance` tells them."""
    for probe, (missed, expected) in sorted(silent.items()):
        site = site_of(probe, inventory)
        where = {"site": site} if site else {}
        yield {"kind": "silence", "probe": probe_id(probe), **where, "missed": missed, "expected": expected}


def site_of(probe: str, inventory: Inventory) -> str | None:
    """Where a probe stands, when its vantages agree on it."""
    found = {vantage.site for vantage in inventory.vantages.values() if vantage.probe == probe and vantage.site}
    return found.pop() if len(found) == 1 else None
