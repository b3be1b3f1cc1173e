"""A bank on a carrier, thirteen kinds of fault: what must be named, by probes everywhere and by probes at the ends only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from faultline.inference import FAULT_RATES, locate
from faultline.inference.document import read
from faultline.inference.problem import build
from tests.inference.bank import Bank

SPANS = 3
RATES = {kind.value: rate / SPANS for kind, rate in FAULT_RATES.items()}
VARIANTS = ("full", "ends")


def told(scene: Bank) -> Mapping[str, Any]:
    """The verdict on a scene, with rates as the analyzer gives them when it asks three spans."""
    return locate(scene.evidence(fault_rate=RATES), healthy_floor=False)


def blames(verdict: Mapping[str, Any]) -> list[tuple[frozenset[str], str]]:
    """Places and modes that are blamed, the most certain first."""
    return [(frozenset(e["components"]), e["mode"]) for e in verdict["verdicts"] if e["blames"]]


def both(segment: str) -> frozenset[str]:
    """Both directions."""
    return frozenset({f"{segment}>", f"{segment}<"})


# ---- loss, queues, longer ways -----------------------------------------------------------------------------------
DIRECTED = ("lan-2<", "loop-1>", "loop-dc<", "dc-lan>", "pe1-p1>", "pe2-p2<", "p1-pe3>", "p2-pe3<")


@pytest.mark.parametrize("probes", VARIANTS)
@pytest.mark.parametrize("place", DIRECTED)
def test_loss_is_named_by_segment_and_direction_down_to_one_of_two_equal_paths(place: str, probes: str) -> None:
    """2 % on a branch's network, a loop, or one of the core's members, over sessions whose ways are traced."""
    assert blames(told(Bank(seed=1, probes=probes, loss={place: 0.02}))) == [(frozenset({place}), "loss")]


@pytest.mark.parametrize("device", ["pe1", "p1"])
def test_a_device_that_loses_is_told_from_its_links_or_named_with_them(device: str) -> None:
    """An edge that loses from all its links is itself; a core router and the segment beside it are the same to every session."""
    verdict = told(Bank(seed=1, loss={device: 0.02}))
    candidates = {c["id"] for e in verdict["verdicts"] if e["blames"] for c in e["candidates"]}
    assert device in candidates
    assert {e["owner"] for e in verdict["verdicts"]} == {"carrier_core"}


@pytest.mark.parametrize("probes", VARIANTS)
@pytest.mark.parametrize("place", ["loop-1>", "p1-pe3>", "dc-lan<"])
def test_losses_in_runs_are_loss_where_they_are(place: str, probes: str) -> None:
    """Eight packets a run: sessions see different shares of it, and no second place is blamed for the difference."""
    assert blames(told(Bank(seed=1, probes=probes, loss={place: 0.03}, bursts=8))) == [(frozenset({place}), "loss")]


@pytest.mark.parametrize("place", ["loop-1>", "loop-dc<", "dc-lan>", "pe2-p1>", "lan-3<"])
def test_a_longer_way_is_delay_and_never_a_slow_server(place: str) -> None:
    """8 ms on every packet of one segment and direction; answers seen through it take longer too."""
    assert blames(told(Bank(seed=1, shift_ms={place: 8}))) == [(frozenset({place}), "delay")]


@pytest.mark.parametrize(
    ("place", "drops"),
    [("loop-1>", 0.0), ("loop-dc<", 0.03), ("dc-lan>", 0.0), ("dc-lan>", 0.03), ("pe2-p1>", 0.005), ("loop-1>", 0.2)],
)
def test_a_full_queue_is_congestion_whatever_it_drops(place: str, drops: float) -> None:
    """20 ms of queue, alone or with losses of any size: one entry, what it drops told beside it."""
    verdict = told(Bank(seed=1, queue_ms={place: 20}, drops=drops))
    assert blames(verdict) == [(frozenset({place}), "congestion")]
    (entry,) = verdict["verdicts"]
    if drops >= 0.03:
        assert entry["also"][0]["severity"]["value"] == pytest.approx(drops, rel=0.35)
        assert "It drops" in entry["text"]


def test_what_the_ends_cannot_tell_apart_is_one_class_with_both_owners() -> None:
    """A loop and the core's member behind it are the same to every session that measures delay from end to end."""
    (entry,) = told(Bank(seed=1, probes="ends", shift_ms={"pe2-p1>": 8}))["verdicts"]
    assert set(entry["components"]) == {"loop-4>", "pe2-p1>"}
    assert entry["owner"] == "unknown"
    assert min(entry["owners"]["access"], entry["owners"]["carrier_core"]) >= 0.2
    assert "cannot tell the owners apart" in entry["text"]


# ---- interruptions -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("segment", "share"), [("loop-2", 1.0), ("loop-2", 0.5), ("loop-dc", 1.0), ("loop-dc", 0.5), ("lan-1", 1.0), ("dc-lan", 1.0)]
)
@pytest.mark.parametrize("probes", VARIANTS)
def test_a_cut_cable_is_one_entry_with_both_directions(segment: str, probes: str, share: float) -> None:
    """Also when it began within the window, and whatever it takes with it: requests, large packets, reports."""
    (entry,) = told(Bank(seed=1, probes=probes, down=both(segment), down_share=share))["verdicts"]
    alike = ALIKE.get((segment, probes), frozenset()) if share == 1 or segment != "loop-2" else frozenset()
    assert (set(entry["components"]), entry["mode"]) == (both(segment) | alike, "down")
    assert entry["blames"] or probes == "ends"
    assert "in both directions" in entry["text"]


ALIKE = {
    ("loop-2", "ends"): frozenset({"ce-2", "branch-2"}),
    ("loop-dc", "ends"): frozenset({"pe3"}),
    ("dc-lan", "ends"): frozenset({"dc-sw"}),
    ("dc-lan", "full"): frozenset({"dc-sw"}),
}
"""What a cut cable cannot be told from: what stands in the same observations, as long as nothing behind it is heard."""


def test_a_branch_without_power_is_its_site() -> None:
    """Its probe silent over a management network of its own, and everything inside gone: one fault, not three."""
    assert blames(told(Bank(seed=1, dark=frozenset({"branch-1"})))) == [(frozenset({"branch-1"}), "down")]


def test_a_data_centre_without_power_is_its_site_and_not_the_loop_before_it() -> None:
    """The loop and a silent probe are two faults; the site is one that explains both."""
    assert blames(told(Bank(seed=1, dark=frozenset({"dc"})))) == [(frozenset({"dc"}), "down")]


def test_a_silent_branch_behind_the_only_line_may_be_dark_or_cut_off() -> None:
    """When reports take the very line that fails nothing tells them apart: the answer is all of them, with both owners."""
    for scene in ({"dark": frozenset({"branch-1"})}, {"down": both("loop-1")}, {"down": frozenset({"ce-1"})}):
        (entry,) = told(Bank(seed=1, probes="ends", **scene))["verdicts"]  # type: ignore[arg-type]
        assert set(entry["components"]) == {"loop-1>", "loop-1<", "ce-1", "branch-1"}
        assert (entry["mode"], entry["owner"], entry["blames"]) == ("down", "unknown", True)
        assert min(entry["owners"]["access"], entry["owners"]["customer"]) >= 0.2
        assert "access network" in entry["text"]
        assert "customer side" in entry["text"]


def test_what_cannot_be_told_apart_is_what_the_columns_say() -> None:
    """A device that explains a cut as well, and does not stand in all that the cut does, is a candidate and not the answer."""
    scene = Bank(seed=1, probes="ends", down=both("loop-1"))
    evidence = scene.evidence(fault_rate=RATES)
    evidence["observations"].append(
        {"kind": "counter", "component": "loop-1>", "name": "if_oper_down", "raised": True, "sensitivity": 0.98},
    )
    (entry,) = locate(evidence, healthy_floor=False)["verdicts"]
    assert set(entry["components"]) == both("loop-1")
    assert {"ce-1"} < {c["id"] for c in entry["candidates"]}


def test_a_probe_that_is_heard_tells_its_building_from_the_line() -> None:
    """With a management network of its own the branch reports: the cut is the line's."""
    (entry,) = told(Bank(seed=1, probes="full", down=both("loop-1")))["verdicts"]
    assert set(entry["components"]) == both("loop-1")


def test_a_silent_probe_whose_reports_take_another_way_is_our_own_trouble() -> None:
    """Its branch works: sessions to it are answered."""
    evidence = Bank(seed=1).evidence(fault_rate=RATES)
    evidence["observations"].append(
        {"kind": "silence", "probe": "probe:ce-1", "site": "branch-1", "missed": 3, "expected": 3},
    )
    assert blames(locate(evidence)) == []


# ---- large packets -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("probes", VARIANTS)
@pytest.mark.parametrize("narrow", [both("loop-2"), both("loop-dc"), frozenset({"loop-2>"}), frozenset({"p1-pe3>"})])
def test_large_packets_that_vanish_are_mtu_and_not_loss(narrow: frozenset[str], probes: str) -> None:
    """Small ones pass, TCP repeats its large ones in vain: one entry, as many directions as are narrow."""
    assert blames(told(Bank(seed=1, probes=probes, narrow=narrow))) == [(narrow, "mtu")]


# ---- end points --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("probes", VARIANTS)
@pytest.mark.parametrize(
    ("scene", "places", "mode"),
    [
        ({"slow": {"srv-2": 6.0}}, {"srv-2"}, "slow"),
        ({"slow": {"svc-web": 6.0}}, {"svc-web"}, "slow"),
        ({"slow": {"srv-1": 6.0}}, {"srv-1", "svc-teller"}, "slow"),
        ({"stalled": {"srv-2": 0.6}}, {"srv-2"}, "stalled"),
        ({"stalled": {"svc-file": 0.6}}, {"svc-file"}, "stalled"),
        ({"mute": {"dns-1": 1.0}}, {"dns-1"}, "failing"),
        ({"mute": {"dns-1": 0.4}}, {"dns-1"}, "failing"),
        ({"refusing": frozenset({"svc-web"})}, {"svc-web"}, "failing"),
        ({"refusing": frozenset({"svc-teller"})}, {"srv-1", "svc-teller"}, "failing"),
    ],
)
def test_what_is_wrong_at_the_end_is_told_by_what_shares_it(
    scene: dict[str, Any], places: set[str], mode: str, probes: str
) -> None:
    """Both services of a server slow: the server; one of two: that one; the only one: the two are one class."""
    assert blames(told(Bank(seed=1, probes=probes, **scene))) == [(frozenset(places), mode)]


def test_a_refused_connection_exonerates_the_way() -> None:
    """Somebody answered: neither the server's machine nor anything before it is down."""
    verdict = told(Bank(seed=1, refusing=frozenset({"svc-web", "svc-file"})))
    assert all(mode == "failing" for _, mode in blames(verdict))
    assert {c for places, _ in blames(verdict) for c in places} <= {"svc-web", "svc-file", "srv-2"}


# ---- nothing, and more than one ----------------------------------------------------------------------------------
@pytest.mark.parametrize("probes", VARIANTS)
def test_a_route_that_changed_is_told_and_blames_nobody(probes: str) -> None:
    """6 ms more for all packets of one edge, over the other path: their usual delay belongs to the way they left."""
    verdict = told(Bank(seed=1, probes=probes, rerouted={"pe1": "p2"}, reroute_ms=6))
    assert (blames(verdict), verdict["insufficient"]) == ([], False)
    assert {e["mode"] for e in verdict["verdicts"]} == {"route"}


def test_a_changed_route_hides_no_loss() -> None:
    """Packets lost on the new way are lost on the new way."""
    verdict = told(Bank(seed=1, rerouted={"pe1": "p2"}, reroute_ms=6, loss={"loop-2>": 0.02}))
    assert blames(verdict) == [(frozenset({"loop-2>"}), "loss")]


@pytest.mark.parametrize("probes", VARIANTS)
@pytest.mark.parametrize(
    ("scene", "expected"),
    [
        ({"loss": {"loop-1>": 0.02}, "slow": {"srv-2": 5.0}}, [({"loop-1>"}, "loss"), ({"srv-2"}, "slow")]),
        ({"loss": {"p2-pe3>": 0.02}, "mute": {"dns-1": 1.0}}, [({"p2-pe3>"}, "loss"), ({"dns-1"}, "failing")]),
        ({"down": both("loop-4"), "refusing": frozenset({"svc-web"})}, [(both("loop-4"), "down"), ({"svc-web"}, "failing")]),
        ({"loss": {"lan-1>": 0.03}, "shift_ms": {"loop-dc<": 9}}, [({"lan-1>"}, "loss"), ({"loop-dc<"}, "delay")]),
    ],
)
def test_two_faults_at_once_are_two_entries(scene: dict[str, Any], expected: Sequence[tuple[set[str], str]], probes: str) -> None:
    """In different places, of different modes."""
    found = [(places - {"ce-4", "branch-4"}, mode) for places, mode in blames(told(Bank(seed=1, probes=probes, **scene)))]
    assert sorted(found, key=str) == sorted([(frozenset(places), mode) for places, mode in expected], key=str)


@pytest.mark.parametrize("probes", VARIANTS)
@pytest.mark.parametrize("traced", [True, False])
def test_healthy_windows_of_the_bank_blame_nobody(probes: str, traced: bool) -> None:  # noqa: FBT001 - a case
    """Whether routes are known or not, with TCP losing up to 0.8 % as it does."""
    for seed in range(10):
        verdict = told(Bank(seed=seed, probes=probes, traced=traced, tcp_loss=(0.0, 0.008), trained=seed % 2 == 0))
        assert (verdict["verdicts"], verdict["insufficient"]) == ([], False), seed


def test_a_way_of_reports_is_part_of_a_silence() -> None:
    """The document's `via` of a silence exposes what the reports cross, for interruptions only."""
    problem = build(read(Bank(seed=1, probes="ends", down=both("loop-1")).evidence()))
    (silent,) = [k for k, o in enumerate(problem.observations) if o.raw["kind"] == "silence"]
    crossing = {str(problem.components[c].id) for h in problem.hypotheses if silent in dict(h.column) for c in h.members}
    assert {"loop-1>", "loop-dc<", "dc-sw", "branch-1", "probe:ce-1"} <= crossing
    assert {h.mode.value for h in problem.hypotheses if silent in dict(h.column)} == {"down"}
