"""`faultline inventory check`: its options, its messages and its exit code.

What compares with measurements needs the localiser's arithmetic: it is imported when it is asked for.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer

from analyzer.planning.doubt import Doubt, in_order, some
from analyzer.planning.doubtful import doubts
from faultline import inventory
from faultline.runtime.console import BAD_USAGE, CommandError, say

MOST_WARNINGS = 50
CHECK_HINT = "compare with packaging/examples/inventory.yaml, which shows every key"
_COUNTED = ("tenants", "lines", "components", "vantages", "sessions", "dials", "traces", "interfaces", "planned")


def check_command(
    file: Annotated[Path, typer.Argument(help="The inventory file.")] = Path("/etc/faultline/inventory.yaml"),
    *,
    measured: Annotated[bool, typer.Option("--measured", help="Compare it with what was measured, too.")] = False,
    store: Annotated[Path, typer.Option("--store", help="Folder of the stores: `store.data` of the collector's file.")] = Path(
        "/var/lib/faultline/store"
    ),
    windows: Annotated[int, typer.Option("--windows", min=1, max=720, help="How many of the newest 10 s windows count.")] = 30,
    rate: Annotated[
        float, typer.Option("--rate", min=0.01, max=1000, help="Test packets a second of each session, as in probe.yaml.")
    ] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Check a file: every mistake at once, each with its line and what to do.

    What is no mistake and looks wrong all the same is a warning: pairs that share a route, lines between the same networks,
    vantages that see nothing, windows in a freeze. With --measured the file is compared with the world as well: paths that
    traces contradict, routers nobody has declared, addresses seen on two lines, vantages that saw nothing, segments that no
    probe can separate.

    Exit 0 when it can be used, 1 when what was measured contradicts it, 2 when it, or the store, cannot be used.
    """
    try:
        found, places = inventory.read_with_places(file)
    except inventory.InventoryError as error:
        raise _refused(file, error, as_json=as_json) from None
    told: dict[str, Any] = {"file": str(file), "usable": True, "problems": []}
    told["counts"] = {name: len(getattr(found, name)) for name in _COUNTED}
    told["lines_not_looked_at"] = _unseen(found)
    doubted = doubts(found, time.time_ns())
    if measured:
        from analyzer.planning.measured.check import compare  # noqa: PLC0415 - see the module's docstring

        comparison = compare(found, store, windows=windows, rate=rate)
        told["measured"] = comparison.document()
        doubted = in_order([*doubted, *comparison.doubts])
    if as_json:
        typer.echo(json.dumps(told | {"warnings": [doubt.document(places) for doubt in doubted]}, ensure_ascii=False))
    else:
        _tell(told, doubted, places)
    refuted = sum(doubt.refutes for doubt in doubted)
    if refuted:
        message = f"{file} can be used, and {refuted} of its declarations {'is' if refuted == 1 else 'are'} not what was measured"
        raise CommandError(message, hint="correct what the messages name, or find out why the traffic takes another way")


def _refused(file: Path, error: inventory.InventoryError, *, as_json: bool) -> CommandError:
    if as_json:
        problems = [_problem(problem) for problem in error.problems]
        typer.echo(json.dumps({"file": str(file), "usable": False, "problems": problems}, ensure_ascii=False))
    else:
        for problem in error.problems:
            say(str(problem))
    number = len(error.problems)
    hint = CHECK_HINT if file.exists() else "name the file that the collector and the analyzer read"
    return CommandError(f"{file} cannot be used: {number} {'problem' if number == 1 else 'problems'}", hint=hint, code=BAD_USAGE)


def _tell(told: dict[str, Any], doubted: Sequence[Doubt], places: inventory.Places) -> None:
    counts = ", ".join(f"{name}: {number}" for name, number in told["counts"].items())
    typer.echo(f"{told['file']}: can be used; {counts}")
    if told["lines_not_looked_at"]:
        typer.echo(f"no vantage looks at {some(told['lines_not_looked_at'])}: nothing will be measured there")
    if "measured" in told:
        seen = told["measured"]
        typer.echo(f"compared with {seen['windows']} windows and {seen['routes']} traced flows")
    for doubt in doubted[:MOST_WARNINGS]:
        say(f"{'contradicted' if doubt.refutes else 'warning'}: {doubt.problem(places)}")
    if len(doubted) > MOST_WARNINGS:
        say(f"and {len(doubted) - MOST_WARNINGS} more warnings: --json has them all")


def _problem(problem: inventory.Problem) -> dict[str, Any]:
    return {
        ("file" if name == "where" else name): value for name, value in attrs.asdict(problem).items() if value not in {None, ""}
    }


def _unseen(found: inventory.Inventory) -> list[str]:
    seen = {code for vantage in found.vantages.values() for code in vantage.positions}
    return [code for code in found.lines if code not in seen]
