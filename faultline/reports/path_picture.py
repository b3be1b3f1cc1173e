"""A line from A to Z as inline SVG: elements, owners, probes, and the suspect, marked by weight and words beside colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from faultline.records.incident import Base, base_of
from faultline.records.terms import ComponentKind
from faultline.reports.markup import Markup, tag
from faultline.reports.material import PathElement, PathVantage, Suspect
from faultline.reports.numbers import confidence
from faultline.reports.sentences import Speaker

HEIGHT = 198
LINE_Y = 66
BAND = 64
"""From the line down to the owners' bands, below two lines of a name."""
MARGIN = 34
SEGMENT_WIDTH, NODE_WIDTH = 118, 94
NAME_LIMIT = {SEGMENT_WIDTH: 17, NODE_WIDTH: 13}
"""Characters of a line that fit below an element of that width, with a distance to its neighbour's."""
WEAK = 0.2
"""Suspects below this are outlined, not filled."""
LINKS = frozenset({ComponentKind.SEGMENT, ComponentKind.LINK, ComponentKind.ROUTE})


def suspects_of(entries: Sequence[Mapping[str, object]]) -> dict[Base, Suspect]:
    """Suspicion an element, from the candidates of verdict entries.

    Reported components without candidates carry the entry's confidence.
    """
    found: dict[Base, Suspect] = {}
    for entry in entries:
        candidates = {str(c["id"]): float(c["probability"]) for c in entry.get("candidates", ())}  # type: ignore[attr-defined]
        for component in entry["components"]:  # type: ignore[attr-defined]
            candidates.setdefault(str(component), float(entry["confidence"]))  # type: ignore[arg-type]
        for component, probability in candidates.items():
            _add(found, component, probability)
    return found


def _add(found: dict[Base, Suspect], component: str, probability: float) -> None:
    base = base_of(component)
    before = found.get(base)
    found[base] = Suspect(
        base=base,
        probability=max(probability, before.probability if before else 0.0),
        a_to_z=component.endswith(">") or bool(before and before.a_to_z),
        z_to_a=component.endswith("<") or bool(before and before.z_to_a),
    )


def path_svg(
    speaker: Speaker,
    elements: Sequence[PathElement],
    *,
    vantages: Sequence[PathVantage] = (),
    suspects: Mapping[Base, Suspect] | None = None,
) -> Markup:
    """The picture; its width follows the number of elements, its height does not."""
    suspects = suspects or {}
    lefts, width = _layout(elements)
    return tag(
        "svg",
        tag("title", speaker.word("report.path")),
        _owner_bands(speaker, elements, lefts),
        [_element(speaker, e, left, suspects.get(e.base)) for e, left in zip(elements, lefts, strict=False)],
        _vantages(speaker, vantages, elements, lefts),
        tag("text", "A", x=MARGIN / 2, y=LINE_Y + 5, text_anchor="middle", class_="end"),
        tag("text", "Z", x=width - MARGIN / 2, y=LINE_Y + 5, text_anchor="middle", class_="end"),
        class_="path",
        viewBox=f"0 0 {width} {HEIGHT}",
        width=width,
        height=HEIGHT,
        role="img",
        aria_label=speaker.word("report.path"),
    )


def _is_link(element: PathElement) -> bool:
    return element.kind in LINKS


def _layout(elements: Sequence[PathElement]) -> tuple[list[float], float]:
    """Left edge of each element and of the end, and the picture's width."""
    lefts: list[float] = []
    at: float = MARGIN
    for element in elements:
        lefts.append(at)
        at += SEGMENT_WIDTH if _is_link(element) else NODE_WIDTH
    return [*lefts, at], at + MARGIN


def _width(element: PathElement) -> int:
    return SEGMENT_WIDTH if _is_link(element) else NODE_WIDTH


def _element(speaker: Speaker, element: PathElement, left: float, suspect: Suspect | None) -> Markup:
    middle = left + _width(element) / 2
    parts = [_link(left, _width(element)) if _is_link(element) else _node(left, middle)]
    if suspect is not None:
        parts.append(_suspicion(element, left, suspect))
    parts += _name(element, middle)
    shown = suspect.probability if suspect else 0.0
    full = f"{element.name}: {speaker.owner(element.owner.value)}"
    return tag(
        "g",
        tag("title", full if suspect is None else f"{full}, {speaker.word('suspect')} {confidence(shown)}"),
        parts,
        class_="element suspect" if suspect else "element",
        data_component=element.base,
        data_element_owner=element.owner.value,
        data_probability=f"{shown:.3f}" if suspect else None,
    )


def _link(left: float, width: int) -> Markup:
    return tag("line", x1=left, x2=left + width, y1=LINE_Y, y2=LINE_Y, class_="link")


def _node(left: float, middle: float) -> Markup:
    return tag(
        "g",
        tag("line", x1=left, x2=left + NODE_WIDTH, y1=LINE_Y, y2=LINE_Y, class_="link"),
        tag("rect", x=middle - 15, y=LINE_Y - 15, width=30, height=30, rx=7, class_="node"),
        tag("path", d=f"M{middle - 7} {LINE_Y}h14m-4 -4l4 4l-4 4", class_="node-mark"),
    )


def _suspicion(element: PathElement, left: float, suspect: Suspect) -> Markup:
    """Weight by probability: opacity and width; the pill above names it."""
    middle = left + _width(element) / 2
    strength = round(0.25 + 0.75 * suspect.probability, 2)
    if _is_link(element):
        thick = 6 + 10 * suspect.probability
        shape = tag(
            "line",
            x1=left + 3,
            x2=left + _width(element) - 3,
            y1=LINE_Y,
            y2=LINE_Y,
            class_="hot",
            stroke_width=thick,
            stroke_opacity=strength,
        )
    else:
        shape = tag(
            "rect",
            x=middle - 18,
            y=LINE_Y - 18,
            width=36,
            height=36,
            rx=9,
            class_="hot-node",
            stroke_opacity=strength,
            fill_opacity=strength / 4,
        )
    return tag("g", shape, _arrows(middle, suspect) if _is_link(element) else None, _pill(middle, suspect.probability))


def _arrows(middle: float, suspect: Suspect) -> list[Markup]:
    """White arrow heads on the suspect segment: which direction."""
    marks = []
    if suspect.a_to_z:
        marks += [
            tag("path", d=f"M{middle + x} {LINE_Y - 4}l5 4l-5 4", class_="arrow")
            for x in ((8, 18) if suspect.z_to_a else (-8, 2))
        ]
    if suspect.z_to_a:
        marks += [
            tag("path", d=f"M{middle - x} {LINE_Y - 4}l-5 4l5 4", class_="arrow")
            for x in ((8, 18) if suspect.a_to_z else (-8, 2))
        ]
    return marks


def _pill(middle: float, probability: float) -> Markup:
    label = confidence(probability)
    width = 12 + 7.6 * len(label)
    return tag(
        "g",
        tag("rect", x=middle - width / 2, y=LINE_Y - 48, width=width, height=22, rx=11, class_="pill"),
        tag("path", d=f"M{middle - 5} {LINE_Y - 26.5}h10l-5 6z", class_="pill"),
        tag("text", label, x=middle, y=LINE_Y - 32.5, text_anchor="middle", class_="pill-word"),
        class_="weak" if probability < WEAK else None,
    )


def _owner_bands(speaker: Speaker, elements: Sequence[PathElement], lefts: Sequence[float]) -> Markup:
    """One band below each run of elements of one owner."""
    bands = []
    for owner, run in groupby(enumerate(elements), key=lambda pair: pair[1].owner):
        numbers = [number for number, _ in run]
        left, right = lefts[numbers[0]], lefts[numbers[-1] + 1]
        bands.append(
            tag(
                "g",
                tag(
                    "rect",
                    x=left + 2,
                    y=LINE_Y + BAND,
                    width=right - left - 4,
                    height=5,
                    rx=2.5,
                    class_=f"band owner-{owner.value}",
                ),
                tag(
                    "text",
                    _fit(speaker.owner(owner.value), right - left),
                    x=(left + right) / 2,
                    y=LINE_Y + BAND + 22,
                    text_anchor="middle",
                    class_="owner",
                ),
            ),
        )
    return tag("g", bands)


def _vantages(
    speaker: Speaker, vantages: Sequence[PathVantage], elements: Sequence[PathElement], lefts: Sequence[float]
) -> Markup:
    marks = []
    for vantage in vantages:
        x = _x_of(vantage.position, elements, lefts)
        label = f"{speaker.word('probe')} {vantage.name}"
        marks.append(
            tag(
                "g",
                tag("title", label),
                tag("line", x1=x, x2=x, y1=LINE_Y + BAND + 31, y2=LINE_Y + BAND + 39, class_="probe-stem"),
                tag("path", d=f"M{x} {LINE_Y + BAND + 30}l6 9h-12z", class_="probe silent" if vantage.silent else "probe"),
                tag(
                    "text",
                    _cut(vantage.name, NAME_LIMIT[NODE_WIDTH]),
                    x=x,
                    y=LINE_Y + BAND + 54,
                    text_anchor="middle",
                    class_="probe-name",
                ),
                data_vantage=vantage.name,
            ),
        )
    return tag("g", marks)


def _x_of(position: float, elements: Sequence[PathElement], lefts: Sequence[float]) -> float:
    number = max(0, min(len(elements) - 1, int(position + 0.5)))
    share = min(1.0, max(0.0, position + 0.5 - number))
    return lefts[number] + _width(elements[number]) * share if elements else MARGIN


def _name(element: PathElement, middle: float) -> list[Markup]:
    """The name, in two lines where one is too short for it."""
    limit = NAME_LIMIT[_width(element)]
    return [
        tag("text", _cut(line, limit), x=middle, y=LINE_Y + 34 + 14 * number, text_anchor="middle", class_="name")
        for number, line in enumerate(_lines(element.name, limit))
    ]


def _cut(name: str, limit: int) -> str:
    return name if len(name) <= limit else name[: limit - 1] + "…"


def _lines(name: str, limit: int) -> list[str]:
    """At most two, broken at the space nearest to the middle."""
    spaces = [at for at, letter in enumerate(name) if letter == " "]
    if len(name) <= limit or not spaces:
        return [name]
    at = min(spaces, key=lambda space: abs(space - len(name) / 2))
    return [name[:at], name[at + 1 :]]


def _fit(name: str, width: float) -> str:
    room = int(width / 6.2)
    return name if len(name) <= room else name[: max(1, room - 1)] + "…"
