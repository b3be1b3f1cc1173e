"""A closer look at a line that has just become suspect: once, fresh, and within limits."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from analyzer.orders.closer_look import CloserLook
from analyzer.orders.rules import OrderRules
from analyzer.orders.tasks import errands
from faultline.inventory import Inventory
from faultline.records.terms import SECOND_NS, LineCode

LINE = LineCode("CN-NB-0017")
NOW_NS = 1_800_000_000 * SECOND_NS
TEN_S = 10 * SECOND_NS
RULES = OrderRules()


@pytest.fixture
def look(inventory_of: Callable[..., Inventory]) -> CloserLook:
    """Over a line with two dial tests and four traces."""
    return CloserLook(errands(inventory_of(), RULES), RULES)


def observed(look: CloserLook, *suspected: str, at_s: int, late_s: int = 1) -> list[str]:
    """Ids of what is asked for at the end of a window."""
    end_ns = NOW_NS + at_s * SECOND_NS
    found = look.observe([LineCode(code) for code in suspected], end_ns=end_ns, now_ns=end_ns + late_s * SECOND_NS)
    return [request.id for request in found.requests]


def test_every_test_of_a_line_is_repeated_when_it_becomes_suspect(look: CloserLook) -> None:
    """To its probe, as the standing task has it, for the standing task's line; it expires."""
    found = look.observe([LINE], end_ns=NOW_NS, now_ns=NOW_NS + SECOND_NS)
    assert len(found.requests) == 6
    dial = next(request for request in found.requests if request.kind == "dial" and "teller" in request.id)
    assert (dial.probe, dial.expires_ns) == ("branch", NOW_NS + 31 * SECOND_NS)
    assert dial.document == {
        "id": "dial-teller@1800000000", "of": "dial-teller", "kind": "dial", "protocol": "tcp", "target": "10.9.0.11:8200",
        "timeout_s": 2.0, "expires_ns": dial.expires_ns,
    }  # fmt: skip
    assert {request.probe for request in found.requests} == {"branch", "dc"}


def test_a_line_that_stays_suspect_is_not_asked_again(look: CloserLook) -> None:
    """One that is cleared and suspected anew is, after the pause."""
    assert len(observed(look, LINE, at_s=0)) == 6
    assert observed(look, LINE, at_s=10) == []
    assert observed(look, at_s=20) == []
    assert observed(look, LINE, at_s=30) == []
    assert observed(look, at_s=70) == []
    assert len(observed(look, LINE, at_s=80)) == 6


def test_a_window_answered_late_asks_nothing(look: CloserLook) -> None:
    """What was then cannot be tested now; what is still suspected is no news either."""
    assert observed(look, LINE, at_s=0, late_s=61) == []
    assert observed(look, LINE, at_s=10) == []


def test_a_line_nobody_tests_asks_nothing(look: CloserLook) -> None:
    """There is nothing to repeat."""
    assert observed(look, "CN-HZ-0018", at_s=0) == []


def test_all_lines_together_keep_to_the_limit(inventory_of: Callable[..., Inventory]) -> None:
    """A line's tests are asked together or not at all; what is held back is told, and a later suspicion may ask."""
    rules = OrderRules(most_a_minute=8)
    mine = errands(inventory_of(), rules)
    others = [attrs.evolve(errand, id=f"other-{errand.id}", line=LineCode("CN-HZ-0018")) for errand in mine]
    look = CloserLook([*mine, *others], rules)
    found = look.observe([LINE, LineCode("CN-HZ-0018")], end_ns=NOW_NS, now_ns=NOW_NS)
    assert (len(found.requests), found.held_back) == (6, 6)
    assert observed(look, at_s=50) == []
    assert len(observed(look, LINE, at_s=60, late_s=1)) == 6


def test_the_same_window_asks_for_the_same(inventory_of: Callable[..., Inventory]) -> None:
    """Answered again after a stop in its middle it must not double the orders."""
    found = errands(inventory_of(), RULES)
    first, second = (CloserLook(found, RULES) for _ in range(2))
    assert observed(first, LINE, at_s=0) == observed(second, LINE, at_s=0)


def test_a_request_of_a_long_name_has_one_that_probes_take(inventory_of: Callable[..., Inventory]) -> None:
    """At most 64 characters, and different for different tests; whose results they are stays whole."""
    first, second, *_ = errands(inventory_of(), RULES)
    long = [attrs.evolve(first, id="a" * 60 + "1"), attrs.evolve(second, id="a" * 60 + "2")]
    found = CloserLook(long, RULES).observe([LINE], end_ns=NOW_NS, now_ns=NOW_NS)
    assert len({request.id for request in found.requests}) == 2
    assert max(len(request.id) for request in found.requests) <= 64
    assert {str(request.document["of"]) for request in found.requests} == {errand.id for errand in long}
