"""What was observed as a sentence with its numbers, in either language: one observation of the evidence, one sentence.

Goes in: `faultline-evidence/1` observations and names of components. Comes out: plain text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from faultline.records.incident import base_of
from faultline.records.terms import SECOND_NS
from faultline.reports.numbers import duration, moment, ratio, three_digits
from faultline.reports.sentences import Speaker, listed
from faultline.reports.words import CATALOGUE

_US_NS = 1000
SENT_OVER = frozenset({"loss", "delay", "failure", "mtu"})
"""Kinds whose packets took a path."""
SEEN_FROM = frozenset({"zero_window", "response"})
"""Kinds that speak of a host as a vantage sees it."""
_CLEAR = 1.2
"""A statistic this many times its usual value is said to have moved."""
_ALIKE = 0.85
"""On a longer way the fastest packet is later by as much as the median; by less than this part of it, it met a shorter queue."""


def observation_sentence(speaker: Speaker, observation: Mapping[str, Any]) -> str:
    """One observation with its numbers. An unknown kind is named, not hidden."""
    describe = _DESCRIBE.get(observation["kind"])
    if describe is None:
        return str(observation["kind"])
    return describe(speaker, observation) + _paths(speaker, observation)


def kind_word(speaker: Speaker, observation: Mapping[str, Any]) -> str:
    """What kind of evidence it is, in a word."""
    key = f"kind.evidence.{observation['kind']}"
    return speaker.word(key) if key in CATALOGUE else str(observation["kind"])


def observation_where(speaker: Speaker, observation: Mapping[str, Any]) -> str:
    """Between which two components it looked."""
    via = list(observation.get("via") or (observation.get("paths") or [{"via": []}])[0]["via"])
    if not via:
        endpoint = observation.get("endpoint", observation.get("component", ""))
        return speaker.name(str(endpoint))
    first, last = speaker.name(str(via[0])), speaker.name(str(via[-1]))
    text = speaker.word("seen.where.at", first=first) if first == last else speaker.word("seen.where", first=first, last=last)
    return f"{text}, {speaker.word('seen.round_trip')}" if observation.get("round_trip") else text


def _paths(speaker: Speaker, observation: Mapping[str, Any]) -> str:
    """That its packets took one of several paths, or that it stands for several; where a host was seen from."""
    if observation["kind"] in SEEN_FROM:
        return _seen_at(speaker, observation)
    if observation["kind"] not in SENT_OVER:
        return ""
    paths, more = observation.get("paths") or (), observation.get("more_paths")
    said = speaker.word("seen.paths", n=len(paths)) if len(paths) > 1 else ""
    return said + (speaker.word("seen.more_paths", n=more) if more else "")


def _seen_at(speaker: Speaker, observation: Mapping[str, Any]) -> str:
    """Several vantages see the same host: each row says which one it is from."""
    words = str(observation.get("view", "")).split()
    return speaker.word("seen.at", vantage=words[1], line=words[2]) if len(words) > 2 and words[0] == "vantage" else ""  # noqa: PLR2004


def _loss(speaker: Speaker, observation: Mapping[str, Any]) -> str:
    sent, lost = observation["sent"], observation["lost"]
    background = observation.get("background")
    text = speaker.word(
        "seen.loss",
        lost=f"{lost:g}",
        sent=f"{sent:g}",
        what=speaker.word(f"seen.loss.{observation.get('source', 'active')}"),
        ratio=ratio(lost / sent) if sent else "?",
        where=observation_where(speaker, observation),
    )
    if background is None:
        return text
    return text + speaker.word("seen.loss.expected", expected=f"{sent * background:.1f}".removesuffix(".0"))


def _delay(speaker: Speaker, observation: Mapping[str, Any]) -> str:
    baseline = observation.get("baseline")
    values = {
        "median": _time(observation["median_us"]),
        "where": observation_where(speaker, observation),
        "n": observation["n"],
    }
    if baseline is None:
        return speaker.word("seen.delay.nobase", **values)
    return speaker.word("seen.delay", usual=_time(baseline["median_us"]), **values) + _queue_or_path(
        speaker, observation, baseline
    )


def _queue_or_path(speaker: Speaker, observation: Mapping[str, Any], baseline: Mapping[str, Any]) -> str:
    """What tells a queue from a longer way: the fastest packets never wait, or wait less where it hardly empties."""
    least, usual = observation.get("min_us"), baseline.get("min_us")
    most, most_usual = observation.get("p90_us"), baseline.get("p90_us")
    if not least or not usual or not most or not most_usual:
        return ""
    if least > _CLEAR * usual:
        if least - usual < _ALIKE * (observation["median_us"] - baseline["median_us"]):
            return speaker.word("seen.delay.standing", min=_time(least), p90=_time(most))
        return speaker.word("seen.delay.path", min=_time(least), min_usual=_time(usual))
    if most > _CLEAR * most_usual:
        return speaker.word("seen.delay.queue", min=_time(least), p90=_time(most), p90_usual=_time(most_usual))
    return ""


def _failure(speaker: Speaker, observation: Mapping[str, Any]) -> str:
    return speaker.word(
        "seen.failure",
        failed=observation["failed"],
        attempts=observation["attempts"],
        what=_known(speaker, "seen.failure", str(observation["protocol"])) or str(observation["protocol"]).upper(),
        outcome=_known(speaker, "seen.outcome", str(observation.get("outcome", ""))) or speaker.word("seen.outcome"),
        where=_failure_where(speaker, observation),
    )


def _failure_where(speaker: Speaker, observation: Mapping[str, Any]) -> str:
    """Towards what, and over which part of the way."""
    endpoint = observation.get("endpoint")
    if endpoint is None:
        return observation_where(speaker, observation)
    name = speaker.name(str(endpoint))
    if not observation.get("via") and not observation.get("paths"):
        return speaker.word("seen.failure.endpoint", endpoint=name)
    return speaker.word("seen.failure.to", endpoint=name, where=observation_where(speaker, observation))


def _response(speaker: Speaker, observation: Mapping[str, Any]) -> str:
    baseline = observation.get("baseline")
    usual = _time(baseline["median_us"]) if baseline else speaker.word("unknown")
    where = speaker.name(str(observation["endpoint"]))
    return speaker.word("seen.response", where=where, median=_time(observation["median_us"]), usual=usual, n=observation["n"])


def _zero_window(speaker: Speaker, observation: Mapping[str, Any]) -> str:
    closed, seconds = observation["closed_seconds"], observation["seconds"]
    return speaker.word(
        "seen.zero_window",
        where=speaker.name(str(observation["endpoint"])),
        closed=three_digits(closed),
        seconds=three_digits(seconds),
        share=ratio(closed / seconds) if seconds else "?",
    )


def _told(speaker: Speaker, observation: Mapping[str, Any]) -> str:
    """What a device or a person says of a place: counters of a port, and events."""
    raised = "raised" if observation["raised"] else "clean"
    name, source = str(observation["name"]), observation.get("source")
    values = {
        "where": speaker.name(str(observation["component"])),
        "name": _known(speaker, "counter", name) or name,
    }
    if source is None:
        return speaker.word(f"seen.counter.{raised}", **values)
    if observation["raised"] and observation.get("sender") is not None:
        return _said(speaker, observation, values | {"source": _known(speaker, "way", str(source)) or str(source)})
    values["source"] = _known(speaker, "source", str(source)) or str(source)
    return speaker.word(f"seen.event.{raised}", **values)


def _said(speaker: Speaker, observation: Mapping[str, Any], values: dict[str, str]) -> str:
    """Who said it, of which part of it, when, and how it came."""
    values["sender"] = speaker.name(str(observation["sender"]))
    place = observation.get("place")
    if place and place != base_of(str(observation["component"])):
        values["where"] = f"{values['where']} ({place})"
    try:
        at = datetime.fromisoformat(str(observation.get("at")))
    except ValueError:
        return speaker.word("seen.event.said", **values)
    when = moment(int(at.timestamp()) * SECOND_NS, speaker.tz).partition(" ")[2]
    return speaker.word("seen.event.said_at", when=when, **values)


def _silence(speaker: Speaker, observation: Mapping[str, Any]) -> str:
    values = {key: observation.get(key, "?") for key in ("missed", "expected")}
    values["probe"] = speaker.name(str(observation["probe"]))
    site = observation.get("site")
    if site is None:
        return speaker.word("seen.silence", **values)
    return speaker.word("seen.silence.site", site=speaker.name(str(site)), **values)


def _mtu(speaker: Speaker, observation: Mapping[str, Any]) -> str:
    values = {key: observation[key] for key in ("lost", "sent", "size")}
    return speaker.word("seen.mtu", where=observation_where(speaker, observation), **values)


def _route_change(speaker: Speaker, observation: Mapping[str, Any]) -> str:
    ends = {"first": speaker.name(str(observation["from"])), "last": speaker.name(str(observation["to"]))}
    names = list(dict.fromkeys(speaker.name(str(c)) for c in observation.get("components", ())))
    if not names:
        return speaker.word("seen.route_change.bare", **ends)
    return speaker.word("seen.route_change", components=listed(speaker, names), **ends)


def _time(microseconds: float) -> str:
    return duration(microseconds * _US_NS)


def _known(speaker: Speaker, family: str, name: str) -> str | None:
    """The catalogue's word of a family; None when it has none: lists of counters and sources are open."""
    key = f"{family}.{name}"
    return speaker.word(key) if key in CATALOGUE else None


_DESCRIBE: dict[str, Callable[[Speaker, Mapping[str, Any]], str]] = {
    "loss": _loss,
    "delay": _delay,
    "failure": _failure,
    "response": _response,
    "zero_window": _zero_window,
    "counter": _told,
    "event": _told,
    "silence": _silence,
    "mtu": _mtu,
    "route_change": _route_change,
}
