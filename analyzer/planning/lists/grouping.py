"""Groups of lines as rows of a list say them: a row names the groups that its line is in.

Goes in: the inventory as plain data, changes. Comes out: its groups with them. A row that says nothing of groups leaves them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from analyzer.planning.lists.columns import Attribute
from analyzer.planning.lists.rows import LineChange
from faultline.inventory import GroupKind
from faultline.inventory.problems import Problem

_KINDS = {Attribute.GROUPS: GroupKind.GROUP, Attribute.BUNDLE: GroupKind.BUNDLE}


class Groups:
    """The groups of an inventory; each is of one tenant's lines.

    Args:
        document: the inventory as plain data; it is left as it is.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._groups = {str(entry["id"]): dict(entry) for entry in document.get("groups") or ()}
        self._tenants = {str(line["code"]): str(line["tenant"]) for line in document.get("lines") or ()}
        self._members = {name: dict.fromkeys(map(str, entry["lines"])) for name, entry in self._groups.items()}

    def put(self, line: Mapping[str, Any], change: LineChange) -> Iterator[Problem]:
        """Put a line into the groups that its row names, and out of the others of that kind."""
        code = str(line["code"])
        self._tenants[code] = str(line["tenant"])
        for attribute, kind in _KINDS.items():
            if attribute not in change.values:
                continue
            wanted = change.values[attribute]
            for name, entry in self._groups.items():
                if self._kind(entry) is kind and name not in wanted:
                    self._members[name].pop(code, None)
            for name in wanted:
                yield from self._join(name, code, kind, change)

    def _join(self, name: str, code: str, kind: GroupKind, change: LineChange) -> Iterator[Problem]:
        attribute = next(attribute for attribute, of in _KINDS.items() if of is kind)
        entry = self._groups.setdefault(name, {"id": name} | ({"kind": kind.value} if kind is not GroupKind.GROUP else {}))
        members = self._members.setdefault(name, {})
        others = {self._tenants[other] for other in members if other != code} - {self._tenants[code]}
        if self._kind(entry) is not kind:
            wrong = f"{name!r} is a {self._kind(entry).value}"
            yield change.origin.problem(attribute, wrong, f"give the {kind.value} another name")
        elif others:
            wrong = f"{name!r} is of lines of {', '.join(sorted(others))!r}"
            yield change.origin.problem(attribute, wrong, "lines of one customer are a group: give this one another name")
        else:
            members[code] = None

    @staticmethod
    def _kind(entry: Mapping[str, Any]) -> GroupKind:
        return GroupKind(str(entry.get("kind", GroupKind.GROUP)))

    def write(self, document: dict[str, Any]) -> None:
        """Write them into an inventory; groups that nobody is in are gone."""
        entries = [entry | {"lines": list(self._members[name])} for name, entry in self._groups.items() if self._members[name]]
        if entries or "groups" in document:
            document["groups"] = entries
