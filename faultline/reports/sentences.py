"""A verdict as sentences, in either language, from its numbers alone.

Goes in: `faultline-verdict/1` entries and names of components. Comes out: plain text. Its evidence is `observed`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Any

import attrs

from faultline.records.incident import base_of
from faultline.records.terms import Direction, Mode, Owner
from faultline.reports.numbers import confidence, severity
from faultline.reports.words import Language, say

OUR_PROBE = "probe:"
"""In evidence the probes themselves are components, so that they can be silent for reasons of their own."""


@attrs.frozen(slots=True, kw_only=True)
class Speaker:
    """Language and the names people use for components."""

    language: Language
    names: Mapping[str, str]
    """Base id to name; an id without one is its own name."""
    tz: tzinfo = UTC
    """Whose clock times of the day are told by."""

    def word(self, key: str, **values: object) -> str:
        """A word of the catalogue."""
        return say(key, self.language, **values)

    def name(self, component: str) -> str:
        """A component's name without its direction; of our own probes, the probe's."""
        base = base_of(component)
        return self.names.get(base, base.removeprefix(OUR_PROBE))

    def owner(self, owner: str) -> str:
        """An owner in words."""
        return self.word(f"owner.{owner}")

    def spell(self, text: str) -> str:
        """A text of ours that names components by id, with their names instead."""
        if not self.names:
            return text
        ids = "|".join(re.escape(base) for base in sorted(self.names, key=lambda base: -len(base)))
        return re.sub(rf"(?<![\w.-])({ids})[<>]?(?![\w-])", lambda found: self.names[found[1]], text)

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


LIKELY_RIVAL = 0.15
"""Another place with this probability is named beside the verdict, not only in the table."""


def doubt_sentences(
    speaker: Speaker,
    entry: Mapping[str, Any],
    *,
    next_test: Mapping[str, Any] | None = None,
    further: Sequence[Mapping[str, Any]] = (),
) -> list[str]:
    """What the verdict cannot tell, and what would tell; empty when it is clear."""
    components = [*entry["components"], *(c for other in further if other["mode"] == entry["mode"] for c in other["components"])]
    names = list(dict.fromkeys(speaker.name(str(c)) for c in components))
    said = []
    if len(names) > 1:
        key = "doubt.two" if len(names) == 2 else "doubt.class"  # noqa: PLR2004 - "one of these two"
        said.append(speaker.word(key, n=len(names), names=listed(speaker, names)))
    others = rivals(speaker, entry, names)
    if others:
        named = [f"{name} ({confidence(p)})" for name, p in others]
        said.append(speaker.word("doubt.rival", names=listed(speaker, named)))
    if entry["owner"] == Owner.UNKNOWN.value and len(entry.get("owners", {})) > 1:
        said.append(speaker.word("doubt.owners", shares=owner_words(speaker, entry)))
    remedy = what_would_tell(speaker, names, next_test) if said else None
    return [*said, remedy] if remedy else said


def rivals(speaker: Speaker, entry: Mapping[str, Any], own: Sequence[str]) -> list[tuple[str, float]]:
    """Other places that are likely, best first; both directions of one are the same place."""
    found: dict[str, float] = {}
    for candidate in entry.get("candidates", ()):
        name = speaker.name(str(candidate["id"]))
        if name not in own and float(candidate["probability"]) >= LIKELY_RIVAL:
            found[name] = max(found.get(name, 0.0), float(candidate["probability"]))
    return sorted(found.items(), key=lambda item: (-item[1], item[0]))


def what_would_tell(speaker: Speaker, names: Sequence[str], next_test: Mapping[str, Any] | None) -> str | None:
    """The test that was worked out; else a probe in the middle of the class; None when neither is known."""
    if next_test and next_test.get("from") is not None:
        return words_of_test(speaker, next_test, "doubt.test", "doubt.there")
    if len(names) > 1:
        middle = len(names) // 2
        return speaker.word("doubt.probe", first=names[middle - 1], last=names[middle])
    return None


def words_of_test(speaker: Speaker, test: Mapping[str, Any], between: str, there: str) -> str:
    """A test from one place to another, in `between`; from a place to itself it is a probe there, in `there`."""
    first, last = speaker.name(str(test["from"])), speaker.name(str(test["to"]))
    return speaker.word(there, place=first) if first == last else speaker.word(between, first=first, last=last)


def listed(speaker: Speaker, names: Sequence[str]) -> str:
    """`one, two or three`."""
    if len(names) < 2:  # noqa: PLR2004 - nothing to join
        return "".join(names)
    return ", ".join(names[:-1]) + speaker.word("place.or") + names[-1]
