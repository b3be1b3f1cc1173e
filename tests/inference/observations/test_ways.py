"""The ways packets took over a bundle: which alternative is known, and from what."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from faultline.inference.observations_ways import MOST_WAYS
from faultline.records.terms import SECOND_NS, SessionId, VantageId

COUNTS = {"received": 1000, "lost_forward": 0, "lost_reverse": 0, "lost_unattributed": 0}
OVER_P1 = ["pe1", "pe1-p1>", "p1", "p1-pe2>", "pe2"]
OVER_P2 = ["pe1", "pe1-p2>", "p2", "p2-pe2>", "pe2"]
P1, P2 = "172.20.0.2", "172.20.0.6"
TCP = {"tcp_segments": 1000}


def ways(observation: dict[str, Any]) -> list[tuple[float, list[str]]]:
    """Weights and slices of an observation, the core's part alone."""
    paths = observation.get("paths") or [{"via": observation["via"], "weight": 1.0}]
    return [(round(p["weight"], 3), [c for c in p["via"] if c.startswith(("pe", "p1", "p2"))]) for p in paths]


@pytest.fixture
def session(bundled: Any) -> Any:
    """A session from CE to firewall with a port of its own, traced from end to end."""
    known = bundled.inventory
    ce_fw = attrs.evolve(known.sessions[SessionId("ce-fw")], source_port=41000, reflector=VantageId("fw-lan"))
    bundled.inventory = attrs.evolve(known, sessions={**known.sessions, ce_fw.id: ce_fw})
    return bundled.session("ce-fw", COUNTS)


def test_without_traces_every_alternative_is_as_likely(bundled: Any, session: Any) -> None:
    """The bundle itself is never named: its members are what can fail."""
    there, back = bundled.observations(session)
    assert ways(there) == [(0.5, OVER_P1), (0.5, OVER_P2)]
    assert [weight for weight, _ in ways(back)] == [0.5, 0.5]
    listed = {c["id"] for c in bundled.evidence(session)["components"]}
    assert {"pe1-p1>", "pe1-p1<", "p1", "p2"} <= listed
    assert not {"core>", "core<"} & listed


def test_a_fresh_trace_of_the_same_flow_says_exactly_which(bundled: Any, session: Any) -> None:
    """Forward by the session's source port; the way back is another flow, and stays unknown."""
    traced = [bundled.traced("10.0.0.1", P2, None, flow={"source_port": 41000})]
    there, back = bundled.observations(session, traced=traced)
    assert ways(there) == [(1.0, OVER_P2)]
    assert len(ways(back)) == 2


def test_the_trace_of_another_flow_says_nothing_of_a_session(bundled: Any, session: Any) -> None:
    """One flow takes one alternative, whatever others do."""
    there, _ = bundled.observations(session, traced=[bundled.traced("10.0.0.1", P2)])
    assert [weight for weight, _ in ways(there)] == [0.5, 0.5]


def test_traffic_of_many_flows_has_the_weights_of_the_traced_ones(bundled: Any) -> None:
    """Three flows over P1 and one over P2, one more of each as nothing is impossible: 4 to 2."""
    traced = [bundled.traced("10.0.0.1", hop, flow={"source_port": 50000 + n}) for n, hop in enumerate((P1, P1, P1, P2))]
    _, after = bundled.observations(bundled.tcp("ce-wan", "a_to_z", TCP), traced=traced)
    assert [weight for weight, _ in ways(after)] == [0.667, 0.333]


@pytest.mark.parametrize("hops", [(None, None, None), ("10.0.0.1", "192.0.2.77", None)])
def test_silent_and_unknown_hops_leave_all_alternatives_that_agree(
    bundled: Any, session: Any, hops: tuple[str | None, ...]
) -> None:
    """Nobody of the core answered: nothing is known of it."""
    there, _ = bundled.observations(session, traced=[bundled.traced(*hops, flow={"source_port": 41000})])
    assert [weight for weight, _ in ways(there)] == [0.5, 0.5]


def test_an_old_trace_is_not_believed(bundled: Any, session: Any) -> None:
    """Routes change; what was seen an hour ago is no longer known."""
    traced = [bundled.traced(P2, flow={"source_port": 41000}, traced_ns=0)]
    there, _ = bundled.observations(session, traced=traced)
    assert len(ways(there)) == 2


def test_a_route_that_changed_in_the_window_is_both_in_proportion(bundled: Any, session: Any) -> None:
    """A quarter of the minute on the old way, half on the new, and between them nobody knows: half each."""
    window_ns = 60 * SECOND_NS
    start_ns = 1_796_040_000 * SECOND_NS
    moved = bundled.traced(
        P2,
        flow={"source_port": 41000},
        since_ns=start_ns + window_ns // 2,
        previous=(P1,),
        previous_ns=start_ns + window_ns // 4,
    )
    there, *_, change = bundled.observations(session, traced=[moved])
    assert sorted(ways(there)) == [(0.375, OVER_P1), (0.625, OVER_P2)]
    assert change["kind"] == "route_change"
    assert (change["from"], change["to"]) == ("ce-wan", "fw-lan")
    assert set(change["changed"]) == {"pe1-p1>", "p1", "p1-pe2>", "pe1-p2>", "p2", "p2-pe2>"}


def test_a_round_trip_chooses_for_each_direction(bundled: Any) -> None:
    """Two ways there and two back are four, and no more are told."""
    dead = bundled.session("ce-fw", {"received": 0, "lost_forward": 0, "lost_reverse": 0, "lost_unattributed": 100})
    (seen,) = bundled.observations(dead)
    assert [p["weight"] for p in seen["paths"]] == [0.25] * MOST_WAYS
    assert all(path["via"][-1] == "fw" for path in seen["paths"])


def test_a_full_size_session_says_what_size_gets_through_and_nothing_else(bundled: Any, steady: Any) -> None:
    """Neither losses nor delays: its small twin has told them."""
    bundled.usually("ce-fw-1500", "rtt", 5_000_000)
    counts = {"received": 0, "lost_forward": 0, "lost_reverse": 0, "lost_unattributed": 20}
    (seen,) = bundled.observations(bundled.session("ce-fw-1500", counts, rtt=steady(9_000_000)))
    assert (seen["kind"], seen["size"], seen["sent"], seen["lost"]) == ("mtu", 1500, 20, 20)
    assert seen["round_trip"] is True
    assert not any("fw" in path["via"] for path in seen["paths"])


def test_every_view_has_a_name_of_its_own_that_traces_do_not_change(bundled: Any, session: Any) -> None:
    """So that an observation of one window is found again in another, whatever way its packets took."""
    rows = [session, bundled.tcp("ce-wan", "a_to_z", TCP), bundled.dial("dial-teller", {"scheduled": 10, "done": 10})]
    plain = [o["view"] for o in bundled.evidence(*rows)["observations"]]
    traced = bundled.evidence(*rows, traced=[bundled.traced(P2, flow={"source_port": 41000})])["observations"]
    assert len(set(plain)) == len(plain)
    assert [o["view"] for o in traced] == plain
