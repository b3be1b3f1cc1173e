"""Traced routes: what is a change, what is only silence, and that noting again changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from faultline.records.terms import SECOND_NS
from faultline.store.state import StateStore
from faultline.store.traces import Trace, TraceBook, TracedFlow, hops_of, hops_text

FLOW = TracedFlow(
    trace="t1",
    probe="ce-1",
    protocol=17,
    source_address="10.1.1.1",
    source_port=50_001,
    destination_address="10.9.0.1",
    destination_port=862,
)


def make_trace(hops: str, at_s: int = 0, *, flow: TracedFlow = FLOW, reached: bool = True) -> Trace:
    """A trace that ended at a second."""
    return Trace(flow=flow, traced_ns=at_s * SECOND_NS, hops=hops_of(hops), reached=reached)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[TraceBook]:
    """No traces yet."""
    state = StateStore(tmp_path / "state.db", durable=False)
    yield TraceBook(state)
    state.close()


def test_another_router_at_the_same_distance_is_another_route(book: TraceBook) -> None:
    """The route before is kept with its last trace, and the change with its moment."""
    traces = [make_trace("a,p1,c", 10), make_trace("a,p1,c", 20), make_trace("a,p2,c", 30), make_trace("a,p2,c", 40)]
    assert book.note(traces) == [False, False, True, False]
    (route,) = book.routes()
    assert (hops_text(route.route), route.since_ns, route.traced_ns) == ("a,p2,c", 30 * SECOND_NS, 40 * SECOND_NS)
    assert route.previous is not None
    assert (hops_text(route.previous), route.previous_ns) == ("a,p1,c", 20 * SECOND_NS)
    (change,) = book.changes(start_ns=0, end_ns=1 << 62)
    assert (hops_text(change.before), hops_text(change.after), change.changed_ns) == ("a,p1,c", "a,p2,c", 30 * SECOND_NS)
    assert book.changes(start_ns=0, end_ns=30 * SECOND_NS) == []


@pytest.mark.parametrize("later", ["a,*,c", "a", "", "a,p1,c,d", "*,*,*"])
def test_silence_and_length_are_no_change(book: TraceBook, later: str) -> None:
    """A router that limits its answers, a trace cut short by an outage, the host itself behind the last router."""
    assert book.note([make_trace("a,p1,c", 10), make_trace(later, 20, reached=False)]) == [False, False]
    (route,) = book.routes()
    assert hops_text(route.hops) == later
    assert hops_text(route.route).startswith("a,p1,c")
    assert not route.reached


def test_a_change_shows_through_an_outage(book: TraceBook) -> None:
    """What was known before the silence is compared with what comes after it."""
    assert book.note([make_trace("a,p1,c", 10), make_trace("a,*,*", 20, reached=False), make_trace("a,p2,c", 30)])[2]


def test_flows_are_never_mixed(book: TraceBook) -> None:
    """Two source ports on two equal paths are two routes, not a change; another probe's flow is another flow."""
    other = attrs.evolve(FLOW, source_port=50_002)
    stranger = attrs.evolve(FLOW, probe="ce-2")
    changed = book.note([make_trace("a,p1,c", 10), make_trace("a,p2,c", 10, flow=other), make_trace("a,p3,c", 11, flow=stranger)])
    assert changed == [False] * 3
    assert [hops_text(route.route) for route in book.routes()] == ["a,p1,c", "a,p2,c", "a,p3,c"]


def test_noting_again_tells_the_same_and_changes_nothing(book: TraceBook) -> None:
    """After a crash batches are worked through again, in part or in whole."""
    traces = [make_trace("a,p1,c", 10), make_trace("a,p2,c", 20), make_trace("a,p1,c", 30)]
    told = book.note(traces)
    kept = (book.routes(), book.changes(start_ns=0, end_ns=1 << 62))
    assert book.note(traces) == told == [False, True, True]
    assert book.note(traces[1:]) == told[1:]
    assert (book.routes(), book.changes(start_ns=0, end_ns=1 << 62)) == kept


def test_old_traces_do_not_replace_newer_ones_and_are_forgotten(book: TraceBook) -> None:
    """What waited in a spool may come late."""
    book.note([make_trace("a,p2,c", 20)])
    assert book.note([make_trace("a,p1,c", 10)]) == [False]
    assert hops_text(book.routes()[0].hops) == "a,p2,c"
    assert book.routes(since_ns=21 * SECOND_NS) == []
    book.forget_before(21 * SECOND_NS)
    assert book.routes() == []
