"""Evidence of two vantages that watched the same flows: what was lost between them.

Goes in: rows of `line_bracket`, whose segments were matched one by one (`faultline.records.bracket`). Comes out: an observation
`loss` with source `bracket` of the slice between the two; none where too much is in doubt, and none where no segment was sent
again: that nothing was lost there, the counts of either vantage say already.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from faultline.inference.observations_rows import Ground, Observation, SeenRow, count, with_quality
from faultline.inference.observations_ways import told
from faultline.records.bracket import Between
from faultline.records.terms import LineCode, VantageId


def bracket_losses(rows: Iterable[SeenRow], ground: Ground) -> Iterator[Observation]:
    """One observation a pair of vantages and direction."""
    for row in rows:
        found = Between(**{field.name: count(row, field.name) or 0 for field in attrs.fields(Between)})
        line = ground.inventory.lines.get(LineCode(row.tags.get("line", "")))
        first, second = row.tags.get("first", ""), row.tags.get("second", "")
        ends = [ground.inventory.vantages.get(VantageId(name)) for name in (first, second)]
        places = [vantage.positions.get(line.code) for vantage in ends if vantage is not None and line is not None]
        if line is None or len(places) < len(ends) or not found.is_usable or not found.sent_again:
            continue
        start, end = places
        crossed = told(ground.ways.between(line, start, end)) if start is not None and end is not None else {}
        if not crossed:
            continue
        observation: Observation = {
            "kind": "loss",
            "source": "bracket",
            "view": f"vantages {first} and {second} {line.code} {row.tags['direction']}",
            **crossed,
            "sent": max(found.sent, found.lost),
            "lost": found.lost,
        }
        yield with_quality(observation, {"capture_loss_ratio": round(found.doubt_ratio, 7)})
