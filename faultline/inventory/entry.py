"""One mapping of the document, taken key by key; each mistake is noted with its place, and reading goes on.

Goes in: a node and the list of problems. Comes out: text, numbers, instants, lists; None where the key is absent or wrong (then
the problem is already noted). Knows the types of values, not what the inventory is made of.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from faultline.inventory.document import Items, Node, Scalar, Table
from faultline.inventory.problems import Problems, meant
from faultline.records.terms import SECOND_NS

E = TypeVar("E", bound=StrEnum)

MOST_ID = 128
_ID = re.compile(r"[^\s<>,;\"'`{}\[\]|\x00-\x1f\x7f]+")
"""No space, no direction mark, nothing that lists, quotes or line protocol would trip over. Any script is welcome."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NO_SUCH = "add it to this file, or correct the name"
_A_RATE = "100_000_000 for 100 Mbit/s"
_NUMBER = re.compile(r"[0-9][0-9_]{0,18}")
_DECIMAL = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")


class Entry:
    """A mapping at a path of the document."""

    def __init__(self, node: Table, path: str, problems: Problems) -> None:
        self._node = node
        self.path = path
        self._problems = problems

    def line_of(self, key: str | None = None) -> int | None:
        """Line of a key's value, of the key, or of the mapping."""
        value = self._node.entries.get(key) if key else None
        if isinstance(value, Scalar):
            return value.line
        return self._node.key_lines.get(key, self._node.line) if key else self._node.line

    def path_of(self, key: str) -> str:
        """Path of a key."""
        return f"{self.path}.{key}" if self.path else key

    def wrong(self, key: str | None, what: str, remedy: str, *, at: int | None = None) -> None:
        """Note a mistake of a key, of one of the items of its list, or of the mapping itself."""
        line, path = self.line_of(key), self.path_of(key) if key else self.path
        if key and at is not None:
            path = f"{path}[{at}]"
            items = self._node.entries.get(key)
            if isinstance(items, Items) and at < len(items.nodes):
                line = items.nodes[at].line
        self._problems.add(line, path, what, remedy)

    def only(self, *keys: str) -> None:
        """Refuse every other key: a typo must not silently become a default."""
        for key in self._node.entries:
            if key not in keys:
                self._problems.add(
                    self._node.key_lines.get(key),
                    self.path_of(key),
                    "unknown key",
                    meant(key, keys, otherwise=f"known here: {', '.join(keys)}"),
                )

    def has(self, key: str) -> bool:
        """Whether the key is there with something in it."""
        value = self._node.entries.get(key)
        return value is not None and not (isinstance(value, Scalar) and value.text is None)

    def __contains__(self, key: str) -> bool:
        """Whether the key is there, with or without something in it."""
        return key in self._node.entries

    def _value(self, key: str, *, required: bool, remedy: str) -> Node | None:
        if self.has(key):
            return self._node.entries[key]
        if key in self._node.entries:
            self.wrong(key, "empty", remedy if required else "give a value or leave the key out")
        elif required:
            self.wrong(None, f"{key!r} is missing", remedy)
        return None

    def text(self, key: str, *, required: bool = False, remedy: str = "add it") -> str | None:
        """Any text, without space around it."""
        value = self._value(key, required=required, remedy=remedy)
        if value is None:
            return None
        if not isinstance(value, Scalar) or value.text is None:
            self.wrong(key, f"{_kind(value)} where a text belongs", "write one value")
            return None
        text = value.text.strip()
        if not text or _CONTROL.search(text):
            self.wrong(key, "empty or with control characters", "write it in one line of plain text")
            return None
        return text

    def id(self, key: str = "id") -> str | None:
        """A required name others refer to."""
        text = self.text(key, required=True, remedy="give it a name that others refer to")
        return self._as_id(key, text) if text is not None else None

    def _as_id(self, key: str, text: str, at: int | None = None) -> str | None:
        if len(text) > MOST_ID or not _ID.fullmatch(text):
            remedy = f"at most {MOST_ID} characters, without spaces, quotes, brackets, `,`, `;`, `|`, `<` and `>`"
            self.wrong(key, f"{text[:MOST_ID]!r} cannot be an id", remedy, at=at)
            return None
        return text

    def number(self, key: str, *, least: int = 1, most: int | None = None, example: str = _A_RATE) -> int | None:
        """A whole number above 0, or within bounds."""
        text = self.text(key)
        if text is None:
            return None
        if not _NUMBER.fullmatch(text) or int(text) == 0:
            self.wrong(key, f"{text!r} is not a whole number above 0", f"write digits alone, e.g. {example}")
            return None
        number = int(text)
        if number < least or (most is not None and number > most):
            self.wrong(key, f"{number} is not between {least} and {most}", f"e.g. {example}")
            return None
        return number

    def choice(self, key: str, of: type[E], *, default: E | None = None, but: Mapping[E, str] | None = None) -> E | None:
        """A word of a closed list; required when there is no default. `but`: words that have no place here, and what to do."""
        refused = but or {}
        text = self.text(key) if self.has(key) else None
        known = _member(of, text) if text is not None else None
        if known is not None and known not in refused:
            return known
        allowed = [word.value for word in of if word not in refused]
        text = self.text(key, required=default is None, remedy=f"one of {', '.join(allowed)}")
        if text is None:
            return default
        remedy = next((remedy for word, remedy in refused.items() if word == text), None)
        remedy = remedy or meant(text, allowed, otherwise="choose one of them")
        self.wrong(key, f"{text!r} is not one of {', '.join(allowed)}", remedy)
        return None

    def option(self, key: str, of: type[E]) -> E | None:
        """A word of a closed list; None where the key is absent."""
        return self.choice(key, of) if key in self else None

    def decimal(self, key: str, *, least: str, most: str, example: str) -> Decimal | None:
        """A number within bounds, as it is written: 99.95 is not quite that in binary."""
        text = self.text(key)
        if text is None:
            return None
        if not _DECIMAL.fullmatch(text):
            self.wrong(key, f"{text!r} is not a number", f"write it without a unit, e.g. {example}")
            return None
        number = Decimal(text)
        if not Decimal(least) <= number <= Decimal(most):
            self.wrong(key, f"{text} is not between {least} and {most}", f"e.g. {example}")
            return None
        return number

    def instant_ns(self, key: str) -> int | None:
        """A required instant: ISO 8601 with its offset from UTC."""
        remedy = 'write date, time and offset, e.g. "2026-12-01T02:00:00+08:00"'
        text = self.text(key, required=True, remedy=remedy)
        if text is None:
            return None
        try:
            when = datetime.fromisoformat(text)
        except ValueError:
            self.wrong(key, f"{text!r} is not a time", remedy)
            return None
        if when.tzinfo is None:
            self.wrong(key, f"{text!r} has no offset from UTC", remedy)
            return None
        return int(when.timestamp()) * SECOND_NS + when.microsecond * 1000

    def texts(self, key: str, *, required: bool = False, remedy: str = "add it") -> list[tuple[int, str]]:
        """A list of texts, each with its place in the list."""
        value = self._value(key, required=required, remedy=remedy)
        if value is None:
            return []
        if not isinstance(value, Items):
            self.wrong(key, f"{_kind(value)} where a list belongs", "write [one, two]")
            return []
        found = []
        for at, item in enumerate(value.nodes):
            if isinstance(item, Scalar) and item.text is not None and item.text.strip():
                found.append((at, item.text.strip()))
            else:
                self.wrong(key, f"{_kind(item)} where a text belongs", "write one value an item", at=at)
        if required and not value.nodes:
            self.wrong(key, "empty", remedy)
        return found

    def references(self, key: str, known: Collection[str], what: str, *, required: bool = False) -> list[tuple[int, str]]:
        """A list of ids that must exist."""
        found = self.texts(key, required=required, remedy=f"name at least one {what}")
        for at, text in found:
            if text not in known:
                self.wrong(
                    key,
                    f"no {what} {text!r}",
                    meant(text, known, otherwise=f"no {what} of this file is called so: add it, or correct the name"),
                    at=at,
                )
        return [(at, text) for at, text in found if text in known]

    def reference(self, key: str, known: Collection[str], what: str, *, required: bool = False) -> str | None:
        """An id that must exist."""
        text = self.text(key, required=required, remedy=f"name a {what}")
        if text is None or text in known:
            return text
        self.wrong(
            key,
            f"no {what} {text!r}",
            meant(text, known, otherwise=f"no {what} of this file is called so: add it, or correct the name"),
        )
        return None

    def prefixes(self, key: str) -> tuple[str, ...]:
        """Networks in CIDR notation, at least one."""
        remedy = "list the networks behind this end, e.g. [10.1.17.0/24]"
        found: dict[str, None] = {}
        for at, text in self.texts(key, required=True, remedy=remedy):
            try:
                network = ipaddress.ip_network(text)
            except ValueError as error:
                self.wrong(key, f"{text!r} is not a network", _network_remedy(text, error), at=at)
                continue
            if str(network) in found:
                self.wrong(key, f"{network} is there twice", "keep one of them", at=at)
            found[str(network)] = None
        return tuple(found)

    def addresses(self, key: str) -> tuple[str, ...]:
        """IP addresses, in their usual spelling."""
        found: dict[str, None] = {}
        for at, text in self.texts(key):
            address = self._as_address(key, text, at)
            if address in found:
                self.wrong(key, f"{address} is there twice", "keep one of them", at=at)
            if address is not None:
                found[address] = None
        return tuple(found)

    def address(self, key: str) -> str | None:
        """An IP address, in its usual spelling."""
        text = self.text(key)
        return self._as_address(key, text) if text is not None else None

    def _as_address(self, key: str, text: str, at: int | None = None) -> str | None:
        try:
            return str(ipaddress.ip_address(text))
        except ValueError:
            without = "leave the length out" if "/" in text else "write it as 10.1.1.2 or 2001:db8::2"
            self.wrong(key, f"{text!r} is not an address", without, at=at)
            return None

    def lists(self, key: str) -> Iterator[tuple[int, list[str]]]:
        """The lists of a list, each of texts, with its place."""
        value = self._value(key, required=False, remedy="add it")
        if value is None:
            return
        if not isinstance(value, Items):
            self.wrong(key, f"{_kind(value)} where a list belongs", "write [[one, two], [three]]")
            return
        if not value.nodes:
            self.wrong(key, "empty", "list at least one, or leave the key out")
        for at, node in enumerate(value.nodes):
            scalars = [item for item in node.nodes if isinstance(item, Scalar)] if isinstance(node, Items) else []
            texts = [item.text.strip() for item in scalars if item.text is not None and item.text.strip()]
            if not isinstance(node, Items) or len(texts) != len(node.nodes) or not texts:
                self.wrong(key, f"{_kind(node)} where a list of texts belongs", "write [[one, two], [three]]", at=at)
                continue
            yield at, texts

    def entry(self, key: str, *, remedy: str) -> Entry | None:
        """A required mapping."""
        value = self._value(key, required=True, remedy=remedy)
        if value is None:
            return None
        if not isinstance(value, Table):
            self.wrong(key, f"{_kind(value)} where a mapping belongs", remedy)
            return None
        return Entry(value, self.path_of(key), self._problems)

    def entries(self, key: str, *, required: bool = False, remedy: str = "add it") -> Iterator[Entry]:
        """The mappings of a list."""
        value = self._value(key, required=required, remedy=remedy)
        if value is None:
            return
        if not isinstance(value, Items):
            self.wrong(key, f"{_kind(value)} where a list belongs", "begin each entry with `- `")
            return
        if required and not value.nodes:
            self.wrong(key, "empty", remedy)
        for at, item in enumerate(value.nodes):
            if isinstance(item, Table):
                yield Entry(item, f"{self.path_of(key)}[{at}]", self._problems)
            else:
                self.wrong(key, f"{_kind(item)} where a mapping belongs", "write key: value pairs", at=at)

    def unique(self, key: str, value: str, seen: Mapping[str, Entry], what: str) -> bool:
        """Whether an id is new among those seen; a repeat is noted."""
        if value not in seen:
            return True
        first = seen[value]
        where = first.path if first.line_of() is None else f"line {first.line_of()}"
        self.wrong(key, f"a {what} {value!r} is already in {where}", "give each its own name")
        return False


def _member(of: type[E], text: str) -> E | None:
    try:
        return of(text)
    except ValueError:
        return None


def _kind(node: Node) -> str:
    return {Scalar: "a single value", Items: "a list", Table: "a mapping"}[type(node)]


def _network_remedy(text: str, error: ValueError) -> str:
    try:
        return f"the network is {ipaddress.ip_network(text, strict=False)}"
    except ValueError:
        return f"write address/length, e.g. 10.1.17.0/24 ({error})"
