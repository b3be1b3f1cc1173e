"""YAML text to a tree that knows its line numbers.

Goes in: octets, text, or plain data. Comes out: `Table`, `Items` and `Scalar` nodes. Scalars stay the text they were written as
(`0017` is an id, not a number); what they mean is decided by whoever takes them. Refuses what a list of lines never needs and
what an attacker does: anchors and aliases, tags, several documents, deep nesting, huge files, duplicate keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import attrs
import yaml

from faultline.inventory.problems import Problems

MOST_OCTETS = 64 << 20
"""16,000 lines with their components are about 16 MB."""
MOST_DEPTH = 12
"""The schema needs six levels."""
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The compiled parser where PyYAML has it; the static probe does not, and needs one line's extract only."""


@attrs.frozen(slots=True, kw_only=True)
class Scalar:
    """A value as written; None: nothing, `~` or `null`."""

    text: str | None
    line: int | None


@attrs.frozen(slots=True, kw_only=True)
class Items:
    """A list."""

    nodes: Sequence[Node]
    line: int | None


@attrs.frozen(slots=True, kw_only=True)
class Table:
    """A mapping; `line` is where it begins, `key_lines` where each key is."""

    entries: Mapping[str, Node]
    key_lines: Mapping[str, int | None]
    line: int | None


Node = Scalar | Items | Table


def compose(document: bytes | str, problems: Problems) -> Node | None:
    """The tree of a YAML text; None when there is none, with the reasons among the problems."""
    text = _decoded(document, problems)
    if text is None:
        return None
    try:
        return _Composer(problems).document(yaml.parse(text, Loader=_Loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        wrong = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
        column = f" at column {mark.column + 1}" if mark else ""
        remedy = (
            "indent with spaces, never with tabs" if _is_tab(text, mark) else "check indentation, quotes and brackets before it"
        )
        problems.add(mark.line + 1 if mark else None, "", f"not YAML: {wrong}{column}", remedy)
    except _StopReadingError:
        pass  # the reason was noted where it was found
    return None


def _decoded(document: bytes | str, problems: Problems) -> str | None:
    if len(document) > MOST_OCTETS:
        problems.add(None, "", f"larger than {MOST_OCTETS >> 20} MiB", "split the network over several systems")
        return None
    if isinstance(document, str):
        return document
    try:
        return document.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = document.count(b"\n", 0, error.start) + 1
        problems.add(line, "", f"not UTF-8 at octet {error.start}", "save the file as UTF-8")
        return None


def _is_tab(text: str, mark: Any) -> bool:
    """Whether the place of the mistake is indented with a tab."""
    if mark is None:
        return False
    lines = text.split("\n", mark.line + 1)
    return mark.line < len(lines) and "\t" in lines[mark.line][: mark.column + 1]


class _StopReadingError(Exception):
    """The rest of the text is not looked at."""


@attrs.define(slots=True)
class _Open:
    """A list or mapping whose end was not seen yet."""

    line: int
    path: str
    is_table: bool
    nodes: list[Node] = attrs.field(factory=list)
    entries: dict[str, Node] = attrs.field(factory=dict)
    key_lines: dict[str, int | None] = attrs.field(factory=dict)
    key: str | None = None

    def path_of_next(self) -> str:
        if not self.is_table:
            return f"{self.path}[{len(self.nodes)}]"
        return f"{self.path}.{self.key}" if self.path else str(self.key)

    def close(self) -> Node:
        if self.is_table:
            return Table(entries=self.entries, key_lines=self.key_lines, line=self.line)
        return Items(nodes=self.nodes, line=self.line)


class _Composer:
    """Events to nodes, without recursion: depth is the document's choice, not the stack's."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._open: list[_Open] = []
        self._root: Node | None = None
        self._documents = 0

    def document(self, events: Iterator[Any]) -> Node | None:
        for event in events:
            self._take(event, event.start_mark.line + 1)
        if self._root is None:
            self._problems.add(1, "", "empty", "begin with `format: faultline-inventory/1`")
        return self._root

    def _take(self, event: Any, line: int) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._stop(line, "a second document begins", "keep one document in a file")
        elif isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            self._stop(
                line, f"anchors and aliases (`&{event.anchor}`, `*{event.anchor}`) are not used here", "write the values out"
            )
        elif isinstance(event, yaml.CollectionEndEvent):
            self._put(self._open.pop().close(), line)
        elif isinstance(event, yaml.NodeEvent):
            tag = getattr(event, "tag", None)
            if tag is not None and tag != "!":
                self._stop(line, f"a tag ({tag})", "leave the tag out")
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event, line)
            else:
                self._begin(line, is_table=isinstance(event, yaml.MappingStartEvent))

    def _begin(self, line: int, *, is_table: bool) -> None:
        parent = self._open[-1] if self._open else None
        if parent and parent.is_table and parent.key is None:
            self._stop(line, "a list or mapping is used as a key", "keys are words")
        if len(self._open) >= MOST_DEPTH:
            self._stop(line, f"nested more than {MOST_DEPTH} levels deep", "the inventory has six; see the example")
        self._open.append(_Open(line, parent.path_of_next() if parent else "", is_table))

    def _scalar(self, event: Any, line: int) -> None:
        parent = self._open[-1] if self._open else None
        if parent and parent.is_table and parent.key is None:
            parent.key = event.value
            if event.value in parent.entries:
                first = parent.key_lines[event.value]
                wrong = f"the key {event.value!r} is already in line {first}"
                self._problems.add(line, parent.path_of_next(), wrong, "keep one of them")
            else:
                parent.key_lines[event.value] = line
            return
        nothing = event.implicit[0] and event.value in _NULLS
        self._put(Scalar(text=None if nothing else event.value, line=line), line)

    def _put(self, node: Node, line: int) -> None:
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        if not parent.is_table:
            parent.nodes.append(node)
        elif parent.key is None:
            self._stop(line, "a list or mapping is used as a key", "keys are words")
        else:
            parent.entries.setdefault(parent.key, node)
            parent.key = None

    def _stop(self, line: int, wrong: str, remedy: str) -> None:
        self._problems.add(line, self._open[-1].path if self._open else "", wrong, remedy)
        raise _StopReadingError


def to_data(node: Node) -> Any:
    """Plain data of a tree, every value the text it was written as."""
    if isinstance(node, Table):
        return {key: to_data(inner) for key, inner in node.entries.items()}
    if isinstance(node, Items):
        return [to_data(inner) for inner in node.nodes]
    return node.text


def from_data(value: Any, problems: Problems) -> Node | None:
    """The tree of plain data (mappings, lists, scalars), for inventories made by a program."""
    return _from_data(value, problems, "", 0)


def _from_data(value: Any, problems: Problems, path: str, depth: int) -> Node | None:
    # Scalars first: nearly everything is one, and what an abstract class is asked costs more than all the rest.
    if value is None or isinstance(value, (str, int, float)):
        text = str(value).lower() if isinstance(value, bool) else value
        return Scalar(text=None if text is None else str(text), line=None)
    if depth > MOST_DEPTH:
        problems.add(None, path, f"nested more than {MOST_DEPTH} levels deep", "the inventory has six; see the example")
        return None
    if isinstance(value, (list, tuple)):
        nodes = [_from_data(inner, problems, f"{path}[{at}]", depth + 1) for at, inner in enumerate(value)]
        return Items(nodes=[node for node in nodes if node is not None], line=None)
    if isinstance(value, Mapping):
        pairs = ((str(key), _from_data(inner, problems, f"{path}.{key}", depth + 1)) for key, inner in value.items())
        entries = {key: node for key, node in pairs if node is not None}
        return Table(entries=entries, key_lines=dict.fromkeys(entries), line=None)
    if isinstance(value, date):  # and moments: readers of YAML make them of what looks like one
        return Scalar(text=value.isoformat(), line=None)
    problems.add(None, path, f"a {type(value).__name__}", "use text, numbers, lists and mappings")
    return None
