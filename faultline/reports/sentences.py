"""A verdict and its evidence as sentences, in either language, from their numbers alone.

Goes in: `faultline-verdict/1` entries, `faultline-evidence/1` observations, and names of components. Comes out: plain text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from faultline.records.incident import base_of
from faultline.records.terms import Direction, Mode, Owner
from faultline.reports.numbers import confidence, duration, ratio, severity
from faultline.reports.words import Language, say

_US_NS = 1000


@attrs.frozen(slots=True, kw_only=True)
class Speaker:
    """Language and the names people use for components."""

    language: Language
    names: Mapping[str, str]
    """Base id to name; an id without one is its own name."""

    def word(self, key: str, **values: object) -> str:
        """A word of the catalogue."""
        return say(key, self.language, **values)

    def name(self, component: str) -> str:
        """A component's name without its direction."""
        base = base_of(component)
        return self.names.get(base, base)

    def owner(self, owner: str) -> str:
        """An owner in words."""
        return self.word(f"owner.{owner}")

    def mode(self, mode: str) -> str:
        """A mode in words."""
        return self.word(f"mode.{mode}")


def directions(components: Sequence[str]) -> frozenset[Direction]:
    """Directions the components name; empty for undirected ones."""
    return frozenset(direction for direction in Direction for c in components if c.endswith(direction.mark))


def direction_words(speaker: Speaker, components: Sequence[str]) -> str:
    """` from A to Z` and its kind; empty when the components have no direction."""
    found = directions(components)
    if not found:
        return ""
    if len(found) > 1:
        return speaker.word("direction.both")
    return speaker.word(f"direction.{next(iter(found)).value}")


def place(speaker: Speaker, components: Sequence[str]) -> str:
    """The reported components in words; a class of several is named as what it is."""
    names = list(dict.fromkeys(speaker.name(c) for c in components))
    if len(names) == 1:
        return names[0]
    joined = ", ".join(names[:-1]) + speaker.word("place.or") + names[-1]
    return speaker.word("place.class", n=len(names), names=joined) if len(names) > 2 else joined  # noqa: PLR2004 - "A or B" needs no count


def verdict_sentence(speaker: Speaker, entry: Mapping[str, Any], *, further: Sequence[Mapping[str, Any]] = ()) -> str:
    """What is wrong, where, whose it is and how bad, as one sentence.

    `further` entries of the same mode only widen the direction.
    """
    mode = Mode(entry["mode"])
    components = [*entry["components"], *(c for other in further if other["mode"] == entry["mode"] for c in other["components"])]
    sentence = speaker.word(
        f"verdict.{mode.value}",
        place=place(speaker, components),
        owner=owner_words(speaker, entry),
        direction=direction_words(speaker, components),
        severity=severity_words(mode, entry.get("severity")),
    )
    # A Chinese sentence may begin with a component's Latin name, which stays as it is.
    return sentence[:1].upper() + sentence[1:] if speaker.language is Language.EN else sentence


def owner_words(speaker: Speaker, entry: Mapping[str, Any]) -> str:
    """The owner; where owners cannot be told apart, their shares."""
    if entry["owner"] != Owner.UNKNOWN.value or not entry.get("owners"):
        return speaker.owner(entry["owner"])
    shares = sorted(entry["owners"].items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{speaker.owner(owner)} {confidence(share)}" for owner, share in shares if share >= 0.01)  # noqa: PLR2004 - noise


def severity_words(mode: Mode, value: Mapping[str, float] | None) -> str:
    """`0.8 % (0.6 % to 1.1 %)`; a question mark when the verdict has no severity."""
    if value is None:
        return "?"
    text = severity(mode, value["value"])
    low, high = value.get("low"), value.get("high")
    if low is None or high is None or low == high:
        return text
    return f"{text} ({severity(mode, low)} \u2013 {severity(mode, high)})"


def observation_sentence(speaker: Speaker, observation: Mapping[str, Any]) -> str:
    """One observation with its numbers. An unknown kind is named, not hidden."""
    describe = _DESCRIBE.get(observation["kind"])
    return describe(speaker, observation) if describe else str(observation["kind"])


def observation_where(speaker: Speaker, observation: Mapping[str, Any]) -> str:
    """Between which two components it looked."""
    via = list(observation.get("via") or (observation.get("paths") or [{"via": []}])[0]["via"])
    if not via:
        endpoint = observation.get("endpoint", observation.get("component", ""))
        return speaker.name(str(endpoint))
    first, last = speaker.name(str(via[0])), speaker.name(str(via[-1]))
    text = speaker.word("seen.where.at", first=first) if first == last else speaker.word("seen.where", first=first, last=last)
    return f"{text}, {speaker.word('seen.round_trip')}" if observation.get("round_trip") else text


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
        "median": duration(observation["median_us"] * _US_NS),
        "where": observation_where(speaker, observation),
        "n": observation["n"],
    }
    if baseline is None:
        return speaker.word("seen.delay.nobase", **values)
    return speaker.word("seen.delay", usual=duration(baseline["median_us"] * _US_NS), **values)


def _failure(speaker: Speaker, observation: Mapping[str, Any]) -> str:
    return speaker.word(
        "seen.failure",
        failed=observation["failed"],
        attempts=observation["attempts"],
        protocol=str(observation["protocol"]).upper(),
        where=observation_where(speaker, observation),
    )


def _response(speaker: Speaker, observation: Mapping[str, Any]) -> str:
    baseline = observation.get("baseline")
    usual = duration(baseline["median_us"] * _US_NS) if baseline else speaker.word("unknown")
    where = speaker.name(str(observation["endpoint"]))
    return speaker.word("seen.response", where=where, median=duration(observation["median_us"] * _US_NS), usual=usual)


def _zero_window(speaker: Speaker, observation: Mapping[str, Any]) -> str:
    where = speaker.name(str(observation["endpoint"]))
    return speaker.word("seen.zero_window", where=where, closed=observation["closed_seconds"], seconds=observation["seconds"])


def _counter(speaker: Speaker, observation: Mapping[str, Any]) -> str:
    key = "seen.counter.raised" if observation["raised"] else "seen.counter.clean"
    return speaker.word(key, where=speaker.name(str(observation["component"])), name=observation["name"])


def _silence(speaker: Speaker, observation: Mapping[str, Any]) -> str:
    values = {key: observation.get(key, "?") for key in ("missed", "expected")}
    return speaker.word("seen.silence", probe=speaker.name(str(observation["probe"])), **values)


def _mtu(speaker: Speaker, observation: Mapping[str, Any]) -> str:
    values = {key: observation[key] for key in ("lost", "sent", "size")}
    return speaker.word("seen.mtu", where=observation_where(speaker, observation), **values)


_DESCRIBE: dict[str, Callable[[Speaker, Mapping[str, Any]], str]] = {
    "loss": _loss,
    "delay": _delay,
    "failure": _failure,
    "response": _response,
    "zero_window": _zero_window,
    "counter": _counter,
    "event": _counter,
    "silence": _silence,
    "mtu": _mtu,
}
