"""Events told by devices: what is kept, what is the newest, in whatever order they come."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faultline.records.device_event import DeviceEvent, EventSource, event_id
from faultline.records.terms import CARRIER, SECOND_NS, ComponentId
from faultline.store.device_events import FOLD_NS, Appended, DeviceEventBook
from faultline.store.state import StateStore


def make_event(
    at_s: float,
    *,
    raised: bool = True,
    told_s: float | None = None,
    token: str | None = None,
    source: EventSource = EventSource.TRAP,
    place: str = "ge-0/0/1",
    component: str | None = "loop-a",
) -> DeviceEvent:
    """A link of pe1 that goes down or comes up, heard at a second."""
    return DeviceEvent(
        id=event_id(source, "pe1", token or f"{at_s} {told_s} {raised} {place}"),
        source=source,
        sender="pe1",
        place=place,
        component=None if component is None else ComponentId(component),
        name="LINK_DOWN",
        raised=raised,
        told_ns=None if told_s is None else int(told_s * SECOND_NS),
        received_ns=int(at_s * SECOND_NS),
        tenant=CARRIER,
        text="linkDown",
    )


@pytest.fixture
def book(tmp_path: Path) -> Iterator[DeviceEventBook]:
    """Nothing was said yet."""
    state = StateStore(tmp_path / "state.db", durable=False)
    yield DeviceEventBook(state)
    state.close()


def test_events_come_back_as_they_were_kept_by_the_time_they_happened(book: DeviceEventBook) -> None:
    """A span includes its start and not its end; the newest few are the last ones, in order."""
    events = [make_event(10), make_event(200, raised=False), make_event(300, component=None, place="?")]
    assert book.append([events[1], events[0], events[2]]) == [Appended.NEW, Appended.LATE, Appended.NEW]
    assert book.between(0, 1 << 62) == events
    assert book.between(10 * SECOND_NS, 200 * SECOND_NS) == events[:1]
    assert book.between(0, 1 << 62, newest=2) == events[1:]
    assert book.between(0, 1 << 62, component=ComponentId("loop-a")) == events[:2]


def test_the_newest_state_is_that_of_the_newest_event(book: DeviceEventBook) -> None:
    """Each sender's place has a state for each name; a state begins when it was said first."""
    book.append(
        [make_event(10), make_event(100), make_event(20, place="ge-0/0/2"), make_event(30, place="ge-0/0/2", raised=False)]
    )
    one, two = book.states()
    assert (one.event.raised, one.since_ns, one.event.received_ns, one.repeats) == (True, 10 * SECOND_NS, 100 * SECOND_NS, 1)
    assert (two.event.raised, two.since_ns) == (False, 30 * SECOND_NS)
    assert book.states(raised=True) == [one]
    assert book.states(raised=False) == [two]


def test_a_datagram_that_was_sent_again_and_a_state_said_again_are_kept_once(book: DeviceEventBook) -> None:
    """Informs are repeated until they are answered, and many devices repeat an alarm while it stands."""
    told = [make_event(10, token="a"), make_event(12, token="a"), make_event(40, token="b"), make_event(90, token="c")]
    assert book.append(told) == [Appended.NEW, *[Appended.REPEATED] * 3]
    assert book.append([make_event(90 + FOLD_NS // SECOND_NS + 1, token="d")]) == [Appended.NEW]
    assert len(book.between(0, 1 << 62)) == 2
    (state,) = book.states()
    assert (state.since_ns, state.repeats) == (10 * SECOND_NS, 3)


def test_a_clear_that_overtook_its_raise_wins(book: DeviceEventBook) -> None:
    """Datagrams may come in another order than they were sent: within a minute the sender's own clock tells which was first."""
    source = EventSource.SYSLOG
    clear = make_event(10.0, raised=False, told_s=5000.2, source=source)
    raised = make_event(10.1, told_s=5000.1, source=source)
    assert book.append([clear, raised]) == [Appended.NEW, Appended.LATE]
    assert [state.event for state in book.states()] == [clear]


def test_a_sender_whose_clock_was_set_back_is_believed_by_ours(book: DeviceEventBook) -> None:
    """Minutes later its clock says 1970, and the port is down nevertheless."""
    source = EventSource.SYSLOG
    book.append([make_event(1000, raised=False, told_s=1000, source=source), make_event(1200, told_s=3, source=source)])
    assert [state.event.raised for state in book.states()] == [True]


def test_alarms_fetched_later_count_from_when_they_happened(book: DeviceEventBook) -> None:
    """An alarm system is asked for what was missed: its alarms come at once, dated."""
    source = EventSource.ALARM_SOCKET
    cleared = make_event(500, raised=False, told_s=90, source=source)
    raised = make_event(500, told_s=80, source=source)
    assert book.append([cleared, raised]) == [Appended.NEW, Appended.LATE]
    assert [event.happened_ns for event in book.between(0, 100 * SECOND_NS)] == [80 * SECOND_NS, 90 * SECOND_NS]


def test_a_time_in_the_future_is_taken_for_now() -> None:
    """Nobody tells what has not happened yet."""
    assert make_event(10, told_s=99, source=EventSource.REST).happened_ns == 10 * SECOND_NS


def test_old_events_are_forgotten_and_what_stands_raised_is_not(book: DeviceEventBook) -> None:
    """A link that has been down for a month is down; what nobody can place is let go."""
    book.append(
        [
            make_event(1),
            make_event(2, place="x", component=None),
            make_event(3, place="y"),
            make_event(4, place="y", raised=False),
        ]
    )
    book.forget_before(100 * SECOND_NS)
    assert book.between(0, 1 << 62) == []
    assert [state.event.place for state in book.states()] == ["ge-0/0/1"]
    book.append([make_event(at, place=str(at)) for at in range(200, 210)])
    book.forget_before(0, most=3)
    assert [event.place for event in book.between(0, 1 << 62)] == ["207", "208", "209"]


def test_places_that_nobody_declared_are_bounded_and_can_be_left_out(book: DeviceEventBook) -> None:
    """A sender can think up places without end; what is at a component stays."""
    book.append([make_event(1), *(make_event(at, place=f"x{at}", component=None) for at in range(2, 12))])
    assert [state.event.place for state in book.states(raised=True, placed=True)] == ["ge-0/0/1"]
    assert len(book.states()) == 11
    assert [event.place for event in book.between(0, 1 << 62, placed=True, newest=5)] == ["ge-0/0/1"]
    book.forget_before(0, most=4)
    assert {state.event.place for state in book.states()} == {"ge-0/0/1", "x8", "x9", "x10", "x11"}


def test_long_texts_are_cut(book: DeviceEventBook) -> None:
    """What strangers send is bounded."""
    book.append([attrs.evolve(make_event(1), text="x" * 100_000)])
    assert len(book.between(0, 1 << 62)[0].text) == 1000


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(order=st.permutations(range(4)), gaps=st.lists(st.floats(0.001, 9), min_size=4, max_size=4))
def test_in_any_order_of_arrival_the_last_said_holds(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], gaps: list[float]
) -> None:
    """Of a flapping link the state is that of the last event by the sender's clock, however the network shuffled them."""
    told = list(itertools.accumulate(gaps))
    state = StateStore(tmp_path_factory.mktemp("any") / "state.db", durable=False)
    book = DeviceEventBook(state)
    for arrival, number in enumerate(order):
        book.append([make_event(1000 + arrival * 0.1, told_s=told[number], raised=number % 2 == 0, source=EventSource.SYSLOG)])
    assert [kept.event.raised for kept in book.states()] == [False]
    state.close()
