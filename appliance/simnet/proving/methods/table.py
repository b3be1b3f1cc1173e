"""The methods that are compared, with the settings tried for each on seeds of their own.

Goes in: nothing. Comes out: `METHODS`. A grid has the values that the papers or their authors' experiments span, so that each
method is tuned for every family; ours is not in this table, because it has one setting.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs

from appliance.simnet.proving.methods import coverage, elimination, flock, netbouncer, scfs, votes, worst_hop
from appliance.simnet.proving.view import View

Setting = Mapping[str, float]
FAILED = (0.0, 3e-4, 5e-4, 1e-3, 1.5e-3, 2e-3, 3e-3, 5e-3, 1e-2)
"""From which loss a row counts as failed, for methods that know only good and bad."""


@attrs.frozen(slots=True, kw_only=True)
class Method:
    """A way to find who is to blame."""

    name: str
    blame: Callable[..., list[int]]
    grid: Mapping[str, Sequence[float]]

    def settings(self) -> Iterable[Setting]:
        """Every combination."""
        for values in itertools.product(*self.grid.values()):
            yield dict(zip(self.grid, values, strict=True))

    def answer(self, view: View, setting: Setting) -> list[int]:
        """Classes to blame with a setting, most suspicious first."""
        return self.blame(view, **setting)


METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method(name="worst hop", blame=worst_hop.blame, grid={"least": FAILED}),
        Method(name="elimination", blame=elimination.blame, grid={"failed": FAILED, "few": (0.0, 0.1, 0.3)}),
        Method(name="SCFS", blame=scfs.blame, grid={"failed": FAILED, "agree": (0.05, 0.2, 0.5, 0.9)}),
        Method(name="MAX-COVERAGE", blame=coverage.max_coverage, grid={"failed": FAILED, "noise": (0, 1, 2, 4, 8, 16)}),
        Method(name="SCORE", blame=coverage.score, grid={"failed": FAILED, "hit": (0.3, 0.5, 0.7, 0.9, 1.0)}),
        Method(
            name="007",
            blame=votes.blame,
            grid={
                "least": (0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2),
                "packets": (0, 1),
                "first": (0, 1),
                "devices": (0, 1),
            },
        ),
        Method(
            name="NetBouncer",
            blame=netbouncer.blame,
            grid={
                "weight": (0.0, 1e-4, 1e-3, 1e-2, 1e-1),
                "least": (3e-4, 5e-4, 1e-3, 2e-3, 3e-3, 5e-3, 1e-2),
                "devices": (0.5, 0.8, 1.0),
            },
        ),
        Method(
            name="Flock",
            blame=flock.blame,
            grid={
                "good": (5e-5, 1e-4, 2e-4, 4e-4),
                "bad": (1e-3, 2e-3, 4e-3, 7e-3, 1.5e-2),
                "price": (2, 4, 8, 12, 18, 25),
                "rarer": (1, 5),
                "own": (0, 1),
                "repair": (1,),
            },
        ),
    )
}
