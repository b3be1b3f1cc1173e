"""The accounts of dial tests: every attempt that was due is in exactly one row, as what it became."""

from __future__ import annotations

import random
from typing import Any

from faultline.records.histogram import Histogram
from faultline.records.terms import SECOND_NS
from probe.dials.book import Attempt, DialBook, Outcome
from probe.dials.config import DialConfig

WALL_NS = 1_800_000_000 * SECOND_NS
PARTS = ("done", "refused", "timed_out", "unreachable", "error_answers", "skipped")


def make_dial(name: str = "svc-web", *, interval_s: float = 1.0) -> DialConfig:
    """A dial test of a service."""
    return DialConfig(id=name, protocol="tcp", target="10.9.0.12:8080", interval_s=interval_s)


class Bench:
    """A book and its two clocks, which go together."""

    def __init__(self, *dials: DialConfig, **limits: int) -> None:
        self.book = DialBook(**limits)
        self.now_ns = 0
        self.book.replace(dials, now_ns=0, wall_ns=WALL_NS)
        self.skipped: dict[str, int] = {}

    def at(self, seconds: float) -> list[Attempt]:
        """The attempts to start at a time."""
        self.now_ns = round(seconds * SECOND_NS)
        turn = self.book.turn(now_ns=self.now_ns, wall_ns=WALL_NS + self.now_ns)
        for reason, count in turn.skipped.items():
            self.skipped[reason] = self.skipped.get(reason, 0) + count
        return list(turn.start)

    def cut(self, start_s: float, end_s: float) -> dict[str, list[dict[str, Any]]]:
        """The rows of an interval."""
        found = self.book.cut(WALL_NS + round(start_s * SECOND_NS), WALL_NS + round(end_s * SECOND_NS))
        return {kind: [dict(row) for row in rows] for kind, rows in found.items()}


def sums(row: dict[str, Any]) -> bool:
    """Whether a row's parts make its whole."""
    return bool(row["scheduled"] == sum(row[part] for part in PARTS))


def test_an_attempt_counts_where_it_was_due_unless_that_is_cut_already() -> None:
    """Two start in the first interval; the one that is not decided at its cut is in the next one's row."""
    bench = Bench(make_dial(interval_s=5))
    first = bench.at(5)[0]
    second = bench.at(9.999)[0]
    bench.book.ended(first, Outcome.DONE, 2_000_000)
    (row,) = bench.cut(0, 10)["dial"]
    assert (row["scheduled"], row["done"]) == (1, 1)
    assert sum(count for _, count in Histogram.decode(row["response_time"])) == 1
    bench.book.ended(second, Outcome.TIMED_OUT)
    (row,) = bench.cut(10, 20)["dial"]
    assert (row["scheduled"], row["timed_out"]) == (1, 1)
    assert "request_id" not in row


def test_a_standing_test_has_a_row_in_every_interval() -> None:
    """Also without an attempt: a test that stopped yielding and one that is not due must be told apart."""
    bench = Bench(make_dial(interval_s=3600))
    (row,) = bench.cut(0, 10)["dial"]
    assert (row["dial"], row["scheduled"]) == ("svc-web", 0)


def test_a_service_that_hangs_is_not_asked_without_end() -> None:
    """Four attempts under way, the fifth is skipped and counted; room that is given back is used again."""
    bench = Bench(make_dial())
    started = [attempt for second in range(1, 7) for attempt in bench.at(second)]
    assert len(started) == 4
    assert bench.skipped == {"busy": 2}
    bench.book.ended(started[0], Outcome.TIMED_OUT)
    assert len(bench.at(7)) == 1


def test_all_tests_together_have_so_many_sockets() -> None:
    """Beyond the bound a test's turn is skipped, and a request waits."""
    bench = Bench(*(make_dial(f"d{number}") for number in range(5)), most_at_once=3)
    started = bench.at(1)
    assert len(started) == 3
    assert bench.skipped == {"busy": 2}
    bench.book.request("r1", make_dial("d9"), WALL_NS + 100 * SECOND_NS)
    assert [attempt for attempt in bench.at(1.0) if attempt.request_id] == []
    bench.book.ended(started[0], Outcome.DONE, 1)
    assert [attempt.request_id for attempt in bench.at(1.0)] == ["r1"]


def test_a_request_is_one_attempt_with_its_own_row_and_account() -> None:
    """Its row names the request; beside it the account says that it was done."""
    bench = Bench(make_dial())
    bench.book.request("r1", make_dial(), WALL_NS + 30 * SECOND_NS)
    asked = next(attempt for attempt in bench.at(0) if attempt.request_id == "r1")
    assert bench.at(0) == []
    bench.book.ended(asked, Outcome.REFUSED)
    rows = bench.cut(0, 10)
    (row,) = [row for row in rows["dial"] if "request_id" in row]
    assert (row["dial"], row["request_id"], row["scheduled"], row["refused"]) == ("svc-web", "r1", 1, 1)
    (account,) = rows["task"]
    assert {key: account[key] for key in ("task", "request_id", "scheduled", "done", "failed", "skipped")} == {
        "task": "r1",
        "request_id": "r1",
        "scheduled": 1,
        "done": 0,
        "failed": 1,
        "skipped": 0,
    }
    assert bench.cut(10, 20)["task"] == []


def test_a_request_that_expired_is_skipped_and_said_so() -> None:
    """No attempt, and its account is there."""
    bench = Bench()
    bench.book.request("r1", make_dial(), WALL_NS)
    assert bench.at(0.5) == []
    rows = bench.cut(0, 10)
    assert [(row["request_id"], row["skipped"]) for row in rows["dial"]] == [("r1", 1)]
    assert [(row["task"], row["scheduled"], row["skipped"]) for row in rows["task"]] == [("r1", 1, 1)]


def test_whatever_happens_every_turn_is_in_one_row() -> None:
    """Random outcomes, delays, pauses and reloads: what was scheduled in all rows is what was due, and every row sums up."""
    chance = random.Random(7)
    bench = Bench(make_dial("a"), make_dial("b", interval_s=2.5))
    pending: list[Attempt] = []
    scheduled = due = started = 0
    now_s, cut_s = 0.0, 0
    while now_s < 300:
        now_s += chance.choice([0.1, 0.3, 1.0, 7.0 if chance.random() < 0.05 else 0.2])
        if chance.random() < 0.05:
            bench.book.replace([make_dial("a"), make_dial("b", interval_s=2.5)], now_ns=bench.now_ns, wall_ns=0)
        new = bench.at(now_s)
        started += len(new)
        pending += new
        while pending and chance.random() < 0.8:
            outcome = chance.choice([outcome for outcome in Outcome if outcome is not Outcome.SKIPPED])
            bench.book.ended(pending.pop(chance.randrange(len(pending))), outcome)
        while now_s > (cut_s + 1) * 10 + 1:
            rows = bench.cut(cut_s * 10, cut_s * 10 + 10)["dial"]
            assert all(sums(row) for row in rows)
            scheduled += sum(row["scheduled"] for row in rows)
            cut_s += 1
    due = started + sum(bench.skipped.values())
    for attempt in pending:
        bench.book.ended(attempt, Outcome.DONE, 5)
    scheduled += sum(row["scheduled"] for row in bench.cut(cut_s * 10, 10_000)["dial"])
    assert scheduled == due
    assert 300 <= due <= 300 + 120 + 2
    assert bench.skipped["starved"] > 0
