"""Who is answered, how long the answer is, and what is remembered."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultline.runtime.console import CommandError
from probe.active.keys import Keys, read_keys
from probe.active.packet import Request, read_reply, request_octets
from probe.active.reflector import Arrival, Reflector, Refused
from probe.active.tlv import Source, asking

KEY = bytes(range(32))
SECOND_NS = 10**9
REQUEST = request_octets(Request(seq=5, t1=0x0123_4567_89AB_CDEF, error_estimate=0x8BD2, ssid=7))


def arrival(data: bytes = REQUEST, *, address: str = "192.0.2.7", port: int = 40000) -> Arrival:
    """A packet of a session-sender."""
    return Arrival(data=data, address=address, port=port, t2_ns=1_800_000_000 * SECOND_NS, t2_source=Source.SOFTWARE, ttl=61)


def reflect(reflector: Reflector, packet: Arrival, now_ns: int = 0) -> bytes:
    """Its reply, as octets."""
    draft = reflector.reflect(packet, now_ns=now_ns, error_estimate=0x8BD2, synchronised=True)
    return draft.outgoing(packet.t2_ns + 1000).data


def refusal(reflector: Reflector, packet: Arrival, now_ns: int = 0) -> str:
    """Why there is no reply."""
    with pytest.raises(Refused) as caught:
        reflect(reflector, packet, now_ns)
    return caught.value.reason


def test_a_reply_brings_back_what_the_sender_needs() -> None:
    """The sender's number, timestamp bit by bit, error estimate, TTL and SSID; and the reflector's own count from 0."""
    reflector = Reflector()
    replies = [read_reply(reflect(reflector, arrival())) for _ in range(3)]
    assert [reply.seq for reply in replies] == [0, 1, 2]
    assert {(reply.sender_seq, reply.t1, reply.sender_ttl, reply.ssid) for reply in replies} == {
        (5, 0x0123_4567_89AB_CDEF, 61, 7)
    }
    assert replies[0].sender_error_estimate == 0x8BD2
    assert replies[0].t3 > replies[0].t2


def test_each_session_has_its_own_count() -> None:
    """A session is SSID, address and port together."""
    reflector = Reflector()
    other_ssid = request_octets(Request(seq=5, t1=1, error_estimate=0x8BD2, ssid=8))
    for packet in (arrival(), arrival(other_ssid), arrival(port=40001), arrival(address="192.0.2.8")):
        assert read_reply(reflect(reflector, packet)).seq == 0
    assert reflector.sessions == 4


@given(st.binary(min_size=0, max_size=200), st.booleans())
def test_a_reply_is_never_longer_than_its_request(octets: bytes, authenticated: bool) -> None:  # noqa: FBT001
    """Whatever comes from an unknown source, there is no reply or one of the same length."""
    reflector = Reflector(keys=Keys(common=(KEY,)) if authenticated else None)
    try:
        reply = reflect(reflector, arrival(octets))
    except Refused:
        return
    assert len(reply) == len(octets)


def test_short_requests_are_for_listed_sources() -> None:
    """14 octets are answered with 44 where the source is on the list, and not at all where there is none."""
    listed = Reflector(allow=[ip_network("192.0.2.0/24")])
    assert len(reflect(listed, arrival(REQUEST[:14]))) == 44
    assert refusal(Reflector(), arrival(REQUEST[:14])) == "amplification"
    assert refusal(listed, arrival(REQUEST[:13])) == "short"


def test_only_listed_sources_are_answered() -> None:
    """IPv4 and IPv6, also a link-local address with its interface."""
    reflector = Reflector(allow=[ip_network("192.0.2.0/24"), ip_network("fe80::/10")])
    reflect(reflector, arrival())
    reflect(reflector, arrival(address="fe80::1%eth0"))
    assert refusal(reflector, arrival(address="198.51.100.1")) == "source"


def test_with_keys_only_authenticated_packets_are_answered() -> None:
    """Each SSID with its own key; a wrong key, an open packet and an SSID without key are refused, with the reason."""
    reflector = Reflector(keys=Keys(by_ssid={7: (KEY,)}))
    good = request_octets(Request(seq=5, t1=1, error_estimate=0x8BD2, ssid=7), key=KEY)
    reply = reflect(reflector, arrival(good + asking(10)))
    assert len(reply) == 122
    assert read_reply(reply, key=KEY).sender_seq == 5
    assert (
        refusal(reflector, arrival(request_octets(Request(seq=5, t1=1, error_estimate=1, ssid=7), key=bytes(32))))
        == "authentication"
    )
    assert refusal(reflector, arrival(request_octets(Request(seq=5, t1=1, error_estimate=1, ssid=9), key=KEY))) == "no_key"
    assert refusal(reflector, arrival()) == "short"
    assert reflector.sessions == 1


def test_a_key_is_changed_without_a_packet_lost() -> None:
    """While a session has two keys either is answered, with itself, and its count goes on; a third is refused."""
    new = bytes(32)
    reflector = Reflector(keys=Keys(by_ssid={7: (KEY, new)}))
    request = Request(seq=5, t1=1, error_estimate=0x8BD2, ssid=7)
    replies = [read_reply(reflect(reflector, arrival(request_octets(request, key=key))), key=key) for key in (KEY, new)]
    assert [reply.seq for reply in replies] == [0, 1]
    assert refusal(reflector, arrival(request_octets(request, key=b"\xff" * 32))) == "authentication"


def test_a_source_has_a_budget() -> None:
    """Ten packets a second: a burst of ten, then one each 100 ms; another source has its own."""
    reflector = Reflector(packets_per_s=10)
    for _ in range(10):
        reflect(reflector, arrival())
    assert refusal(reflector, arrival()) == "rate"
    reflect(reflector, arrival(address="192.0.2.8"))
    reflect(reflector, arrival(), now_ns=SECOND_NS // 10)
    assert refusal(reflector, arrival(), SECOND_NS // 10) == "rate"


def test_the_table_of_sessions_is_bounded() -> None:
    """When it is full a new session is refused, an old one goes on, and idle ones make room."""
    reflector = Reflector(max_sessions=2, idle_ns=10 * SECOND_NS)
    reflect(reflector, arrival(port=1))
    reflect(reflector, arrival(port=2), SECOND_NS)
    assert refusal(reflector, arrival(port=3), 2 * SECOND_NS) == "table_full"
    assert read_reply(reflect(reflector, arrival(port=2), 3 * SECOND_NS)).seq == 1
    reflect(reflector, arrival(port=3), 10 * SECOND_NS)
    assert reflector.sessions == 2


def test_an_idle_session_is_forgotten() -> None:
    """Its count begins anew, by the cleaner or without it."""
    for cleaned in (True, False):
        reflector = Reflector(idle_ns=10 * SECOND_NS)
        reflect(reflector, arrival())
        if cleaned:
            assert reflector.expire(10 * SECOND_NS) == 1
        assert read_reply(reflect(reflector, arrival(), 10 * SECOND_NS)).seq == 0


def test_key_files(tmp_path: Path) -> None:
    """One key for all, or a line for each SSID; what is wrong is said with file and line."""
    path = tmp_path / "keys"
    path.write_text("# all\n00112233445566778899aabbccddeeff\n")
    assert read_keys(path).sending(5) == bytes.fromhex("00112233445566778899aabbccddeeff")
    path.write_text("7 00112233445566778899aabbccddeeff\n9 ffffffffffffffff\n")
    assert (read_keys(path).sending(9), read_keys(path).sending(5)) == (b"\xff" * 8, None)
    path.write_text("7 0000000000000000\n7 ffffffffffffffff\n")
    assert read_keys(path).accepted(7) == (bytes(8), b"\xff" * 8)
    assert read_keys(path).sending(7) == bytes(8)
    for text, said in (
        ("xyz\n", "line 1: not a key"),
        ("\n0 0011223344556677\n", "line 2: 0 is no SSID"),
        ("0011\n", "line 1: not a key"),
        ("", "no key in it"),
        (3 * "0011223344556677\n", "line 3: a session has at most 2 keys"),
        (3 * "7 0011223344556677\n", "line 3: a session has at most 2 keys"),
    ):
        path.write_text(text)
        with pytest.raises(CommandError, match=said) as caught:
            read_keys(path)
        assert caught.value.code == 2
    with pytest.raises(CommandError, match="No such file"):
        read_keys(tmp_path / "none")
