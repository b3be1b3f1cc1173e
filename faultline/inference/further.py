"""The one test that would tell most for what it costs: between which two places, and how much it is expected to settle.

Goes in: the problem, the probability of each candidate component, what is wrong and how bad. Comes out: the ends of a path slice
and the expected drop of entropy in nats. A slice that covers the share p of the mass answers a yes-or-no question worth H(p),
less what `TEST_PACKETS` packets get wrong: a loss of one in ten thousand mostly passes them by. A test between places where
something measures already costs one; each end to which an instrument must be brought costs more. (`worth` reckons tests that are
known to the packet; here it is only known where they would run.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from faultline.inference.likelihood_loss import ACTIVE_BACKGROUND
from faultline.inference.observed import Path
from faultline.inference.problem import Problem
from faultline.records.terms import ComponentKind, Mode

LEAST_GAIN = 0.05
MOST_PATHS = 400
NODES = frozenset({ComponentKind.DEVICE, ComponentKind.SERVER, ComponentKind.RESOLVER, ComponentKind.SITE})
LENGTH_PRICE = 1e-3
"""A longer slice crosses more that is not in question: of equal answers the shorter one is better."""
TEST_PACKETS = 1000
"""Of the test: twenty seconds of a usual session."""
BRING_PRICE = 1.0
"""Of an end where nothing measures yet, beside the price of the test itself: one."""


@attrs.frozen(slots=True, kw_only=True)
class Noise:
    """How often a test is wrong."""

    missed: float
    """The fault is on its way, and it does not show."""
    false: float
    """It shows one that is not there."""


def noise_of(mode: Mode, severity: float) -> Noise:
    """Of a loss, two lost packets are a sign and one is chance; everything else shows in so many packets, or it never does."""
    if mode is not Mode.LOSS:
        return Noise(missed=0.0, false=0.0)
    return Noise(missed=_fewer_than_two(TEST_PACKETS * severity), false=1 - _fewer_than_two(TEST_PACKETS * ACTIVE_BACKGROUND))


def _fewer_than_two(mean: float) -> float:
    """Poisson."""
    return math.exp(-mean) * (1 + mean)


def next_test(problem: Problem, mass: Mapping[int, float], noise: Noise) -> dict[str, Any] | None:
    """The test with the largest expected gain for its cost; None when nothing is left to tell apart."""
    places: dict[int, float] = {}
    for c, p in mass.items():  # both directions of a segment are one place to tell from the others
        places[_place(problem, c)] = max(places.get(_place(problem, c), 0.0), p)
    whole = math.fsum(places.values())
    if whole <= 0 or len(places) < 2:  # noqa: PLR2004 - one candidate needs no test
        return None
    shares = {c: p / whole for c, p in places.items()}
    measured = _instruments(problem)
    best: tuple[float, int, int] | None = None
    gain = cost = 0.0
    for path in _paths(problem, shares):
        for first in range(len(path.via)):
            covered, seen = 0.0, set[int]()
            for last in range(first, len(path.via)):
                c = _place(problem, path.via[last])
                if c not in seen:
                    covered += shares.get(c, 0.0)
                    seen.add(c)
                ends = _ends(problem, path, first, last)
                price = 1.0 + BRING_PRICE * sum(end not in measured for end in ends)
                told = _told(covered, noise)
                value = told / price - LENGTH_PRICE * (last - first)
                if ends[0] != ends[1] and (best is None or value > best[0] + 1e-9):
                    best, gain, cost = (value, *ends), told, price
    if best is None or gain < LEAST_GAIN:
        return None
    start, end = (problem.components[c].id for c in best[1:])
    return {"from": start, "to": end, "expected_gain_nats": round(gain, 4), "cost": cost}


def _instruments(problem: Problem) -> frozenset[int]:
    """Places where something measures: those at the ends of what was measured."""
    ends: set[int] = set()
    for observation in problem.observations:
        for path in getattr(observation, "paths", ()):
            if path.via:
                ends.update(_ends(problem, path, 0, len(path.via) - 1))
    return frozenset(ends)


def _told(covered: float, noise: Noise) -> float:
    """What the answer of a test tells whose way holds the fault with that probability: mutual information of a noisy channel."""
    shows = covered * (1 - noise.missed) + (1 - covered) * noise.false
    return _entropy(shows) - covered * _entropy(noise.missed) - (1 - covered) * _entropy(noise.false)


def _place(problem: Problem, c: int) -> int:
    back = problem.components[c].reverse
    return c if back is None else min(c, back)


def _paths(problem: Problem, shares: Mapping[int, float]) -> Iterable[Path]:
    """Distinct paths across candidates, the longest first: they have all slices of the shorter ones."""
    found: dict[tuple[int, ...], Path] = {}
    for observation in problem.observations:
        for path in getattr(observation, "paths", ()):
            if path.via not in found and any(_place(problem, c) in shares for c in path.via):
                found[path.via] = path
                if len(found) >= MOST_PATHS:
                    break
    return sorted(found.values(), key=lambda path: (-len(path.via), path.via))


def _ends(problem: Problem, path: Path, first: int, last: int) -> tuple[int, int]:
    """A test runs between places: the node next to a link, the node itself otherwise."""
    via = path.via
    start = first - 1 if first and problem.components[via[first]].kind not in NODES else first
    end = last + 1 if last + 1 < len(via) and problem.components[via[last]].kind not in NODES else last
    return via[start], via[end]


def _entropy(p: float) -> float:
    p = min(1.0, max(0.0, p))
    return -math.fsum(x * math.log(x) for x in (p, 1 - p) if x > 0)
