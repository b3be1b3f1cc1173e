"""Answers as text: a table for people, JSON lines and CSV for programs. Rows go in, lines come out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from faultline.records.terms import SECOND_NS

Row = Mapping[str, Any]


class Format(StrEnum):
    """What rows look like."""

    TABLE = "table"
    JSONL = "jsonl"
    CSV = "csv"


def lines(rows: Iterable[Row], columns: Sequence[str], form: Format) -> Iterator[str]:
    """Rows as lines, each with its end. A table has the whole answer in memory, the other two do not."""
    return _WRITERS[form](rows, columns)


def _jsonl(rows: Iterable[Row], _: Sequence[str]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(dict(row), ensure_ascii=False, separators=(",", ":")) + "\n"


def _csv(rows: Iterable[Row], columns: Sequence[str]) -> Iterator[str]:
    def line(values: Iterable[Any]) -> str:
        sink = io.StringIO()
        csv.writer(sink, lineterminator="\n").writerow(values)
        return sink.getvalue()

    yield line(columns)
    for row in rows:
        yield line(row.get(name, "") for name in columns)


def _table(rows: Iterable[Row], columns: Sequence[str]) -> Iterator[str]:
    known = list(rows)
    shown = [name for name in columns if any(name in row for row in known)]
    if not known:
        return
    cells = [[name.removesuffix("_ns") for name in shown]]
    cells += [[_cell(name, row.get(name)) for name in shown] for row in known]
    widths = [max(len(line[number]) for line in cells) for number in range(len(shown))]
    right = [all(isinstance(row.get(name, 0), int | float) for row in known) and not name.endswith("_ns") for name in shown]
    for line in cells:
        padded = (
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(line, widths, right, strict=True)
        )
        yield "  ".join(padded).rstrip() + "\n"


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name in {"start_ns", "end_ns", "time_ns"}:
        moment = datetime.fromtimestamp(value // SECOND_NS, tz=UTC)
        return f"{moment:%Y-%m-%d %H:%M:%S}.{value % SECOND_NS // 1_000_000:03d}"
    if name.endswith("_ns"):
        return f"{value / 1_000_000:.3f} ms"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    # What exporters call their interfaces and applications is theirs: no control character of it reaches a terminal.
    return "".join(letter if letter.isprintable() else "?" for letter in text)


_WRITERS: Mapping[Format, Callable[[Iterable[Row], Sequence[str]], Iterator[str]]] = {
    Format.TABLE: _table,
    Format.JSONL: _jsonl,
    Format.CSV: _csv,
}
