"""Verdicts in plain English, from their numbers. Reports compose their own sentences in other languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from faultline.inference.observed import Component, Observation
from faultline.inference.problem import Problem
from faultline.records.terms import Mode, Owner
from faultline.reports.numbers import confidence
from faultline.reports.sentences import Speaker, direction_words, observation_sentence, owner_words, place, severity_words
from faultline.reports.words import Language

_SPEAKER = Speaker(language=Language.EN, names={})
NAMED = 3
"""Components of a class named one by one; more are named by their span."""

_NEXT = {
    Owner.CUSTOMER: "Ask the customer to check {place}: port, cable, power.",
    Owner.ACCESS: "Dispatch access maintenance to {place}.",
    Owner.CARRIER_CORE: "Hand over to core operations: {place}.",
    Owner.OTHER_CARRIER: "Open a ticket with the other carrier for {place} and attach this evidence.",
    Owner.DESTINATION: "Ask the data centre to check {place}.",
    Owner.UNKNOWN: "Run one more test between the candidates before anybody drives out.",
}


def observation_text(observation: Observation) -> str:
    """One observation with its numbers."""
    raw = {key: value for key, value in observation.raw.items() if value is not None}
    return observation_sentence(_SPEAKER, raw)


def entry_text(problem: Problem, entry: Mapping[str, Any], group: Sequence[int], rivals: Sequence[tuple[int, ...]]) -> str:
    """Where, whose, how bad and how sure, in one or two sentences."""
    components = [str(c) for c in entry["components"]]
    mode = Mode(entry["mode"])
    where = place_words(problem, group)
    owner = owner_words(_SPEAKER, entry)
    sentence = _SPEAKER.word(
        f"verdict.{mode.value}",
        place=where,
        owner=owner,
        direction=direction_words(_SPEAKER, components),
        severity=severity_words(mode, entry["severity"]),
    )
    sure = f"{confidence(entry['confidence'])} sure"
    parts = [sentence.rstrip("."), f"; {sure}."]
    if len(rivals) > 1:
        names = [place_words(problem, rival) for rival in rivals]
        parts.append(f" One of these: {' or '.join(names)}.")
    if entry["owner"] == Owner.UNKNOWN and len(entry["owners"]) > 1:
        parts.append(f" The evidence cannot tell the owners apart: {owner}.")
    if entry["planned"]:
        parts.append(" Planned work: nobody is paged.")
    text = "".join(parts)
    return text[:1].upper() + text[1:]


def place_words(problem: Problem, group: Sequence[int]) -> str:
    """A component, a few by name, or the span of a class."""
    names = [str(problem.components[c].id) for c in group]
    if len(names) == 1:
        return place(_SPEAKER, names)
    ends = span(problem, group)
    if ends is None:
        return place(_SPEAKER, names)
    first, last = ends
    count = f"{len(names)} elements" if len(names) > NAMED else ", ".join(_SPEAKER.name(n) for n in names)
    return f"one part between {first} and {last}: {count}"


def span(problem: Problem, group: Sequence[int]) -> tuple[str, str] | None:
    """The neighbours of a class on a path that crosses all of it without a gap; its own ends where the path ends."""
    members = set(group)
    for observation in problem.observations:
        for path in getattr(observation, "paths", ()):
            inside = [k for k, c in enumerate(path.via) if c in members]
            if {path.via[k] for k in inside} == members and inside[-1] - inside[0] + 1 == len(inside):
                via = path.via
                first = via[inside[0] - 1] if inside[0] else via[inside[0]]
                last = via[inside[-1] + 1] if inside[-1] + 1 < len(via) else via[inside[-1]]
                return _SPEAKER.name(str(problem.components[first].id)), _SPEAKER.name(str(problem.components[last].id))
    return None


def next_step(entry: Mapping[str, Any], components: Sequence[Component]) -> str:
    """What to do now."""
    if entry["mode"] == Mode.ROUTE:
        return "Nothing to repair: note the new route and watch its delay."
    if not any(True for c in components if not c.implied):
        return "Check our own probe and its way to the collector."
    if not entry["blames"] and not entry["planned"]:
        return _NEXT[Owner.UNKNOWN]
    return _NEXT[Owner(entry["owner"])].format(place=place(_SPEAKER, [str(c) for c in entry["components"]]))
