"""What routers say, made by hand octet by octet, and whose packet it is about."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.paths.icmp import IcmpError, label_stack, read
from probe.paths.recognition import answer_of, segment_answer
from probe.paths.terms import Answer, Kind, Label, Method, Probe
from probe.paths.wire import Wire

ROUTER = {4: "203.0.113.1", 6: "2001:db8:f::1"}
Error = Callable[..., bytes]
MakeWire = Callable[..., Wire]


def make_probe(ident: int = 321, *, flow: int = 2, ttl: int = 3, method: Method = Method.UDP, size: int | None = None) -> Probe:
    """A probe."""
    return Probe(ident=ident, flow=flow, ttl=ttl, method=method, size=size)


def understand(message: bytes, wire: Wire, *probes: Probe, sender: str | None = None) -> Answer | None:
    """What the message says of these probes."""
    known = {probe.ident: probe for probe in probes}
    parsed = read(message, version=wire.version)
    assert parsed is not None
    return answer_of(parsed, sender=sender or ROUTER[wire.version], wire=wire, sent=known.get)


@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize("quoted", [28, 128])
def test_the_least_that_a_router_may_quote_tells_the_probe(
    make_wire: MakeWire, icmp_error: Error, method: Method, quoted: int
) -> None:
    """Eight octets behind the IP header are enough, for each kind of probe; nothing is said to be rewritten."""
    wire, probe = make_wire(), make_probe(method=method)
    answer = understand(icmp_error(11, 0, wire.craft(probe), quoted=quoted), wire, probe)
    assert answer == Answer(kind=Kind.HOP, address=ROUTER[4], ident=321)


@pytest.mark.parametrize("method", list(Method))
def test_in_ipv6_as_well(make_wire: MakeWire, icmp_error: Error, method: Method) -> None:
    """Time exceeded is type 3 there."""
    wire, probe = make_wire(6), make_probe(method=method)
    answer = understand(icmp_error(3, 0, wire.craft(probe), quoted=400, version=6), wire, probe)
    assert answer == Answer(kind=Kind.HOP, address=ROUTER[6], ident=321)


@pytest.mark.parametrize(
    ("version", "kind", "code", "mtu", "expected", "reason"),
    [
        (4, 3, 3, 0, Kind.REACHED, None),
        (4, 3, 13, 0, Kind.REFUSED, "administratively prohibited"),
        (4, 3, 1, 0, Kind.REFUSED, "host unreachable"),
        (4, 3, 99, 0, Kind.REFUSED, "unreachable, code 99"),
        (4, 3, 4, 1400, Kind.TOO_BIG, None),
        (4, 3, 4, 0, Kind.TOO_BIG, None),
        (6, 1, 4, 0, Kind.REACHED, None),
        (6, 1, 1, 0, Kind.REFUSED, "administratively prohibited"),
        (6, 2, 0, 1280, Kind.TOO_BIG, None),
    ],
)
def test_what_each_message_means(  # noqa: PLR0917 - a table
    make_wire: MakeWire, icmp_error: Error, version: int, kind: int, code: int, mtu: int, expected: Kind, reason: str | None
) -> None:
    """Destination, refusal with its reason, or a narrow link with its size where the router gives one (0 is none)."""
    wire, probe = make_wire(version), make_probe()
    answer = understand(icmp_error(kind, code, wire.craft(probe), quoted=100, mtu=mtu, version=version), wire, probe)
    assert answer is not None
    assert (answer.kind, answer.reason, answer.mtu_octets) == (expected, reason, mtu or None)


def test_a_refusal_by_the_destination_itself_is_its_answer(make_wire: MakeWire, icmp_error: Error) -> None:
    """A host's own firewall: the packet came to the host."""
    wire, probe = make_wire(), make_probe()
    answer = understand(icmp_error(3, 10, wire.craft(probe)), wire, probe, sender=str(wire.destination))
    assert answer is not None
    assert answer.kind is Kind.REACHED


@pytest.mark.parametrize("told", ["with a length", ""])
@pytest.mark.parametrize("version", [4, 6])
def test_labels_are_read_with_and_without_a_stated_length(
    make_wire: MakeWire, icmp_error: Error, extension: Callable[..., bytes], told: str, version: int
) -> None:
    """RFC 4884's length, or old routers' octet 128: the label stack is told, outermost first."""
    wire, probe = make_wire(version), make_probe()
    kind = 11 if version == 4 else 3
    stack = extension((16_004, 0, 1), (24_001, 5, 254))
    message = icmp_error(kind, 0, wire.craft(probe), quoted=128, extension=stack, told=bool(told), version=version)
    answer = understand(message, wire, probe)
    assert answer is not None
    assert answer.labels == (Label(label=16_004, traffic_class=0, ttl=1), Label(label=24_001, traffic_class=5, ttl=254))


def test_a_damaged_extension_is_none(extension: Callable[..., bytes]) -> None:
    """A checksum that does not fit, an object beyond the end, another version: no labels, not wrong ones."""
    good = extension((100, 0, 1))
    assert label_stack(good)
    for at in range(4, len(good)):
        assert label_stack(good[:at] + bytes([good[at] ^ 0x40]) + good[at + 1 :]) == ()
    assert label_stack(b"\x30" + good[1:]) == ()
    assert label_stack(b"\x20\0\0\0" + struct.pack("!HBB", 400, 1, 1)) == ()
    assert label_stack(b"\x20\0\0\0" + struct.pack("!HBB", 0, 1, 1)) == ()


def translated(
    packet: bytes, *, source: bytes | None = None, checksum: int | None = None, identification: int | None = None
) -> bytes:
    """An IPv4 packet as it is behind a translator."""
    changed = bytearray(packet)
    if source is not None:
        changed[12:16] = source
    if checksum is not None:
        changed[26:28] = struct.pack("!H", checksum)
    if identification is not None:
        changed[4:6] = struct.pack("!H", identification)
    return bytes(changed)


def test_a_translator_on_the_way_is_told_by_what_differs(make_wire: MakeWire, icmp_error: Error) -> None:
    """The probe is still known, by its identification, and the rewritten fields are named."""
    wire, probe = make_wire(), make_probe()
    seen = translated(wire.craft(probe), checksum=0x1234)
    answer = understand(icmp_error(11, 0, seen), wire, probe)
    assert answer is not None
    assert (answer.ident, answer.rewritten) == (321, ("checksum",))
    seen = translated(wire.craft(probe), source=bytes([203, 0, 113, 77]), checksum=0x1234)
    answer = understand(icmp_error(11, 0, seen), wire, probe)
    assert answer is not None
    assert answer.rewritten == ("source address", "checksum")


def test_the_payload_vouches_when_everything_else_was_rewritten(make_wire: MakeWire, icmp_error: Error) -> None:
    """A router that quotes more than it must tells the probe by the run's own token."""
    wire, probe = make_wire(), make_probe()
    changed = bytearray(translated(wire.craft(probe), source=bytes(4), checksum=9, identification=9))
    changed[20:22] = b"\x00\x09"
    answer = understand(icmp_error(11, 0, bytes(changed), quoted=36), wire, probe)
    assert answer is not None
    assert (answer.ident, answer.rewritten) == (321, ("source address", "source port", "checksum"))


def test_what_is_about_somebody_elses_packet_is_no_answer(make_wire: MakeWire, icmp_error: Error) -> None:
    """Another port, another destination from another source, a number that was never sent, another protocol."""
    wire, probe = make_wire(), make_probe()
    other_port = bytearray(wire.craft(probe))
    other_port[22:24] = b"\x00\x35"
    other_ends = bytearray(wire.craft(probe))
    other_ends[12:20] = bytes(8)
    never_sent = wire.craft(make_probe(999))
    other_protocol = bytearray(wire.craft(probe))
    other_protocol[9] = 47
    for packet in (other_port, other_ends, never_sent, other_protocol):
        assert understand(icmp_error(11, 0, bytes(packet)), wire, probe) is None


def segment(wire: Wire, flow: int, acknowledged: int, flags: int) -> bytes:
    """A TCP segment of the destination."""
    return struct.pack("!HHIIBBHHH", wire.destination_port, wire.source_ports[flow], 1, acknowledged, 5 << 4, flags, 0, 0, 0)


def test_a_syn_is_answered_by_syn_ack_or_reset(make_wire: MakeWire) -> None:
    """From the destination, to the flow's port, acknowledging our sequence number; anything else is somebody's connection."""
    wire, probe = make_wire(), make_probe(method=Method.TCP)
    next_one, away = wire.sequence(321) + 1, str(wire.destination)
    known = {probe.ident: probe}
    for flags in (0x12, 0x14):
        answer = segment_answer(segment(wire, 2, next_one, flags), sender=away, wire=wire, sent=known.get)
        assert answer == Answer(kind=Kind.REACHED, address=away, ident=321)
    assert segment_answer(segment(wire, 2, next_one, 0x10), sender=away, wire=wire, sent=known.get) is None
    assert segment_answer(segment(wire, 1, next_one, 0x12), sender=away, wire=wire, sent=known.get) is None
    assert segment_answer(segment(wire, 2, next_one + (1 << 20), 0x12), sender=away, wire=wire, sent=known.get) is None
    assert segment_answer(segment(wire, 2, next_one, 0x12), sender=ROUTER[4], wire=wire, sent=known.get) is None
    assert segment_answer(b"\0" * 12, sender=away, wire=wire, sent=known.get) is None


@pytest.mark.parametrize("version", [4, 6])
def test_an_echo_reply_is_ours_by_its_payload(make_wire: MakeWire, version: int) -> None:
    """Sequence number and token; another program's ping is none of ours."""
    wire, probe = make_wire(version), make_probe(method=Method.ICMP)
    request = wire.craft(probe)[20 if version == 4 else 40 :]
    reply = bytes([0 if version == 4 else 129]) + request[1:]
    assert understand(reply, wire, probe, sender=str(wire.destination)) == Answer(
        kind=Kind.REACHED, address=str(wire.destination), ident=321
    )
    assert understand(reply[:8] + bytes(len(reply) - 8), wire, probe) is None
    assert understand(reply[:8], wire, probe) is None


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (b"\x0b\0\0", "3 octets are no ICMP header"),
        (b"\x0b\0\0\0\0\0\0\0" + b"\x45" + bytes(10), "octet 8: 11 octets quote no IPv4 header"),
        (b"\x0b\0\0\0\0\0\0\0" + b"\x60" + bytes(40), "octet 8: quotes IP version 6 in IPv4"),
        (b"\x0b\0\0\0\0\0\0\0" + b"\x45" + bytes(24), "octet 28: 5 octets quoted"),
        (b"\x0b\0\0\0\0\0\0\0" + b"\x41" + bytes(40), "octet 12"),
    ],
)
def test_what_is_no_message_is_told_with_its_place(message: bytes, said: str) -> None:
    """The octet at which it breaks."""
    with pytest.raises(IcmpError, match=said):
        read(message, version=4)


def test_messages_that_are_none_of_our_business_are_none() -> None:
    """Redirects, echo requests, neighbour discovery."""
    assert read(b"\x05\0\0\0\0\0\0\0", version=4) is None
    assert read(b"\x08\0\0\0\0\0\0\0", version=4) is None
    assert read(b"\x87\0\0\0\0\0\0\0", version=6) is None


def fixed_wire(version: int) -> Wire:
    """Flows without a fixture, which Hypothesis would not make anew."""
    from ipaddress import ip_address  # noqa: PLC0415 - beside its one use

    home, away = ("192.0.2.1", "198.51.100.9") if version == 4 else ("2001:db8::1", "2001:db8:9::9")
    ports = dict.fromkeys(range(4), 50_000)
    return Wire(source=ip_address(home), destination=ip_address(away), destination_port=33_434, source_ports=ports, token=7)


@given(
    version=st.sampled_from([4, 6]),
    kind=st.sampled_from([0, 1, 2, 3, 11, 129]),
    head=st.binary(min_size=7, max_size=7),
    method=st.sampled_from(list(Method)),
    damage=st.tuples(
        st.integers(0, 200), st.lists(st.tuples(st.integers(0, 199), st.integers(0, 255)), max_size=6), st.binary(max_size=160)
    ),
)
def test_no_octets_break_the_reader(
    version: int, kind: int, head: bytes, method: Method, damage: tuple[int, list[tuple[int, int]], bytes]
) -> None:
    """Any octets are a message, nothing of ours, or an IcmpError; an answer is always to a probe that was sent."""
    wire = fixed_wire(version)
    probe = make_probe(method=method)
    cut, flips, tail = damage
    body = bytearray(wire.craft(probe)[:cut] + tail)
    for at, value in flips:
        if at < len(body):
            body[at] = value
    try:
        message = read(bytes([kind]) + head + bytes(body), version=version)
    except IcmpError:
        return
    if message is not None:
        answer = answer_of(message, sender=ROUTER[version], wire=wire, sent={321: probe}.get)
        assert answer is None or answer.ident == 321


@given(st.binary(max_size=80))
def test_no_segment_breaks_the_reader(octets: bytes) -> None:
    """Any octets from the destination: an answer to a SYN of ours, or nothing."""
    wire = fixed_wire(4)
    probe = make_probe(method=Method.TCP)
    answer = segment_answer(octets, sender=str(wire.destination), wire=wire, sent={321: probe}.get)
    assert answer is None or answer.ident == 321
