"""What others brought: events told of a line's components, results of other instruments.

Goes in: records, names, a clock. Comes out: lists as markup. What was said of an event in free words stays out: it may name
others.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from faultline.records.device_event import DeviceEvent
from faultline.records.line_result import LineResult
from faultline.reports.markup import Markup, tag
from faultline.reports.numbers import moment, three_digits
from faultline.reports.sentences import Speaker
from faultline.reports.words import CATALOGUE

MOST_EVENTS = 50
MANY = 1e5
"""From here on a value is told by its order of magnitude."""
FEW = 1e-3


def told_list(speaker: Speaker, events: Sequence[DeviceEvent], tz: tzinfo) -> Markup:
    """Events, newest first."""
    if not events:
        return tag("p", speaker.word("report.told.none"), class_="soft")
    shown = sorted(events, key=lambda event: -event.happened_ns)[:MOST_EVENTS]
    return tag("ol", [_told_item(speaker, event, tz) for event in shown], class_="timeline", data_told=len(events))


def _told_item(speaker: Speaker, event: DeviceEvent, tz: tzinfo) -> Markup:
    where = speaker.name(str(event.component))
    place = "" if event.place in {"", event.base} else f" ({event.place})"
    words = speaker.word(
        "report.told.row",
        sender=speaker.name(event.sender),
        where=f"{where}{place}",
        source=speaker.word(f"way.{event.source.value}"),
    )
    name = event.name if event.raised else speaker.word("report.told.over", name=event.name)
    return tag(
        "li",
        tag("span", moment(event.happened_ns, tz), class_="soft"),
        tag("b", name),
        tag("span", words),
        data_event_name=event.name,
        data_raised="true" if event.raised else "false",
    )


def results_list(speaker: Speaker, results: Sequence[LineResult], tz: tzinfo) -> Markup:
    """Results, in the order given."""
    if not results:
        return tag("p", speaker.word("report.results.none"), class_="soft")
    return tag("ol", [_result_item(speaker, result, tz) for result in results], class_="timeline", data_results=len(results))


def _result_item(speaker: Speaker, result: LineResult, tz: tzinfo) -> Markup:
    said = [value_words(speaker, name, value) for name, value in result.values.items()]
    said += [result.text] if result.text else []
    if result.passed is not None:
        said.insert(0, speaker.word("result.passed" if result.passed else "result.failed"))
    who = result.by or result.sender
    return tag(
        "li",
        tag("span", moment(result.taken_ns, tz), class_="soft"),
        tag("b", speaker.word(f"result.{result.kind.value}")),
        tag("span", "; ".join(said), " · ", tag("small", who)),
        data_result=result.kind.value,
    )


def value_words(speaker: Speaker, name: str, value: float) -> str:
    """A value with its unit."""
    key = f"result.value.{name}"
    number = f"{value:.3g}" if abs(value) >= MANY or 0 < abs(value) < FEW else _plain(value)
    return speaker.word(key, value=number) if key in CATALOGUE else f"{name} {number}"


def _plain(value: float) -> str:
    return f"-{three_digits(-value)}" if value < 0 else three_digits(value)
