"""Commands of `faultline inventory`: check the file, find a line, show its path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from analyzer.planning.checking import CHECK_HINT, check_command
from analyzer.planning.coverage.command import coverage_command
from analyzer.planning.finding import find_lines, line_of
from analyzer.planning.job import job_app
from analyzer.planning.lists.commands import diff_command, import_command
from analyzer.planning.past import At, export_command, history_command, inventory_at
from analyzer.planning.picture import document, draw
from faultline import inventory
from faultline.runtime.console import BAD_USAGE, CommandError

DEFAULT = Path("/etc/faultline/inventory.yaml")

app = typer.Typer(name="inventory", help="What the operator knows: lines, paths, vantages.", no_args_is_help=True)
File = Annotated[Path, typer.Option("-i", "--inventory", help="The inventory file.")]
app.command("check")(check_command)
app.command("import")(import_command)
app.command("diff")(diff_command)
app.command("coverage")(coverage_command)
app.command("export")(export_command)
app.command("history")(history_command)
app.add_typer(job_app)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@app.command("show")
def show(
    line: Annotated[str, typer.Argument(help="Code of the line.")],
    file: File = DEFAULT,
    *,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Show a line's path from A to Z: each element with its owner, who looks from where, tests, planned work."""
    known = _read(file, at)
    found = line_of(known, line, file)
    if as_json:
        _print(document(found, known))
        return
    typer.echo("\n".join(draw(found, known)))


@app.command("find")
def find(
    text: Annotated[list[str], typer.Argument(help="Words of the customer's name, the code, cities or networks.")],
    file: File = DEFAULT,
    *,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Find lines by customer, code, the cities they connect, or networks behind them. Exit 1 when there is none."""
    known = _read(file, at)
    wanted = " ".join(text)
    found = find_lines(known, wanted)
    if as_json:
        _print({"lines": [_card(line) for line in found]})
    else:
        for line in found:
            facts = [line.customer, f"{line.a_end.name} \u2013 {line.z_end.name}", line.grade, line.type, line.state]
            typer.echo("  ".join([line.code, *(fact for fact in facts if fact)]))
    if not found:
        raise CommandError(f"no line matches {wanted!r}", hint="every word must occur; try fewer words, or part of one")


def _read(file: Path, at: str | None) -> inventory.Inventory:
    if at is not None:
        return inventory_at(file, at)
    try:
        return inventory.read(file)
    except inventory.InventoryError as error:
        raise CommandError(str(error), hint=_hint(file), code=BAD_USAGE) from None


def _hint(file: Path) -> str:
    return CHECK_HINT if file.exists() else "name the file that the collector and the analyzer read"


def _card(line: inventory.Line) -> dict[str, Any]:
    card = {"code": line.code, "customer": line.customer, "a_end": line.a_end.name, "z_end": line.z_end.name, "state": line.state}
    return card | {name: value for name, value in (("grade", line.grade), ("type", line.type)) if value is not None}


def _print(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False))
