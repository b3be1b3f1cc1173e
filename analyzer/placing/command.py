"""`faultline analyzer placement`: its options, and how advice is told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from faultline.reports.words import Language

if TYPE_CHECKING:
    from analyzer.placing.places import Place, Told

FORMAT = "faultline-placement/1"
ALTERNATIVES = 3


def register(app: typer.Typer) -> None:
    """Add the command to a group."""
    app.command("placement")(placement_command)


def placement_command(
    line: Annotated[str | None, typer.Argument(help="Code of a line; default: all lines in use.")] = None,
    file: Annotated[Path, typer.Option("-i", "--inventory", help="The inventory file.")] = Path("/etc/faultline/inventory.yaml"),
    *,
    probes: Annotated[int, typer.Option("--probes", min=1, max=20, help="How many probes to place, one after the other.")] = 1,
    rate: Annotated[
        float, typer.Option("--rate", min=0.01, max=1000, help="Test packets a second of each session, as in probe.yaml.")
    ] = 10.0,
    lang: Annotated[Language, typer.Option("--lang", help="Language of the text.")] = Language.EN,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Where one more probe would tell most owners apart and show the smallest losses; with --probes, where the next ones."""
    from analyzer.placing.places import best_places, placed  # noqa: PLC0415 - start-up cost belongs to the command that needs it
    from analyzer.planning.changing import checked  # noqa: PLC0415
    from analyzer.planning.finding import line_of  # noqa: PLC0415

    known = checked(file)
    only = line_of(known, line, file).code if line is not None else None
    rounds: list[list[Place]] = []
    for number in range(1, probes + 1):
        found = best_places(known, rate=rate, only=only)
        rounds.append(found[:ALTERNATIVES])
        if not found:
            break
        known = placed(known, found[0], f"new probe {number}")
    if as_json:
        typer.echo(json.dumps(_document(rounds, rate), ensure_ascii=False))
    else:
        typer.echo("\n".join(_told(rounds, lang)))


# ---- for programs ------------------------------------------------------------------------------------------------
def _document(rounds: Sequence[Sequence[Place]], rate: float) -> dict[str, Any]:
    """`places` are those for the first probe, the best first; `next` is the best for each further one."""
    document: dict[str, Any] = {"format": FORMAT, "rate": rate, "places": [_entry(place) for place in rounds[0]]}
    further = [_entry(found[0]) for found in rounds[1:] if found]
    return document | ({"next": further} if further else {})


def _entry(place: Place) -> dict[str, Any]:
    return {
        **{name: base for name, base in zip(("after", "before"), place.boundary, strict=True) if base is not None},
        "lines": len(place.lines),
        "reckoned_lines": place.reckoned,
        "owner_pairs_told_apart": place.owner_pairs,
        "today": _figures(place.today),
        "then": _figures(place.then),
    }


def _figures(told: Told) -> dict[str, Any]:
    found: dict[str, Any] = {
        "lines_that_tell_owners": told.owners_apart,
        "mixed_owner_pairs": told.mixed_pairs,
        "inseparable_pairs": told.pairs,
        "lines_without_a_test": told.blind,
    }
    return found | ({"smallest_loss_ratio": told.smallest_loss} if told.smallest_loss is not None else {})


# ---- for people --------------------------------------------------------------------------------------------------
def _told(rounds: Sequence[Sequence[Place]], lang: Language) -> Iterator[str]:
    from analyzer.placing.words import say  # noqa: PLC0415 - as above

    for number, found in enumerate(rounds):
        if number and found:
            yield say("then", lang, number=number)
        if not found:
            yield say("nothing", lang)
        for place_number, place in enumerate(found if not number else found[:1], start=1):
            yield from _place(place, place_number + number, lang)


def _place(place: Place, number: int, lang: Language) -> Iterator[str]:
    from analyzer.placing.words import say  # noqa: PLC0415 - as above
    from faultline.reports.numbers import ratio  # noqa: PLC0415

    after, before = place.boundary
    which = "between" if after and before else "after" if after else "before"
    yield say("place", lang, number=number, where=say(which, lang, after=after, before=before), lines=len(place.lines))
    today, then = place.today, place.then
    yield "   " + say("owners", lang, today=today.mixed_pairs, then=then.mixed_pairs)
    yield "   " + say("elements", lang, today=today.pairs, then=then.pairs)
    yield "   " + say("lines", lang, today=today.owners_apart, then=then.owners_apart, whole=place.reckoned)
    losses = [ratio(told.smallest_loss) if told.smallest_loss is not None else say("no_loss", lang) for told in (today, then)]
    yield "   " + say("loss", lang, today=losses[0], then=losses[1])
    if place.reckoned < len(place.lines):
        yield "   " + say("sample", lang, reckoned=place.reckoned, lines=len(place.lines))
