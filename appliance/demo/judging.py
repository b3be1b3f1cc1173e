"""Whether a verdict is right, by the contract's rule.

Goes in: faults that were injected, entries that blame, the evidence behind them. Comes out: three answers. Pure.

`component`: a true component is among those reported, and no more are reported than the evidence leaves inseparable. `owner`: the
true owner is named; or, where the inseparable class has several owners, the true one holds at least a fifth and the text says
that there are several. `mode`: the true mode. With several faults each holds only if it holds for all; without any, all hold
exactly when nothing is blamed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from appliance.demo.faults import Fault
from faultline.records.terms import ComponentKind, Mode, Owner
from faultline.reports.words import Language, say

_LEAST_SHARE = 0.2
_ROWS_OF = {
    Mode.LOSS: {"loss"},
    Mode.DOWN: {"loss", "failure", "counter", "event"},
    Mode.DELAY: {"delay"},
    Mode.CONGESTION: {"delay", "loss"},
}
_NOT_ON_THE_WAY = {ComponentKind.SERVER, ComponentKind.SERVICE, ComponentKind.PROBE, ComponentKind.SITE, ComponentKind.ROUTE}
"""Kinds that lose and delay no packets in transit."""


@attrs.frozen(slots=True, kw_only=True)
class Correct:
    """The three answers."""

    component: bool
    owner: bool
    mode: bool

    @property
    def everything(self) -> bool:
        """Right in every respect."""
        return self.component and self.owner and self.mode

    def document(self) -> dict[str, bool]:
        """As the contract tells it."""
        return {"component": self.component, "owner": self.owner, "mode": self.mode}


def judge(faults: Sequence[Fault], entries: Sequence[Mapping[str, Any]], evidence: Mapping[str, Any]) -> Correct:
    """Judge the entries that blame against the truth."""
    if not faults:
        healthy = not entries
        return Correct(component=healthy, owner=healthy, mode=healthy)
    matched = [_entry_of(fault, entries) for fault in faults]
    pairs = list(zip(faults, matched, strict=True))
    return Correct(
        component=all(entry is not None and _component_is_right(fault, entry, evidence) for fault, entry in pairs),
        owner=all(entry is not None and _owner_is_right(fault, entry, evidence) for fault, entry in pairs),
        mode=all(entry is not None and entry["mode"] == fault.mode.value for fault, entry in pairs),
    )


def _entry_of(fault: Fault, entries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The entry about this fault: one that names a true component, preferably in the true mode; else the first."""
    naming = [entry for entry in entries if set(entry["components"]) & set(fault.components)]
    in_mode = [entry for entry in naming if entry["mode"] == fault.mode.value]
    return next(iter([*in_mode, *naming, *entries]), None)


def _component_is_right(fault: Fault, entry: Mapping[str, Any], evidence: Mapping[str, Any]) -> bool:
    reported = set(entry["components"])
    largest = max(len(inseparable(component, fault.mode, evidence)) for component in fault.components)
    return bool(reported & set(fault.components)) and len(reported) <= largest


def _owner_is_right(fault: Fault, entry: Mapping[str, Any], evidence: Mapping[str, Any]) -> bool:
    if entry["owner"] == fault.owner.value:
        return True
    owner_of = {str(component["id"]): component.get("owner", Owner.UNKNOWN) for component in evidence.get("components", ())}
    owners = {owner_of.get(c) for component in fault.components for c in inseparable(component, fault.mode, evidence)}
    share = entry.get("owners", {}).get(fault.owner.value, 0.0)
    return len(owners) > 1 and share >= _LEAST_SHARE and _says(entry.get("text", ""), fault.owner)


def _says(text: str, owner: Owner) -> bool:
    words = (owner.value, owner.value.replace("_", " "), say(f"owner.{owner.value}", Language.EN))
    return any(word in text for word in words)


def inseparable(component: str, mode: Mode, evidence: Mapping[str, Any]) -> frozenset[str]:
    """The components that stand in exactly the same observations as this one, itself included."""
    columns: dict[str, set[tuple[int, float]]] = {
        str(entry["id"]): set() for entry in evidence.get("components", ()) if entry.get("kind") not in _NOT_ON_THE_WAY
    }
    columns.setdefault(component, set())
    for number, observation in enumerate(evidence.get("observations", ())):
        if observation["kind"] in _ROWS_OF.get(mode, ()):
            for exposed, weight in _exposed(observation):
                if exposed in columns:
                    columns[exposed].add((number, weight))
    return frozenset(other for other, column in columns.items() if column == columns[component])


def _exposed(observation: Mapping[str, Any]) -> list[tuple[str, float]]:
    found = [(str(component), 1.0) for component in observation.get("via", ())]
    found += [(str(component), float(path["weight"])) for path in observation.get("paths", ()) for component in path["via"]]
    if "component" in observation:
        found.append((str(observation["component"]), 1.0))
    return found
