"""Export of other vendors' making, built by hand: NetFlow v5 and v9, IPFIX and sFlow v5 to rows."""

from __future__ import annotations

import ipaddress
import struct
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from faultline import native
from faultline.native import ExportDecoder

SRC, DST = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])


def ipfix(*sets: bytes, sequence: int = 0, domain: int = 1, export_s: int = 100) -> bytes:
    """One IPFIX message."""
    body = b"".join(sets)
    return struct.pack("!HHIII", 10, 16 + len(body), export_s, sequence, domain) + body


def netflow9(*sets: bytes, sequence: int = 0, source: int = 1, uptime_ms: int = 5000, export_s: int = 100) -> bytes:
    """One v9 packet."""
    return struct.pack("!HHIIII", 9, len(sets), uptime_ms, export_s, sequence, source) + b"".join(sets)


def one_set(number: int, content: bytes) -> bytes:
    """A set of any number."""
    return struct.pack("!HH", number, 4 + len(content)) + content


def template(number: int, *fields: tuple[int, int] | tuple[int, int, int]) -> bytes:
    """A template: (element, length) or (element, length, enterprise)."""
    return struct.pack("!HH", number, len(fields)) + b"".join(map(_spec, fields))


def options_template(number: int, scope: int, *fields: tuple[int, int] | tuple[int, int, int]) -> bytes:
    """An IPFIX options template."""
    return struct.pack("!HHH", number, len(fields), scope) + b"".join(map(_spec, fields))


def _spec(field: tuple[int, ...]) -> bytes:
    if len(field) == 2:
        return struct.pack("!HH", *field)
    return struct.pack("!HHI", 0x8000 | field[0], field[1], field[2])


def decode(*datagrams: bytes) -> list[dict[str, Any]]:
    """Rows of datagrams of one exporter."""
    decoder = ExportDecoder()
    return [row for datagram in datagrams for row in decoder.datagram(datagram, "r1")]


def netflow5(count: int = 1, *, sequence: int = 0, sampling: int = 0, uptime_ms: int = 5000) -> bytes:
    """A v5 datagram."""
    header = struct.pack("!HHIIIIBBH", 5, count, uptime_ms, 100, 500, sequence, 1, 2, sampling)
    record = (
        SRC
        + DST
        + bytes(4)
        + struct.pack("!HHIIIIHHBBBBHHBBH", 3, 4, 7, 900, 1000, 2000, 53, 4000, 0, 0x1B, 17, 8, 1, 2, 24, 16, 0)
    )
    return header + record * count


def test_netflow5_has_the_names_of_iana() -> None:
    """A v5 record comes under the IANA elements of the same meaning, with the instant its uptime counts from."""
    (row,) = decode(netflow5())
    assert row["record"] == {
        "sourceIPv4Address": "10.0.0.1",
        "destinationIPv4Address": "10.0.0.2",
        "ipNextHopIPv4Address": "0.0.0.0",
        "ingressInterface": 3,
        "egressInterface": 4,
        "packetDeltaCount": 7,
        "octetDeltaCount": 900,
        "flowStartSysUpTime": 1000,
        "flowEndSysUpTime": 2000,
        "sourceTransportPort": 53,
        "destinationTransportPort": 4000,
        "tcpControlBits": 0x1B,
        "protocolIdentifier": 17,
        "ipClassOfService": 8,
        "bgpSourceAsNumber": 1,
        "bgpDestinationAsNumber": 2,
        "sourceIPv4PrefixLength": 24,
        "destinationIPv4PrefixLength": 16,
    }
    assert (row["exporter"], row["protocol"], row["domain"]) == ("r1", "netflow5", 0x0102)
    assert row["export_ns"] == 100_000_000_500
    assert row["system_init_ns"] == 95_000_000_500
    assert "template" not in row


def test_sampling_that_no_one_told_is_absent() -> None:
    """A v5 interval of 0 is no statement, in particular not one in one."""
    assert "options" not in decode(netflow5())[0]
    said = decode(netflow5(sampling=1 << 14 | 100))[0]["options"]
    assert said == {"domain": {"samplingInterval": 100, "samplingAlgorithm": 1}}


def test_a_set_waits_for_its_template() -> None:
    """Data that come before their template are decoded when it comes, and marked."""
    decoder = ExportDecoder()
    data = one_set(256, SRC + struct.pack("!I", 7))
    assert decoder.datagram(ipfix(data), "r1") == []
    assert decoder.summary()["held"] == 1
    other = decoder.datagram(ipfix(one_set(2, template(256, (1, 8))), domain=2), "r1")
    assert other == []
    (row,) = decoder.datagram(ipfix(one_set(2, template(256, (8, 4), (2, 4))), sequence=1), "r1")
    assert row["record"] == {"sourceIPv4Address": "10.0.0.1", "packetDeltaCount": 7}
    assert row["held"] is True
    counted = decoder.summary()
    assert (counted["unknown_templates"], counted["held"], counted["held_decoded"]) == (1, 0, 1)


def test_the_buffer_of_waiting_sets_is_bounded() -> None:
    """An exporter whose templates never come cannot fill the memory: the oldest sets are given up and counted."""
    decoder = ExportDecoder()
    for _ in range(100):
        decoder.datagram(ipfix(one_set(300, bytes(65_000))), "r1")
    counted = decoder.summary()
    assert counted["held"] == 64
    assert counted["held_dropped"] == 36


def test_templates_belong_to_an_exporter_and_domain() -> None:
    """The same template number means different things for different exporters, domains and protocols."""
    decoder = ExportDecoder()
    decoder.datagram(ipfix(one_set(2, template(256, (2, 4)))), "r1")
    assert decoder.datagram(ipfix(one_set(256, bytes(4))), "r2") == []
    assert decoder.datagram(ipfix(one_set(256, bytes(4)), domain=9), "r1") == []
    assert decoder.datagram(netflow9(one_set(256, bytes(4))), "r1") == []
    assert len(decoder.datagram(ipfix(one_set(256, bytes(4))), "r1")) == 1


def test_a_withdrawn_template_is_forgotten() -> None:
    """After a withdrawal (RFC 7011, 8.1) data of that number wait again."""
    known = ipfix(one_set(2, template(256, (2, 4))))
    rows = decode(known, ipfix(one_set(2, struct.pack("!HH", 256, 0))), ipfix(one_set(256, bytes(4))))
    assert rows == []
    all_of_them = ipfix(one_set(2, struct.pack("!HH", 2, 0)))
    assert decode(known, all_of_them, ipfix(one_set(256, bytes(4)))) == []


def test_values_come_in_every_length_and_direction() -> None:
    """Reduced size, variable length of both forms, reverse twins, enterprise elements and repeated ones."""
    fields = ((1, 3), (82, 0xFFFF), (83, 0xFFFF), (1, 4, 29305), (7, 2, 4242), (46, 1), (46, 1), (323, 8), (154, 8))
    long = b"d" * 300
    data = (
        b"\x01\x00\x00"
        b"\x04eth0"
        b"\xff"
        + struct.pack("!H", 300)
        + long
        + struct.pack("!I", 9)
        + b"\xab\xcd"
        + b"\x01\x02"
        + struct.pack("!Q", 1_700_000_000_123)
        + struct.pack("!II", 2_208_988_800 + 5, 1 << 31)
    )
    (row,) = decode(ipfix(one_set(2, template(256, *fields)), one_set(256, data)))
    assert row["record"] == {
        "octetDeltaCount": 65536,
        "interfaceName": "eth0",
        "interfaceDescription": long.decode(),
        "reverseOctetDeltaCount": 9,
        "4242/7": "abcd",
        "mplsTopLabelType": [1, 2],
        "observationTimeMilliseconds": 1_700_000_000_123,
        "flowStartMicroseconds": 5_500_000,
    }


def test_our_own_elements_have_their_types() -> None:
    """What our probe exports is read with the field table's types, under enterprise number and element."""
    messages = native.encode_records(
        "link_event", [{"interface": "eth0", "event_ns": 123_456_789, "event": "link_up"}], export_s=1
    )
    (row,) = decode(messages)
    assert row["record"] == {"32473/9": 5, "interfaceName": "eth0", "32473/110": 123_456_789, "32473/111": "link_up"}


def test_structured_lists_are_lists() -> None:
    """RFC 6313: a basic list of values, a list of records of one template, and of several."""
    sub = template(300, (8, 4), (7, 2))
    outer = template(256, (291, 0xFFFF), (292, 0xFFFF), (293, 0xFFFF))
    basic = b"\x03" + struct.pack("!HH", 7, 2) + struct.pack("!HH", 53, 80)
    record = SRC + struct.pack("!H", 443)
    sub_list = b"\x03" + struct.pack("!H", 300) + record * 2
    multi = b"\x03" + struct.pack("!HH", 300, 4 + len(record)) + record
    data = b"".join(bytes([len(part)]) + part for part in (basic, sub_list, multi))
    (row,) = decode(ipfix(one_set(2, sub + outer), one_set(256, data)))
    member = {"sourceIPv4Address": "10.0.0.1", "sourceTransportPort": 443}
    assert row["record"] == {"basicList": [53, 80], "subTemplateList": [member, member], "subTemplateMultiList": [member]}


def test_lists_inside_lists_end_somewhere() -> None:
    """A list that holds itself is shown as octets past the fourth level, not followed for ever."""
    inner = b"\x03" + struct.pack("!HH", 7, 2) + struct.pack("!H", 53)
    for _ in range(8):
        inner = b"\x03" + struct.pack("!HH", 291, 0xFFFF) + bytes([len(inner)]) + inner
    (row,) = decode(ipfix(one_set(2, template(256, (291, 0xFFFF))), one_set(256, bytes([len(inner)]) + inner)))
    depth, value = 0, row["record"]["basicList"]
    while isinstance(value, list):
        depth, value = depth + 1, value[0]
    assert depth == 4


def test_options_are_joined_by_their_scope() -> None:
    """An interface's name is joined by either interface, a sampler's rate by its id; the options record is a row of its own."""
    interface = one_set(3, options_template(400, 1, (10, 4), (82, 0xFFFF)))
    sampler = one_set(3, options_template(401, 1, (302, 2), (305, 4)))
    said = one_set(400, struct.pack("!I", 5) + b"\x04wan0") + one_set(401, struct.pack("!HI", 9, 1000))
    flow = one_set(2, template(256, (10, 4), (14, 2), (48, 1))) + one_set(256, struct.pack("!IHB", 4, 5, 9))
    options, rate, row = decode(ipfix(interface, sampler, said, flow))
    assert options["record"] == {"ingressInterface": 5, "interfaceName": "wan0"}
    assert options["scope"] == ["ingressInterface"]
    assert rate["scope"] == ["selectorId"]
    assert row["options"] == {"egressInterface": {"interfaceName": "wan0"}, "samplerId": {"samplingPacketInterval": 1000}}


def test_a_scope_of_the_whole_exporter_joins_every_record() -> None:
    """Sampling told for the system applies to all its flows, of this domain only."""
    options = netflow9(
        one_set(1, struct.pack("!HHHHHHHHH", 300, 4, 4, 1, 4, 34, 4, 0, 0)), one_set(300, struct.pack("!II", 7, 512))
    )
    flow = netflow9(one_set(0, template(256, (2, 4))), one_set(256, bytes(4)), sequence=1)
    elsewhere = netflow9(one_set(0, template(256, (2, 4))), one_set(256, bytes(4)), source=2)
    said, row, other = decode(options, flow, elsewhere)
    assert said["record"] == {"system": 7, "samplingInterval": 512}
    assert row["options"] == {"domain": {"samplingInterval": 512}}
    assert "options" not in other


def test_running_counts_of_the_exporter_are_not_joined() -> None:
    """What an exporter has sent so far (RFC 7011, 4) is a row of its own and no property of any flow."""
    options = one_set(3, options_template(400, 1, (144, 4), (41, 8), (34, 4))) + one_set(400, struct.pack("!IQI", 7, 99, 10))
    flow = one_set(2, template(256, (2, 4))) + one_set(256, bytes(4))
    said, row = decode(ipfix(options, flow))
    assert said["record"]["exportedMessageTotalCount"] == 99
    assert row["options"] == {"domain": {"samplingInterval": 10}}


def test_rows_of_a_table_under_the_system_scope_are_joined_by_their_key() -> None:
    """Cisco tells interfaces and applications under scope "System": the table's own key joins, not the last row for all."""
    options = one_set(1, struct.pack("!HHHHHHHHH", 300, 4, 8, 1, 4, 10, 4, 82, 4) + b"\0\0")
    rows = one_set(300, struct.pack("!II4s", 1, 3, b"ge3\0") + struct.pack("!II4s", 1, 4, b"ge4\0"))
    flow = one_set(0, template(256, (10, 2), (14, 2))) + one_set(256, struct.pack("!HH", 4, 9))
    *_, row = decode(netflow9(options, rows, flow))
    assert row["options"] == {"ingressInterface": {"interfaceName": "ge4"}}


def test_type_information_records_teach_types() -> None:
    """RFC 5610: an exporter that says what its enterprise element is has it read so."""
    teach = one_set(3, options_template(400, 2, (346, 4), (303, 2), (339, 1)))
    told = one_set(400, struct.pack("!IHB", 4242, 7, 13))
    flow = one_set(2, template(256, (7, 4, 4242))) + one_set(256, b"name")
    row = decode(ipfix(teach, told, flow))[-1]
    assert row["record"] == {"4242/7": "name"}


def test_nprobes_elements_keep_their_enterprise_in_netflow9() -> None:
    """v9 has no enterprise numbers: 57472 + n is nProbe's element n."""
    (row,) = decode(netflow9(one_set(0, template(256, (57472 + 109, 4))), one_set(256, struct.pack("!I", 3))))
    assert row["record"] == {"35632/109": "00000003"}
    assert row["system_init_ns"] == 95_000_000_000


def gaps_of(*datagrams: bytes) -> dict[str, Any]:
    """Sequence gaps by protocol."""
    decoder = ExportDecoder()
    for datagram in datagrams:
        decoder.datagram(datagram, "r1")
    return dict(decoder.summary()["sequence_gaps"])


def test_gaps_are_counted_in_each_protocols_own_unit() -> None:
    """v5 counts flows, v9 packets, IPFIX data records, sFlow datagrams."""
    known = one_set(2, template(256, (2, 4)))
    two = one_set(256, bytes(8))
    assert gaps_of(netflow5(3), netflow5(2, sequence=3), netflow5(1, sequence=10))["netflow5"] == {
        "gaps": 1,
        "lost": 5,
        "unit": "flows",
        "late": 0,
        "restarts": 0,
    }
    assert gaps_of(netflow9(sequence=7), netflow9(sequence=8)) == {}
    assert gaps_of(netflow9(sequence=7), netflow9(sequence=10))["netflow9"]["lost"] == 2
    assert gaps_of(ipfix(known, two), ipfix(two, sequence=2), ipfix(two, sequence=4)) == {}
    assert gaps_of(ipfix(known, two), ipfix(two, sequence=9))["ipfix"]["lost"] == 7
    assert gaps_of(sflow(sequence=1), sflow(sequence=2), sflow(sequence=5))["sflow5"]["lost"] == 2
    late = gaps_of(netflow9(sequence=7), netflow9(sequence=9), netflow9(sequence=8))["netflow9"]
    assert (late["lost"], late["late"]) == (0, 1)


def sflow(*samples: bytes, sequence: int = 1) -> bytes:
    """An sFlow datagram of agent 192.0.2.1."""
    return struct.pack("!II4sIIII", 5, 1, bytes([192, 0, 2, 1]), 3, sequence, 1000, len(samples)) + b"".join(samples)


def sflow_part(number: int, content: bytes) -> bytes:
    """A sample or a structure of one."""
    return struct.pack("!II", number, len(content)) + content


def a_frame() -> bytes:
    """Ethernet, one VLAN tag, IPv4, TCP SYN."""
    ethernet = bytes(range(12)) + struct.pack("!HHH", 0x8100, 0x2000 | 77, 0x0800)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0x10, 60, 1, 0, 63, 6, 0, SRC, DST)
    return ethernet + ip + struct.pack("!HHIIHHHH", 1234, 80, 1, 0, 0x5002, 100, 0, 0)


def test_sflow_samples_are_rows() -> None:
    """A sampled header is read as far as it is there; the rate is the sample's own; unknown interfaces are absent."""
    frame = a_frame()
    header = struct.pack("!IIII", 1, 64, 4, len(frame)) + frame + bytes(-len(frame) % 4)
    content = struct.pack("!IIIIIIII", 9, 1, 256, 5120, 0, 12, 0, 1) + sflow_part(1, header)
    (row,) = decode(sflow(sflow_part(1, content)))
    assert (row["exporter"], row["domain"], row["sample"]) == ("192.0.2.1", 3, "flow")
    assert "export_ns" not in row
    assert row["record"] == {
        "samplingInterval": 256,
        "samplePool": 5120,
        "drops": 0,
        "ingressInterface": 12,
        "dataLinkFrameSize": 64,
        "destinationMacAddress": "00:01:02:03:04:05",
        "sourceMacAddress": "06:07:08:09:0a:0b",
        "dot1qVlanId": 77,
        "ethernetType": 0x0800,
        "ipVersion": 4,
        "ipClassOfService": 16,
        "ipTotalLength": 60,
        "fragmentIdentification": 1,
        "fragmentOffset": 0,
        "ipTTL": 63,
        "protocolIdentifier": 6,
        "sourceIPv4Address": "10.0.0.1",
        "destinationIPv4Address": "10.0.0.2",
        "sourceTransportPort": 1234,
        "destinationTransportPort": 80,
        "tcpControlBits": 2,
    }


def test_sflow_counters_that_the_agent_lacks_are_absent() -> None:
    """All ones is "not available" in sFlow, and no number."""
    interface = struct.pack("!IIQIIQIIIIIIQIIIIII", 3, 6, 10**9, 1, 3, 500, 7, *[2**32 - 1] * 4, 1, 600, *[0] * 5, 2)
    (row,) = decode(sflow(sflow_part(2, struct.pack("!III", 1, 1, 1) + sflow_part(1, interface))))
    assert row["sample"] == "counters"
    assert row["record"]["ifInOctets"] == 500
    assert row["record"]["ifOutOctets"] == 600
    assert "ifInErrors" not in row["record"]


def test_a_bad_part_costs_itself_only() -> None:
    """A cut set, a reserved number, a broken template: counted by reason, told with the octet, the rest decoded."""
    good = one_set(2, template(256, (2, 4))) + one_set(256, bytes(4))
    bad_template = one_set(2, struct.pack("!HH", 300, 9) + bytes(4))
    decoder = ExportDecoder()
    rows = decoder.datagram(ipfix(one_set(77, b""), bad_template, good), "r1")
    rows += decoder.datagram(ipfix(good, struct.pack("!HH", 256, 400)), "r1")
    assert len(rows) == 2
    assert decoder.summary()["malformed"] == {"reserved set id": 1, "malformed template": 1, "malformed set": 1}
    problems = decoder.take_problems()
    assert problems[0] == "r1: octet 20: set id 77"
    assert decoder.take_problems() == []


def test_a_length_that_is_a_few_octets_short_does_not_cost_the_last_set() -> None:
    """Exporters exist that count their message two octets short; the sets say where they end."""
    message = bytearray(ipfix(one_set(2, template(256, (2, 4))), one_set(256, bytes(4))))
    struct.pack_into("!H", message, 2, len(message) - 2)
    decoder = ExportDecoder()
    assert len(decoder.datagram(bytes(message), "r1")) == 1
    assert decoder.summary()["malformed"] == {"wrong message length": 1}


def test_templates_cannot_fill_the_memory() -> None:
    """A flood of templates stops at a bound and is counted; known templates go on."""
    decoder = ExportDecoder()
    decoder.datagram(ipfix(one_set(2, template(256, (2, 4)))), "r1")
    fields = [(1, 8)] * 16_000
    for domain in range(70):
        decoder.datagram(ipfix(one_set(2, template(300, *fields)), domain=domain), "flood")
    assert decoder.summary()["malformed"]["too many templates"] > 0
    assert len(decoder.datagram(ipfix(one_set(256, bytes(4))), "r1")) == 1


a_set = st.builds(one_set, st.sampled_from([0, 1, 2, 3, 256, 257, 1024]), st.binary(max_size=60))
a_datagram = st.one_of(
    st.binary(max_size=120),
    st.builds(lambda sets: ipfix(*sets), st.lists(a_set, max_size=5)),
    st.builds(lambda sets: netflow9(*sets), st.lists(a_set, max_size=5)),
    st.builds(lambda tail: sflow() + tail, st.binary(max_size=120)),
    st.builds(
        lambda parts: sflow(*parts), st.lists(st.builds(sflow_part, st.integers(1, 6), st.binary(max_size=120)), max_size=3)
    ),
    st.builds(lambda count, tail: netflow5(count) + tail, st.integers(0, 31), st.binary(max_size=60)),
)


@given(st.lists(a_datagram, max_size=8))
def test_no_octets_make_it_fall_over(datagrams: list[bytes]) -> None:
    """Whatever comes in, rows and counts come out, and the records counted are the rows given."""
    decoder = ExportDecoder()
    rows = [row for datagram in datagrams for row in decoder.datagram(datagram, str(ipaddress.ip_address(1)))]
    counted = decoder.summary()
    assert counted["records"] == len(rows)
    assert counted["datagrams"] == len(datagrams)


@given(st.data())
def test_flipped_octets_never_cost_another_exporter_anything(data: st.DataObject) -> None:
    """A damaged datagram of one exporter leaves another's templates as they are."""
    damaged = bytearray(ipfix(one_set(2, template(256, (8, 4), (82, 0xFFFF))), one_set(256, SRC + b"\x03abc")))
    for at in data.draw(st.lists(st.integers(0, len(damaged) - 1), max_size=4)):
        damaged[at] ^= data.draw(st.integers(1, 255))
    decoder = ExportDecoder()
    decoder.datagram(ipfix(one_set(2, template(256, (2, 4)))), "r1")
    decoder.datagram(bytes(damaged), "r2")
    assert decoder.datagram(ipfix(one_set(256, struct.pack("!I", 5))), "r1")[0]["record"] == {"packetDeltaCount": 5}
