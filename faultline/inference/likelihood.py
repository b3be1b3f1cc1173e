"""Log-likelihood of each kind of observation, given what faults would do to it.

Goes in: one observation. Comes out: a row, whose `loglik(state)` is the log-likelihood up to a constant; only differences mean
anything. Every row says which modes can move it. Knows nothing of components.

Quality widens: packets a capture dropped, or a starved sender, raise the loss of a healthy path; gaps, one-sided flows and
suspect samples lower the number of packets that count; a clock's error adds to the spread of one-way delay. Kinds that share
packets are tempered (`TAU`): passive counts see the packets several times, and the three statistics of a delay are not
independent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Protocol

import attrs

from faultline.inference.faults import CELL, DEAD, HEALTHY, State
from faultline.inference.observed import (
    Delay,
    Failure,
    Loss,
    Mtu,
    Quality,
    Response,
    Silence,
    Told,
    ZeroWindow,
)
from faultline.records.terms import Mode

TAU = {
    "delay": 0.7,
    "delay_passive": 0.35,
    "failure": 0.7,
    "zero_window": 0.7,
}
"""Weight of a nat by kind of evidence."""

ACTIVE_BACKGROUND = 5e-5
"""Loss ratio of a healthy path seen with test packets."""
TCP_BACKGROUND = 5e-4
TCP_SPREAD = 1.5
"""TCP fills queues until they drop: healthy passive loss lies within a factor e^1.5 of 0.05 % two times of three, and up to some
per cent now and then. Only a baseline of the same path narrows this, and never between two probes: a queue may lie there."""
KNOWN_SPREAD = 0.8
"""Spread of the logarithm around a passive background that history gave."""
STRAY_UNKNOWN, STRAY_KNOWN, STRAY_SERVICE = 1e-4, 1e-6, 1e-9
"""Chance that a healthy passive count is anything at all (retransmissions of lost acknowledgements, middleboxes): the most that
one passive observation can ever say is about minus the logarithm of this."""
TCP_BURST = 1.5
SHARED = 0.3
"""Each of k witnesses of the same TCP losses counts k^-0.3: they saw the same packets, each with its own capture."""
MOST_TCP_LOST = 6.0
"""Retransmissions come in episodes; more than this many independent ones are never credited to one observation."""
SUSPECT_LOSS = 0.1
"""Share of starved samples that may be lost by the measuring host itself."""

STUDENT_NU = 4.0
SOFTWARE_STAMP_US = 30.0
"""Median of software time stamps wanders this much between windows."""
MIN_FLOOR_US, P90_FLOOR_US = 30.0, 250.0
MIN_FOLLOWS, P90_FOLLOWS = 0.05, 0.15
"""How closely, as a part of the added delay, the fastest and the slowest packets move with the median on a longer way."""
LEAST_DELAY_SAMPLES = 5

CONGESTION_LOSS = (0.003, 0.01, 0.03, 0.1, 0.3)
QUEUE_DROPS = 0.1
"""Loss ratios that a full queue may bring to some traffic and not to other, each as likely, and how often it does. A queue that
drops from everything alike has loss as a second symptom."""
CUT_LOSS = (0.01, 0.05, 0.2, 0.6)
CUT_DROPS = 0.8
"""The same for TCP that an interruption of a part of the window, or of one of several ways, has met: senders wait, so that what
is counted lost is a small part of what passed before, and says little of how long it took."""
EDGE_LOSS = (0.97, 0.9, 0.75)
EDGE_DROPS = 0.5
"""The same where it takes all the window: a handful passed at its edges, and few were sent."""
LASTING = math.log(0.02)
"""Log share of packets that pass below which an interruption is one of all the window."""
NARROW_LOSS = (0.02, 0.1, 0.4)
NARROW_DROPS = 0.5
"""Ratios of TCP segments lost where only the large ones die, each as likely, and how much of the traffic has such."""

FAILURE_LEAK = 0.002
RETRIES = {"tcp": 3, "dns": 2, "http": 3}
"""Packets that must all be lost before a request fails by loss alone."""
MOST_FAILED = 20.0
RESPONSE_FLOOR = 0.08
RESPONSE_EPISODES = 3
"""A response time moved for a whole window counts as this many independent surprises."""
STALL_SPREAD = 2.0
"""How far, on the logarithm, a server that takes nothing in may be late with its answers."""
CLOSED_BACKGROUND = 0.002
MTU_BACKGROUND = 0.01
SILENT_SENSITIVITY, SILENT_FALSE = 0.98, 1e-8
SILENT_SHARE = 0.3
"""A probe that missed this share of its reports is called silent."""

NEGLIGIBLE_NATS = 16.0
TINY = 1e-9
"""As good as nothing."""


class Row(Protocol):
    """One observation's likelihood."""

    @property
    def modes(self) -> frozenset[Mode]:
        """Modes that can move it."""

    @property
    def flat(self) -> frozenset[Mode]:
        """Modes of which only the presence matters to it, not the severity."""

    def loglik(self, state: State) -> float:
        """Log-likelihood up to a constant."""


@attrs.frozen(slots=True, kw_only=True)
class Counts:
    """Binomial counts over a background that is itself only known to some factor."""

    total: float
    """Trials that count, after burstiness and tempering."""
    bad: float
    backgrounds: tuple[tuple[float, float], ...]
    """Log weight and log survival of each background considered."""
    tau: float = 1.0
    """Weight of all of it, for what is not a witness of its own."""

    def loglik(self, survive: float) -> float:
        """Log-likelihood when faults let the share exp(survive) through."""
        bad, good, log, expm1 = self.bad, self.total - self.bad, math.log, math.expm1
        if bad:
            terms = [w + good * (b + survive) + bad * log(-expm1(b + survive)) for w, b in self.backgrounds]
        else:
            terms = [w + good * (b + survive) for w, b in self.backgrounds]
        best = max(terms)
        if len(terms) == 1:
            return self.tau * best
        exp = math.exp
        return self.tau * (best + log(sum([exp(term - best) for term in terms])))


def counts_of(total: float, bad: float, backgrounds: tuple[tuple[float, float], ...], tau: float = 1.0) -> Counts:
    """Counts without the backgrounds that are too high for them: faults only ever make high backgrounds less likely."""
    if len(backgrounds) == 1:
        return Counts(total=total, bad=bad, backgrounds=backgrounds, tau=tau)
    alone = [Counts(total=total, bad=bad, backgrounds=(b,)).loglik(0.0) for b in backgrounds]
    best = max(range(len(alone)), key=alone.__getitem__)
    kept = tuple(b for k, b in enumerate(backgrounds) if k <= best or alone[k] > alone[best] - NEGLIGIBLE_NATS)
    return Counts(total=total, bad=bad, backgrounds=kept, tau=tau)


def known_background(ratio: float) -> tuple[tuple[float, float], ...]:
    """A background that is a single number."""
    return ((0.0, math.log1p(-min(0.5, max(TINY, ratio)))),)


def wide_background(ratio: float, spread: float, stray: float) -> tuple[tuple[float, float], ...]:
    """A log-normal background around a ratio, with a thin uniform tail; twelve to fourteen values, a factor 2.5 apart."""
    low, high, step = math.log(1e-5), math.log(0.7), 0.9
    values = [low + step * k for k in range(int((high - low) / step) + 1)]
    centre = math.log(min(0.5, max(1e-5, ratio)))
    heights = [math.exp(-0.5 * ((v - centre) / max(spread, 0.6)) ** 2) for v in values]
    total = sum(heights)
    return tuple(
        (math.log((1 - stray) * height / total + stray / len(values)), math.log1p(-math.exp(v)))
        for v, height in zip(values, heights, strict=True)
    )


def _trust(quality: Quality, seconds: float) -> float:
    """Share of the packets that count."""
    missing = min(1.0, quality.gap_seconds / seconds) if seconds > 0 else 0.0
    return (1 - quality.one_sided_ratio) * (1 - quality.suspect_ratio) * (1 - missing)


def _more_loss(background: float, quality: Quality) -> float:
    return 1 - (1 - background) * (1 - quality.capture_loss_ratio) * (1 - SUSPECT_LOSS * quality.suspect_ratio)


TAIL_SLACK = 1.5
"""Shares of time that differ by less than this factor are the same: the severities of an interruption are no finer."""


@attrs.frozen(slots=True, kw_only=True)
class Tail:
    """Of a session's packets those since its replies stopped: an interruption that lasts till now took that share of the time."""

    share: float
    packets: float
    """Of the whole session."""

    def loglik(self, cut: float) -> float:
        """Log-likelihood of the share, at most 0, under interruptions that let exp(cut) of the time through."""
        took = min(1 - TINY, -math.expm1(cut))
        share = min(1 - TINY, max(TINY, self.share))
        low, high = min(took, took / TAIL_SLACK), max(took, 1 - (1 - took) / TAIL_SLACK, min(1 - TINY, took * TAIL_SLACK))
        near = min(high, max(low, share))
        return -self.packets * (share * math.log(share / near) + (1 - share) * math.log((1 - share) / (1 - near)))


@attrs.frozen(slots=True, kw_only=True)
class LossRow:
    """Packets lost of packets sent."""

    counts: Counts
    size: float | None = None
    tail: Tail | None = None
    """For packets that are all lost and nobody knows on which way: the newest of a session, whose replies stopped coming."""
    before: bool = False
    """Sent before such a tail began: an interruption that lasts till now has not met them."""
    tcp: bool = False
    modes: frozenset[Mode] = frozenset({Mode.LOSS, Mode.DOWN, Mode.CONGESTION})
    flat: frozenset[Mode] = frozenset({Mode.CONGESTION})

    def loglik(self, state: State) -> float:
        """Binomial, q = 1 - (1-b) * product of (1-theta)."""
        if state.cut and self.tail is not None:
            return self.counts.loglik(DEAD) + self.tail.loglik(state.cut)
        if self.tcp and state.cut:
            return self._cut(state)
        survive = state.survive if self.before else state.through
        if self.size is not None and self.size > state.mtu:
            survive += DEAD
        if state.queue_ms:
            return self._spread(survive, CONGESTION_LOSS, QUEUE_DROPS)
        if self.tcp and state.mtu < math.inf:
            return self._spread(survive, NARROW_LOSS, NARROW_DROPS)
        return self.counts.loglik(survive)

    def _cut(self, state: State) -> float:
        """TCP waits while nothing passes."""
        if state.cut > LASTING:
            return self._spread(state.survive, CUT_LOSS, CUT_DROPS)
        edges = [self.counts.loglik(math.log1p(-ratio)) for ratio in EDGE_LOSS]
        return _log_mean(
            [(1 - EDGE_DROPS, self.counts.loglik(state.through)), *((EDGE_DROPS / len(edges), value) for value in edges)]
        )

    def _spread(self, survive: float, ratios: Sequence[float], often: float) -> float:
        """So often one of these ratios is lost beside, otherwise nothing."""
        more = [self.counts.loglik(survive + math.log1p(-ratio)) for ratio in ratios]
        return _log_mean([(1 - often, self.counts.loglik(survive)), *((often / len(more), value) for value in more)])


def loss_row(observation: Loss, seconds: float, *, witnesses: int = 1, answered: float = 0.0, before: bool = False) -> LossRow:
    """The row of a loss observation; counts of TCP get a wide background, because queues drop where nothing is wrong.

    Args:
        observation: packets sent and lost.
        seconds: length of the window.
        witnesses: counts of TCP that look at the same place, this one included: they saw the same losses.
        answered: for the tail of a session, its packets before that.
        before: packets of a session that has such a tail.
    """
    quality, tcp = observation.quality, observation.source != "active"
    trust = _trust(quality, seconds)
    tau = max(1, witnesses) ** -SHARED if tcp else 1.0
    burst = observation.burst or (TCP_BURST if tcp else 1.0)
    total, bad = (value * trust / burst for value in (observation.sent, observation.lost))
    if tcp:
        if bad > MOST_TCP_LOST:
            total, bad = total * MOST_TCP_LOST / bad, MOST_TCP_LOST
        learned = observation.background is not None
        centre = _more_loss(observation.background or (ACTIVE_BACKGROUND if learned else TCP_BACKGROUND), quality)
        known = learned and observation.source == "passive"
        spread, stray = (KNOWN_SPREAD, STRAY_KNOWN) if known else (TCP_SPREAD, STRAY_UNKNOWN)
        backgrounds = wide_background(centre, spread, stray)
    else:
        backgrounds = known_background(_more_loss(observation.background or ACTIVE_BACKGROUND, quality))
    modes = {Mode.LOSS, Mode.DOWN, Mode.CONGESTION} | ({Mode.MTU} if tcp or observation.size is not None else set())
    whole = answered + observation.sent
    return LossRow(
        counts=counts_of(total, bad, backgrounds, tau),
        size=observation.size,
        tail=Tail(share=observation.sent / whole, packets=whole) if is_tail(observation) and whole else None,
        before=before,
        tcp=tcp,
        modes=frozenset(modes),
        flat=frozenset({Mode.CONGESTION} | ({Mode.MTU} if tcp and observation.size is None else set())),
    )


def is_tail(observation: Loss) -> bool:
    """Packets of which none came back, lost nobody knows on which way: the newest ones of a session."""
    return observation.source == "active" and observation.round_trip and 0 < observation.sent == observation.lost


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


def student(z: float) -> float:
    """Log density of Student's t with 4 degrees of freedom, up to a constant."""
    return -(STUDENT_NU + 1) / 2 * math.log1p(z * z / STUDENT_NU)


def _around(value: float, spread: float) -> float:
    return student(value / spread) - math.log(spread)


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
            return self.tau * _log_mean([(1 / QUEUES, self._queue(k, shift, queue, vague)) for k in range(QUEUES)])
        if shift:
            return self.tau * self._longer(shift, state.shift_var * 1e6)
        return self.tau * math.fsum(_around(s.shift_us, s.spread_us) for s in self.statistics)

    def _queue(self, shape: int, shift: float, queue: float, vague: float) -> float:
        terms = []
        for s in self.statistics:
            share, spread = s.queues[shape]
            terms.append(_around(s.shift_us - shift - share * queue, math.sqrt(s.spread_us**2 + vague + (spread * queue) ** 2)))
        return math.fsum(terms)

    def _longer(self, shift: float, variance: float) -> float:
        """The median is that much up, and the others are up as much as the median is."""
        terms = []
        median = next((s for s in self.statistics if s.follows is None), None)
        for s in self.statistics:
            if s.follows is None or median is None:
                terms.append(_around(s.shift_us - shift, math.sqrt(s.spread_us**2 + (CELL * shift) ** 2 + variance)))
            else:
                spread = math.sqrt(s.spread_us**2 + median.spread_us**2 + (s.follows * shift) ** 2 + variance)
                terms.append(_around(s.shift_us - median.shift_us, spread))
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
    tau = TAU["delay_passive" if observation.passive else "delay"] * _trust(quality, seconds) * trust
    if base is None or observation.median_us is None or observation.n < LEAST_DELAY_SAMPLES or base.n < LEAST_DELAY_SAMPLES:
        return DelayRow(statistics=(), tau=tau)
    sigma = 1.4826 * base.mad_us
    clock = 0.0 if observation.round_trip else quality.clock_error_us
    wander = 3.0 if observation.passive else 1.0
    extra = clock**2 + extra_us**2

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
class FailureRow:
    """Requests that failed: by the path, by the end point, or by the service's own leak."""

    counts: Counts
    retries: int
    path: bool
    """The outcome can come from lost packets."""
    refusals: float = 0.0
    """Requests that were answered, if only by a refusal: the way there and back works."""
    modes: frozenset[Mode] = frozenset({Mode.FAILING, Mode.DOWN, Mode.LOSS})
    flat: frozenset[Mode] = frozenset()

    def loglik(self, state: State) -> float:
        """Binomial; all retries must be lost for loss to fail a request, and an interruption meets them all."""
        through = state.cut
        if state.survive:
            lost = -math.expm1(state.survive)
            through = max(DEAD, through + math.log1p(-min(1 - 1e-6, lost**self.retries)))
        if not self.path:
            return self.counts.loglik(state.answer) + self.refusals * through
        return self.counts.loglik(max(DEAD, state.answer + through))


def failure_row(observation: Failure, seconds: float) -> FailureRow:
    """The row of a failure observation."""
    weight = TAU["failure"] * _trust(observation.quality, seconds)
    total, bad = observation.attempts * weight, observation.failed * weight
    if bad > MOST_FAILED:
        total, bad = total * MOST_FAILED / bad, MOST_FAILED
    leak = FAILURE_LEAK if observation.leak is None else observation.leak
    backgrounds = wide_background(max(leak, 1e-4), 0.8, STRAY_SERVICE)
    path = by_path(observation.outcome)
    return FailureRow(
        counts=counts_of(total, bad, backgrounds),
        retries=RETRIES.get(observation.protocol, 3),
        path=path,
        refusals=0.0 if path else bad,
    )


def by_path(outcome: str | None) -> bool:
    """Whether lost packets can bring this outcome; an answer that came back says the path works."""
    return outcome is None or outcome in {"timeout", "unreachable", "failed"}


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
        plain = _around(self.shift - expected, spread)
        if not state.open:
            return self.tau * plain
        # A closed window holds requests up, by no one knows how much, or none that was answered.
        return self.tau * _log_mean([(0.5, plain), (0.5, _around(self.shift - expected, math.hypot(spread, STALL_SPREAD)))])


def response_row(observation: Response, seconds: float) -> ResponseRow:
    """The row of a response observation."""
    base = observation.baseline
    if base is None or min(observation.n, base.n) < LEAST_DELAY_SAMPLES or min(observation.median_us, base.median_us) <= 0:
        return ResponseRow(shift=0.0, spread=1.0, tau=0.0)
    sampling = 1.858 * base.mad_us / base.median_us * math.sqrt(1 / observation.n + 1 / base.n)
    spread = math.hypot(sampling, RESPONSE_FLOOR)
    return ResponseRow(
        shift=max(math.log(observation.median_us / base.median_us), -spread),  # faster is no fault
        spread=spread,
        tau=RESPONSE_EPISODES * _trust(observation.quality, seconds),
        usual_us=base.median_us,
    )


@attrs.frozen(slots=True, kw_only=True)
class ZeroWindowRow:
    """Share of time with a closed receive window."""

    counts: Counts
    modes: frozenset[Mode] = frozenset({Mode.STALLED})
    flat: frozenset[Mode] = frozenset()

    def loglik(self, state: State) -> float:
        """Binomial over seconds."""
        return self.counts.loglik(state.open)


def zero_window_row(observation: ZeroWindow, seconds: float) -> ZeroWindowRow:
    """The row of a zero-window observation."""
    weight = TAU["zero_window"] * _trust(observation.quality, seconds)
    backgrounds = wide_background(CLOSED_BACKGROUND, 0.8, STRAY_SERVICE)
    counts = counts_of(observation.seconds * weight, observation.closed_seconds * weight, backgrounds)
    return ZeroWindowRow(counts=counts)


@attrs.frozen(slots=True, kw_only=True)
class ToldRow:
    """Yes or no, from a counter, an event, a silence or a changed route."""

    healthy: float
    faulty: float
    modes: frozenset[Mode]
    flat: frozenset[Mode] = frozenset(Mode)

    def loglik(self, state: State) -> float:
        """One of two numbers."""
        return self.faulty if state.modes & self.modes else self.healthy


_NAMES: tuple[tuple[tuple[str, ...], frozenset[Mode]], ...] = (
    (("discard", "drop", "queue", "congest", "overrun"), frozenset({Mode.CONGESTION, Mode.LOSS})),
    (("error", "crc", "fcs", "align", "degrad", "loss"), frozenset({Mode.LOSS, Mode.DOWN})),
    (("down", "link", "oper", "carrier", "power", "unreach"), frozenset({Mode.DOWN})),
    (("mtu", "fragment"), frozenset({Mode.MTU})),
)
_SIGNALS = frozenset({"los", "lof", "ais", "rdi"})
"""What transmission equipment calls an interrupted signal."""
_ANY = frozenset(Mode) - {Mode.ROUTE}


def told_modes(name: str) -> frozenset[Mode]:
    """Modes that what a device says can be a sign of; an unknown name may be a sign of any."""
    lower = name.lower()
    if _SIGNALS & set(re.split(r"[^a-z]+", lower)):
        return frozenset({Mode.DOWN})
    return next((modes for words, modes in _NAMES if any(word in lower for word in words)), _ANY)


def told_row(observation: Told, *, alike: int = 1) -> ToldRow:
    """The row of a counter or an event.

    Args:
        observation: what was told.
        alike: clean polls of the same place about the same modes, this one included. A fault that one counter does not show the
            others do not show either: together they say what one says.
    """
    modes = told_modes(observation.name)
    state = modes == {Mode.DOWN}
    sensitivity = observation.sensitivity if observation.sensitivity is not None else (0.98 if state else 0.6)
    alarm = observation.false_positive_rate if observation.false_positive_rate is not None else (1e-3 if state else 0.01)
    row = yes_or_no(observation.raised, sensitivity, alarm, modes)
    if observation.raised or alike <= 1:
        return row
    return ToldRow(healthy=row.healthy / alike, faulty=row.faulty / alike, modes=modes)


def yes_or_no(raised: bool, sensitivity: float, alarm: float, modes: frozenset[Mode]) -> ToldRow:  # noqa: FBT001 - the datum itself
    """log(sens) against log(fpr) when raised, their complements when polled clean."""
    sensitivity, alarm = (min(1 - 1e-9, max(1e-9, value)) for value in (sensitivity, alarm))
    if raised:
        return ToldRow(healthy=math.log(alarm), faulty=math.log(sensitivity), modes=modes)
    return ToldRow(healthy=math.log1p(-alarm), faulty=math.log1p(-sensitivity), modes=modes)


def silence_row(observation: Silence) -> ToldRow:
    """The row of a probe's silence: missing reports share one cause, so that they are one fact and not many."""
    modes = frozenset({Mode.DOWN})
    if observation.expected <= 0:
        return ToldRow(healthy=0.0, faulty=0.0, modes=modes)
    silent = observation.missed / observation.expected >= SILENT_SHARE
    return yes_or_no(silent, SILENT_SENSITIVITY, SILENT_FALSE, modes)


@attrs.frozen(slots=True, kw_only=True)
class MtuRow:
    """Packets of one size, not to be fragmented."""

    counts: Counts
    size: float
    modes: frozenset[Mode] = frozenset({Mode.MTU, Mode.LOSS, Mode.DOWN})
    flat: frozenset[Mode] = frozenset()

    def loglik(self, state: State) -> float:
        """Binomial; larger than what gets through means all are lost."""
        return self.counts.loglik(max(DEAD, state.through + (DEAD if self.size > state.mtu else 0.0)))


def mtu_row(observation: Mtu, seconds: float) -> MtuRow:
    """The row of a probe by size."""
    trust = _trust(observation.quality, seconds)
    counts = Counts(total=observation.sent * trust, bad=observation.lost * trust, backgrounds=known_background(MTU_BACKGROUND))
    return MtuRow(counts=counts, size=observation.size)


KEEPS = 0.9
"""Chance that a test session's packets kept to one way all the window, and were not spread by a route that flapped."""


@attrs.frozen(slots=True, kw_only=True)
class EitherWay:
    """Test packets that took one of several ways, and nobody knows which."""

    row: Row

    @property
    def modes(self) -> frozenset[Mode]:
        """As the row."""
        return self.row.modes

    @property
    def flat(self) -> frozenset[Mode]:
        """As the row."""
        return self.row.flat

    def loglik(self, state: State) -> float:
        """Mean over the ways; what no way is told for is as if nothing were wrong on it."""
        spread = self.row.loglik(state)
        if not state.ways:
            return spread
        ways = [(KEEPS * chance, self.row.loglik(way)) for chance, way in state.ways]
        unknown = max(0.0, 1.0 - math.fsum(chance for chance, _ in state.ways))
        return _log_mean([*ways, (KEEPS * unknown + TINY, self.row.loglik(HEALTHY)), (1 - KEEPS, spread)])


def _log_mean(terms: list[tuple[float, float]]) -> float:
    best = max(value for _, value in terms)
    return best + math.log(math.fsum(weight * math.exp(value - best) for weight, value in terms))
