"""What probes did on order: dial tests, traced paths, accounts and answers to requests, on their way to rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from faultline.records.histogram import Histogram
from faultline.records.terms import SECOND_NS, UNASSIGNED, Level
from faultline.store.control import Request
from faultline.store.traces import hops_text
from tests.collector.conftest import BANK, BEGIN_NS, LINE, TEN_S, FakeProbe, Ground


def make_dial(start_ns: int = BEGIN_NS, **changes: Any) -> dict[str, Any]:
    """Ten connects in an interval: one of each way to fail."""
    dial: dict[str, Any] = {"dial": "d1", "interval_start_ns": start_ns, "interval_end_ns": start_ns + TEN_S}
    dial |= {"scheduled": 10, "done": 5, "refused": 1, "timed_out": 1, "unreachable": 1, "error_answers": 1, "skipped": 1}
    return dial | {"response_time": Histogram([3_000_000] * 5).encode()} | changes


def make_path(hops: str = "10.0.0.1,10.0.0.5", at_ns: int = BEGIN_NS, **changes: Any) -> dict[str, Any]:
    """A traced flow."""
    path = {"trace": "t1", "traced_ns": at_ns, "protocol": 17, "source_address": "10.1.0.1", "source_port": 50_001}
    return path | {"destination_address": "10.2.0.1", "destination_port": 862, "hops": hops, "reached": True} | changes


def make_account(start_ns: int = BEGIN_NS, **changes: Any) -> dict[str, Any]:
    """A standing trace that ran once."""
    account = {"task": "t1", "interval_start_ns": start_ns, "interval_end_ns": start_ns + TEN_S}
    return account | {"scheduled": 1, "done": 1, "failed": 0, "skipped": 0} | changes


def measured(ground: Ground, records: dict[str, list[dict[str, Any]]], *, probe: FakeProbe | None = None) -> FakeProbe:
    """An interval's measurements come in."""
    probe = probe or FakeProbe()
    ground.now_ns += TEN_S
    ground.send(probe.batch("measurements", records, closed_ns=ground.now_ns))
    ground.advance()
    return probe


def test_a_dial_test_becomes_a_row_of_its_line(ground: Ground) -> None:
    """Outcomes as counts, the time to an answer as a distribution, minutes as sums of windows."""
    measured(ground, {"dial": [make_dial(), make_dial(dial="of nobody")]})
    ground.advance(120)
    mine, strange = sorted(ground.points("dial"), key=lambda point: point.tags["dial"])
    assert (mine.tenant, dict(mine.tags)) == (BANK, {"line": LINE, "dial": "d1"})
    assert {name: mine.fields[name] for name in ("scheduled", "done", "refused", "timed_out", "skipped")} == {
        "scheduled": 10, "done": 5, "refused": 1, "timed_out": 1, "skipped": 1,
    }  # fmt: skip
    assert (mine.fields["response_time_n"], mine.fields["response_time_max"]) == (5, pytest.approx(3_000_000, rel=0.02))
    assert (strange.tenant, dict(strange.tags)) == (UNASSIGNED, {"dial": "of nobody"})
    assert ground.collector.counters.value("unknown_tasks", kind="dial") == 1
    assert ground.points("dial", Level.MINUTE)[0].fields["scheduled"] == 10


def test_traces_are_counted_in_their_window_and_kept_with_their_routes(ground: Ground) -> None:
    """Flows, those that reached the end, different ways, flows on another way than before; the accounts beside them."""
    two = [make_path(), make_path("10.0.0.1,10.0.0.6", source_port=50_002, reached=False)]
    probe = measured(ground, {"path": two, "task": [make_account(scheduled=3, done=1, failed=1, skipped=1)]})
    later = [make_path("10.0.0.1,10.0.0.6", at_ns=BEGIN_NS + TEN_S), make_path(at_ns=BEGIN_NS + TEN_S, trace="t9")]
    measured(ground, {"path": later}, probe=probe)
    ground.advance(60)
    first, second = (point for point in ground.points("path") if point.tags["trace"] == "t1")
    assert (first.tenant, dict(first.tags)) == (BANK, {"line": LINE, "trace": "t1"})
    assert dict(first.fields) == {
        "flows": 2, "reached": 1, "distinct": 2, "changes": 0, "scheduled": 3, "done": 1, "failed": 1, "skipped": 1,
    }  # fmt: skip
    assert dict(second.fields) == {"flows": 1, "reached": 1, "distinct": 1, "changes": 1}
    routes = {route.flow.source_port: route for route in ground.reader.traces() if route.flow.trace == "t1"}
    assert {port: hops_text(route.route) for port, route in routes.items()} == dict.fromkeys(routes, "10.0.0.1,10.0.0.6")
    assert hops_text(routes[50_001].previous or ()) == "10.0.0.1,10.0.0.5"
    assert [change.flow.source_port for change in ground.reader.route_changes(start_ns=0, end_ns=1 << 62)] == [50_001]
    assert ground.collector.counters.value("unknown_tasks", kind="path") == 1


def test_a_probe_with_a_wrong_clock_traces_at_the_true_time(ground: Ground) -> None:
    """As all it measures, a trace is filed by corrected time."""
    probe = FakeProbe(clock_error_ns=3600 * SECOND_NS)
    for number in range(1, 7):
        ground.now_ns = BEGIN_NS + number * TEN_S
        record = make_path(at_ns=ground.now_ns + probe.clock_error_ns - SECOND_NS)
        ground.send(probe.batch("measurements", {"path": [record]}, closed_ns=ground.now_ns))
        ground.advance()
    assert ground.reader.traces()[0].traced_ns == pytest.approx(ground.now_ns - SECOND_NS, abs=SECOND_NS)


@pytest.mark.parametrize("hops", ["10.0.0.1,not an address", ",".join(["10.0.0.1"] * 256), "10.0.0.1,,10.0.0.5"])
def test_what_is_no_path_is_left_out_and_counted(ground: Ground, hops: str) -> None:
    """A probe's nonsense does not become a router; its other records stand."""
    measured(ground, {"path": [make_path(hops), make_path()]})
    ground.advance(60)
    assert ground.points("path")[0].fields["flows"] == 1
    assert ground.collector.counters.value("bad_traces") == 1


def test_a_trace_of_the_future_does_not_hide_those_of_the_present(ground: Ground) -> None:
    """The newest trace counts: one that claims to be of tomorrow is left out and counted."""
    measured(ground, {"path": [make_path("10.0.0.9", at_ns=BEGIN_NS + 86_400 * SECOND_NS), make_path()]})
    (route,) = ground.reader.traces()
    assert hops_text(route.hops) == "10.0.0.1,10.0.0.5"
    assert ground.collector.counters.value("bad_traces") == 1


def test_runs_are_accounted_for_as_probes_tell_them(ground: Ground) -> None:
    """Scheduled = done + failed + skipped, over dials and traces; an account that does not add up does not balance."""
    probe = measured(ground, {"dial": [make_dial()], "task": [make_account()]})
    assert ground.stage("tasks") == {
        "name": "tasks", "in": 11, "out": 6, "dropped": {"failed": 4, "skipped": 1}, "held": 0, "balanced": True,
    }  # fmt: skip
    measured(ground, {"task": [make_account(BEGIN_NS + TEN_S, scheduled=5)]}, probe=probe)
    assert not ground.stage("tasks")["balanced"]


def ordered(ground: Ground, *names: str, probe: str = "branch") -> None:
    """Requests that a probe was served."""
    expires_ns = ground.now_ns + 60 * SECOND_NS
    ground.collector.control.order(
        [Request(probe=probe, id=name, kind="trace", document={"id": name}, expires_ns=expires_ns) for name in names],
        now_ns=ground.now_ns,
    )
    ground.collector.control.orders(probe, after=0, now_ns=ground.now_ns)


def test_answers_close_the_requests_they_name(ground: Ground) -> None:
    """A trace and a dial that came about are answers, also when the service refused; an account without a run is a failure."""
    ordered(ground, "r-trace", "r-dial", "r-failed", "r-skipped", "r-silent")
    ordered(ground, "r-other", probe="centre")
    records = {
        "path": [make_path(request_id="r-trace")],
        "dial": [
            make_dial(
                request_id="r-dial", scheduled=1, done=0, refused=1, timed_out=0, unreachable=0, error_answers=0, skipped=0
            ),
            make_dial(request_id="r-other"),
        ],
        "task": [
            make_account(task="r-trace", request_id="r-trace"),
            make_account(task="r-failed", request_id="r-failed", done=0, failed=1),
            make_account(task="r-skipped", request_id="r-skipped", done=0, skipped=1),
        ],
    }
    measured(ground, records)
    fates = ground.collector.control.fates()
    assert (fates["served"], fates["done"], fates["failed"]) == (6, 2, 2)
    assert ground.collector.counters.value("stray_results") == 1
    ground.advance(60 + 120 + 20)
    fates = ground.collector.control.fates()
    assert fates["unanswered"] == 2
    assert ground.stage("tasks")["balanced"]


def test_a_request_is_no_row_of_its_own(ground: Ground) -> None:
    """Its results are its line's; its name is no tag."""
    ordered(ground, "r1")
    measured(ground, {"path": [make_path(request_id="r1")], "task": [make_account(task="r1", request_id="r1")]})
    ground.advance(60)
    (row,) = ground.points("path")
    assert dict(row.tags) == {"line": LINE, "trace": "t1"}
    assert ground.collector.counters.value("unknown_tasks", kind="task") == 0


def test_a_crash_before_the_window_is_final_changes_nothing(restartable: Callable[[], Ground]) -> None:
    """The batch is worked through again: the change of route is still one, the request is still answered once."""
    ground = restartable()
    ground.advance()
    ordered(ground, "r1")
    probe = measured(ground, {"path": [make_path()]})
    later = make_path("10.0.0.1,10.0.0.6", at_ns=BEGIN_NS + TEN_S, request_id="r1")
    ground.now_ns += TEN_S
    ground.send(probe.batch("measurements", {"path": [later]}, closed_ns=ground.now_ns, watermark_ns=BEGIN_NS))
    ground.advance()
    ground.restart()
    ground.advance(60)
    assert [point.fields["changes"] for point in ground.points("path")] == [0, 1]
    assert len(ground.reader.route_changes(start_ns=0, end_ns=1 << 62)) == 1
    assert ground.collector.control.fates()["done"] == 1
