"""The next test: what it tells for what it costs."""

from __future__ import annotations

import math
from typing import Any

import pytest

from faultline.inference import locate
from faultline.inference.further import noise_of
from faultline.records.terms import Mode
from tests.inference.scenes import document, loss, piece


def proposal(observations: list[dict[str, Any]]) -> dict[str, Any]:
    """The proposal."""
    return dict(locate(document(observations))["next_test"])


def test_a_small_loss_is_told_less_of_than_a_large_one() -> None:
    """The same two places in doubt: a thousand packets settle 2 %, and mostly miss 0.1 %."""
    large = proposal([loss(["loop-a>", "core>"], 4000, 80), loss(["loop-z>"], 4000, 0)])
    small = proposal([loss(["loop-a>", "core>"], 400_000, 440), loss(["loop-z>"], 400_000, 20)])
    assert large["expected_gain_nats"] == pytest.approx(math.log(2), abs=0.02)
    assert 0.05 < small["expected_gain_nats"] < 0.25


def test_between_equal_answers_the_one_without_a_journey_is_proposed() -> None:
    """A test between two places that measure already is cheaper than one from a place to which an instrument must be brought."""
    whole = piece("ce", "fw", ">")
    proposed = proposal([loss(whole, 4000, 80), loss(piece("pe1", "pe2", ">"), 50, 1)])
    assert proposed["cost"] == 1.0
    assert {proposed["from"], proposed["to"]} <= {"ce", "pe1", "pe2", "fw"}


def test_only_losses_can_be_missed() -> None:
    """What is down, slow or narrow shows in every packet."""
    assert noise_of(Mode.DOWN, 1.0).missed == 0.0
    assert noise_of(Mode.LOSS, 1e-3).missed == pytest.approx(2 / math.e)
    assert noise_of(Mode.LOSS, 0.05).missed < 1e-10
