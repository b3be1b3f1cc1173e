"""007: every row that lost something votes against the links of its way.

Goes in: a view. Comes out: links, most votes first.

Arzani, Ciraci, Chamon, Zhu, Liu, Padhye, Loo, Outhred: 007: Democratically finding the cause of packet drops, NSDI 2018,
algorithm 1. A vote is one over the number of links of the way; the link with most votes is taken while it has at least a share of
the votes that are left, and the rows that cross it vote no more. The paper's rows are connections of about a hundred packets; of
longer rows `packets` lets each lost packet vote. `first`: a share of the votes at the beginning is asked for, so that the last
stray vote names nobody. Of devices, where those are asked for, it is counted in the same way.
"""

from __future__ import annotations

import numpy as np

from appliance.simnet.proving.view import View


def blame(view: View, *, least: float, packets: float = 0.0, first: float = 0.0, devices: float = 0.0) -> list[int]:
    """Links with at least a share `least` of the votes."""
    wanted = ~view.links if devices else view.links
    inside = wanted[view.cls]
    row, cls, share = view.row[inside], view.cls[inside], view.share[inside]
    length = np.maximum(1.0, np.bincount(row, weights=share, minlength=len(view.sent)))
    voting = view.lost.copy() if packets else (view.lost > 0).astype(float)
    chosen: list[int] = []
    begun = 0.0
    while True:
        votes = np.bincount(cls, weights=(voting / length)[row] * share, minlength=len(view.classes))
        best = int(votes.argmax())
        begun = begun or float(votes.sum())
        if votes[best] <= 0 or votes[best] < least * (begun if first else votes.sum()):
            return chosen
        chosen.append(best)
        voting[view.row[view.cls == best]] = 0.0
