"""Choosing faults: what fits where, what the seed decides, what is refused and how."""

from __future__ import annotations

import pytest

from appliance.demo.faults import Fault, Kind, Way, choose
from appliance.demo.line import ELEMENTS, SEGMENTS
from faultline.records.terms import Mode, Owner
from faultline.runtime.console import BAD_USAGE, CommandError


def chosen(
    *kinds: str, segment: str | None = None, way: Way | None = None, rate: float | None = None, seed: int = 7
) -> tuple[Fault, ...]:
    """Faults for options."""
    return choose(kinds, segment=segment, way=way, rate=rate, seed=seed)


def test_the_same_seed_gives_the_same_fault() -> None:
    """A run can be repeated: kind, place and rate follow from the seed, and seeds differ from each other."""
    assert chosen("random", seed=3) == chosen("random", seed=3)
    assert len({chosen("random", seed=seed) for seed in range(40)}) > 10
    assert {fault.kind for seed in range(40) for fault in chosen("random", seed=seed)} == {Kind.LOSS, Kind.DELAY, Kind.LINK_DOWN}


def test_a_named_place_leaves_the_seeds_rate_as_it_was() -> None:
    """Naming the segment changes the place alone."""
    (drawn,) = chosen("loss")
    (named,) = chosen("loss", segment="core")
    assert (named.component, named.rate) == ("core", drawn.rate)


def test_the_truth_names_each_direction_of_a_segment_and_a_device_once() -> None:
    """A segment fails as one or two directed components, a device as itself; mode and owner follow."""
    (forward,) = chosen("loss", segment="loop-a", way=Way.FORWARD, rate=0.02)
    (both,) = chosen("delay", segment="core", rate=8)
    (device,) = chosen("loss", segment="ce", rate=0.02)
    assert forward.components == ("loop-a>",)
    assert both.components == ("core>", "core<")
    assert device.components == ("ce",)
    assert [(f.mode, f.owner) for f in (forward, both, device)] == [
        (Mode.LOSS, Owner.ACCESS),
        (Mode.DELAY, Owner.CARRIER_CORE),
        (Mode.LOSS, Owner.CUSTOMER),
    ]
    assert forward.document(5) == {
        "kind": "loss",
        "components": ["loop-a>"],
        "owner": "access",
        "mode": "loss",
        "rate": 0.02,
        "injected_ns": 5,
    }


def test_a_cut_takes_both_directions_whatever_was_asked() -> None:
    """No link goes down in one direction."""
    (fault,) = chosen("link-down", segment="loop-z", way=Way.REVERSE)
    assert fault.components == ("loop-z>", "loop-z<")


def test_two_faults_are_in_two_places() -> None:
    """Several kinds at once never share a component."""
    for seed in range(30):
        one, other = chosen("loss", "delay", seed=seed)
        assert one.component != other.component


def test_drawn_places_are_segments_of_the_line() -> None:
    """What the seed draws can always be injected."""
    for seed in range(30):
        assert chosen("loss", seed=seed)[0].component in SEGMENTS


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"kinds": ("mtu",)}, "no fault kind 'mtu'"),
        ({"kinds": ("loss",), "segment": "moon"}, "no component 'moon'"),
        ({"kinds": ("delay",), "segment": "ce"}, "delay does not fit the device ce"),
        ({"kinds": ("loss",), "segment": "server"}, "loss does not fit the server server"),
        ({"kinds": ("loss",), "rate": 1.5}, "--rate 1.5 does not fit loss"),
        ({"kinds": ("loss",), "rate": 0.0}, "--rate 0 does not fit loss"),
        ({"kinds": ("delay",), "rate": 9000.0}, "--rate 9000 does not fit delay"),
        ({"kinds": ("link-down",), "rate": 0.5}, "--rate 0.5 does not fit link-down"),
        ({"kinds": ("none", "loss")}, "none cannot stand beside another kind"),
        ({"kinds": ("none",), "segment": "core"}, "--segment: nothing fails with --fault none"),
        ({"kinds": ("loss", "delay"), "segment": "core"}, "two faults in one place"),
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


def test_every_owner_of_the_line_can_be_at_fault() -> None:
    """The segments of the demo line cover every owner on it."""
    assert {ELEMENTS[segment].owner for segment in SEGMENTS} == {
        Owner.CUSTOMER,
        Owner.ACCESS,
        Owner.CARRIER_CORE,
        Owner.DESTINATION,
    }
