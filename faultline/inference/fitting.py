"""Faults taken to be true, with their severities fitted; and what one fault says of another at the same place.

Goes in: a problem, its solver, faults. Comes out: the same faults with severities, each given the others. Knows nothing of how
faults are found.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs

from faultline.inference.faults import AGAIN, AND_DROPS, ONE_EXTENT
from faultline.inference.problem import Hypothesis, Problem
from faultline.inference.solver import Fault, Solver, cell_widths, fault, finer, lasted, state_of
from faultline.records.terms import Mode

INTERVAL = 0.9
CELLS_NATS = 2.0
"""What not knowing a severity beforehand costs, about."""
_EXCLUSIVE = (
    frozenset({Mode.LOSS, Mode.DOWN}),
    frozenset({Mode.DELAY, Mode.CONGESTION}),
    frozenset({Mode.SLOW, Mode.STALLED}),
    frozenset({Mode.FAILING, Mode.DOWN}),
)
_DROPPING = (frozenset({Mode.CONGESTION, Mode.LOSS}), frozenset({Mode.MTU, Mode.LOSS}))


@attrs.frozen(slots=True, kw_only=True)
class Severity:
    """How bad, with the interval that holds 90 % of the probability."""

    value: float
    low: float
    high: float


def in_company(problem: Problem, found: Sequence[Fault]) -> float:
    """What is added to the score of one more fault, of so many found.

    Where it is only known that something is wrong (`expected_faults`), how much is not: a number of faults that is exponential
    around what is expected has, once k were found, a mean of (1 + k) / (1 + expected) times that.
    """
    expected = problem.evidence.expected_faults
    return 0.0 if expected is None else max(0.0, math.log((1 + len(found)) / (1 + expected)))


def said_again(hypothesis: Hypothesis, found: Sequence[Fault]) -> float | None:
    """What is added to the score of a second symptom of a known place; None when it would be the same symptom."""
    members, bonus = hypothesis.members, 0.0
    for other in found:
        if not members & other.hypothesis.members:
            continue
        modes = {hypothesis.mode, other.hypothesis.mode}
        if len(modes) == 1 or any(modes <= family for family in _EXCLUSIVE):
            return None
        if members <= other.hypothesis.members:
            bonus = max(bonus, (AND_DROPS if modes in _DROPPING else AGAIN) - hypothesis.log_prior)
    return bonus


def at_best(problem: Problem, solver: Solver, hypothesis: Hypothesis) -> Fault:
    """The hypothesis at its best severity, the faults supposed by the solver being true."""
    grid = problem.grids[hypothesis.mode]
    totals = solver.profile(hypothesis.mode, hypothesis.column, grid.values)
    best = max(range(len(totals)), key=lambda k: totals[k] + grid.log_weights[k])
    return fault(hypothesis, [grid.values[best]] * len(hypothesis.groups))


def fit(problem: Problem, solver: Solver, found: Sequence[Fault], *, only: frozenset[int] | None = None) -> list[Fault]:
    """Severities of all faults, or of some by number, fitted again, each given the others."""
    faults = list(found)
    for _ in range(2 if len(faults) > 1 else 1):
        for number, present in enumerate(faults):
            if only is not None and number not in only:
                continue
            fitted = [s.value for s in severities(problem, solver, faults, number)]
            faults[number] = fault(present.hypothesis, fitted)
    return faults


def severities(problem: Problem, solver: Solver, faults: Sequence[Fault], number: int) -> tuple[Severity, ...]:
    """Severity of each group of a fault, everything else staying as it is."""
    present = faults[number]
    grid = problem.grids[present.hypothesis.mode]
    found = []
    alike = present.hypothesis.mode in ONE_EXTENT
    for group, column in enumerate([present.hypothesis.column] if alike else present.hypothesis.columns):
        solver.suppose([*faults[:number], *faults[number + 1 :]] if alike else without(faults, number, group))
        totals = solver.profile(present.hypothesis.mode, column, grid.values)
        if not grid.refinable:
            best = max(range(len(totals)), key=lambda k: totals[k] + grid.log_weights[k])
            value = grid.values[best]
            if present.hypothesis.mode is Mode.DOWN:
                value = lasted(solver, column, grid.values, value)
            # Of sizes that were tried the next smaller one is known to pass.
            low = grid.values[best - 1] if present.hypothesis.mode is Mode.MTU and best else value
            found.append(Severity(value=value, low=low, high=value))
            continue
        values: Sequence[float] = grid.values
        for _ in range(2):
            values, totals = finer(solver, present.hypothesis.mode, column, values, totals)
        found.append(_interval(values, totals))
    return tuple(found * len(present.hypothesis.groups)) if alike else tuple(found)


def without(faults: Sequence[Fault], number: int, group: int) -> list[Fault]:
    """All faults but one group of one of them."""
    kept = list(faults)
    present = kept[number]
    left = [k for k in range(len(present.severities)) if k != group]
    if not left:
        del kept[number]
    else:
        kept[number] = Fault(
            attrs.evolve(
                present.hypothesis,
                groups=tuple(present.hypothesis.groups[k] for k in left),
                columns=tuple(present.hypothesis.columns[k] for k in left),
            ),
            tuple(present.severities[k] for k in left),
            tuple(present.maps[k] for k in left),
        )
    return kept


def _interval(values: Sequence[float], totals: Sequence[float]) -> Severity:
    """The most probable severity and the central interval around it."""
    best = max(totals)
    mass = [math.exp(t - best) * c for t, c in zip(totals, cell_widths(values), strict=True)]
    whole, running = math.fsum(mass), 0.0
    low = high = value = values[max(range(len(values)), key=totals.__getitem__)]
    tail = (1 - INTERVAL) / 2
    low_found = False
    for v, m in zip(values, mass, strict=True):
        running += m / whole
        if not low_found and running >= tail:
            low, low_found = v, True
        high = v
        if running >= 1 - tail:
            break
    return Severity(value=value, low=min(low, value), high=max(high, value))


def difference(problem: Problem, before: Sequence[Fault], after: Sequence[Fault]) -> float:
    """How much likelier everything is after than before."""
    touched = {row for f in (*before, *after) for row in f.rows}
    return math.fsum(
        problem.rows[row].loglik(state_of(row, after)) - problem.rows[row].loglik(state_of(row, before)) for row in touched
    )
