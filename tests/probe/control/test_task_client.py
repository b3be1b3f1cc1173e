"""The probe asks a small collector over real TLS: hot changes, requests once, and going on without it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from faultline.records.terms import SECOND_NS
from faultline.runtime.counters import Counters
from probe.control.config import ControlConfig
from probe.control.limits import Limits
from probe.control.link import HttpsTaskLink
from probe.control.orders import Request, Task
from probe.control.standing import StandingOrders
from probe.control.task_client import TaskClient
from probe.export.backoff import Backoff
from probe.export.config import CollectorConfig


def dial(name: str, **more: Any) -> dict[str, Any]:
    """A dial test's document."""
    return {"id": name, "kind": "dial", "protocol": "tcp", "target": "10.9.0.12:8080", "interval_s": 60, **more}


@attrs.define(eq=False)
class Desk:
    """A collector's orders: a long poll over versions."""

    tasks: dict[str, tuple[int, dict[str, Any]]] = attrs.field(factory=dict)
    removed: dict[str, int] = attrs.field(factory=dict)
    requests: list[tuple[int, dict[str, Any]]] = attrs.field(factory=list)
    version: int = 1
    asked: list[dict[str, str]] = attrs.field(factory=list)
    tokens: list[str] = attrs.field(factory=list)
    moved: threading.Condition = attrs.field(factory=threading.Condition)

    def put(self, *documents: dict[str, Any], removed: Sequence[str] = (), requests: Sequence[dict[str, Any]] = ()) -> None:
        """Change what is ordered."""
        with self.moved:
            self.version += 1
            for document in documents:
                self.tasks[document["id"]] = (self.version, document)
            for name in removed:
                del self.tasks[name]
                self.removed[name] = self.version
            self.requests += [(self.version, document) for document in requests]
            self.moved.notify_all()

    def answer(self, parameters: dict[str, str], headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Of a question."""
        self.asked.append(parameters)
        self.tokens.append(headers["authorization"])
        after = int(parameters["after"])
        with self.moved:
            self.moved.wait_for(lambda: self.version > after, timeout=float(parameters["wait"]))
            return 200, {
                "version": self.version,
                "whole": after == 0 or after > self.version,
                "tasks": [document for version, document in self.tasks.values() if version > after or after > self.version],
                "removed": [name for name, version in self.removed.items() if version > after],
                "requests": [document for version, document in self.requests if version > after],
            }


@attrs.define(eq=False)
class Runners:
    """Those who run what is ordered."""

    ordered: list[list[str]] = attrs.field(factory=list)
    requests: list[str] = attrs.field(factory=list)

    def order(self, tasks: Sequence[Task]) -> None:
        """All standing tasks."""
        self.ordered.append(sorted(task.id for task in tasks))

    def request(self, request: Request) -> None:
        """One run."""
        self.requests.append(request.id)


@contextmanager
def running(collector: Any, folder: Path) -> Iterator[tuple[TaskClient, Runners, Counters]]:
    """A client that asks, ended here; it must end at once."""
    counters, runners = Counters(), Runners()
    config = CollectorConfig(url=collector.url, authority=collector.authority, token="a-token", timeout_s=3)
    client = TaskClient(
        StandingOrders(Limits()),
        ControlConfig(wait_s=20),
        lambda: HttpsTaskLink(config, wait_s=20),
        state_dir=folder / "state",
        collector=config.url,
        order=runners.order,
        request=runners.request,
        counters=counters,
        backoff=Backoff(base_s=0.05, cap_s=0.1),
    )
    client.start()
    try:
        yield client, runners, counters
    finally:
        began_s = time.monotonic()
        client.stop()
        assert time.monotonic() - began_s < 3
        assert counters.stage("orders").snapshot().balanced
        assert counters.stage("orders").snapshot().held == 0


def eventually(condition: Callable[[], object], *, within_s: float = 10) -> None:
    """Wait for it, or fail."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_orders_reach_those_who_run_them_as_they_change(collector: Any, tmp_path: Path) -> None:
    """The question is held by the collector; a change comes at once; the token is the probe's; the stop does not wait."""
    desk = Desk()
    desk.put(dial("a"), dial("b"))
    collector.orders = desk.answer
    with running(collector, tmp_path) as (_, runners, _):
        eventually(lambda: runners.ordered[-1] == ["a", "b"])
        eventually(lambda: len(desk.asked) == 2)
        began_s = time.monotonic()
        desk.put(dial("c"), removed=["a"])
        eventually(lambda: runners.ordered[-1] == ["b", "c"])
        assert time.monotonic() - began_s < 2
        eventually(lambda: len(desk.asked) == 3)
    assert runners.ordered == [[], ["a", "b"], ["b", "c"]]
    assert [question["after"] for question in desk.asked] == ["0", "2", "3"]
    assert set(desk.tokens) == {"Bearer a-token"}


def test_what_stood_goes_on_without_the_collector_also_after_a_restart(collector: Any, tmp_path: Path) -> None:
    """The file holds it; a request that was followed is not followed again; the collector is asked for what is new only."""
    desk = Desk()
    asked = dial("r1", expires_ns=time.time_ns() + 600 * SECOND_NS)
    desk.put(dial("a"), requests=[asked])
    collector.orders = desk.answer
    with running(collector, tmp_path) as (_, runners, _):
        eventually(lambda: runners.requests == ["r1"])
    collector.orders = lambda *_: (503, {"error": "away"})
    with running(collector, tmp_path) as (_, runners, counters):
        assert runners.ordered == [["a"]]
        eventually(lambda: counters.value("orders_asked", outcome="refused") >= 1)
        assert runners.ordered == [["a"]]
    desk.put(requests=[asked])
    collector.orders = desk.answer
    with running(collector, tmp_path) as (_, runners, counters):
        eventually(lambda: counters.stage("orders").snapshot().dropped == {"repeated": 1})
    assert runners.requests == []
    assert desk.asked[-1]["after"] in {"2", "3"}


def test_an_order_that_is_not_followed_is_counted_and_a_request_accounted(collector: Any, tmp_path: Path) -> None:
    """By reason; the request's account says that it was skipped, so that nobody waits for it."""
    desk = Desk()
    desk.put(
        {**dial("bad"), "target": "239.0.0.1:1"},
        dial("good"),
        requests=[{**dial("r1"), "kind": "freeze", "expires_ns": time.time_ns() + SECOND_NS}],
    )
    collector.orders = desk.answer
    with running(collector, tmp_path) as (client, runners, counters):
        eventually(lambda: counters.stage("orders").snapshot().taken_in == 3)
        eventually(lambda: counters.stage("orders").snapshot().held == 0)
        assert runners.ordered[-1] == ["good"]
        assert counters.stage("orders").snapshot().dropped == {"malformed": 1, "unknown_kind": 1}
        (row,) = client.collect(0, time.time_ns() + SECOND_NS)["task"]
    assert (row["task"], row["request_id"], row["scheduled"], row["skipped"]) == ("r1", "r1", 1, 1)


def test_an_answer_that_is_none_changes_nothing(collector: Any, tmp_path: Path) -> None:
    """A page of something else: counted, and asked again later; a collector without tasks is no failure of the probe."""
    answers = [(200, {"status": "able"}), (404, {"error": "no such page"})]
    collector.orders = lambda *_: answers.pop(0) if answers else (200, {"version": 1, "tasks": [dial("a")]})
    with running(collector, tmp_path) as (_, runners, counters):
        eventually(lambda: runners.ordered[-1] == ["a"], within_s=20)
        assert counters.value("orders_asked", outcome="malformed") == 1
        assert counters.value("orders_asked", outcome="refused") == 1


def test_a_file_that_cannot_be_read_is_as_none(collector: Any, tmp_path: Path) -> None:
    """Counted; everything is asked for again."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "tasks.json").write_text('{"collector": "x", "version": 4, "tasks"')
    desk = Desk()
    desk.put(dial("a"))
    collector.orders = desk.answer
    with running(collector, tmp_path) as (_, runners, counters):
        eventually(lambda: runners.ordered[-1] == ["a"])
        assert counters.value("orders_not_restored") == 1
    assert json.loads((tmp_path / "state" / "tasks.json").read_text())["version"] == 2
