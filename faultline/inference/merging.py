"""Fewer faults in the place of several.

Goes in: a problem, its solver, the faults found. Comes out: a simpler set that explains as much for its price, or nothing.

A fault that was taken early may be what two others, found later, explain together: it is kept up by their severities, which
were fitted beside it. And two faults side by side may be one in front of them. Both are seen only when the rest is fitted again
without them. A direction of a segment counts for itself.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

from faultline.inference.fitting import CELLS_NATS, at_best, difference, fit, said_again, without
from faultline.inference.problem import Hypothesis, Problem
from faultline.inference.solver import Fault, Solver

MOST_WIDER = 2
"""Hypotheses tried in the place of several, for each fault."""
MISSED_LEAST = 3
"""Parts of which any two are left out together."""
FAR_NATS = -60.0

Part = tuple[int, int]
"""Number of a fault, and of one of its groups."""


def merged(problem: Problem, solver: Solver, found: Sequence[Fault]) -> list[Fault] | None:
    """The best simpler set."""
    best: tuple[float, list[Fault]] | None = None
    for gain, faults in [*_fewer(problem, solver, found), *_in_front(problem, solver, found)]:
        if gain > 0 and (best is None or gain > best[0]):
            best = (gain, faults)
    return None if best is None else best[1]


def _parts(problem: Problem, found: Sequence[Fault]) -> list[Part]:
    """Groups whose severity is a quantity."""
    return [
        (number, group)
        for number, present in enumerate(found)
        if problem.grids[present.hypothesis.mode].refinable
        for group in range(len(present.maps))
    ]


def _price(found: Sequence[Fault], part: Part) -> float:
    """Of a fault alone; the second direction of a segment comes for little."""
    hypothesis = found[part[0]].hypothesis
    return CELLS_NATS - (hypothesis.log_prior if len(hypothesis.groups) == 1 else 0.0)


def _left_out(found: Sequence[Fault], parts: Sequence[Part]) -> list[Fault]:
    left = list(found)
    for number, group in sorted(parts, reverse=True):
        left = without(left, number, group)
    return left


def _fewer(problem: Problem, solver: Solver, found: Sequence[Fault]) -> Iterator[tuple[float, list[Fault]]]:
    """One part is left out, or two that are missed least, and those that share a row with it are fitted again."""
    alone = []
    for part in _parts(problem, found):
        gain, refitted = _refitted(problem, solver, found, [part])
        alone.append((gain, part))
        yield gain, refitted
    least = [part for _, part in sorted(alone, reverse=True)[:MISSED_LEAST]]
    for two in itertools.combinations(least, 2):
        yield _refitted(problem, solver, found, two)


def _refitted(problem: Problem, solver: Solver, found: Sequence[Fault], parts: Sequence[Part]) -> tuple[float, list[Fault]]:
    rows = {row for number, group in parts for row in found[number].maps[group]}
    left = _left_out(found, parts)
    near = frozenset(number for number, other in enumerate(left) if rows & other.rows)
    if not near:
        return -math.inf, left
    refitted = fit(problem, solver, left, only=near)
    return difference(problem, found, refitted) + math.fsum(_price(found, part) for part in parts), refitted


def _in_front(problem: Problem, solver: Solver, found: Sequence[Fault]) -> Iterator[tuple[float, list[Fault]]]:
    """One fault takes the place of two parts or more, all of whose rows it moves."""
    parts = _parts(problem, found)
    rows = {part: frozenset(found[part[0]].maps[part[1]]) for part in parts}
    tried: set[int] = set()
    for part in parts if len(parts) > 1 else ():
        solver.suppose(_left_out(found, [part]))
        for hypothesis, inside in _wider(problem, solver, found, part, rows):
            if hypothesis.index in tried:
                continue
            tried.add(hypothesis.index)
            left = _left_out(found, inside)
            again = said_again(hypothesis, left)
            if again is None:
                continue
            solver.suppose(left)
            made = [*left, at_best(problem, solver, hypothesis)]
            moved = set(made[-1].rows)
            refitted = fit(problem, solver, made, only=frozenset(k for k, other in enumerate(made) if moved & other.rows))
            gain = difference(problem, found, refitted) + hypothesis.log_prior + again - CELLS_NATS
            yield gain + math.fsum(_price(found, other) for other in inside), refitted


def _wider(
    problem: Problem, solver: Solver, found: Sequence[Fault], part: Part, rows: dict[Part, frozenset[int]]
) -> list[tuple[Hypothesis, list[Part]]]:
    """What moves all rows of a part and of another one in the same mode."""
    mode = found[part[0]].hypothesis.mode
    wider = []
    for _, index in solver.around(rows[part], FAR_NATS):
        hypothesis = problem.hypotheses[index]
        if hypothesis.mode is mode and len(hypothesis.groups) == 1 and len(hypothesis.column) > len(rows[part]):
            own = {row for row, _ in hypothesis.column}
            inside = [other for other, moved in rows.items() if found[other[0]].hypothesis.mode is mode and moved <= own]
            if part in inside and len(inside) > 1:
                wider.append((hypothesis, inside))
        if len(wider) == MOST_WIDER:
            break
    return wider
