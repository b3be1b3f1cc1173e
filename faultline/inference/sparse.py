"""The solver in numpy and scipy, for large networks. It answers as `pure` does, to rounding.

Goes in: a problem. Comes out: scores. A mode's incidence is one sparse matrix, hypotheses by (row, weights); what each severity
does to each row is one table; all scores of a mode are their product. After a fault is supposed only the rows it moves are
computed again. Loss and delay, nearly all rows of a large network, are computed in bulk; the rest row by row, as `pure` does.

The only module of the localiser that needs compiled wheels; nothing imports it before a network is large.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import numpy as np
from scipy import sparse

from faultline.inference.bulk import DelayBulk, LossBulk
from faultline.inference.crossing import Crossing, shares_of
from faultline.inference.faults import HEALTHY, State, worsened
from faultline.inference.likelihood_delay import DelayRow
from faultline.inference.likelihood_loss import LossRow
from faultline.inference.problem import Column, Problem
from faultline.inference.solver import Fault, state_of
from faultline.records.terms import Mode

Array = np.ndarray[Any, np.dtype[np.float64]]
Index = np.ndarray[Any, np.dtype[np.int64]]
BULK = 6
"""Fewer rows than this are quicker one by one."""


@attrs.define(slots=True, kw_only=True, eq=False)
class _ModeTable:
    """One mode: which hypotheses cross which rows, and what it would do to them."""

    mode: Mode
    hypotheses: Index
    """Indexes of its hypotheses."""
    log_priors: Array
    keys: list[tuple[int, Crossing]]
    """Row and weights of each column of the incidence."""
    keys_of_row: dict[int, list[int]]
    incidence: Any
    """Hypotheses by keys, CSR."""
    by_key: Any
    """The same, CSC."""
    table: Array
    """Keys by severities."""
    totals: Array
    """Hypotheses by severities."""
    scores: Array


class SparseSolver:
    """See `solver.Solver`."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._states: dict[int, State] = {}
        self._faults: list[Fault] = []
        self._stale: set[int] = set()
        """Rows whose states have changed since the tables were computed."""
        self._loss = LossBulk({k: row for k, row in enumerate(problem.rows) if isinstance(row, LossRow) and row.size is None})
        self._delay = DelayBulk({k: row for k, row in enumerate(problem.rows) if isinstance(row, DelayRow)})
        self._modes = [made for mode in Mode if (made := self._mode(mode)) is not None]
        self._of = {table.mode: table for table in self._modes}

    def _mode(self, mode: Mode) -> _ModeTable | None:
        own = [h for h in self._problem.hypotheses if h.mode is mode]
        if not own:
            return None
        number: dict[tuple[int, Crossing], int] = {}
        rows, columns = [], []
        for k, hypothesis in enumerate(own):
            for key in hypothesis.column:
                rows.append(k)
                columns.append(number.setdefault(key, len(number)))
        incidence = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(own), len(number)))
        keys_of_row: dict[int, list[int]] = {}
        for (row, _), place in number.items():
            keys_of_row.setdefault(row, []).append(place)
        keys = list(number)
        table = self._ratios(mode, keys, self._problem.grids[mode].values)
        made = _ModeTable(
            mode=mode,
            hypotheses=np.array([h.index for h in own]),
            log_priors=np.array([h.log_prior for h in own]),
            keys=keys,
            keys_of_row=keys_of_row,
            incidence=incidence,
            by_key=incidence.tocsc(),
            table=table,
            totals=incidence @ table,
            scores=np.zeros(len(own)),
        )
        self._score(made, slice(None))
        return made

    def _score(self, made: _ModeTable, which: Any) -> None:
        terms = made.totals[which] + np.array(self._problem.grids[made.mode].log_weights)
        best = terms.max(axis=1)
        made.scores[which] = best + np.log(np.exp(terms - best[:, None]).sum(axis=1)) + made.log_priors[which]

    # ---- the interface ------------------------------------------------------------------------------------------
    def suppose(self, faults: Sequence[Fault]) -> None:
        """Take these, and only these, to be true."""
        other = {id(fault): fault for fault in (*self._faults, *faults)}
        for fault in self._faults:
            if any(fault is kept for kept in faults):
                del other[id(fault)]
        self._faults = list(faults)
        for row in {row for fault in other.values() for row in fault.rows}:
            state = state_of(row, faults)
            if state != self._states.get(row, HEALTHY):
                self._stale.add(row)
                if state == HEALTHY:
                    del self._states[row]
                else:
                    self._states[row] = state

    def _made(self) -> list[_ModeTable]:
        """The tables, computed again where states have changed: a profile alone needs none of them."""
        changed, self._stale = sorted(self._stale), set()
        for made in self._modes if changed else ():
            touched = [key for row in changed for key in made.keys_of_row.get(row, ())]
            if touched:
                self._refresh(made, touched)
        return self._modes

    def _refresh(self, made: _ModeTable, touched: list[int]) -> None:
        fresh = self._ratios(made.mode, [made.keys[k] for k in touched], self._problem.grids[made.mode].values)
        made.table[touched] = fresh
        which = np.unique(made.by_key[:, touched].indices)
        made.totals[which] = made.incidence[which] @ made.table
        self._score(made, which)

    def top(self, number: int) -> list[tuple[float, int]]:
        """The best hypotheses."""
        if not self._modes:
            return []
        scores = np.concatenate([made.scores for made in self._made()])
        indexes = np.concatenate([made.hypotheses for made in self._modes])
        if len(scores) > number:
            least = np.partition(scores, len(scores) - number)[len(scores) - number]
            keep = scores >= least
            scores, indexes = scores[keep], indexes[keep]
        order = np.lexsort((indexes, -scores))[:number]
        return [(float(scores[k]), int(indexes[k])) for k in order]

    def total_odds(self) -> float:
        """Sum of the odds of all hypotheses."""
        return math.fsum(float(np.exp(np.minimum(made.scores, 500.0)).sum()) for made in self._made())

    def around(self, rows: Iterable[int], least: float) -> list[tuple[float, int]]:
        """Hypotheses that move any of the rows."""
        wanted, found = list(rows), []
        for made in self._made():
            keys = [key for row in wanted for key in made.keys_of_row.get(row, ())]
            if keys:
                which = np.unique(made.by_key[:, keys].indices)
                which = which[made.scores[which] >= least]
                found += [(float(made.scores[k]), int(made.hypotheses[k])) for k in which]
        return sorted(found, key=lambda item: (-item[0], item[1]))

    def profile(self, mode: Mode, column: Column, severities: Sequence[float]) -> list[float]:
        """Log ratio by severity."""
        return [float(total) for total in self._ratios(mode, list(column), severities).sum(axis=0)]

    # ---- tables -------------------------------------------------------------------------------------------------
    def _ratios(self, mode: Mode, keys: Sequence[tuple[int, Crossing]], severities: Sequence[float]) -> Array:
        """Log ratio of one more fault against none: keys by severities."""
        table = np.zeros((len(keys), len(severities)))
        bulks: tuple[LossBulk | DelayBulk, ...] = (self._loss, self._delay)
        left = list(range(len(keys)))
        for bulk in bulks:
            own = [k for k in left if keys[k][0] in bulk]
            if len(own) >= BULK:
                states = [self._states.get(keys[k][0], HEALTHY) for k in own]
                table[own] = bulk.ratios(mode, [(keys[k][0], shares_of(keys[k][1])) for k in own], states, severities)
                taken = set(own)
                left = [k for k in left if k not in taken]
        for k in left:
            table[k] = self._one(mode, *keys[k], severities)
        return table

    def _one(self, mode: Mode, row: int, weights: Crossing, severities: Sequence[float]) -> list[float]:
        likelihood, state = self._problem.rows[row], self._states.get(row, HEALTHY)
        base = likelihood.loglik(state)
        if mode in likelihood.flat:
            return [likelihood.loglik(worsened(state, mode, severities[0], weights)) - base] * len(severities)
        return [likelihood.loglik(worsened(state, mode, severity, weights)) - base for severity in severities]
