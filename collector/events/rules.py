"""What the words of devices mean: rules from notifications, messages and alarms to events, built in and the operator's own.

Goes in: `events.yaml`. Comes out: rules, the operator's before those built in, or every mistake with its place. How a rule is
applied is `collector.events.reading`. docs/reference/device-events.md is the page for people.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import attrs
import yaml

from collector.events.syslog.pattern import Pattern, PatternError
from faultline.inventory.told import NAME
from faultline.runtime.config import ConfigError, load, structure

FORMAT = "faultline-events/1"
BUILT_IN = "builtin.yaml"
MOST_RULES = 2000
"""Of a kind: each message is held against one after the other."""
GAPS = ("interface", "index", "peer", "state")
"""What the gaps of a pattern can be."""
_OBJECT = re.compile(r"[0-2](\.\d{1,10}){1,127}")


def _objects(instance: Any, attribute: attrs.Attribute[Any], values: list[str]) -> None:
    del instance
    for value in values:
        if not _OBJECT.fullmatch(value):
            raise ValueError(f"{attribute.name} holds {value!r}, which is no object identifier in numbers")


def _event(_: Any, __: attrs.Attribute[Any], value: str) -> None:
    if not NAME.fullmatch(value):
        raise ValueError("event is a name in capitals, digits and _, e.g. LINK_DOWN")


@attrs.frozen(slots=True, kw_only=True)
class Words:
    """What a state must be for the event to be raised, or to be over; in any case of letters. Any other state says nothing."""

    raised: list[str] = attrs.field(factory=list)
    over: list[str] = attrs.field(factory=list)

    def raises(self, state: str) -> bool | None:
        """Whether a state raises the event (True), ends it (False), or says nothing."""
        said = state.casefold()
        if any(said == word.casefold() for word in self.raised):
            return True
        return False if any(said == word.casefold() for word in self.over) else None


@attrs.frozen(slots=True, kw_only=True)
class ObjectState(Words):
    """A state that an object of a notification has."""

    object: str = attrs.field(default="", validator=lambda i, a, v: _objects(i, a, [v]))


@attrs.frozen(slots=True, kw_only=True)
class TrapRule:
    """A notification by its name."""

    oid: str = attrs.field(validator=lambda i, a, v: _objects(i, a, [v]))
    event: str = attrs.field(validator=_event)
    raised: bool | None = None
    """Whether it raises the event or ends it. One of this and `state`."""
    state: ObjectState | None = None
    interface: list[str] = attrs.field(factory=list, validator=_objects)
    """Objects whose value is the interface's name; the first that is there counts."""
    index: list[str] = attrs.field(factory=list, validator=_objects)
    """Objects whose instance is the interface's number."""
    peer: list[str] = attrs.field(factory=list, validator=_objects)
    """Objects whose instance begins with a neighbour's address."""
    arriving: bool = False
    """It is said of what the device receives: of one direction."""

    def __attrs_post_init__(self) -> None:
        _check_one(self.raised, self.state)


@attrs.define(slots=False, kw_only=True, frozen=True)
class SyslogRule:
    """A message by its words."""

    pattern: str = attrs.field()
    event: str = attrs.field(validator=_event)
    raised: bool | None = None
    """Whether it raises the event or ends it. One of this and `state`."""
    state: Words | None = None
    """Of the word in the gap `{state}`."""
    arriving: bool = False

    @pattern.validator
    def _check_pattern(self, _: object, value: str) -> None:
        try:
            Pattern(value, GAPS)
        except PatternError as error:
            raise ValueError(f"pattern {value!r}: {error}") from None

    def __attrs_post_init__(self) -> None:
        _check_one(self.raised, self.state)
        if (self.state is not None) != ("state" in self.compiled.gaps):
            raise ValueError(f"pattern {self.pattern!r}: the gap {{state}} and the key `state` go together")

    @cached_property
    def compiled(self) -> Pattern:
        """The pattern, ready to match."""
        return Pattern(self.pattern, GAPS)


@attrs.frozen(slots=True, kw_only=True)
class AlarmRule:
    """An alarm of a carrier's alarm socket by its title."""

    title: str = attrs.field(validator=attrs.validators.min_len(1))
    """A part of it, in any case of letters."""
    event: str = attrs.field(validator=_event)
    arriving: bool = False


@attrs.frozen(slots=True, kw_only=True)
class Rules:
    """Of one file; the first that fits counts."""

    format: str = attrs.field(validator=attrs.validators.in_((FORMAT,)))
    traps: list[TrapRule] = attrs.field(factory=list, validator=attrs.validators.max_len(MOST_RULES))
    syslog: list[SyslogRule] = attrs.field(factory=list, validator=attrs.validators.max_len(MOST_RULES))
    alarms: list[AlarmRule] = attrs.field(factory=list, validator=attrs.validators.max_len(MOST_RULES))

    def before(self, others: Rules) -> Rules:
        """These first, then others."""
        return Rules(
            format=FORMAT,
            traps=[*self.traps, *others.traps],
            syslog=[*self.syslog, *others.syslog],
            alarms=[*self.alarms, *others.alarms],
        )

    def traps_by_oid(self) -> Mapping[str, list[TrapRule]]:
        """Rules of each notification."""
        found: dict[str, list[TrapRule]] = {}
        for rule in self.traps:
            found.setdefault(rule.oid, []).append(rule)
        return found


def _check_one(raised: bool | None, state: object) -> None:  # noqa: FBT001 - the field's own value
    if (raised is None) == (state is None):
        raise ValueError("give one of `raised` and `state`")


def built_in() -> Rules:
    """What is known of usual devices."""
    text = resources.files("collector.events").joinpath(BUILT_IN).read_text(encoding="utf-8")
    return structure(yaml.safe_load(text), Rules, root="events", where=BUILT_IN)


def read_rules(path: Path | None) -> Rules:
    """The rules of a file before those built in; None: the latter alone.

    Raises:
        ConfigError: with every problem found, each with its key's path.
    """
    if path is None:
        return built_in()
    try:
        return load(path, Rules, root="events").before(built_in())
    except ConfigError as error:
        raise ConfigError(error.problems, where=str(path), hint="docs/reference/device-events.md describes the file") from None
