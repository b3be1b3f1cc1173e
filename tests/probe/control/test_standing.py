"""What stands of the collector's orders: versions, hot changes, requests once, and bounds that no collector can pass."""

from __future__ import annotations

import json
from ipaddress import ip_network
from typing import Any

import pytest

from faultline.records.terms import SECOND_NS
from probe.control.limits import MOST_DIALS_PER_S, MOST_TASKS, Limits
from probe.control.orders import Orders
from probe.control.standing import Change, StandingOrders

WALL_NS = 1_800_000_000 * SECOND_NS


def dial(name: str, **more: Any) -> dict[str, Any]:
    """A dial test's document."""
    return {"id": name, "kind": "dial", "protocol": "tcp", "target": "10.9.0.12:8080", "interval_s": 60, **more}


def trace(name: str, **more: Any) -> dict[str, Any]:
    """A trace's document."""
    return {"id": name, "kind": "trace", "protocol": "udp", "target": "10.9.0.1:862", "interval_s": 60, "flows": [[1, 2]], **more}


def take(
    standing: StandingOrders,
    version: int,
    *tasks: Any,
    whole: bool = False,
    removed: tuple[str, ...] = (),
    requests: tuple[Any, ...] = (),
    at_s: float = 0,
) -> Change:
    """Follow an answer."""
    orders = Orders(version=version, whole=whole, tasks=tasks, removed=removed, requests=requests)
    now_ns = round(at_s * SECOND_NS)
    return standing.take(orders, now_ns=now_ns, wall_ns=WALL_NS + now_ns)


def names(standing: StandingOrders) -> list[str]:
    """Of the tasks in force."""
    return sorted(task.id for task in standing.tasks)


def reasons(change: Change) -> list[str]:
    """Of what was refused."""
    return [refusal.reason for refusal in change.refused]


def test_later_answers_change_what_they_name_and_leave_the_rest() -> None:
    """Added, changed, removed; the version moves on; an answer with nothing new changes nothing."""
    standing = StandingOrders(Limits())
    assert take(standing, 1, dial("a"), dial("b"), whole=True).tasks_changed
    assert take(standing, 2, dial("b", interval_s=30), trace("c"), removed=("a", "never")).tasks_changed
    assert names(standing) == ["b", "c"]
    assert not take(standing, 3).tasks_changed
    assert not take(standing, 4, dial("b", interval_s=30)).tasks_changed
    assert standing.version == 4


def test_a_collector_that_lost_its_memory_says_everything_anew() -> None:
    """A whole answer replaces all that stood."""
    standing = StandingOrders(Limits())
    take(standing, 9, dial("a"), dial("b"), whole=True)
    take(standing, 1, dial("c"), whole=True)
    assert names(standing) == ["c"]
    assert standing.version == 1


def test_a_task_that_becomes_unusable_is_no_more() -> None:
    """What it was is not what is wanted any more; the others stand, and it is told why."""
    standing = StandingOrders(Limits())
    take(standing, 1, dial("a"), dial("b"), whole=True)
    change = take(standing, 2, dial("a", target="nowhere"))
    assert reasons(change) == ["malformed"]
    assert names(standing) == ["b"]


def test_the_probes_own_tasks_cannot_be_taken_over() -> None:
    """An id of the configuration is refused."""
    change = take(standing := StandingOrders(Limits(), own=["a"]), 1, dial("a"), whole=True)
    assert reasons(change) == ["id_taken"]
    assert standing.tasks == []


def test_a_request_is_followed_once() -> None:
    """Again in the next answer, and after a restart, it is only counted; its result belongs to the task it repeats."""
    standing = StandingOrders(Limits())
    asked = trace("r1", of="ce-1-fw", expires_ns=WALL_NS + 30 * SECOND_NS)
    (request,) = take(standing, 1, requests=(asked,)).requests
    assert (request.id, request.task.id) == ("r1", "ce-1-fw")
    assert take(standing, 2, requests=(asked,)).repeated == 1
    later = StandingOrders(Limits())
    later.restore(json.loads(json.dumps(standing.document())))
    change = take(later, 3, requests=(asked,))
    assert (list(change.requests), change.repeated) == ([], 1)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"expires_ns": WALL_NS}, "expired"),
        ({"expires_ns": WALL_NS + 25 * 3600 * SECOND_NS}, "malformed"),
        ({"expires_ns": WALL_NS + 1, "kind": "freeze"}, "unknown_kind"),
        ({"expires_ns": WALL_NS + 1, "target": "10.8.0.1:80"}, "not_allowed"),
    ],
)
def test_a_request_that_is_not_followed_is_refused_once_and_by_name(more: dict[str, Any], reason: str) -> None:
    """So that it can be accounted; coming again it is only repeated."""
    standing = StandingOrders(Limits([ip_network("10.9.0.0/16")]))
    change = take(standing, 1, requests=(dial("r1", **more),))
    assert [(refusal.reason, refusal.request_id) for refusal in change.refused] == [(reason, "r1")]
    change = take(standing, 1, requests=(dial("r1", **more),))
    assert (list(change.refused), change.repeated) == ([], 1)


def test_what_stood_stands_after_a_restart() -> None:
    """Tasks and version; under narrower bounds what is not allowed any more is refused, and everything asked for again."""
    standing = StandingOrders(Limits())
    take(standing, 5, dial("a"), trace("c"), dial("far", target="10.8.0.1:80"), whole=True)
    document = json.loads(json.dumps(standing.document()))
    later = StandingOrders(Limits())
    assert later.restore(document) == []
    assert (names(later), later.version) == (["a", "c", "far"], 5)
    narrower = StandingOrders(Limits([ip_network("10.9.0.0/16")]))
    assert [refusal.reason for refusal in narrower.restore(document)] == ["not_allowed"]
    assert (names(narrower), narrower.version) == (["a", "c"], 0)


@pytest.mark.parametrize(
    "document", [{}, {"version": 1, "tasks": [], "followed": []}, {"version": 1, "tasks": [], "followed": {"a": "x"}}]
)
def test_a_damaged_memory_is_a_value_error(document: dict[str, Any]) -> None:
    """The edge counts it and asks for everything."""
    with pytest.raises(ValueError, match=r"expected|times"):
        StandingOrders(Limits()).restore(document)


def test_no_collector_makes_the_probe_send_more_than_its_bounds() -> None:
    """A thousand tasks at the highest rate each: what is taken stays below the sums; the rest is refused, by reason."""
    standing = StandingOrders(Limits())
    flood = [dial(f"d{number}", interval_s=0.2) for number in range(500)]
    flood += [trace(f"t{number}", interval_s=5, flows=[[1, 2]] * 16) for number in range(500)]
    change = take(standing, 1, *flood, whole=True)
    per_s = sum(1 / task.interval_s for task in standing.tasks)
    assert 0 < per_s <= MOST_DIALS_PER_S
    assert set(reasons(change)) == {"rate"}
    take(standing, 2, *(dial(f"x{number}", interval_s=3600) for number in range(500)), whole=True)
    assert len(standing.tasks) == MOST_TASKS


def test_requests_have_a_budget_that_comes_back() -> None:
    """A burst is followed; then it is one every two seconds, and a trace costs as much as it has flows."""
    standing = StandingOrders(Limits())

    def ask(first: int, count: int, at_s: float, **more: Any) -> int:
        expires_ns = WALL_NS + 3600 * SECOND_NS
        asked = tuple(trace(f"r{first + number}", expires_ns=expires_ns, **more) for number in range(count))
        return len(take(standing, 1, requests=asked, at_s=at_s).requests)

    assert ask(0, 100, 0) == 64
    assert ask(100, 100, 20) == 10
    assert ask(200, 100, 60, flows=[[1, 2]] * 10) == 2
