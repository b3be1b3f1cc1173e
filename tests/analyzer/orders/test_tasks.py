"""From the inventory to what each probe is asked to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from analyzer.orders.rules import OrderRules
from analyzer.orders.tasks import DIALS_PER_S, FLOWS_PER_S, MOST_FLOWS, MOST_TASKS, errands, standing
from faultline.inventory import Inventory
from faultline.records.terms import SessionId, TraceId
from faultline.runtime.config import ConfigError, structure

RULES = OrderRules()


def tasks_of(inventory: Inventory, rules: OrderRules = RULES) -> dict[str, tuple[str, dict[str, Any]]]:
    """(probe, document) by id."""
    return {task.id: (task.probe, dict(task.document)) for task in standing(errands(inventory, rules), inventory, rules)}


def test_a_dial_test_goes_where_its_endpoint_listens(inventory_of: Callable[..., Inventory]) -> None:
    """To the service's port at its server's address, or to the resolver; from the probe of the sending vantage."""
    tasks = tasks_of(inventory_of())
    assert tasks["dial-teller"] == (
        "branch",
        {
            "id": "dial-teller", "kind": "dial", "protocol": "tcp", "target": "10.9.0.11:8200",
            "interval_s": 2.0, "timeout_s": 2.0,
        },
    )  # fmt: skip
    assert tasks["dial-dns"][1] == {
        "id": "dial-dns", "kind": "dial", "protocol": "dns", "target": "10.9.0.53:53", "query": "teller.bank.example",
        "interval_s": 2.0, "timeout_s": 2.0,
    }  # fmt: skip


def test_a_trace_follows_the_sessions_of_its_pair_and_a_few_flows_more(inventory_of: Callable[..., Inventory]) -> None:
    """Their very 5-tuples come first: an alternative is told apart only when its own flow is traced."""
    tasks = tasks_of(inventory_of())
    assert tasks["trace-fw"] == (
        "branch",
        {
            "id": "trace-fw", "kind": "trace", "protocol": "udp", "target": "10.8.0.2:862", "interval_s": 15.0,
            "source": "10.8.1.1",
            "flows": [[41011, 862], [50_001, 862], [50_002, 862], [50_003, 862]],
        },
    )  # fmt: skip
    probe, back = tasks["trace-back"]
    assert (probe, back["target"], back["source"]) == ("dc", "10.8.1.1:862", "10.8.0.2")
    assert back["flows"] == [[862, 41011], [50_001, 862], [50_002, 862], [50_003, 862]]


def test_a_flow_of_no_session_is_always_traced(inventory_of: Callable[..., Inventory]) -> None:
    """Ports of sessions may have been chosen for their path: they say nothing of what others take."""
    inventory = inventory_of()
    session = next(s for s in inventory.sessions.values() if s.source_port is not None)
    many = {SessionId(f"s{at}"): attrs.evolve(session, id=SessionId(f"s{at}"), source_port=42_000 + at) for at in range(20)}
    crowded = attrs.evolve(inventory, sessions={**inventory.sessions, **many})
    flows = tasks_of(crowded)["trace-fw"][1]["flows"]
    assert (len(flows), flows[-1]) == (MOST_FLOWS, [50_001, 862])


@pytest.mark.parametrize(
    ("trace", "protocol", "target"), [("trace-teller", "tcp", "10.9.0.11:8200"), ("trace-server", "udp", "10.9.0.11:33434")]
)
def test_a_trace_to_an_endpoint_looks_like_its_clients_packets(
    inventory_of: Callable[..., Inventory], trace: str, protocol: str, target: str
) -> None:
    """A firewall lets the service's port through; where nobody listens it is a classic trace."""
    document = tasks_of(inventory_of())[trace][1]
    assert (document["protocol"], document["target"]) == (protocol, target)


@pytest.mark.parametrize(
    ("grade", "dial_s", "trace_s"), [("AAA", 1.0, 10.0), ("AA", 0.5, 15.0), ("A", 5.0, 20.0), ("ordinary", 8.0, 30.0)]
)
def test_the_lines_grade_says_how_often(
    inventory_of: Callable[..., Inventory], grade: str, dial_s: float, trace_s: float
) -> None:
    """What is not set has its default; a grade nobody named is like all others."""
    rules = OrderRules(dial_interval_s={"AA": 0.5, "other": 8.0})
    inventory = inventory_of(change=("grade: AA", f"grade: {grade}"))
    one = attrs.evolve(inventory, traces={TraceId("trace-fw"): inventory.traces[TraceId("trace-fw")]})
    tasks = tasks_of(one, rules)
    assert (tasks["dial-teller"][1]["interval_s"], tasks["trace-fw"][1]["interval_s"]) == (dial_s, trace_s)


def test_a_probe_with_many_tests_runs_each_more_seldom(inventory_of: Callable[..., Inventory]) -> None:
    """All together they stay within what it takes; more tests than it takes are left out."""
    inventory = inventory_of()
    dial, trace = (next(errand for errand in errands(inventory, RULES) if errand.id == name) for name in ("dial-dns", "trace-fw"))
    many = [attrs.evolve(dial, id=f"d{number}") for number in range(60)]
    many += [attrs.evolve(trace, id=f"t{number}") for number in range(10)]
    tasks = [dict(task.document) for task in standing(many, inventory, RULES)]
    dials = [task["interval_s"] for task in tasks if task["kind"] == "dial"]
    traces = [task["interval_s"] for task in tasks if task["kind"] == "trace"]
    assert (len(dials), len(traces)) == (60, 10)
    assert DIALS_PER_S * 0.9 < sum(1 / interval_s for interval_s in dials) <= DIALS_PER_S
    assert FLOWS_PER_S * 0.9 < sum(4 / interval_s for interval_s in traces) <= FLOWS_PER_S
    crowd = [attrs.evolve(dial, id=f"d{number}") for number in range(MOST_TASKS + 1)]
    assert len(standing(crowd, inventory, RULES)) == MOST_TASKS


@pytest.mark.parametrize(("state", "count"), [("in_service", 6), ("maintenance", 6), ("suspended", 0), ("removed", 0)])
def test_a_line_that_is_not_in_use_is_not_tested(inventory_of: Callable[..., Inventory], state: str, count: int) -> None:
    """Its tests would fail, and mean nothing."""
    assert len(tasks_of(inventory_of(change=("type: mpls_vpn", f"type: mpls_vpn\n    state: {state}")))) == count


def test_the_same_inventory_asks_for_the_same(inventory_of: Callable[..., Inventory]) -> None:
    """Else every restart would be news to every probe."""
    assert tasks_of(inventory_of()) == tasks_of(inventory_of())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"dial_interval_s": {"AA": 0.1}}, "analyzer.dial_interval_s: of AA must be from 0.2 to 3600 s, got 0.1"),
        ({"trace_interval_s": {"other": 1}}, "analyzer.trace_interval_s: of other must be from 5"),
        ({"dial_timeout_s": 0}, "analyzer.dial_timeout_s: must be >= 0.05"),
        ({"most_a_minute": 0}, "analyzer.most_a_minute: must be >= 1"),
    ],
)
def test_what_no_probe_would_take_is_refused(given: dict[str, Any], said: str) -> None:
    """At the start, by the key's path."""
    with pytest.raises(ConfigError) as caught:
        structure(given, OrderRules, root="analyzer", where="test")
    assert any(problem.startswith(said) for problem in caught.value.problems), caught.value.problems
