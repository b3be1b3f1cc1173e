"""The ways packets took between two places of a line: the declared slice, with the members of its bundles in their place.

Goes in: the inventory, positions, what traces told. Comes out: weighted alternatives, ready for an observation. A bundle is never
named itself: its members are what can fail. Which of them a test session crossed is known exactly where a trace of the same flow
is fresh; else each alternative is as likely, for one flow takes one of them whatever the others do. Traffic of many flows has the
weights of those that were traced between the same places. The two directions of a round trip choose for themselves.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from faultline.inference.observations_routes import Passage, Shares
from faultline.inventory import positions
from faultline.inventory.model import Inventory, Line, Position, TestSession
from faultline.records.incident import Base, base_of
from faultline.records.terms import ComponentId, Direction

MOST_WAYS = 4
"""Of an observation: the format's limit. The likeliest stay."""
LEAST_WEIGHT = 0.01
SMOOTHING = 1.0
"""Flows added to each alternative's count (Laplace): a few traced flows on one side do not make the other impossible."""

Slice = tuple[ComponentId, ...]


@attrs.frozen(slots=True, kw_only=True)
class Way:
    """One alternative."""

    via: Slice
    weight: float


class Ways:
    """Slices of lines in one window."""

    def __init__(self, inventory: Inventory, passages: Iterable[Passage] = ()) -> None:
        self._inventory = inventory
        self._passages: dict[tuple[Base, Direction], list[Passage]] = {}
        for passage in passages:
            self._passages.setdefault((passage.bundle, passage.direction), []).append(passage)

    def between(self, line: Line, start: Position, end: Position, session: TestSession | None = None) -> list[Way]:
        """What packets cross from one position to another; of a test session, forward or reverse, its own way."""
        return self._spread(positions.via(line, self._inventory, start, end), line, session)

    def round_trip(self, line: Line, one: Position, other: Position, session: TestSession | None = None) -> list[Way]:
        """What packets cross from one position to another and back."""
        return _paired(self.between(line, one, other, session), self.between(line, other, one, session))

    def from_sender(self, line: Line, position: Position, direction: Direction) -> list[Way]:
        """What packets of a direction crossed before they came past a position."""
        return self._spread(positions.from_sender(line, self._inventory, position, direction), line, None)

    def to_receiver(self, line: Line, position: Position, direction: Direction) -> list[Way]:
        """What packets of a direction still have to cross after a position."""
        return self._spread(positions.to_receiver(line, self._inventory, position, direction), line, None)

    def to_end_and_back(self, line: Line, position: Position, towards: Direction) -> list[Way]:
        """A round trip from a position to the end that packets of a direction go to."""
        there = self.to_receiver(line, position, towards)
        return _paired(there, self.from_sender(line, position, towards.opposite))

    # ---- bundles ------------------------------------------------------------------------------------------------
    def _spread(self, slice_: Slice, line: Line, session: TestSession | None) -> list[Way]:
        """The slice with each bundle's members in its place, one way for each combination."""
        parts: list[list[tuple[Slice, float]]] = []
        for component in slice_:
            base = base_of(component)
            paths = self._inventory.components[base].paths
            if not paths:
                parts.append([((component,), 1.0)])
                continue
            direction = Direction.A_TO_Z if component.endswith(Direction.A_TO_Z.mark) else Direction.Z_TO_A
            shares = self._shares(line, base, direction, session)
            parts.append([(self._directed(path, direction), w) for path, w in zip(paths, shares, strict=True) if w > 0])
        ways = []
        for choice in itertools.product(*parts):
            weight = 1.0
            for _, share in choice:
                weight *= share
            ways.append(Way(via=tuple(itertools.chain.from_iterable(members for members, _ in choice)), weight=weight))
        return _likeliest(ways)

    def _directed(self, path: Sequence[Base], direction: Direction) -> Slice:
        members = [positions.directed(self._inventory, member, direction) for member in path]
        return tuple(members if direction is Direction.A_TO_Z else reversed(members))

    def _shares(self, line: Line, bundle: Base, direction: Direction, session: TestSession | None) -> Shares:
        """How packets spread over a bundle: a session's as its own traced flow; others as flows of the line, or of any line."""
        seen = self._passages.get((bundle, direction), [])
        if session is not None:
            own = [p.shares for p in seen if _is_of(p, session)]
            if own:
                return _mean(own, smoothing=0.0)
        else:
            shares = [p.shares for p in seen if p.line == line.code] or [p.shares for p in seen]
            if shares:
                return _mean(shares, smoothing=SMOOTHING)
        number = len(self._inventory.components[bundle].paths)
        return (1 / number,) * number


def _is_of(passage: Passage, session: TestSession) -> bool:
    """Whether the traced flow is the session's: its packets forward, or those that come back."""
    if session.source_port is None:
        return False
    ends = passage.sender, passage.target
    if ends == (session.sender, session.reflector):
        return passage.source_port == session.source_port
    return ends == (session.reflector, session.sender) and passage.destination_port == session.source_port


def _mean(shares: Sequence[Shares], *, smoothing: float) -> Shares:
    """Mean over flows, with a little of every alternative."""
    sums = [sum(column) + smoothing for column in zip(*shares, strict=True)]
    whole = sum(sums)
    return tuple(value / whole for value in sums)


def _likeliest(ways: Iterable[Way]) -> list[Way]:
    """At most `MOST_WAYS`, weights adding up to one; the first of equal ones stays first."""
    merged: dict[Slice, float] = {}
    for way in ways:
        merged[way.via] = merged.get(way.via, 0.0) + way.weight
    best = sorted(merged.items(), key=lambda item: -item[1])[:MOST_WAYS]
    kept = [(via, weight) for via, weight in best if weight >= LEAST_WEIGHT]
    whole = sum(weight for _, weight in kept)
    return [Way(via=via, weight=weight / whole) for via, weight in kept]


def _paired(there: Sequence[Way], back: Sequence[Way]) -> list[Way]:
    """Every way there with every way back: side by side, in the order of the way there; a device is there once."""
    return _likeliest(
        Way(via=_side_by_side(one.via, other.via), weight=one.weight * other.weight)
        for one, other in itertools.product(there, back)
    )


def _side_by_side(there: Slice, back: Slice) -> Slice:
    pairs = itertools.zip_longest(there, reversed(back))
    return tuple(dict.fromkeys(component for pair in pairs for component in pair if component is not None))


def told(ways: Sequence[Way]) -> dict[str, Any]:
    """As an observation has them: `via` of the one way, or `paths`; nothing where nothing is crossed."""
    if not ways:
        return {}
    if len(ways) == 1:
        return {"via": list(ways[0].via)} if ways[0].via else {}
    return {"paths": [{"via": list(way.via), "weight": round(way.weight, 9)} for way in ways]}


def beyond(ways: Iterable[Way], component: ComponentId | None) -> list[Way]:
    """The same ways, one component farther."""
    if component is None:
        return list(ways)
    return [way if component in way.via else Way(via=(*way.via, component), weight=way.weight) for way in ways]
