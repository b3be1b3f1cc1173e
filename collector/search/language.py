"""The filter language: text to conditions. Pure; what is wrong is told with its place.

    filter     = either
    either     = both { "or" both }
    both       = one { ["and"] one }
    one        = "not" one | "(" either ")" | condition
    condition  = field [ "=" | "!=" | "<" | "<=" | ">" | ">=" ] value
               | field "in" "(" value { "," value } ")"

Values are those of the field's kind (`fields.Kind`). The parser knows which words are fields and what a value looks like; it
knows no SQL and no column.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum

import attrs

from collector.search.fields import ALIASES, FIELDS, Field, Kind
from faultline.records.terms import SECOND_NS

MAX_LENGTH = 10_000
MAX_DEPTH = 50
MAX_CONDITIONS = 500
"""A person writes ten; a program that writes more should ask for what it means in fewer."""


class FilterError(ValueError):
    """A filter that cannot be read: what is wrong, and at which character (from 0)."""

    def __init__(self, message: str, *, at: int) -> None:
        super().__init__(f"{message} (at character {at})")
        self.at = at


class Comparison(StrEnum):
    """How a field and a value are compared."""

    EQUAL = "="
    UNEQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="


@attrs.frozen(slots=True)
class Range:
    """Two numbers and all between."""

    low: int | float
    high: int | float


@attrs.frozen(slots=True)
class Pattern:
    """A text with `*` for anything."""

    parts: tuple[str, ...]
    """What stands between the stars."""


Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Value = int | float | str | Range | Pattern | Network


@attrs.frozen(slots=True, kw_only=True)
class Condition:
    """A field compared with one value, or with several of which one must fit."""

    field: Field
    comparison: Comparison
    values: tuple[Value, ...]


@attrs.frozen(slots=True)
class All:
    """Every part holds; no parts: always true."""

    parts: tuple[Filter, ...]


@attrs.frozen(slots=True)
class Any:
    """At least one part holds."""

    parts: tuple[Filter, ...]


@attrs.frozen(slots=True)
class Not:
    """The part does not hold."""

    part: Filter


Filter = Condition | All | Any | Not


# ---- words -------------------------------------------------------------------------------------------------------
@attrs.frozen(slots=True)
class _Word:
    text: str
    at: int
    quoted: bool = False

    def means(self, *words: str) -> bool:
        return not self.quoted and self.text.casefold() in words


_WORDS = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|(!=|<=|>=|==|[=<>(),])|([^\s"=<>(),!]+)|(\S))')
_SYMBOLS = frozenset("=<>(),") | {"!=", "<=", ">=", "=="}


def _words(text: str) -> list[_Word]:
    if len(text) > MAX_LENGTH:
        raise FilterError(f"longer than {MAX_LENGTH} characters", at=MAX_LENGTH)
    found = []
    at = 0
    while at < len(text) and not text[at:].isspace():
        match = _WORDS.match(text, at)
        if match is None:
            break
        quoted, symbol, word, wrong = match.groups()
        start = match.end() - len(match[0].lstrip())
        if wrong is not None:
            what = "a text without its closing quote" if wrong == '"' else f"{wrong!r} means nothing here"
            raise FilterError(what, at=start)
        if quoted is not None:
            found.append(_Word(re.sub(r"\\(.)", r"\1", quoted), start, quoted=True))
        else:
            found.append(_Word(symbol or word, start))
        at = match.end()
    return found


def parse(text: str) -> Filter:
    """The conditions of a filter; of an empty one, none: every flow fits.

    Raises:
        FilterError: it cannot be read.
    """
    parser = _Parser(_words(text), end=len(text))
    return parser.whole()


class _Parser:
    def __init__(self, words: list[_Word], *, end: int) -> None:
        self._words = words
        self._end = end
        self._next = 0
        self._conditions = 0

    def whole(self) -> Filter:
        if not self._words:
            return All(())
        found = self._either(0)
        rest = self._peek()
        if rest is not None:
            raise FilterError(f"{rest.text!r} was not expected", at=rest.at)
        return found

    def _peek(self) -> _Word | None:
        return self._words[self._next] if self._next < len(self._words) else None

    def _take(self, expected: str) -> _Word:
        word = self._peek()
        if word is None:
            raise FilterError(f"{expected} is missing", at=self._end)
        self._next += 1
        return word

    def _took(self, *words: str) -> bool:
        word = self._peek()
        if word is None or not word.means(*words):
            return False
        self._next += 1
        return True

    def _either(self, depth: int) -> Filter:
        parts = [self._both(depth)]
        while self._took("or"):
            parts.append(self._both(depth))
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def _both(self, depth: int) -> Filter:
        parts = [self._one(depth)]
        while (word := self._peek()) is not None and not word.means("or", ")"):
            self._took("and")
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _one(self, depth: int) -> Filter:
        word = self._take("a condition")
        if depth >= MAX_DEPTH:
            raise FilterError(f"more than {MAX_DEPTH} parentheses and negations inside each other", at=word.at)
        if word.means("not"):
            return Not(self._one(depth + 1))
        if word.means("("):
            found = self._either(depth + 1)
            closing = self._take("')'")
            if not closing.means(")"):
                raise FilterError(f"')' expected, not {closing.text!r}", at=closing.at)
            return found
        return self._condition(word)

    def _condition(self, word: _Word) -> Condition:
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            raise FilterError(f"more than {MAX_CONDITIONS} conditions", at=word.at)
        field = _field(word)
        if self._took("in"):
            return Condition(field=field, comparison=Comparison.EQUAL, values=self._list(field))
        comparison = self._comparison(field)
        return Condition(field=field, comparison=comparison, values=(self._value(field, comparison),))

    def _comparison(self, field: Field) -> Comparison:
        word = self._peek()
        if word is None or word.quoted or word.text not in _SYMBOLS - {"(", ")", ","}:
            return Comparison.EQUAL
        self._next += 1
        comparison = Comparison("=" if word.text == "==" else word.text)
        if comparison not in {Comparison.EQUAL, Comparison.UNEQUAL} and field.kind not in _ORDERED:
            raise FilterError(f"{field.name} is a {field.kind}: it can be = or != and nothing else", at=word.at)
        return comparison

    def _list(self, field: Field) -> tuple[Value, ...]:
        opening = self._take("'('")
        if not opening.means("("):
            raise FilterError(f"'(' expected after 'in', not {opening.text!r}", at=opening.at)
        values = [self._value(field, Comparison.EQUAL)]
        while self._took(","):
            values.append(self._value(field, Comparison.EQUAL))
        closing = self._take("')'")
        if not closing.means(")"):
            raise FilterError(f"',' or ')' expected, not {closing.text!r}", at=closing.at)
        return tuple(values)

    def _value(self, field: Field, comparison: Comparison) -> Value:
        word = self._take(f"a value of {field.name}")
        if not word.quoted and word.text in _SYMBOLS:
            raise FilterError(f"a value of {field.name} expected, not {word.text!r}", at=word.at)
        try:
            value = _READERS[field.kind](word)
        except ValueError as error:
            raise FilterError(f"{word.text!r} is no {field.kind}: {error}", at=word.at) from None
        if isinstance(value, Range) and comparison not in {Comparison.EQUAL, Comparison.UNEQUAL}:
            raise FilterError(f"{word.text!r} is two numbers: compare with one of them", at=word.at)
        return value


def _field(word: _Word) -> Field:
    name = word.text.casefold()
    found = None if word.quoted else FIELDS.get(ALIASES.get(name, name))
    if found is None:
        raise FilterError(f"{word.text!r} is no field", at=word.at)
    return found


# ---- values ------------------------------------------------------------------------------------------------------
_ORDERED = {Kind.NUMBER, Kind.RATIO, Kind.DURATION, Kind.INSTANT}
_MAGNITUDES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_UNITS_NS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": SECOND_NS, "m": 60 * SECOND_NS, "h": 3600 * SECOND_NS}
_PROTOCOLS = {
    "icmp": 1, "igmp": 2, "ipip": 4, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "ah": 51, "icmp6": 58, "ospf": 89, "sctp": 132,
}  # fmt: skip
_NUMBER = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)([A-Za-z%]{0,2})")
_HIGHEST = 1 << 62


def _address(word: _Word) -> Network:
    try:
        return ipaddress.ip_network(word.text, strict=False)
    except ValueError:
        raise ValueError("write 10.1.0.5, 10.1.0.0/16 or 2001:db8::/32") from None


def _split(text: str, units: Mapping[str, int], example: str) -> float:
    match = _NUMBER.fullmatch(text)
    unit = units.get(match[2].casefold()) if match else None
    if match is None or unit is None:
        raise ValueError(f"write it as {example}")
    value = float(match[1]) * unit if "." in match[1] else int(match[1]) * unit
    if value >= _HIGHEST:
        raise ValueError("too large")
    return value


def _number(word: _Word) -> Value:
    low, dash, high = word.text.partition("-")
    if dash:
        return Range(_split(low, _MAGNITUDES, "8000-8100"), _split(high, _MAGNITUDES, "8000-8100"))
    return _split(word.text, _MAGNITUDES, "443, 10k, 1.5M or 8000-8100")


def _protocol(word: _Word) -> int:
    found = _PROTOCOLS.get(word.text.casefold())
    if found is None and word.text.isascii() and word.text.isdecimal() and len(word.text) <= 3 and int(word.text) < 256:  # noqa: PLR2004
        found = int(word.text)
    if found is None:
        raise ValueError(f"write {', '.join(_PROTOCOLS)} or a number below 256")
    return found


def _text(word: _Word) -> Value:
    if word.quoted or "*" not in word.text:
        return word.text
    return Pattern(tuple(word.text.split("*")))


def _ratio(word: _Word) -> float:
    return _split(word.text, {"": 1}, "0.01") if not word.text.endswith("%") else _split(word.text[:-1], {"": 1}, "1%") / 100


def _duration(word: _Word) -> float:
    return _split(word.text, _UNITS_NS, "20ms, 1.5s or 2m")


def _instant(word: _Word) -> int:
    try:
        moment = datetime.fromisoformat(word.text)
    except ValueError:
        raise ValueError("write it as 2026-01-31T08:00") from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        return int(aware.timestamp()) * SECOND_NS + aware.microsecond * 1000
    except (OverflowError, OSError):
        raise ValueError("beyond all calendars") from None


_READERS: Mapping[Kind, Callable[[_Word], Value]] = {
    Kind.ADDRESS: _address,
    Kind.NUMBER: _number,
    Kind.PROTOCOL: _protocol,
    Kind.TEXT: _text,
    Kind.SITE: lambda word: word.text,
    Kind.RATIO: _ratio,
    Kind.DURATION: _duration,
    Kind.INSTANT: _instant,
}
