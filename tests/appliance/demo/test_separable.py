"""What each set of probes can tell apart, and what the listing says of it."""

from __future__ import annotations

from appliance.demo.kinds import TRAITS, Kind
from appliance.demo.network import BRANCHES, PLACES
from appliance.demo.probing import Probes
from appliance.demo.separable import listing, separable


def test_full_probes_tell_every_owner_apart() -> None:
    """With mirrors at the provider edges no class has two owners."""
    for members in separable(Probes.FULL).values():
        assert len({PLACES[member].owner for member in members}) == 1


def test_mirrors_name_each_way_through_the_core() -> None:
    """Sessions that keep to one path split the core into its segments; p1 and its only way on stay together."""
    classes = separable(Probes.FULL)
    assert classes["pe1-p1"] == ("pe1-p1",)
    assert classes["pe1"] == ("pe1",)
    assert set(classes["p1"]) == {"p1", "p1-pe3"}


def test_probes_at_the_ends_cannot_say_whose_the_far_edge_is() -> None:
    """Without mirrors the edge and the loop of the data centre are one class of two owners; the branches' loops stay apart."""
    classes = separable(Probes.ENDS)
    assert set(classes["loop-dc"]) == {"pe3", "loop-dc"}
    assert set(classes["pe1-p1"]) == {"pe1-p1", "pe1-p2"}
    for branch in BRANCHES:
        assert classes[f"loop-{branch.number}"] == (f"loop-{branch.number}",)


def test_a_server_with_one_application_is_as_slow_as_it() -> None:
    """Nobody can tell a slow teller application from a slow machine that runs nothing else."""
    assert set(separable(Probes.FULL)["srv-1"]) == {"srv-1", "svc-teller"}


def test_the_listing_holds_everything_that_can_fail_with_its_classes() -> None:
    """`--list` has each component that a kind fits, with a class that contains it, for both sets of probes."""
    rows = listing()["segments"]
    fitting = {place for kind, traits in TRAITS.items() if kind is not Kind.REROUTE for place in traits.places}
    assert {row["id"] for row in rows} == fitting
    for row in rows:
        assert set(row["class"]) == {"full", "ends"}
        assert all(row["id"] in members for members in row["class"].values())
