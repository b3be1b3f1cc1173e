"""From a datagram to an event in the store: who is heard, how much, what it is of; and that every message is accounted for."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
import structlog.testing

from collector.events.engine import begin
from collector.events.limits import FloodLimits, Senders
from faultline.records.terms import SECOND_NS
from faultline.snmp.ber import IP_ADDRESS, encoded
from faultline.snmp.message import INFORM
from faultline.store.state import StateStore
from tests.collector.events.conftest import (
    IF_INDEX,
    IF_NAME,
    LINK_DOWN,
    LINK_UP,
    NOW_NS,
    PE,
    RELAY,
    STRANGER,
    Desk,
    community_message,
    link_down,
    make_desk,
    unit,
    variables,
)

TRAP_ADDRESS = "1.3.6.1.6.3.18.1.3.0"


def test_a_trap_becomes_an_event_at_its_component(desk: Desk) -> None:
    """The sender by its address, the port by its number, the tenant by the lines across it."""
    assert desk.traps.hear(link_down(), PE, NOW_NS) is None
    (event,) = desk.kept()
    assert (event.sender, event.place, event.component, event.tenant) == ("pe", "GigabitEthernet0/0/1", "loop", "bank")
    assert (event.name, event.raised, event.received_ns, event.told_ns) == ("LINK_DOWN", True, NOW_NS, None)
    assert "1.3.6.1.6.3.1.1.5.3" in event.text
    assert (desk.stage.taken_in, desk.stage.out, desk.stage.dropped) == (1, 1, {})


def test_syslog_and_traps_of_one_device_speak_of_one_thing(desk: Desk) -> None:
    """A link that a trap took down comes up by syslog: sender and place are the inventory's, whatever they were called."""
    desk.traps.hear(link_down(), PE, NOW_NS)
    message = b"<189>Nov 25 01:02:03 x %LINK-3-UPDOWN: Interface gigabitethernet0/0/1, changed state to up"
    desk.syslog.hear(message, PE, NOW_NS + SECOND_NS)
    desk.kept()
    (state,) = desk.book.states()
    assert (state.event.raised, state.event.component) == (False, "loop")


def test_a_neighbour_is_at_the_component_that_it_is_across(desk: Desk) -> None:
    """A session of BGP names the neighbour only."""
    desk.syslog.hear(b"<189>x %BGP-5-ADJCHANGE: neighbor 172.16.0.2 Down", PE, NOW_NS)
    (event,) = desk.kept()
    assert (event.name, event.component, event.place) == ("BGP_DOWN", "loop", "GigabitEthernet0/0/1")


def test_what_names_no_part_is_of_the_device(desk: Desk) -> None:
    """Power, a restart."""
    desk.syslog.hear(b"<189>x %PEM-3-PEMFAIL: The power supply", PE, NOW_NS)
    (event,) = desk.kept()
    assert (event.component, event.place) == ("pe", "")


def test_ports_and_devices_that_nobody_declared_are_kept_without_a_component(desk: Desk) -> None:
    """They can be looked at, and added to the inventory; as evidence they say nothing."""
    desk.traps.hear(community_message(unit(variables(LINK_DOWN, (f"{IF_INDEX}.99", 99)))), PE, NOW_NS)
    desk.traps.hear(link_down((f"{IF_NAME}.17", "Gi0/0/9")), "198.51.100.4", NOW_NS)
    events = {event.sender: event for event in desk.kept()}
    assert (events["pe"].place, events["pe"].component) == ("index 99", None)
    assert (events["198.51.100.4"].place, events["198.51.100.4"].component) == ("Gi0/0/9", None)
    assert {event.tenant for event in events.values()} == {"_unassigned"}
    assert desk.counters.value("events_without_place") == 2


def test_each_message_that_is_no_event_has_its_reason(desk: Desk) -> None:
    """In = out + dropped + held, always."""
    inform = community_message(unit(variables("1.3.6.1.4.1.1"), kind=INFORM))
    assert desk.traps.hear(link_down(), STRANGER, NOW_NS) is None
    assert desk.traps.hear(b"junk", PE, NOW_NS) is None
    assert desk.traps.hear(community_message(unit(variables(LINK_DOWN)), "guess"), PE, NOW_NS) is None
    assert desk.traps.hear(inform, PE, NOW_NS) is not None  # we have it, and know that it says nothing to us
    desk.syslog.hear(b"junk", PE, NOW_NS)
    desk.syslog.hear(b"<13>sshd: hello", PE, NOW_NS)
    desk.syslog.hear(b"<13>sshd: hello", STRANGER, NOW_NS)
    assert desk.stage.dropped == {"unknown_sender": 2, "malformed": 2, "unknown_community": 1, "no_rule": 2}
    assert desk.stage.balanced
    assert desk.kept() == []


def test_a_message_that_comes_again_is_one_event(desk: Desk) -> None:
    """The same inform because its answer was lost, and the same alarm because it still stands."""
    body = variables(LINK_DOWN, (f"{IF_INDEX}.17", 17))
    inform = community_message(unit(body, kind=INFORM, request=3))
    answers = [desk.traps.hear(inform, PE, NOW_NS + at * SECOND_NS) for at in range(3)]
    assert all(answers)
    desk.traps.hear(link_down(uptime=99_999, request=4), PE, NOW_NS + 10 * SECOND_NS)
    assert len(desk.kept()) == 1
    assert desk.stage.dropped == {"repeated": 3}


def test_a_device_that_shouts_takes_nothing_from_others(state: StateStore) -> None:
    """Its bucket is its own; an inform that is dropped is not answered, so that it comes again."""
    desk = make_desk(state, limits=FloodLimits(sender_per_s=1, sender_burst=5))
    for number in range(100):
        desk.traps.hear(link_down(uptime=number, request=number), PE, NOW_NS)
    inform = community_message(unit(variables(LINK_DOWN), kind=INFORM))
    assert desk.traps.hear(inform, PE, NOW_NS) is None
    desk.traps.hear(link_down(), "198.51.100.4", NOW_NS)
    assert desk.stage.dropped["too_many_of_sender"] == 96
    assert {event.sender for event in desk.kept()} == {"pe", "198.51.100.4"}
    assert desk.traps.hear(inform, PE, NOW_NS + 2 * SECOND_NS) is not None


def test_a_relay_speaks_for_the_devices_it_names(desk: Desk) -> None:
    """By id, name or address, in the host of a message and in the address that a proxy of traps adds."""
    words = b"%LINK-3-UPDOWN: Interface GigabitEthernet0/0/1, changed state to"
    for host, state in ((b"pe", b"down"), (b"192.0.2.7", b"up"), (b"PE", b"down")):
        desk.syslog.hear(b"<189>Nov 25 01:02:03 %s %s %s" % (host, words, state), RELAY, NOW_NS)
    desk.syslog.hear(b"<189>1 2027-01-15T08:00:00Z core-9 x - - - %s down" % words, RELAY, NOW_NS)
    desk.syslog.hear(b"<189>%s down" % words, RELAY, NOW_NS)
    address = (TRAP_ADDRESS, encoded(IP_ADDRESS, bytes((192, 0, 2, 7))))
    body = variables(LINK_UP, (f"{IF_INDEX}.17", 17), address)
    desk.traps.hear(community_message(unit(body)), RELAY, NOW_NS + SECOND_NS)
    desk.traps.hear(link_down(), RELAY, NOW_NS)
    events = desk.kept()
    assert {event.sender for event in events} == {"pe", "core-9"}
    assert {event.component for event in events if event.sender == "pe"} == {"loop"}
    assert events[-1].source == "trap"
    assert desk.stage.dropped["no_device_named"] == 2


def test_a_device_behind_a_relay_has_a_bucket_of_its_own(state: StateStore) -> None:
    """And shouts alone."""
    desk = make_desk(state, limits=FloodLimits(sender_per_s=1, sender_burst=2))
    for number in range(9):
        desk.syslog.hear(b"<189>Nov 25 01:02:03 pe x%d: alarm set, PEM" % number, RELAY, NOW_NS)
    desk.syslog.hear(b"<189>Nov 25 01:02:03 ce x: alarm set, PEM", RELAY, NOW_NS)
    assert desk.stage.dropped["too_many_of_sender"] == 7
    assert {event.sender for event in desk.kept()} == {"pe", "ce"}


def test_refused_senders_are_logged_a_few_times_a_minute(desk: Desk) -> None:
    """With the address, so that it can be allowed; a flood of strangers is no flood of lines."""
    with structlog.testing.capture_logs() as told:
        for number in range(100):
            desk.traps.hear(link_down(), STRANGER, NOW_NS + number)
    assert [line["sender"] for line in told] == [STRANGER] * 5


def test_all_together_are_bounded_too(state: StateStore) -> None:
    """However many devices shout."""
    desk = make_desk(state, limits=FloodLimits(total_per_s=1, total_burst=10))
    for number in range(50):
        desk.traps.hear(link_down(), f"198.51.100.{number}", NOW_NS)
    assert desk.stage.dropped == {"too_many_of_sender": 40}


def test_what_waits_is_bounded_and_what_cannot_be_written_waits(state: StateStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk loses nothing that is held, and holds no more than it may."""
    desk = make_desk(state, limits=FloodLimits(waiting=3))

    def full(_: object) -> Any:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(desk.book, "append", full)
        for number in range(5):
            desk.traps.hear(community_message(unit(variables(LINK_DOWN, (f"{IF_INDEX}.{number}1", 1)))), PE, NOW_NS + number)
        with pytest.raises(sqlite3.OperationalError):
            desk.desk.keep()
    assert (desk.stage.held, desk.stage.dropped) == (3, {"too_many_waiting": 2})
    assert len(desk.kept()) == 3
    assert (desk.stage.held, desk.stage.out, desk.stage.balanced) == (0, 3, True)


def test_a_clear_follows_its_raise(desk: Desk) -> None:
    """Up and down are one state of one thing."""
    desk.traps.hear(link_down(uptime=1), PE, NOW_NS)
    desk.traps.hear(community_message(unit(variables(LINK_UP, (f"{IF_INDEX}.17", 17)))), PE, NOW_NS + 5 * SECOND_NS)
    desk.kept()
    assert [state.event.raised for state in desk.book.states()] == [False]


@pytest.mark.parametrize(
    ("address", "allowed"), [("192.0.2.7", True), ("198.51.100.200", True), ("192.0.2.8", False), ("2001:db8::1", True)]
)
def test_networks_and_addresses_may_send(address: str, allowed: bool) -> None:  # noqa: FBT001 - the table's column
    """Of both versions of IP; asked twice the answer is the same."""
    senders = Senders(["192.0.2.7", "198.51.100.0/24", "2001:db8::/64"])
    assert (senders.allows(address), senders.allows(address)) == (allowed, allowed)


def test_our_engine_stays_and_counts_its_starts(state: StateStore) -> None:
    """So that no answer of an earlier life is taken for one of this."""
    first, second = begin(state, NOW_NS), begin(state, NOW_NS)
    assert first.id == second.id
    assert (first.boots, second.boots) == (1, 2)
    assert 5 <= len(first.id) <= 32
    assert first.id[0] & 0x80
