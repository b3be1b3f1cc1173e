"""Source ports that choose a path: whom to ask, and which answers fit."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from appliance.demo import probing
from appliance.demo.namespaces import crossings
from appliance.demo.namespaces.crossings import Crossing
from appliance.demo.probing import Probes

FLOWS = {flow.id: flow for flow in crossings.of_sessions(Probes.FULL)}


def answer(flow: Crossing, choose: Callable[[int, str], int]) -> dict[str, str]:
    """What the edges print when a rule of ours chooses the middle for each port."""
    return {
        edge: "".join(f"10.9.0.1 via 10.200.1.2 dev core{choose(port, edge)} src 10.200.255.1 uid 0 \n" for port in flow.ports)
        for edge in crossings.questions([flow])
    }


def test_every_session_across_the_core_is_to_take_one_path() -> None:
    """Pairs of edges and both directions between a branch and the firewall; a pair's sessions cover both paths."""
    across = {
        test.id for test in probing.tests(Probes.FULL) if test.member is not None or {"fw-wan"} & {test.sender, test.reflector}
    }
    assert set(FLOWS) == across - {"pe3-fw", "pe3-fw-mtu"}
    assert {(flow.edge, flow.middle) for id_, flow in FLOWS.items() if id_.startswith("pe")} == {(1, 1), (1, 2), (2, 1), (2, 2)}
    assert {FLOWS["ce-1-fw"].middle, FLOWS["fw-ce-1"].middle} == {1, 2}


def test_neighbours_never_try_the_same_port() -> None:
    """Sessions of one sender have ports of their own, whichever of the tried ones is found."""
    for sender in {test.sender for test in probing.tests(Probes.FULL)}:
        mine = [test.id for test in probing.tests(Probes.FULL) if test.sender == sender and test.id in FLOWS]
        tried = [port for id_ in mine for port in FLOWS[id_].ports]
        assert len(tried) == len(set(tried))


def test_both_edges_are_asked_about_every_port() -> None:
    """The near edge about packets from the branch, the far one about those that come back, ports swapped."""
    asked = crossings.questions([FLOWS["ce-1-fw"]])
    first = FLOWS["ce-1-fw"].source_port
    assert asked["pe1"][0] == f"route get 10.200.40.2 from 10.200.1.1 iif acc1 ipproto udp sport {first} dport 862"
    assert asked["pe3"][0] == f"route get 10.200.1.1 from 10.200.40.2 iif acc0 ipproto udp sport 862 dport {first}"


def test_a_port_is_taken_for_which_both_edges_choose_the_path() -> None:
    """One edge alone is not enough while another port has both."""
    flow = FLOWS["fw-ce-3"]
    near_only, both = flow.ports[3], flow.ports[7]
    printed = answer(flow, lambda port, edge: 2 if port == both or (port == near_only and edge == "pe2") else 1)
    assert crossings.source_ports([flow], printed) == {flow.id: both}


def test_failing_that_the_senders_edge_decides() -> None:
    """What comes back takes the other path then; what is sent takes the right one."""
    flow = FLOWS["pe1-pe3-2"]
    printed = answer(flow, lambda port, edge: 2 if edge == "pe1" and port == flow.ports[5] else 1)
    assert crossings.source_ports([flow], printed) == {flow.id: flow.ports[5]}


def test_an_edge_that_does_not_route_across_the_core_is_a_mistake() -> None:
    """Answers by another interface are no choice."""
    flow = FLOWS["ce-1-fw"]
    with pytest.raises(ValueError, match="pe1 does not route across the core"):
        crossings.source_ports([flow], {"pe1": "10.9.0.1 via 10.0.0.1 dev acc1\n", "pe3": ""})
