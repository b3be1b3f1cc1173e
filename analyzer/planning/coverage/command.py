"""`faultline inventory coverage`: its options, and how an answer is told.

The arithmetic of the localiser is imported when it is asked for: `inventory show` must not pay for it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analyzer.planning.changing import checked
from analyzer.planning.finding import line_of
from analyzer.planning.works.telling import many
from faultline.reports.numbers import ratio
from faultline.reports.words import Language, say

if TYPE_CHECKING:
    from analyzer.planning.coverage.lines import Boundary, Element, LineCoverage

_MOST_LINES, _MOST_CODES = 20, 5
_MOST_BOUNDARIES = 3


def coverage_command(
    line: Annotated[str | None, typer.Argument(help="Code of a line; default: all lines in use.")] = None,
    file: Annotated[Path, typer.Option("-i", "--inventory", help="The inventory file.")] = Path("/etc/faultline/inventory.yaml"),
    *,
    rate: Annotated[
        float, typer.Option("--rate", min=0.01, max=1000, help="Test packets a second of each session, as in probe.yaml.")
    ] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """What today's probes could tell apart, before any fault: owners, elements, the smallest loss, the vantage to add."""
    from analyzer.planning.coverage.lines import Coverage, best_boundaries  # noqa: PLC0415 - see the module's docstring

    began = time.perf_counter()
    known = checked(file)
    chosen = line_of(known, line, file) if line is not None else None
    coverage = Coverage(known, rate=rate)
    found = [coverage.of(chosen)] if chosen is not None else list(coverage.lines())
    boundaries = best_boundaries(found)[:_MOST_BOUNDARIES]
    seconds = time.perf_counter() - began
    if as_json:
        best = [_boundary(boundary) | {"pairs": pairs, "lines": lines} for boundary, pairs, lines in boundaries]
        told = {"rate": rate, "seconds": round(seconds, 2), "lines": [_document(one) for one in found], "best": best}
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    typer.echo("\n".join(_told(found[0]) if chosen is not None else _summary(found, boundaries)))
    typer.echo(f"{many(len(found), 'line')} in {seconds:.1f} s, at {rate:g} test packets a second")


def _told(found: LineCoverage) -> list[str]:
    from analyzer.planning.coverage.lines import described  # noqa: PLC0415 - see the module's docstring

    line = found.line
    told = [" · ".join([line.code, line.customer, *([line.grade] if line.grade else [])])]
    told.append("  every owner can be told apart" if found.tells_owners else "  not every fault could be laid on one owner")
    for members in found.classes:
        mixed = len({element.owner for element in members}) > 1
        told.append(f"  cannot be told apart{', of different owners' if mixed else ''}: {_names(members)}")
    if found.unseen:
        told.append(f"  nothing looks at: {', '.join(found.unseen)}")
    told.append(f"  smallest loss that tests show in five minutes: {_loss(found)}")
    if found.untested:
        told.append(f"  no test crosses: {', '.join(found.untested)}")
    if found.best is not None:
        apart = found.best.before - found.best.after
        what = f"it tells {many(apart, 'pair')} of owners apart" if apart else "it tells elements of one owner apart"
        told.append(f"  a vantage {described(line, found.best.position)} would help most: {what}")
    return told


def _summary(found: Sequence[LineCoverage], boundaries: Sequence[tuple[Boundary, int, int]]) -> list[str]:
    unlooked = [one for one in found if len(one.unseen) == len(one.elements)]
    partly = [one for one in found if 0 < len(one.unseen) < len(one.elements)]
    mixed = [one for one in found if one.mixed]
    untested = [one for one in found if one.smallest_loss is None and one not in unlooked]
    told = [
        f"every owner can be told apart: {sum(one.tells_owners for one in found)}",
        f"owners mixed up somewhere: {_codes(mixed)}",
        f"parts that nothing looks at: {_codes(partly)}",
        f"nobody looks at: {_codes(unlooked)}",
        f"without a test that would show a loss: {_codes(untested)}",
        *([f"smallest loss that tests show in five minutes: {_losses(found)}"] if any(map(_has_tests, found)) else []),
    ]
    told += [f"  {one.line.code}: {'; '.join(_names(members) for members in one.mixed)}" for one in mixed[:_MOST_LINES]]
    if len(mixed) > _MOST_LINES:
        told.append(f"  and {len(mixed) - _MOST_LINES} more: --json has them all")
    for boundary, pairs, lines in boundaries:
        told.append(f"a vantage {_beside(boundary)} would tell {many(pairs, 'pair')} of owners apart, on {many(lines, 'line')}")
    return told


def _codes(found: Sequence[LineCoverage]) -> str:
    codes = [str(one.line.code) for one in found[:_MOST_CODES]] + (["..."] if len(found) > _MOST_CODES else [])
    return f"{len(found)} ({', '.join(codes)})" if codes else "0"


def _names(members: Sequence[Element]) -> str:
    return ", ".join(f"{element.base} ({say(f'owner.{element.owner.value}', Language.EN)})" for element in members)


def _loss(found: LineCoverage) -> str:
    return "none, there is no test" if found.smallest_loss is None else ratio(found.smallest_loss)


def _has_tests(found: LineCoverage) -> bool:
    return found.smallest_loss is not None


def _losses(found: Sequence[LineCoverage]) -> str:
    """From the best line to the worst."""
    losses = sorted(one.smallest_loss for one in found if one.smallest_loss is not None)
    return f"{ratio(losses[0])} to {ratio(losses[-1])}, by line" if losses[0] < losses[-1] else ratio(losses[0])


def _beside(boundary: Boundary) -> str:
    before, after = boundary
    if before is None or after is None:
        return f"before {after}" if before is None else f"after {before}"
    return f"between {before} and {after}"


def _boundary(boundary: Boundary) -> dict[str, Any]:
    return {name: base for name, base in zip(("after", "before"), boundary, strict=True) if base is not None}


def _document(found: LineCoverage) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "line": found.line.code,
        "tells_owners": found.tells_owners,
        "elements": [
            {"component": element.base, "owner": element.owner.value, "seen": element.alike is not None}
            for element in found.elements
        ],
        "inseparable": [[element.base for element in members] for members in found.classes],
        "untested": list(found.untested),
    }
    if found.smallest_loss is not None:
        entry["smallest_loss_ratio"] = found.smallest_loss
    if found.best is not None:
        entry["best"] = _boundary(found.best.boundary) | {"mixed_pairs": found.best.before, "then": found.best.after}
    return entry
