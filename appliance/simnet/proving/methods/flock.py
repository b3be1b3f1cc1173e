"""Flock: the likeliest set of failed components, two loss ratios for good and bad.

Goes in: a view. Comes out: components, in the order in which they were taken.

Harsh, Meng, Agrawal, Godfrey: Flock: Accurate network fault localization at scale, PACMNET 1 (2023). A packet of a flow is lost
with probability p_g where nothing on its way has failed, else with p_b; a flow whose way is not known takes each alike.
Every failed link costs `price` nats, every failed device `rarer` times that. Starting from none, the component that raises the
likelihood most is taken, until none raises it; the paper's joint computation of neighbours' likelihoods is here the sum over
crossings, anew each time.

Lent to the method, because the paper has no such thing and networks of lines are not fabrics: `own`, as p_g stands what a row
usually loses, where history knows it; `repair`, what was taken is left out again, one by one, where that leads to a likelier set
(a router that three bad lines share is taken first, and hides them for good).
"""

from __future__ import annotations

import numpy as np

from appliance.simnet.proving.view import Array, View

MOST = 64
ROUNDS = 4


def blame(
    view: View, *, good: float, bad: float, price: float, rarer: float = 1.0, own: float = 0.0, repair: float = 0.0
) -> list[int]:
    """The likeliest set."""
    usual = np.where(np.isnan(view.usual) | (not own), good, view.usual)
    failing = 1 - (1 - usual) * (1 - bad) if own else np.full(len(usual), bad)
    gain = view.lost * np.log(failing / usual) + (view.sent - view.lost) * (np.log1p(-failing) - np.log1p(-usual))
    search = _Search(view, gain, np.where(view.links, price, rarer * price))
    total, chosen = search.grown([])
    for _ in range(ROUNDS if repair else 0):
        tried = [search.grown([c for c in chosen if c != out], without=out) for out in chosen]
        best = max(tried, key=lambda item: item[0], default=(total, chosen))
        if best[0] <= total + 1e-9:
            break
        total, chosen = best
    return chosen


class _Search:
    def __init__(self, view: View, gain: Array, prices: Array) -> None:
        self._view, self._gain, self._prices = view, gain, prices
        self._plain = bool((view.share == 1.0).all())
        """All ways are known: a row has failed or not."""

    def grown(self, chosen: list[int], *, without: int | None = None) -> tuple[float, list[int]]:
        """Log-likelihood less prices, and the set, after nothing raises it any more."""
        view, chosen = self._view, list(chosen)
        failed = np.zeros(len(view.sent))
        for c in chosen:
            self._fail(failed, c)
        gain = self._gain[view.row]
        while len(chosen) < MOST:
            raised = np.bincount(view.cls, weights=self._raised(failed, gain), minlength=len(view.classes)) - self._prices
            raised[chosen] = -np.inf
            if without is not None:
                raised[without] = -np.inf
            best = int(raised.argmax())
            if raised[best] <= 0:
                break
            chosen.append(best)
            self._fail(failed, best)
        total = (failed * self._gain if self._plain else _mixture(failed, self._gain)).sum()
        return float(total - self._prices[chosen].sum()), chosen

    def _raised(self, failed: Array, gain: Array) -> Array:
        """What each crossing gains when its component fails as well."""
        before = failed[self._view.row]
        if self._plain:
            return np.asarray(gain * (1.0 - before))
        return _mixture(np.minimum(1.0, before + self._view.share), gain) - _mixture(before, gain)

    def _fail(self, failed: Array, c: int) -> None:
        crossed = self._view.cls == c
        rows = self._view.row[crossed]
        failed[rows] = np.minimum(1.0, failed[rows] + self._view.share[crossed])


def _mixture(failed: Array, gain: Array) -> Array:
    """Log of (share of good ways + share of failed ways times e^gain)."""
    with np.errstate(divide="ignore"):
        found: Array = np.logaddexp(np.log1p(-np.minimum(1.0, failed)), np.log(failed) + gain)
    return found
