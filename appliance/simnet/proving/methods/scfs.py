"""The smallest consistent failure set (SCFS) of the trees that probes look at.

Goes in: a view, from which loss a row has failed. Comes out: classes, those that most trees name first.

Duffield: Network tomography of binary network performance characteristics, IEEE Transactions on Information Theory 52 (2006). In
the tree of one source a link is bad that is nearest to the source among those all of whose leaves have failed. Several
sources are several trees, each answered for itself; a class counts that enough of those that cross it name.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np

from appliance.simnet.proving.view import View


def blame(view: View, *, failed: float, agree: float) -> list[int]:
    """Classes named by at least a share `agree` of the trees that cross them."""
    bad = view.bad(failed)
    trees: dict[int, list[int]] = defaultdict(list)
    for row, way in enumerate(view.ways):
        if way:
            trees[way[0]].append(row)
    named: Counter[int] = Counter()
    crossing: Counter[int] = Counter()
    for rows in trees.values():
        whole, broken = Counter[int](), Counter[int]()
        for row in rows:
            whole.update(view.ways[row])
            if bad[row]:
                broken.update(view.ways[row])
        crossing.update(whole.keys())
        named.update({_nearest(view.ways[row], whole, broken) for row in np.array(rows)[bad[rows]]} - {-1})
    kept = [(count / crossing[c], count, c) for c, count in named.items() if count >= agree * crossing[c]]
    return [c for _, _, c in sorted(kept, reverse=True)]


def _nearest(way: tuple[int, ...], whole: Counter[int], broken: Counter[int]) -> int:
    """The first class of a way all of whose rows have failed."""
    return next((c for c in way if broken[c] == whole[c]), -1)
