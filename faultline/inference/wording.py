"""Verdicts in plain English, from their numbers. Reports compose their own sentences in other languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from faultline.inference.faults import NEVER_BLAMED
from faultline.inference.likelihood_loss import ACTIVE_BACKGROUND
from faultline.inference.observed import Component, Loss, Observation, Told
from faultline.inference.problem import Problem
from faultline.records.terms import Mode, Owner
from faultline.reports.numbers import confidence
from faultline.reports.observed import observation_sentence
from faultline.reports.sentences import Speaker, direction_words, owner_words, place, severity_words
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

_LOOK = {
    Mode.LOSS: "",
    Mode.CONGESTION: "Compare what goes over it with its bandwidth.",
    Mode.DELAY: "See whether packets take a longer way there.",
    Mode.DOWN: "Light and power first.",
    Mode.MTU: "Compare the largest packets of its two ends, and what a tunnel takes off them.",
    Mode.SLOW: "Look at its load, and at what it waits for itself.",
    Mode.FAILING: "Look whether it runs, and listens.",
    Mode.STALLED: "Look why the application reads nothing.",
    Mode.ROUTE: "",
}
"""What to look at first, by mode."""


def observation_text(observation: Observation) -> str:
    """One observation with its numbers."""
    raw = {key: value for key, value in observation.raw.items() if value is not None}
    if isinstance(observation, Loss) and observation.source == "active":
        raw.setdefault("background", ACTIVE_BACKGROUND)
    return observation_sentence(_SPEAKER, raw)


def entry_text(problem: Problem, entry: Mapping[str, Any], group: Sequence[int]) -> str:
    """Where, whose, how bad and how sure, in a few sentences."""
    components = [str(c) for c in entry["components"]]
    mode = Mode(entry["mode"])
    if all(problem.components[c].kind in NEVER_BLAMED for c in group):
        return _our_own(entry, components)
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
    others = rivals(entry)
    if others:
        parts.append(f" It could also be {' or '.join(f'{name} ({confidence(p)})' for name, p in others)}.")
    if entry["owner"] == Owner.UNKNOWN and len(entry["owners"]) > 1:
        parts.append(f" The evidence cannot tell the owners apart: {owner}.")
    if entry["planned"]:
        parts.append(" Planned work: nobody is paged.")
    text = "".join(parts)
    return text[:1].upper() + text[1:]


def drops_text(entry: Mapping[str, Any]) -> str:
    """What a full queue drops."""
    return f"It drops {severity_words(Mode.LOSS, entry['severity'])} of the packets."


MOST_RIVALS = 3
LEAST_RIVAL = 0.03


def rivals(entry: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Other places with their probability, best first; both directions of one are the same place."""
    own = {_SPEAKER.name(str(c)) for c in entry["components"]}
    found: dict[str, float] = {}
    for candidate in entry["candidates"]:
        name = _SPEAKER.name(str(candidate["id"]))
        if name not in own:
            found[name] = max(found.get(name, 0.0), candidate["probability"])
    listed = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return [(name, p) for name, p in listed if p >= LEAST_RIVAL][:MOST_RIVALS]


def _our_own(entry: Mapping[str, Any], components: Sequence[str]) -> str:
    """What is told without a place on the network: a changed route, or our own instruments."""
    sure = f"{confidence(entry['confidence'])} sure"
    if entry["mode"] == Mode.ROUTE:
        return f"The route from {components[0]} changed; {sure}."
    return f"{' or '.join(components)} is silent; {sure}. This is our own equipment, not the customer's line."


def place_words(problem: Problem, group: Sequence[int]) -> str:
    """A component, a few by name, or the span of a class."""
    names = [str(problem.components[c].id) for c in group]
    if len({_SPEAKER.name(name) for name in names}) == 1:  # both directions of one place are one place
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


def cause(problem: Problem, rows: Sequence[int]) -> str | None:
    """What devices or people said of the place themselves; None when nobody did."""
    told = [o for row in rows if isinstance(o := problem.observations[row], Told) and o.raised]
    return ", ".join(dict.fromkeys(f"{o.name} told by {o.raw.get('source') or o.raw['kind']}" for o in told)) or None


def next_step(entry: Mapping[str, Any], components: Sequence[Component]) -> str:
    """What to do now."""
    if entry["mode"] == Mode.ROUTE:
        return "Nothing to repair: note the new route and watch its delay."
    if all(c.kind in NEVER_BLAMED for c in components):
        return "Check our own probe and its way to the collector."
    if not entry["blames"] and not entry["planned"]:
        return _NEXT[Owner.UNKNOWN]
    who = _NEXT[Owner(entry["owner"])].format(place=place(_SPEAKER, [str(c) for c in entry["components"]]))
    return f"{who} {_LOOK[Mode(entry['mode'])]}".rstrip()
