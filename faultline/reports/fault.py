"""The fault report: one self-contained, print-ready HTML document about one incident.

Goes in: `FaultMaterial` and a language. Comes out: the document; the same material gives the same octets. No clock, no store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from faultline.records.incident import EventKind, Incident, IncidentState, Revision
from faultline.records.terms import Mode
from faultline.reports.markup import Markup, tag, text
from faultline.reports.material import FaultMaterial, LineCard, LinePath, QualityRow
from faultline.reports.numbers import confidence, duration, moment, ratio, severity, span, zone
from faultline.reports.observed import observation_sentence
from faultline.reports.path_figure import path_figure
from faultline.reports.plot import plot_svg
from faultline.reports.sentences import Speaker, direction_words, place, verdict_sentence
from faultline.reports.suspicion import suspects_of
from faultline.reports.words import Language

STRONGEST = 12
"""Rows of evidence shown a side; the evidence document has all of them."""
LEAST_SHOWN = 0.01
DOES_NOT_APPLY = "\u2013"
_BAR = 60


def style() -> str:
    """The style sheet that reports carry inside and pages serve beside them."""
    return resources.files("faultline.reports").joinpath("look.css").read_text(encoding="utf-8")


def speaker_for(language: Language, path: LinePath) -> Speaker:
    """A speaker that knows the names of a path's elements."""
    return Speaker(language=language, names=path.names)


def fault_report(material: FaultMaterial, language: Language = Language.EN) -> str:
    """The whole document."""
    speaker = speaker_for(language, material.path)
    incident = material.incident
    title = f"{speaker.word('report.title')} {incident.id}"
    body = tag(
        "main",
        tag("p", speaker.word("report.title"), " · ", incident.id, class_="soft"),
        verdict_card(speaker, material),
        _section(speaker, "report.path", tag("div", path_of(speaker, material), class_="card")),
        _section(speaker, "report.for", tag("div", evidence_table(speaker, material, "evidence"), class_="card scroll")),
        _section(speaker, "report.against", tag("div", evidence_table(speaker, material, "against"), class_="card scroll")),
        _section(speaker, "report.else", tag("div", alternatives(speaker, incident), class_="card")),
        _section(speaker, "report.plots", plots(speaker, material)),
        _section(speaker, "report.timeline", tag("div", timeline(speaker, material), class_="card")),
        _section(speaker, "report.floor", tag("div", floor(speaker, incident), class_="card")),
        _section(speaker, "report.quality", tag("div", quality_table(speaker, material.quality), class_="card scroll")),
        tag("p", _made(speaker, material), class_="soft"),
        tag("p", speaker.word("report.assisted"), class_="soft"),
        data_report=incident.id,
        data_owner=incident.owner.value,
        data_mode=incident.mode.value,
    )
    return document(language, title, body)


def document(language: Language, title: str, body: Markup) -> str:
    """A self-contained page: style inside, nothing loaded from elsewhere."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Markup(style())),
    )
    return "<!DOCTYPE html>\n" + tag("html", head, tag("body", body), lang=language.tag) + "\n"


def verdict_card(speaker: Speaker, material: FaultMaterial) -> Markup:
    """The verdict in plain words, and the facts beside it."""
    incident, tz = material.incident, zone(material.line.time_zone if material.line else None)
    over = incident.state is IncidentState.CLEARED
    kind = "over" if over else ("planned" if incident.planned else "fault")
    end_ns = incident.ended_ns if incident.ended_ns is not None else incident.updated_ns
    facts = [
        ("report.owner", tag("span", speaker.owner(incident.owner.value), class_="big")),
        ("report.confidence", tag("span", confidence(incident.confidence), class_="big")),
        ("report.since", moment(incident.onset_ns, tz)),
        ("report.until", moment(end_ns, tz)) if over else ("report.state", speaker.word("state.open")),
        ("report.duration", span(end_ns - incident.onset_ns)),
        *_line_facts(material.line),
        ("report.impact", ", ".join(card.code for card in material.other_lines) or speaker.word("report.impact.none")),
    ]
    return tag(
        "section",
        tag("p", verdict_sentence(speaker, incident.verdict, further=incident.further), class_="verdict"),
        tag("p", speaker.word("planned"), class_="notice") if incident.planned else None,
        tag("dl", [tag("div", tag("dt", speaker.word(key)), tag("dd", value)) for key, value in facts], class_="facts"),
        tag("p", tag("b", speaker.word("report.next")), ": ", next_step(speaker, incident), class_="next"),
        _learning(speaker, incident),
        class_=f"card {kind}",
        data_incident=incident.id,
        data_state=incident.state.value,
        data_owner=incident.owner.value,
        data_mode=incident.mode.value,
        data_components=" ".join(incident.components),
        data_confidence=f"{incident.confidence:.4f}",
    )


def path_of(speaker: Speaker, material: FaultMaterial) -> Markup:
    """The line with the suspect on it."""
    suspects = suspects_of([material.incident.verdict, *material.incident.further])
    return path_figure(speaker, material.path, suspects=suspects)


def next_step(speaker: Speaker, incident: Incident) -> str:
    """What to do now. The verdict's own words are English and name ids; other languages speak from the owner."""
    own = incident.verdict.get("next_step")
    if own and speaker.language is Language.EN:
        ids = place(Speaker(language=Language.EN, names={}), incident.components)
        return str(own).replace(ids, place(speaker, incident.components))
    return speaker.word(f"next.{incident.owner.value}", place=place(speaker, incident.components))


def evidence_table(speaker: Speaker, material: FaultMaterial, side: str) -> Markup:
    """Observations for (`evidence`) or against (`against`), heaviest first."""
    rows = sorted(material.incident.verdict.get(side, ()), key=lambda row: -abs(row["nats"]))[:STRONGEST]
    if not rows:
        return tag("p", speaker.word("report.none_for" if side == "evidence" else "report.none_against"), class_="soft")
    heaviest = max(abs(row["nats"]) for row in rows) or 1.0
    observations = (material.evidence or {}).get("observations", [])
    return tag(
        "table",
        tag(
            "thead",
            tag(
                "tr",
                tag("th", speaker.word("report.observation")),
                tag("th", speaker.word("report.weight"), class_="number"),
                tag("th"),
            ),
        ),
        tag("tbody", [_evidence_row(speaker, row, observations, heaviest, side) for row in rows]),
        data_evidence=side,
    )


def _evidence_row(speaker: Speaker, row: Mapping[str, Any], observations: Sequence[Any], heaviest: float, side: str) -> Markup:
    number = row.get("observation")
    known = isinstance(number, int) and 0 <= number < len(observations)
    sentence = observation_sentence(speaker, observations[number]) if known else str(row.get("text", ""))  # type: ignore[index]
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
        tag("td", sentence),
        tag("td", f"{row['nats']:+.1f}", class_="number"),
        tag("td", bar),
        data_nats=f"{row['nats']:.3f}",
    )


def alternatives(speaker: Speaker, incident: Incident) -> Markup:
    """Other candidates, and the test that would tell them apart."""
    reported = set(incident.components)
    others = [
        c for c in incident.verdict.get("candidates", ()) if str(c["id"]) not in reported and c["probability"] >= LEAST_SHOWN
    ]
    parts: list[Markup] = []
    if others:
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
            "tr", tag("th", speaker.word("report.component")), tag("th", speaker.word("report.probability"), class_="number")
        )
        parts.append(tag("table", tag("thead", head), tag("tbody", rows)))
    else:
        parts.append(tag("p", speaker.word("report.else.none")))
    test = incident.context.get("next_test")
    if test and test.get("from") is not None:
        first, last = speaker.name(str(test["from"])), speaker.name(str(test["to"]))
        parts.append(tag("p", speaker.word("report.next_test", first=first, last=last)))
    return text(parts)


def plots(speaker: Speaker, material: FaultMaterial) -> Markup:
    """Every plot as a figure; an empty list says so."""
    if not material.plots:
        return tag("p", speaker.word("page.no_points"), class_="empty")
    tz = zone(material.line.time_zone if material.line else None)
    onset = (material.incident.onset_ns, speaker.word("onset"))
    return tag(
        "div",
        [
            tag("figure", tag("figcaption", plot.title), plot_svg(plot, gap_word=speaker.word("gap"), tz=tz, onset=onset))
            for plot in material.plots
        ],
        class_="plots",
    )


def timeline(speaker: Speaker, material: FaultMaterial) -> Markup:
    """What was said and when, from the estimated begin on."""
    tz = zone(material.line.time_zone if material.line else None)
    incident = material.incident
    items = [
        tag("li", tag("span", moment(incident.onset_ns, tz), class_="soft"), tag("b", speaker.word("onset")), tag("span")),
        *(
            tag(
                "li",
                tag("span", moment(said.time_ns, tz), class_="soft"),
                tag("b", speaker.word(f"event.{said.event.value}")),
                tag("span", said_words(speaker, said)),
                data_event=said.event.value,
            )
            for said in incident.revisions
        ),
    ]
    return tag("ol", items, class_="timeline")


def said_words(speaker: Speaker, said: Revision) -> str:
    """One revision as a line; the reason of a change is English and shown to readers of English."""
    if said.event is EventKind.CLEAR:
        return said.reason if speaker.language is Language.EN else ""
    became = speaker.word(
        "event.became",
        owner=speaker.owner(said.owner.value),
        mode=speaker.mode(said.mode.value),
        place=place(speaker, said.components),
        confidence=confidence(said.confidence),
    )
    return f"{became} ({said.reason})" if said.event is EventKind.REVISE and speaker.language is Language.EN else became


def floor(speaker: Speaker, incident: Incident) -> Markup:
    """The smallest fault the present probes would have seen in the window, a mode and component each; an outage has no size."""
    rows = [row for row in incident.context.get("floor") or () if row["mode"] != Mode.DOWN]
    if not rows:
        return tag("p", speaker.word("report.floor.none"), class_="soft")
    return tag("ul", [tag("li", floor_sentence(speaker, row)) for row in rows])


def floor_sentence(speaker: Speaker, row: Mapping[str, Any]) -> str:
    """One detection floor as a line."""
    components = list(row["components"])
    return speaker.word(
        "report.floor.row",
        mode=speaker.mode(row["mode"]),
        place=place(speaker, components),
        direction=direction_words(speaker, components),
        value=severity(Mode(row["mode"]), row["value"]),
    )


def quality_table(speaker: Speaker, rows: Sequence[QualityRow]) -> Markup:
    """Clock and capture of each instrument. A clock of which nothing was said is not known; a session captures nothing."""
    if not rows:
        return tag("p", speaker.word("report.quality.none"), class_="soft")
    heads = ("name", "clock", "capture", "one_sided", "suspect", "missing")
    return tag(
        "table",
        tag("thead", tag("tr", [tag("th", speaker.word(f"report.quality.{key}")) for key in heads])),
        tag(
            "tbody",
            [tag("tr", [tag("td", cell) for cell in _quality_cells(speaker, row)], data_quality=row.name) for row in rows],
        ),
    )


def _quality_cells(speaker: Speaker, row: QualityRow) -> list[str]:
    unknown = speaker.word("unknown")
    clock = row.clock_class or unknown
    if row.clock_error_ns is not None:
        clock += f" ± {duration(row.clock_error_ns)}" if row.clock_class else f" (± {duration(row.clock_error_ns)})"
    return [
        row.name,
        clock,
        DOES_NOT_APPLY if row.capture_loss_ratio is None else ratio(row.capture_loss_ratio),
        DOES_NOT_APPLY if row.one_sided_ratio is None else ratio(row.one_sided_ratio),
        DOES_NOT_APPLY if row.suspect is None else str(row.suspect),
        unknown if row.missing_windows is None else str(row.missing_windows),
    ]


def _line_facts(line: LineCard | None) -> list[tuple[str, str]]:
    if line is None:
        return []
    ends = " – ".join(end for end in (line.a_end, line.z_end) if end)  # noqa: RUF001 - from one end to the other
    facts = [("report.line", line.code), ("report.customer", line.customer)]
    if ends:
        facts.append(("report.ends", ends))
    if line.grade:
        facts.append(("report.grade", line.grade))
    return facts


def _learning(speaker: Speaker, incident: Incident) -> Markup | None:
    learning = incident.context.get("learning_until_ns")
    if learning is None:
        return None
    return tag("p", speaker.word("report.learning", when=moment(learning, zone(None))), class_="soft")


def _section(speaker: Speaker, key: str, *children: Markup) -> Markup:
    return tag("section", tag("h2", speaker.word(key)), *children)


def _made(speaker: Speaker, material: FaultMaterial) -> str:
    tz = zone(material.line.time_zone if material.line else None)
    return speaker.word("report.made", when=moment(material.made_ns, tz), until=moment(material.incident.updated_ns, tz))
