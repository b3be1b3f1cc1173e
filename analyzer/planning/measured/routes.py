"""Traced routes beside declared paths: routers that answer where the file says there is another one, or none.

Goes in: the inventory, traced routes. Comes out: doubts, one for each thing that is told, however many flows tell it. A router is
known by an address of a component. Silence says nothing: only two routers that answered one after the other say that nothing
declared with an address stands between them. What has no address is never missed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from analyzer.planning.doubt import Doubt
from analyzer.planning.measured.signs import Sign, Told, contradiction, shared, undeclared
from faultline.inventory import Inventory, Line, Position
from faultline.inventory.endpoints import ends_of_trace
from faultline.inventory.extent import everything_on
from faultline.inventory.positions import direction_of
from faultline.records.incident import Base
from faultline.records.terms import Direction, LineCode, Owner, TenantId, TraceId
from faultline.store.traces import TracedRoute

_CARRIERS = frozenset({Owner.ACCESS, Owner.CARRIER_CORE, Owner.OTHER_CARRIER})
"""Whose addresses mean the same on every tenant's lines; those of customers may be used by all of them."""


def route_doubts(inventory: Inventory, routes: Iterable[TracedRoute]) -> list[Doubt]:
    """What routes say against the declaration of their lines."""
    seen: dict[LineCode, dict[Sign, Counter[TraceId]]] = {}
    known = _Addresses(inventory)
    for route in routes:
        trace = inventory.traces.get(TraceId(route.flow.trace))
        line = inventory.lines[trace.line] if trace is not None else None
        ends = ends_of_trace(trace, line, inventory) if trace is not None and line is not None else None
        if trace is not None and line is not None and ends is not None:
            signs = seen.setdefault(line.code, {})
            for sign in _Walk(inventory, line, ends, known).signs(route):
                signs.setdefault(sign, Counter())[trace.id] += 1
    found: list[Doubt] = []
    for code, signs in seen.items():
        told = {name for sign in signs for name in sign.strangers}
        for sign, traces in signs.items():
            if sign.told is not Told.UNDECLARED and not (sign.told is Told.ELSEWHERE and told.issuperset(sign.names)):
                found.append(contradiction(inventory, inventory.lines[code], sign, traces))
    return [*found, *undeclared(inventory, seen), *shared(inventory, seen)]


class _Addresses:
    """Whose address it is: of a component of the tenant's lines, else of one component of a carrier that alone has it."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._owners: dict[TenantId, dict[str, Base]] = {}
        for line in inventory.lines.values():
            owners = self._owners.setdefault(line.tenant, {})
            for base in everything_on(line, inventory.components):
                owners.update(dict.fromkeys(inventory.components[base].addresses, base))
        carried = [component for component in inventory.components.values() if component.owner in _CARRIERS]
        counts = Counter(address for component in inventory.components.values() for address in component.addresses)
        self._carried = {a: component.id for component in carried for a in component.addresses if counts[a] == 1}

    def owner(self, tenant: TenantId, address: str) -> Base | None:
        return self._owners.get(tenant, {}).get(address) or self._carried.get(address)

    def has_any(self, base: Base) -> bool:
        return bool(self._inventory.components[base].addresses)


class _Walk:
    """Along one line from where a trace begins to where it ends."""

    def __init__(self, inventory: Inventory, line: Line, ends: tuple[Position, Position], known: _Addresses) -> None:
        self._line = line
        self._known = known
        self._start, self._end = ends
        self._direction = direction_of(*ends)
        self._places, self._paths = _places(inventory, line)

    def signs(self, route: TracedRoute) -> Iterator[Sign]:
        """What a route says."""
        ends = {route.flow.destination_address, route.flow.source_address}
        hops = [None if hop in ends else hop for hop in route.route]
        owners = [self._known.owner(self._line.tenant, hop) if hop is not None else None for hop in hops]
        yield from self._strays([base for base in owners if base is not None])
        here = [base if base is not None and self._is_inside(base) else None for base in owners]
        answered = [base for base in here if base is not None]
        yield from self._mixtures(set(answered))
        turn = self._turn(answered)
        names = [owner or hop for owner, hop in zip(owners, hops, strict=True)]
        gaps = [turn] if turn is not None else list(self._gaps(names, here))
        yield from gaps
        told = {address for gap in gaps for address in gap.strangers}
        for at, hop in enumerate(hops):
            if hop is not None and owners[at] is None and hop not in told:
                yield self._sign(Told.UNDECLARED, (hop,), _last(here[:at]), _last(here[:at:-1]))

    def _sign(
        self, told: Told, names: tuple[str, ...], earlier: Base | None, later: Base | None, strangers: tuple[str, ...] = ()
    ) -> Sign:
        """A sign between two that answered, told from A to Z whichever way the packets went and by elements of the path."""
        sides = [self._element(base) if base is not None else None for base in (earlier, later)]
        after, before = sides if self._direction is Direction.A_TO_Z else reversed(sides)
        return Sign(told=told, names=names, strangers=strangers, after=after, before=before)

    def _element(self, base: Base) -> Base:
        """The element of the path that a component is, or is inside of."""
        place = self._places[base]
        return self._line.path[place] if 0 <= place < len(self._line.path) else base

    def _is_inside(self, base: Base) -> bool:
        low, high = sorted((self._start.place, self._end.place))
        return base in self._places and low <= self._places[base] <= high

    def _strays(self, answered: Sequence[Base]) -> Iterator[Sign]:
        """Routers that are not declared on the line, or not between the trace's ends."""
        for base in dict.fromkeys(answered):
            if base not in self._places:
                yield Sign(told=Told.ELSEWHERE, names=(base,))
            elif not self._is_inside(base):
                yield Sign(told=Told.OUTSIDE, names=(base,))

    def _turn(self, answered: Sequence[Base]) -> Sign | None:
        """Elements that answer in another order than they are declared in."""
        elements = list(dict.fromkeys(self._element(base) for base in answered))
        places = [self._places[element] for element in elements]
        if places == sorted(places, reverse=self._direction is Direction.Z_TO_A):
            return None
        return Sign(told=Told.ORDER, names=tuple(elements if self._direction is Direction.A_TO_Z else reversed(elements)))

    def _gaps(self, names: Sequence[str | None], here: Sequence[Base | None]) -> Iterator[Sign]:
        """Declared routers that are missing between two that answered; before the first, between it and the trace's begin.

        Where a hop in between was silent it may have been them, and nothing is told.
        """
        at, base, place = -1, None, self._start.place
        for later, found in enumerate(here):
            if found is None:
                continue
            between = names[at + 1 : later]
            low, high = sorted((place, self._places[found]))
            inside = [part for part in self._line.path if low < self._places[part] < high and self._must_answer(part)]
            missed = [part for part in inside if base is not None or not self._is_beside_start(part)]
            if missed and None not in between:
                strangers = tuple(name for name in between if name is not None)
                yield self._sign(Told.INSTEAD if strangers else Told.SKIPPED, tuple(missed), base, found, strangers)
            at, base, place = later, found, self._places[found]

    def _is_beside_start(self, part: Base) -> bool:
        """Whether a trace begins at it or right beside it: a probe on a router, or in its rack, does not cross it."""
        return abs(self._places[part] - self._start.place) < 1

    def _must_answer(self, part: Base) -> bool:
        """Whether a router of it is on every way, and known by an address."""
        paths = self._paths.get(part)
        if paths:
            return all(any(self._known.has_any(member) for member in path) for path in paths)
        return self._known.has_any(part)

    def _mixtures(self, answered: set[Base]) -> Iterator[Sign]:
        """Routers of one bundle that are not together on any of its ways."""
        for bundle, paths in self._paths.items():
            members = [base for path in paths for base in path if base in answered]
            if members and not any(set(members) <= set(path) for path in paths):
                yield Sign(told=Told.MIXED, names=(bundle, *dict.fromkeys(members)))


def _places(inventory: Inventory, line: Line) -> tuple[dict[Base, int], dict[Base, tuple[tuple[Base, ...], ...]]]:
    """Where each component is, members of a bundle at its place and hosts beyond the ends; and the ways of each bundle."""
    places: dict[Base, int] = {}
    paths: dict[Base, tuple[tuple[Base, ...], ...]] = {}
    for at, base in enumerate(line.path):
        places[base] = at
        if inventory.components[base].paths:
            paths[base] = inventory.components[base].paths
            places.update((member, at) for path in paths[base] for member in path)
    places.update(dict.fromkeys(line.a_end.hosts, -1))
    places.update(dict.fromkeys(line.z_end.hosts, len(line.path)))
    return places, paths


def _last(owners: Sequence[Base | None]) -> Base | None:
    return next((base for base in reversed(owners) if base is not None), None)
