"""Evidence of several windows as evidence of one.

Goes in: checked `faultline-evidence/1` documents of windows in order. Comes out: one document of the whole time. The same view in
two windows (`analyzer.support.identity`) becomes one observation: counts add, of what cannot be added (medians, what a device
says of itself) the newest stands, and of what is known against a number the worst. A silence that is over is not told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from analyzer.support import identity
from faultline.inference import FAULT_RATES

COUNTS: Mapping[str, tuple[str, str]] = {
    "loss": ("sent", "lost"),
    "mtu": ("sent", "lost"),
    "failure": ("attempts", "failed"),
    "zero_window": ("seconds", "closed_seconds"),
    "silence": ("expected", "missed"),
}
TIMES = frozenset({"delay", "response"})
"""Kinds that are distributions: over a long time they say little of now."""


def added(documents: Sequence[Mapping[str, Any]], *, distributions: bool = True, prior_share: float = 1.0) -> dict[str, Any]:
    """The documents as one.

    Args:
        documents: the oldest first, at least one.
        distributions: whether delays and response times are told.
        prior_share: factor on the fault rates, when several spans are asked.
    """
    newest = documents[-1]
    planned = {str(name): name for document in documents for name in document.get("maintenance") or ()}
    listed = {component["id"]: component for document in documents for component in document["components"]}
    whole: dict[str, Any] = {
        "format": newest["format"],
        "window": {"start": documents[0]["window"]["start"], "end": newest["window"]["end"]},
        "components": list(listed.values()),
        "maintenance": list(planned.values()),
        "observations": [o for o in _observations(documents) if distributions or o["kind"] not in TIMES],
    }
    rates = {kind.value: rate for kind, rate in FAULT_RATES.items()}
    rates |= {kind: rate for kind, rate in (newest.get("fault_rate") or {}).items() if rate is not None}
    whole["fault_rate"] = {kind: rate * prior_share for kind, rate in rates.items()}
    if newest.get("expected_faults"):
        whole["expected_faults"] = newest["expected_faults"] * prior_share
    return whole


def _observations(documents: Sequence[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    found: dict[Hashable, Mapping[str, Any]] = {}
    for document in documents:
        now = _by_view(document["observations"])
        over = [view for view, o in found.items() if o["kind"] == "silence" and view not in now]
        for view in over:
            del found[view]
        for view, observation in now.items():
            found[view] = _joined(found[view], observation) if view in found else observation
    return found.values()


def _by_view(observations: Iterable[Mapping[str, Any]]) -> dict[Hashable, Mapping[str, Any]]:
    """Observations by what looks at what; two of the same in one window, as of two sessions without names, are told apart."""
    seen: Counter[Hashable] = Counter()
    found: dict[Hashable, Mapping[str, Any]] = {}
    for observation in observations:
        view = identity(observation)
        found[(view, seen[view])] = observation
        seen[view] += 1
    return found


def _joined(before: Mapping[str, Any], now: Mapping[str, Any]) -> Mapping[str, Any]:
    counts = {key: before[key] + now[key] for key in COUNTS.get(now["kind"], ())}
    old, new = (observation.get("quality") or {} for observation in (before, now))
    if not counts or not (old or new):
        return {**now, **counts}
    quality = {key: max(old.get(key) or 0, new.get(key) or 0) for key in {*old, *new}}
    if "gap_seconds" in quality:
        quality["gap_seconds"] = (old.get("gap_seconds") or 0) + (new.get("gap_seconds") or 0)
    return {**now, **counts, "quality": quality}
