"""The inventory as it was at a moment: `--at`, the list of versions, and lists of lines as they are or were."""

from __future__ import annotations

import json
import re
from datetime import UTC
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
import yaml

from analyzer.planning.changing import leave_alone, present
from analyzer.planning.lists import exporting, plain
from analyzer.planning.lists.history import History
from analyzer.planning.works.times import UnusableError, instant_ns, written
from faultline import inventory
from faultline.runtime.console import BAD_USAGE, CommandError, say

At = Annotated[
    str | None,
    typer.Option("--at", help="As it was then: 2026-03-15, 2026-03-15 08:00 (UTC), or with an offset; default: as it is."),
]
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_YAML = frozenset({".yaml", ".yml"})


class Encoding(StrEnum):
    """How a list is written. Spreadsheets know UTF-8 by its mark."""

    UTF_8 = "utf-8"
    GBK = "gbk"


def text_at(file: Path, at: str) -> str:
    """The file's text as it was at a moment.

    Raises:
        CommandError: it is no time, or nothing is known of the file.
    """
    try:
        moment_ns = instant_ns(f"{at} 00:00" if _DAY.fullmatch(at.strip()) else at, UTC)
        octets = History(file).at(moment_ns)
    except UnusableError as error:
        raise CommandError(error.wrong, hint=error.remedy, code=BAD_USAGE) from None
    if octets is None:
        raise CommandError(f"there is no {file}, and no history of it", hint="name the inventory file: -i FILE", code=BAD_USAGE)
    return octets.decode("utf-8-sig")


def inventory_at(file: Path, at: str) -> inventory.Inventory:
    """The inventory as it was at a moment.

    Raises:
        CommandError: it is no time, or what held then cannot be read now.
    """
    try:
        return inventory.parse(text_at(file, at), f"{file} of {at}")
    except inventory.InventoryError as error:
        raise CommandError(str(error), hint="that version is from before a mistake was known: see the history folder") from None


def history_command(
    file: Annotated[Path, typer.Option("-i", "--inventory", help="The inventory file.")] = Path("/etc/faultline/inventory.yaml"),
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """List what the file was: each version with the moment until which it held. `show`, `find` and `export` take --at."""
    versions = History(file).versions()
    if as_json:
        told = [{"until": written(until_ns, UTC), "until_ns": until_ns, "file": str(path)} for until_ns, path in versions]
        typer.echo(json.dumps({"file": str(file), "versions": told}, ensure_ascii=False))
        return
    for until_ns, path in versions:
        typer.echo(f"until {written(until_ns, UTC)}  {path.stat().st_size:9} octets  {path}")
    if file.exists():
        since = f"since {written(versions[-1][0], UTC)}" if versions else "since nobody knows when"
        typer.echo(f"{since}  {file.stat().st_size:9} octets  {file}")


def export_command(
    output: Annotated[Path, typer.Option("--output", "-o", help="CSV to write, or YAML by its ending; - is standard output.")],
    file: Annotated[Path, typer.Option("-i", "--inventory", help="The inventory file.")] = Path("/etc/faultline/inventory.yaml"),
    *,
    at: At = None,
    encoding: Annotated[Encoding, typer.Option("--encoding", help="Of a CSV list.")] = Encoding.UTF_8,
) -> None:
    """Write the lines as a list that spreadsheets open and `import` reads: what is imported again changes nothing."""
    leave_alone(file, output=output)
    if output.suffix.lower() in _YAML:
        plain.write(output, text_at(file, at) if at is not None else file.read_text(encoding="utf-8-sig"))
        return
    document = _document(text_at(file, at)) if at is not None else present(file).document
    text = exporting.text(document)
    if str(output) == "-":
        typer.echo(text, nl=False)
        return
    try:
        output.write_bytes(text.encode("utf-8-sig" if encoding is Encoding.UTF_8 else encoding.value))
    except UnicodeEncodeError as error:
        wrong = f"GBK has no {error.object[error.start]!r}"
        raise CommandError(f"{output} was not written: {wrong}", hint="write it as --encoding utf-8", code=BAD_USAGE) from None
    except OSError as error:
        raise CommandError(f"{output} cannot be written: {error.strerror or error}", hint="choose another file with -o") from None
    say(f"{output}: {len(document['lines'])} lines")


def _document(text: str) -> plain.Document:
    """A kept version as plain data: it was checked when it was written."""
    document: plain.Document = yaml.load(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))  # noqa: S506 - texts only
    return document
