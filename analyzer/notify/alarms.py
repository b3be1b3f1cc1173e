"""The alarm text: what a person reads at three in the morning, in one line, in 70 characters, and field by field.

Goes in: an incident event and what the inventory knows of its lines. Comes out: an `Alarm`. Knows no interface.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from faultline.records.incident import EventKind, Incident
from faultline.records.terms import Mode
from faultline.reports.fault import next_step
from faultline.reports.history import outlived
from faultline.reports.material import LineCard
from faultline.reports.numbers import confidence, moment, severity, span, zone
from faultline.reports.sentences import Speaker, direction_words, owner_words, place
from faultline.reports.words import Language

SHORT_LIMIT = 70
"""One SMS in UCS-2."""


@attrs.frozen(slots=True, kw_only=True)
class Alarm:
    """One thing to tell, already in words."""

    incident: str
    revision: int
    event: EventKind
    time_ns: int
    critical: bool
    """Service is interrupted, not only degraded."""
    text: str
    """One line: customer, circuit, A to Z, owner and segment, confidence, since, impact, next step, link."""
    short: str
    """At most 70 characters."""
    fields: Mapping[str, str]
    """For structured data; a fact that is not known is left out."""
    is_test: bool = False
    """Somebody tries a target: nothing is at fault."""

    @property
    def message_id(self) -> str:
        """What kind of message it is, in one word."""
        return "TEST" if self.is_test else self.event.value.upper()


def alarm(
    event: EventKind,
    incident: Incident,
    *,
    cards: Sequence[LineCard],
    speaker: Speaker,
    link: str | None = None,
) -> Alarm:
    """Put an event into words. `cards` are the affected lines the inventory knows, the leading one first."""
    return Alarm(
        incident=incident.id,
        revision=len(incident.revisions),
        event=event,
        time_ns=incident.revisions[-1].time_ns if incident.revisions else incident.raised_ns,
        critical=incident.mode is Mode.DOWN,
        text=_text(event, incident, cards, speaker, link),
        short=_short(event, incident, cards, speaker),
        fields=_fields(event, incident, cards, link),
    )


def trial_alarm(language: Language, hostname: str, time_ns: int) -> Alarm:
    """What somebody sends who tries a target."""
    text = Speaker(language=language, names={}).word("alarm.test", host=hostname)
    return Alarm(
        incident="TEST",
        revision=0,
        event=EventKind.RAISE,
        time_ns=time_ns,
        critical=False,
        text=text,
        short=text[:SHORT_LIMIT],
        fields={"event": "test"},
        is_test=True,
    )


def alarm_document(told: Alarm) -> dict[str, Any]:
    """As the outbox keeps it."""
    return attrs.asdict(told) | {"event": told.event.value, "fields": dict(told.fields)}


def alarm_from_document(document: Mapping[str, Any]) -> Alarm:
    """Read it back."""
    return Alarm(**{**document, "event": EventKind(document["event"])})


def _text(event: EventKind, incident: Incident, cards: Sequence[LineCard], speaker: Speaker, link: str | None) -> str:
    word = speaker.word
    card = cards[0] if cards else None
    tz = zone(card.time_zone if card else None)
    parts = [f"{word(f'alarm.{event.value}')} {incident.id}"]
    if card:
        ends = " – ".join(end for end in (card.a_end, card.z_end) if end)  # noqa: RUF001 - from one end to the other
        parts.append(" ".join(filter(None, (card.customer, word("alarm.circuit"), card.code, ends))))
    else:
        parts.append(f"{word('alarm.circuit')} {', '.join(incident.lines) or word('unknown')}")
    parts.append(f"{_what(incident, speaker)} ({word('report.confidence')} {confidence(incident.confidence)})")
    if event is EventKind.REVISE and incident.revisions and speaker.language is Language.EN:
        parts.append(incident.revisions[-1].reason)
    if event is EventKind.RAISE and outlived(incident):
        parts.append(word("alarm.overrun"))
    parts.append(f"{word('report.since')} {moment(incident.onset_ns, tz)}")
    if event is EventKind.CLEAR:
        end_ns = incident.ended_ns if incident.ended_ns is not None else incident.updated_ns
        parts.append(word("alarm.lasted", duration=span(end_ns - incident.onset_ns)))
    else:
        parts.append(f"{word('alarm.impact')}: {_impact(cards, speaker)}")
        parts.append(f"{word('alarm.next')}: {next_step(speaker, incident).rstrip('.。')}")
    if link:
        parts.append(link)
    return "; ".join(parts)


def _what(incident: Incident, speaker: Speaker) -> str:
    """`packet loss 0.8 % on access loop 17 from A to Z, access network`."""
    value = incident.verdict.get("severity")
    size = f" {severity(incident.mode, value['value'])}" if value and incident.mode is not Mode.DOWN else ""
    # Chinese words of direction follow a name without a space, which would run into a name in Latin letters.
    where = f"{place(speaker, incident.components)} {direction_words(speaker, incident.components).strip()}".rstrip()
    return f"{speaker.mode(incident.mode.value)}{size}, {where}, {owner_words(speaker, incident.verdict)}"


def _impact(cards: Sequence[LineCard], speaker: Speaker) -> str:
    others = ", ".join(card.code for card in cards[1:]) or speaker.word("report.impact.none")
    backup = cards[0].backup if cards else None
    return f"{others}, {speaker.word('alarm.backup', line=backup) if backup else speaker.word('alarm.no_backup')}"


def _short(event: EventKind, incident: Incident, cards: Sequence[LineCard], speaker: Speaker) -> str:
    """Most needed first, so that cutting at 70 costs the least."""
    line = cards[0].code if cards else next(iter(incident.lines), "")
    words = [
        speaker.word(f"alarm.{event.value}"),
        line,
        speaker.mode(incident.mode.value),
        place(speaker, incident.components),
        confidence(incident.confidence).replace(" ", ""),
        incident.id,
    ]
    text = " ".join(filter(None, words))
    if len(text) <= SHORT_LIMIT:
        return text
    room = SHORT_LIMIT - len(" ".join(filter(None, (*words[:3], *words[4:])))) - 1
    words[3] = words[3][: room - 1] + "…" if room > 1 else ""
    return " ".join(filter(None, words))[:SHORT_LIMIT]


def _fields(event: EventKind, incident: Incident, cards: Sequence[LineCard], link: str | None) -> dict[str, str]:
    fields = {
        "incident": incident.id,
        "event": event.value,
        "revision": str(len(incident.revisions)),
        "line": ",".join(incident.lines),
        "customer": cards[0].customer if cards else "",
        "owner": incident.owner.value,
        "mode": incident.mode.value,
        "components": ",".join(incident.components),
        "confidence": f"{incident.confidence:.3f}",
        "begin_ns": str(incident.onset_ns),
        "end_ns": str(incident.ended_ns) if incident.ended_ns is not None else "",
        "link": link or "",
    }
    return {key: value for key, value in fields.items() if value}
