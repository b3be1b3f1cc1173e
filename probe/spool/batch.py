"""Batch files as the spool handles them: seal, check, and seal again under another identity.

In come data messages and a header's fields, out come the octets of a file; the codec itself is native.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import attrs

from faultline.native import _native
from faultline.records.terms import SECOND_NS, Stream

_MESSAGE = struct.Struct("!HH")
_IPFIX_VERSION = 10


@attrs.frozen(slots=True, kw_only=True)
class Header:
    """The `batch` record of the field table."""

    probe: str
    incarnation: int
    stream: Stream
    seq: int
    wall_ns: int
    monotonic_ns: int
    watermark_ns: int
    records: int
    first_ns: int | None = None
    last_ns: int | None = None


def seal(header: Header, messages: bytes) -> bytes:
    """A whole batch file around the data messages."""
    fields = attrs.asdict(header, value_serializer=lambda _, __, value: str(value) if isinstance(value, Stream) else value)
    return _native.seal_batch(fields, messages, export_s=header.wall_ns // SECOND_NS)


def read_header(octets: bytes) -> Header:
    """Check seal and checksum and read the header.

    Raises:
        ValueError: torn, damaged, or not a batch.
    """
    fields: Mapping[str, Any] = _native.batch_header(octets)
    return Header(
        probe=fields["probe"],
        incarnation=fields["incarnation"],
        stream=Stream(fields["stream"]),
        seq=fields["seq"],
        wall_ns=fields["wall_ns"],
        monotonic_ns=fields["monotonic_ns"],
        watermark_ns=fields["watermark_ns"],
        records=fields["records"],
        first_ns=fields.get("first_ns"),
        last_ns=fields.get("last_ns"),
    )


def data_messages(octets: bytes) -> bytes:
    """The messages between header and seal of a batch that `read_header` accepted."""
    starts: list[int] = []
    at = 0
    while at < len(octets):
        version, length = _MESSAGE.unpack_from(octets, at)
        if version != _IPFIX_VERSION or length < _MESSAGE.size or at + length > len(octets):
            raise ValueError(f"message at octet {at}: version {version}, length {length}")
        starts.append(at)
        at += length
    if len(starts) < 2:  # noqa: PLR2004 - a header message and a seal message
        raise ValueError(f"{len(starts)} message(s): header or seal is missing")
    return octets[starts[1] : starts[-1]]


def gap_messages(rows: list[dict[str, Any]], *, export_s: int) -> bytes:
    """Messages of `gap` records."""
    return _native.encode_records("gap", rows, export_s=export_s)
