"""How an observation's packets cross a component: all of them, a share of them, or all or none, and nobody knows which.

Goes in: paths with weights. Comes out: `Weights` or `Ways`, the cells of a hypothesis' column, and what two of them are together.
Knows nothing of likelihoods.

Traffic of many flows spreads over equal paths: a share of its packets crosses each. A test session is one flow, and keeps to one
of them: where that is not traced, either all of its packets cross a component or none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import attrs

from faultline.inference.observed import Delay, Loss, Mtu, Observation, Path

Weights = tuple[float, ...]
"""Share of an observation's packets that cross a component, one for each time they do."""
ONCE: Weights = (1.0,)


@attrs.frozen(slots=True, cache_hash=True)
class Ways:
    """Of the ways that one flow may take: how often each crosses the component, and how likely it is."""

    times: tuple[int, ...]
    chances: tuple[float, ...]

    @property
    def shares(self) -> Weights:
        """As if the packets were spread over all ways."""
        most = max(self.times)
        return tuple(
            min(1.0, sum(p for n, p in zip(self.times, self.chances, strict=True) if n > crossing)) for crossing in range(most)
        )


Crossing = Weights | Ways


def is_one_flow(observation: Observation) -> bool:
    """Test packets keep to one of several ways."""
    match observation:
        case Loss():
            alone = observation.source == "active"
        case Delay():
            alone = not observation.passive
        case Mtu():
            alone = True
        case _:
            return False
    return alone and len(observation.paths) > 1


def crossings(paths: Sequence[Path], *, one_flow: bool) -> Mapping[int, Crossing]:
    """By component."""
    times: dict[int, list[int]] = defaultdict(lambda: [0] * len(paths))
    for k, path in enumerate(paths):
        for c in path.via:
            times[c][k] += 1
    chances = tuple(path.weight for path in paths)
    found: dict[int, Crossing] = {}
    for c, counts in times.items():
        ways = Ways(tuple(counts), chances)
        found[c] = ways if one_flow else ways.shares
    return found


def once(crossing: Crossing) -> Crossing:
    """Crossed at all: what is interrupted once is interrupted."""
    if isinstance(crossing, Ways):
        return attrs.evolve(crossing, times=tuple(min(1, n) for n in crossing.times))
    return (max(crossing),)


def either(one: Crossing, other: Crossing) -> Crossing:
    """Crossing at least one of two components; of shares nobody knows how they overlap, and the larger one counts."""
    if isinstance(one, Ways) and isinstance(other, Ways):
        return once(attrs.evolve(one, times=tuple(max(pair) for pair in zip(one.times, other.times, strict=True))))
    return (min(1.0, max(*shares_of(one), *shares_of(other))),)


def together(one: Crossing, other: Crossing) -> Crossing:
    """Crossing the one and the other."""
    if isinstance(one, Ways) and isinstance(other, Ways):
        return attrs.evolve(one, times=tuple(a + b for a, b in zip(one.times, other.times, strict=True)))
    return (*shares_of(one), *shares_of(other))


def shares_of(crossing: Crossing) -> Weights:
    """As shares."""
    return crossing.shares if isinstance(crossing, Ways) else crossing
