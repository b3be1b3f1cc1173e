"""`collector decode`: what exporters sent, as one JSON object a record on standard output.

What could not be read, and the summary, go to standard error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from faultline.runtime import console

if TYPE_CHECKING:
    from faultline.native import ExportDecoder

UNKNOWN_EXPORTER = "unknown"
MAX_PROBLEMS_SHOWN = 20
"""Problems told in words; the summary counts them all."""


class Format(StrEnum):
    """What the rows look like."""

    JSONL = "jsonl"


def _json_line(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"


_WRITERS = {Format.JSONL: _json_line}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="decode")(decode)


def decode(
    files: Annotated[list[Path], typer.Argument(help="Captures, IPFIX files or raw datagrams, in order; - is standard input.")],
    *,
    form: Annotated[Format, typer.Option("--format", help="What the rows look like.")] = Format.JSONL,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the rows go; - is standard output.")] = Path("-"),
    exporter: Annotated[
        str, typer.Option("--exporter", help="Name of the exporter of files that do not tell it.")
    ] = UNKNOWN_EXPORTER,
) -> None:
    """NetFlow v5/v9, IPFIX and sFlow v5 to records. Templates are remembered across the files.

    The last line on standard error is the summary: records, unknown templates, malformed parts by reason, sequence gaps.
    """
    for path in files:
        if str(path) != "-" and not path.is_file():
            raise console.CommandError(f"{path}: no such file", hint="name files that exist, or - for standard input", code=2)
    if str(output) == "-":
        failures = decode_files(files, exporter=exporter, form=form, out=sys.stdout)
    else:
        with output.open("w", encoding="utf-8") as out:
            failures = decode_files(files, exporter=exporter, form=form, out=out)
    if failures:
        raise console.CommandError(
            failures[0] if len(failures) == 1 else f"{failures[0]} (and {len(failures) - 1} more)",
            hint="every record that could be read was printed",
        )


def decode_files(files: Iterable[Path], *, exporter: str, form: Format, out: TextIO) -> list[str]:
    """Write the rows of all files and the summary; gives what went wrong with files as a whole."""
    from collector.capture_files import CutError  # noqa: PLC0415
    from collector.export_files import Passed, datagrams  # noqa: PLC0415 - dpkt and the native module only when used
    from faultline.native import ExportDecoder  # noqa: PLC0415

    decoder, passed, failures = ExportDecoder(), Passed(), list[str]()
    shown = 0
    for path in files:
        before, understood = decoder.summary(), False
        try:
            for sender, octets in datagrams(path, exporter=exporter, passed=passed):
                rows = decoder.datagram(octets, sender)
                understood = understood or bool(rows)
                out.writelines(map(_WRITERS[form], rows))
                shown = _tell(path, decoder, shown)
        except CutError as wrong:
            failures.append(f"{path}: {wrong}")
        except OSError as wrong:
            failures.append(f"{path}: {wrong.strerror or wrong}")
        if not understood and _only_malformed(before, decoder.summary()):
            failures.append(f"{path}: holds no NetFlow, IPFIX or sFlow that can be read")
    out.flush()
    console.say(json.dumps({"summary": _summary(decoder, passed.other_packets, passed.fragments)}, separators=(",", ":")))
    return failures


def _tell(path: Path, decoder: ExportDecoder, shown: int) -> int:
    for problem in decoder.take_problems():
        if shown < MAX_PROBLEMS_SHOWN:
            console.say(f"{path}: {problem}")
        shown += 1
    return shown


def _only_malformed(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether a file brought malformed parts and not even a set that waits for its template."""
    return bool(after["malformed"] != before["malformed"] and after["unknown_templates"] == before["unknown_templates"])


def _summary(decoder: ExportDecoder, other_packets: int, fragments: int) -> dict[str, Any]:
    counted = decoder.summary()
    if other_packets or fragments:
        counted["passed_over"] = {"packets": other_packets, "fragments": fragments}
    return counted
