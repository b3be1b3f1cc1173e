"""Whether an answer is right, and what many are worth."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from appliance.simnet.proving import scoring
from appliance.simnet.proving.families import Scenario, Truth
from appliance.simnet.proving.scoring import Group, Marks
from appliance.simnet.proving.view import view_of
from faultline.records.terms import Owner

PARTS = (("a", "access"), ("b", "access"), ("c", "customer"), ("d", "customer"))


def scenario(*faults: str, rows: Sequence[str]) -> Scenario:
    """Faults by name, rows as `a b`."""
    owner_of = dict(PARTS)
    return Scenario(
        evidence={
            "components": [{"id": name, "kind": "segment", "owner": owner} for name, owner in PARTS],
            "observations": [{"kind": "loss", "via": row.split(), "sent": 1000, "lost": 10} for row in rows],
        },
        faults=tuple(Truth(component=f, owner=Owner(owner_of[f]), rate=0.01, nats=20.0) for f in faults),
    )


def blamed(*components: str, owner: str = "unknown", **owners: float) -> Group:
    """One thing that is blamed."""
    return Group(components=frozenset(components), owner=owner, owners=owners)


def marked(made: Scenario, *groups: Group) -> Marks:
    """The answer held against the truth."""
    return scoring.mark(made, view_of(made.evidence), groups)


def test_a_group_is_right_when_it_holds_the_truth_and_is_no_larger_than_what_is_inseparable() -> None:
    """`a` and `b` stand in the same rows: both may be named; with `c` it is too many."""
    made = scenario("a", rows=["a b c", "c d"])
    assert marked(made, blamed("a", "b")).right == 1
    assert marked(made, blamed("a", "b", "c")).right == 0
    assert marked(made, blamed("d")).found == 0


def test_the_owner_is_whom_the_first_group_is_sent_to() -> None:
    """A wrong place of the right owner is a right dispatch."""
    made = scenario("a", rows=["a c", "b d", "c", "d"])
    assert marked(made, blamed("b", owner="access")).owner is True
    assert marked(made, blamed("c", owner="customer")).owner is False
    assert marked(made).owner is False


def test_where_owners_are_inseparable_naming_none_and_telling_the_true_one_is_right() -> None:
    """`b` and `c` are one class of two owners."""
    made = scenario("b", rows=["b c", "a", "d"])
    assert marked(made, blamed("b", "c", customer=0.5, access=0.5)).ambiguous is True
    assert marked(made, blamed("b", "c", owner="customer", customer=1.0)).ambiguous is False
    assert marked(made, blamed("b", "c", customer=0.5, access=0.5)).owner is None


def test_blaming_nobody_is_precise_and_finds_nothing() -> None:
    """F of it is 0."""
    found = scoring.worth([Marks(blamed=0, right=0, faults=2, found=0, visible=2, visible_found=0)])
    assert (found.precision, found.recall, found.f) == (1.0, 0.0, 0.0)


def test_f_is_of_all_runs_together_and_paired_differences_have_an_interval() -> None:
    """The one finds all, the other every second."""
    good = [Marks(blamed=1, right=1, faults=1, found=1, visible=1, visible_found=1)] * 40
    half = [good[0], Marks(blamed=1, right=0, faults=1, found=0, visible=1, visible_found=0)] * 20
    assert scoring.worth(half).f == pytest.approx(0.5)
    gap, low, high = scoring.difference(good, half)
    assert gap == pytest.approx(0.5)
    assert low < gap < high
    assert scoring.difference(half, half)[1:] == (0.0, 0.0)
