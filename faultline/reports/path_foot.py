"""What stands below the picture of a line: whose each part is, where responsibility changes hands, where probes look.

Goes in: a `LinePath` and its layout. Comes out: markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from faultline.reports.lettering import cut, text_width
from faultline.reports.markup import Markup, tag
from faultline.reports.material import LinePath, PathVantage
from faultline.reports.path_layout import Layout
from faultline.reports.sentences import Speaker

PROBE_ROW = 13
"""Between two rows of probes' names."""


def owner_bands(speaker: Speaker, path: LinePath, frame: Layout) -> Markup:
    """One band below each run of elements of one owner; a dashed line where responsibility changes hands."""
    runs = [(element.owner, place.left, place.right) for element, place in zip(path.elements, frame.elements, strict=True)]
    runs += [(host.element.owner, place.left, place.right) for host, place in zip(path.hosts, frame.hosts, strict=True)]
    bands = []
    for number, (owner, group) in enumerate(groupby(runs, key=lambda run: run[0])):
        places = list(group)
        left, right = places[0][1], max(place[2] for place in places)
        band = tag(
            "rect", x=left + 2, y=frame.band_y, width=right - left - 4, height=5, rx=2.5, class_=f"band owner-{owner.value}"
        )
        label = tag(
            "text",
            cut(speaker.owner(owner.value), right - left),
            x=(left + right) / 2,
            y=frame.band_y + 20,
            text_anchor="middle",
            class_="owner",
        )
        edge = tag("line", x1=left, x2=left, y1=frame.line_y + 12, y2=frame.band_y + 5, class_="demarcation") if number else None
        bands.append(tag("g", edge, band, label))
    return tag("g", bands)


def vantage_marks(speaker: Speaker, vantages: Sequence[PathVantage], frame: Layout) -> Markup:
    """A triangle where a probe looks, and its name; a name that would touch its neighbour's goes one row down."""
    marks, taken = [], [float("-inf")] * 2
    for vantage in sorted(vantages, key=lambda v: (v.position, v.name)):
        x, y = frame.x_of(vantage.position), frame.band_y + 27
        half = text_width(vantage.name) / 2
        row = next((n for n, until in enumerate(taken) if x - half > until), 0 if taken[0] <= taken[1] else 1)
        taken[row] = x + half + 4
        silent = f", {speaker.word('probe.silent')}" if vantage.silent else ""
        shift = max(0.0, half + 2 - x) - max(0.0, x + half + 2 - frame.width)
        marks.append(
            tag(
                "g",
                tag("title", f"{speaker.word('probe')} {vantage.name}{silent}"),
                tag("path", d=f"M{x:g} {y:g}l6 9h-12z", class_="probe silent" if vantage.silent else "probe"),
                tag(
                    "text",
                    vantage.name,
                    x=x + shift,
                    y=y + 20 + PROBE_ROW * row,
                    text_anchor="middle",
                    class_="probe-name",
                ),
                data_vantage=vantage.name,
            ),
        )
    return tag("g", marks)
