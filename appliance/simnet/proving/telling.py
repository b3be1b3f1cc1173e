"""What is told of what was measured: the evidence document, with the errors of those who tell it.

Goes in: flows, counts, how wrong the knowledge of ways and labels is. Comes out: `faultline-evidence/1`. A stale row names a way
that its packets no longer take; a wrong label stands for another segment in every row; of a starved probe nothing comes at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from appliance.simnet.proving.drawing import Array
from appliance.simnet.proving.measuring import Flow
from appliance.simnet.proving.network import Network, Way
from faultline.records.terms import ComponentKind

FORMAT = "faultline-evidence/1"
WINDOW = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:01:00Z"}
HISTORY = 240.0
"""Windows in order that a path's usual loss was learned from: four hours."""
DOUBT_LOST = 0.5
"""Packets that a path without any loss in its history is taken to have lost."""
MOST_TOLD_WAYS = 4
"""Of one flow whose way nobody traced so many ways are told."""


@attrs.frozen(slots=True, kw_only=True)
class Errors:
    """How wrong knowledge is; shares of rows, segments and probes."""

    stale: float = 0.0
    """Rows told with another of their ways, or with a neighbour's."""
    labels: float = 0.0
    """Segments that stand under another's name."""
    probes: float = 0.0
    """Vantages of which nothing comes."""
    rows: float = 0.0
    """Rows that are missing."""
    untraced: bool = False
    """Of flows with several equal ways it is not known which they take."""


EXACT = Errors()


@attrs.frozen(slots=True, kw_only=True)
class Row:
    """A flow as it is told."""

    flow: Flow
    ways: tuple[Way, ...]
    lost: float
    usual: float | None
    """Share that was usually lost, from history."""


def rows_of(
    network: Network, flows: Sequence[Flow], rng: np.random.Generator, *, lost: Array, before: Array | None, errors: Errors
) -> list[Row]:
    """Rows with their errors; `before`: lost in the windows of the history."""
    labels = _labels(network, errors.labels, rng)
    silent = _silent(flows, errors.probes, rng)
    stale, missing = rng.random(len(flows)) < errors.stale, rng.random(len(flows)) < errors.rows
    found = []
    for number, flow in enumerate(flows):
        if missing[number] or flow.start in silent or flow.end in silent:
            continue
        ways: tuple[Way, ...] = (flow.way,)
        if errors.untraced and len(flow.ways) > 1:
            ways = flow.ways[:MOST_TOLD_WAYS] if flow.taken < MOST_TOLD_WAYS else (*flow.ways[: MOST_TOLD_WAYS - 1], flow.way)
        if stale[number]:
            ways = (_another(flow, flows, rng),)
        usual = None
        if before is not None:
            usual = (float(before[number]) + DOUBT_LOST) / (flow.sent * HISTORY)
        told = tuple(tuple(int(labels[c]) for c in way) for way in ways)
        found.append(Row(flow=flow, ways=told, lost=float(lost[number]), usual=usual))
    return found


def _labels(network: Network, share: float, rng: np.random.Generator) -> Any:
    """Names by component: some segments have exchanged theirs, each direction with the same of the other."""
    labels = np.arange(len(network.parts))
    heads = [n for n in network.links if network.parts[n].id.endswith(">")]
    number = 2 * round(share * len(heads) / 2)
    chosen = rng.permutation(heads)[:number]
    for one, other in zip(chosen[0::2], chosen[1::2], strict=True):
        pairs = ((int(one), int(other)), (network.parts[one].reverse, network.parts[other].reverse))
        for a, b in pairs:
            if a is not None and b is not None:
                labels[a], labels[b] = b, a
    return labels


def _silent(flows: Sequence[Flow], share: float, rng: np.random.Generator) -> frozenset[str]:
    places = sorted({flow.start for flow in flows})
    return frozenset(rng.permutation(places)[: round(share * len(places))].tolist()) if share else frozenset()


def _another(flow: Flow, flows: Sequence[Flow], rng: np.random.Generator) -> Way:
    """A way of the same ends, or where there is but one, what another flow from the same place takes."""
    others = [way for number, way in enumerate(flow.ways) if number != flow.taken]
    if not others:
        others = [other.way for other in flows if other.start == flow.start and other.end != flow.end]
    return others[int(rng.integers(len(others)))] if others else flow.way


def document(network: Network, rows: Sequence[Row], *, expected_faults: float | None) -> dict[str, Any]:
    """The evidence."""
    names = [part.id for part in network.parts]
    return {
        "format": FORMAT,
        "window": WINDOW,
        **({} if expected_faults is None else {"expected_faults": expected_faults}),
        "components": [_component(network, number) for number in range(len(network.parts))],
        "observations": [_observation(row, names) for row in rows],
    }


def _component(network: Network, number: int) -> dict[str, Any]:
    part = network.parts[number]
    told: dict[str, Any] = {"id": part.id, "kind": part.kind.value, "owner": part.owner.value}
    if part.kind is not ComponentKind.DEVICE and part.reverse is not None:
        told["reverse"] = network.parts[part.reverse].id
    return told


def _observation(row: Row, names: Sequence[str]) -> Mapping[str, Any]:
    told: dict[str, Any] = {"kind": "loss", "source": "active", "sent": row.flow.sent, "lost": int(row.lost)}
    if len(row.ways) == 1:
        told["via"] = [names[c] for c in row.ways[0]]
    else:
        share = 1 / len(row.ways)
        told["paths"] = [{"via": [names[c] for c in way], "weight": share} for way in row.ways]
    if row.usual is not None:
        told["background"] = float(f"{row.usual:.3g}")
    return told
