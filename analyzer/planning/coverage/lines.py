"""For each line: which of its elements today's probes can tell apart, whose they are, and the one vantage that would help most.

Goes in: an inventory. Comes out: a `LineCoverage` a line. Two elements can be told apart when they do not stand in exactly the
same observations of a healthy time (`faultline.inference.columns`), those of all lines together: another line that crosses the
one and not the other tells them apart, too. Pure.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

import attrs

from analyzer.planning.coverage.floors import Floors
from analyzer.planning.coverage.healthy import Traced, healthy
from faultline.inference.columns import Columns
from faultline.inventory import Inventory, Line, Position, positions
from faultline.inventory.lines import IN_USE
from faultline.records.incident import Base
from faultline.records.terms import ComponentKind, Mode, Owner

_CROSSED = frozenset({ComponentKind.SEGMENT, ComponentKind.LINK, ComponentKind.DEVICE})
Boundary = tuple[Base | None, Base | None]
"""Two neighbours of a path; None: beyond its end."""


@attrs.frozen(slots=True, kw_only=True)
class Element:
    """Something that a line's packets cross."""

    base: Base
    owner: Owner
    at: int
    """Place on the path: of a member of a bundle the bundle's."""
    alike: int | None
    """Class of all that cannot be told from it; None: nothing looks at it."""


@attrs.frozen(slots=True, kw_only=True)
class Vantage:
    """A vantage that is not there yet."""

    position: Position
    boundary: Boundary
    before: int
    """Pairs of elements of different owners that cannot be told apart today."""
    after: int
    """The same, with the vantage."""


@attrs.frozen(slots=True, kw_only=True)
class LineCoverage:
    """What is known of a line."""

    line: Line
    elements: tuple[Element, ...]
    smallest_loss: float | None
    """The largest of the smallest losses that its sessions would show in five minutes, over what they cross; None: none would."""
    untested: tuple[Base, ...]
    """Elements that no session of it crosses."""
    best: Vantage | None
    """None: no vantage would tell more."""

    @property
    def unseen(self) -> tuple[Base, ...]:
        """Elements that nothing looks at."""
        return tuple(element.base for element in self.elements if element.alike is None)

    @property
    def classes(self) -> list[list[Element]]:
        """Elements that cannot be told apart, from A to Z; those that stand alone are left out."""
        found: dict[int, list[Element]] = defaultdict(list)
        for element in self.elements:
            if element.alike is not None:
                found[element.alike].append(element)
        return [members for members in found.values() if len(members) > 1]

    @property
    def mixed(self) -> list[list[Element]]:
        """Those of them that have several owners."""
        return [members for members in self.classes if len({element.owner for element in members}) > 1]

    @property
    def pairs(self) -> int:
        """Pairs of elements that cannot be told apart; what nothing looks at is all the same."""
        return _pairs(self.elements)

    @property
    def mixed_pairs(self) -> int:
        """Those of them that have two owners."""
        return _mixed_pairs(self.elements)

    @property
    def tells_owners(self) -> bool:
        """Whether a fault anywhere on it could be laid on one owner."""
        return not self.mixed and not self.unseen


class Coverage:
    """The coverage of an inventory's lines.

    Args:
        inventory: what the operator knows.
        rate: test packets a second of each session.
        traced: routes that flows were seen on; None: nothing is known of them.
    """

    def __init__(self, inventory: Inventory, *, rate: float, traced: Traced | None = None) -> None:
        self._inventory = inventory
        classes = Columns(healthy(inventory, rate=rate, traced=traced), Mode.LOSS).classes()
        self._class_of = {place: number for number, members in enumerate(classes) for place in members}
        self._floors = Floors(inventory, rate=rate)

    def lines(self) -> Iterator[LineCoverage]:
        """Every line in use, in the order of the file."""
        return (self.of(line) for line in self._inventory.lines.values() if line.state in IN_USE)

    def of(self, line: Line) -> LineCoverage:
        """One line."""
        elements = tuple(self._elements(line))
        floor = self._floors.of(line)
        return LineCoverage(
            line=line,
            elements=elements,
            smallest_loss=floor.ratio,
            untested=tuple(element.base for element in elements if element.at not in floor.crossed),
            best=_best(line, elements),
        )

    def _elements(self, line: Line) -> Iterator[Element]:
        components = self._inventory.components
        for at, base in enumerate(line.path):
            for part in dict.fromkeys(itertools.chain.from_iterable(components[base].paths)) or (base,):
                if components[part].kind in _CROSSED:
                    yield Element(base=part, owner=components[part].owner, at=at, alike=self._class_of.get(part))


def best_boundaries(lines: Iterable[LineCoverage]) -> list[tuple[Boundary, int, int]]:
    """Boundaries by what one vantage there would tell: (boundary, pairs told apart, lines), the best first.

    A boundary that many lines cross needs one probe for all of them.
    """
    pairs: Counter[Boundary] = Counter()
    crossing: Counter[Boundary] = Counter()
    for found in lines:
        today = _mixed_pairs(found.elements)
        for position in _boundaries(found.line) if today else ():
            told = today - _mixed_pairs(_split(found.elements, position))
            if told:
                boundary = _beside(found.line, position)
                pairs[boundary] += told
                crossing[boundary] += 1
    return [(boundary, told, crossing[boundary]) for boundary, told in pairs.most_common()]


def _best(line: Line, elements: Sequence[Element]) -> Vantage | None:
    """The boundary behind which fewest pairs of different owners are left together; of equal ones, fewest pairs at all."""
    today = (_mixed_pairs(elements), _pairs(elements))
    found = [((_mixed_pairs(split), _pairs(split)), at) for at in _boundaries(line) for split in [_split(elements, at)]]
    least, position = min(found, key=lambda one: one[0])
    if least >= today:
        return None
    return Vantage(position=position, boundary=_beside(line, position), before=today[0], after=least[0])


def _boundaries(line: Line) -> list[Position]:
    return [Position(place=at + 0.5) for at in range(-1, len(line.path))]


def _beside(line: Line, position: Position) -> Boundary:
    after = int(position.place + 0.5)
    return line.path[after - 1] if after else None, line.path[after] if after < len(line.path) else None


def _split(elements: Sequence[Element], position: Position) -> list[Element]:
    """With a capture there: it sees what was lost before it and what after it, so no class has members on both sides."""
    return [
        attrs.evolve(element, alike=2 * (-1 if element.alike is None else element.alike) + (element.at > position.place))
        for element in elements
    ]


def _pairs(elements: Iterable[Element]) -> int:
    """Pairs that cannot be told apart; what nothing looks at is all the same."""
    return sum(number * (number - 1) // 2 for number in Counter(element.alike for element in elements).values())


def _mixed_pairs(elements: Iterable[Element]) -> int:
    """Those of them that have two owners."""
    elements = list(elements)
    same = Counter((element.alike, element.owner) for element in elements).values()
    return _pairs(elements) - sum(number * (number - 1) // 2 for number in same)


def described(line: Line, position: Position) -> str:
    """Where a vantage is, in words."""
    (how, names), *_ = positions.describe(line.path, position).items()
    return f"{how} {names if isinstance(names, str) else ' and '.join(names)}"
