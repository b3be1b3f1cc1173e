"""The standing traces' thread: what it makes of routes, refusals and requests, and what it counts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import pytest

from faultline.native import encode_records
from faultline.records.terms import SECOND_NS
from faultline.runtime.config import ConfigError, structure
from faultline.runtime.console import CommandError
from faultline.runtime.counters import Counters
from probe.paths.config import TraceConfig
from probe.paths.trace_book import Route, Run
from probe.paths.tracer import Known, SessionFlow, Tracer, follow_flow

TRACE = TraceConfig(id="to-pe", target="127.0.0.9:33434", flows=[[5001, 33_434]], interval_s=3600)
SESSION = SessionFlow(session="ce-pe", address="127.0.0.9", flow=(5001, 33_434))
Follow = Callable[[Run, Known, Callable[[str], None]], Route]


def found(run: Run, *hops: str) -> Route:
    """A route."""
    return Route(
        traced_ns=time.time_ns(),
        protocol=17,
        source="127.0.0.1",
        destination="127.0.0.9",
        flow=run.flow,
        hops=hops,
        reached=False,
    )


@contextmanager
def running(follow: Follow, *traces: TraceConfig) -> Iterator[tuple[Tracer, Counters]]:
    """A tracer, started; ended here."""
    counters = Counters()
    tracer = Tracer(traces, [SESSION], counters=counters, follow=follow)
    tracer.start()
    try:
        yield tracer, counters
    finally:
        tracer.stop()
        assert counters.stage("traces").snapshot().balanced
        assert counters.stage("traces").snapshot().held == 0


def eventually(condition: Callable[[], object]) -> None:
    """Within five seconds."""
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_route_becomes_a_record_that_can_be_sent() -> None:
    """One `path` record, one account, and the codec takes both, with hops and without."""
    for hops in (("127.0.0.2", "127.0.0.3"), ()):
        route = Route(
            traced_ns=1, protocol=17, source="127.0.0.1", destination="127.0.0.9", flow=(5001, 862), hops=hops, reached=True
        )
        with running(lambda *_, route=route: route, TRACE) as (tracer, counters):
            eventually(lambda counters=counters: counters.stage("traces").snapshot().out == 1)
            records = tracer.collect(0, time.time_ns() + SECOND_NS)
        assert [row["hops"] for row in records["path"]] == [",".join(hops)]
        assert [row["done"] for row in records["task"]] == [1]
        for kind, rows in records.items():
            assert encode_records(kind, rows, export_s=1_800_000_000)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (CommandError("no route"), "failed_refused"),
        (OSError(24, "too many open files"), "failed_socket"),
        (None, "failed_silent"),
    ],
)
def test_a_run_without_a_route_is_a_failed_one_with_its_reason(failure: Exception | None, reason: str) -> None:
    """No record of a path, and the thread goes on to what is asked next."""

    def follow(run: Run, _: Known, __: Callable[[str], None]) -> Route:
        if run.request_id:
            return found(run, "127.0.0.2")
        if failure:
            raise failure
        return found(run)

    with running(follow, TRACE) as (tracer, counters):
        eventually(lambda: counters.stage("traces").snapshot().dropped == {reason: 1})
        tracer.request("r1", TRACE, time.time_ns() + SECOND_NS)
        eventually(lambda: counters.stage("traces").snapshot().out == 1)
        records = tracer.collect(0, time.time_ns() + SECOND_NS)
    assert [row["request_id"] for row in records["path"]] == ["r1"]
    assert {row["task"]: (row["done"], row["failed"]) for row in records["task"]} == {"to-pe": (0, 1), "r1": (1, 0)}


def test_a_session_tells_how_far_its_reflector_is_and_when_to_look_again() -> None:
    """When the distance becomes known its flow is traced with it; it is forgotten when the session no longer knows."""
    distances: list[int | None] = []

    def follow(run: Run, known: Known, _: Callable[[str], None]) -> Route:
        distances.append(known.distance)
        return found(run, "127.0.0.2")

    with running(follow, TRACE) as (tracer, _):
        eventually(lambda: len(distances) == 1)
        tracer.learn_distance("unknown", 3)
        tracer.look_again("unknown")
        tracer.learn_distance("ce-pe", 7)
        eventually(lambda: len(distances) == 2)
        tracer.learn_distance("ce-pe", None)
        tracer.request("r1", TRACE, time.time_ns() + SECOND_NS)
        eventually(lambda: len(distances) == 3)
    assert distances == [None, 7, None]


def test_how_far_a_silent_target_is_is_asked_once_of_a_port_where_nobody_listens() -> None:
    """One packet train more for the first flow; the others know, and stop before the target. That train is no record."""
    asked: list[tuple[tuple[int, int], int | None]] = []

    def follow(run: Run, known: Known, _: Callable[[str], None]) -> Route:
        asked.append((run.flow, known.distance))
        ranging = run.flow == (33_434, 33_434)
        return attrs.evolve(found(run, "127.0.0.2", *(["127.0.0.9"] if ranging else [])), reached=True)

    silent = TraceConfig(id="silent", target="127.0.0.9:862", flows=[[862, 7001], [862, 7002]])
    with running(follow, silent) as (tracer, counters):
        eventually(lambda: counters.stage("traces").snapshot().out == 2)
        records = tracer.collect(0, time.time_ns() + SECOND_NS)
    assert asked == [((33_434, 33_434), None), ((862, 7001), 2), ((862, 7002), 2)]
    assert [(row["source_port"], row["hops"]) for row in records["path"]] == [(862, "127.0.0.2"), (862, "127.0.0.2")]


def test_a_stop_does_not_wait_for_a_long_trace() -> None:
    """The trace looks up at each of its turns; it is given up and counted as such."""
    begun = threading.Event()

    def follow(_: Run, __: Known, progress: Callable[[str], None]) -> Route:
        begun.set()
        while True:
            progress("")
            time.sleep(0.01)

    counters = Counters()
    tracer = Tracer([TRACE], counters=counters, follow=follow)
    tracer.start()
    assert begun.wait(5)
    began_s = time.monotonic()
    tracer.stop()
    assert time.monotonic() - began_s < 1
    assert counters.stage("traces").snapshot().dropped == {"skipped_stopping": 1}


def test_a_neighbour_is_reached_without_sending_anything() -> None:
    """At a distance of one there is no router in between."""
    route = follow_flow(Run(trace=TRACE, flow=(5001, 862), due_ns=0), Known(distance=1), lambda _: None)
    assert (route.hops, route.reached, route.source) == ((), True, "127.0.0.1")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("target", "pe1:862", "expected an address"),
        ("protocol", "sctp", "protocol"),
        ("flows", [[1, 2]] * 17, "16 flows"),
        ("flows", [[1]], "pairs"),
        ("flows", [[1, 70_000]], "pairs"),
        ("interval_s", 1, "interval_s"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_named_by_its_key(key: str, value: Any, said: str) -> None:
    """The key's path, and what is wrong."""
    with pytest.raises(ConfigError, match=said):
        structure({"id": "t", "target": "10.0.0.1:862", key: value}, TraceConfig, root="probe.traces[0]", where="probe.yaml")


def test_an_address_that_is_not_this_hosts_is_said_so() -> None:
    """The run fails with the address and what to look at, not with a missing route."""
    with pytest.raises(CommandError, match=r"cannot send from 192\.0\.2\.200") as caught:
        follow_flow(Run(trace=TRACE, flow=(5001, 862), due_ns=0), Known(source="192.0.2.200"), lambda _: None)
    assert caught.value.hint
