"""The worst hop: what is read from a table of hops sorted by loss.

Goes in: a view. Comes out: the class whose crossing packets were lost most, if they were lost enough. No paper: it is what
is done by hand with round-trip tools, and it takes everybody who shares a way with the fault for as bad as the fault.
"""

from __future__ import annotations

import numpy as np

from appliance.simnet.proving.view import View


def blame(view: View, *, least: float) -> list[int]:
    """The classes of the highest loss ratio, which is at least so high."""
    ratio = view.by_class(view.lost) / np.maximum(1.0, view.by_class(view.sent))
    highest = float(ratio.max(initial=0.0))
    return [int(c) for c in np.flatnonzero(ratio >= highest - 1e-12)] if highest >= least else []
