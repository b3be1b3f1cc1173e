"""Healthy days: windows are seen through as the localiser would see them, and what is harmless is nobody's fault."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from appliance.simnet.proving import days
from faultline.inference import locate

NETWORK = days.Network()


@pytest.mark.parametrize("row", [0, 5, 40])
@pytest.mark.parametrize("more", [0, 3, 8, 2000])
def test_the_sieve_gives_the_odds_that_the_localiser_gives(row: int, more: int) -> None:
    """From nothing lost to all packets of a session."""
    lost = np.zeros((1, len(NETWORK.flows)))
    lost[0, row] = min(NETWORK.sent[row], more)
    odds = float(days.Sieve(NETWORK, 10).odds(lost)[0])
    healthy = locate(NETWORK.evidence(lost[0], 10), healthy_floor=False)["healthy"]
    assert healthy >= 0.95 if odds < days.CLEAR else healthy < 0.96
    if odds < 0.1:
        assert 1 / (1 + odds) == pytest.approx(healthy, abs=1e-3)


def test_a_doubtful_window_is_put_to_the_localiser_and_a_clear_one_is_not() -> None:
    """One lossy session among a thousand quiet windows."""
    lost = np.zeros((1000, len(NETWORK.flows)))
    lost[617, 3] = 200
    assert list(days.Sieve(NETWORK, 3).doubtful(lost)) == [617]


def test_what_is_harmless_is_blamed_on_nobody() -> None:
    """Work that was declared, a probe that stopped, a clock that stepped, a longer way that traces show."""
    for evidence in itertools.islice(days.eventful(NETWORK, 5, seed=77), 20):
        assert days.blamed(locate(evidence, healthy_floor=False)) == []
