"""Likelihoods of many loss or delay rows at once, in numpy: the same formulas as `likelihood`, held to them by a test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from faultline.inference.faults import CELL, DEAD, State
from faultline.inference.likelihood import CONGESTION_LOSS, STUDENT_NU, DelayRow, LossRow
from faultline.inference.problem import Weights
from faultline.records.terms import Mode

Array = np.ndarray[Any, np.dtype[np.float64]]
MOST_CELLS = 2_000_000
"""Numbers held at once while a table is computed."""


class LossBulk:
    """Loss rows as arrays."""

    def __init__(self, rows: Mapping[int, LossRow]) -> None:
        self._at = {row: k for k, row in enumerate(rows)}
        counts = [row.counts for row in rows.values()]
        self._good = np.array([c.total - c.bad for c in counts])
        self._bad = np.array([c.bad for c in counts])
        self._run = np.array([row.run for row in rows.values()], dtype=bool)
        widest = max((len(c.backgrounds) for c in counts), default=1)
        self._weights = np.full((len(counts), widest), -np.inf)
        self._healthy = np.full((len(counts), widest), -1e-9)
        for k, c in enumerate(counts):
            self._weights[k, : len(c.backgrounds)] = [w for w, _ in c.backgrounds]
            self._healthy[k, : len(c.backgrounds)] = [h for _, h in c.backgrounds]
        self._tau = np.array([c.tau for c in counts])
        self._single = np.array([len(c.backgrounds) == 1 for c in counts], dtype=bool)

    def __contains__(self, row: int) -> bool:
        return row in self._at

    def ratios(
        self, mode: Mode, keys: Sequence[tuple[int, Weights]], states: Sequence[State], severities: Sequence[float]
    ) -> Array:
        """Log ratios, keys by severities."""
        at = np.array([self._at[row] for row, _ in keys])
        survive = np.array([s.survive for s in states])
        queue = np.array([s.queue_ms > 0 for s in states], dtype=bool)
        down = np.array([Mode.DOWN in s.modes for s in states], dtype=bool)
        base = self._loglik(at, survive[:, None], queue, down)
        after = np.repeat(survive[:, None], len(severities), axis=1)
        if mode in {Mode.LOSS, Mode.DOWN}:
            after = after + _survival(keys, severities)
        if mode is Mode.DOWN:
            after, down = np.maximum(DEAD, after), np.ones(len(keys), dtype=bool)
        if mode is Mode.CONGESTION:
            queue = np.ones(len(keys), dtype=bool)
        return self._loglik(at, after, queue, down) - base

    def _loglik(self, at: Any, survive: Array, queue: Any, down: Any) -> Array:
        survive = np.where((self._run[at] & down)[:, None], DEAD, survive)
        plain = self._counts(at, survive)
        if queue.any():
            terms = [np.log(0.5) + plain[queue]]
            for ratio in CONGESTION_LOSS:
                more = self._counts(at[queue], survive[queue] + np.log1p(-ratio))
                terms.append(np.log(0.5 / len(CONGESTION_LOSS)) + more)
            plain[queue] = np.logaddexp.reduce(terms, axis=0)
        return plain

    def _counts(self, at: Any, survive: Array) -> Array:
        found = np.empty(survive.shape)
        single = self._single[at]
        for which in (np.flatnonzero(single), np.flatnonzero(~single)):
            wide = 1 if single[which].all() else self._weights.shape[1]
            for part in _parts(which, survive.shape[1] * wide):
                rows = at[part]
                through = self._healthy[rows, None, :wide] + survive[part][:, :, None]
                terms = self._weights[rows, None, :wide] + self._good[rows, None, None] * through
                terms = terms + self._bad[rows, None, None] * np.log(-np.expm1(through))
                found[part] = terms[:, :, 0] if wide == 1 else np.logaddexp.reduce(terms, axis=2)
        found *= self._tau[at][:, None]
        return found


class DelayBulk:
    """Delay rows as arrays, three statistics each."""

    def __init__(self, rows: Mapping[int, DelayRow]) -> None:
        self._at = {row: k for k, row in enumerate(rows)}
        shape = (len(rows), max((len(row.statistics) for row in rows.values()), default=1))
        self._there, self._shift, self._spread = np.zeros(shape), np.zeros(shape), np.ones(shape)
        self._share, self._vague = np.zeros(shape), np.zeros(shape)
        self._tau = np.array([row.tau for row in rows.values()])
        for k, row in enumerate(rows.values()):
            for j, s in enumerate(row.statistics):
                self._there[k, j] = 1.0
                self._shift[k, j], self._spread[k, j] = s.shift_us, s.spread_us
                self._share[k, j], self._vague[k, j] = s.queue_share, s.queue_spread

    def __contains__(self, row: int) -> bool:
        return row in self._at

    def ratios(
        self, mode: Mode, keys: Sequence[tuple[int, Weights]], states: Sequence[State], severities: Sequence[float]
    ) -> Array:
        """Log ratios, keys by severities."""
        at = np.array([self._at[row] for row, _ in keys])
        shift, var, queue = (np.array([[getattr(s, name)] for s in states]) for name in ("shift_ms", "shift_var", "queue_ms"))
        base = self._loglik(at, shift, var, queue)
        values = np.array(severities)[None, :]
        weight = np.array([[sum(weights)] for _, weights in keys])
        if mode is Mode.DELAY:
            spread = np.array([[sum(w * (1 - w) for w in weights)] for _, weights in keys])
            return self._loglik(at, shift + weight * values, var + spread * values**2, queue + 0 * values) - base
        if mode is Mode.CONGESTION:
            return self._loglik(at, shift + 0 * values, var + 0 * values, queue + weight * values) - base
        return np.zeros((len(keys), len(severities)))

    def _loglik(self, at: Any, shift_ms: Array, shift_var: Array, queue_ms: Array) -> Array:
        shift, queue, var = (1000 * shift_ms)[:, :, None], (1000 * queue_ms)[:, :, None], (1e6 * shift_var)[:, :, None]
        share, vague, own = (a[at][:, None, :] for a in (self._share, self._vague, self._spread))
        spread = np.sqrt(own**2 + (CELL * shift) ** 2 + (vague * queue) ** 2 + var)
        z = (self._shift[at][:, None, :] - shift - share * queue) / spread
        terms = -(STUDENT_NU + 1) / 2 * np.log1p(z * z / STUDENT_NU) - np.log(spread)
        found: Array = self._tau[at][:, None] * (terms * self._there[at][:, None, :]).sum(axis=2)
        return found


def _survival(keys: Sequence[tuple[int, Weights]], severities: Sequence[float]) -> Array:
    """Log share that survives, keys by severities."""
    values = np.array(severities)[None, :]
    most = max(len(weights) for _, weights in keys)
    padded = np.array([[*weights, *(0.0,) * (most - len(weights))] for _, weights in keys])
    total = np.zeros((len(keys), len(severities)))
    for j in range(most):
        total += np.log1p(-np.minimum(padded[:, j : j + 1] * values, 1 - 1e-6))
    return total


def _parts(which: Any, width: int) -> Iterator[Any]:
    step = max(1, MOST_CELLS // max(1, width))
    for start in range(0, len(which), step):
        yield which[start : start + step]
