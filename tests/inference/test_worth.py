"""What a test that was not made yet is worth."""

from __future__ import annotations

import math
from typing import Any

import pytest

from faultline.inference.worth import Outcome, counted, worth
from tests.inference.scenes import DemoLine, document, loss, piece


def dial(via: list[str], attempts: int = 5, endpoint: str = "server") -> list[Outcome]:
    """A dial test there and back."""
    request: dict[str, Any] = {"kind": "failure", "protocol": "tcp", "via": via, "endpoint": endpoint, "attempts": attempts}
    return counted({**request, "outcome": "timeout", "leak": 0.002}, "failed", attempts)


def packets(via: list[str], sent: int) -> list[Outcome]:
    """Test packets one way; only so many may be lost."""
    return counted(loss(via, sent, 0), "lost", sent)


TWO = document([loss(["loop-a>", "pe1", "core>"], 2000, 200)])
"""One part of three, and nothing tells which."""


def test_a_test_that_divides_what_is_alike_is_worth_the_division() -> None:
    """Between two links and a router a test over one link answers who it is; over all of them it answers nothing."""
    divides, sees_all, sees_none = worth(
        TWO, [packets(["loop-a>"], 100), packets(["loop-a>", "pe1", "core>"], 100), packets(["dc-lan>"], 100)]
    )
    assert 0.4 < divides <= math.log(2)
    assert sees_all < 0.1
    assert sees_none < 1e-6


def test_the_more_packets_the_more_it_tells() -> None:
    """One packet cannot tell 10 % loss; a hundred can; information never falls."""
    found = worth(TWO, [packets(["loop-a>"], sent) for sent in (1, 10, 40, 100)])
    assert found == sorted(found)
    assert found[0] < 0.1 < found[-1]


def test_where_nothing_is_in_question_nothing_is_worth_a_test() -> None:
    """A healthy line, and a line whose fault is certain to be in one place."""
    healthy = DemoLine(seed=2).evidence()
    settled = DemoLine(seed=1, loss={"loop-a>": 0.05}, rate=500).evidence()
    way = [*piece("branch-lan", "dc-lan", ">"), *piece("branch-lan", "dc-lan", "<")]
    assert worth(healthy, [dial(way)]) == [pytest.approx(0.0, abs=1e-3)]
    assert worth(settled, [packets(["loop-a>"], 50)])[0] < 0.05


def test_a_dial_tells_a_dead_server_from_a_dead_way() -> None:
    """Dials that fail are the way's or the server's; a dial from behind the way tells which."""
    way = [*piece("loop-z", "dc-lan", ">"), *piece("loop-z", "dc-lan", "<")]
    failing = {**dial(way, 20)[20].observation}
    near = dial([*piece("dc-lan", "dc-lan", ">"), *piece("dc-lan", "dc-lan", "<")])
    assert worth(document([failing]), [near, dial(way)])[0] > worth(document([failing]), [near, dial(way)])[1]
