"""Vantages of the inventory: where things stand on lines, and what can be wrong with that."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from faultline.inventory import positions
from faultline.inventory.entry import Entry
from faultline.inventory.model import Line, Position, Vantage
from faultline.inventory.problems import meant
from faultline.records.incident import Base
from faultline.records.terms import LineCode, ProbeId, VantageId

WAYS = ("between", "at", "before", "after")


def vantage_of(
    entry: Entry,
    *,
    vantage: VantageId | None,
    points: dict[str, Entry],
    lines: Mapping[LineCode, Line],
    known_lines: Collection[str],
    known_components: Collection[str],
    sites: Collection[str],
) -> Vantage | None:
    """The vantage of an entry; None when it is not sound. `points` are the observation points taken so far."""
    entry.only("id", "probe", "observation_point", "positions", "site", "address")
    probe, point = entry.text("probe"), entry.text("observation_point")
    site, address = entry.reference("site", sites, "site"), entry.address("address")
    if point is not None and probe is None:
        entry.wrong("observation_point", "an observation point without a probe", "name the probe, or leave this out")
    if probe is not None and point is not None and entry.unique("observation_point", f"{probe}/{point}", points, "vantage at"):
        points[f"{probe}/{point}"] = entry
    remedy = "say where it is: [{line: CODE, between: [one, two]}]"
    places: dict[LineCode, Position] = {}
    named: set[str] = set()
    for inner in entry.entries("positions", required=True, remedy=remedy):
        code, position = _position(inner, lines, known_lines, known_components)
        if code is not None and code in named:
            inner.wrong("line", f"a second position on {code}", "a vantage is at one place of a line")
        elif code is not None:
            named.add(code)
            if position is not None:
                places[code] = position
    if vantage is None or not named or len(places) != len(named):
        return None
    return Vantage(
        id=vantage,
        probe=ProbeId(probe) if probe else None,
        observation_point=point,
        positions=places,
        site=site,
        address=address,
    )


def _position(
    entry: Entry, lines: Mapping[LineCode, Line], known_lines: Collection[str], known_components: Collection[str]
) -> tuple[LineCode | None, Position | None]:
    entry.only("line", *WAYS)
    code = entry.reference("line", known_lines, "line", required=True)
    given = [way for way in WAYS if entry.has(way)]
    if len(given) != 1:
        wrong = "no place" if not given else f"{' and '.join(given)} together"
        entry.wrong(None, wrong, "give one of between: [one, two], at: one, before: the first, after: the last")
        return LineCode(code) if code else None, None
    line = lines.get(LineCode(code)) if code else None
    way = given[0]
    elements = [text for _, text in entry.texts(way)] if way == "between" else [t for t in [entry.text(way)] if t]
    if line is None:
        return LineCode(code) if code else None, None
    return line.code, _place(entry, way, elements, line, known_components)


def _place(entry: Entry, way: str, elements: list[str], line: Line, known: Collection[str]) -> Position | None:
    path = line.path
    wanted = 2 if way == "between" else 1
    if len(elements) != wanted:
        if way == "between" and elements:
            entry.wrong(way, f"{len(elements)} elements", "name two neighbours of the path")
        return None
    for text in elements:
        if text not in path:
            wrong = f"{text!r} is not on the path of {line.code}" if text in known else f"no component {text!r}"
            entry.wrong(way, wrong, meant(text, path, otherwise=f"its path is {' - '.join(path)}"))
            return None
    if way != "between":
        return {"at": positions.at, "before": positions.before, "after": positions.after}[way](path, Base(elements[0]))
    try:
        return positions.between(path, Base(elements[0]), Base(elements[1]))
    except ValueError as error:
        entry.wrong(way, str(error), f"the path is {' - '.join(path)}")
        return None


def refuse_ambiguous(made: Sequence[tuple[Entry, Vantage]], lines: Mapping[LineCode, Line]) -> None:
    """Refuse lines that one capture cannot tell apart: the same two networks at their ends, seen at the same observation point.

    The same networks on lines that no capture shares are no mistake: the two lines of a pair look like that.
    """
    told: set[frozenset[LineCode]] = set()
    for entry, vantage in made:
        if vantage.observation_point is None:
            continue
        seen: dict[frozenset[str], LineCode] = {}
        for code in vantage.positions:
            line = lines[code]
            for pair in {frozenset((a, z)) for a in line.a_end.prefixes for z in line.z_end.prefixes}:
                other = seen.setdefault(pair, code)
                if other != code and frozenset((other, code)) not in told:
                    told.add(frozenset((other, code)))
                    wrong = f"{other} and {code} both join {' and '.join(sorted(pair))}: their traffic cannot be told apart here"
                    entry.wrong("positions", wrong, "give the lines narrower prefixes, or capture them at separate points")
