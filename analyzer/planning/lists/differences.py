"""Two inventories compared: what was added, removed and changed, entry by entry and key by key. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from faultline.inventory.places import KEYS


@attrs.frozen(slots=True, kw_only=True)
class Change:
    """One entry that is not the same in both."""

    section: str
    name: str
    before: Mapping[str, Any] | None
    """None: it was added."""
    after: Mapping[str, Any] | None
    """None: it was removed."""

    @property
    def keys(self) -> dict[str, tuple[Any, Any]]:
        """Keys that differ, each with its value before and after (None: it was not there)."""
        before, after = self.before or {}, self.after or {}
        names = dict.fromkeys([*before, *after])
        return {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}

    def document(self) -> dict[str, Any]:
        """As `--json` prints it."""
        what = "added" if self.before is None else "removed" if self.after is None else "changed"
        entry: dict[str, Any] = {"section": self.section, "name": self.name, "what": what}
        if what == "changed":
            entry["keys"] = {
                name: {side: value for side, value in (("before", before), ("after", after)) if value is not None}
                for name, (before, after) in self.keys.items()
            }
        return entry

    def text(self) -> str:
        """As a person reads it."""
        mark = "+" if self.before is None else "-" if self.after is None else "~"
        head = f"{mark} {self.section.removesuffix('s')} {self.name}"
        if mark != "~":
            return head
        return f"{head}: " + "; ".join(f"{key}: {_said(before)} -> {_said(after)}" for key, (before, after) in self.keys.items())


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """Changes in the order of the sections: removed, changed and added entries of each."""
    for section, key in KEYS.items():
        old = {str(entry[key]): entry for entry in before.get(section) or ()}
        new = {str(entry[key]): entry for entry in after.get(section) or ()}
        # Of thousands of entries nearly all are the same as they stand: only the others are compared as texts.
        for name, entry in old.items():
            other = new.get(name)
            if other is None:
                yield Change(section=section, name=name, before=entry, after=None)
            elif other != entry and texts(other) != texts(entry):
                yield Change(section=section, name=name, before=texts(entry), after=texts(other))
        for name, entry in new.items():
            if name not in old:
                yield Change(section=section, name=name, before=None, after=entry)
    for section in ("interfaces", "planned", "freezes"):
        yield from _unnamed(section, before.get(section) or (), after.get(section) or ())


def _unnamed(section: str, before: Any, after: Any) -> Iterator[Change]:
    """Entries without a name of their own: the same or another one."""
    old, new = [texts(entry) for entry in before], [texts(entry) for entry in after]
    for entry in old:
        if entry not in new:
            yield Change(section=section, name=_label(entry), before=entry, after=None)
    for entry in new:
        if entry not in old:
            yield Change(section=section, name=_label(entry), before=None, after=entry)


def _label(entry: Mapping[str, Any]) -> str:
    return " ".join(_said(value) for value in entry.values())


def texts(value: Any) -> Any:
    """The same with every number as text: a file's values are texts, a list's may be numbers."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return [texts(inner) for inner in value]
    if isinstance(value, Mapping):
        return {str(key): texts(inner) for key, inner in value.items()}
    return str(value)


def _said(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_said(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_said(inner) for inner in value) + "]"
    return str(value)
