"""Where is it? The demo's line and hubs of branches, with faults whose place is known."""

from __future__ import annotations

from typing import Any

import pytest

from faultline.inference import FAULT_RATES, locate
from tests.inference.scenes import ENDS_ONLY, DemoLine, blamed, components, delay, document, hub, loss, piece

SPANS = 3
RATES = {kind.value: rate / SPANS for kind, rate in FAULT_RATES.items()}
"""As the analyzer gives them when it asks three spans."""
DIRECTED = [f"{segment}{mark}" for segment in ("loop-a", "core", "loop-z") for mark in "><"]


def modes(verdict: dict[str, Any]) -> set[str]:
    """Modes of the entries that blame."""
    return {entry["mode"] for entry in verdict["verdicts"] if entry["blames"]}


# ---- loss --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("place", DIRECTED)
def test_half_a_per_cent_of_loss_is_named_by_segment_and_direction_within_20_seconds(place: str) -> None:
    """Sessions of 100 packets a second find 0.5 % on each segment and direction, nine times in ten or better."""
    verdicts = [locate(DemoLine(seed=seed, loss={place: 0.005}).evidence(fault_rate=RATES)) for seed in range(12)]
    right = [v for v in verdicts if blamed(v) == [(place,)] and modes(v) == {"loss"}]
    assert len(right) >= 11
    assert all(set(blamed(v)) <= {(place,)} for v in verdicts)


@pytest.mark.parametrize("segment", ["loop-a", "core", "loop-z"])
def test_loss_in_both_directions_is_the_segment_and_not_a_device(segment: str) -> None:
    """Both directions of a segment are one fault's prior: no device is blamed in their place."""
    verdict = locate(DemoLine(seed=3, loss={f"{segment}>": 0.01, f"{segment}<": 0.01}).evidence(fault_rate=RATES))
    assert sorted(blamed(verdict)) == [(f"{segment}<",), (f"{segment}>",)]


def test_two_faults_at_once_are_two_entries() -> None:
    """Loss on one loop and on the core the other way are found side by side."""
    verdict = locate(DemoLine(seed=5, loss={"loop-z>": 0.01, "core<": 0.02}).evidence(fault_rate=RATES))
    assert sorted(blamed(verdict)) == [("core<",), ("loop-z>",)]


def test_of_two_faults_on_one_way_the_larger_gives_back_what_is_not_its_own() -> None:
    """One session crosses the loop alone, one the loop and the LAN: at the mean of both losses nothing were left for the LAN."""
    rows = [loss(piece("loop-a", "loop-a", ">"), 4000, 200), loss(piece("branch-lan", "loop-a", ">"), 4000, 304)]
    clean = [loss(piece("core", "loop-z", ">"), 2000, 0), loss(piece("branch-lan", "loop-a", "<"), 2000, 0)]
    verdict = locate(document([*rows, *clean], expected_faults=1))
    assert sorted(blamed(verdict)) == [("branch-lan>",), ("loop-a>",)]


def test_an_interruption_of_a_part_of_the_window_leaves_nothing_over_for_its_neighbours() -> None:
    """84 % of very many packets, which is between two lengths that the model knows: one entry, and no loss beside it."""
    parts = [
        {"id": f"{name}{mark}", "kind": "segment", "owner": "access"} for name in ("x", *map(str, range(40))) for mark in "><"
    ]
    rows = [loss(["x>", f"{k}>"], 2000, 1685) for k in range(40)] + [loss([f"{k}<", "x<"], 2000, 1685) for k in range(40)]
    verdict = locate(document([*rows, loss(["x>"], 2000, 1685), loss(["x<"], 2000, 1685)], parts))
    assert modes(verdict) == {"down"}
    assert {name for entry in blamed(verdict) for name in entry} == {"x>", "x<"}


def test_five_per_cent_of_very_many_packets_is_loss_though_a_short_interruption_is_nearer_on_the_grid() -> None:
    """And what one of the paths loses beside it is seen."""
    parts = [{"id": f"{name}>", "kind": "segment", "owner": "access"} for name in ("x", *map(str, range(100)))]
    rows = [loss(["x>", f"{k}>"], 2000, 180 if k == 7 else 90 + k % 20) for k in range(100)]
    rows += [loss([f"{k}>"], 200, 0) for k in range(100)] + [loss(["x>"], 2000, 100)]
    verdict = locate(document(rows, parts, expected_faults=1))
    assert sorted(blamed(verdict)) == [("7>",), ("x>",)]
    assert modes(verdict) == {"loss"}


def test_with_probes_at_the_ends_only_the_class_is_named_by_its_span_and_both_owners() -> None:
    """What the evidence cannot tell apart is one class, its owner unknown, its owners' shares stated in the text."""
    evidence = DemoLine(seed=1, loss={"core>": 0.01}, sessions=ENDS_ONLY).evidence(fault_rate=RATES)
    evidence["observations"] = [o for o in evidence["observations"] if o.get("source") == "active"]
    (entry,) = locate(evidence)["verdicts"]
    assert set(entry["components"]) == {"loop-a>", "core>", "loop-z>"}
    assert entry["blames"]
    assert entry["owner"] == "unknown"
    assert entry["owners"]["carrier_core"] >= 0.2
    assert "carrier core" in entry["text"]
    assert "access network" in entry["text"]
    assert entry["confidence"] > 0.95


def test_a_class_whose_neighbours_are_known_is_named_between_them() -> None:
    """'between X and Y: n elements'."""
    parts = components()
    evidence = document(
        [
            loss(piece("branch-lan", "ce", ">"), 4000, 0),
            loss(piece("branch-lan", "pe2", ">"), 4000, 60),
            loss(piece("pe2", "fw", ">"), 4000, 0),
            loss(piece("ce", "pe2", "<"), 4000, 0),
        ],
        parts,
    )
    (entry,) = locate(evidence)["verdicts"]
    assert set(entry["components"]) == {"loop-a>", "core>"}


# ---- delay -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("place", DIRECTED)
@pytest.mark.parametrize("added_ms", [5, 30])
def test_added_delay_is_named_by_segment_and_direction(place: str, added_ms: float) -> None:
    """5 to 30 ms on one segment and direction, with its size."""
    verdict = locate(DemoLine(seed=2, shift_ms={place: added_ms}).evidence(fault_rate=RATES))
    assert blamed(verdict) == [(place,)]
    assert modes(verdict) == {"delay"}
    severity = verdict["verdicts"][0]["severity"]
    assert severity["low"] <= added_ms * 1.02
    assert severity["high"] >= added_ms * 0.98


def test_a_queue_is_congestion_and_not_a_longer_way() -> None:
    """The slowest tenth 20 ms up over a flat minimum."""
    found = [
        delay(piece("loop-a", "loop-a", ">"), 0, queue_us=20000),
        delay(piece("loop-a", "loop-z", ">"), 0, queue_us=20000),
        delay(piece("core", "loop-z", ">"), 0),
    ]
    verdict = locate(document(found, fault_rate=RATES))
    assert blamed(verdict) == [("loop-a>",)]
    assert modes(verdict) == {"congestion"}


@pytest.mark.parametrize("vantage", ["ce", "pe1", "pe2", "fw"])
@pytest.mark.parametrize("step_ms", [2, 10, -50])
def test_a_clock_step_is_never_the_networks(vantage: str, step_ms: float) -> None:
    """One direction longer and the other shorter by as much: a clock, wherever it stands."""
    verdict = locate(DemoLine(seed=4, clock_step_ms={vantage: step_ms}).evidence(fault_rate=RATES))
    assert verdict["verdicts"] == []


@pytest.mark.parametrize("starved_us", [500, 2000, 20000])
def test_busy_measuring_hosts_are_not_the_networks_fault(starved_us: float) -> None:
    """When the slowest packets of all sessions rise at once nothing is blamed, and a real fault is still found."""
    assert locate(DemoLine(seed=6, starved_us=starved_us).evidence(fault_rate=RATES))["verdicts"] == []
    verdict = locate(DemoLine(seed=6, starved_us=min(starved_us, 5000), shift_ms={"core<": 20}).evidence(fault_rate=RATES))
    assert blamed(verdict) == [("core<",)]


# ---- interruptions -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("segment", ["loop-a", "core", "loop-z"])
@pytest.mark.parametrize("share", [1.0, 0.6, 0.25])
def test_an_interruption_is_down_even_when_it_began_within_the_window(segment: str, share: float) -> None:
    """Unanswered packets at the end of the window are an interruption, not a heavy random loss."""
    cut = frozenset({f"{segment}>", f"{segment}<"})
    verdict = locate(DemoLine(seed=7, down=cut, down_share=share).evidence(fault_rate=RATES))
    assert modes(verdict) == {"down"}
    assert {c.rstrip("<>") for found in blamed(verdict) for c in found} == {segment}
    assert verdict["verdicts"][0]["severity"]["value"] == 1


def test_heavy_random_loss_is_loss() -> None:
    """20 % lost with the direction known is no interruption."""
    verdict = locate(DemoLine(seed=8, loss={"loop-a>": 0.2}).evidence(fault_rate=RATES))
    assert blamed(verdict) == [("loop-a>",)]
    assert modes(verdict) == {"loss"}


def test_a_dead_device_takes_its_links_with_it() -> None:
    """Everything through one edge router is gone: one dead device costs less than ten cut loops."""
    evidence = hub(10)
    for o in evidence["observations"]:
        if any(part in o["via"] for part in ("pe-1", "loop-1>", "loop-1<", "loop-6>", "loop-6<")):
            o["lost"] = o["sent"]
    verdict = locate(evidence)
    assert blamed(verdict) == [("pe-1",)]
    assert modes(verdict) == {"down"}


def test_a_power_cut_of_a_site_beats_its_devices() -> None:
    """Silent probes and dead paths of one building cost one prior."""
    parts = [c | ({"site": "pop"} if c["id"] in {"pe1", "ce"} else {}) for c in components()]
    parts.append({"id": "pop", "kind": "site", "owner": "carrier_core"})
    found = [{"kind": "silence", "probe": f"p{n}", "site": "pop", "missed": 6, "expected": 6} for n in range(3)]
    verdict = locate(document([*found, loss(["ce"], 500, 500), loss(["pe1", "core>"], 500, 500), loss(["pe2"], 500, 0)], parts))
    assert blamed(verdict) == [("pop",)]


def test_one_silent_probe_is_our_own_trouble() -> None:
    """A probe is never blamed, and neither is its site for it."""
    parts = [*components(), {"id": "branch-17", "kind": "site", "owner": "customer"}]
    evidence = document(
        [{"kind": "silence", "probe": "branch", "site": "branch-17", "missed": 6, "expected": 6}, loss(["loop-a>"], 1000, 0)],
        parts,
    )
    verdict = locate(evidence)
    assert blamed(verdict) == []
    assert [e["components"] for e in verdict["verdicts"]] == [["branch"]]
    assert "our own" in verdict["verdicts"][0]["text"]


def test_several_silent_probes_of_a_site_whose_lines_work_are_our_own_trouble_too() -> None:
    """They may have lost nothing but their common way to the collector."""
    parts = [c | ({"site": "pop"} if c["id"] == "pe1" else {}) for c in components()] + [
        {"id": "pop", "kind": "site", "owner": "carrier_core"}
    ]
    found = [{"kind": "silence", "probe": f"p{n}", "site": "pop", "missed": 6, "expected": 6} for n in range(3)]
    assert blamed(locate(document([*found, loss(["pe1"], 1000, 0)], parts))) == []


# ---- ends, routes, planned work ----------------------------------------------------------------------------------
HOSTS = [{"id": "srv", "kind": "server", "owner": "destination"}, {"id": "dns", "kind": "resolver", "owner": "destination"}]
CLEAN = [loss(["loop-a>"], 2000, 0), loss(["core>"], 2000, 0)]


@pytest.mark.parametrize(
    ("seen", "place", "mode"),
    [
        (
            {
                "kind": "response",
                "endpoint": "srv",
                "n": 300,
                "median_us": 90000,
                "baseline": {"n": 20000, "median_us": 8000, "mad_us": 900},
            },
            "srv",
            "slow",
        ),
        ({"kind": "zero_window", "endpoint": "srv", "seconds": 60, "closed_seconds": 50}, "srv", "stalled"),
        (
            {
                "kind": "failure",
                "protocol": "tcp",
                "via": ["loop-a>", "core>"],
                "endpoint": "srv",
                "attempts": 60,
                "failed": 60,
                "outcome": "refused",
            },
            "srv",
            "failing",
        ),
        (
            {
                "kind": "failure",
                "protocol": "dns",
                "via": ["loop-a>", "core>"],
                "endpoint": "dns",
                "attempts": 60,
                "failed": 40,
                "outcome": "timeout",
            },
            "dns",
            "failing",
        ),
    ],
)
def test_troubles_of_servers_are_theirs_and_not_the_paths(seen: dict[str, Any], place: str, mode: str) -> None:
    """Slow, stalled, refusing and silent end points over a path that test packets cross unharmed."""
    verdict = locate(document([*CLEAN, seen], [*components(), *HOSTS], fault_rate=RATES))
    assert blamed(verdict) == [(place,)]
    assert modes(verdict) == {mode}


def test_an_mtu_black_hole_is_found_between_what_passes_and_what_does_not() -> None:
    """Large packets die on one segment; its neighbour passes them."""
    found = [
        *CLEAN,
        {"kind": "mtu", "via": ["loop-a>", "core>"], "size": 1500, "sent": 20, "lost": 20},
        {"kind": "mtu", "via": ["core>"], "size": 1500, "sent": 20, "lost": 0},
    ]
    verdict = locate(document(found, fault_rate=RATES))
    assert blamed(verdict) == [("loop-a>",)]
    assert modes(verdict) == {"mtu"}


def test_a_changed_route_is_told_and_nobody_is_blamed_for_its_delay() -> None:
    """The baseline belongs to the old route."""
    via = ["loop-a>", "pe1", "core>"]
    verdict = locate(
        document(
            [*CLEAN, {"kind": "route_change", "from": "ce", "to": "pe2", "components": via}, delay(via, 4000)], fault_rate=RATES
        )
    )
    assert blamed(verdict) == []
    assert [e["mode"] for e in verdict["verdicts"]] == ["route"]


def test_planned_work_is_told_and_nobody_is_paged() -> None:
    """Loss in a maintenance window is planned; the same loss elsewhere is blamed."""
    evidence = DemoLine(seed=9, loss={"loop-a>": 0.02, "loop-z<": 0.02}).evidence(fault_rate=RATES, maintenance=["loop-a>"])
    planned = {tuple(e["components"]): (e["planned"], e["blames"]) for e in locate(evidence)["verdicts"]}
    assert planned == {("loop-a>",): (True, False), ("loop-z<",): (False, True)}


# ---- health ------------------------------------------------------------------------------------------------------
def test_healthy_windows_never_blame() -> None:
    """Random healthy windows with TCP loss of up to 1 % between probes: nothing is blamed, nothing is insufficient."""
    for seed in range(150):
        verdict = locate(DemoLine(seed=seed, tcp_loss=(0.0, 0.01)).evidence(fault_rate=RATES))
        assert (verdict["verdicts"], verdict["insufficient"]) == ([], False), seed


# ---- many branches -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("branches", [10, 100])
@pytest.mark.parametrize("place", ["loop-3>", "loop-3<", "ce-3", "pe-2"])
def test_hub_and_spoke_names_the_place(branches: int, place: str) -> None:
    """1 % on one branch's loop, router or on a provider edge is told apart from everything that shares its path."""
    verdict = locate(hub(branches, seed=11, loss_on={place: 0.01}))
    assert blamed(verdict) == [(place,)]


def test_what_all_branches_share_is_found_where_they_meet() -> None:
    """Loss of one direction common to all branches is the class of what they all cross."""
    (found,) = blamed(locate(hub(20, seed=12, loss_on={"core>": 0.005})))
    assert set(found) == {"core>", "loop-z>"}


def test_a_healthy_hub_blames_nobody() -> None:
    """A hundred healthy branches."""
    assert locate(hub(100, seed=13))["verdicts"] == []


# ---- server ------------------------------------------------------------------------------------------------------
def test_a_longer_way_to_the_server_is_no_slow_server() -> None:
    """Answers seen from the firewall take 5 ms longer, and so do test packets to the server: the segment has become longer."""
    answers = {"n": 4500, "median_us": 5400, "baseline": {"n": 4000, "median_us": 220, "mad_us": 200}}
    response = {"kind": "response", "endpoint": "server", "via": ["dc-lan>", "dc-lan<"], "round_trip": True, **answers}

    def tested(shift_us: float) -> list[dict[str, Any]]:
        return [delay(["dc-lan>"], shift_us, usual_us=50, mad_us=10), delay(["dc-lan<"], 0, usual_us=50, mad_us=10)]

    longer = locate(document([*tested(5000), response], components(), fault_rate=RATES))
    assert (blamed(longer), modes(longer)) == ([("dc-lan>",)], {"delay"})
    slower = locate(document([*tested(0), response], components(), fault_rate=RATES))
    assert (blamed(slower), modes(slower)) == ([("server",)], {"slow"})
