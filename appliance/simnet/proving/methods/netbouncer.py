"""NetBouncer: success probabilities of links fitted to those of ways.

Goes in: a view. Comes out: devices and links, the worst first.

Tan, Jin, Guo, Zhang, Wu, Deng, Bi, Xiang: NetBouncer: Active device and link failure localization in data center networks,
NSDI 2019. Devices come first: one is bad when (nearly) all ways through it have failed, and its ways are set aside. Then the sum
over ways of (y - product of x)² plus lambda times the sum of x (1 - x) is made small, link by link; the regulariser draws
what is nearly certain to 0 or 1, so that good links are not blamed for bad ones. Links below a threshold are bad.
A link that no failed way crosses stays at 1, where its own minimum is.
"""

from __future__ import annotations

import numpy as np

from appliance.simnet.proving.view import Array, View

PASSES = 30
SETTLED = 1e-9
LEAST = 1e-6


def blame(view: View, *, weight: float, least: float, devices: float, packets: float = 0.0) -> list[int]:
    """Links with more than a share `least` lost; devices of which more than a share `devices` of the rows has failed.

    `weight`: lambda, as a share of what the rows of a link weigh. `packets`: rows weigh as many packets as they have; the
    paper's rows all have the same number.
    """
    failed = view.lost > 0
    through = view.by_class(np.ones(len(view.sent)))
    broken = view.by_class(failed.astype(float))
    bad = np.flatnonzero(~view.links & (through > 0) & (broken >= devices * through))
    set_aside = np.zeros(len(view.sent), dtype=bool)
    set_aside[view.row[np.isin(view.cls, bad)]] = True
    loss = 1 - _fitted(view, ~set_aside, weight, view.sent / view.sent.mean() if packets else np.ones(len(view.sent)))
    links = np.flatnonzero((loss >= least) & view.links)
    return [int(c) for c in bad[np.argsort(-broken[bad])]] + [int(c) for c in links[np.argsort(-loss[links], kind="stable")]]


def _fitted(view: View, counted: Array, weight: float, heavy: Array) -> Array:
    """Success probability by class; links of rows that count, and that some failed row crosses, are fitted."""
    inside = counted[view.row] & view.links[view.cls]
    row, cls = view.row[inside], view.cls[inside]
    success = 1 - view.ratio
    fitted = np.ones(len(view.classes))
    suspect = np.flatnonzero(np.bincount(cls, weights=(view.lost > 0)[row], minlength=len(view.classes)) > 0)
    rows_of = {int(c): row[cls == c] for c in suspect}
    for c, rows in rows_of.items():
        fitted[c] = max(LEAST, float(np.average(success[rows], weights=heavy[rows])))
    product = np.ones(len(view.sent))
    np.multiply.at(product, row, fitted[cls])
    for _ in range(PASSES):
        moved = 0.0
        for c, rows in rows_of.items():
            others = product[rows] / fitted[c]
            value = _minimum(success[rows], others, heavy[rows], weight)
            moved = max(moved, abs(value - fitted[c]))
            product[rows] = others * value
            fitted[c] = value
        if moved < SETTLED:
            break
    return fitted


def _minimum(success: Array, others: Array, heavy: Array, share: float) -> float:
    """Where the weighted sum of (y - t x)² + lambda x (1 - x) is least for x between nothing and one."""
    upward, curve, weight = float((heavy * success) @ others), float((heavy * others) @ others), share * float(heavy.sum())
    if curve > weight:
        return min(1.0, max(LEAST, (2 * upward - weight) / (2 * (curve - weight))))
    # Concave: one of the ends.
    return 1.0 if curve - 2 * upward <= 0 else LEAST
