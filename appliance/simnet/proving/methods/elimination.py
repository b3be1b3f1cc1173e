"""Elimination: whatever a good row crosses is cleared; of what is left the bad rows name the guilty.

Goes in: a view, from which loss a row has failed. Comes out: classes.

It is how a network is narrowed down by hand, and what group testing calls noisy combinatorial orthogonal matching pursuit
(Chan, Che, Jaggi, Saligrama: Non-adaptive probabilistic group testing with noisy measurements, Allerton 2011). A row that
crosses a fault may lose nothing by chance: so that one such row clears nobody, a share `few` of them is forgiven.
"""

from __future__ import annotations

import numpy as np

from appliance.simnet.proving.view import View


def blame(view: View, *, failed: float, few: float) -> list[int]:
    """Classes that at most a share `few` of good rows cross, until every bad row that can be is explained."""
    bad = view.bad(failed)
    crossed = view.by_class(np.ones(len(view.sent)))
    possible = view.by_class((~bad).astype(float)) <= few * crossed
    left = bad.astype(float)
    chosen: list[int] = []
    while left.any():
        explains = np.where(possible, view.by_class(left), 0.0)
        best = int(explains.argmax())
        if explains[best] <= 0:
            break
        chosen.append(best)
        left[view.row[view.cls == best]] = 0.0
    return chosen
