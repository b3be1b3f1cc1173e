"""What was said and when: an incident's begin, its raise, every revision with what moved and why, its end.

Goes in: an incident and a speaker. Comes out: markup. Sentences are made from the revisions' fields, so every language has them.
"""

from __future__ import annotations

from datetime import tzinfo

from faultline.records.incident import EventKind, Incident, Revision
from faultline.reports.markup import Markup, tag
from faultline.reports.numbers import confidence, moment, span
from faultline.reports.sentences import Speaker, place
from faultline.reports.words import Language

BECAUSE = " because "
"""Between what changed and the strongest observation, in a revision's reason."""
PLANNED, OUTLIVED = "found during planned work", "outlived its planned window"
ROUTE = "a route changed: nobody is at fault"
SHADOW, LEARNED = "found on a line that is still being learned", "the line is known by now"
"""Reasons of raises that are worth telling."""

_WHY = {
    PLANNED: "event.in_window",
    OUTLIVED: "event.outlived",
    ROUTE: "event.route",
    SHADOW: "event.shadow",
    LEARNED: "event.learned",
}


def timeline(speaker: Speaker, incident: Incident, tz: tzinfo) -> Markup:
    """The list, from the estimated begin on."""
    items = [_item(moment(incident.onset_ns, tz), speaker.word("onset"), "", None)]
    before: Revision | None = None
    for said in incident.revisions:
        words = said_words(speaker, incident, said, before)
        items.append(_item(moment(said.time_ns, tz), speaker.word(f"event.{said.event.value}"), words, said))
        before = said
    return tag("ol", items, class_="timeline")


def outlived(incident: Incident) -> bool:
    """Whether it began as planned work and was told to people because the window ended before it did."""
    return any(said.event is EventKind.RAISE and said.reason == OUTLIVED for said in incident.revisions)


def _item(when: str, what: str, words: str, said: Revision | None) -> Markup:
    return tag(
        "li",
        tag("span", when, class_="soft"),
        tag("b", what),
        tag("span", words),
        data_event=said.event.value if said else None,
    )


def said_words(speaker: Speaker, incident: Incident, said: Revision, before: Revision | None) -> str:
    """One revision as a line."""
    if said.event is EventKind.CLEAR:
        return _end_words(speaker, incident, said)
    if said.event is EventKind.REVISE and before is not None:
        return _moved_words(speaker, said, before)
    became = speaker.word(
        "event.became",
        owner=speaker.owner(said.owner.value),
        mode=speaker.mode(said.mode.value),
        place=place(speaker, said.components),
        confidence=confidence(said.confidence),
    )
    why = _WHY.get(said.reason)
    return f"{became}; {speaker.word(why)}" if why else became


def _end_words(speaker: Speaker, incident: Incident, said: Revision) -> str:
    if incident.merged_into is not None:
        return speaker.word("event.merged", incident=incident.merged_into)
    healthy_ns = said.time_ns - (incident.ended_ns if incident.ended_ns is not None else incident.updated_ns)
    return speaker.word("event.healthy", span=span(healthy_ns))


def _moved_words(speaker: Speaker, said: Revision, before: Revision) -> str:
    """From what to what, how sure, and the strongest observation where it is told in the reader's language."""
    changes = [
        speaker.word(f"event.moved.{what}", old=old, new=new)
        for what, old, new in (
            ("owner", speaker.owner(before.owner.value), speaker.owner(said.owner.value)),
            ("mode", speaker.mode(before.mode.value), speaker.mode(said.mode.value)),
            ("place", place(speaker, before.components), place(speaker, said.components)),
        )
        if old != new
    ]
    moved = speaker.word("event.moved", changes="; ".join(changes)) if changes else speaker.word("event.moved.surer")
    _, because, reason = said.reason.partition(BECAUSE)
    if because and speaker.language is Language.EN:
        moved += speaker.word("event.because", reason=speaker.spell(reason))
    return f"{moved}; {speaker.word('event.confidence', confidence=confidence(said.confidence))}"
