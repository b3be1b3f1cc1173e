"""`faultline inventory job export`: a line's extract as a file, read back before anybody carries it away."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from analyzer.planning.changing import leave_alone, present
from analyzer.planning.extract import extract
from analyzer.planning.finding import line_of
from analyzer.planning.lists import plain
from faultline import inventory
from faultline.inventory import Inventory, Line
from faultline.inventory.extent import everything_on
from faultline.runtime.console import CommandError

job_app = typer.Typer(name="job", help="One line's extract for the field engineer.", no_args_is_help=True)


@job_app.callback()
def _job() -> None:
    """One line's extract for the field engineer."""


@job_app.command("export")
def export(
    line: Annotated[str, typer.Argument(help="Code of the line.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write; - is standard output.")],
    file: Annotated[Path, typer.Option("-i", "--inventory", help="The inventory file.")] = Path("/etc/faultline/inventory.yaml"),
) -> None:
    """Write what a field engineer needs of one line, with nothing of other customers in it.

    The extract is an inventory file: whatever reads inventories reads it.
    """
    leave_alone(file, output=output)
    here = present(file)
    found = line_of(here.inventory, line, file)
    text = job_text(here.document, here.inventory, found)
    if str(output) == "-":
        typer.echo(text, nl=False)
        return
    plain.write(output, text)
    read = inventory.read(output)
    counts = ", ".join(
        f"{name}: {len(getattr(read, name))}" for name in ("components", "vantages", "sessions", "dials", "traces")
    )
    typer.echo(f"{output}: {found.code}; {counts}")


def job_text(document: plain.Document, known: Inventory, line: Line) -> str:
    """The extract's text, a comment first that says what it is.

    Raises:
        CommandError: read back it is not that line: a defect, and nothing is written.
    """
    head = f"# What is known of line {line.code}, and of nothing else: an extract for one job, not the inventory.\n"
    text = head + plain.dump(extract(document, known, line.code))
    try:
        read = inventory.parse(text, "the extract")
    except inventory.InventoryError as error:
        raise CommandError(
            f"the extract of {line.code} cannot be read back: {error}", hint="this is a defect: report it"
        ) from None
    crossed = [base for base in everything_on(line, known.components) if base in read.components]
    if list(read.lines) != [line.code] or list(everything_on(read.lines[line.code], read.components)) != crossed:
        raise CommandError(f"the extract of {line.code} is another line when read back", hint="this is a defect: report it")
    return text
