"""What observations say of each other, before any of them is weighed: clocks, busy hosts, changed routes, sessions cut short.

Goes in: the observations of a window. Comes out: which of them are to be read differently, and by how much.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import attrs

from faultline.inference.likelihood_loss import is_tail
from faultline.inference.observed import (
    Component,
    Delay,
    Evidence,
    Loss,
    Observation,
    Path,
    RouteChange,
)

CLOCK_MATCH = 0.3
"""Two directions that moved by opposite amounts to within this part of the larger one moved as a clock does."""


def is_stale(paths: Sequence[Path], change: RouteChange) -> bool:
    """Whether the way is another one than that of the baseline: where it differs is told, or the whole of it is the one."""
    if change.changed:
        return any(not set(change.changed).isdisjoint(path.via) for path in paths)
    route = set(change.components)
    return any(set(path.via) <= route for path in paths)


@attrs.frozen(slots=True, kw_only=True)
class Tails:
    """Sessions whose newest packets are all unanswered."""

    heads: frozenset[tuple[Path, ...]]
    """Ways of those of their packets whose fate is known."""
    answered: Mapping[int, float]
    """Packets before each tail, by the tail's row."""


def tails_of(observations: Sequence[Observation]) -> Tails:
    """A tail's session is the two ways whose known packets together cross what the tail does, but for who reflects it."""
    tails = [o for o in observations if isinstance(o, Loss) and is_tail(o)]
    sent: dict[tuple[Path, ...], float] = {}
    by_component: dict[int, set[tuple[Path, ...]]] = defaultdict(set)
    for o in observations if tails else ():
        if isinstance(o, Loss) and o.source == "active" and not o.round_trip:
            sent[o.paths] = max(sent.get(o.paths, 0.0), o.sent)
            for c in _crossed(o.paths):
                by_component[c].add(o.paths)
    heads: set[tuple[Path, ...]] = set()
    answered: dict[int, float] = {}
    numbers = {o.number: k for k, o in enumerate(observations)}
    for tail in tails:
        whole = _crossed(tail.paths)
        near = {ways for c in whole for ways in by_component[c] if _crossed(ways) < whole}
        for there, home in itertools.combinations(near, 2):
            if len(whole - _crossed(there) - _crossed(home)) <= 1:
                heads |= {there, home}
                answered[numbers[tail.number]] = max(sent[there], sent[home])
    return Tails(heads=frozenset(heads), answered=answered)


def _crossed(paths: Iterable[Path]) -> frozenset[int]:
    return frozenset(c for path in paths for c in path.via)


def clock_steps(evidence: Evidence) -> dict[int, float]:
    """Delay observations that moved as a clock moves them, with by how much.

    The two directions of a path moved by opposite amounts: a step of one end's clock does that, the network never does.
    """
    directed: dict[tuple[int, ...], tuple[int, float]] = {}
    for number, o in enumerate(evidence.observations):
        if isinstance(o, Delay) and not o.round_trip and not o.passive and len(o.paths) == 1:  # noqa: SIM102 - two questions
            if o.baseline is not None and o.median_us is not None:
                directed[o.paths[0].via] = (number, o.median_us - o.baseline.median_us)
    steps: dict[int, float] = {}
    for via, (number, shift) in directed.items():
        back = tuple(_backwards(evidence.components, via))
        if back in directed and back != via:
            opposite = directed[back][1]
            larger = max(abs(shift), abs(opposite))
            if shift * opposite < 0 and abs(shift + opposite) <= CLOCK_MATCH * larger:
                steps[number] = larger
    return steps


FEWEST_VIEWS, MANY_VIEWS = 3, 6


def busy_hosts_us(evidence: Evidence) -> float:
    """How much the slowest packets of all delay tests rose at once; 0 where one place could have done it.

    A fault has a place. When tests that share no component all rise, what they share is the hosts that measure. With many tests
    one may be spared.
    """
    rises: list[float] = []
    common: set[int] | None = None
    for o in evidence.observations:
        if not isinstance(o, Delay) or o.passive or o.baseline is None or o.median_us is None:
            continue
        shift = o.median_us - o.baseline.median_us
        if o.p90_us is not None and o.baseline.p90_us is not None:
            shift = max(shift, o.p90_us - o.baseline.p90_us)
        rises.append(max(0.0, shift))
        crossed = {c for path in o.paths for c in path.via}
        crossed |= {back for c in crossed if (back := evidence.components[c].reverse) is not None}
        common = crossed if common is None else common & crossed
    if len(rises) < FEWEST_VIEWS or common:
        return 0.0
    return sorted(rises)[1 if len(rises) >= MANY_VIEWS else 0]


def _backwards(components: Sequence[Component], via: tuple[int, ...]) -> Iterable[int]:
    for c in reversed(via):
        back = components[c].reverse
        yield c if back is None else back
