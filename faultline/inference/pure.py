"""The solver in plain Python, for up to a few hundred components.

Goes in: a problem. Comes out: scores. What a severity of a mode does to a row does not depend on which component has it, only on
the weight: that is computed once a row and reused by every hypothesis that crosses it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

from faultline.inference.crossing import Crossing
from faultline.inference.faults import HEALTHY, State, worsened
from faultline.inference.problem import Column, Problem
from faultline.inference.solver import Fault, marginal, state_of
from faultline.records.terms import Mode


class PureSolver:
    """See `solver.Solver`."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._states: dict[int, State] = {}
        """Rows that are not healthy."""
        self._base: dict[int, float] = {}
        self._worsened: dict[tuple[State, Mode, float, Crossing], State] = {}
        """A state with one more fault: the same for every row."""
        self._tables: dict[tuple[int, Mode, Crossing], list[float]] = {}
        self._by_row: dict[int, list[tuple[int, Mode, Crossing]]] = defaultdict(list)
        self._scores: dict[int, float] = {}
        self._crossing: dict[int, list[int]] = defaultdict(list)
        for hypothesis in problem.hypotheses:
            for row, _ in hypothesis.column:
                self._crossing[row].append(hypothesis.index)

    def suppose(self, faults: Sequence[Fault]) -> None:
        """Take these, and only these, to be true."""
        touched = {row for fault in faults for row in fault.rows}
        for row in touched | set(self._states):
            state = state_of(row, faults)
            if state != self._states.get(row, HEALTHY):
                self._forget(row)
                if state == HEALTHY:
                    del self._states[row]
                else:
                    self._states[row] = state

    def _forget(self, row: int) -> None:
        self._base.pop(row, None)
        for key in self._by_row.pop(row, ()):
            self._tables.pop(key, None)
        for index in self._crossing[row]:
            self._scores.pop(index, None)

    def top(self, number: int) -> list[tuple[float, int]]:
        """The best hypotheses."""
        scored = [(self._score(h.index), h.index) for h in self._problem.hypotheses]
        return sorted(scored, key=lambda item: (-item[0], item[1]))[:number]

    def total_odds(self) -> float:
        """Sum of the odds of all hypotheses."""
        return math.fsum(math.exp(min(500.0, self._score(h.index))) for h in self._problem.hypotheses)

    def around(self, rows: Iterable[int], least: float) -> list[tuple[float, int]]:
        """Hypotheses that move any of the rows."""
        near = {index for row in rows for index in self._crossing[row]}
        scored = [(self._score(index), index) for index in near]
        return sorted((item for item in scored if item[0] >= least), key=lambda item: (-item[0], item[1]))

    def profile(self, mode: Mode, column: Column, severities: Sequence[float]) -> list[float]:
        """Log ratio by severity."""
        if severities is self._problem.grids[mode].values:
            return self._totals(mode, column)
        totals = [0.0] * len(severities)
        for row, weights in column:
            for k, nats in enumerate(self._ratios(row, mode, weights, severities)):
                totals[k] += nats
        return totals

    def _ratios(self, row: int, mode: Mode, weights: Crossing, severities: Sequence[float]) -> list[float]:
        """Log ratio of one more fault against none, by severity, on one row."""
        likelihood, state, base = self._problem.rows[row], self._states.get(row, HEALTHY), self._base_of(row)
        if mode in likelihood.flat:
            return [likelihood.loglik(self._worse(state, mode, severities[0], weights)) - base] * len(severities)
        return [likelihood.loglik(self._worse(state, mode, severity, weights)) - base for severity in severities]

    def _worse(self, state: State, mode: Mode, severity: float, weights: Crossing) -> State:
        key = (state, mode, severity, weights)
        if key not in self._worsened:
            self._worsened[key] = worsened(state, mode, severity, weights)
        return self._worsened[key]

    # ---- tables -------------------------------------------------------------------------------------------------
    def _score(self, index: int) -> float:
        if index not in self._scores:
            hypothesis = self._problem.hypotheses[index]
            weights = self._problem.grids[hypothesis.mode].log_weights
            self._scores[index] = marginal(self._totals(hypothesis.mode, hypothesis.column), weights) + hypothesis.log_prior
        return self._scores[index]

    def _totals(self, mode: Mode, column: Column) -> list[float]:
        tables = [self._table(row, mode, weights) for row, weights in column]
        return [math.fsum(column) for column in zip(*tables, strict=True)]

    def _base_of(self, row: int) -> float:
        if row not in self._base:
            self._base[row] = self._problem.rows[row].loglik(self._states.get(row, HEALTHY))
        return self._base[row]

    def _table(self, row: int, mode: Mode, weights: Crossing) -> list[float]:
        key = (row, mode, weights)
        if key not in self._tables:
            self._tables[key] = self._ratios(row, mode, weights, self._problem.grids[mode].values)
            self._by_row[row].append(key)
        return self._tables[key]
