"""Which flow is traced when, and the accounts: every run that was due is in one `task` row, every route in one `path` row."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from faultline.records.terms import SECOND_NS
from probe.paths.config import TraceConfig
from probe.paths.trace_book import AGAIN_NS, DEFAULT_SOURCE_PORT, Flow, Route, Run, TraceBook

WALL_NS = 1_800_000_000 * SECOND_NS


def make_trace(name: str = "to-pe", **more: Any) -> TraceConfig:
    """A path to a reflector."""
    return TraceConfig(id=name, target="10.9.0.1:862", **{"flows": [[5001, 862], [5002, 862]], **more})


def make_route(run: Run, *hops: str | None, reached: bool = True) -> Route:
    """What a run found."""
    return Route(
        traced_ns=run.due_ns, protocol=17, source="10.1.1.1", destination="10.9.0.1", flow=run.flow, hops=hops, reached=reached
    )


def all_runs(book: TraceBook, *, wall_ns: int = WALL_NS) -> list[Run]:
    """Everything that waits."""
    found = []
    while (run := book.next_run(wall_ns=wall_ns)) is not None:
        found.append(run)
    return found


def rows(book: TraceBook, end_s: float = 10) -> dict[str, list[dict[str, Any]]]:
    """The rows until a time."""
    cut = book.cut(WALL_NS, WALL_NS + round(end_s * SECOND_NS))
    return {kind: [dict(row) for row in found] for kind, found in cut.items()}


def test_a_new_trace_is_traced_at_once_flow_by_flow() -> None:
    """Each flow is a run and a record of its own; the account counts runs."""
    book = TraceBook()
    assert book.replace([make_trace()], now_ns=0, wall_ns=WALL_NS) == 2
    first, second = all_runs(book)
    assert (first.flow, second.flow) == ((5001, 862), (5002, 862))
    book.done(first, make_route(first, "10.0.0.1", None, "10.0.0.5"))
    book.failed(second)
    found = rows(book)
    assert found["path"] == [
        {
            "trace": "to-pe",
            "traced_ns": WALL_NS,
            "protocol": 17,
            "source_address": "10.1.1.1",
            "source_port": 5001,
            "destination_address": "10.9.0.1",
            "destination_port": 862,
            "hops": "10.0.0.1,*,10.0.0.5",
            "reached": True,
        }
    ]
    (account,) = found["task"]
    assert (account["task"], account["scheduled"], account["done"], account["failed"], account["skipped"]) == (
        "to-pe",
        2,
        1,
        1,
        0,
    )
    assert "request_id" not in account
    assert rows(book)["path"] == []


def test_a_trace_without_flows_takes_those_of_the_sessions_to_its_target() -> None:
    """Where no session has a port of its own it is one flow."""
    sessions: dict[str, list[Flow]] = {"10.9.0.1": [(7001, 862), (7002, 862)]}
    book = TraceBook(sessions)
    book.replace([make_trace(flows=[]), TraceConfig(id="other", target="10.9.0.9:53")], now_ns=0, wall_ns=WALL_NS)
    assert [run.flow for run in all_runs(book)] == [(7001, 862), (7002, 862), (DEFAULT_SOURCE_PORT, 53)]


def test_it_is_traced_again_each_interval_and_a_reload_changes_nothing() -> None:
    """One turn a minute from its phase on; the same configuration again makes no run."""
    book = TraceBook()
    book.replace([make_trace()], now_ns=0, wall_ns=WALL_NS)
    all_runs(book)
    turns = []
    for second in range(1, 181):
        assert book.replace([make_trace()], now_ns=second * SECOND_NS, wall_ns=WALL_NS) == 0
        book.due(now_ns=second * SECOND_NS, wall_ns=WALL_NS + second * SECOND_NS)
        if all_runs(book):
            turns.append(second)
    assert len(turns) == 3
    assert {later - earlier for earlier, later in pairwise(turns)} == {60}


def test_a_turn_that_comes_while_the_last_one_waits_is_skipped() -> None:
    """Both of its runs are counted as such, with the reason."""
    book = TraceBook()
    book.replace([make_trace()], now_ns=0, wall_ns=WALL_NS)
    assert book.due(now_ns=60 * SECOND_NS, wall_ns=WALL_NS + SECOND_NS) == 2
    assert book.skipped == {"busy": 2}
    for run in all_runs(book):
        book.done(run, make_route(run, "10.0.0.1"))
    (account,) = rows(book)["task"]
    assert (account["scheduled"], account["done"], account["skipped"]) == (4, 2, 2)


def test_what_is_asked_for_goes_first_and_names_its_request() -> None:
    """Before the standing runs; its records carry the request's id, its account is the request's."""
    book = TraceBook()
    book.replace([make_trace()], now_ns=0, wall_ns=WALL_NS)
    assert book.request("r1", make_trace(flows=[[5001, 862]]), WALL_NS + SECOND_NS, wall_ns=WALL_NS) == 1
    run = book.next_run(wall_ns=WALL_NS)
    assert run is not None
    assert run.request_id == "r1"
    book.done(run, make_route(run, "10.0.0.1", reached=False))
    found = rows(book)
    assert [(row["trace"], row["request_id"], row["reached"]) for row in found["path"]] == [("to-pe", "r1", False)]
    assert [(row["task"], row["request_id"], row["done"]) for row in found["task"] if "request_id" in row] == [("r1", "r1", 1)]


def test_a_request_that_expired_while_it_waited_is_skipped() -> None:
    """Its account says so; no run is made."""
    book = TraceBook()
    book.request("r1", make_trace(), WALL_NS + SECOND_NS, wall_ns=WALL_NS)
    assert book.next_run(wall_ns=WALL_NS + SECOND_NS) is None
    assert book.skipped == {"expired": 2}
    assert [(row["task"], row["scheduled"], row["skipped"]) for row in rows(book)["task"]] == [("r1", 2, 2)]


def test_a_path_that_seems_to_have_changed_is_traced_at_once_but_not_without_end() -> None:
    """Only the traces with that flow, and again only after a while."""
    book = TraceBook()
    book.replace([make_trace(), make_trace("other", flows=[[6000, 862]])], now_ns=0, wall_ns=WALL_NS)
    all_runs(book)
    assert book.look_again("10.9.0.1", (5002, 862), now_ns=0, wall_ns=WALL_NS) == 2
    assert [run.trace.id for run in all_runs(book)] == ["to-pe", "to-pe"]
    assert book.look_again("10.9.0.1", (5002, 862), now_ns=AGAIN_NS - 1, wall_ns=WALL_NS) == 0
    assert book.look_again("10.9.0.1", (5002, 862), now_ns=AGAIN_NS, wall_ns=WALL_NS) == 2
    assert book.next_run(wall_ns=WALL_NS) is not None
    assert book.look_again("10.9.0.1", (5002, 862), now_ns=2 * AGAIN_NS, wall_ns=WALL_NS) == 1, "the other one waits already"
    assert book.look_again("10.9.0.7", (5002, 862), now_ns=AGAIN_NS, wall_ns=WALL_NS) == 0


def test_a_trace_that_is_withdrawn_takes_its_runs_with_it() -> None:
    """They are skipped, and still accounted."""
    book = TraceBook()
    book.replace([make_trace()], now_ns=0, wall_ns=WALL_NS)
    assert book.replace([], now_ns=1, wall_ns=WALL_NS) == 0
    assert all_runs(book) == []
    assert book.skipped == {"withdrawn": 2}
    assert [(row["task"], row["skipped"]) for row in rows(book)["task"]] == [("to-pe", 2)]
    assert rows(book)["task"] == []
