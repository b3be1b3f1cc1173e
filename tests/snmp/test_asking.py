"""The asker's half of SNMP against the half that is asked, both ours, without a socket; real agents judge it at the edges."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultline.records.terms import SECOND_NS
from faultline.snmp.asking import CommunityAsker, Learnt, RefusedByPeerError, UserAsker
from faultline.snmp.ber import NULL, OCTET_STRING, encoded
from faultline.snmp.keys import Digest, Privacy, User, user_of
from faultline.snmp.message import (
    GET,
    RESPONSE,
    CommunityMessage,
    Pdu,
    SecuredMessage,
    bindings,
    community_message,
    parsed,
    scoped,
    scoped_pdu,
    unit,
    variables_of,
)
from faultline.snmp.usm import Refusal, Refused, Security

NOW_NS = 1_800_000_000 * SECOND_NS
ENGINE = bytes.fromhex("80007ed9050102030405060708")
SYS_NAME = "1.3.6.1.2.1.1.5.0"
QUESTION = unit(GET, 7, variables_of([(SYS_NAME, encoded(NULL))]))
ANSWERED = variables_of([(SYS_NAME, encoded(OCTET_STRING, b"pe-1"))])
NOC = user_of("noc", digest=Digest.SHA256, password="authpassword", privacy=Privacy.AES128, privacy_password="privpassword")
OTHER = user_of("noc", digest=Digest.SHA256, password="anotherpassword", privacy=Privacy.AES128)
GETS = frozenset({GET})


class Agent:
    """Answers one question, as an agent of a user does."""

    def __init__(self, user: User = NOC, *, boots: int = 3) -> None:
        self.security = Security([user], engine_id=ENGINE, boots=boots, began_ns=NOW_NS - 90 * SECOND_NS, first_salt=1)
        self.asked = 0

    def reply(self, datagram: bytes, now_ns: int = NOW_NS) -> bytes | None:
        message = parsed(datagram, GETS)
        assert isinstance(message, SecuredMessage)
        opened = self.security.open(datagram, message, now_ns)
        if isinstance(opened, Refused):
            return opened.report
        self.asked += 1
        request = scoped_pdu(opened.content, GETS).request
        return self.security.close(message, scoped(unit(RESPONSE, request, ANSWERED), ENGINE), opened.keys, now_ns)


def ask(asker: UserAsker, agent: Agent, now_ns: int = NOW_NS) -> tuple[Pdu | None, int]:
    """The answer, and how many datagrams it took."""
    for sent in range(1, 6):
        reply = agent.reply(asker.question(QUESTION, 7, now_ns), now_ns)
        assert reply is not None
        heard = asker.answer(reply, 7, now_ns)
        if heard is not Learnt.PEER:
            return heard, sent
    raise AssertionError("never answered")


def test_a_stranger_is_asked_who_it_is_then_what_time_it_has_then_the_question() -> None:
    """The first question costs three round trips, the next one, an hour later, a single one."""
    asker, agent = UserAsker(NOC, first_salt=5), Agent()
    pdu, sent = ask(asker, agent)
    assert pdu is not None
    assert (bindings(pdu), sent) == (((SYS_NAME, b"pe-1"),), 3)
    assert ask(asker, agent, NOW_NS + 3600 * SECOND_NS)[1] == 1


def test_a_peer_that_started_again_is_followed() -> None:
    """Its clock is learnt anew from its authentic report, and the question asked again."""
    asker = UserAsker(NOC, first_salt=5)
    ask(asker, Agent())
    pdu, sent = ask(asker, Agent(boots=4))
    assert pdu is not None
    assert sent == 2


def test_a_wrong_password_is_named() -> None:
    """The peer's report says that the digest is wrong."""
    with pytest.raises(RefusedByPeerError) as refused:
        ask(UserAsker(OTHER, first_salt=5), Agent())
    assert refused.value.reason is Refusal.DIGEST


def test_an_answer_that_is_not_the_peers_is_no_answer() -> None:
    """Another number, a changed octet, a report without a digest that would set the clock: none moves anything."""
    asker, agent = UserAsker(NOC, first_salt=5), Agent()
    ask(asker, agent)
    reply = agent.reply(asker.question(QUESTION, 7, NOW_NS))
    assert reply is not None
    assert asker.answer(reply, 8, NOW_NS) is None
    assert asker.answer(reply[:-1] + bytes((reply[-1] ^ 1,)), 7, NOW_NS) is None
    stranger = Agent()
    stranger.security = Security([], engine_id=b"\x80other-engine", boots=9, began_ns=NOW_NS, first_salt=1)
    report = stranger.reply(asker.question(QUESTION, 7, NOW_NS))
    assert report is not None
    assert asker.answer(report, 7, NOW_NS) is None
    assert ask(asker, agent)[1] == 1


def test_a_community_is_asked_in_one_datagram() -> None:
    """And only an answer of that community and that number counts."""
    asker = CommunityAsker("public")
    asked = parsed(asker.question(QUESTION, 7, NOW_NS), GETS)
    assert isinstance(asked, CommunityMessage)
    answer = community_message(b"public", unit(RESPONSE, 7, ANSWERED))
    pdu = asker.answer(answer, 7, NOW_NS)
    assert isinstance(pdu, Pdu)
    assert bindings(pdu) == ((SYS_NAME, b"pe-1"),)
    assert asker.answer(answer, 8, NOW_NS) is None
    assert asker.answer(community_message(b"private", unit(RESPONSE, 7, ANSWERED)), 7, NOW_NS) is None


@given(octets=st.binary(max_size=200))
def test_any_octets_are_no_answer(octets: bytes) -> None:
    """What strangers send raises nothing."""
    assert CommunityAsker("public").answer(octets, 7, NOW_NS) is None
    assert UserAsker(NOC, first_salt=5).answer(octets, 7, NOW_NS) is None


@given(at=st.integers(0, 500), value=st.integers(0, 255))
def test_a_damaged_answer_does_no_harm(at: int, value: int) -> None:
    """One octet of a good answer changed: it is no answer, a refusal by name, or an unsigned field that nobody reads."""
    asker, agent = UserAsker(NOC, first_salt=5), Agent()
    ask(asker, agent)
    reply = bytearray(agent.reply(asker.question(QUESTION, 7, NOW_NS)) or b"")
    reply[at % len(reply)] = value
    with contextlib.suppress(RefusedByPeerError):
        heard = asker.answer(bytes(reply), 7, NOW_NS)
        assert heard is None or isinstance(heard, Pdu)
