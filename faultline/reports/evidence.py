"""Why: what speaks for a verdict and against it with its weight, whose it could be, and what else it could be.

Goes in: `FaultMaterial` or its incident, and a speaker. Comes out: markup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from faultline.records.incident import Incident
from faultline.reports.markup import Markup, tag, text
from faultline.reports.material import FaultMaterial
from faultline.reports.numbers import confidence
from faultline.reports.observed import kind_word, observation_sentence
from faultline.reports.sentences import Speaker, direction_words, doubt_sentences, words_of_test

STRONGEST = 12
"""Rows of evidence shown a side; the evidence document has all of them."""
LEAST_SHOWN = 0.01
_BAR = 60


def evidence_table(speaker: Speaker, material: FaultMaterial, side: str) -> Markup:
    """Observations for (`evidence`) or against (`against`), heaviest first."""
    rows = sorted(material.incident.verdict.get(side, ()), key=lambda row: -abs(row["nats"]))
    if not rows:
        return tag("p", speaker.word("report.none_for" if side == "evidence" else "report.none_against"), class_="soft")
    heaviest = abs(rows[0]["nats"]) or 1.0
    observations = (material.evidence or {}).get("observations", [])
    heads = (("report.kind", None), ("report.observation", None), ("report.weight", "number"))
    return tag(
        "table",
        tag("thead", tag("tr", [tag("th", speaker.word(key), scope="col", class_=kind) for key, kind in heads])),
        tag("tbody", [_evidence_row(speaker, row, observations, heaviest, side) for row in rows[:STRONGEST]]),
        tag("caption", _caption(speaker, side, len(rows)), class_="soft"),
        class_="stacked",
        data_evidence=side,
    )


def _caption(speaker: Speaker, side: str, rows: int) -> str:
    said = [speaker.word("report.more_rows", n=rows - STRONGEST)] if rows > STRONGEST else []
    return ". ".join([*said, speaker.word("report.weight.note")] if side == "evidence" else said)


def _evidence_row(speaker: Speaker, row: Mapping[str, Any], observations: Sequence[Any], heaviest: float, side: str) -> Markup:
    number = row.get("observation")
    known = observations[number] if isinstance(number, int) and 0 <= number < len(observations) else None
    sentence = observation_sentence(speaker, known) if known is not None else speaker.spell(str(row.get("text", "")))
    width = max(1.0, _BAR * abs(row["nats"]) / heaviest)
    bar = tag(
        "svg",
        tag("rect", width=width, height=10, rx=2),
        class_=f"bar {side}",
        width=_BAR,
        height=10,
        viewBox=f"0 0 {_BAR} 10",
        aria_hidden="true",
    )
    return tag(
        "tr",
        tag("td", tag("span", kind_word(speaker, known), class_="kind") if known is not None else None),
        tag("td", sentence),
        tag("td", f"{row['nats']:+.1f}", bar, class_="number weight", data_label=speaker.word("report.weight")),
        data_nats=f"{row['nats']:.3f}",
        data_kind=known["kind"] if known is not None else None,
    )


def doubts(speaker: Speaker, incident: Incident) -> Markup | None:
    """What the verdict cannot tell, in plain words, and what would tell; nothing when it is clear."""
    said = doubt_sentences(speaker, incident.verdict, next_test=incident.context.get("next_test"), further=incident.further)
    return tag("p", " ".join(said), class_="doubt", data_doubt="true") if said else None


def owner_shares(speaker: Speaker, incident: Incident) -> Markup | None:
    """Whose it could be: a bar of shares, and the shares in words."""
    owners = {str(owner): float(share) for owner, share in incident.verdict.get("owners", {}).items() if share >= LEAST_SHOWN}
    if not owners:
        return None
    ranked = sorted(owners.items(), key=lambda item: (-item[1], item[0]))
    pieces, at = [], 0.0
    for owner, share in ranked:
        pieces.append(tag("rect", x=at, y=0, width=share * 100, height=8, class_=f"band owner-{owner}"))
        at += share * 100
    words = ", ".join(f"{speaker.owner(owner)} {confidence(share)}" for owner, share in ranked)
    bar = tag("svg", pieces, class_="shares", viewBox="0 0 100 8", preserveAspectRatio="none", aria_hidden="true")
    return tag("div", tag("h3", speaker.word("report.owners")), bar, tag("p", words), data_owners=" ".join(owners))


def alternatives(speaker: Speaker, incident: Incident) -> Markup:
    """Other candidates, whose they are, and the test that would tell them apart."""
    reported = set(incident.components)
    others = [
        c for c in incident.verdict.get("candidates", ()) if str(c["id"]) not in reported and c["probability"] >= LEAST_SHOWN
    ]
    parts: list[Markup | None] = [owner_shares(speaker, incident)]
    if others:
        parts.append(_candidates(speaker, others))
    else:
        parts.append(tag("p", speaker.word("report.else.none")))
    test = incident.context.get("next_test")
    if test and test.get("from") is not None:
        parts.append(tag("p", words_of_test(speaker, test, "report.next_test", "report.next_test.there")))
    return text(parts)


def _candidates(speaker: Speaker, others: Sequence[Mapping[str, Any]]) -> Markup:
    rows = [
        tag(
            "tr",
            tag("td", speaker.name(str(c["id"])), direction_words(speaker, [str(c["id"])])),
            tag("td", confidence(c["probability"]), class_="number"),
            data_candidate=c["id"],
        )
        for c in sorted(others, key=lambda c: -c["probability"])
    ]
    head = tag(
        "tr",
        tag("th", speaker.word("report.component"), scope="col"),
        tag("th", speaker.word("report.probability"), class_="number", scope="col"),
    )
    return tag("table", tag("thead", head), tag("tbody", rows))
