"""Likelihoods of many loss or delay rows at once, in numpy: the same formulas as `likelihood`, held to them by a test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from faultline.inference.crossing import Weights
from faultline.inference.faults import CELL, DEAD, State
from faultline.inference.likelihood import STUDENT_NU, TINY
from faultline.inference.likelihood_delay import QUEUES, DelayRow
from faultline.inference.likelihood_loss import (
    CONGESTION_LOSS,
    CUT_DROPS,
    CUT_LOSS,
    EDGE_DROPS,
    EDGE_LOSS,
    LASTING,
    NARROW_DROPS,
    NARROW_LOSS,
    QUEUE_DROPS,
    TAIL_SLACK,
    LossRow,
)
from faultline.records.terms import Mode

Array = np.ndarray[Any, np.dtype[np.float64]]
MOST_CELLS = 2_000_000
"""Numbers held at once while a table is computed."""


@attrs.frozen(slots=True, kw_only=True)
class _States:
    """States of rows, a column each; logarithms by severity."""

    survive: Array
    cut: Array
    queue: Any
    narrow: Any


class LossBulk:
    """Loss rows as arrays."""

    def __init__(self, rows: Mapping[int, LossRow]) -> None:
        self._at = {row: k for k, row in enumerate(rows)}
        counts = [row.counts for row in rows.values()]
        self._good = np.array([c.total - c.bad for c in counts])
        self._bad = np.array([c.bad for c in counts])
        tails = [row.tail for row in rows.values()]
        self._tail = np.array([tail is not None for tail in tails], dtype=bool)
        self._share = np.array([tail.share if tail else 0.5 for tail in tails])
        self._packets = np.array([tail.packets if tail else 0.0 for tail in tails])
        self._before = np.array([row.before for row in rows.values()], dtype=bool)
        self._tcp = np.array([row.tcp for row in rows.values()], dtype=bool)
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
        before = _States(
            survive=np.array([[s.survive] for s in states]),
            cut=np.array([[s.cut] for s in states]),
            queue=np.array([s.queue_ms > 0 for s in states], dtype=bool),
            narrow=np.array([s.mtu < np.inf for s in states], dtype=bool),
        )
        wide = np.zeros((len(keys), len(severities)))
        after = attrs.evolve(before, survive=before.survive + wide, cut=before.cut + wide)
        everywhere = np.ones(len(keys), dtype=bool)
        if mode is Mode.LOSS:
            after = attrs.evolve(after, survive=after.survive + _survival(keys, severities))
        if mode is Mode.DOWN:
            after = attrs.evolve(after, cut=_interrupted(after.cut, keys, severities))
        if mode is Mode.CONGESTION:
            after = attrs.evolve(after, queue=everywhere)
        if mode is Mode.MTU:
            after = attrs.evolve(after, narrow=everywhere)
        return self._loglik(at, after) - self._loglik(at, before)

    def _loglik(self, at: Any, state: _States) -> Array:
        through = np.where(state.cut != 0, np.maximum(DEAD, state.survive + state.cut), state.survive)
        survive = np.where(self._before[at][:, None], state.survive, through)
        survive = np.where(self._tail[at][:, None] & (state.cut != 0), DEAD, survive)
        found = self._counts(at, survive)
        tail = self._tail[at]
        cut = self._tcp[at] & (state.cut != 0).any(axis=1)
        queue = state.queue & ~((tail & (state.cut != 0).any(axis=1)) | cut)
        narrow = state.narrow & self._tcp[at] & ~queue & ~cut
        for which, ratios, often in ((queue, CONGESTION_LOSS, QUEUE_DROPS), (narrow, NARROW_LOSS, NARROW_DROPS)):
            if which.any():
                found[which] = self._spread(at[which], survive[which], found[which], ratios, often)
        if cut.any():
            found[cut] = self._cut(at[cut], state.survive[cut], state.cut[cut], found[cut])
        if tail.any():
            found[tail] += self._tails(at[tail], state.cut[tail])
        return found

    def _spread(self, at: Any, survive: Array, plain: Array, ratios: Sequence[float], often: float) -> Array:
        terms = [np.log(1 - often) + plain]
        terms += [np.log(often / len(ratios)) + self._counts(at, survive + np.log1p(-ratio)) for ratio in ratios]
        found: Array = np.logaddexp.reduce(terms, axis=0)
        return found

    def _cut(self, at: Any, survive: Array, cut: Array, plain: Array) -> Array:
        """As `likelihood.LossRow` does for TCP."""
        met = self._spread(at, survive, self._counts(at, survive), CUT_LOSS, CUT_DROPS)
        edges = [np.log(EDGE_DROPS / len(EDGE_LOSS)) + self._counts(at, np.log1p(-ratio) + 0 * survive) for ratio in EDGE_LOSS]
        lasting = np.logaddexp.reduce([np.log(1 - EDGE_DROPS) + plain, *edges], axis=0)
        found: Array = np.where(cut == 0, plain, np.where(cut > LASTING, met, lasting))
        return found

    def _tails(self, at: Any, cut: Array) -> Array:
        """As `likelihood.Tail.loglik`; nothing where nothing is cut."""
        took = np.minimum(1 - TINY, -np.expm1(cut))
        share = np.clip(self._share[at], TINY, 1 - TINY)[:, None]
        high = np.maximum(1 - (1 - took) / TAIL_SLACK, np.minimum(1 - TINY, took * TAIL_SLACK))
        near = np.clip(share, took / TAIL_SLACK, np.maximum(took, high))
        near = np.where(cut != 0, near, share)
        nats: Array = -self._packets[at][:, None] * (
            share * np.log(share / near) + (1 - share) * np.log((1 - share) / (1 - near))
        )
        return nats

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
    """Delay rows as arrays, three statistics each, the median first."""

    def __init__(self, rows: Mapping[int, DelayRow]) -> None:
        self._at = {row: k for k, row in enumerate(rows)}
        shape = (len(rows), max((len(row.statistics) for row in rows.values()), default=1))
        self._there, self._shift, self._spread = np.zeros(shape), np.zeros(shape), np.ones(shape)
        self._follows = np.zeros(shape)
        self._share, self._vague = np.zeros((*shape, QUEUES)), np.zeros((*shape, QUEUES))
        self._tau = np.array([row.tau for row in rows.values()])
        for k, row in enumerate(rows.values()):
            for j, s in enumerate(sorted(row.statistics, key=lambda s: s.follows is not None)):
                self._there[k, j] = 1.0
                self._shift[k, j], self._spread[k, j], self._follows[k, j] = s.shift_us, s.spread_us, s.follows or 0.0
                self._share[k, j], self._vague[k, j] = zip(*s.queues, strict=True)

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
        seen, own, follows = (a[at][:, None, :] for a in (self._shift, self._spread, self._follows))
        there = self._there[at][:, None, :]
        found = (_around(seen + 0 * shift, own + 0 * shift) * there).sum(axis=2)
        longer = (shift_ms != 0) & (queue_ms == 0)
        if longer.any():
            spread = np.sqrt(own**2 + (CELL * shift) ** 2 + var)
            beside = np.sqrt(own**2 + own[:, :, :1] ** 2 + (follows * shift) ** 2 + var)
            terms = _around(seen - seen[:, :, :1], beside)
            terms[:, :, :1] = _around(seen - shift, spread)[:, :, :1]
            found = np.where(longer, (terms * there).sum(axis=2), found)
        if queue_ms.any():
            shapes = []
            for k in range(QUEUES):
                share, vague = (a[at][:, None, :, k] for a in (self._share, self._vague))
                spread = np.sqrt(own**2 + (CELL * shift) ** 2 + (vague * queue) ** 2 + var)
                shapes.append((_around(seen - shift - share * queue, spread) * there).sum(axis=2) - np.log(QUEUES))
            found = np.where(queue_ms > 0, np.logaddexp.reduce(shapes, axis=0), found)
        weighted: Array = self._tau[at][:, None] * found
        return weighted


def _around(value: Array, spread: Array) -> Array:
    found: Array = -(STUDENT_NU + 1) / 2 * np.log1p((value / spread) ** 2 / STUDENT_NU) - np.log(spread)
    return found


def _interrupted(cut: Array, keys: Sequence[tuple[int, Weights]], severities: Sequence[float]) -> Array:
    """As `faults.worsened`: of what stops everything the longest counts, what stops a part adds up."""
    whole = np.array([[any(w >= 1 for w in weights)] for _, weights in keys], dtype=bool)
    gone = np.log1p(-np.minimum(np.array(severities)[None, :], 1 - 1e-6))
    parts = [(row, tuple(w for w in weights if w < 1) or (0.0,)) for row, weights in keys]
    found: Array = np.maximum(DEAD, np.where(whole, np.minimum(cut, gone), cut) + _survival(parts, severities))
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
