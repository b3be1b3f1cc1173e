"""A line as a figure: the picture where there is room, the list where there is none and for those who listen."""

from __future__ import annotations

from collections.abc import Mapping

from faultline.records.incident import Base
from faultline.reports.markup import Markup, tag
from faultline.reports.material import LinePath, Suspect
from faultline.reports.path_list import path_list
from faultline.reports.path_picture import path_svg
from faultline.reports.sentences import Speaker


def path_figure(speaker: Speaker, path: LinePath, *, suspects: Mapping[Base, Suspect] | None = None) -> Markup:
    """Both forms; the style sheet shows one of them. Nothing when the line is not known."""
    if not path.elements:
        return tag("p", speaker.word("path.unknown"), class_="soft")
    return tag(
        "figure",
        tag("div", path_svg(speaker, path, suspects=suspects), class_="wide"),
        path_list(speaker, path, suspects=suspects),
        tag("figcaption", speaker.word("path.legend"), class_="soft legend"),
        class_="path-figure",
    )
