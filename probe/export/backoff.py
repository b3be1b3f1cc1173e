"""How long to wait after failures: exponential with full jitter, so that a thousand probes do not come back in one second.

Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("full jitter"). Pure but for the random source given to it.
"""

from __future__ import annotations

import random


class Backoff:
    """Waits between attempts.

    Args:
        base_s: upper end of the first wait.
        cap_s: upper end of every wait.
        source: random numbers; tests give a seeded one.
    """

    def __init__(self, *, base_s: float = 0.5, cap_s: float = 30.0, source: random.Random | None = None) -> None:
        self._base_s = base_s
        self._cap_s = cap_s
        self._source = source or random.SystemRandom()
        self._failures = 0

    @property
    def failures(self) -> int:
        """Failures since the last success."""
        return self._failures

    def succeeded(self) -> None:
        """Forget the failures."""
        self._failures = 0

    def failed(self, *, at_least_s: float = 0.0) -> float:
        """Seconds to wait now: at least what the other side asked for, plus a random share of the doubled limit."""
        limit_s = min(self._cap_s, self._base_s * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return at_least_s + self._source.uniform(0.0, limit_s)
