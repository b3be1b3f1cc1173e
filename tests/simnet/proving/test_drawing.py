"""Packets of the proving ground, drawn hop by hop."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.simnet.proving import carriers, drawing
from appliance.simnet.proving.measuring import Vantages, sessions

CARRIER = carriers.hub_and_spoke(20)
FLOWS = sessions(CARRIER, Vantages.FULL, sent=20_000)


def component(name: str) -> int:
    """Its position."""
    return next(n for n, part in enumerate(CARRIER.network.parts) if part.id == name)


def test_a_faulty_link_loses_its_share_of_what_crosses_it_and_nothing_else() -> None:
    """One per cent, in one direction."""
    rng = np.random.default_rng(1)
    bad = component("loop-3>")
    losses = drawing.with_faults(drawing.in_order(CARRIER.network, rng), {bad: 0.01})
    lost = drawing.lost(FLOWS, losses, rng)
    crossed = np.array([bad in flow.way for flow in FLOWS])
    assert lost[crossed] / 20_000 == pytest.approx(0.01, abs=0.003)
    assert lost[~crossed].max() / 20_000 < 0.003


def test_losses_in_runs_have_the_same_mean_and_a_larger_spread() -> None:
    """Runs of five: the variance is several times that of packets lost each for itself."""
    rng = np.random.default_rng(2)
    spread = []
    for burst in (1.0, 5.0):
        losses = drawing.with_faults(drawing.in_order(CARRIER.network, rng), {component("dc-lan>"): 0.02}, burst=burst)
        lost = np.array([drawing.lost(FLOWS, losses, rng)[0] for _ in range(300)])
        assert lost.mean() / 20_000 == pytest.approx(0.02, rel=0.05)
        spread.append(lost.var())
    assert spread[1] > 4 * spread[0]


def test_the_same_seed_draws_the_same_packets() -> None:
    """A scenario can be looked at again."""
    both = []
    for _ in range(2):
        rng = np.random.default_rng(7)
        both.append(drawing.lost(FLOWS, drawing.in_order(CARRIER.network, rng, chronic=0.1), rng))
    assert (both[0] == both[1]).all()
