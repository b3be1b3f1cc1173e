"""Log-likelihood of lost packets: test packets, TCP segments, packets of one size.

Goes in: one observation. Comes out: its row. A queue, an interruption and a narrow link lose packets in ways of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs

from faultline.inference.faults import DEAD, State
from faultline.inference.likelihood import (
    STRAY_KNOWN,
    STRAY_UNKNOWN,
    TINY,
    Counts,
    counts_of,
    known_background,
    log_mean,
    more_loss,
    trust_of,
    wide_background,
)
from faultline.inference.observed import (
    Loss,
    Mtu,
)
from faultline.records.terms import Mode

ACTIVE_BACKGROUND = 5e-5
"""Loss ratio of a healthy path seen with test packets."""
TCP_BACKGROUND = 5e-4
TCP_SPREAD = 1.5
"""TCP fills queues until they drop: healthy passive loss lies within a factor e^1.5 of 0.05 % two times of three, and up to some
per cent now and then. Only a baseline of the same path narrows this, and never between two probes: a queue may lie there."""
KNOWN_SPREAD = 0.8
"""Spread of the logarithm around a passive background that history gave."""
TCP_BURST = 1.5
SHARED = 0.3
"""Each of k witnesses of the same TCP losses counts k^-0.3: they saw the same packets, each with its own capture."""
MOST_TCP_LOST = 6.0
"""Retransmissions come in episodes; more than this many independent ones are never credited to one observation."""
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

MTU_BACKGROUND = 0.01
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
        return log_mean(
            [(1 - EDGE_DROPS, self.counts.loglik(state.through)), *((EDGE_DROPS / len(edges), value) for value in edges)]
        )

    def _spread(self, survive: float, ratios: Sequence[float], often: float) -> float:
        """So often one of these ratios is lost beside, otherwise nothing."""
        more = [self.counts.loglik(survive + math.log1p(-ratio)) for ratio in ratios]
        return log_mean([(1 - often, self.counts.loglik(survive)), *((often / len(more), value) for value in more)])


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
    trust = trust_of(quality, seconds)
    tau = max(1, witnesses) ** -SHARED if tcp else 1.0
    burst = observation.burst or (TCP_BURST if tcp else 1.0)
    total, bad = (value * trust / burst for value in (observation.sent, observation.lost))
    if tcp:
        if bad > MOST_TCP_LOST:
            total, bad = total * MOST_TCP_LOST / bad, MOST_TCP_LOST
        learned = observation.background is not None
        centre = more_loss(observation.background or (ACTIVE_BACKGROUND if learned else TCP_BACKGROUND), quality)
        known = learned and observation.source == "passive"
        spread, stray = (KNOWN_SPREAD, STRAY_KNOWN) if known else (TCP_SPREAD, STRAY_UNKNOWN)
        backgrounds = wide_background(centre, spread, stray)
    else:
        backgrounds = known_background(more_loss(observation.background or ACTIVE_BACKGROUND, quality))
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
    trust = trust_of(observation.quality, seconds)
    counts = Counts(total=observation.sent * trust, bad=observation.lost * trust, backgrounds=known_background(MTU_BACKGROUND))
    return MtuRow(counts=counts, size=observation.size)
