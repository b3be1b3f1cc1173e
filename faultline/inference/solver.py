"""What search asks of a solver: how well each hypothesis explains what the faults found so far do not.

Two solvers answer: `pure` (plain Python: the probe's offline check, small networks, the oracle of tests) and `sparse` (numpy and
scipy: large networks). They must agree; a test holds them to it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import attrs

from faultline.inference.crossing import Crossing
from faultline.inference.faults import HEALTHY, State, worsened
from faultline.inference.problem import Column, Hypothesis, Problem
from faultline.records.terms import Mode


@attrs.frozen(slots=True, eq=False)
class Fault:
    """A hypothesis taken to be true, with a severity for each of its groups."""

    hypothesis: Hypothesis
    severities: tuple[float, ...]
    maps: tuple[Mapping[int, Crossing], ...]
    """Columns by row."""

    def parts(self) -> Iterable[tuple[Mapping[int, Crossing], float]]:
        """Columns with their severities."""
        return zip(self.maps, self.severities, strict=True)

    @property
    def rows(self) -> frozenset[int]:
        """Rows it moves."""
        return frozenset(row for column in self.maps for row in column)


def fault(hypothesis: Hypothesis, severities: Sequence[float]) -> Fault:
    """Take a hypothesis to be true."""
    return Fault(hypothesis, tuple(severities), tuple(dict(column) for column in hypothesis.columns))


class Solver(Protocol):
    """Scores of all hypotheses, given the faults taken to be true."""

    def suppose(self, faults: Sequence[Fault]) -> None:
        """Take these, and only these, to be true."""

    def top(self, number: int) -> list[tuple[float, int]]:
        """The best hypotheses: score (log odds against nothing more being wrong) and index, best first."""

    def total_odds(self) -> float:
        """Sum of the odds of all hypotheses."""

    def around(self, rows: Iterable[int], least: float) -> list[tuple[float, int]]:
        """Hypotheses of at least that score that move any of the rows, best first."""

    def profile(self, mode: Mode, column: Column, severities: Sequence[float]) -> list[float]:
        """Log ratio, by severity, of one more fault with that column against none."""


def state_of(row: int, faults: Iterable[Fault]) -> State:
    """What the faults do to a row."""
    state = HEALTHY
    for fault in faults:
        for column, severity in fault.parts():
            weights = column.get(row)
            if weights is not None:
                state = worsened(state, fault.hypothesis.mode, severity, weights)
    return state


def marginal(totals: Sequence[float], log_weights: Sequence[float]) -> float:
    """Log of the mean, over severities, of the exponentials."""
    best = max(t + w for t, w in zip(totals, log_weights, strict=True))
    return best + math.log(math.fsum(math.exp(t + w - best) for t, w in zip(totals, log_weights, strict=True)))


def refined(solver: Solver, problem: Problem, hypothesis: Hypothesis) -> float:
    """The score of a hypothesis with severities integrated more finely around the best one."""
    grid = problem.grids[hypothesis.mode]
    totals = solver.profile(hypothesis.mode, hypothesis.column, grid.values)
    if not grid.refinable:
        return marginal(totals, grid.log_weights) + hypothesis.log_prior
    values, totals = finer(solver, hypothesis.mode, hypothesis.column, grid.values, totals)
    return integral(values, totals, grid.values) + hypothesis.log_prior


FINE = 5
"""Parts each cell of the grid is cut into near the best severity."""


def finer(
    solver: Solver, mode: Mode, column: Column, values: Sequence[float], totals: Sequence[float]
) -> tuple[list[float], list[float]]:
    """The profile with the two cells around its best severity cut into parts; only the new severities are asked for."""
    best = max(range(len(values)), key=totals.__getitem__)
    new: list[float] = []
    for low in (best - 1, best):
        if 0 <= low < len(values) - 1:
            ratio = values[low + 1] / values[low]
            new += [values[low] * ratio ** (k / FINE) for k in range(1, FINE)]
    merged = sorted([*zip(values, totals, strict=True), *zip(new, solver.profile(mode, column, new), strict=True)])
    return [value for value, _ in merged], [total for _, total in merged]


CLOSER, STEPS = 3, 8
"""Times that the neighbourhood of the best length of an interruption is cut into so many steps."""


def lasted(solver: Solver, column: Column, shares: Sequence[float], best: float) -> float:
    """The share of the time that an interruption took, more exactly than its grid has it.

    Of many packets the grid is too coarse: what its nearest value leaves over would look like one more fault beside it.
    """
    ordered = sorted(shares)
    at = ordered.index(best)
    low, high = ordered[max(0, at - 1)], ordered[min(len(ordered) - 1, at + 1)]
    for _ in range(CLOSER):
        most, least = math.log1p(-low), math.log1p(-high)
        values = [-math.expm1(most + (least - most) * k / STEPS) for k in range(STEPS + 1)]
        totals = solver.profile(Mode.DOWN, column, values)
        at = max(range(len(totals)), key=totals.__getitem__)
        best, low, high = values[at], values[max(0, at - 1)], values[min(STEPS, at + 1)]
    return best


def integral(values: Sequence[float], totals: Sequence[float], whole: Sequence[float]) -> float:
    """Log of the mean of exp(total) over the logarithm of the severity, by the trapezoidal rule."""
    cells = cell_widths(values)
    # A grid point stands for a cell of its own width at both ends too, as in the plain mean over the grid.
    length = math.log(whole[-1] / whole[0]) * len(whole) / (len(whole) - 1)
    terms = [t + math.log(c / length) for t, c in zip(totals, cells, strict=True)]
    best = max(terms)
    return best + math.log(math.fsum(math.exp(t - best) for t in terms))


def cell_widths(values: Sequence[float]) -> list[float]:
    """Width of each value's cell in the logarithm; the outermost reach as far outward as inward."""
    logs = [math.log(v) for v in values]
    steps = [b - a for a, b in itertools.pairwise(logs)]
    inner = [(a + b) / 2 for a, b in itertools.pairwise(steps)]
    return [steps[0], *inner, steps[-1]] if len(values) > 1 else [1.0]
