"""A loss too small for any window, through the whole chain; that it stays said and is over is in `tests/analyzer`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from appliance.simnet.run import SimulatedRun
from faultline.records.terms import SECOND_NS, Direction

Simulate = Callable[..., SimulatedRun]


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_two_in_a_thousand_are_blamed_by_what_adds_up(simulate: Simulate) -> None:
    """A window of ten seconds holds one lost packet of a session; the loop is named in its direction after a minute or some."""
    run = simulate(seed=11)
    run.advance(40)
    run.inject("loss", "loop-2", rate=0.002, directions=(Direction.A_TO_Z,))
    begin_ns = run.now_ns
    blame = run.until_blame(within_s=600)
    assert blame is not None
    assert [entry["components"] for entry in blame.entries] == [["loop-2>"]]
    assert blame.incident.mode == "loss"
    assert blame.said_ns - begin_ns > 20 * SECOND_NS
    assert blame.said_ns - begin_ns < 300 * SECOND_NS
