"""Commands of `faultline inventory`: check the file, find a line, show its path."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer

from analyzer.planning.coverage.command import coverage_command
from analyzer.planning.doubtful import doubts
from analyzer.planning.finding import find_lines, line_of
from analyzer.planning.job import job_app
from analyzer.planning.lists.commands import diff_command, import_command
from analyzer.planning.picture import document, draw
from faultline import inventory
from faultline.runtime.console import BAD_USAGE, CommandError, say

DEFAULT = Path("/etc/faultline/inventory.yaml")
MOST_WARNINGS = 50
CHECK_HINT = "compare with packaging/examples/inventory.yaml, which shows every key"

app = typer.Typer(name="inventory", help="What the operator knows: lines, paths, vantages.", no_args_is_help=True)
File = Annotated[Path, typer.Option("-i", "--inventory", help="The inventory file.")]
app.command("import")(import_command)
app.command("diff")(diff_command)
app.command("coverage")(coverage_command)
app.add_typer(job_app)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="The inventory file.")] = DEFAULT,
    *,
    as_json: AsJson = False,
) -> None:
    """Check a file: every mistake at once, each with its line and what to do. Exit 0 when it can be used, else 2.

    What is no mistake and looks wrong all the same is a warning: pairs that share a route, lines between the same networks,
    vantages that see nothing, windows in a freeze.
    """
    try:
        found = inventory.read(file)
    except inventory.InventoryError as error:
        if as_json:
            _print({"file": str(file), "usable": False, "problems": [_problem(problem) for problem in error.problems]})
        else:
            for problem in error.problems:
                say(str(problem))
        number = len(error.problems)
        message = f"{file} cannot be used: {number} {'problem' if number == 1 else 'problems'}"
        raise CommandError(message, hint=_hint(file), code=BAD_USAGE) from None
    counts = {
        name: len(getattr(found, name))
        for name in ("tenants", "lines", "components", "vantages", "sessions", "dials", "traces", "interfaces", "planned")
    }
    unseen = _unseen(found)
    doubted = doubts(found, time.time_ns())
    if as_json:
        warned = [{"what": d.what, "subjects": d.subjects, "text": d.text, "remedy": d.remedy} for d in doubted]
        told = {"file": str(file), "usable": True, "counts": counts, "lines_not_looked_at": unseen, "problems": []}
        _print(told | {"warnings": warned})
        return
    typer.echo(f"{file}: can be used; " + ", ".join(f"{name}: {number}" for name, number in counts.items()))
    if unseen:
        more = f" and {len(unseen) - 5} more" if len(unseen) > 5 else ""  # noqa: PLR2004 - as many as fit a line
        typer.echo(f"no vantage looks at {', '.join(unseen[:5])}{more}: nothing will be measured there")
    for doubt in doubted[:MOST_WARNINGS]:
        say(f"warning: {doubt}")
    if len(doubted) > MOST_WARNINGS:
        say(f"and {len(doubted) - MOST_WARNINGS} more warnings: --json has them all")


@app.command("show")
def show(
    line: Annotated[str, typer.Argument(help="Code of the line.")],
    file: File = DEFAULT,
    *,
    as_json: AsJson = False,
) -> None:
    """Show a line's path from A to Z: each element with its owner, who looks from where, tests, planned work."""
    known = _read(file)
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
    as_json: AsJson = False,
) -> None:
    """Find lines by customer, code, the cities they connect, or networks behind them. Exit 1 when there is none."""
    known = _read(file)
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


def _read(file: Path) -> inventory.Inventory:
    try:
        return inventory.read(file)
    except inventory.InventoryError as error:
        raise CommandError(str(error), hint=_hint(file), code=BAD_USAGE) from None


def _hint(file: Path) -> str:
    return CHECK_HINT if file.exists() else "name the file that the collector and the analyzer read"


def _problem(problem: inventory.Problem) -> dict[str, Any]:
    return {
        ("file" if name == "where" else name): value for name, value in attrs.asdict(problem).items() if value not in {None, ""}
    }


def _card(line: inventory.Line) -> dict[str, Any]:
    card = {"code": line.code, "customer": line.customer, "a_end": line.a_end.name, "z_end": line.z_end.name, "state": line.state}
    return card | {name: value for name, value in (("grade", line.grade), ("type", line.type)) if value is not None}


def _unseen(found: inventory.Inventory) -> list[str]:
    seen = {code for vantage in found.vantages.values() for code in vantage.positions}
    return [code for code in found.lines if code not in seen]


def _print(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False))
