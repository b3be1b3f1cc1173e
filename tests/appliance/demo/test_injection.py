"""Which commands make a fault, and where."""

from __future__ import annotations

import pytest

from appliance.demo.faults import Fault, Kind, Way
from appliance.demo.kinds import TRAITS
from appliance.demo.namespaces import injection
from appliance.demo.namespaces.traffic import SPOILS


def make_fault(kind: Kind, component: str, *, way: Way = Way.BOTH, rate: float = 1.0) -> Fault:
    """A fault."""
    return Fault(kind=kind, component=component, way=way, rate=rate)


def lines(fault: Fault, space: str) -> list[str]:
    """What is run in a namespace: its input, or the command itself."""
    return [stdin.strip() or " ".join(command) for command, stdin in injection.commands(fault)[space]]


@pytest.mark.parametrize(
    ("kind", "place"), [(kind, place) for kind, traits in TRAITS.items() for place in traits.places], ids=str
)
def test_every_kind_can_be_made_wherever_it_fits(kind: Kind, place: str) -> None:
    """By commands, by a relay, or by a server: one of them, for every component a person may name."""
    fault = make_fault(kind, place, rate=TRAITS[kind].scale.usual[0])
    made = injection.commands(fault)
    assert all(commands for commands in made.values())
    assert bool(made) + (kind in injection.RELAYED) + (kind in SPOILS) == 1


@pytest.mark.parametrize(
    ("device", "way", "entrances"),
    [
        ("pe1", Way.FORWARD, "acc1, acc2"),
        ("pe1", Way.REVERSE, "core1, core2"),
        ("p2", Way.FORWARD, "edge1, edge2"),
        ("fw", Way.REVERSE, "lan0"),
        ("dc-sw", Way.FORWARD, "up0"),
    ],
)
def test_a_device_loses_what_comes_in_from_one_side(device: str, way: Way, entrances: str) -> None:
    """Packets from A to Z come in on the branches' side, the others on the data centre's."""
    (rules,) = lines(make_fault(Kind.LOSS, device, way=way, rate=0.02), device)
    assert f"iifname {{ {entrances} }}" in rules
    assert "numgen random mod 1000000 < 20000" in rules


def test_a_building_without_power_takes_its_segments_with_it() -> None:
    """The LAN and the loop, at both of their ends."""
    (cut,) = lines(make_fault(Kind.SITE_DOWN, "branch-2"), "wire")
    assert cut.splitlines() == [f"link set {end} down" for end in ("lan-2.a", "lan-2.z", "loop-2.a", "loop-2.z")]


def test_a_queue_stands_where_its_direction_leaves_the_segment() -> None:
    """From A to Z at the Z end, with room for the milliseconds that were asked for and little more."""
    (queue,) = lines(make_fault(Kind.CONGESTION, "loop-1", way=Way.FORWARD, rate=20), "wire")
    assert queue.startswith("tc qdisc add dev loop-1.z root tbf rate 20000000bit")
    assert queue.endswith("latency 23.0ms")


def test_a_reroute_takes_one_path_out_of_both_edges_tables() -> None:
    """What is left has one next hop, at either end."""
    fault = make_fault(Kind.REROUTE, "core-2")
    for edge in ("pe2", "pe3"):
        (changes,) = lines(fault, edge)
        assert all(line.startswith("route replace ") and line.count("nexthop") == 1 for line in changes.splitlines())


def test_segments_with_a_relay_are_known_beforehand() -> None:
    """Delays and bursts need one from the set-up on, each place once."""
    faults = [make_fault(Kind.DELAY, "loop-1", rate=5), make_fault(Kind.LOSS, "lan-1"), make_fault(Kind.BURST_LOSS, "lan-2")]
    assert injection.relayed(faults) == ("loop-1", "lan-2")
