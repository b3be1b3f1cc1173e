"""Probes ask for their tasks over real TLS: at once, held until something changes, across a restart, each its own only."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from collector import housekeeping
from collector.control import desk
from faultline.records.terms import SECOND_NS
from faultline.store.control import ControlBook, Request, Task
from faultline.store.state import StateStore
from tests.collector.conftest import TEN_S, FakeProbe
from tests.collector.running import Running
from tests.collector.test_tasks import make_account


def make_task(name: str = "d1", probe: str = "branch", **changes: Any) -> Task:
    """A dial test."""
    document = {"id": name, "kind": "dial", "protocol": "tcp", "target": "10.2.0.9:443", "interval_s": 1.0} | changes
    return Task(probe=probe, id=name, document=document)


def make_request(name: str = "r1", *, in_s: float = 30.0) -> Request:
    """A trace, once."""
    expires_ns = time.time_ns() + int(in_s * SECOND_NS)
    document = {"id": name, "kind": "trace", "of": "t1", "target": "10.2.0.1", "expires_ns": expires_ns}
    return Request(probe="branch", id=name, kind="trace", document=document, expires_ns=expires_ns)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[ControlBook]:
    """The same store as another process has it open: what the analyzer writes to."""
    state = StateStore(tmp_path / "store" / "state.db", durable=False)
    yield ControlBook(state)
    state.close()


class Asking(threading.Thread):
    """A probe that waits for its answer; a client of its own, as another process has."""

    def __init__(self, running: Running, probe: str = "branch", *, after: int, wait_s: float = 20) -> None:
        super().__init__(daemon=True)
        self._ask = lambda: running.ask_for_tasks(probe, after=after, wait_s=wait_s)
        self.answer: dict[str, Any] | None = None
        self.began_s = time.monotonic()
        self.seconds = 0.0
        self.start()

    def run(self) -> None:
        """Ask once."""
        self.answer = self._ask().json()
        self.seconds = time.monotonic() - self.began_s

    def wait(self) -> dict[str, Any]:
        """The answer."""
        self.join(30)
        assert self.answer is not None
        return self.answer


def test_each_probe_gets_its_own_tasks(run: Callable[..., Running], book: ControlBook) -> None:
    """Two probes, one store; what is new comes with the version that brought it."""
    running = run()
    book.replace_tasks([make_task("d1"), make_task("d2", probe="centre")])
    branch, centre = (running.ask_for_tasks(probe).json() for probe in ("branch", "centre"))
    assert [task["id"] for task in branch["tasks"]] == ["d1"]
    assert branch["tasks"][0] == make_task("d1").document
    assert [task["id"] for task in centre["tasks"]] == ["d2"]
    book.replace_tasks([make_task("d3"), make_task("d2", probe="centre")])
    later = running.ask_for_tasks(after=branch["version"]).json()
    assert ([task["id"] for task in later["tasks"]], later["removed"], later["whole"]) == (["d3"], ["d1"], False)
    assert running.ask_for_tasks("centre", after=centre["version"]).json()["tasks"] == []


def test_a_probe_that_nobody_knows_is_not_answered(run: Callable[..., Running], book: ControlBook) -> None:
    """401, with a hint; and 400 for a question that is none."""
    running = run()
    book.replace_tasks([make_task()])
    address = f"https://{running.server.address}/v1/tasks"
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        answer = running.client.get(address, headers=headers)
        assert answer.status_code == 401
        assert answer.json()["hint"]
        assert "tasks" not in answer.json()
    for asked in ("after=-1", "after=now", "wait=nan", "wait=-1", "wait=inf", f"after={1 << 63}"):
        answer = running.client.get(f"{address}?{asked}", headers={"Authorization": "Bearer branch-token"})
        assert answer.status_code == 400, asked


def test_a_held_question_is_answered_as_soon_as_another_process_changes_something(
    run: Callable[..., Running], tmp_path: Path
) -> None:
    """Only the probe that is concerned; a process of its own writes, as the analyzer does."""
    running = run()
    version = running.ask_for_tasks().json()["version"]
    concerned, other = Asking(running, after=version), Asking(running, "centre", after=version, wait_s=2)
    time.sleep(0.6)
    assert concerned.answer is None
    script = (
        "import sys; from pathlib import Path; from faultline.store.control import ControlBook, Task\n"
        "from faultline.store.state import StateStore\n"
        "ControlBook(StateStore(Path(sys.argv[1]))).replace_tasks([Task(probe='branch', id='d1', document={'id': 'd1'})])"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "store" / "state.db")], check=True, timeout=30)
    written_s = time.monotonic()
    answer = concerned.wait()
    assert [task["id"] for task in answer["tasks"]] == ["d1"]
    assert concerned.began_s + concerned.seconds - written_s < 2
    assert other.wait()["tasks"] == []
    assert other.seconds >= 2


def test_a_wait_is_bounded_and_ends_without_news(run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a probe would like: the answer is empty, and has the version to ask with next."""
    monkeypatch.setattr(desk, "MOST_WAIT_S", 0.5)
    running = run()
    version = running.ask_for_tasks().json()["version"]
    began_s = time.monotonic()
    answer = running.ask_for_tasks(after=version, wait_s=15).json()
    assert 0.4 < time.monotonic() - began_s < 5
    assert answer == {"version": version, "whole": False, "tasks": [], "removed": [], "requests": []}


def test_more_waiting_probes_than_connections_allow_are_sent_away(
    run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """429 with a time to come again: uploads need the connections."""
    monkeypatch.setattr(desk, "MOST_HELD", 1)
    running = run()
    version = running.ask_for_tasks().json()["version"]
    held = Asking(running, after=version, wait_s=1.5)
    time.sleep(0.5)
    answer = running.ask_for_tasks("centre", after=version, wait_s=1.5)
    assert (answer.status_code, int(answer.headers["Retry-After"])) == (429, 10)
    assert held.wait()["tasks"] == []


def test_a_stop_answers_what_is_held_and_a_restart_goes_on_with_the_version(
    run: Callable[..., Running], book: ControlBook
) -> None:
    """No probe hangs, nobody hears old tasks as news, and what changed in between is told."""
    first = run()
    book.replace_tasks([make_task("d1")])
    known = first.ask_for_tasks().json()["version"]
    held = Asking(first, after=known)
    time.sleep(0.5)
    began_s = time.monotonic()
    first.service.stop()
    assert time.monotonic() - began_s < 5
    assert held.wait()["tasks"] == []
    book.replace_tasks([make_task("d1"), make_task("d2")])
    second = run()
    answer = second.ask_for_tasks(after=known).json()
    assert [task["id"] for task in answer["tasks"]] == ["d2"]
    assert answer["version"] > known
    assert second.ask_for_tasks(after=answer["version"]).json()["tasks"] == []


def test_every_request_has_one_fate(run: Callable[..., Running], book: ControlBook, monkeypatch: pytest.MonkeyPatch) -> None:
    """Expired before anybody asked, done, failed: counted in the store, and shown as metrics."""
    monkeypatch.setattr(housekeeping, "OFTEN_NS", SECOND_NS // 5)
    running = run()
    book.order([make_request("late", in_s=0.0), make_request("fine"), make_request("bad")], now_ns=time.time_ns())
    served = running.ask_for_tasks().json()["requests"]
    assert [request["id"] for request in served] == ["bad", "fine"]
    start_ns = time.time_ns() // TEN_S * TEN_S - TEN_S
    accounts = [
        make_account(start_ns, task="fine", request_id="fine"),
        make_account(start_ns, task="bad", request_id="bad", done=0, failed=1),
    ]
    assert running.post(FakeProbe().batch("measurements", {"task": accounts}, closed_ns=time.time_ns())).status_code == 200
    wanted = {"created": 3, "served": 2, "expired": 1, "done": 1, "failed": 1, "unanswered": 0}
    deadline_s = time.monotonic() + 25
    while book.fates() != wanted:
        assert time.monotonic() < deadline_s, book.fates()
        time.sleep(0.1)
    assert all(stage.balanced for stage in book.accounts())
    metrics = running.get("/metrics").text
    assert "faultline_orders_asked_total 1.0" in metrics
    assert 'faultline_requests{fate="created"} 3.0' in metrics
    stages = {stage["name"]: stage for stage in running.get("/stages").json()["stages"]}
    assert (stages["tasks"]["in"], stages["tasks"]["out"], stages["tasks"]["dropped"]) == (2, 1, {"failed": 1})
