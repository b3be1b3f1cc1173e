"""SNMP notifications from octets alone: what is heard, what is refused with which report, and that no octets do harm."""

from __future__ import annotations

import contextlib

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.events.snmp_receiver import DISCOVERY, MALFORMED, UNKNOWN_COMMUNITY, Heard, SnmpReceiver
from faultline.records.terms import SECOND_NS
from faultline.snmp.ber import (
    COUNTER64,
    OCTET_STRING,
    SEQUENCE,
    BerError,
    Reader,
    encoded,
    encoded_integer,
    encoded_object_id,
)
from faultline.snmp.keys import Digest, Privacy, localised, user_of
from faultline.snmp.message import (
    AUTHENTICATED,
    INFORM,
    REPORTABLE,
    Notification,
    SecuredMessage,
    parsed,
    secured,
)
from tests.collector.events.conftest import (
    IF_INDEX,
    IF_NAME,
    LINK_DOWN,
    NOC,
    NOW_NS,
    OUR_ENGINE,
    community_message,
    link_down,
    snmp_receiver,
    unit,
    user_message,
    variables,
)

PDU = unit(variables(LINK_DOWN, (f"{IF_INDEX}.17", 17), (f"{IF_NAME}.17", "ge-0/0/1")))
OURS_S = 100
"""Seconds that our engine has run at NOW_NS."""


def hear(datagram: bytes, receiver: SnmpReceiver | None = None, *, at_s: float = 0) -> Heard:
    """What a receiver that knows nobody yet makes of it."""
    return (receiver or snmp_receiver()).receive(datagram, NOW_NS + int(at_s * SECOND_NS))


def heard(datagram: bytes, receiver: SnmpReceiver | None = None) -> Notification:
    """The notification of a datagram that must have one."""
    found = hear(datagram, receiver)
    assert found.notification is not None, found
    return found.notification


def report_of(reply: bytes | None) -> tuple[SecuredMessage, str]:
    """The message of a report, and the counter that it names."""
    assert reply is not None
    message = parsed(reply)
    assert isinstance(message, SecuredMessage)
    scoped = Reader(message.content).enter()
    scoped.string()
    scoped.string()
    fields = scoped.enter(0xA8)
    for _ in range(3):
        fields.integer()
    return message, fields.enter().enter().object_id()


def test_a_trap_of_v2c_is_heard_with_its_variables() -> None:
    """Name, uptime and variables in the order of the message; a column finds the value and the instance."""
    found = heard(community_message(PDU))
    assert (found.oid, found.uptime_ticks, found.request, found.is_inform) == (LINK_DOWN, 12345, 7, False)
    assert found.variables == ((f"{IF_INDEX}.17", 17), (f"{IF_NAME}.17", b"ge-0/0/1"))
    assert found.first(IF_NAME) == ("17", b"ge-0/0/1")
    assert found.first(IF_NAME[:-1]) is None


def test_another_community_is_refused_without_an_answer() -> None:
    """Nobody learns from us which ones there are."""
    refused = hear(community_message(unit(variables(LINK_DOWN), kind=INFORM), "guess"))
    assert refused == Heard(reason=UNKNOWN_COMMUNITY)


def test_an_inform_of_v2c_is_answered_with_its_own_variables() -> None:
    """As RFC 3416 section 4.2.7 has it."""
    body = variables(LINK_DOWN)
    found = hear(community_message(unit(body, kind=INFORM, request=99)))
    assert found.reply == community_message(unit(body, kind=0xA2, request=99))


@pytest.mark.parametrize(
    ("digest", "privacy"),
    [
        (Digest.SHA1, Privacy.AES128),
        (Digest.SHA1, None),
        (Digest.SHA224, Privacy.AES192),
        (Digest.SHA256, Privacy.AES256),
        (Digest.SHA384, Privacy.AES128),
        (Digest.SHA512, Privacy.AES256),
    ],
)
def test_traps_of_v3_are_opened_by_every_pair_of_protocols(digest: Digest, privacy: Privacy | None) -> None:
    """Authenticated by the sender's engine, decrypted when they are encrypted."""
    user = user_of("u", digest=digest, password="authpassword", privacy=privacy)
    assert heard(user_message(PDU, user=user), snmp_receiver(user)).oid == LINK_DOWN


def test_keys_are_those_of_the_standard() -> None:
    """The example of RFC 3414 appendix A.3.2."""
    user = user_of("u", digest=Digest.SHA1, password="maplesyrup")
    assert user.digest_key.hex() == "9fb5cc0381497b3793528939ff788d5d79145211"
    keys = localised(user, bytes.fromhex("000000000000000000000002"))
    assert keys.digest_key.hex() == "6695febc9288e36282235fc7151f128497b38f3f"


def test_passwords_and_ciphers_that_do_not_go_together_are_refused_at_the_start() -> None:
    """A short password, and a digest that is shorter than the cipher's key."""
    with pytest.raises(ValueError, match="8 characters"):
        user_of("u", digest=Digest.SHA1, password="short")
    with pytest.raises(ValueError, match="needs a digest"):
        user_of("u", digest=Digest.SHA1, password="authpassword", privacy=Privacy.AES256)


def test_secrets_do_not_show() -> None:
    """A user in a log or a traceback has no keys in it."""
    assert "noc" in repr(NOC)
    assert "digest_key" not in repr(NOC)
    assert "_key" not in repr(localised(NOC, OUR_ENGINE))


@pytest.mark.parametrize(
    ("datagram", "reason"),
    [
        (user_message(PDU)[:-1] + b"\0", "wrong_digest"),
        (
            user_message(PDU, user=user_of("noc", digest=Digest.SHA256, password="anotherpassword", privacy=Privacy.AES128)),
            "wrong_digest",
        ),
        (user_message(PDU, user=attrs.evolve(NOC, name="nobody")), "unknown_user"),
        (user_message(PDU, user=attrs.evolve(NOC, privacy=None, privacy_key=None)), "unsupported_level"),
        (user_message(PDU, user=attrs.evolve(NOC, privacy=None, privacy_key=None), flags=0), "unsupported_level"),
        (user_message(PDU, engine_id=b"\x80\x00"), "unknown_engine"),
        (user_message(PDU, salt=b"\0\0\0\1"), "not_decrypted"),
        (user_message(PDU, boots=2**31 - 1), "not_in_time_window"),
    ],
)
def test_a_trap_of_v3_is_refused_with_its_reason(datagram: bytes, reason: str) -> None:
    """And without an answer: it did not ask for one."""
    assert hear(datagram) == Heard(reason=reason)


def test_a_trap_that_is_sent_again_much_later_is_refused() -> None:
    """The sender's clock, once heard, does not go back: not by a start, not by more than 150 seconds."""
    receiver = snmp_receiver()
    assert heard(user_message(PDU, boots=5, time_s=1000), receiver)
    assert heard(user_message(PDU, boots=5, time_s=851), receiver)
    assert hear(user_message(PDU, boots=5, time_s=849), receiver).reason == "not_in_time_window"
    assert hear(user_message(PDU, boots=4, time_s=5000), receiver).reason == "not_in_time_window"
    assert hear(user_message(PDU, boots=5, time_s=1000), receiver, at_s=149).notification is not None
    assert hear(user_message(PDU, boots=5, time_s=1000), receiver, at_s=152).reason == "not_in_time_window"
    assert heard(user_message(PDU, boots=6, time_s=0), receiver)


def test_a_forged_time_teaches_nothing() -> None:
    """Only authentic messages move the sender's clock."""
    receiver = snmp_receiver()
    assert hear(user_message(PDU, time_s=10_000)[:-1] + b"\0", receiver).reason == "wrong_digest"
    assert heard(user_message(PDU, time_s=1000), receiver)


def test_a_sender_of_informs_learns_our_engine_first() -> None:
    """A question without an engine, or with another one, is answered with ours; that is no defect of anybody's."""
    trap = parsed(user_message(PDU))
    assert isinstance(trap, SecuredMessage)
    question = attrs.evolve(trap, engine_id=b"", flags=REPORTABLE, digest=b"", salt=b"", user=b"", content=encoded(SEQUENCE))
    answer = hear(secured(question)[0])
    assert answer.reason == DISCOVERY
    message, counter = report_of(answer.reply)
    assert (message.engine_id, message.boots, message.time_s, message.id) == (OUR_ENGINE, 3, OURS_S, question.id)
    assert counter == "1.3.6.1.6.3.15.1.1.4.0"


def inform(*, boots: int = 3, time_s: int = OURS_S) -> bytes:
    """An inform to us."""
    pdu = unit(variables(LINK_DOWN), kind=INFORM, request=5)
    return user_message(pdu, engine_id=OUR_ENGINE, boots=boots, time_s=time_s, flags=NOC.level | REPORTABLE)


def test_an_inform_of_v3_is_answered_as_secure_as_it_was() -> None:
    """The sender opens the answer with the same keys, and finds its own request."""
    found = hear(inform())
    assert found.notification is not None
    assert found.notification.is_inform
    assert found.reply is not None
    answer = parsed(found.reply)
    assert isinstance(answer, SecuredMessage)
    assert answer.flags == NOC.level
    keys = localised(NOC, OUR_ENGINE)
    assert keys.digest_of(found.reply, answer.digest_at) == answer.digest
    scoped = Reader(keys.decrypted(answer)).enter()
    assert scoped.string() == OUR_ENGINE
    scoped.string()
    assert scoped.enter(0xA2).integer() == 5


def test_an_inform_of_another_time_is_told_ours_authentically() -> None:
    """So that the sender can believe it and try again (RFC 3414 section 3.2, 7a)."""
    for late in (inform(time_s=OURS_S + 151), inform(boots=2)):
        found = hear(late)
        assert found.reason == "not_in_time_window"
        message, counter = report_of(found.reply)
        assert (message.flags, counter) == (AUTHENTICATED, "1.3.6.1.6.3.15.1.1.2.0")
        assert found.reply is not None
        assert localised(NOC, OUR_ENGINE).digest_of(found.reply, message.digest_at) == message.digest


def test_no_salt_is_used_twice() -> None:
    """Two answers with one key and one salt would give away what is in them."""
    receiver = snmp_receiver()
    replies = [hear(inform(), receiver).reply for _ in range(3)]
    salts = {parsed(reply).salt for reply in replies if reply}  # type: ignore[union-attr]
    assert len(salts) == 3


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\x30",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x80",
        community_message(PDU)[:-1],
        encoded(SEQUENCE, encoded_integer(0), encoded(OCTET_STRING, b"public"), encoded(0xA4)),
        community_message(unit(encoded(SEQUENCE))),
        community_message(unit(variables(LINK_DOWN), kind=0xA0)),
        community_message(unit(encoded(SEQUENCE, encoded(SEQUENCE) * 300))),
        community_message(unit(b"\x30\x03\x06\x01\x80")),
    ],
)
def test_what_is_no_notification_is_malformed(datagram: bytes) -> None:
    """Cut, empty, of v1, a question, too many variables: one reason, with a detail for the log."""
    found = hear(datagram)
    assert (found.reason, found.reply) == (MALFORMED, None)
    assert found.detail


@given(st.binary(max_size=300))
def test_no_octets_do_harm(octets: bytes) -> None:
    """Whatever a stranger sends is an answer of ours."""
    assert hear(octets).notification is None


@given(st.data())
def test_no_damage_does_harm(data: st.DataObject) -> None:
    """Real messages with octets changed, cut off or put in; what is authenticated stays what it was or is refused."""
    whole = data.draw(st.sampled_from([community_message(PDU), user_message(PDU), inform(), link_down()]))
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    found = hear(bytes(damaged))
    if whole in {user_message(PDU), inform()} and bytes(damaged) != whole:
        assert found.notification is None


@given(st.lists(st.integers(0, 2**32 - 1), max_size=20), st.integers(0, 2), st.integers(0, 39))
def test_object_identifiers_survive(numbers: list[int], root: int, second: int) -> None:
    """Decoding what was encoded gives the same."""
    text = ".".join(map(str, (root, second, *numbers)))
    assert Reader(encoded_object_id(text)).object_id() == text


@given(st.integers(-(2**63), 2**64 - 1))
def test_numbers_survive(number: int) -> None:
    """Of all widths, counters above 2^63 too."""
    assert Reader(encoded_integer(number, COUNTER64)).value() == number


@given(st.binary(max_size=40))
def test_no_octets_are_more_than_an_error_to_the_reader(octets: bytes) -> None:
    """Every value of any tag."""
    reader = Reader(octets)
    with contextlib.suppress(BerError):
        while reader.more:
            reader.value()
    assert reader.at <= len(octets)


def test_a_version_is_named() -> None:
    """In the log people see that an old device still speaks v1."""
    assert hear(encoded(SEQUENCE, encoded_integer(0))).detail == "version 1"
