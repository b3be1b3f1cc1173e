"""What every kind of observation's likelihood is made of: the row, counts over a background, a robust distance.

Goes in: numbers and what is known of their quality. Comes out: log-likelihoods up to a constant; only differences mean anything.
The kinds are in `likelihood_loss`, `likelihood_delay`, `likelihood_requests` and `likelihood_told`. Knows nothing of components.

Quality widens: packets a capture dropped, or a starved sender, raise the loss of a healthy path; gaps, one-sided flows and
suspect samples lower the number of packets that count; a clock's error adds to the spread of one-way delay. Kinds that share
packets are tempered (`TAU`): passive counts see the packets several times, and the three statistics of a delay are not
independent.
"""

from __future__ import annotations

import math
from typing import Protocol

import attrs

from faultline.inference.faults import HEALTHY, State
from faultline.inference.observed import (
    Quality,
)
from faultline.records.terms import Mode

TAU = {
    "delay": 0.7,
    "delay_passive": 0.35,
    "failure": 0.7,
    "zero_window": 0.7,
}
"""Weight of a nat by kind of evidence."""

STRAY_UNKNOWN, STRAY_KNOWN, STRAY_SERVICE = 1e-4, 1e-6, 1e-9
"""Chance that a healthy passive count is anything at all (retransmissions of lost acknowledgements, middleboxes): the most that
one passive observation can ever say is about minus the logarithm of this."""
SUSPECT_LOSS = 0.1
"""Share of starved samples that may be lost by the measuring host itself."""

STUDENT_NU = 4.0
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


def trust_of(quality: Quality, seconds: float) -> float:
    """Share of the packets that count."""
    missing = min(1.0, quality.gap_seconds / seconds) if seconds > 0 else 0.0
    return (1 - quality.one_sided_ratio) * (1 - quality.suspect_ratio) * (1 - missing)


def more_loss(background: float, quality: Quality) -> float:
    """The loss ratio of a healthy path as a capture or a starved sender shows it."""
    return 1 - (1 - background) * (1 - quality.capture_loss_ratio) * (1 - SUSPECT_LOSS * quality.suspect_ratio)


def student(z: float) -> float:
    """Log density of Student's t with 4 degrees of freedom, up to a constant."""
    return -(STUDENT_NU + 1) / 2 * math.log1p(z * z / STUDENT_NU)


def around(value: float, spread: float) -> float:
    """Log density of a value around 0, up to a constant: Student's t of that spread."""
    return student(value / spread) - math.log(spread)


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
        return log_mean([*ways, (KEEPS * unknown + TINY, self.row.loglik(HEALTHY)), (1 - KEEPS, spread)])


def log_mean(terms: list[tuple[float, float]]) -> float:
    """Log of the weighted mean of exponentials; pairs of weight and exponent."""
    best = max(value for _, value in terms)
    return best + math.log(math.fsum(weight * math.exp(value - best) for weight, value in terms))
