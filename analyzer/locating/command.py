"""`faultline analyzer locate`: its options, and the only place of `analyzer.locating` with a clock."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from faultline.runtime.console import BAD_USAGE, CommandError, say

_FORMAT_HINT = "the format is described in docs/explanation/localisation.md"


def register(app: typer.Typer) -> None:
    """Add the command to a group."""
    app.command("locate")(locate_command)


def locate_command(
    evidence: Annotated[
        list[Path],
        typer.Argument(help="faultline-evidence/1 files, plain or gzip; - is standard input.", metavar="EVIDENCE.json..."),
    ],
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print faultline-verdict/1; of several files one document a line.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print every observation's weight and the score they add up to.")
    ] = False,
    sequence: Annotated[
        bool, typer.Option("--sequence", help="The files are windows in order of time: remember the ones before.")
    ] = False,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Leave out and count observations of unknown kinds and with mistakes.")
    ] = False,
) -> None:
    """Say which part of the network is at fault, how sure that is, and why."""
    if len(evidence) > len(set(evidence)) and not sequence:
        raise CommandError("a file is named twice", hint="name each once", code=BAD_USAGE)
    several = len(evidence) > 1 or sequence
    for path, verdict in _verdicts(evidence, sequence=sequence, lenient=lenient):
        if as_json:
            told = {"file": str(path), **verdict} if several else verdict
            _print(json.dumps(told, indent=None if several else 2, ensure_ascii=False))
            continue
        _print("\n\n".join([*([_heading(path, verdict)] if several else []), *_told(verdict, explain=explain)]))
        if several:
            _print("")
    if explain and as_json:
        say("every row is in the JSON: evidence, against, rest, score")


def _verdicts(paths: Sequence[Path], *, sequence: bool, lenient: bool) -> Iterator[tuple[Path, dict[str, Any]]]:
    # Start-up cost belongs to the command that needs it.
    from analyzer.locating.files import document  # noqa: PLC0415
    from analyzer.locating.windows import WindowByWindow  # noqa: PLC0415
    from faultline.inference import EvidenceError, locate  # noqa: PLC0415

    answer: Callable[[Any], dict[str, Any]] = lambda found: locate(found, lenient=lenient)  # noqa: E731 - one of two
    if sequence:
        answer = WindowByWindow(lenient=lenient).answer
    for path in paths:
        found = document(path)
        start = time.perf_counter()
        try:
            verdict = answer(found)
        except EvidenceError as error:
            hint = _FORMAT_HINT
            if not lenient and any("observations[" in problem for problem in error.problems):
                hint = f"--lenient leaves such observations out and counts them; {hint}"
            raise CommandError(f"{path}: {error}", hint=hint, code=BAD_USAGE) from None
        verdict["seconds"] = round(time.perf_counter() - start, 4)
        yield path, verdict


def _told(verdict: Mapping[str, Any], *, explain: bool) -> list[str]:
    from analyzer.locating.telling import pretty, table  # noqa: PLC0415 - as above

    return [pretty(verdict), *([table(verdict)] if explain and verdict["verdicts"] else [])]


def _heading(path: Path, verdict: Mapping[str, Any]) -> str:
    """Which file, what was looked at for it, and what happened to incidents."""
    lines = [f"== {path}"]
    if "span" in verdict:
        lines[0] += f": looked at {verdict['span']['start']} to {verdict['span']['end']}"
    lines += [
        f"   {event['incident']} {event['event']}: {', '.join(event['components'])}: {event['reason']}"
        for event in verdict.get("events", ())
    ]
    return "\n".join(lines)


def _print(text: str) -> None:
    """Ids are whatever the file says: what is no text is replaced."""
    typer.echo(text.encode("utf-8", "replace").decode())
