"""`faultline analyzer locate`: the localiser alone, on a file.

Goes in: a `faultline-evidence/1` document. Comes out: the verdict for people, or as JSON. The only place with a clock.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from faultline.runtime.console import BAD_USAGE, CommandError

STRONGEST = 8
"""Rows of evidence shown a side; `--json` has all of them."""
MOST_FLOORS = 12
_WIDTH = 7


def register(app: typer.Typer) -> None:
    """Add the command to a group."""
    app.command("locate")(locate_command)


def locate_command(
    evidence: Annotated[Path, typer.Argument(help="A faultline-evidence/1 file; - is standard input.", metavar="EVIDENCE.json")],
    as_json: Annotated[bool, typer.Option("--json", help="Print faultline-verdict/1.")] = False,  # noqa: FBT002 - a flag
    lenient: Annotated[bool, typer.Option("--lenient", help="Skip and count observations of unknown kinds.")] = False,  # noqa: FBT002
) -> None:
    """Say which part of the network is at fault, how sure that is, and why."""
    from faultline.inference import EvidenceError, locate  # noqa: PLC0415 - start-up cost belongs to the command that needs it

    document = _read(evidence)
    start = time.perf_counter()
    try:
        verdict = locate(document, lenient=lenient)
    except EvidenceError as error:
        hint = "the format is described in docs/explanation/localisation.md"
        if any(".kind:" in problem for problem in error.problems):
            hint = "--lenient skips observations of unknown kinds; " + hint
        raise CommandError(f"{evidence}: {error}", hint=hint, code=BAD_USAGE) from None
    verdict["seconds"] = round(time.perf_counter() - start, 4)
    typer.echo(json.dumps(verdict, indent=2, ensure_ascii=False) if as_json else pretty(verdict))


def _read(path: Path) -> Any:
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(
            f"cannot read {path}: {error.strerror}", hint="name a file, or - for standard input", code=BAD_USAGE
        ) from None
    except UnicodeDecodeError:
        raise CommandError(f"{path} is not UTF-8 text", hint="give a faultline-evidence/1 JSON file", code=BAD_USAGE) from None
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise CommandError(
            f"{path}, line {error.lineno}, column {error.colno}: {error.msg}",
            hint="give a faultline-evidence/1 JSON file",
            code=BAD_USAGE,
        ) from None


# ---- for people --------------------------------------------------------------------------------------------------
def pretty(verdict: Mapping[str, Any]) -> str:
    """The verdict as a person reads it: what, why, what else, what next."""
    parts: list[str] = []
    entries = verdict["verdicts"]
    if not entries:
        parts.append(_nothing(verdict))
    elif verdict["insufficient"]:
        parts.append("Not enough evidence to blame anything. What is suspected:")
    for number, entry in enumerate(entries, start=1):
        parts.append(_entry(entry, number if len(entries) > 1 else None))
    test = verdict.get("next_test")
    if test:
        parts.append(f"Next test: from {test['from']} to {test['to']} (expected to settle {test['expected_gain_nats']:.2f} nats)")
    floor = _floor(verdict.get("floor", ()))
    if floor:
        parts.append(floor)
    if verdict.get("skipped"):
        skipped = ", ".join(f"{count} of kind {kind!r}" for kind, count in verdict["skipped"].items())
        parts.append(f"Skipped observations: {skipped}")
    if "seconds" in verdict:
        parts.append(f"{verdict['seconds']:.2f} s")
    return "\n\n".join(parts)


def _nothing(verdict: Mapping[str, Any]) -> str:
    if not verdict["insufficient"]:
        return "No fault found."
    if "healthy" not in verdict:
        return "Nothing was measured: no observation looks at any component."
    return "Not enough evidence: too much of the network was not measured."


def _entry(entry: Mapping[str, Any], number: int | None) -> str:
    head = "" if number is None else f"{number}. "
    lines = [head + entry["text"], f"   Next step: {entry['next_step']}"]
    for title, side in (("For", "evidence"), ("Against", "against")):
        rows = entry[side]
        if rows:
            lines.append(f"   {title} (nats):")
            lines += [f"   {row['nats']:+{_WIDTH}.1f}  {row['text']}" for row in rows[:STRONGEST]]
            if len(rows) > STRONGEST:
                lines.append(f"   {sum(r['nats'] for r in rows[STRONGEST:]):+{_WIDTH}.1f}  in {len(rows) - STRONGEST} more")
    score = entry["score"]
    lines.append(f"   {score['evidence']:+.1f} nats of evidence {score['prior']:+.1f} of rarity = {score['total']:+.1f}")
    others = [c for c in entry["candidates"] if c["id"] not in entry["components"] and c["probability"] >= 0.01]  # noqa: PLR2004 - noise
    if others:
        listed = ", ".join(f"{c['id']} {c['probability']:.0%}" for c in others[:STRONGEST])
        lines.append(f"   Else it could be: {listed}")
    return "\n".join(lines)


def _floor(rows: Sequence[Mapping[str, Any]]) -> str:
    """What would have been seen, a place a line."""
    from faultline.records.terms import Mode  # noqa: PLC0415 - as above
    from faultline.reports.numbers import severity, span  # noqa: PLC0415

    shown = [row for row in rows if row["mode"] != Mode.DOWN]
    if not shown:
        return ""
    lines = ["Smallest fault these packets would have shown:"]
    for row in shown[:MOST_FLOORS]:
        place = ", ".join(map(str, row["components"]))
        line = f"   {row['mode']:<11} {severity(Mode(row['mode']), row['value']):>9}  {place}"
        if "reference_seconds" in row:
            line += f"  ({severity(Mode.LOSS, row['reference'])} in {span(int(row['reference_seconds'] * 1e9))})"
        lines.append(line)
    if len(shown) > MOST_FLOORS:
        lines.append(f"   and {len(shown) - MOST_FLOORS} more")
    return "\n".join(lines)
