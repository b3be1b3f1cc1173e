"""Where one more probe would tell most: owners told apart, elements told apart, smaller losses shown.

Goes in: an inventory. Comes out: places, the best first, each reckoned in full: today's coverage of the lines concerned beside
their coverage with the probe. Candidates are the boundaries that `coverage` finds by rule of thumb (a capture splits what is on
its two sides); of the best few the whole evidence is assembled with and without. Pure.

A place that many lines cross is reckoned on a sample of them, spread over the file.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

import attrs

from analyzer.placing.part import crossing, part_of, with_probe
from analyzer.planning.coverage.lines import Boundary, Coverage, LineCoverage, best_boundaries
from faultline.inventory import Inventory, Position
from faultline.records.terms import LineCode

TRIED = 6
"""Candidates reckoned in full."""
MOST_LINES = 60
"""Lines a place is reckoned on."""
NAME = "new probe"


@attrs.frozen(slots=True, kw_only=True)
class Told:
    """What is known of some lines."""

    owners_apart: int
    """Lines on which every fault could be laid on one owner."""
    mixed_pairs: int
    """Pairs of elements of different owners that cannot be told apart, over all lines."""
    pairs: int
    """All pairs that cannot be told apart."""
    smallest_loss: float | None
    """Median over the lines of the loss that shows in five minutes wherever it is; None: on most lines none would."""
    blind: int
    """Lines without a test that would show a loss."""


@attrs.frozen(slots=True, kw_only=True)
class Place:
    """A place for a probe."""

    boundary: Boundary
    lines: tuple[LineCode, ...]
    """Those that cross it."""
    reckoned: int
    """Lines that the figures are of."""
    today: Told
    then: Told

    @property
    def owner_pairs(self) -> int:
        """Pairs of different owners told apart, scaled to all lines that cross it."""
        return round((self.today.mixed_pairs - self.then.mixed_pairs) * len(self.lines) / max(1, self.reckoned))

    @property
    def worth(self) -> tuple[float, float, float]:
        """Larger is better: owners first, then elements, then losses."""
        apart = (self.today.pairs - self.then.pairs) * len(self.lines) / max(1, self.reckoned)
        before, after = (told.smallest_loss or 1.0 for told in (self.today, self.then))
        return (self.owner_pairs, apart, (before - after) * len(self.lines))


def best_places(inventory: Inventory, *, rate: float, only: LineCode | None = None) -> list[Place]:
    """Places by worth, those that would tell nothing left out.

    Args:
        inventory: what the operator knows.
        rate: test packets a second of each session.
        only: a line; places on it alone, reckoned with every line that shares an element with it.
    """
    if only is not None:
        inventory = part_of(inventory, _near(inventory, only))
    found = list(Coverage(inventory, rate=rate).lines())
    asked = [one for one in found if only is None or one.line.code == only]
    reckoned = [_reckoned(inventory, boundary, rate) for boundary in _candidates(asked)]
    useful = [place for place in reckoned if place is not None and max(place.worth) > 0]
    return sorted(useful, key=lambda place: place.worth, reverse=True)


def _near(inventory: Inventory, code: LineCode) -> list[LineCode]:
    """The line, and lines that share an element with it."""
    mine = frozenset(inventory.lines[code].path)
    sharing = [line.code for line in inventory.lines.values() if line.code != code and not mine.isdisjoint(line.path)]
    return [code, *_spread(sharing, MOST_LINES - 1)]


def _candidates(found: Sequence[LineCoverage]) -> list[Boundary]:
    """Those that tell owners apart; then those that help the single lines, and those before what no test crosses."""
    best = [boundary for boundary, _, _ in best_boundaries(found)]
    single = Counter(one.best.boundary for one in found if one.best is not None)
    untested = Counter(boundary for one in found for boundary in _at_untested(one))
    rest = [boundary for boundary, _ in (single + untested).most_common()]
    return list(dict.fromkeys([*best[:TRIED], *rest[:TRIED]]))


def _at_untested(one: LineCoverage) -> Iterable[Boundary]:
    """Both sides of a stretch that no session crosses."""
    bases = [*one.line.path]
    for base in one.untested:
        if base in bases:
            at = bases.index(base)
            yield (bases[at - 1] if at else None, base)
            yield (base, bases[at + 1] if at + 1 < len(bases) else None)


def _reckoned(inventory: Inventory, boundary: Boundary, rate: float) -> Place | None:
    places = {line.code: position for line, position in crossing(inventory, *boundary)}
    if not places:
        return None
    asked = _spread(list(places), MOST_LINES)
    part = part_of(inventory, asked)
    more = with_probe(part, {code: places[code] for code in asked}, NAME)
    today, then = (_told(Coverage(one, rate=rate).lines()) for one in (part, more))
    return Place(boundary=boundary, lines=tuple(places), reckoned=len(asked), today=today, then=then)


def placed(inventory: Inventory, place: Place, name: str) -> Inventory:
    """The inventory with a probe there: to ask where the next one belongs."""
    positions: dict[LineCode, Position] = {line.code: position for line, position in crossing(inventory, *place.boundary)}
    return with_probe(inventory, positions, name)


def _spread(codes: Sequence[LineCode], most: int) -> Collection[LineCode]:
    """So many of them at most, spread evenly."""
    step = max(1, -(-len(codes) // most))
    return codes[::step]


def _told(found: Iterable[LineCoverage]) -> Told:
    lines = list(found)
    losses = [one.smallest_loss for one in lines]
    median = statistics.median_low([1.0 if loss is None else loss for loss in losses]) if losses else 1.0
    return Told(
        owners_apart=sum(one.tells_owners for one in lines),
        mixed_pairs=sum(one.mixed_pairs for one in lines),
        pairs=sum(one.pairs for one in lines),
        smallest_loss=median if median < 1.0 else None,
        blind=sum(loss is None for loss in losses),
    )
