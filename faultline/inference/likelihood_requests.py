"""Log-likelihood of what an end point does to requests: it fails them, refuses them, or takes nothing in.

Goes in: one observation. Comes out: its row. What was answered, if only by a refusal, speaks for the way.
"""

from __future__ import annotations

import math

import attrs

from faultline.inference.faults import DEAD, State
from faultline.inference.likelihood import STRAY_SERVICE, TAU, Counts, counts_of, trust_of, wide_background
from faultline.inference.observed import (
    Failure,
    ZeroWindow,
)
from faultline.records.terms import Mode

FAILURE_LEAK = 0.002
RETRIES = {"tcp": 3, "dns": 2, "http": 3}
"""Packets that must all be lost before a request fails by loss alone."""
MOST_FAILED = 20.0
CLOSED_BACKGROUND = 0.002


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
    weight = TAU["failure"] * trust_of(observation.quality, seconds)
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
    weight = TAU["zero_window"] * trust_of(observation.quality, seconds)
    backgrounds = wide_background(CLOSED_BACKGROUND, 0.8, STRAY_SERVICE)
    counts = counts_of(observation.seconds * weight, observation.closed_seconds * weight, backgrounds)
    return ZeroWindowRow(counts=counts)
