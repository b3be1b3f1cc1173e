"""Choosing faults: what fits where, what the seed decides, what is refused and how."""

from __future__ import annotations

import pytest

from appliance.demo.faults import Fault, Way, choose
from appliance.demo.kinds import TRAITS, Kind
from appliance.demo.network import PLACES, REDUNDANT, SPANS
from faultline.records.terms import Mode, Owner
from faultline.runtime.console import BAD_USAGE, CommandError


def chosen(
    *kinds: str, segment: str | None = None, way: Way | None = None, rate: float | None = None, seed: int = 7
) -> tuple[Fault, ...]:
    """Faults for options."""
    return choose(kinds, segment=segment, way=way, rate=rate, seed=seed)


def test_the_same_seed_gives_the_same_fault() -> None:
    """A run can be repeated: kind, place, direction and rate follow from the seed; every kind but `none` is drawn at times."""
    assert chosen("random", seed=3) == chosen("random", seed=3)
    drawn = [fault for seed in range(200) for fault in chosen("random", seed=seed)]
    assert {fault.kind for fault in drawn} == set(TRAITS)
    assert {fault.way for fault in drawn if fault.kind is Kind.DELAY} == set(Way)


@pytest.mark.parametrize("kind", list(TRAITS))
def test_whatever_the_seed_draws_fits_and_is_as_bad_as_it_may_be(kind: Kind) -> None:
    """Place and rate of a drawn fault could have been asked for."""
    for seed in range(30):
        (fault,) = chosen(kind.value, seed=seed)
        assert (fault,) == chosen(kind.value, segment=fault.component, rate=fault.rate, seed=0)


def test_a_named_place_leaves_the_seeds_rate_as_it_was() -> None:
    """Naming the segment changes the place alone."""
    (drawn,) = chosen("loss")
    (named,) = chosen("loss", segment="loop-dc")
    assert (named.component, named.rate) == ("loop-dc", drawn.rate)


def test_the_truth_names_each_direction_of_a_segment_and_a_device_once() -> None:
    """A segment fails as one or two directed components, anything else as itself; mode and owner follow."""
    (forward,) = chosen("loss", segment="loop-1", way=Way.FORWARD, rate=0.02)
    (both,) = chosen("delay", segment="pe1-p1", rate=8)
    (device,) = chosen("loss", segment="ce-3", rate=0.02)
    (site,) = chosen("site-down", segment="branch-2")
    (service,) = chosen("service-refused", segment="svc-web")
    assert forward.components == ("loop-1>",)
    assert both.components == ("pe1-p1>", "pe1-p1<")
    assert [fault.components for fault in (device, site, service)] == [("ce-3",), ("branch-2",), ("svc-web",)]
    assert [(f.mode, f.owner) for f in (forward, both, device, site, service)] == [
        (Mode.LOSS, Owner.ACCESS),
        (Mode.DELAY, Owner.CARRIER_CORE),
        (Mode.LOSS, Owner.CUSTOMER),
        (Mode.DOWN, Owner.CUSTOMER),
        (Mode.FAILING, Owner.DESTINATION),
    ]
    assert forward.document(5) == {
        "kind": "loss",
        "components": ["loop-1>"],
        "owner": "access",
        "mode": "loss",
        "rate": 0.02,
        "injected_ns": 5,
    }


def test_what_has_no_direction_hits_both_whatever_was_asked() -> None:
    """No link goes dark in one direction, and a server has none."""
    (cut,) = chosen("link-down", segment="loop-dc", way=Way.REVERSE)
    (slow,) = chosen("server-slow", way=Way.FORWARD)
    assert cut.components == ("loop-dc>", "loop-dc<")
    assert slow.way is Way.BOTH


def test_a_link_that_traffic_can_do_without_does_not_go_down() -> None:
    """A cut in the core is a change of path; the error says so."""
    assert not set(TRAITS[Kind.LINK_DOWN].places) & REDUNDANT
    with pytest.raises(CommandError, match="takes the other path"):
        chosen("link-down", segment="p1-pe3")


def test_a_path_that_changed_is_nobodys_fault() -> None:
    """It is injected like a fault and never to blame."""
    (fault,) = chosen("reroute")
    assert fault.component in SPANS
    assert not fault.is_to_blame


def test_two_faults_are_in_two_places() -> None:
    """Several kinds at once never share a component, and neither hides what the other does."""
    for seed in range(30):
        one, other = chosen("loss", "delay", seed=seed)
        assert one.component != other.component
        cut, loss = chosen("link-down", "loss", seed=seed)
        assert loss.component not in {f"{what}-{cut.component[-1]}" for what in ("lan", "ce", "loop")}


def test_with_several_kinds_an_option_belongs_to_the_first_it_fits() -> None:
    """A segment and a rate go where they make sense; the other fault keeps what the seed drew."""
    drawn = chosen("loss", "server-slow")
    loss, slow = chosen("loss", "server-slow", segment="svc-web", rate=7)
    assert (slow.component, slow.rate) == ("svc-web", 7)
    assert loss == drawn[0]
    named = chosen("loss", "delay", segment="lan-1,loop-2")
    assert [fault.component for fault in named] == ["lan-1", "loop-2"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"kinds": ("fire",)}, "no fault kind 'fire'"),
        ({"kinds": ("loss",), "segment": "moon"}, "no component 'moon'"),
        ({"kinds": ("delay",), "segment": "ce-1"}, "delay does not fit the device ce-1"),
        ({"kinds": ("loss",), "segment": "srv-1"}, "loss does not fit the server srv-1"),
        ({"kinds": ("site-down",), "segment": "dc"}, "site-down does not fit the site dc"),
        ({"kinds": ("loss",), "segment": "core-1"}, "core-1 is a span of alternatives"),
        ({"kinds": ("mtu",), "rate": 1500.0}, "--rate 1500 does not fit mtu"),
        ({"kinds": ("loss", "delay", "mtu"), "segment": "lan-1,lan-2"}, "2 places for 3 kinds"),
        ({"kinds": ("loss", "delay"), "segment": "lan-1,lan-1"}, "two faults in one place"),
        ({"kinds": ("dns-timeout", "dns-timeout")}, "dns-timeout could not be told beside dns-timeout at dns-1"),
        ({"kinds": ("loss",), "rate": 1.5}, "--rate 1.5 does not fit loss"),
        ({"kinds": ("loss",), "rate": 0.0}, "--rate 0 does not fit loss"),
        ({"kinds": ("delay",), "rate": 9000.0}, "--rate 9000 does not fit delay"),
        ({"kinds": ("link-down",), "rate": 0.5}, "--rate 0.5 does not fit link-down"),
        ({"kinds": ("none", "loss")}, "none cannot stand beside another kind"),
        ({"kinds": ("none",), "segment": "lan-1"}, "--segment: nothing fails with --fault none"),
    ],
)
def test_what_does_not_fit_is_bad_usage_with_a_hint(options: dict[str, object], complaint: str) -> None:
    """Each mistake is told in one line with what to do, and ends with exit code 2."""
    values = {"segment": None, "way": None, "rate": None, "seed": 1} | options
    kinds = values.pop("kinds")
    with pytest.raises(CommandError) as raised:
        choose(kinds, **values)  # type: ignore[arg-type]
    assert complaint in raised.value.message
    assert raised.value.hint
    assert raised.value.code == BAD_USAGE


def test_every_owner_can_be_at_fault() -> None:
    """The places of the kinds cover every owner of the network."""
    owners = {PLACES[place].owner for traits in TRAITS.values() for place in traits.places}
    assert owners == {Owner.CUSTOMER, Owner.ACCESS, Owner.CARRIER_CORE, Owner.DESTINATION}
