"""The demo line drawn as text, with its probes, and the suspects of a verdict marked. Pure."""

from __future__ import annotations

from collections.abc import Collection

from appliance.demo.line import ELEMENTS, PATH, Probes, looks
from faultline.records.terms import ComponentKind

_SHORT = {"branch-lan": "LAN", "loop-a": "loop A", "core": "core", "loop-z": "loop Z", "dc-lan": "LAN"}
_NODES = {"ce": "CE", "pe1": "PE1", "pe2": "PE2", "fw": "FW", "server": "server"}
_OWNERS = {"customer": "customer", "access": "access", "carrier_core": "carrier core", "destination": "destination"}
_WIRE = "─"


def draw(probes: Probes, suspects: Collection[str] = ()) -> list[str]:
    """Lines of text: owners, the path, where probes look, and arrows under what is suspected (ids without direction)."""
    path = "host"
    centre: dict[str, int] = {}
    boundary: dict[str, int] = {}
    span: dict[str, tuple[int, int]] = {}
    for element in PATH:
        start = len(path)
        if element.kind is ComponentKind.SEGMENT:
            path += f" {_WIRE * 2} {_SHORT[element.id]} {_WIRE * 2} "
        else:
            path += _NODES[element.id]
        span[element.id] = (start, len(path))
        centre[element.id] = (start + len(path) - 1) // 2
        # A look between a segment and a box stands on the wire, close to the box.
        boundary[element.id] = len(path) - 2 if element.kind is ComponentKind.SEGMENT else len(path) + 1
    rows = [_owners(span, len(path)), path, _looks(probes, boundary, len(path)), *_probe_names(probes, boundary, len(path))]
    if suspects:
        rows.insert(2, _marks(suspects, span, len(path)))
    return [row.rstrip() for row in rows]


def _owners(span: dict[str, tuple[int, int]], width: int) -> str:
    row = list(" " * width)
    groups: list[tuple[str, int, int]] = []
    for element in PATH:
        start, end = span[element.id]
        if groups and groups[-1][0] == element.owner.value:
            groups[-1] = (groups[-1][0], groups[-1][1], end)
        else:
            groups.append((element.owner.value, start, end))
    for owner, start, end in groups:
        _write(row, _OWNERS[owner], (start + end - len(_OWNERS[owner])) // 2)
    return "".join(row)


def _looks(probes: Probes, boundary: dict[str, int], width: int) -> str:
    row = list(" " * width)
    for look in looks(probes):
        row[boundary[look.after]] = "▲"
    return "".join(row)


def _probe_names(probes: Probes, boundary: dict[str, int], width: int) -> list[str]:
    """The probe that captures there; a probe with two looks is written between them."""
    row = list(" " * (width + 8))
    places: dict[str, list[int]] = {}
    for look in looks(probes):
        places.setdefault(look.probe, []).append(boundary[look.after])
    for probe, columns in places.items():
        text = f"probe {probe}"
        _write(row, text, (columns[0] + columns[-1] - len(text) + 1) // 2)
    return ["".join(row)]


def _marks(suspects: Collection[str], span: dict[str, tuple[int, int]], width: int) -> str:
    row = list(" " * width)
    for suspect in suspects:
        if suspect in ELEMENTS:
            start, end = span[suspect]
            for column in range(start, end):
                row[column] = "~"
    return "".join(row)


def _write(row: list[str], text: str, start: int) -> None:
    start = max(0, min(start, len(row) - len(text)))
    row[start : start + len(text)] = text
