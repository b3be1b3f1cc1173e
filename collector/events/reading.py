"""Rules applied: what a notification, a message or an alarm says, in the terms of events.

Goes in: what a device sent, the rules. Comes out: a `Saying`, or why there is none. Which component it is said of comes later,
with the inventory.
"""

from __future__ import annotations

import ipaddress

import attrs

from collector.events.rules import Rules, TrapRule
from collector.events.syslog.message import SyslogMessage
from faultline.snmp.ber import Value
from faultline.snmp.message import Notification

MOST_WORD = 128
"""Characters of a name in a message that are looked at."""
_MOST_INDEX = 2**31 - 1
_IPV4_NUMBERS = 4


@attrs.frozen(slots=True, kw_only=True)
class Saying:
    """What was said, in the sender's own words for its parts."""

    name: str
    raised: bool
    interface: str | None = None
    index: int | None = None
    peer: str | None = None
    arriving: bool = False
    told_ns: int | None = None
    text: str
    token: str
    """What tells it from every other saying of the sender."""

    @property
    def is_of_part(self) -> bool:
        """Whether it names a part of the sender."""
        return not (self.interface is None and self.index is None and self.peer is None)


class Reader:
    """Applies rules."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._traps = rules.traps_by_oid()

    def of_notification(self, heard: Notification) -> Saying | None:
        """What a notification says; None: no rule is for it, or it speaks of a state between."""
        for rule in self._traps.get(heard.oid, ()):
            raised = rule.raised if rule.state is None else rule.state.raises(_word(_value(heard, [rule.state.object])) or "")
            if raised is not None:
                return _of_rule(rule, heard, raised=raised)
        return None

    def of_message(self, heard: SyslogMessage) -> Saying | None:
        """What a message says; None: no pattern is in it, or it speaks of a state between."""
        for rule in self._rules.syslog:
            words = rule.compiled.match(heard.text)
            if words is None:
                continue
            raised = rule.raised if rule.state is None else rule.state.raises(words["state"])
            if raised is None:
                continue
            return Saying(
                name=rule.event,
                raised=raised,
                interface=_name(words.get("interface")),
                index=_number(words.get("index")),
                peer=_address(words.get("peer")),
                arriving=rule.arriving,
                told_ns=heard.told_ns,
                text=heard.text,
                token=f"{heard.told_ns} {heard.text}",
            )
        return None

    def of_title(self, title: str) -> tuple[str, bool] | None:
        """The event of an alarm's title, and whether it is of what is received."""
        folded = title.casefold()
        rule = next((rule for rule in self._rules.alarms if rule.title.casefold() in folded), None)
        return None if rule is None else (rule.event, rule.arriving)


def _of_rule(rule: TrapRule, heard: Notification, *, raised: bool) -> Saying:
    numbers = _instance(heard, rule.index)
    return Saying(
        name=rule.event,
        raised=raised,
        interface=_name(_word(_value(heard, rule.interface))),
        index=numbers[-1] if numbers and 0 < numbers[-1] <= _MOST_INDEX else None,
        peer=_peer(_instance(heard, rule.peer)),
        arriving=rule.arriving,
        text=_text(heard),
        # All of it: there are devices that number no request, and a card that fails takes all its ports down in one tick.
        token=f"{heard.uptime_ticks} {heard.request} {heard.oid} {heard.variables}",
    )


def _value(heard: Notification, columns: list[str]) -> Value:
    return next((found[1] for column in columns if (found := heard.first(column)) and found[1] not in {None, b"", ""}), None)


def _instance(heard: Notification, columns: list[str]) -> list[int]:
    """What follows the first of the columns that is there."""
    found = next((found[0] for column in columns if (found := heard.first(column)) and found[0]), "")
    return [int(number) for number in found.split(".")] if found else []


def _peer(numbers: list[int]) -> str | None:
    if len(numbers) < _IPV4_NUMBERS or max(numbers[:_IPV4_NUMBERS]) > 255:  # noqa: PLR2004 - an octet
        return None
    return str(ipaddress.IPv4Address(bytes(numbers[:_IPV4_NUMBERS])))


def _word(value: Value) -> str | None:
    if value is None:
        return None
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _name(word: str | None) -> str | None:
    if word is None:
        return None
    name = " ".join(word.replace("\0", " ").split())[:MOST_WORD]
    return name or None


def _number(word: str | None) -> int | None:
    if word is None or not word.isascii() or not word.isdigit() or len(word) > 10:  # noqa: PLR2004 - digits of 2^31
        return None
    return int(word) if 0 < int(word) <= _MOST_INDEX else None


def _address(word: str | None) -> str | None:
    """A neighbour in its usual spelling; who writes a name instead of an address is taken at his word."""
    if word is None:
        return None
    try:
        return str(ipaddress.ip_address(word.partition("%")[0]))
    except ValueError:
        return _name(word)


def _text(heard: Notification) -> str:
    """A notification for a person: its name, and what it holds."""
    shown = [f"{name}={_shown(value)}" for name, value in heard.variables[:20]]
    return " ".join([heard.oid, *shown])


def _shown(value: Value) -> str:
    if isinstance(value, bytes):
        text = value[:MOST_WORD].decode(errors="replace")
        return text if text.isprintable() else value[:MOST_WORD].hex()
    return "" if value is None else str(value)
