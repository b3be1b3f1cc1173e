"""The reference page of the field table, written from the table itself: docs/reference/fields.md."""

from __future__ import annotations

from collections.abc import Iterator

from faultline.records.fields import Column, Field, FieldTable, Record

_HEAD = """# Fields

Generated from `faultline/records/fields.toml` by `make docs`; do not edit. One name is the JSON key, the Arrow and
Parquet column and the label in queries. A field that was not measured is absent: a missing key, a null column value,
another template on the wire, never 0.

Types: `time_ns` is Unix nanoseconds (NTP format on the wire), `hist` the octets of `faultline/records/histogram.py`
(nanoseconds unless the name says otherwise), `address` text (4 or 16 octets on the wire), `list` records of other fields
(a subTemplateList on the wire, the octets of its records in columns: `faultline/records/losses.py`). Elements are IANA's,
or `own` ones under enterprise number {pen}. A field with a reverse twin appears a second time as `reverse_<name>`: IANA
elements under enterprise number 29305 (RFC 5103), own ones at number | 0x4000. On the wire every record starts with
`record_kind`.
"""


def fields_page(table: FieldTable) -> str:
    """The page as Markdown."""
    parts = [_HEAD.format(pen=table.enterprise_number), "\n".join(_all_fields(table)), *map(_record, table.records.values())]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _all_fields(table: FieldTable) -> Iterator[str]:
    yield "## All fields\n"
    yield "| field | type | element | reverse | meaning | 含义 |"
    yield "|---|---|---|---|---|---|"
    for field in table.fields.values():
        meaning = field.en if field.nprobe is None else f"{field.en} (nProbe: {field.nprobe})"
        if field.of:
            meaning += f"; each of {', '.join(f'`{name}`' for name in field.of)}"
        twin = "yes" if field.reverse else ""
        yield f"| `{field.name}` | {field.type} | {_element(field)} | {twin} | {_cell(meaning)} | {_cell(field.zh)} |"


def _element(field: Field) -> str:
    if field.own is not None:
        return f"own {field.own}"
    return str(field.ie) if field.ie6 is None else f"{field.ie}, {field.ie6}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _record(record: Record) -> str:
    stream = f", stream `{record.stream}`" if record.stream else ", part of the batch file itself"
    always = _names(column for column in record.columns if column.required)
    perhaps = _names(column for column in record.columns if not column.required)
    lines = [f"## Record `{record.name}` (kind {record.kind}{stream})\n", f"Always: {always}.\n"]
    if perhaps:
        lines.append(f"When measured: {perhaps}.\n")
    return "\n".join(lines)


def _names(columns: Iterator[Column]) -> str:
    return ", ".join(f"`{column.name}`" for column in columns)
