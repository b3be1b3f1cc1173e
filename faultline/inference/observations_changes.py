"""Evidence of changed routes: that a pair's packets take another way now, and what that makes of delays learned over the old one.

A changed route is nobody's fault. It is told on the pair, from the trace's sender to its target, with the members that only the
old or only the new ways cross: what is usual over those was learned on another way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from faultline.inference.observations_routes import Moved
from faultline.inference.observations_rows import Observation
from faultline.inventory import positions
from faultline.inventory.model import Inventory, Trace


def change_observations(changes: Iterable[Moved], inventory: Inventory) -> Iterator[Observation]:
    """One for each pair and direction."""
    for change in changes:
        moved = (*change.left, *change.taken)
        changed = [positions.directed(inventory, base, change.direction) for base in dict.fromkeys(moved)]
        source, target = ends_of(change.trace)
        yield {
            "kind": "route_change",
            "view": f"trace {change.trace.id}",
            "from": source,
            "to": target,
            "components": changed,
            "changed": changed,
            "flows": change.flows,
        }


def ends_of(trace: Trace) -> tuple[str, str]:
    """What a trace's pair is called."""
    return trace.sender, str(trace.target or trace.endpoint)


def route_name(trace: Trace) -> str:
    """What the localiser calls the route of a trace, as a component."""
    return " to ".join(ends_of(trace))
