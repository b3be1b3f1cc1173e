"""Greedy covers of failed rows: MAX-COVERAGE and SCORE.

Goes in: a view, from which loss a row has failed. Comes out: classes that together explain the failed rows.

MAX-COVERAGE: Kompella, Yates, Greenberg, Snoeren: Detection and localization of network black holes, INFOCOM 2007. The class that
most unexplained rows cross is taken, its rows are explained, and again; so few rows are noise.
SCORE: Kompella, Yates, Greenberg, Snoeren: IP fault localization via risk modeling, NSDI 2005. The same among classes of which
a large enough share of rows has failed (the hit ratio), so that a row that lost nothing speaks against.
"""

from __future__ import annotations

import numpy as np

from appliance.simnet.proving.view import Array, View


def max_coverage(view: View, *, failed: float, noise: float) -> list[int]:
    """Cover failed rows; a class that explains no more than `noise` of them is not taken."""
    return _cover(view, failed=failed, hit=0.0, noise=noise)


def score(view: View, *, failed: float, hit: float) -> list[int]:
    """Cover failed rows by classes of which at least a share `hit` has failed."""
    return _cover(view, failed=failed, hit=hit, noise=0.0)


def _cover(view: View, *, failed: float, hit: float, noise: float) -> list[int]:
    left = view.bad(failed).astype(float)
    crossed = view.by_class(np.ones(len(view.sent)))
    able = view.by_class(left) >= hit * crossed
    chosen: list[int] = []
    while left.any():
        explains = np.where(able, view.by_class(left), 0.0)
        best = _best(explains, crossed)
        if explains[best] <= noise:
            break
        chosen.append(best)
        left[view.row[view.cls == best]] = 0.0
    return chosen


def _best(explains: Array, crossed: Array) -> int:
    """The class that explains most; of several the one with the fewest rows beside those."""
    most = np.flatnonzero(explains >= explains.max(initial=0.0) - 1e-9)
    return int(most[np.argmin(crossed[most])])
