"""Tasks and requests in the state store: what is new for a probe, and what became of each request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faultline.records.terms import SECOND_NS
from faultline.store.control import ANSWER_NS, ControlBook, Request, Result, Task
from faultline.store.state import StateStore

NOW_NS = 1_800_000_000 * SECOND_NS


def make_task(name: str = "d1", probe: str = "ce-1", **changes: Any) -> Task:
    """A dial test of a probe."""
    document = {"id": name, "kind": "dial", "protocol": "tcp", "target": "10.9.0.11:8200", "interval_s": 1.0} | changes
    return Task(probe=probe, id=name, document=document)


def make_request(name: str = "r1", probe: str = "ce-1", expires_ns: int = NOW_NS + 30 * SECOND_NS) -> Request:
    """A trace, once."""
    document = {"id": name, "kind": "trace", "of": "t1", "target": "10.9.0.1", "expires_ns": expires_ns}
    return Request(probe=probe, id=name, kind="trace", document=document, expires_ns=expires_ns)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateStore]:
    """An empty store."""
    made = StateStore(tmp_path / "state.db", durable=False)
    yield made
    made.close()


@pytest.fixture
def book(state: StateStore) -> ControlBook:
    """Tasks and requests in it."""
    return ControlBook(state)


def test_a_probe_is_told_what_changed_and_nothing_twice(book: ControlBook) -> None:
    """Everything at first, then new, changed and removed tasks of its own, each with the version that brought it."""
    book.replace_tasks([make_task("d1"), make_task("d2"), make_task("other", probe="ce-2")])
    first = book.orders("ce-1", after=0, now_ns=NOW_NS)
    assert first.whole
    assert [text.count('"d1"') + text.count('"d2"') for text in first.tasks] == [1, 1]
    assert book.orders("ce-1", after=first.version, now_ns=NOW_NS).is_empty
    book.replace_tasks([make_task("d1", interval_s=0.5), make_task("d3"), make_task("other", probe="ce-2")])
    second = book.orders("ce-1", after=first.version, now_ns=NOW_NS)
    assert (second.whole, len(second.tasks), second.removed) == (False, 2, ("d2",))
    assert second.version > first.version
    assert book.orders("ce-2", after=first.version, now_ns=NOW_NS).is_empty
    assert book.orders("ce-1", after=0, now_ns=NOW_NS).removed == ()


def test_the_version_moves_only_when_something_changes(book: ControlBook) -> None:
    """The same tasks again are no news; a task that comes back is one."""
    assert book.replace_tasks([make_task()]) == 1
    version = book.version()
    assert book.replace_tasks([make_task()]) == 0
    assert book.version() == version
    assert book.replace_tasks([]) == 1
    assert book.replace_tasks([make_task()]) == 1
    found = book.orders("ce-1", after=version, now_ns=NOW_NS)
    assert (len(found.tasks), found.removed) == (1, ())


def test_a_version_of_another_store_gets_the_whole_list(book: ControlBook) -> None:
    """A probe that knew a store which is lost, older or newer, must not keep tasks that nobody wants any more."""
    book.replace_tasks([make_task()])
    for foreign in (book.version() + 1000, 12):
        found = book.orders("ce-1", after=foreign, now_ns=NOW_NS)
        assert found.whole
        assert len(found.tasks) == 1


def test_a_request_is_served_until_it_is_answered_or_expired(book: ControlBook) -> None:
    """A probe that asks again with the same version did not get the answer; one that knows the version is not asked twice."""
    before = book.version()
    book.order([make_request()], now_ns=NOW_NS)
    for _ in range(2):
        served = book.orders("ce-1", after=before, now_ns=NOW_NS)
        assert len(served.requests) == 1
    assert book.fates()["served"] == 1
    assert book.orders("ce-1", after=served.version, now_ns=NOW_NS).is_empty
    assert book.orders("ce-2", after=before, now_ns=NOW_NS).is_empty
    assert book.conclude([Result(probe="ce-1", request="r1", done=True)], now_ns=NOW_NS) == 0
    assert book.orders("ce-1", after=0, now_ns=NOW_NS).requests == ()
    assert book.fates() == {"created": 1, "served": 1, "expired": 0, "done": 1, "failed": 0, "unanswered": 0}


def test_an_expired_request_is_never_served(book: ControlBook) -> None:
    """Neither before nor after it was counted as expired; what is found of an outage must be of the outage."""
    book.order([make_request(expires_ns=NOW_NS)], now_ns=NOW_NS - SECOND_NS)
    assert book.orders("ce-1", after=0, now_ns=NOW_NS).requests == ()
    book.sweep(NOW_NS)
    assert book.orders("ce-1", after=0, now_ns=NOW_NS - SECOND_NS).requests == ()
    assert book.fates() == {"created": 1, "served": 0, "expired": 1, "done": 0, "failed": 0, "unanswered": 0}


def test_the_first_result_of_a_request_counts(book: ControlBook) -> None:
    """The same again and other parts of it change nothing; results of strangers and late ones are told."""
    book.order([make_request("r1"), make_request("r2")], now_ns=NOW_NS)
    book.orders("ce-1", after=0, now_ns=NOW_NS)
    failed, done = Result(probe="ce-1", request="r1", done=False), Result(probe="ce-1", request="r1", done=True)
    assert book.conclude([failed, done, failed], now_ns=NOW_NS) == 0
    assert book.conclude([Result(probe="ce-2", request="r2", done=True)], now_ns=NOW_NS) == 1
    assert book.conclude([Result(probe="ce-1", request="nobody's", done=True)], now_ns=NOW_NS) == 1
    book.sweep(NOW_NS + 30 * SECOND_NS + ANSWER_NS)
    assert book.conclude([Result(probe="ce-1", request="r2", done=True)], now_ns=NOW_NS) == 1
    assert book.fates() == {"created": 2, "served": 2, "expired": 0, "done": 0, "failed": 1, "unanswered": 1}


def test_an_order_known_already_is_left_as_it_is(book: ControlBook) -> None:
    """A restart between the order and the note of it may order again."""
    book.order([make_request()], now_ns=NOW_NS)
    book.order([make_request()], now_ns=NOW_NS)
    assert book.fates()["created"] == 1


def test_counts_outlive_what_they_counted(book: ControlBook) -> None:
    """Old requests are forgotten; accounts still balance."""
    book.order([make_request()], now_ns=NOW_NS)
    book.orders("ce-1", after=0, now_ns=NOW_NS)
    book.conclude([Result(probe="ce-1", request="r1", done=True)], now_ns=NOW_NS)
    book.forget_before(NOW_NS + 1)
    assert all(stage.balanced for stage in book.accounts())
    assert book.fates()["done"] == 1


STEPS = st.lists(
    st.tuples(st.sampled_from(["order", "ask", "answer", "pass"]), st.integers(0, 9), st.booleans()), min_size=1, max_size=40
)


@given(steps=STEPS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
def test_accounts_balance_whatever_happens(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, bool]]) -> None:
    """Created = served + expired + waiting, served = done + failed + unanswered + under way, after every step."""
    state = StateStore(tmp_path_factory.mktemp("control") / "state.db", durable=False)
    book, now_ns, known = ControlBook(state), NOW_NS, 0
    for what, number, flag in steps:
        if what == "order":
            book.order([make_request(f"r{number}", expires_ns=now_ns + number * SECOND_NS)], now_ns=now_ns)
        elif what == "ask":
            known = book.orders("ce-1", after=known if flag else 0, now_ns=now_ns).version
        elif what == "answer":
            book.conclude([Result(probe="ce-1", request=f"r{number}", done=flag)], now_ns=now_ns)
        else:
            now_ns += number * 20 * SECOND_NS
            book.sweep(now_ns)
        assert all(stage.balanced for stage in book.accounts()), book.accounts()
    state.close()
