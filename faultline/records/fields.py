"""The field table in Python: what `fields.toml` says, as frozen records with look-ups.

Goes in: the one file beside this module. Comes out: fields, and records as lists of columns, reverse twins included, in the
order of the Arrow and Parquet columns. The Rust codec reads the same file when it is built. Knows nothing of encoding.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

import attrs

REVERSE_PEN = 29305
"""Enterprise number of IANA elements seen in the reverse direction (RFC 5103, section 6.1)."""
OWN_REVERSE_BIT = 0x4000
"""Own elements: the reverse twin of element n is n | this."""


class FieldType(StrEnum):
    """What a field holds; the table's head says how each looks on the wire and in columns."""

    U8 = "u8"
    U16 = "u16"
    U32 = "u32"
    U64 = "u64"
    I64 = "i64"
    F64 = "f64"
    BOOL = "bool"
    STRING = "string"
    OCTETS = "octets"
    ADDRESS = "address"
    TIME_NS = "time_ns"
    HIST = "hist"
    LIST = "list"


@attrs.frozen(slots=True, kw_only=True)
class Field:
    """One quantity with one name and one type for ever; the number is IANA's (`ie`) or ours (`own`), exactly one of the two."""

    name: str
    type: FieldType
    en: str
    zh: str
    ie: int | None = None
    ie6: int | None = None
    own: int | None = None
    reverse: bool = False
    spread: bool = False
    nprobe: int | None = None
    of: tuple[str, ...] = ()
    """Fields of the records of a list."""


@attrs.frozen(slots=True, kw_only=True)
class Column:
    """A field as one record holds it, in one direction."""

    name: str
    field: Field
    required: bool
    is_reverse: bool

    def element(self, enterprise_number: int) -> tuple[int, int]:
        """(enterprise number, element) on the wire; for an address the IPv4 element."""
        if self.field.ie is not None:
            return (REVERSE_PEN if self.is_reverse else 0), self.field.ie
        own = self.field.own or 0
        return enterprise_number, own | OWN_REVERSE_BIT if self.is_reverse else own


@attrs.frozen(slots=True, kw_only=True)
class Record:
    """One kind of data record; `stream` is None for the records of the batch itself."""

    name: str
    kind: int
    stream: str | None
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column:
        """The column of this name.

        Raises:
            KeyError: there is none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"record {self.name} has no column {name}")


@attrs.frozen(slots=True, kw_only=True)
class FieldTable:
    """The whole table. `fields` and `records` are by name."""

    enterprise_number: int
    fields: Mapping[str, Field]
    records: Mapping[str, Record]


@cache
def table() -> FieldTable:
    """The table that came with this program, read once."""
    return parse((files("faultline.records") / "fields.toml").read_text(encoding="utf-8"))


def parse(text: str) -> FieldTable:
    """Read a table.

    Raises:
        ValueError: a record names a field that is not there, or a field has both or neither of `ie` and `own`.
    """
    raw = tomllib.loads(text)
    fields = {entry["name"]: _field(entry) for entry in raw["field"]}
    records = {entry["name"]: _record(entry, fields) for entry in raw["record"]}
    return FieldTable(enterprise_number=raw["enterprise_number"], fields=fields, records=records)


def _field(entry: Mapping[str, Any]) -> Field:
    if ("ie" in entry) == ("own" in entry):
        raise ValueError(f"field {entry['name']}: exactly one of ie and own")
    return Field(**{**entry, "type": FieldType(entry["type"]), "of": tuple(entry.get("of", ()))})


def _record(entry: Mapping[str, Any], fields: Mapping[str, Field]) -> Record:
    columns = tuple(column for name in entry["fields"] for column in _columns(entry["name"], name, fields))
    return Record(name=entry["name"], kind=entry["kind"], stream=entry.get("stream"), columns=columns)


def _columns(record: str, entry: str, fields: Mapping[str, Field]) -> Iterator[Column]:
    name = entry.removesuffix("?")
    if name not in fields:
        raise ValueError(f"record {record}: no field {name}")
    field, required = fields[name], not entry.endswith("?")
    yield Column(name=name, field=field, required=required, is_reverse=False)
    if field.reverse:
        yield Column(name=f"reverse_{name}", field=field, required=required, is_reverse=True)
