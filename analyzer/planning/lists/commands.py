"""`faultline inventory import` and `diff`: their options, their messages, and who writes what in which order."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer

from analyzer.planning.changing import as_data, checked, present, replace
from analyzer.planning.lists.applying import Applied
from analyzer.planning.lists.columns import Attribute, Profile, ProfileError, map_columns, read_profile, write_profile
from analyzer.planning.lists.differences import Change, differences
from analyzer.planning.lists.history import Delta, History
from analyzer.planning.lists.importing import WHOLE, Imported, run_import
from analyzer.planning.lists.sheet import SheetError, read_sheet
from faultline.inventory.problems import Problem
from faultline.inventory.reading import undisturbed
from faultline.runtime.console import BAD_USAGE, CommandError, say

MOST_SHOWN = 200
"""Mistakes on a terminal; `--json` has all."""
_MOST_CHANGES = 40
_LISTS = frozenset({".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".xls", ".ods"})
_FORMATS = frozenset({".yaml", ".yml"}) | _LISTS


def import_command(
    files: Annotated[list[Path], typer.Argument(help="Lists of lines (CSV, XLSX, ODS; UTF-8 or GBK) or inventory files (YAML).")],
    file: Annotated[Path, typer.Option("-i", "--inventory", help="The inventory file; made when it is not there.")] = Path(
        "/etc/faultline/inventory.yaml"
    ),
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and say what would change; write nothing.")] = False,
    profile: Annotated[Path | None, typer.Option("--profile", help="What the list's columns and words mean.")] = None,
    save_profile: Annotated[
        Path | None, typer.Option("--save-profile", help="Write the mapping that was used, to be completed by hand.")
    ] = None,
    sheet: Annotated[str | None, typer.Option("--sheet", help="Sheet of a workbook; default: the first.")] = None,
    remove_missing: Annotated[
        bool, typer.Option("--remove-missing", help="The list is whole: lines that are not in it go.")
    ] = False,
    accept_gap: Annotated[bool, typer.Option("--accept-gap", help="Go on although a delta in between never came.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Take in lists of lines as people keep them, whole or as numbered deltas.

    A list with a column `action` (add, change, remove) is a delta and has its number in its name; any other list says how
    its lines are. Where a list says no more than code, customer and the two networks, the type of the line gives its segments.
    Every mistake is told with its file, row and column, and then nothing is imported. What an import replaces is kept.
    """
    wanted = _profile(profile, sheet)
    was = as_data(file)
    history = History(file)
    if save_profile is not None:
        _save_profile(files, wanted, save_profile)
    deltas = {path: Delta.of(path) for path in files if _is_delta(path, wanted)}
    pending = history.pending(deltas.items(), accept_gap=accept_gap)
    chosen = [path for path in files if path not in deltas] + [path for path, _ in pending]
    for path in sorted(set(deltas) - set(chosen)):
        say(f"{path}: applied before; nothing to do")
    with undisturbed():
        found = run_import(chosen, was, profile=wanted, remove_missing=remove_missing, progress=_progress)
        _progress("")
        if found.problems:
            if any(problem.where == WHOLE for problem in found.problems) and file.exists():
                checked(file)  # where the present file is to blame, its own lines are named
            _refuse(found, as_json=as_json)
        changes = list(differences(was, found.document))
    if not dry_run and changes:
        replace(file, found.document, time.time_ns())
    if not dry_run:
        for _, delta in pending:
            history.note(delta, time.time_ns())
    _tell(found, changes, file=file, dry_run=dry_run, as_json=as_json)


def diff_command(
    before: Annotated[Path, typer.Argument(help="An inventory file.")],
    after: Annotated[Path, typer.Argument(help="Another one.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """What was added, removed and changed between two inventory files. Exit 0 also when they differ."""
    changes = list(differences(present(before).document, present(after).document))
    if as_json:
        typer.echo(json.dumps({"changes": [change.document() for change in changes]}, ensure_ascii=False))
        return
    typer.echo("\n".join(change.text() for change in changes) if changes else "no difference")


def _profile(path: Path | None, sheet: str | None) -> Profile:
    try:
        found = read_profile(path) if path is not None else Profile()
    except ProfileError as error:
        raise CommandError(str(error), hint="--save-profile writes one to begin with", code=BAD_USAGE) from None
    return attrs.evolve(found, sheet=sheet) if sheet is not None else found


def _is_delta(path: Path, profile: Profile) -> bool:
    if path.suffix.lower() not in _FORMATS:
        hint = f"known are {', '.join(sorted(_FORMATS))}"
        raise CommandError(f"{path}: what kind of list is it?", hint=hint, code=BAD_USAGE)
    if path.suffix.lower() not in _LISTS:
        return False
    return Attribute.ACTION in _columns(path, profile).attributes.values()


def _columns(path: Path, profile: Profile) -> Any:
    try:
        return map_columns(read_sheet(path, name=profile.sheet).columns, profile)
    except SheetError as error:
        wrong, _, remedy = str(error).partition("; ")
        raise CommandError(wrong, hint=remedy or None, code=BAD_USAGE) from None


def _save_profile(files: Sequence[Path], profile: Profile, to: Path) -> None:
    columns: dict[str, Attribute] = dict(profile.columns)
    for path in files:
        if path.suffix.lower() in _LISTS:
            mapped = _columns(path, profile)
            columns |= mapped.attributes
            columns |= {title: Attribute.IGNORED for title in mapped.unknown if title not in columns}
    write_profile(attrs.evolve(profile, columns=columns), to)
    say(f"mapping written to {to}: columns nobody knows are `ignored` there until you say what they mean")


def _progress(text: str) -> None:
    """One line on a terminal that the next one replaces."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


def _refuse(found: Imported, *, as_json: bool) -> None:
    problems = sorted(found.problems, key=lambda problem: (problem.where, problem.line or 0))
    if as_json:
        typer.echo(json.dumps({"usable": False, "problems": [_problem(problem) for problem in problems]}, ensure_ascii=False))
    else:
        for problem in problems[:MOST_SHOWN]:
            say(str(problem))
        if len(problems) > MOST_SHOWN:
            say(f"and {len(problems) - MOST_SHOWN} more: --json has them all")
    number = len(problems)
    message = f"nothing was imported: {number} {'mistake' if number == 1 else 'mistakes'}"
    raise CommandError(message, hint="correct them in the list and import it again", code=BAD_USAGE)


def _problem(problem: Problem) -> dict[str, Any]:
    entry = {"file": problem.where, "row": problem.line, "column": problem.key, "wrong": problem.wrong, "remedy": problem.remedy}
    return {key: value for key, value in entry.items() if value not in {None, ""}}


def _tell(found: Imported, changes: Sequence[Change], *, file: Path, dry_run: bool, as_json: bool) -> None:
    for path, titles in found.unknown_columns.items():
        say(f"{path}: left out, because nobody knows what it means: {', '.join(titles)}")
    if as_json:
        documents = [change.document() for change in changes]
        typer.echo(
            json.dumps({"usable": True, "written": not dry_run, "changes": documents} | _counts(found), ensure_ascii=False)
        )
        return
    for path, applied in found.applied:
        typer.echo(f"{path}: {_summary(applied)}")
        if applied.missing:
            shown = ", ".join(applied.missing[:5]) + (", ..." if len(applied.missing) > 5 else "")  # noqa: PLR2004 - fits a line
            typer.echo(f"  not in the list, and kept: {len(applied.missing)} ({shown}); --remove-missing removes them")
    for change in [change for change in changes if change.section == "lines"][:_MOST_CHANGES]:
        typer.echo(f"  {change.text()}")
    more = sum(1 for change in changes if change.section == "lines") - _MOST_CHANGES
    if more > 0:
        typer.echo(f"  and {more} more lines; `faultline inventory diff` shows them all")
    if not changes:
        typer.echo(f"{file}: nothing changes")
    else:
        typer.echo(f"{file}: {'would be' if dry_run else 'is'} written, {_lines(len(found.document['lines']))}")


def _lines(number: int) -> str:
    return f"{number} {'line' if number == 1 else 'lines'}"


def _summary(applied: Applied) -> str:
    counts = {"added": len(applied.added), "changed": len(applied.changed), "removed": len(applied.removed)}
    told = ", ".join(f"{number} {what}" for what, number in (counts | {"unchanged": applied.unchanged}).items() if number)
    return told or "no line"


def _counts(found: Imported) -> dict[str, Any]:
    files = [
        {
            "file": path,
            "added": applied.added,
            "changed": applied.changed,
            "removed": applied.removed,
            "unchanged": applied.unchanged,
            "missing": applied.missing,
        }
        for path, applied in found.applied
    ]
    return {"files": files, "lines": len(found.document["lines"])}
