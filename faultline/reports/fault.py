"""The fault report: one self-contained, print-ready HTML document about one incident.

Goes in: `FaultMaterial` and a language. Comes out: the document; the same material gives the same octets. No clock, no store.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, tzinfo
from importlib import resources

from faultline.records.incident import Incident, IncidentState
from faultline.reports.attached import results_list, told_list
from faultline.reports.evidence import alternatives, doubts, evidence_table
from faultline.reports.history import outlived, timeline
from faultline.reports.instruments import floor, planned_list, quality_table, traced_table, unknowns
from faultline.reports.markup import Markup, tag
from faultline.reports.material import FaultMaterial, LineCard, LinePath
from faultline.reports.mini import session_minis
from faultline.reports.numbers import confidence, moment, span, zone
from faultline.reports.path_figure import path_figure
from faultline.reports.plot import plot_svg
from faultline.reports.sentences import Speaker, place, verdict_sentence
from faultline.reports.suspicion import suspects_of
from faultline.reports.words import Language


def style() -> str:
    """The style sheet that reports carry inside and pages serve beside them."""
    return resources.files("faultline.reports").joinpath("look.css").read_text(encoding="utf-8")


def speaker_for(language: Language, path: LinePath, names: Mapping[str, str] | None = None, tz: tzinfo = UTC) -> Speaker:
    """A speaker that knows the names of a path's elements, and others, and tells times by that clock."""
    return Speaker(language=language, names={**(names or {}), **path.names}, tz=tz)


def fault_report(material: FaultMaterial, language: Language = Language.EN) -> str:
    """The whole document."""
    speaker = speaker_for(language, material.path, material.names, zone_of(material))
    incident = material.incident
    title = f"{speaker.word('report.title')} {incident.id}"
    body = tag(
        "main",
        tag("p", speaker.word("report.title"), " · ", incident.id, class_="soft"),
        verdict_card(speaker, material),
        sections(speaker, material),
        tag("p", _made(speaker, material), class_="soft"),
        tag("p", speaker.word("report.assisted"), class_="soft"),
        data_report=incident.id,
        data_owner=incident.owner.value,
        data_mode=incident.mode.value,
    )
    return document(language, title, body)


def sections(speaker: Speaker, material: FaultMaterial) -> list[Markup]:
    """Everything below the verdict, in the order people ask: where, why, what else, since when, how much to believe."""
    incident, tz = material.incident, zone_of(material)
    return [
        _section(speaker, "report.path", tag("div", path_of(speaker, material), class_="card")),
        _section(speaker, "report.for", tag("div", evidence_table(speaker, material, "evidence"), class_="card")),
        _section(speaker, "report.against", tag("div", evidence_table(speaker, material, "against"), class_="card")),
        _section(speaker, "report.else", tag("div", alternatives(speaker, incident), class_="card")),
        _section(speaker, "report.timeline", tag("div", timeline(speaker, incident, tz), class_="card")),
        _section(speaker, "report.plots", plots(speaker, material)),
        _section(speaker, "report.sessions", session_minis(speaker, material.sessions, onset_ns=incident.onset_ns)),
        _section(speaker, "path.traced", tag("div", traced_table(speaker, material.traces, tz), class_="card")),
        _section(
            speaker, "report.planned", tag("div", planned_list(speaker, material.planned, tz, material.made_ns), class_="card")
        ),
        _section(speaker, "report.told", tag("div", told_list(speaker, material.told, tz), class_="card")),
        _section(speaker, "report.results", tag("div", results_list(speaker, material.results, tz), class_="card")),
        _section(
            speaker,
            "report.unknown",
            tag("div", unknowns(speaker, material.path, material.quality, material.dropped), class_="card"),
        ),
        _section(speaker, "report.floor", tag("div", floor(speaker, incident), class_="card")),
        _section(speaker, "report.quality", tag("div", quality_table(speaker, material.quality), class_="card")),
    ]


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


def zone_of(material: FaultMaterial) -> tzinfo:
    """The line's time zone."""
    return zone(material.line.time_zone if material.line else None)


def verdict_card(speaker: Speaker, material: FaultMaterial, *, level: str = "h1") -> Markup:
    """The verdict in plain words, what it cannot tell, and the facts beside it. `level` is the heading's element."""
    incident, tz = material.incident, zone_of(material)
    over = incident.state is IncidentState.CLEARED
    overruns = outlived(incident) and not over
    kind = "over" if over else ("planned" if incident.planned or incident.informational else "fault")
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
        tag(level, verdict_sentence(speaker, incident.verdict, further=incident.further), class_="verdict"),
        doubts(speaker, incident),
        tag("p", speaker.word("planned"), class_="notice") if incident.planned else None,
        tag("p", speaker.word("event.outlived"), class_="notice", data_overrun="true") if overruns else None,
        tag("p", speaker.word("informational"), class_="notice") if incident.informational else None,
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
    """The line with the suspect on it; a changed route has none."""
    incident = material.incident
    suspects = {} if incident.informational else suspects_of([incident.verdict, *incident.further])
    return path_figure(speaker, material.path, suspects=suspects)


def next_step(speaker: Speaker, incident: Incident) -> str:
    """What to do now. The verdict's own words are English and name ids; other languages speak from the owner."""
    own = incident.verdict.get("next_step")
    if own and speaker.language is Language.EN:
        ids = place(Speaker(language=Language.EN, names={}), incident.components)
        return speaker.spell(str(own).replace(ids, place(speaker, incident.components)))
    return speaker.word(f"next.{incident.owner.value}", place=place(speaker, incident.components))


def plots(speaker: Speaker, material: FaultMaterial) -> Markup:
    """Every plot as a figure; an empty list says so."""
    if not material.plots:
        return tag("p", speaker.word("page.no_points"), class_="empty")
    onset = (material.incident.onset_ns, speaker.word("onset"))
    gap, tz = speaker.word("gap"), zone_of(material)
    figures = [
        tag("figure", tag("figcaption", plot.title), plot_svg(plot, gap_word=gap, tz=tz, onset=onset)) for plot in material.plots
    ]
    return tag("div", figures, class_="plots")


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
    tz = zone_of(material)
    return speaker.word("report.made", when=moment(material.made_ns, tz), until=moment(material.incident.updated_ns, tz))
