"""Commands of `faultline plan`: declare windows and freezes, list them, take them out, and see whom they hit."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Annotated, Any

import typer

from analyzer.planning.changing import checked, present
from analyzer.planning.lists.sheet import SheetError, read_sheet
from analyzer.planning.works.affected import Impact, Period, impact, spread
from analyzer.planning.works.listed import Clocks, read_works
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
from faultline.inventory import Freeze, Inventory, PlannedWork
from faultline.inventory.problems import meant
from faultline.records.incident import Base
from faultline.records.terms import LineCode, TenantId
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
    named = _named(here.inventory, components)
    tz = Clocks(here.inventory).of(named)
    start_ns, end_ns = _instants(start, end, tz)
    work = PlannedWork(components=named, start_ns=start_ns, end_ns=end_ns, reason=_plain(reason))
    found = impact(here.inventory, named, Period(start_ns=start_ns, end_ns=end_ns))
    _refuse_frozen(found, despite_freeze=despite_freeze)
    if reference(work) in {reference(known) for known in here.inventory.planned}:
        typer.echo(f"{reference(work)} is there already: nothing changes")
        return
    here.replace(with_works(here.document, here.inventory, [work], [tz or UTC]), time.time_ns())
    customers = len({hit.line.customer for hit in found.hits})
    typer.echo(f"{reference(work)} declared: it hits {many(len(found.hits), 'line')} of {many(customers, 'customer')}")
    typer.echo(f"`faultline plan impact {' '.join(components)} --at {start!r} -i {file}` tells which, with the notices")


@app.command("freeze")
def freeze(
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
    tenants, lines = tenant or [], line or []
    for names, known, what in ((tenants, here.inventory.tenants, "tenant"), (lines, here.inventory.lines, "line")):
        for name in names:
            if name not in known:
                raise CommandError(f"no {what} {name!r}", hint=meant(name, known, otherwise="correct the name"), code=BAD_USAGE)
    theirs = {code for code, found in here.inventory.lines.items() if code in lines or found.tenant in tenants}
    tz = zone_of(here.inventory, theirs)
    start_ns, end_ns = _instants(start, end, tz)
    made = Freeze(
        start_ns=start_ns,
        end_ns=end_ns,
        reason=_plain(reason),
        tenants=tuple(TenantId(name) for name in tenants),
        lines=tuple(LineCode(name) for name in lines),
    )
    here.replace(with_freeze(here.document, made, tz or UTC), time.time_ns())
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
        moment_ns = _instant(at, zone_of(known, ()))
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
            period = Period(start_ns=work.start_ns, end_ns=work.end_ns)
            _refuse_frozen(impact(here.inventory, work.components, period), despite_freeze=despite_freeze)
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
    named = _named(known, components, sites=True)
    window, period = _period(known, named, at, to)
    found = impact(known, window.components if window else named, period)
    texts = notices(found, known, language=language, reason=_plain(reason) or (window.reason if window else ""))
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
def _named(inventory: Inventory, names: Sequence[str], *, sites: bool = False) -> tuple[Base, ...]:
    try:
        return components_of(inventory, names, sites=sites)
    except UnusableError as error:
        raise CommandError(error.wrong, hint=error.remedy, code=BAD_USAGE) from None


def _instant(text: str, tz: tzinfo | None) -> int:
    try:
        return instant_ns(text, tz)
    except UnusableError as error:
        raise CommandError(error.wrong, hint=error.remedy, code=BAD_USAGE) from None


def _instants(start: str, end: str, tz: tzinfo | None) -> tuple[int, int]:
    start_ns, end_ns = _instant(start, tz), _instant(end, tz)
    if end_ns <= start_ns:
        raise CommandError(f"{end} is not after {start}", hint="swap them, or correct the date", code=BAD_USAGE)
    return start_ns, end_ns


def _period(inventory: Inventory, named: Sequence[Base], at: str | None, to: str | None) -> tuple[PlannedWork | None, Period]:
    """The declared window that is meant, and the time to look at."""
    worked_on = spread(inventory, named)
    theirs = [work for work in inventory.planned if not worked_on.isdisjoint(spread(inventory, work.components))]
    if at is None:
        if to is not None:
            raise CommandError("--to without --at", hint="say when the work begins with --at", code=BAD_USAGE)
        now_ns = time.time_ns()
        coming = sorted((work for work in theirs if work.end_ns > now_ns), key=lambda work: work.start_ns)
        moment_ns = now_ns
        window = coming[0] if coming else None
    else:
        tz = Clocks(inventory).of(named)
        moment_ns = _instant(at, tz)
        if to is not None:
            start_ns, end_ns = _instants(at, to, tz)
            return None, Period(start_ns=start_ns, end_ns=end_ns)
        window = next((work for work in theirs if work.start_ns <= moment_ns < work.end_ns), None)
    if window is None:
        return None, Period(start_ns=moment_ns)
    return window, Period(start_ns=window.start_ns, end_ns=window.end_ns)


def _refuse_frozen(found: Impact, *, despite_freeze: bool) -> None:
    for one in found.freezes:
        what = f"lines are frozen then{f': {one.reason}' if one.reason else ''} ({reference(one)})"
        if not despite_freeze:
            raise CommandError(what, hint="choose another time, or --despite-freeze", code=BAD_USAGE)
        say(f"warning: {what}")


def _write(folder: Path, texts: Sequence[tuple[str, str, str]]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, (tenant, _, text) in enumerate(texts, 1):
            (folder / f"{number:03d}-{tenant.replace('/', '-')}.txt").write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write to {folder}: {error.strerror}", hint="choose another folder with --notices") from None
    say(f"{many(len(texts), 'notice')} written to {folder}")


def _plain(text: str) -> str:
    """In one line, as the file wants it."""
    return " ".join(text.split())


def _print(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False))
