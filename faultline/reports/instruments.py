"""How much to believe: what the instruments were like, what they missed, what they could have seen at all.

Goes in: quality rows, silent vantages, dropped batches, detection floors, planned work, traces. Comes out: markup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

from faultline.records.incident import Incident
from faultline.records.terms import Level, Mode
from faultline.reports.markup import Markup, tag
from faultline.reports.material import DroppedBatches, LinePath, PlannedWindow, QualityRow, TracedFlow
from faultline.reports.numbers import duration, moment, ratio, severity, span
from faultline.reports.sentences import Speaker, direction_words, place
from faultline.reports.words import CATALOGUE

DOES_NOT_APPLY = "\u2013"
WORTH_TELLING = 1e-3
"""Share of a capture's packets lost from which it is told as something unknown."""
UNDISCIPLINED = "none"
"""Class of a clock that nothing keeps."""


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


def unknowns(speaker: Speaker, path: LinePath, quality: Sequence[QualityRow], dropped: Sequence[DroppedBatches]) -> Markup:
    """What was not measured, in sentences."""
    said = unknown_sentences(speaker, path, quality, dropped)
    if not said:
        return tag("p", speaker.word("report.unknown.none"), class_="soft")
    return tag("ul", [tag("li", sentence) for sentence in said], data_unknowns=len(said))


def unknown_sentences(
    speaker: Speaker, path: LinePath, quality: Sequence[QualityRow], dropped: Sequence[DroppedBatches]
) -> list[str]:
    """Silent probes first, then what was dropped, then what each instrument missed."""
    said = [speaker.word("unknown.silent", name=v.name) for v in path.vantages if v.silent]
    for lost in dropped:
        reason = speaker.word(f"reason.{lost.reason}") if f"reason.{lost.reason}" in CATALOGUE else lost.reason
        values = {"probe": lost.probe, "stream": lost.stream, "n": lost.batches, "reason": reason}
        said.append(speaker.word("unknown.dropped", **values))
    silent = {v.name for v in path.vantages if v.silent}
    for row in quality:
        if row.missing_windows and row.name not in silent:
            missed = span(row.missing_windows * Level.TEN_SECONDS.length_ns)
            said.append(speaker.word("unknown.windows", name=row.name, span=missed))
        if row.capture_loss_ratio is not None and row.capture_loss_ratio >= WORTH_TELLING:
            said.append(speaker.word("unknown.capture", name=row.name, ratio=ratio(row.capture_loss_ratio)))
        if row.suspect:
            said.append(speaker.word("unknown.suspect", name=row.name, n=row.suspect))
        if row.clock_class == UNDISCIPLINED:
            said.append(speaker.word("unknown.clock", name=row.name))
    return said


def quality_table(speaker: Speaker, rows: Sequence[QualityRow]) -> Markup:
    """Clock and capture of each instrument. A clock of which nothing was said is not known; a session captures nothing."""
    if not rows:
        return tag("p", speaker.word("report.quality.none"), class_="soft")
    heads = [speaker.word(f"report.quality.{key}") for key in ("name", "clock", "capture", "one_sided", "suspect", "missing")]
    return tag(
        "table",
        tag("thead", tag("tr", [tag("th", head, scope="col") for head in heads])),
        tag("tbody", [_quality_row(speaker, row, heads) for row in rows]),
        class_="stacked",
    )


def _quality_row(speaker: Speaker, row: QualityRow, heads: Sequence[str]) -> Markup:
    name, *cells = _quality_cells(speaker, row)
    shown = [tag("td", cell, data_label=head) for cell, head in zip(cells, heads[1:], strict=True)]
    return tag("tr", tag("th", name, scope="row"), shown, data_quality=row.name)


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


def planned_list(speaker: Speaker, planned: Sequence[PlannedWindow], tz: tzinfo, now_ns: int) -> Markup:
    """Declared work with its time, place and reason."""
    if not planned:
        return tag("p", speaker.word("report.planned.none"), class_="soft")
    return tag("ol", [_planned_item(speaker, work, tz, now_ns) for work in planned], class_="timeline")


def _planned_item(speaker: Speaker, work: PlannedWindow, tz: tzinfo, now_ns: int) -> Markup:
    when = "over" if work.end_ns <= now_ns else ("later" if work.start_ns > now_ns else "now")
    times = speaker.word("report.planned.row", start=moment(work.start_ns, tz), end=moment(work.end_ns, tz))
    places = place(speaker, work.places)
    return tag(
        "li",
        tag("span", times, class_="soft"),
        tag("b", speaker.word(f"report.planned.{when}")),
        tag("span", f"{places}: {work.reason}" if work.reason else places),
        data_planned=when,
    )


def traced_table(speaker: Speaker, traces: Sequence[TracedFlow], tz: tzinfo) -> Markup:
    """Each traced flow's route, and the one before where it changed."""
    if not traces:
        return tag("p", speaker.word("path.traced.none"), class_="soft")
    heads = [speaker.word(f"report.traces.{key}") for key in ("flow", "hops", "since")]
    rows = []
    for flow in traces:
        before = (
            tag("small", speaker.word("report.traces.before", route=_route(speaker, flow.previous))) if flow.previous else None
        )
        end = "" if flow.reached else f" ({speaker.word('report.traces.unreached')})"
        since = moment(flow.since_ns if flow.since_ns is not None else flow.traced_ns, tz)
        rows.append(
            tag(
                "tr",
                tag("th", flow.trace, tag("br"), tag("small", flow.flow), scope="row"),
                tag("td", _route(speaker, flow.hops), end, tag("br") if before else None, before, data_label=heads[1]),
                tag("td", since, data_label=heads[2]),
                data_trace=flow.trace,
            )
        )
    return tag(
        "table",
        tag("thead", tag("tr", [tag("th", head, scope="col") for head in heads])),
        tag("tbody", rows),
        class_="stacked",
    )


def _route(speaker: Speaker, hops: Sequence[str | None]) -> str:
    return " → ".join(hop or speaker.word("path.silent_hop") for hop in hops)
