"""The one test that would tell most: between which two places, and how much it is expected to settle.

Goes in: the problem and the probability of each candidate component. Comes out: the ends of a path slice and the expected drop of
entropy in nats. A slice that covers the share p of the mass answers a yes-or-no question worth H(p).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from faultline.inference.observed import Path
from faultline.inference.problem import Problem
from faultline.records.terms import ComponentKind

LEAST_GAIN = 0.05
MOST_PATHS = 400
NODES = frozenset({ComponentKind.DEVICE, ComponentKind.SERVER, ComponentKind.RESOLVER, ComponentKind.SITE})
LENGTH_PRICE = 1e-3
"""A longer slice crosses more that is not in question: of equal answers the shorter one is better."""


def next_test(problem: Problem, mass: Mapping[int, float]) -> dict[str, Any] | None:
    """The test with the largest expected gain; None when nothing is left to tell apart."""
    places: dict[int, float] = {}
    for c, p in mass.items():  # both directions of a segment are one place to tell from the others
        places[_place(problem, c)] = max(places.get(_place(problem, c), 0.0), p)
    whole = math.fsum(places.values())
    if whole <= 0 or len(places) < 2:  # noqa: PLR2004 - one candidate needs no test
        return None
    shares = {c: p / whole for c, p in places.items()}
    best: tuple[float, int, int] | None = None
    gain = 0.0
    for path in _paths(problem, shares):
        for first in range(len(path.via)):
            covered, seen = 0.0, set[int]()
            for last in range(first, len(path.via)):
                c = _place(problem, path.via[last])
                if c not in seen:
                    covered += shares.get(c, 0.0)
                    seen.add(c)
                value = _entropy(covered) - LENGTH_PRICE * (last - first)
                ends = _ends(problem, path, first, last)
                if ends[0] != ends[1] and (best is None or value > best[0] + 1e-9):
                    best, gain = (value, *ends), _entropy(covered)
    if best is None or gain < LEAST_GAIN:
        return None
    start, end = (problem.components[c].id for c in best[1:])
    return {"from": start, "to": end, "expected_gain_nats": round(gain, 4)}


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
