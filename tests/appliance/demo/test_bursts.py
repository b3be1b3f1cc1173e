"""Losses in bursts: the share that is lost, and how it comes."""

from __future__ import annotations

import random

import pytest

from appliance.demo.namespaces.bursts import MEAN_RUN, Bursts

PACKETS = 200_000


def lost_runs(rate: float, *, seed: int = 1) -> list[int]:
    """Lengths of the runs lost of many packets."""
    bursts = Bursts(rate, random.Random(seed))
    runs: list[int] = []
    before = False
    for _ in range(PACKETS):
        lost = bursts.lose()
        if lost and before:
            runs[-1] += 1
        elif lost:
            runs.append(1)
        before = lost
    return runs


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.3])
def test_the_mean_share_is_what_was_asked_for(rate: float) -> None:
    """However they cluster, as many packets are lost in the long run as with single losses at that rate."""
    assert sum(lost_runs(rate)) / PACKETS == pytest.approx(rate, rel=0.12)


def test_losses_come_in_runs() -> None:
    """A burst takes as many packets in a row as stated, on average."""
    runs = lost_runs(0.02)
    assert sum(runs) / len(runs) == pytest.approx(MEAN_RUN, rel=0.1)


def test_everything_is_lost_at_rate_one() -> None:
    """A rate of one leaves nothing."""
    assert sum(lost_runs(1.0)) == PACKETS
