"""A reflector's TLVs: each type it knows, the three flags, and scapy's STAMP layer as the oracle of where everything stands."""

from __future__ import annotations

from ipaddress import ip_network

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.stamp import (
    STAMPSessionReflectorTestUnauthenticated,
    STAMPSessionSenderTestUnauthenticated,
    STAMPTestTLV,
)

from faultline.records.ntp import to_ntp
from probe.active.keys import Keys
from probe.active.packet import Request, read_reply, read_request, request_octets
from probe.active.reflector import Arrival, Outgoing, Reflector
from probe.active.tlv import Information, Source, asking, asking_sealed, code, information_in, intact, padding, walk
from probe.active.tlv_answer import FollowUp, Integrity, Told, answered

KEY = bytes(range(32))
T2_NS = 1_800_000_000 * 10**9
TOLD = Told(
    information=Information(t2=Source.SOFTWARE, t3=Source.USER),
    synchronised=True,
    traffic_class=46 << 2 | 1,
    choose_class=True,
    received=3,
    previous=FollowUp(seq=1, sent=0x0123_4567_89AB_CDEF, source=Source.USER),
)
SEALED = Integrity(key=KEY, request_seq=5, reply_seq=9)


def back(hexadecimal: str, told: Told = TOLD) -> str:
    """What comes back of the TLVs of an open packet, in hex."""
    return answered(bytes.fromhex(hexadecimal), told).region.hex()


def sealed(tlvs: bytes, seq: int = 5) -> bytes:
    """TLVs with their code behind them."""
    return tlvs + bytes.fromhex("80080010") + code(KEY, seq, tlvs)


def reflected(reflector: Reflector, data: bytes, traffic_class: int = 0) -> Outgoing:
    """A reply of a reflector."""
    arrival = Arrival(
        data=data,
        address="192.0.2.7",
        port=40000,
        t2_ns=T2_NS,
        t2_source=Source.SOFTWARE,
        ttl=61,
        traffic_class=traffic_class,
    )
    draft = reflector.reflect(arrival, now_ns=0, error_estimate=0x8BD2, synchronised=True)
    return draft.outgoing(T2_NS + 1000)


# ---- open packets ------------------------------------------------------------------------------------------------
def test_a_reflector_answers_what_it_knows_and_hands_back_the_rest() -> None:
    """Type 3 is filled and its U cleared, padding's U too; a type it does not know comes back as it was, U still set."""
    region = asking(16) + bytes.fromhex("80 63 0002 abcd")
    told = answered(region, TOLD).region
    assert told == bytes.fromhex("00030004 01020103 00010004 00000000 80630002abcd")
    assert information_in(told) == Information(t2=Source.SOFTWARE, t3=Source.USER)
    assert information_in(region) is None


def test_the_class_of_service_is_told_as_it_came_and_chosen_where_that_is_permitted() -> None:
    """DSCP 10 asked for, 46 and ECN 1 seen: the reply is sent with 10, and keeps the ECN it came with."""
    asked = bytes.fromhex("80040004") + bytes((10 << 2, 0, 0, 0))
    told = answered(asked, TOLD)
    assert told.region.hex() == "00040004" + (10 << 10 | 46 << 4 | 1 << 2).to_bytes(2).hex() + "0000"
    assert told.traffic_class == 10 << 2 | 1
    refused = answered(asked, attrs.evolve(TOLD, choose_class=False))
    assert refused.region.hex() == "00040004" + (10 << 10 | 46 << 4 | 1 << 2 | 1).to_bytes(2).hex() + "0000"
    assert refused.traffic_class == TOLD.traffic_class


def test_direct_measurement_keeps_the_senders_counter_and_adds_ours() -> None:
    """Packets taken and replies sent, with this one."""
    assert back("8005000c 00000007 00000000 00000000") == "0005000c" + "00000007" + "00000003" * 2


def test_follow_up_telemetry_tells_when_the_last_reply_was_sent() -> None:
    """Its number, its time, and how that was taken; zeros before the first."""
    asked = "80070010" + "00" * 16
    assert back(asked) == "00070010" + "00000001" + "0123456789abcdef" + "03000000"
    assert back(asked, attrs.evolve(TOLD, previous=None)) == "00070010" + "00" * 16


@pytest.mark.parametrize(
    ("came", "goes"),
    [
        ("80 63 00ff ab", "c0 63 00ff ab"),
        ("80030002 0000", "c0030002 0000"),
        ("80050004 00000000", "c0050004 00000000"),
        ("80040000 80010001 00", "c0040000 00010001 00"),
        ("80", "c0"),
    ],
)
def test_lengths_that_do_not_add_up_are_marked(came: str, goes: str) -> None:
    """M on the TLV that runs over the end, and on one with the wrong length for its type; what follows that one is answered."""
    assert back(came) == bytes.fromhex(goes).hex()


def test_a_code_in_an_open_packet_is_not_known() -> None:
    """Without a key nothing can be said of it: U stays."""
    assert back("80080010" + "ab" * 16) == "80080010" + "ab" * 16


# ---- authenticated packets ---------------------------------------------------------------------------------------
def test_the_code_is_made_again_for_the_reply() -> None:
    """Over the reply's own number and the TLVs as they go back; padding may follow it."""
    told = answered(sealed(asking(8)) + padding(6), TOLD, integrity=SEALED).region
    assert told[:8].hex() == "0003000401020103"
    assert told[8:12].hex() == "00080010"
    assert intact(told, list(walk(told)), key=KEY, seq=9)
    assert information_in(told, key=KEY, seq=9) == Information(t2=Source.SOFTWARE, t3=Source.USER)
    assert information_in(told, key=KEY, seq=8) is None


@pytest.mark.parametrize(
    "region",
    [
        asking(8),
        sealed(asking(8), seq=6),
        sealed(asking(8)) + asking(8),
        sealed(asking(8)) + bytes(2),
        sealed(sealed(asking(8))),
    ],
    ids=["no code", "another packet's code", "not last", "torn end", "two"],
)
def test_tlvs_that_the_key_does_not_vouch_for_come_back_unread(region: bytes) -> None:
    """Each with I set, U as it was, nothing filled in, and the class of service not obeyed."""
    told = answered(region, TOLD, integrity=SEALED)
    for tlv in walk(region):
        assert told.region[tlv.at] & 0x20
        assert told.region[tlv.at] & 0x80 == region[tlv.at] & 0x80
        assert told.region[tlv.at + 1 : tlv.end] == region[tlv.at + 1 : tlv.end]


def test_a_class_that_the_key_does_not_vouch_for_is_not_used() -> None:
    """The reply goes in the class of its request."""
    asked = bytes.fromhex("8004000428000000")
    assert answered(asked, TOLD, integrity=SEALED).traffic_class == TOLD.traffic_class
    assert answered(sealed(asked), TOLD, integrity=SEALED).traffic_class == 10 << 2 | 1


def test_padding_alone_needs_no_code() -> None:
    """RFC 8972 section 4.8."""
    assert answered(padding(12), TOLD, integrity=SEALED).region == bytes.fromhex("00010008") + bytes(8)


def test_an_authenticated_question_is_as_long_as_asked() -> None:
    """Padding alone where the question and its code do not fit."""
    for octets in range(60):
        asked = asking_sealed(octets, key=KEY, seq=5)
        assert len(asked) == octets
        assert octets in {1, 2, 3} or intact(asked, list(walk(asked)), key=KEY, seq=5)


@given(st.integers(0, 27), st.integers(1, 255))
def test_no_changed_octet_of_sealed_tlvs_is_taken(at: int, change: int) -> None:
    """Whatever octet before the padding is changed, nothing is read; only the flags of the HMAC TLV itself are not covered."""
    region = bytearray(sealed(asking(8)) + padding(8))
    region[at] ^= change
    assert intact(bytes(region), list(walk(bytes(region))), key=KEY, seq=5) is (at == 8)


# ---- through the reflector ---------------------------------------------------------------------------------------
def test_a_session_is_told_its_own_counters_and_its_own_last_reply() -> None:
    """Two packets: the second reply counts two and tells when the first was sent."""
    reflector = Reflector()
    tlvs = bytes.fromhex("8005000c 00000001 00000000 00000000 80070010") + bytes(16)
    data = request_octets(Request(seq=5, t1=1, error_estimate=0x8BD2, ssid=7), tlvs=tlvs)
    first, second = reflected(reflector, data).data, reflected(reflector, data).data
    assert first[44:].hex() == "0005000c" + "00000001" * 3 + "00070010" + "00" * 16
    assert second[44:60].hex() == "0005000c" + "00000001" + "00000002" * 2
    assert second[60:].hex() == "00070010" + "00000000" + to_ntp(T2_NS + 1000).to_bytes(8).hex() + "03000000"


def test_only_listed_sources_choose_the_class_of_their_replies() -> None:
    """Others are answered in the class their packet came with, and told so."""
    data = request_octets(Request(seq=5, t1=1, error_estimate=0x8BD2, ssid=7), tlvs=bytes.fromhex("8004000428000000"))
    assert reflected(Reflector(allow=[ip_network("192.0.2.0/24")]), data, 46 << 2).traffic_class == 10 << 2
    assert reflected(Reflector(), data, 46 << 2).traffic_class == 46 << 2


def test_scapy_reads_what_we_write_and_we_read_what_scapy_writes() -> None:
    """A request built there is answered here, and the answer's fields and TLVs stand there where its layer looks for them.

    Its flags are set by number: it names them from the other end of the octet than RFC 8972 does.
    """
    asked = STAMPSessionSenderTestUnauthenticated(
        seq=77,
        ssid=7,
        tlv_objects=[
            STAMPTestTLV(flags=0x80, type=3, len=4, value=bytes(4)),
            STAMPTestTLV(flags=0x80, type=5, len=12, value=bytes(12)),
            STAMPTestTLV(flags=0x80, type=200, len=3, value=b"abc"),
            STAMPTestTLV(flags=0x80, type=1, len=5, value=bytes(5)),
        ],
    )
    octets = bytes(asked)
    assert (read_request(octets).seq, read_request(octets).ssid) == (77, 7)
    reply = STAMPSessionReflectorTestUnauthenticated(reflected(Reflector(), octets).data)
    assert (reply.seq, reply.seq_sender, reply.ssid, reply.ttl_sender) == (0, 77, 7, 61)
    assert (reply.mbz1, reply.mbz2) == (0, 0)
    told = [(int(tlv.flags), tlv.type, tlv.len) for tlv in reply.tlv_objects]
    assert told == [(0, 3, 4), (0, 5, 12), (0x80, 200, 3), (0, 1, 5)]
    assert bytes(reply) == reflected(Reflector(), octets).data


regions = st.lists(
    st.tuples(st.sampled_from([0, 0x80, 0xE0]), st.integers(0, 12), st.binary(max_size=20), st.integers(-3, 3)), max_size=6
).map(
    lambda tlvs: b"".join(
        bytes((flags, kind)) + max(0, len(value) + wrong).to_bytes(2) + value for flags, kind, value, wrong in tlvs
    )
)


@given(regions, st.binary(max_size=5), st.booleans())
def test_whatever_tlvs_come_the_reply_is_as_long_as_its_request(
    region: bytes,
    tail: bytes,
    authenticated: bool,  # noqa: FBT001 - drawn
) -> None:
    """No TLV makes a reply grow or fails the reflector, and the base packet stays readable."""
    key = KEY if authenticated else None
    request = Request(seq=5, t1=1, error_estimate=0x8BD2, ssid=7)
    for tlvs in (region + tail, sealed(region) + tail):
        data = request_octets(request, tlvs=tlvs, key=key)
        reply = reflected(Reflector(keys=Keys(common=(KEY,)) if authenticated else None), data).data
        assert len(reply) == len(data)
        assert read_reply(reply, key=key).sender_seq == 5
