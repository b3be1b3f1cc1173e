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
        self._same: dict[State, State] = {HEALTHY: HEALTHY}
        """Each state once: what is the same object is found without comparing it."""
        self._worsened: dict[tuple[State, Mode, float, Crossing], State] = {}
        """A state with one more fault: the same for every row."""
        self._known: dict[tuple[int, State], float] = {}
        """Log-likelihoods by row and state."""
        self._tables: dict[tuple[int, Mode, Crossing, State], list[float]] = {}
        """Kept when other faults are supposed: the same ones come back."""
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
            state = self._same.setdefault(state, state)
            if state is not self._states.get(row, HEALTHY):
                for index in self._crossing[row]:
                    self._scores.pop(index, None)
                if state is HEALTHY:
                    del self._states[row]
                else:
                    self._states[row] = state

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
        state = self._states.get(row, HEALTHY)
        base = self._loglik(row, state)
        if mode in self._problem.rows[row].flat:
            return [self._loglik(row, self._worse(state, mode, severities[0], weights)) - base] * len(severities)
        return [self._loglik(row, self._worse(state, mode, severity, weights)) - base for severity in severities]

    def _loglik(self, row: int, state: State) -> float:
        key = (row, state)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._problem.rows[row].loglik(state)
        return known

    def _worse(self, state: State, mode: Mode, severity: float, weights: Crossing) -> State:
        key = (state, mode, severity, weights)
        found = self._worsened.get(key)
        if found is None:
            found = worsened(state, mode, severity, weights)
            found = self._worsened[key] = self._same.setdefault(found, found)
        return found

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

    def _table(self, row: int, mode: Mode, weights: Crossing) -> list[float]:
        key = (row, mode, weights, self._states.get(row, HEALTHY))
        table = self._tables.get(key)
        if table is None:
            table = self._tables[key] = self._ratios(row, mode, weights, self._problem.grids[mode].values)
        return table
