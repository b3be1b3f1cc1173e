"""What traces say of the alternatives of a bundle: which members the packets of a flow crossed, and when that changed.

Goes in: the inventory's declared traces, and the newest route of each traced flow. Comes out: `Passage`s: of each flow, direction
and bundle, the share of the window that it spent on each alternative. Knows nothing of tests or evidence.

A hop is a router when its address is one of the inventory's; a silent hop, and one nobody declared, says nothing, so that all
alternatives stay that agree with the hops that did answer. Loss on the way of a trace is never evidence here: routers answer
when they please.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import attrs

from faultline.inventory import positions
from faultline.inventory.endpoints import ends_of_trace
from faultline.inventory.extent import everything_on
from faultline.inventory.model import Inventory, Line, Trace
from faultline.records.incident import Base
from faultline.records.terms import SECOND_NS, Direction, LineCode, TraceId, VantageId

FRESH_NS = 300 * SECOND_NS
"""A route older than this is no longer known: several refresh times of a standing trace: a few may be lost."""
NEWS_NS = 600 * SECOND_NS
"""How long a changed route is told: what is usual was learned over the old one, and the longest memory looks back as far."""


class TracedFlow(Protocol):
    """What is traced."""

    @property
    def trace(self) -> str:
        """Id of the declared trace."""

    @property
    def source_port(self) -> int:
        """Of its packets."""

    @property
    def destination_port(self) -> int:
        """Of its packets."""


class TracedRoute(Protocol):
    """The present route of one traced flow, as the store keeps it."""

    @property
    def flow(self) -> TracedFlow:
        """Whose it is."""

    @property
    def route(self) -> Sequence[str | None]:
        """Address of each hop from the first on; None: it was silent."""

    @property
    def traced_ns(self) -> int:
        """When it was last seen so."""

    @property
    def since_ns(self) -> int:
        """When it was first seen so."""

    @property
    def previous(self) -> Sequence[str | None] | None:
        """The route before; None: this is the first."""

    @property
    def previous_ns(self) -> int | None:
        """When that was last seen."""


Shares = tuple[float, ...]
"""One number an alternative of a bundle, adding up to one."""


@attrs.frozen(slots=True, kw_only=True)
class Passage:
    """How one flow crossed one bundle in the window."""

    line: LineCode
    sender: VantageId
    target: VantageId | None
    direction: Direction
    bundle: Base
    source_port: int
    destination_port: int
    shares: Shares


@attrs.frozen(slots=True, kw_only=True)
class Moved:
    """A declared pair some of whose flows took another way lately."""

    trace: Trace
    direction: Direction
    left: tuple[Base, ...]
    """Members only the old ways crossed, in the packets' direction."""
    taken: tuple[Base, ...]
    """Members only the new ways cross."""
    flows: int


def passages(inventory: Inventory, traced: Iterable[TracedRoute], window: tuple[int, int]) -> Iterator[Passage]:
    """Of every fresh flow, one for each bundle between its ends."""
    for trace, line, direction, route in _placed(inventory, traced):
        if route.traced_ns < window[0] - FRESH_NS:
            continue
        for bundle in _bundles(inventory, line, trace):
            shares = _shares(inventory, line, bundle, route, window)
            if shares is not None:
                yield Passage(
                    line=line.code,
                    sender=trace.sender,
                    target=trace.target,
                    direction=direction,
                    bundle=bundle,
                    source_port=route.flow.source_port,
                    destination_port=route.flow.destination_port,
                    shares=shares,
                )


def moved(inventory: Inventory, traced: Iterable[TracedRoute], window: tuple[int, int]) -> list[Moved]:
    """Pairs whose flows took another way in the window or shortly before it."""
    found: dict[TraceId, list[tuple[Line, Direction, TracedRoute]]] = {}
    traces: dict[TraceId, Trace] = {}
    for trace, line, direction, route in _placed(inventory, traced):
        if route.previous is not None and window[1] - NEWS_NS < route.since_ns <= window[1]:
            traces[trace.id] = trace
            found.setdefault(trace.id, []).append((line, direction, route))
    changes = []
    for name, routes in sorted(found.items()):
        line, direction, _ = routes[0]
        before, after = {}, {}
        for _, _, route in routes:
            old, new = (_members(inventory, line, hops) for hops in (route.previous or (), route.route))
            before.update(dict.fromkeys(m for m in old if m not in new))
            after.update(dict.fromkeys(m for m in new if m not in old))
        left, taken = (tuple(m for m in one if m not in other) for one, other in ((before, after), (after, before)))
        if left or taken:
            changes.append(Moved(trace=traces[name], direction=direction, left=left, taken=taken, flows=len(routes)))
    return changes


def _placed(inventory: Inventory, traced: Iterable[TracedRoute]) -> Iterator[tuple[Trace, Line, Direction, TracedRoute]]:
    """Routes of declared traces, with the direction on the line that their packets took."""
    for route in traced:
        trace = inventory.traces.get(TraceId(route.flow.trace))
        line = inventory.lines.get(trace.line) if trace else None
        ends = ends_of_trace(trace, line, inventory) if trace and line else None
        if trace is not None and line is not None and ends is not None:
            yield trace, line, positions.direction_of(*ends), route


def _bundles(inventory: Inventory, line: Line, trace: Trace) -> list[Base]:
    """Bundles of the line between the trace's ends."""
    ends = ends_of_trace(trace, line, inventory)
    low, high = sorted(end.place for end in ends) if ends else (0.0, -1.0)
    return [base for at, base in enumerate(line.path) if low <= at <= high and inventory.components[base].paths]


def _shares(inventory: Inventory, line: Line, bundle: Base, known: TracedRoute, window: tuple[int, int]) -> Shares | None:
    """Share of the window on each alternative; None where the hops contradict all of them."""
    now = _agreeing(inventory, line, bundle, known.route)
    before = _agreeing(inventory, line, bundle, known.previous) if known.previous is not None else None
    if now is None or before is None or known.previous_ns is None:
        return now if now is not None else before
    start_ns, end_ns = window
    length_ns = max(1, end_ns - start_ns)
    # Between the last sight of the old route and the first of the new one nobody knows: half each.
    old = max(0, min(end_ns, known.previous_ns) - start_ns) / length_ns
    new = max(0, end_ns - max(start_ns, known.since_ns)) / length_ns
    old += max(0.0, 1.0 - old - new) / 2
    return tuple(old * b + (1 - old) * n for b, n in zip(before, now, strict=True))


def _agreeing(inventory: Inventory, line: Line, bundle: Base, hops: Sequence[str | None]) -> Shares | None:
    """Equal shares for the alternatives that hold every member that answered."""
    paths = inventory.components[bundle].paths
    members = {member for path in paths for member in path}
    answered = members.intersection(_members(inventory, line, hops))
    agree = [answered.issubset(path) for path in paths]
    return tuple(yes / sum(agree) for yes in agree) if any(agree) else None


def _members(inventory: Inventory, line: Line, hops: Iterable[str | None]) -> list[Base]:
    """Members of the line's bundles among the hops: those that answered, and what must lie on an alternative they single out."""
    owners = _owners(inventory, line)
    answered = {owners[hop] for hop in hops if hop is not None and hop in owners}
    found: dict[Base, None] = {}
    for base in line.path:
        paths = inventory.components[base].paths
        inside = answered.intersection(member for path in paths for member in path)
        agree = [path for path in paths if inside and inside.issubset(path)]
        if len(agree) == 1:
            found.update(dict.fromkeys(agree[0]))
        else:
            found.update(dict.fromkeys(sorted(inside)))
    return list(found)


def _owners(inventory: Inventory, line: Line) -> dict[str, Base]:
    """Component of each address that can answer on a line."""
    return {
        address: base for base in everything_on(line, inventory.components) for address in inventory.components[base].addresses
    }
