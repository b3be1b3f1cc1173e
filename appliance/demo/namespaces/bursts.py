"""Losses that come in bursts: a link that is well for a while, then bad for a few packets (Gilbert, 1960).

Goes in: the share that is lost on average, and a source of random numbers. Comes out: packet by packet, whether it is lost.
Pure: knows neither packets nor time.
"""

from __future__ import annotations

import random

MEAN_RUN = 8.0
"""Packets lost in a row on average: what a fade or a resynchronisation of a loop takes at a few hundred packets a second."""


class Bursts:
    """Two states, each left with its own chance at every packet; in the bad one everything is lost.

    The bad state is left with the chance 1/m, so a run has m packets on average; it is entered with a chance that makes the
    share of the bad state the rate that was asked for: g·(1 - r) = r/m.
    """

    def __init__(self, rate: float, draw: random.Random, *, mean_run: float = MEAN_RUN) -> None:
        self._draw = draw
        self._end = 1 / mean_run
        self._begin = 1.0 if rate >= 1 else min(1.0, rate / (1 - rate) / mean_run)
        self._everything = rate >= 1
        self._bad = False

    def lose(self) -> bool:
        """Whether the next packet is lost."""
        change = self._end if self._bad else self._begin
        if self._draw.random() < change:
            self._bad = not self._bad
        return self._bad or self._everything
