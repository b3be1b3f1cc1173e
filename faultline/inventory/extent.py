"""How far a line reaches: its path, the members of its bundles, the hosts behind its ends and what runs on them.

Goes in: a line and the components. Comes out: everything a fault of which can hurt the line, each once, from A to Z.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from faultline.inventory.model import Component, Line
from faultline.records.incident import Base


def everything_on(line: Line, components: Mapping[Base, Component]) -> dict[Base, None]:
    """Components of the line; those that are not declared are left out."""
    found: dict[Base, None] = {}
    for base in (*line.a_end.hosts, *line.path, *line.z_end.hosts):
        found.update((inner, None) for inner in with_parts(base, components))
    return found


def with_parts(base: Base, components: Mapping[Base, Component]) -> Iterator[Base]:
    """A component and what it is made of: of a bundle its members, of a server its services."""
    component = components.get(base)
    if component is None:
        return
    yield base
    for name in (*component.hosts, *(member for path in component.paths for member in path)):
        if name in components:
            yield Base(name)
