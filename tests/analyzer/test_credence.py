"""How far those who tell are believed: moved by what bore out, bounded, and the same after a restart."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.credence import LEAST_FALSE, MEMORY, MOST_FALSE, MOST_VOICES, CredenceBook
from faultline.inference.observations_events import usual_credence
from faultline.records.device_event import DeviceEvent, EventSource, event_id
from faultline.records.incident import Base
from faultline.records.terms import ComponentId, Mode, TenantId

LOOP = [Base("loop")]


def make_event(**changes: Any) -> DeviceEvent:
    """A trap of pe1: its port to the loop is down."""
    event = DeviceEvent(
        id=event_id(EventSource.TRAP, "pe1", "1"),
        source=EventSource.TRAP,
        sender="pe1",
        component=ComponentId("loop"),
        name="LINK_DOWN",
        raised=True,
        received_ns=0,
        tenant=TenantId("bank"),
    )
    return attrs.evolve(event, **changes)


def test_before_anything_is_known_the_built_in_values_hold() -> None:
    """Whoever it is."""
    assert CredenceBook().of(make_event()) == usual_credence(make_event())


def test_who_was_right_is_believed_more_and_who_cries_wolf_less() -> None:
    """Each voice for itself: another sender's words are not touched."""
    book = CredenceBook()
    for _ in range(20):
        book.note_incident(LOOP, Mode.DOWN, [make_event()])
        book.note_unconfirmed(make_event(sender="pe2"))
    usual = usual_credence(make_event())
    right, wolf, stranger = (book.of(make_event(sender=sender)) for sender in ("pe1", "pe2", "pe3"))
    assert right.nats > usual.nats > wolf.nats
    assert right.sensitivity > usual.sensitivity
    assert stranger == usual


def test_one_false_word_changes_little() -> None:
    """The built-in values are worth ten sayings: the odds of a false one double, once."""
    book = CredenceBook()
    book.note_unconfirmed(make_event())
    assert book.of(make_event()).false_positive_rate == pytest.approx(2 * usual_credence(make_event()).false_positive_rate)


def test_an_incident_that_a_voice_could_have_told_and_did_not_lowers_its_sensitivity() -> None:
    """Only where it has told before, and only of what its name is a sign of."""
    book = CredenceBook()
    book.note_incident(LOOP, Mode.DOWN, [make_event()])
    before = book.of(make_event())
    book.note_incident([Base("elsewhere")], Mode.DOWN, [])
    book.note_incident(LOOP, Mode.LOSS, [])
    assert book.of(make_event()) == before
    book.note_incident(LOOP, Mode.DOWN, [])
    assert book.of(make_event()).sensitivity < before.sensitivity


def test_what_is_told_of_another_place_or_another_trouble_or_of_work_confirms_nothing() -> None:
    """A trap of another port, a word for queues, an announcement."""
    book = CredenceBook()
    others = [make_event(component=ComponentId("other")), make_event(name="IF_DISCARDS"), make_event(name="PLANNED_WORK")]
    book.note_incident(LOOP, Mode.DOWN, others)
    assert book.document() == {"voices": []}


@given(st.lists(st.sampled_from(["right", "wrong", "missed"]), max_size=600))
def test_whatever_happens_a_saying_never_speaks_against_itself_and_never_too_loudly(history: list[str]) -> None:
    """The rate stays between its bounds, and what is remembered of a voice is bounded."""
    book = CredenceBook()
    for happened in history:
        if happened == "wrong":
            book.note_unconfirmed(make_event())
        else:
            book.note_incident(LOOP, Mode.DOWN, [make_event()] if happened == "right" else [])
    found = book.of(make_event())
    assert 0 < found.sensitivity < 1
    assert LEAST_FALSE <= found.false_positive_rate <= MOST_FALSE * found.sensitivity
    assert found.nats > 0
    for voice in book.document()["voices"]:
        assert voice["confirmed"] + voice["unconfirmed"] <= MEMORY + 1
        assert voice["told"] + voice["missed"] <= MEMORY + 1


def test_what_was_learned_survives_a_restart() -> None:
    """As JSON."""
    book, again = CredenceBook(), CredenceBook()
    book.note_incident(LOOP, Mode.DOWN, [make_event()])
    book.note_unconfirmed(make_event(sender="pe2"))
    again.restore(json.loads(json.dumps(book.document())))
    assert again.document() == book.document()
    assert again.of(make_event()) == book.of(make_event())


def test_strangers_cannot_fill_the_memory() -> None:
    """The voices heard last are kept."""
    book = CredenceBook()
    for number in range(MOST_VOICES + 10):
        book.note_unconfirmed(make_event(sender=f"device {number}"))
    voices = book.document()["voices"]
    assert len(voices) == MOST_VOICES
    assert voices[-1]["voice"][1] == f"device {MOST_VOICES + 9}"
