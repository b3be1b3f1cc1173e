"""Log-likelihood of what takes longer than usual: a path's delay, a server's answers.

Goes in: one observation with its baseline. Comes out: its row. A longer way, a queue and a slow server are told apart here.
"""

from __future__ import annotations

import math

import attrs

from faultline.inference.faults import CELL, State
from faultline.inference.likelihood import TAU, around, log_mean, trust_of
from faultline.inference.observed import (
    Delay,
    Response,
)
from faultline.records.terms import Mode

SOFTWARE_STAMP_US = 30.0
"""Median of software time stamps wanders this much between windows."""
MIN_FLOOR_US, P90_FLOOR_US = 30.0, 250.0
MIN_FOLLOWS, P90_FOLLOWS = 0.05, 0.15
"""How closely, as a part of the added delay, the fastest and the slowest packets move with the median on a longer way."""
LEAST_DELAY_SAMPLES = 5

RESPONSE_FLOOR = 0.08
RESPONSE_EPISODES = 3
"""A response time moved for a whole window counts as this many independent surprises."""
STALL_SPREAD = 2.0
"""How far, on the logarithm, a server that takes nothing in may be late with its answers."""


@attrs.frozen(slots=True, kw_only=True)
class Statistic:
    """One number of a delay distribution: how far it is from its baseline, and how much it wanders when healthy."""

    shift_us: float
    spread_us: float
    queues: tuple[tuple[float, float], ...]
    """Part of a queue's delay that shows in it, and how vaguely that is known, by shape of the queue (`QUEUES`)."""
    follows: float | None
    """How closely it moves with the median when every packet takes longer, as a part of that; None: the median itself."""


QUEUES = 2
"""Shapes of a queue, each as likely: one that empties in between, and one that TCP keeps from emptying."""
_LEAST = ((0.0, 0.05), (0.6, 0.25))
_MEDIAN = ((0.5, 0.35), (0.85, 0.15))
_HIGH = ((1.0, 0.3), (1.0, 0.15))
QUEUE_MEDIAN = 0.7
"""Part of a queue's delay that a typical request meets."""


@attrs.frozen(slots=True, kw_only=True)
class DelayRow:
    """Minimum, median and p90 beside their baselines: all up alike is a longer way, p90 up over a lower minimum is a queue."""

    statistics: tuple[Statistic, ...]
    tau: float
    modes: frozenset[Mode] = frozenset({Mode.DELAY, Mode.CONGESTION})
    flat: frozenset[Mode] = frozenset()

    def loglik(self, state: State) -> float:
        """Tempered sum over the statistics, Student's t each, widened by how vaguely the fault is known."""
        shift, queue = state.shift_ms * 1000, state.queue_ms * 1000
        if queue:
            vague = (CELL * shift) ** 2 + state.shift_var * 1e6
            return self.tau * log_mean([(1 / QUEUES, self._queue(k, shift, queue, vague)) for k in range(QUEUES)])
        if shift:
            return self.tau * self._longer(shift, state.shift_var * 1e6)
        return self.tau * math.fsum(around(s.shift_us, s.spread_us) for s in self.statistics)

    def _queue(self, shape: int, shift: float, queue: float, vague: float) -> float:
        terms = []
        for s in self.statistics:
            share, spread = s.queues[shape]
            terms.append(around(s.shift_us - shift - share * queue, math.sqrt(s.spread_us**2 + vague + (spread * queue) ** 2)))
        return math.fsum(terms)

    def _longer(self, shift: float, variance: float) -> float:
        """The median is that much up, and the others are up as much as the median is."""
        terms = []
        median = next((s for s in self.statistics if s.follows is None), None)
        for s in self.statistics:
            if s.follows is None or median is None:
                terms.append(around(s.shift_us - shift, math.sqrt(s.spread_us**2 + (CELL * shift) ** 2 + variance)))
            else:
                spread = math.sqrt(s.spread_us**2 + median.spread_us**2 + (s.follows * shift) ** 2 + variance)
                terms.append(around(s.shift_us - median.shift_us, spread))
        return math.fsum(terms)


def delay_row(
    observation: Delay, seconds: float, *, extra_us: float = 0.0, hosts_us: float = 0.0, trust: float = 1.0
) -> DelayRow:
    """The row of a delay observation.

    Args:
        observation: without baseline, or of too few samples, it says nothing.
        seconds: length of the window.
        extra_us: spread to add, e.g. because both directions moved as a clock's step moves them.
        hosts_us: rise that all paths show at once, as busy measuring hosts make it; it spreads all but the minimum.
        trust: factor on the weight, e.g. because the route is not that of the baseline.
    """
    quality, base = observation.quality, observation.baseline
    tau = TAU["delay_passive" if observation.passive else "delay"] * trust_of(quality, seconds) * trust
    if base is None or observation.median_us is None or observation.n < LEAST_DELAY_SAMPLES or base.n < LEAST_DELAY_SAMPLES:
        return DelayRow(statistics=(), tau=tau)
    sigma = 1.4826 * base.mad_us
    clock = 0.0 if observation.round_trip else quality.clock_error_us
    wander = 3.0 if observation.passive else 1.0
    extra = clock**2 + extra_us**2 + quality.late_us**2

    def statistic(
        value: float | None, usual: float | None, own: float, queues: tuple[tuple[float, float], ...], follows: float | None
    ) -> Statistic | None:
        if value is None or usual is None:
            return None
        spread = math.sqrt(own**2 + extra)
        # Faster than usual is no sign of anything: it is as healthy as a value one spread below.
        return Statistic(shift_us=max(value - usual, -spread), spread_us=spread, queues=queues, follows=follows)

    sampling = 1.2533 * sigma * math.sqrt(1 / observation.n + 1 / base.n)
    median = math.hypot(sampling, 0.5 * sigma, SOFTWARE_STAMP_US * wander, hosts_us)
    low = base.min_us if base.min_us is not None else base.median_us
    least = math.hypot(0.5 * (base.median_us - low), MIN_FLOOR_US * wander) * (1 + 10 / observation.n)
    tail = (base.p90_us if base.p90_us is not None else base.median_us) - base.median_us
    high = math.hypot(0.5 * max(tail, 1.2816 * sigma), P90_FLOOR_US * wander, 2 * hosts_us)
    found = (
        statistic(observation.min_us, base.min_us, least, _LEAST, MIN_FOLLOWS),
        statistic(observation.median_us, base.median_us, median, _MEDIAN, None),
        statistic(observation.p90_us, base.p90_us, high, _HIGH, P90_FOLLOWS),
    )
    return DelayRow(statistics=tuple(s for s in found if s is not None), tau=tau)


@attrs.frozen(slots=True, kw_only=True)
class ResponseRow:
    """Logarithm of the response time beside its baseline: a slower server multiplies it, a longer way adds to it."""

    shift: float
    spread: float
    tau: float
    usual_us: float = math.inf
    """Median of the baseline; what the way adds counts beside it."""
    modes: frozenset[Mode] = frozenset({Mode.SLOW, Mode.DELAY, Mode.CONGESTION, Mode.STALLED})
    flat: frozenset[Mode] = frozenset({Mode.STALLED})

    def expected(self, state: State) -> float:
        """The shift that a state makes."""
        added_us = (state.shift_ms + QUEUE_MEDIAN * state.queue_ms) * 1000
        return state.slow + math.log1p(added_us / self.usual_us)

    def loglik(self, state: State) -> float:
        """Student's t on the logarithm; a row without baseline has no weight."""
        if not self.tau:
            return 0.0
        expected = self.expected(state)
        spread = math.hypot(self.spread, CELL) if expected else self.spread
        plain = around(self.shift - expected, spread)
        if not state.open:
            return self.tau * plain
        # A closed window holds requests up, by no one knows how much, or none that was answered.
        return self.tau * log_mean([(0.5, plain), (0.5, around(self.shift - expected, math.hypot(spread, STALL_SPREAD)))])


def response_row(observation: Response, seconds: float, *, hosts_us: float = 0.0) -> ResponseRow:
    """The row of a response observation; `hosts_us` as of a delay: busy hosts answer late, and read answers late."""
    base = observation.baseline
    if base is None or min(observation.n, base.n) < LEAST_DELAY_SAMPLES or min(observation.median_us, base.median_us) <= 0:
        return ResponseRow(shift=0.0, spread=1.0, tau=0.0)
    sampling = 1.858 * base.mad_us / base.median_us * math.sqrt(1 / observation.n + 1 / base.n)
    spread = math.hypot(sampling, RESPONSE_FLOOR, math.log1p(math.hypot(observation.quality.late_us, hosts_us) / base.median_us))
    return ResponseRow(
        shift=max(math.log(observation.median_us / base.median_us), -spread),  # faster is no fault
        spread=spread,
        tau=RESPONSE_EPISODES * trust_of(observation.quality, seconds),
        usual_us=base.median_us,
    )
