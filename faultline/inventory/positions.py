"""Where things are along a line, and which components lie between: `via`.

Goes in: a line, the inventory, positions. Comes out: directed slices of its path, in the direction the packets took. A position
is a number: element i of the path (from 0) is at i, the boundary after it at i + 0.5. A slice holds the elements strictly between
two boundaries; an element that a vantage is *at* belongs to the slices on both its sides.
"""

from __future__ import annotations

import math

from faultline.inventory.model import Inventory, Line, Position
from faultline.records.incident import Base
from faultline.records.terms import ComponentId, Direction


def at(path: tuple[Base, ...], element: Base) -> Position:
    """At an element.

    Raises:
        ValueError: it is not on the path.
    """
    return Position(place=float(_index(path, element)))


def before(path: tuple[Base, ...], element: Base) -> Position:
    """The boundary on an element's A side.

    Raises:
        ValueError: it is not on the path.
    """
    return Position(place=_index(path, element) - 0.5)


def after(path: tuple[Base, ...], element: Base) -> Position:
    """The boundary on an element's Z side.

    Raises:
        ValueError: it is not on the path.
    """
    return Position(place=_index(path, element) + 0.5)


def between(path: tuple[Base, ...], one: Base, other: Base) -> Position:
    """The boundary of two neighbours, in either order.

    Raises:
        ValueError: one is not on the path, or they are not neighbours.
    """
    low, high = sorted((_index(path, one), _index(path, other)))
    if high - low != 1:
        raise ValueError(f"{one} and {other} are not neighbours on the path")
    return Position(place=low + 0.5)


def end(line: Line, towards: Direction) -> Position:
    """The end of the path that packets of a direction go to."""
    return Position(place=len(line.path) - 0.5 if towards is Direction.A_TO_Z else -0.5)


def describe(path: tuple[Base, ...], position: Position) -> dict[str, str | list[str]]:
    """The position as the YAML form has it: `at`, `between`, `before` or `after`."""
    place = position.place
    if place.is_integer():
        return {"at": path[int(place)]}
    low = math.floor(place)
    if low < 0:
        return {"before": path[0]}
    if low >= len(path) - 1:
        return {"after": path[-1]}
    return {"between": [path[low], path[low + 1]]}


def direction_of(start: Position, end: Position) -> Direction:
    """Direction on the line of packets from one position to another."""
    return Direction.A_TO_Z if start.place <= end.place else Direction.Z_TO_A


def via(line: Line, inventory: Inventory, start: Position, end: Position) -> tuple[ComponentId, ...]:
    """What packets cross from one position to another."""
    low, high = sorted((start.place, end.place))
    return _slice(line, inventory, low, high, direction_of(start, end))


def from_sender(line: Line, inventory: Inventory, position: Position, direction: Direction) -> tuple[ComponentId, ...]:
    """What packets of a direction crossed before they came past a position: from the end they started at."""
    if direction is Direction.A_TO_Z:
        return _slice(line, inventory, -math.inf, position.place, direction)
    return _slice(line, inventory, position.place, math.inf, direction)


def to_receiver(line: Line, inventory: Inventory, position: Position, direction: Direction) -> tuple[ComponentId, ...]:
    """What packets of a direction still have to cross after a position: to the end they go to."""
    if direction is Direction.A_TO_Z:
        return _slice(line, inventory, position.place, math.inf, direction)
    return _slice(line, inventory, -math.inf, position.place, direction)


def both_ways(line: Line, inventory: Inventory, one: Position, other: Position) -> tuple[ComponentId, ...]:
    """A round trip between two positions: both slices, side by side in path order from `one`; a device is there once."""
    there, back = via(line, inventory, one, other), via(line, inventory, other, one)
    return _side_by_side(there, back)


def to_end_and_back(line: Line, inventory: Inventory, position: Position, towards: Direction) -> tuple[ComponentId, ...]:
    """A round trip from a position to the end that packets of a direction go to."""
    there = to_receiver(line, inventory, position, towards)
    return _side_by_side(there, from_sender(line, inventory, position, towards.opposite))


def _side_by_side(there: tuple[ComponentId, ...], back: tuple[ComponentId, ...]) -> tuple[ComponentId, ...]:
    return tuple(dict.fromkeys(component for pair in zip(there, reversed(back), strict=True) for component in pair))


def directed(inventory: Inventory, base: Base, direction: Direction) -> ComponentId:
    """A component's id in evidence, for packets of that direction."""
    mark = direction.mark if inventory.components[base].directed else ""
    return ComponentId(f"{base}{mark}")


def _slice(line: Line, inventory: Inventory, low: float, high: float, direction: Direction) -> tuple[ComponentId, ...]:
    found = [directed(inventory, base, direction) for place, base in enumerate(line.path) if low <= place <= high]
    return tuple(found if direction is Direction.A_TO_Z else reversed(found))


def _index(path: tuple[Base, ...], element: Base) -> int:
    try:
        return path.index(element)
    except ValueError:
        raise ValueError(f"{element} is not on the path") from None
