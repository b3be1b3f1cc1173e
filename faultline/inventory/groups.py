"""Groups of lines: bundles that carry one thing together, and the lines a business system rides on; what can be wrong with them.

The two lines of a pair are no group: the one names the other as its `backup`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import attrs

from faultline.inventory.entry import Entry
from faultline.inventory.model import Component, GroupKind, Line, LineGroup
from faultline.records.incident import Base
from faultline.records.terms import ComponentKind, LineCode


@attrs.frozen(slots=True, kw_only=True)
class Members:
    """What groups are made of, and the ids of what was declared and is not sound."""

    lines: Mapping[LineCode, Line]
    known_lines: Collection[str]
    components: Mapping[Base, Component]
    known_components: Collection[str]


def group_of(entry: Entry, group: str | None, members: Members) -> LineGroup | None:
    """The group of an entry; None when it is not sound, with the reasons noted."""
    entry.only("id", "name", "kind", "lines", "services")
    name, kind = entry.text("name"), entry.choice("kind", GroupKind, default=GroupKind.GROUP)
    lines: dict[LineCode, None] = {}
    for at, text in entry.references("lines", members.known_lines, "line", required=True):
        if text in lines:
            entry.wrong("lines", f"{text!r} is there twice", "keep one of them", at=at)
        lines[LineCode(text)] = None
    services: dict[Base, None] = {}
    for at, text in entry.references("services", members.known_components, "component"):
        component = members.components.get(Base(text))
        if component is not None and component.kind is not ComponentKind.SERVICE:
            entry.wrong("services", f"{text!r} is a {component.kind}", "components of kind service ride on lines", at=at)
        services[Base(text)] = None
    _refuse_strangers(entry, [members.lines[code] for code in lines if code in members.lines])
    if group is None or kind is None or not lines:
        return None
    return LineGroup(id=group, name=name or group, kind=kind, lines=tuple(lines), services=tuple(services))


def _refuse_strangers(entry: Entry, lines: Iterable[Line]) -> None:
    """Whoever may see a group sees all of its lines: they are one tenant's."""
    first: Line | None = None
    for line in lines:
        first = first or line
        if line.tenant != first.tenant:
            wrong = f"{first.code} is a line of {first.tenant!r}, and {line.code} one of {line.tenant!r}"
            entry.wrong("lines", wrong, "make a group for each tenant")
            return


def refuse_second_bundles(made: Iterable[tuple[Entry, LineGroup]]) -> None:
    """Refuse lines in two bundles: what one carries together with others is one thing."""
    bundles: dict[LineCode, str] = {}
    for entry, group in made:
        for at, line in enumerate(group.lines if group.kind is GroupKind.BUNDLE else ()):
            first = bundles.setdefault(line, group.id)
            if first != group.id:
                entry.wrong("lines", f"{line!r} is in the bundle {first!r} already", "keep it in one of them", at=at)
