"""Records to IPFIX batches and back, through the compiled module."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultline import native
from faultline.records.fields import Column, FieldType, Record, table
from faultline.records.histogram import Histogram

RECORDS = [record for record in table().records.values() if record.name not in {"batch", "seal"}]
OLDEST_NS = -61_505_152 * 10**9
NEWEST_NS = 4_233_462_144 * 10**9 - 1
ARROW = {
    FieldType.U8: pa.uint8(),
    FieldType.U16: pa.uint16(),
    FieldType.U32: pa.uint32(),
    FieldType.U64: pa.uint64(),
    FieldType.I64: pa.int64(),
    FieldType.F64: pa.float64(),
    FieldType.BOOL: pa.bool_(),
    FieldType.STRING: pa.string(),
    FieldType.ADDRESS: pa.string(),
    FieldType.TIME_NS: pa.int64(),
    FieldType.OCTETS: pa.binary(),
    FieldType.HIST: pa.binary(),
    FieldType.LIST: pa.binary(),
}


def header(records: int, **changes: Any) -> dict[str, Any]:
    """A batch header."""
    return {
        "probe": "p1",
        "incarnation": 2**64 - 1,
        "stream": "measurements",
        "seq": 7,
        "wall_ns": 1_700_000_000_000_000_001,
        "monotonic_ns": 5,
        "watermark_ns": 1_700_000_000_000_000_000,
        "records": records,
    } | changes


def event(**changes: Any) -> dict[str, Any]:
    """A small record."""
    return {"interface": "eth0", "event_ns": 1_700_000_000_123_456_789, "event": "link_down"} | changes


def batch_of(kind: str, rows: list[dict[str, Any]]) -> bytes:
    """A sealed batch of records of one kind."""
    return native.seal_batch(header(len(rows)), native.encode_records(kind, rows, export_s=1), export_s=2)


def rows_of(batch: bytes, kind: str) -> list[dict[str, Any]]:
    """Decoded rows, absent values left out."""
    decoded = native.decode_batch(batch)
    assert decoded.problems == []
    found = pa.table(decoded.table(kind)).to_pylist()
    return [{key: value for key, value in row.items() if value is not None} for row in found]


def unsigned(bits: int) -> st.SearchStrategy[int]:
    """Integers with a taste for the bounds of types and of reduced encodings."""
    edges = [edge for edge in (0, 1, 2**8 - 1, 2**16 - 1, 2**32 - 1, 2**32, 2**63, 2**64 - 1) if edge < 2**bits]
    return st.sampled_from(edges) | st.integers(0, 2**bits - 1)


VALUES: dict[FieldType, st.SearchStrategy[Any]] = {
    FieldType.U8: unsigned(8),
    FieldType.U16: unsigned(16),
    FieldType.U32: unsigned(32),
    FieldType.U64: unsigned(64),
    FieldType.I64: st.sampled_from([-(2**63), -1, 0, 2**63 - 1]) | st.integers(-(2**63), 2**63 - 1),
    FieldType.F64: st.floats(allow_nan=False),
    FieldType.BOOL: st.booleans(),
    FieldType.STRING: st.text(max_size=20) | st.just("x" * 254) | st.just("x" * 255) | st.just("y" * 3000),
    FieldType.ADDRESS: st.ip_addresses().map(str),
    FieldType.TIME_NS: st.sampled_from([OLDEST_NS, -1, 0, NEWEST_NS]) | st.integers(OLDEST_NS, NEWEST_NS),
    FieldType.OCTETS: st.binary(max_size=300),
    FieldType.HIST: st.lists(st.integers(-(2**63), 2**63 - 1), max_size=30).map(lambda values: Histogram(values).encode()),
    FieldType.LIST: st.binary(max_size=20).map(lambda octets: octets * 17),
}


def a_row(record: Record) -> st.SearchStrategy[dict[str, Any]]:
    """A row with every required field and any of the others."""
    required = {column.name: VALUES[column.field.type] for column in record.columns if column.required}
    optional = {column.name: VALUES[column.field.type] for column in record.columns if not column.required}
    return st.fixed_dictionaries(required, optional=optional)


def in_order_of(rows: list[dict[str, Any]]) -> list[str]:
    """Rows of different templates may change places; sorted text compares them."""
    return sorted(repr(sorted((key, str(value)) for key, value in row.items())) for row in rows)


def same_address(row: Mapping[str, Any]) -> dict[str, Any]:
    """IPv6 text as Rust writes it is RFC 5952, as Python's is, but for the mapped IPv4 form: compare numbers."""
    return {key: str(ipaddress.ip_address(value)) if key.endswith("_address") else value for key, value in row.items()}


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
@given(data=st.data())
def test_what_was_encoded_is_decoded_unchanged(record: Record, data: st.DataObject) -> None:
    """Every record kind comes back with the same values at the bounds of its types, and what was absent is absent."""
    rows = data.draw(st.lists(a_row(record), max_size=5))
    back = rows_of(batch_of(record.name, rows), record.name)
    assert in_order_of([same_address(row) for row in back]) == in_order_of([same_address(row) for row in rows])


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-100, 100), max_size=60))
def test_both_histograms_are_the_same_octets(values: list[int]) -> None:
    """Rust and Python count into the same buckets and write them alike, bit for bit."""
    assert native.histogram_encode(values) == Histogram(values).encode()


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_a_table_has_every_column_of_its_record(record: Record) -> None:
    """Columns are those of the field table in order, with their types, also when there is no row."""

    def kind(column: Column) -> pa.DataType:
        return ARROW[column.field.type]

    found = pa.table(native.decode_batch(batch_of("link_event", [])).table(record.name))
    assert [(field.name, field.type) for field in found.schema] == [(column.name, kind(column)) for column in record.columns]
    assert found.num_rows == 0


def test_duckdb_reads_a_table_as_it_is() -> None:
    """The Arrow stream can be read more than once, by engines that know nothing of us."""
    decoded = native.decode_batch(batch_of("link_event", [event(), event(event="link_up")]))
    events = decoded.table("link_event")
    for _ in range(2):
        assert duckdb.sql("select event from events order by 1").fetchall() == [("link_down",), ("link_up",)]
    assert len(events) == decoded.rows("link_event") == 2


def test_several_kinds_live_in_one_batch() -> None:
    """Messages of several calls are concatenated; each kind gets its own table."""
    gaps = [{"stream": "flows", "gap_first_seq": 3, "gap_last_seq": 9, "gap_reason": "quota"}]
    messages = native.encode_records("link_event", [event()], export_s=1) + native.encode_records("gap", gaps, export_s=1)
    decoded = native.decode_batch(native.seal_batch(header(2), messages, export_s=2))
    assert decoded.kinds() == ["link_event", "gap"]
    assert pa.table(decoded.table("gap")).to_pylist() == gaps


def test_the_header_is_read_without_the_rest() -> None:
    """What the ledger needs comes from the first message; absent fields are absent."""
    batch = batch_of("link_event", [])
    assert native.batch_header(batch) == header(0)
    assert native.decode_batch(batch).header == header(0)
    with_times = native.seal_batch(header(0, first_ns=1, last_ns=2), b"", export_s=2)
    assert native.batch_header(with_times) == header(0, first_ns=1, last_ns=2)


def messages_of(octets: bytes) -> list[bytes]:
    """Whole IPFIX messages."""
    found = []
    while octets:
        (length,) = struct.unpack_from("!H", octets, 2)
        found.append(octets[:length])
        octets = octets[length:]
    return found


def test_messages_fit_their_length_field_and_count_records() -> None:
    """Many rows become several messages, each with its template, numbered by the data records before them."""
    rows = [event(interface=f"eth{number}", event="x" * 1000) for number in range(200)]
    batch = batch_of("link_event", rows)
    parts = messages_of(batch)
    assert len(parts) > 4
    sequences = [struct.unpack_from("!I", part, 8)[0] for part in parts]
    assert sequences[0] == 0
    assert sequences[1] == 1
    assert sequences == sorted(sequences)
    assert sequences[-1] == 201
    assert rows_of(batch, "link_event") == rows
    for part, first, after in zip(parts[1:-1], sequences[1:-1], sequences[2:], strict=True):
        alone = native.seal_batch(header(after - first), part, export_s=2)
        assert native.decode_batch(alone).problems == []


def test_a_wrong_record_count_is_refused() -> None:
    """The header cannot claim records that are not there."""
    with pytest.raises(ValueError, match="records: header says 2, the messages hold 1"):
        native.seal_batch(header(2), native.encode_records("link_event", [event()], export_s=1), export_s=2)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"interface": "a", "event": "b"}, "row 1 of link_event: event_ns: missing"),
        (event(event=None), "row 1 of link_event: event: missing"),
        (event(colour=1), "row 1 of link_event: colour: no such field"),
        (event(event=3), "row 1 of link_event: event: expected text, not int"),
        (event(event_ns="now"), "row 1 of link_event: event_ns: expected an integer, not str"),
        (event(event_ns=True), "row 1 of link_event: event_ns: expected an integer, not bool"),
        (event(event_ns=2**63), "row 1 of link_event: event_ns: 9223372036854775808 is outside 64 bits"),
        (event(event_ns=NEWEST_NS + 1), "outside 1968..2104"),
        (event(event="x" * 70_000), "does not fit a message"),
    ],
)
def test_a_bad_row_is_named(row: dict[str, Any], reason: str) -> None:
    """The error says which row and which field."""
    with pytest.raises(ValueError, match=reason):
        native.encode_records("link_event", [event(), row], export_s=1)


def test_an_unknown_kind_is_named() -> None:
    """A record kind outside the table is a ValueError that lists what there is."""
    with pytest.raises(ValueError, match=r'no record kind "flight"; there are flow, session'):
        native.encode_records("flight", [], export_s=1)


def test_every_torn_tail_is_seen() -> None:
    """A batch cut at any octet is not a batch."""
    batch = batch_of("link_event", [event()])
    for end in range(len(batch)):
        with pytest.raises(native.MalformedError):
            native.batch_header(batch[:end])


def test_every_flipped_bit_is_seen() -> None:
    """One changed bit anywhere in the sealed octets is told, never decoded as something else."""
    batch = batch_of("link_event", [event()])
    sealed = len(batch) - len(messages_of(batch)[-1])
    for at in range(sealed):
        damaged = bytearray(batch)
        damaged[at] ^= 1 << at % 8
        with pytest.raises(native.MalformedError):
            native.decode_batch(bytes(damaged))


def sealed_by_hand(data: bytes) -> bytes:
    """A batch around octets that `seal_batch` would refuse."""
    frame = native.seal_batch(header(0), b"", export_s=2)
    first, _ = messages_of(frame)
    body = first + data
    end = messages_of(native.seal_batch(header(0), b"", export_s=2))[-1]
    row = struct.pack("!II", len(body), native.crc32c(body))
    return body + end[:-8] + row


def test_a_bad_set_is_told_and_everything_beside_it_kept() -> None:
    """A data set without template, a reserved set and a cut value each cost their own records only."""
    good = native.encode_records("link_event", [event()], export_s=1)
    stray = struct.pack("!HHIII", 10, 16 + 6, 1, 0, 0) + struct.pack("!HH", 999, 6) + b"xx"
    reserved = struct.pack("!HHIII", 10, 16 + 4, 1, 0, 0) + struct.pack("!HH", 7, 4)
    cut = bytearray(good)
    cut[-11] = 200  # length of the last string, "link_down"
    cut[-10:] = b"\xfalink_down"
    decoded = native.decode_batch(sealed_by_hand(good + stray + reserved + bytes(cut) + good))
    assert pa.table(decoded.table("link_event")).to_pylist() == [event(), event()]
    assert decoded.problems[0].startswith("message 1, set 999, octet")
    assert decoded.problems[0].endswith("no template before this data set")
    assert decoded.problems[1].startswith("message 2, set 7, octet")
    assert decoded.problems[1].endswith("reserved set id")
    assert decoded.problems[2].startswith("message 3, set ")
    assert len(decoded.problems) == 3


def interface_row() -> dict[str, Any]:
    """A record with an optional field, `speed_bps`."""
    row = {column.name: 1 for column in table().records["interface"].columns}
    return row | {"interface": "eth0", "link_up": True}


def with_unknown_element(octets: bytes, own: int, length: int) -> bytes:
    """The same messages with one of our elements replaced by one that nobody knows."""
    known = struct.pack("!HH", 0x8000 | own, length)
    assert octets.count(known) == 1
    return octets.replace(known, struct.pack("!HH", 0x8000 | 3999, length))


def test_a_newer_exporters_elements_are_passed_over() -> None:
    """A field this program does not know breaks nothing: the others are decoded."""
    messages = native.encode_records("interface", [interface_row()], export_s=1)
    decoded = native.decode_batch(sealed_by_hand(with_unknown_element(messages, 101, 4)))
    assert decoded.problems == []
    assert pa.table(decoded.table("interface")).to_pylist() == [interface_row() | {"speed_bps": None}]


def test_a_record_without_a_required_field_is_told() -> None:
    """Half a record is not taken for a whole one."""
    messages = native.encode_records("link_event", [event()], export_s=1)
    decoded = native.decode_batch(sealed_by_hand(with_unknown_element(messages, 111, 0xFFFF)))
    assert decoded.problems[0].endswith("record link_event without event")
    assert decoded.kinds() == []


@given(st.binary(max_size=400))
def test_any_octets_are_refused_politely(octets: bytes) -> None:
    """What is not a batch is a MalformedError, whatever it is."""
    with pytest.raises(native.MalformedError):
        native.decode_batch(octets)
    with pytest.raises(native.MalformedError):
        native.zstd_decompress(b"\x00" + octets, 1000)


@given(st.binary(min_size=20, max_size=400), st.integers(0, 3))
def test_any_sets_inside_a_valid_seal_are_survived(octets: bytes, messages: int) -> None:
    """A probe gone mad sends what it likes under a good seal: problems are told and nothing falls over."""
    good = native.encode_records("link_event", [event()] * messages, export_s=1)
    wild = struct.pack("!HHIII", 10, 16 + len(octets), 1, 0, 0) + octets
    decoded = native.decode_batch(sealed_by_hand(wild + good))
    assert decoded.rows("link_event") >= messages


def test_decompression_stops_at_its_bound() -> None:
    """A small body that would fill the memory is refused when it passes the bound."""
    bomb = native.zstd_compress(bytes(10_000_000))
    assert len(bomb) < 2000
    assert native.zstd_decompress(bomb, 10_000_000) == bytes(10_000_000)
    with pytest.raises(native.MalformedError, match="more than 9999999 octets"):
        native.zstd_decompress(bomb, 9_999_999)
    with pytest.raises(native.MalformedError, match="not zstd"):
        native.zstd_decompress(bomb[:-4], 10_000_000)


def test_crc32c_is_castagnolis() -> None:
    """The check value of RFC 3720, appendix B.4."""
    assert native.crc32c(bytes(32)) == 0x8A9136AA
    assert native.crc32c(bytes(range(32))) == 0x46DD794E
