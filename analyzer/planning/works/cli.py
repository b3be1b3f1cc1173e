"""Commands of `faultline plan`: declare windows and freezes, list them, take them out, and see whom they hit."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import Annotated, Any

import typer

from analyzer.planning.changing import checked, present
from analyzer.planning.lists.sheet import SheetError, read_sheet
from analyzer.planning.works.affected import Impact, Period, impact
from analyzer.planning.works.declaring import FrozenError, freeze, period, plain, refuse_frozen, window
from analyzer.planning.works.listed import read_works
from analyzer.planning.works.notices import notices
from analyzer.planning.works.telling import document, many, told, told_declared
from analyzer.planning.works.times import UnusableError, instant_ns
from analyzer.planning.works.windows import (
    Declared,
    as_document,
    components_of,
    reference,
    with_freeze,
    with_works,
    without,
    zone_of,
)
from faultline.reports.words import Language
from faultline.runtime.console import BAD_USAGE, CommandError, say

app = typer.Typer(
    name="plan", help="Planned work: windows, freezes, and whom they hit.", no_args_is_help=True, add_completion=False
)
File = Annotated[Path, typer.Option("-i", "--inventory", help="The inventory file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Reason = Annotated[str, typer.Option("--reason", help="What is done, in a few words. Customers may read it.")]
From = Annotated[str, typer.Option("--from", help="Beginning, by the lines' clocks or with an offset: 2026-12-01 02:00.")]
To = Annotated[str, typer.Option("--to", help="End.")]
DEFAULT = Path("/etc/faultline/inventory.yaml")


@app.command("add")
def add(
    components: Annotated[list[str], typer.Argument(help="Components that are worked on; a site is everything in it.")],
    start: From,
    end: To,
    file: File = DEFAULT,
    *,
    reason: Reason = "",
    despite_freeze: Annotated[bool, typer.Option("--despite-freeze", help="Declare it although lines are frozen then.")] = False,
) -> None:
    """Declare a window: verdicts on these components in that time are marked planned, and nobody is paged.

    What the file was is kept beside it.
    """
    here = present(file)
    with _refusals():
        found = window(here.inventory, components, start, end, reason=reason, despite_freeze=despite_freeze)
    _warn_of(found.impact)
    if found.known:
        typer.echo(f"{reference(found.work)} is there already: nothing changes")
        return
    here.replace(with_works(here.document, here.inventory, [found.work], [found.zone]), time.time_ns())
    hits = found.impact.hits
    customers = len({hit.line.customer for hit in hits})
    typer.echo(f"{reference(found.work)} declared: it hits {many(len(hits), 'line')} of {many(customers, 'customer')}")
    typer.echo(f"`faultline plan impact {' '.join(components)} --at {start!r} -i {file}` tells which, with the notices")


@app.command("freeze")
def freeze_(
    start: From,
    end: To,
    file: File = DEFAULT,
    *,
    tenant: Annotated[list[str] | None, typer.Option("--tenant", help="Whose lines must not be worked on; default: all.")] = None,
    line: Annotated[list[str] | None, typer.Option("--line", help="Lines that must not be worked on.")] = None,
    reason: Reason = "",
) -> None:
    """Declare a freeze: no window may be declared on these lines in that time. Verdicts do not care."""
    here = present(file)
    with _refusals():
        made, tz = freeze(here.inventory, start, end, tenants=tenant or [], lines=line or [], reason=reason)
    here.replace(with_freeze(here.document, made, tz), time.time_ns())
    typer.echo(f"{reference(made)} declared")


@app.command("list")
def list_(
    file: File = DEFAULT,
    *,
    at: Annotated[str | None, typer.Option("--at", help="Those in force at that time; default: now and later.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Past ones, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Windows and freezes by their beginning, each with the reference that `remove` takes."""
    known = checked(file)
    found: list[Declared] = sorted([*known.planned, *known.freezes], key=lambda one: (one.start_ns, one.end_ns))
    if at is not None:
        with _refusals():
            moment_ns = instant_ns(at, zone_of(known, ()))
        found = [one for one in found if one.start_ns <= moment_ns < one.end_ns]
    elif not every:
        now_ns = time.time_ns()
        found = [one for one in found if one.end_ns > now_ns]
    if as_json:
        _print({"planned": [as_document(one) for one in found]})
        return
    tz = zone_of(known, ()) or UTC
    typer.echo("\n".join(told_declared(one, tz) for one in found) if found else "nothing is planned")


@app.command("remove")
def remove(
    references: Annotated[list[str], typer.Argument(help="References of windows and freezes, as `list` shows them.")],
    file: File = DEFAULT,
) -> None:
    """Take windows and freezes out of the file; what it was is kept beside it."""
    here = present(file)
    changed, gone = without(here.document, here.inventory, references)
    missing = sorted(set(references) - {reference(one) for one in gone})
    if missing:
        hint = "`faultline plan list --all` shows the references; nothing was removed"
        raise CommandError(f"nothing is called {', '.join(missing)}", hint=hint, code=BAD_USAGE)
    here.replace(changed, time.time_ns())
    for one in gone:
        typer.echo(f"removed: {told_declared(one, zone_of(here.inventory, ()) or UTC)}")


@app.command("import")
def import_(
    list_of_windows: Annotated[Path, typer.Argument(help="Columns components, from, to, reason; CSV, XLSX, ODS.")],
    file: File = DEFAULT,
    *,
    sheet: Annotated[str | None, typer.Option("--sheet", help="Sheet of a workbook; default: the first.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and say what would change; write nothing.")] = False,
    despite_freeze: Annotated[bool, typer.Option("--despite-freeze", help="Also while lines are frozen.")] = False,
) -> None:
    """Take in a list of windows. Every mistake is told with its row and column, and then nothing is taken in."""
    here = present(file)
    try:
        found = read_works(read_sheet(list_of_windows, name=sheet), here.inventory)
    except SheetError as error:
        wrong, _, remedy = str(error).partition("; ")
        raise CommandError(wrong, hint=remedy or None, code=BAD_USAGE) from None
    for problem in found.problems:
        say(str(problem))
    if found.problems:
        number = many(len(found.problems), "mistake")
        raise CommandError(f"nothing was declared: {number}", hint="correct them in the list and import it again", code=BAD_USAGE)
    if here.inventory.freezes:
        for work in found.works:
            hit = impact(here.inventory, work.components, Period(start_ns=work.start_ns, end_ns=work.end_ns))
            with _refusals():
                refuse_frozen(hit, despite_freeze=despite_freeze)
            _warn_of(hit)
    changed = with_works(here.document, here.inventory, found.works, found.zones)
    new = len(changed["planned"]) - len(here.inventory.planned)
    if new and not dry_run:
        here.replace(changed, time.time_ns())
    typer.echo(f"{many(new, 'window')} {'would be' if dry_run else 'were'} declared, {len(found.works) - new} were there already")


@app.command("impact")
def impact_(
    components: Annotated[list[str], typer.Argument(help="Components that are worked on, or sites.")],
    file: File = DEFAULT,
    *,
    at: Annotated[str | None, typer.Option("--at", help="The declared window of that moment; default: the next one.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="With --at: the end of a window that is not declared yet.")] = None,
    reason: Reason = "",
    language: Annotated[Language, typer.Option("--language", help="Of the notices.")] = Language.EN,
    into: Annotated[Path | None, typer.Option("--notices", help="Folder to write the notices to, a file a customer.")] = None,
    as_json: AsJson = False,
) -> None:
    """Whom work on components hits: customers, lines, whether backups take over, services, other windows; and the notices."""
    known = checked(file)
    with _refusals():
        named = components_of(known, components, sites=True)
        declared, when = period(known, named, at, to, now_ns=time.time_ns())
    found = impact(known, declared.components if declared else named, when)
    texts = notices(found, known, language=language, reason=plain(reason) or (declared.reason if declared else ""))
    if into is not None:
        _write(into, [(str(notice.tenant), notice.customer, notice.text) for notice in texts])
    if as_json:
        _print(document(found, texts))
        return
    typer.echo("\n".join(told(found, known, zone_of(known, {hit.line.code for hit in found.hits}) or UTC)))
    if into is None:
        for notice in texts:
            typer.echo(f"\n---- to {notice.customer}\n{notice.text}", nl=False)


# ---- what they share ---------------------------------------------------------------------------------------------
@contextmanager
def _refusals() -> Iterator[None]:
    """What cannot be declared, as a command says it."""
    try:
        yield
    except UnusableError as error:
        raise CommandError(error.wrong, hint=error.remedy, code=BAD_USAGE) from None
    except FrozenError as error:
        raise CommandError(str(error), hint="choose another time, or --despite-freeze", code=BAD_USAGE) from None


def _warn_of(found: Impact) -> None:
    if found.freezes:
        say(f"warning: {FrozenError(found.freezes)}")


def _write(folder: Path, texts: Sequence[tuple[str, str, str]]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, (tenant, _, text) in enumerate(texts, 1):
            (folder / f"{number:03d}-{tenant.replace('/', '-')}.txt").write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write to {folder}: {error.strerror}", hint="choose another folder with --notices") from None
    say(f"{many(len(texts), 'notice')} written to {folder}")


def _print(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False))
