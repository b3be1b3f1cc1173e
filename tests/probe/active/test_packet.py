"""STAMP's octets: layouts of RFC 8762 and 8972, timestamps to the nanosecond, and no octets that break the reader."""

from __future__ import annotations

import contextlib
import hmac
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultline.records.ntp import from_ntp, to_ntp
from probe.active.ntp import StampError, error_ns_of, from_ptp, stamp_of, to_error_estimate
from probe.active.packet import (
    PacketError,
    Reply,
    Request,
    read_reply,
    read_request,
    reply_octets,
    request_octets,
    ssid_of,
)
from probe.active.tlv import asking, information_in, padding

KEY = bytes(range(32))
u16, u32, u64 = (st.integers(min_value=0, max_value=(1 << bits) - 1) for bits in (16, 32, 64))
requests = st.builds(Request, seq=u32, t1=u64, error_estimate=u16, ssid=u16)
replies = st.builds(
    Reply,
    seq=u32,
    t3=u64,
    error_estimate=u16,
    ssid=u16,
    t2=u64,
    sender_seq=u32,
    t1=u64,
    sender_error_estimate=u16,
    sender_ttl=st.integers(min_value=0, max_value=255),
)
keys = st.sampled_from([None, KEY])


@given(requests, keys)
def test_a_request_survives_the_wire(request: Request, key: bytes | None) -> None:
    """What is written is read back, open and authenticated, in the lengths of the standard."""
    octets = request_octets(request, key=key)
    assert len(octets) == (44 if key is None else 112)
    assert read_request(octets, key=key) == request
    assert ssid_of(octets, authenticated=key is not None) == request.ssid


@given(replies, keys)
def test_a_reply_survives_the_wire(reply: Reply, key: bytes | None) -> None:
    """Every field, the sender's timestamp bit by bit."""
    octets = reply_octets(reply, key=key)
    assert len(octets) == (44 if key is None else 112)
    assert read_reply(octets, key=key) == reply


def test_open_fields_stand_where_the_standard_has_them() -> None:
    """RFC 8762 figures 2 and 5 with the SSID of RFC 8972; what must be zero is."""
    request = request_octets(Request(seq=1, t1=2, error_estimate=3, ssid=4))
    assert request == bytes.fromhex("00000001 0000000000000002 0003 0004") + bytes(28)
    reply = reply_octets(
        Reply(seq=1, t3=2, error_estimate=3, ssid=4, t2=5, sender_seq=6, t1=7, sender_error_estimate=8, sender_ttl=9)
    )
    assert reply == bytes.fromhex(
        "00000001 0000000000000002 0003 0004 0000000000000005 00000006 0000000000000007 0008 0000 09 000000"
    )


def test_authenticated_fields_stand_where_the_standard_has_them() -> None:
    """RFC 8762 figures 3 and 6: fields in 16-octet blocks, the code over the first 96 octets, cut to 16."""
    request = request_octets(Request(seq=1, t1=2, error_estimate=3, ssid=4), key=KEY)
    assert struct.unpack_from(">I", request, 0) == (1,)
    assert struct.unpack_from(">QHH", request, 16) == (2, 3, 4)
    assert request[96:] == hmac.digest(KEY, request[:96], "sha256")[:16]
    reply = reply_octets(
        Reply(seq=1, t3=2, error_estimate=3, ssid=4, t2=5, sender_seq=6, t1=7, sender_error_estimate=8, sender_ttl=9), key=KEY
    )
    assert struct.unpack_from(">QHH", reply, 16) == (2, 3, 4)
    assert struct.unpack_from(">Q", reply, 32) == (5,)
    assert struct.unpack_from(">I", reply, 48) == (6,)
    assert struct.unpack_from(">QH", reply, 64) == (7, 8)
    assert reply[80] == 9
    assert reply[96:] == hmac.digest(KEY, reply[:96], "sha256")[:16]


@given(st.integers(min_value=0, max_value=111), st.integers(min_value=1, max_value=255))
def test_one_changed_octet_is_noticed(at: int, change: int) -> None:
    """An authenticated packet with any octet changed is refused as that."""
    octets = bytearray(request_octets(Request(seq=1, t1=2, error_estimate=3, ssid=4), key=KEY))
    octets[at] ^= change
    with pytest.raises(PacketError) as caught:
        read_request(bytes(octets), key=KEY)
    assert caught.value.reason == "authentication"


@given(st.binary(max_size=300), keys)
def test_no_octets_raise_anything_but_the_named_error(octets: bytes, key: bytes | None) -> None:
    """Whatever comes from the network."""
    for read in (read_request, read_reply):
        with contextlib.suppress(PacketError):
            read(octets, key=key)
    ssid_of(octets, authenticated=key is not None)
    information_in(octets)
    information_in(octets, key=KEY)


def test_a_short_request_of_twamp_light_is_read() -> None:
    """14 octets: sequence, timestamp, error estimate; there is no SSID."""
    assert read_request(bytes.fromhex("00000001 0000000000000002 0003")) == Request(seq=1, t1=2, error_estimate=3, ssid=0)
    with pytest.raises(PacketError, match="13 octets are fewer than the 14"):
        read_request(bytes(13))


# ---- timestamps --------------------------------------------------------------------------------------------------
@given(st.integers(min_value=-60_000_000 * 10**9, max_value=4_230_000_000 * 10**9))
def test_every_nanosecond_survives_the_ntp_format(moment_ns: int) -> None:
    """Rounded down on the way there and up on the way back; also across the era that begins in 2036."""
    assert from_ntp(to_ntp(moment_ns)) == moment_ns


def test_ntp_and_ptp_are_told_apart_by_the_z_bit() -> None:
    """PTP stamps are TAI, 37 s ahead of UTC; more nanoseconds than a second has is no timestamp."""
    assert stamp_of(to_ntp(5), 0x8001) == 5
    assert stamp_of((1_800_000_037 << 32) + 5, 0xC001) == 1_800_000_000_000_000_005
    with pytest.raises(StampError):
        from_ptp(10**9)


@given(st.integers(min_value=0, max_value=10**12))
def test_an_error_estimate_is_never_understated(error_ns: int) -> None:
    """The field says at least the error, and at most 1/64 more."""
    stated = error_ns_of(to_error_estimate(error_ns, synchronised=True))
    assert stated is not None
    assert error_ns <= stated <= error_ns + error_ns / 64 + 1


def test_known_error_estimates() -> None:
    """100 µs of a synchronised clock; an unsynchronised one; the invalid multiplier 0."""
    assert to_error_estimate(100_000, synchronised=True) == 0x8BD2
    assert error_ns_of(to_error_estimate(None, synchronised=False)) is None
    assert error_ns_of(0x8B00) is None


# ---- TLVs --------------------------------------------------------------------------------------------------------
def test_the_sender_marks_each_tlv_as_not_yet_recognised() -> None:
    """Timestamp information and padding, U set, together as long as asked."""
    assert asking(20) == bytes.fromhex("80030004 00000000 80010008") + bytes(8)
    assert [len(asking(octets)) for octets in range(40)] == list(range(40))
    assert [len(padding(octets)) for octets in range(40)] == list(range(40))
