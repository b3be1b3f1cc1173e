"""Where things stand in the picture of a line: columns along the path, rows for equal-cost alternatives and for hosts behind Z.

Goes in: a `LinePath`. Comes out: places in pixels. Knows nothing of suspicion, words or colours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from faultline.records.incident import Base
from faultline.records.terms import ComponentKind
from faultline.reports.material import LinePath, PathElement, PathHost

MARGIN = 26
SEGMENT_WIDTH, NODE_WIDTH = 90, 76
FORK = 20
"""Where a bundle's branches leave the line, and where they come together."""
MEMBER_WIDTH = {True: 76, False: 48}
"""Of a branch's links and of its nodes."""
ABOVE = 62
"""Over the uppermost row: the pill of a suspect."""
BELOW = 68
"""Under the lowest row of the path, down to the owners' bands: two lines of a name, or a member's and the bundle's."""
ROW = 84
"""Between two branches: a name under the upper one, a pill over the lower one."""
HOST_WIDTH, HOST_FORK = 190, 26
HOST_ROW, SERVICE_ROW = 40, 15
FOOT = 66
"""From the bands to the lower edge: owners and probes."""
LINKS = frozenset({ComponentKind.SEGMENT, ComponentKind.LINK, ComponentKind.ROUTE})


def is_link(element: PathElement) -> bool:
    """Drawn as a piece of the line, not as a box on it."""
    return element.kind in LINKS


@attrs.frozen(slots=True, kw_only=True)
class Place:
    """An element's place."""

    left: float
    right: float
    y: float

    @property
    def middle(self) -> float:
        """Between its edges."""
        return (self.left + self.right) / 2


@attrs.frozen(slots=True, kw_only=True)
class Layout:
    """Every place of a picture."""

    width: float
    height: float
    line_y: float
    band_y: float
    ends: tuple[float, float]
    """Where the path begins and ends."""
    elements: tuple[Place, ...]
    branches: Mapping[Base, tuple[tuple[Place, ...], ...]]
    """Of each bundle: the places of the members of each alternative."""
    hosts: tuple[Place, ...]

    def x_of(self, position: float) -> float:
        """Where a position in elements is; 2.0 is the middle of the third, 2.5 the boundary after it."""
        if not self.elements:
            return MARGIN
        number = max(0, min(len(self.elements) - 1, int(position + 0.5)))
        share = min(1.0, max(0.0, position + 0.5 - number))
        place = self.elements[number]
        return place.left + (place.right - place.left) * share


def layout(path: LinePath) -> Layout:
    """The places of a line's picture."""
    rows = max((len(element.branches) for element in path.elements), default=0)
    spread = ROW * max(0, rows - 1) / 2
    heights = [_host_height(host) for host in path.hosts]
    reach = sum(heights) / 2
    line_y = ABOVE + max(spread, reach - HOST_ROW / 2, 0.0)
    band_y = max(line_y + spread + BELOW, line_y + reach + 14)
    at: float = MARGIN
    places = []
    for element in path.elements:
        places.append(Place(left=at, right=at + _width(element), y=line_y))
        at = places[-1].right
    end = at
    hosts = []
    top = line_y - reach
    for height in heights:
        hosts.append(Place(left=end, right=end + HOST_WIDTH, y=top + HOST_ROW / 2))
        top += height
    width = end + (HOST_WIDTH if path.hosts else 0) + MARGIN
    return Layout(
        width=width,
        height=band_y + FOOT,
        line_y=line_y,
        band_y=band_y,
        ends=(MARGIN, end),
        elements=tuple(places),
        branches={
            element.base: _branches(element.branches, place)
            for element, place in zip(path.elements, places, strict=True)
            if element.branches
        },
        hosts=tuple(hosts),
    )


def _width(element: PathElement) -> float:
    if element.branches:
        return 2 * FORK + max(sum(MEMBER_WIDTH[is_link(member)] for member in branch) for branch in element.branches)
    return SEGMENT_WIDTH if is_link(element) else NODE_WIDTH


def _branches(branches: Sequence[Sequence[PathElement]], whole: Place) -> tuple[tuple[Place, ...], ...]:
    """Each branch in a row of its own, its links stretched so that all are as long."""
    found = []
    room = whole.right - whole.left - 2 * FORK
    for number, branch in enumerate(branches):
        y = whole.y + (number - (len(branches) - 1) / 2) * ROW
        taken = sum(MEMBER_WIDTH[is_link(member)] for member in branch)
        links = sum(1 for member in branch if is_link(member))
        stretch = (room - taken) / links if links else 0.0
        at, row = whole.left + FORK, []
        for member in branch:
            width = MEMBER_WIDTH[is_link(member)] + (stretch if is_link(member) else 0.0)
            row.append(Place(left=at, right=at + width, y=y))
            at += width
        found.append(tuple(row))
    return tuple(found)


def _host_height(host: PathHost) -> float:
    return HOST_ROW + SERVICE_ROW * len(host.services)
