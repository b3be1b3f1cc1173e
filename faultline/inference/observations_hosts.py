"""Evidence told by probes' hosts: link state and counters of their interfaces, and probes that fell silent.

An interface speaks for the component it is plugged into. A link that is down is down both ways; receive errors are damage on the
way to the interface, send errors and drops on the way from it: which direction of the line that is follows from the side of the
component the probe is on. Packets received and dropped are left out: hosts count frames of protocols they do not speak there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from faultline.inference.observations_rows import Observation, SeenRow, count
from faultline.inference.observations_stands import device_of, site_of
from faultline.inference.observations_ways import Way, Ways, beyond, told
from faultline.inventory import positions
from faultline.inventory.model import Inventory, Line, ProbeInterface, Vantage
from faultline.records.incident import Base
from faultline.records.terms import ComponentId, Direction, ProbeId

RAISED_RATIO = 5e-5
"""Of the packets of that direction: the loss ratio of a healthy path."""
FEWEST_RAISED = 2
"""One damaged frame is weather."""
COUNTERS = (
    ("if_in_errors", "in_errors", "in_packets", True, None),
    ("if_out_errors", "out_errors", "out_packets", False, 0.05),
    ("if_discards", "out_discards", "out_packets", False, 0.3),
)
"""Name in evidence, counter, packets of that direction, whether of those received, and its sensitivity where the localiser's
usual one does not fit: a sender seldom knows that what it sent was damaged on the way, and its queue is one of several."""


def probe_id(probe: str) -> str:
    """A probe's id among components: probes and devices are named by different people, and may share a name."""
    return f"probe:{probe}"


def interface_observations(rows: Iterable[SeenRow], inventory: Inventory) -> Iterator[Observation]:
    """What `interface` rows say; nothing where the inventory has them speak for nothing."""
    known = {(spoken.probe, spoken.interface): spoken for spoken in inventory.interfaces}
    stands: dict[ProbeId, list[Vantage]] = {}
    for vantage in inventory.vantages.values():
        if vantage.probe is not None:
            stands.setdefault(vantage.probe, []).append(vantage)
    for row in rows:
        spoken = known.get((ProbeId(row.tags.get("probe", "")), row.tags.get("interface", "")))
        # Of a bundle nobody knows which member the interface leads to.
        if spoken is not None and not inventory.components[spoken.component].paths:
            yield from _link(row, spoken, inventory)
            to_host = direction_to(inventory, spoken, stands.get(spoken.probe, ()))
            yield from _counters(row, spoken, inventory, to_host)


def _link(row: SeenRow, spoken: ProbeInterface, inventory: Inventory) -> Iterator[Observation]:
    up = count(row, "link_up")
    if up is not None:
        for component in _both(inventory, spoken.component):
            yield _counter(component, "if_oper_down", raised=up == 0)


def _counters(row: SeenRow, spoken: ProbeInterface, inventory: Inventory, to_host: Direction | None) -> Iterator[Observation]:
    for name, bad, packets, inward, sensitivity in COUNTERS:
        errors, good = count(row, bad), count(row, packets)
        if errors is None or good is None or not errors + good:
            continue
        raised = errors >= FEWEST_RAISED and errors >= RAISED_RATIO * (errors + good)
        for component in _towards(inventory, spoken.component, to_host, inward=inward):
            yield {**_counter(component, name, raised=raised), **({"sensitivity": sensitivity} if sensitivity else {})}


def _towards(inventory: Inventory, base: Base, to_host: Direction | None, *, inward: bool) -> tuple[ComponentId, ...]:
    if to_host is None:
        # Of an undirected component it is the component; of a segment seen from both sides the direction cannot be told.
        return () if inventory.components[base].directed else _both(inventory, base)
    return (positions.directed(inventory, base, to_host if inward else to_host.opposite),)


def _both(inventory: Inventory, base: Base) -> tuple[ComponentId, ...]:
    return tuple(dict.fromkeys(positions.directed(inventory, base, direction) for direction in Direction))


def direction_to(inventory: Inventory, spoken: ProbeInterface, stands: Iterable[Vantage]) -> Direction | None:
    """Direction on the line of packets that reach the interface through its component; None when it cannot be told.

    `stands` are the vantages of its probe: on the A side of the component, what is received comes from Z.
    """
    found: set[Direction] = set()
    for vantage in stands:
        for code, position in vantage.positions.items():
            place = _place(inventory, inventory.lines[code], spoken.component)
            if place is not None and position.place != place:
                found.add(Direction.A_TO_Z if position.place > place else Direction.Z_TO_A)
    return found.pop() if len(found) == 1 else None


def _place(inventory: Inventory, line: Line, component: Base) -> int | None:
    """Element of a line's path that a component is, or is a member of."""
    for at, base in enumerate(line.path):
        if component == base or any(component in path for path in inventory.components[base].paths):
            return at
    return None


def _counter(component: ComponentId, name: str, *, raised: bool) -> Observation:
    return {"kind": "counter", "component": component, "name": name, "raised": raised}


def silence_observations(silent: Mapping[ProbeId, tuple[int, int]], inventory: Inventory, ways: Ways) -> Iterator[Observation]:
    """Probes that fell silent, with the reports missed and expected, as `Attendance` tells them."""
    for probe, (missed, expected) in sorted(silent.items()):
        site = site_of(probe, inventory)
        where = {"site": site} if site else {}
        crossed = told(_way_of_reports(probe, inventory, ways))
        yield {"kind": "silence", "probe": probe_id(probe), **where, **crossed, "missed": missed, "expected": expected}


def _way_of_reports(probe: ProbeId, inventory: Inventory, ways: Ways) -> list[Way]:
    """What the reports cross to the collector and its answers back, the device that the probe stands in included.

    Nothing where they have a network of their own.
    """
    for code, line in inventory.lines.items():
        stands = [v.positions[code] for v in inventory.vantages.values() if v.probe == probe and code in v.positions]
        if line.reports_to is not None and stands:
            nearest = max if line.reports_to is Direction.A_TO_Z else min
            crossed = ways.to_end_and_back(line, nearest(stands, key=lambda position: position.place), line.reports_to)
            return beyond(crossed, device_of(probe, line, inventory))
    return []
