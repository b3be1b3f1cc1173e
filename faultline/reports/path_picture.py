"""A line from A to Z as inline SVG: elements, owners, alternatives, hosts, probes, and the suspect.

Both directions have a lane of their own on every link. The suspect is told by weight and words beside colour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from faultline.records.incident import Base
from faultline.records.terms import ComponentKind
from faultline.reports.lettering import LETTER, cut, text_width, two_lines
from faultline.reports.markup import Markup, tag
from faultline.reports.material import LinePath, PathElement, PathHost, Suspect
from faultline.reports.numbers import confidence
from faultline.reports.path_foot import owner_bands, vantage_marks
from faultline.reports.path_layout import (
    FORK,
    HOST_FORK,
    HOST_ROW,
    MARGIN,
    NODE_WIDTH,
    SEGMENT_WIDTH,
    SERVICE_ROW,
    Layout,
    Place,
    is_link,
    layout,
)
from faultline.reports.sentences import Speaker
from faultline.reports.suspicion import WEAK, arrow_of, suspicion_words

LANE = 4
"""From the middle of a link to each of its lanes: A to Z runs above, Z to A below."""


def path_svg(speaker: Speaker, path: LinePath, *, suspects: Mapping[Base, Suspect] | None = None) -> Markup:
    """The picture; its size follows the number of elements, alternatives and hosts."""
    suspects = suspects or {}
    frame = layout(path)
    return tag(
        "svg",
        tag("title", speaker.word("report.path")),
        owner_bands(speaker, path, frame),
        _sites(speaker, path, frame, suspects),
        [_station(speaker, e, p, frame, suspects) for e, p in zip(path.elements, frame.elements, strict=True)],
        [_host(speaker, h, p, frame, suspects) for h, p in zip(path.hosts, frame.hosts, strict=True)],
        vantage_marks(speaker, path.vantages, frame),
        _end("A", frame.ends[0] - MARGIN / 2, frame.line_y + 5),
        _end("Z", frame.ends[1] - 9, frame.line_y - 12) if path.hosts else _end("Z", frame.width - MARGIN / 2, frame.line_y + 5),
        class_="path",
        viewBox=f"0 0 {frame.width:g} {frame.height:g}",
        width=frame.width,
        height=frame.height,
        role="img",
        aria_label=_label(speaker, path, suspects),
    )


def _label(speaker: Speaker, path: LinePath, suspects: Mapping[Base, Suspect]) -> str:
    """What the picture shows, for those who hear it; the list beside it tells the rest."""
    hot = [f"{e.name} {suspicion_words(speaker, suspects[e.base])}" for e in path.every() if e.base in suspects]
    return ": ".join(part for part in (speaker.word("report.path"), "; ".join(hot)) if part)


def _end(letter: str, x: float, y: float) -> Markup:
    return tag("text", letter, x=x, y=y, text_anchor="middle", class_="end")


# ---- elements of the path ------------------------------------------------------------------------------------------
def _station(
    speaker: Speaker, element: PathElement, place: Place, frame: Layout, suspects: Mapping[Base, Suspect]
) -> Markup | list[Markup]:
    suspect = suspects.get(element.base)
    if element.branches:
        return _bundle(speaker, element, place, frame, suspects)
    shape = _link(place, suspect) if is_link(element) else _node(element, place, suspect)
    room = (SEGMENT_WIDTH if is_link(element) else NODE_WIDTH) - 4
    return _group(speaker, element, suspect, [*shape, _pill(place.middle, place.y, suspect), _name(element.name, place, room)])


def _group(speaker: Speaker, element: PathElement, suspect: Suspect | None, parts: Sequence[object]) -> Markup:
    full = f"{element.name}: {speaker.owner(element.owner.value)}"
    return tag(
        "g",
        tag("title", full if suspect is None else f"{full}, {speaker.word('suspect')} {suspicion_words(speaker, suspect)}"),
        parts,
        class_="element suspect" if suspect else "element",
        data_component=element.base,
        data_element_owner=element.owner.value,
        data_probability=f"{suspect.probability:.3f}" if suspect else None,
    )


def _link(place: Place, suspect: Suspect | None) -> list[Markup]:
    """Two lanes; a suspected one is thick, and its chevrons say which way it leads."""
    lanes = []
    for y, sense in ((place.y - LANE, 1), (place.y + LANE, -1)):
        share = 0.0
        if suspect is not None:
            directed = suspect.a_to_z if sense > 0 else suspect.z_to_a
            share = directed if suspect.a_to_z or suspect.z_to_a else suspect.probability
        lanes.append(_lane(place, y, sense, share))
    return lanes


def _lane(place: Place, y: float, sense: int, share: float) -> Markup:
    middle = place.middle
    if share:
        strength = round(0.25 + 0.75 * share, 2)
        return tag(
            "g",
            tag("line", x1=place.left, x2=place.right, y1=y, y2=y, class_="hot", stroke_width=7.5, stroke_opacity=strength),
            [
                tag("path", d=f"M{middle + x - 2 * sense:g} {y - 2.6:g}l{3 * sense} 2.6l{-3 * sense} 2.6", class_="arrow")
                for x in (-9, 0, 9)
            ],
        )
    return tag(
        "g",
        tag("line", x1=place.left, x2=place.right, y1=y, y2=y, class_="link"),
        tag("path", d=f"M{middle - 2 * sense:g} {y - 3:g}l{4 * sense} 3l{-4 * sense} 3", class_="way"),
    )


_GLYPHS = {
    ComponentKind.SERVER: "M-7 -6h14v5h-14zM-7 2h14v5h-14zM-4 -3.5h2M-4 4.5h2",
    ComponentKind.RESOLVER: "M0 -8a8 8 0 1 0 .01 0M-8 0h16M0 -8c-5 5 -5 11 0 16c5 -5 5 -11 0 -16",
}
_ROUTER = "M-8 -3h14m-3.5 -3.5l3.5 3.5l-3.5 3.5M8 4h-14m3.5 -3.5l-3.5 3.5l3.5 3.5"


def _node(element: PathElement, place: Place, suspect: Suspect | None) -> list[Markup]:
    half = 15 if place.right - place.left >= NODE_WIDTH else 13
    parts = [
        *(tag("line", x1=place.left, x2=place.right, y1=place.y + y, y2=place.y + y, class_="link") for y in (-LANE, LANE)),
        tag("rect", x=place.middle - half, y=place.y - half, width=2 * half, height=2 * half, rx=7, class_="node"),
    ]
    if suspect is not None:
        parts.append(_hot_box(place.middle, place.y, half, suspect))
    parts.append(_glyph(element, place.middle, place.y))
    return parts


def _hot_box(x: float, y: float, half: float, suspect: Suspect) -> Markup:
    strength = round(0.25 + 0.75 * suspect.probability, 2)
    size = 2 * half + 6
    return tag(
        "rect",
        x=x - half - 3,
        y=y - half - 3,
        width=size,
        height=size,
        rx=9,
        class_="hot-node",
        stroke_opacity=strength,
        fill_opacity=strength / 4,
    )


def _glyph(element: PathElement, x: float, y: float) -> Markup:
    return tag("path", d=_GLYPHS.get(element.kind, _ROUTER), transform=f"translate({x:g} {y:g})", class_="node-mark")


def _pill(x: float, y: float, suspect: Suspect | None, *, said: str = "") -> Markup | None:
    """How strongly, and which way, over the place."""
    if suspect is None:
        return None
    label = " ".join(part for part in (said, arrow_of(suspect), confidence(suspect.probability)) if part)
    width = 12 + 7.6 * text_width(label) / LETTER
    x = max(width / 2 + 2, x)
    return tag(
        "g",
        tag("rect", x=x - width / 2, y=y - 48, width=width, height=22, rx=11, class_="pill"),
        tag("path", d=f"M{x - 5:g} {y - 26.5:g}h10l-5 6z", class_="pill"),
        tag("text", label, x=x, y=y - 32.5, text_anchor="middle", class_="pill-word"),
        class_="weak" if suspect.probability < WEAK else None,
    )


# ---- alternatives --------------------------------------------------------------------------------------------------
def _bundle(speaker: Speaker, bundle: PathElement, place: Place, frame: Layout, suspects: Mapping[Base, Suspect]) -> list[Markup]:
    """Equal-cost alternatives as parallel branches. A suspicion of the whole is drawn around all of them."""
    rows = frame.branches[bundle.base]
    suspect = suspects.get(bundle.base)
    parts: list[object] = [_fork(place, row) for row in rows]
    if suspect is not None:
        parts.append(_outline(place, rows, suspect))
        parts.append(_pill(place.left + FORK + 18, rows[0][0].y, suspect))
    lowest = Place(left=place.left, right=place.right, y=max(row[0].y for row in rows) + 22)
    parts.append(_name(bundle.name, lowest, place.right - place.left))
    drawn = [_group(speaker, bundle, suspect, parts)]
    for branch, row in zip(bundle.branches, rows, strict=True):
        for member, at in zip(branch, row, strict=True):
            own = suspects.get(member.base)
            shape = _link(at, own) if is_link(member) else _node(member, at, own)
            label = _name(_short(member), at, at.right - at.left - 4)
            drawn.append(_group(speaker, member, own, [*shape, _pill(at.middle, at.y, own), label]))
    return drawn


def _fork(whole: Place, row: Sequence[Place]) -> Markup:
    """Both lanes from the line to a branch, and back."""
    first, last = row[0], row[-1]
    curves = []
    for lane in (-LANE, LANE):
        line, branch = whole.y + lane, first.y + lane
        curves.append(_curve(whole.left, line, first.left, branch))
        curves.append(_curve(last.right, branch, whole.right, line))
    return tag("path", d="".join(curves), class_="link")


def _curve(x1: float, y1: float, x2: float, y2: float) -> str:
    """From a place to another, level at both ends."""
    half = (x1 + x2) / 2
    return f"M{x1:g} {y1:g}C{half:g} {y1:g} {half:g} {y2:g} {x2:g} {y2:g}"


def _outline(whole: Place, rows: Sequence[Sequence[Place]], suspect: Suspect) -> Markup:
    top, bottom = min(row[0].y for row in rows) - 24, max(row[0].y for row in rows) + 24
    return tag(
        "rect",
        x=whole.left + 3,
        y=top,
        width=whole.right - whole.left - 6,
        height=bottom - top,
        rx=14,
        class_="hot-node",
        stroke_opacity=round(0.25 + 0.75 * suspect.probability, 2),
        fill_opacity=0.08,
    )


def _sites(speaker: Speaker, path: LinePath, frame: Layout, suspects: Mapping[Base, Suspect]) -> list[Markup]:
    """A suspected building around everything of the line that stands in it."""
    drawn = []
    for site in path.sites:
        suspect = suspects.get(site.base)
        places = [p for e, p in zip(path.elements, frame.elements, strict=True) if e.site == site.base]
        places += [p for h, p in zip(path.hosts, frame.hosts, strict=True) if h.element.site == site.base]
        if suspect is None or not places:
            continue
        left, right = min(p.left for p in places), max(p.right for p in places)
        top, bottom = min(p.y for p in places) - 22, max(p.y for p in places) + 52
        box = tag("rect", x=left + 3, y=top, width=right - left - 6, height=bottom - top, rx=12, class_="hot-site")
        label = _pill((left + right) / 2, top + 22, suspect, said=site.name)
        drawn.append(_group(speaker, site, suspect, [box, label]))
    return drawn


# ---- behind Z ------------------------------------------------------------------------------------------------------
def _host(speaker: Speaker, host: PathHost, place: Place, frame: Layout, suspects: Mapping[Base, Suspect]) -> Markup:
    """A host in a row of its own, its services under its name."""
    half, x = 13, place.left + HOST_FORK + 13
    suspect = suspects.get(host.element.base)
    curves = "".join(_curve(frame.ends[1], frame.line_y + lane, x - half, place.y + lane) for lane in (-LANE, LANE))
    box = tag("rect", x=x - half, y=place.y - half, width=2 * half, height=2 * half, rx=7, class_="node")
    own = _group(
        speaker,
        host.element,
        suspect,
        [
            tag("path", d=curves, class_="link"),
            box,
            _hot_box(x, place.y, half, suspect) if suspect else None,
            _glyph(host.element, x, place.y),
            _beside(host.element, x + half + 9, place.y + 4, suspect, place.right),
        ],
    )
    services = []
    for number, service in enumerate(host.services):
        y, known = place.y + HOST_ROW / 2 + SERVICE_ROW * (number + 0.35), suspects.get(service.base)
        services.append(_group(speaker, service, known, [_beside(service, x + half + 9, y, known, place.right)]))
    return tag("g", own, services)


def _beside(element: PathElement, x: float, y: float, suspect: Suspect | None, right: float) -> Markup:
    """A name beside its box, with the probability as a word."""
    said = confidence(suspect.probability) if suspect else ""
    room = right - x - (LETTER + 1) * len(said)
    kind = "service" if element.kind is ComponentKind.SERVICE else "name"
    return tag(
        "text",
        cut(element.name, room),
        tag("tspan", f"  {said}", class_="said") if said else None,
        x=x,
        y=y,
        class_=kind,
    )


def _short(member: PathElement) -> str:
    """A member of a bundle by what it joins: there is room for no more."""
    return "\u2013".join(member.between) if member.between else member.name


def _name(name: str, place: Place, room: float) -> list[Markup]:
    """The name, in two lines where one is too short for it."""
    down = 34 if place.right - place.left >= NODE_WIDTH else 29
    return [
        tag("text", cut(line, room), x=place.middle, y=place.y + down + 14 * number, text_anchor="middle", class_="name")
        for number, line in enumerate(two_lines(name, room))
    ]
