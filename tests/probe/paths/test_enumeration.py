"""The stopping rule's arithmetic."""

from __future__ import annotations

import itertools

import pytest

from probe.paths.enumeration import confidence_of, flows_needed, further_flows, missed


def test_the_published_table() -> None:
    """As in the paper on the Multipath Detection Algorithm at 95 %."""
    assert [flows_needed(seen) for seen in range(1, 6)] == [6, 11, 16, 21, 27]


@pytest.mark.parametrize(("branches", "flows"), [(2, 1), (2, 5), (3, 4), (4, 6)])
def test_the_probability_is_what_counting_gives(branches: int, flows: int) -> None:
    """All ways in which flows may fall on branches, counted one by one."""
    ways = list(itertools.product(range(branches), repeat=flows))
    share = sum(len(set(way)) < branches for way in ways) / len(ways)
    assert missed(branches, flows) == pytest.approx(share)


def test_the_least_sure_hop_decides() -> None:
    """A hop with two branches asks for more flows than one with one; silent hops ask for nothing."""
    one = {flow: {"a"} for flow in range(6)}
    two = {flow: {"b" if flow % 2 else "c"} for flow in range(6)}
    assert further_flows({1: one}) == 0
    assert further_flows({1: one, 2: two}) == 5
    assert further_flows({1: one, 3: {}}) == 0
    assert further_flows({}) == 0
    assert confidence_of({}) is None
    assert confidence_of({1: one}) == pytest.approx(1 - 2 / 2**6)
