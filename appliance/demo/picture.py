"""The bank's network drawn as text, with its probes, and the suspects of a verdict marked. Pure.

Names in the picture are the ids that `--segment` takes.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from appliance.demo.network import ELEMENTS, SITES, SPANS
from appliance.demo.probing import Probes

_LOOK, _EDGE_LOOK = "◆", "◇"
_WIRE = "─"
_MARK = "~"
_NETWORK = """\
  customer      access                carrier core           access     destination
lan-1 ◆ ce-1 ◆ loop-1 ┐
                      ├◇ pe1 ┬ pe1-p1 ──┬ p1 ─ p1-pe3 ┐          svc-teller ─ srv-1 ──┐
lan-2 ◆ ce-2 ◆ loop-2 ┘      └ pe1-p2 ┐ │             │  svc-web ─ svc-file ─ srv-2 ──┤
                                      │ │             ├ pe3 ◇ loop-dc ◆ fw ◆ dc-lan ─ dc-sw
lan-3 ◆ ce-3 ◆ loop-3 ┐      ┌ pe2-p1 │─┘             │                       dns-1 ──┘
                      ├◇ pe2 ┴ pe2-p2 ┴── p2 ─ p2-pe3 ┘
lan-4 ◆ ce-4 ◆ loop-4 ┘"""
"""Members of the core's spans stand for them. A full diamond: a probe looks here; a hollow one: only with `--probes full`."""
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def draw(probes: Probes, suspects: Collection[str] = ()) -> list[str]:
    """Lines of text: owners, the network, where probes look, and waves under what is suspected (ids without direction)."""
    marked = _shown(suspects)
    rows = []
    for number, row in enumerate(_NETWORK.splitlines()):
        rows.append(row.replace(_EDGE_LOOK, _LOOK if probes is Probes.FULL else _WIRE))
        marks = _marks(row, marked) if number else ""
        if marks:
            # The way down goes on through the row of waves.
            rows.append("".join(_through(mark, above) for mark, above in zip(marks.ljust(len(row)), row, strict=True)).rstrip())
    return [*rows, "", f"{_LOOK} a probe captures here" + (f"; {_MARK * 3} suspected" if suspects else "")]


def _shown(suspects: Collection[str]) -> set[str]:
    """What is drawn of them: of a span its members, of a site what is in it."""
    found = set(suspects)
    for suspect in suspects:
        if suspect in SPANS:
            found |= {member for path in SPANS[suspect].paths for member in path}
        if suspect in SITES:
            found |= {element.id for element in ELEMENTS.values() if element.site == suspect}
    return found


def _marks(row: str, suspects: Collection[str]) -> str:
    marks = list(" " * len(row))
    for name in _NAME.finditer(row):
        if name.group() in suspects:
            marks[name.start() : name.end()] = _MARK * len(name.group())
    return "".join(marks) if _MARK in marks else ""


def _through(mark: str, above: str) -> str:
    return "│" if mark == " " and above in "┐┬├│┌┤" else mark
