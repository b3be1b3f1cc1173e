"""A line from A to Z as a list: what a narrow screen shows instead of the picture, and what a screen reader reads of it.

The same facts in the same order: owners and where responsibility changes hands, alternatives, hosts behind Z, probes, suspicion.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from faultline.records.incident import Base
from faultline.records.terms import Owner
from faultline.reports.markup import Markup, tag
from faultline.reports.material import LinePath, PathElement, PathHost, PathVantage, Suspect
from faultline.reports.numbers import confidence
from faultline.reports.sentences import Speaker
from faultline.reports.suspicion import WEAK, arrow_of, suspicion_words

Suspects = Mapping[Base, Suspect]


def path_list(speaker: Speaker, path: LinePath, *, suspects: Suspects | None = None) -> Markup:
    """The list; each run of one owner is a part of its own."""
    suspects = suspects or {}
    stations: list[tuple[Owner, Markup]] = []
    for number, element in enumerate(path.elements):
        looks = _looks(speaker, [v for v in path.vantages if _after(v, number)])
        stations.append((element.owner, _station(speaker, element, suspects, looks)))
    stations += [(host.element.owner, _host(speaker, host, suspects)) for host in path.hosts]
    before = _looks(speaker, [v for v in path.vantages if v.position < 0])
    parts = [
        tag("li", _line(speaker, site, suspects[site.base], None), class_=f"part owner-{site.owner.value} station suspect")
        for site in path.sites
        if site.base in suspects
    ]
    for number, (owner, group) in enumerate(groupby(stations, key=lambda pair: pair[0])):
        rows = [station for _, station in group]
        parts.append(
            tag(
                "li",
                tag("p", speaker.owner(owner.value), class_="owner-name"),
                tag("ol", before if number == 0 else None, rows),
                class_=f"part owner-{owner.value}",
            )
        )
    return tag("ol", parts, class_="stations")


def _after(vantage: PathVantage, number: int) -> bool:
    """Whether a vantage is at an element or on the boundary after it."""
    return number <= vantage.position < number + 1


def _station(speaker: Speaker, element: PathElement, suspects: Suspects, looks: list[Markup]) -> Markup:
    suspect = suspects.get(element.base)
    between = speaker.word("path.between", first=element.between[0], last=element.between[1]) if element.between else None
    return tag(
        "li",
        _line(speaker, element, suspect, between),
        _branches(speaker, element, suspects) if element.branches else None,
        tag("ul", looks, class_="looks") if looks else None,
        class_="station suspect" if suspect else "station",
    )


def _line(speaker: Speaker, element: PathElement, suspect: Suspect | None, note: str | None) -> Markup:
    said = None
    if suspect is not None:
        label = " ".join(part for part in (arrow_of(suspect), confidence(suspect.probability)) if part)
        said = tag(
            "span",
            tag("span", label, aria_hidden="true"),
            tag("span", f"{speaker.word('suspect')} {suspicion_words(speaker, suspect)}", class_="unseen"),
            class_="said" if suspect.probability >= WEAK else "said weak",
        )
    return tag(
        "span",
        tag("b", element.name),
        " ",
        tag("small", speaker.word(f"kind.{element.kind.value}"), f", {note}" if note else None),
        said,
        class_="station-line",
    )


def _branches(speaker: Speaker, bundle: PathElement, suspects: Suspects) -> Markup:
    """Alternatives beside each other: packets of one flow take one of them."""
    return tag(
        "div",
        tag("p", speaker.word("path.alternatives", n=len(bundle.branches)), class_="soft"),
        tag(
            "ul",
            [tag("li", tag("ol", [_station(speaker, member, suspects, []) for member in branch])) for branch in bundle.branches],
            class_="branches",
        ),
    )


def _host(speaker: Speaker, host: PathHost, suspects: Suspects) -> Markup:
    suspect = suspects.get(host.element.base)
    services = [
        tag("li", _line(speaker, s, suspects.get(s.base), None), class_="station suspect" if s.base in suspects else "station")
        for s in host.services
    ]
    return tag(
        "li",
        _line(speaker, host.element, suspect, speaker.word("path.behind_z")),
        tag("ul", services) if services else None,
        class_="station suspect" if suspect else "station",
    )


def _looks(speaker: Speaker, vantages: list[PathVantage]) -> list[Markup]:
    return [
        tag(
            "li",
            tag("span", "△" if v.silent else "▲", aria_hidden="true"),
            f" {speaker.word('probe')} {v.name}",
            f", {speaker.word('probe.silent')}" if v.silent else None,
            class_="look silent" if v.silent else "look",
        )
        for v in sorted(vantages, key=lambda v: v.position)
    ]
