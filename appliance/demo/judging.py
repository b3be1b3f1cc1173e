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
    Mode.DELAY: {"delay", "response"},
    Mode.CONGESTION: {"delay", "response", "loss"},
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


@attrs.frozen(slots=True, kw_only=True)
class Said:
    """An entry of a verdict with the evidence it was made from."""

    entry: Mapping[str, Any]
    evidence: Mapping[str, Any]

    def names(self, fault: Fault) -> bool:
        """Whether a true component is among those reported."""
        return bool(set(self.entry["components"]) & set(fault.components))

    def has_mode(self, fault: Fault) -> bool:
        """Whether the mode is the true one."""
        return bool(self.entry["mode"] == fault.mode.value)

    def inseparable(self, fault: Fault) -> frozenset[str]:
        """The largest class of a true component that this evidence leaves inseparable."""
        classes = [inseparable(component, fault.mode, self.evidence) for component in fault.components]
        return max(classes, key=len)


def judge(faults: Sequence[Fault], said: Sequence[Said]) -> Correct:
    """Judge what blames against the truth."""
    if not faults:
        healthy = not said
        return Correct(component=healthy, owner=healthy, mode=healthy)
    pairs = [(fault, _about(fault, said)) for fault in faults]
    return Correct(
        component=all(one is not None and _component_is_right(fault, one) for fault, one in pairs),
        owner=all(one is not None and _owner_is_right(fault, one) for fault, one in pairs),
        mode=all(one is not None and one.has_mode(fault) for fault, one in pairs),
    )


def _about(fault: Fault, said: Sequence[Said]) -> Said | None:
    """What is said about this fault: it names a true component, preferably in the true mode; else the first thing said."""
    naming = [one for one in said if one.names(fault)]
    return next(iter([*(one for one in naming if one.has_mode(fault)), *naming, *said]), None)


def _component_is_right(fault: Fault, said: Said) -> bool:
    return said.names(fault) and len(set(said.entry["components"])) <= len(said.inseparable(fault))


def _owner_is_right(fault: Fault, said: Said) -> bool:
    if said.entry["owner"] == fault.owner.value:
        return True
    owner_of = {str(component["id"]): component.get("owner", Owner.UNKNOWN) for component in said.evidence.get("components", ())}
    owners = {owner_of.get(component) for component in said.inseparable(fault)}
    share = said.entry.get("owners", {}).get(fault.owner.value, 0.0)
    return len(owners) > 1 and share >= _LEAST_SHARE and _says(said.entry.get("text", ""), fault.owner)


def _says(text: str, owner: Owner) -> bool:
    words = (owner.value, owner.value.replace("_", " "), say(f"owner.{owner.value}", Language.EN))
    return any(word in text for word in words)


def inseparable(component: str, mode: Mode, evidence: Mapping[str, Any]) -> frozenset[str]:
    """The components that stand in exactly the same observations as this one, itself included; alone when it stands in none."""
    columns: dict[str, set[tuple[int, float]]] = {
        str(entry["id"]): set() for entry in evidence.get("components", ()) if entry.get("kind") not in _NOT_ON_THE_WAY
    }
    columns.setdefault(component, set())
    for number, observation in enumerate(evidence.get("observations", ())):
        if observation["kind"] in _ROWS_OF.get(mode, ()):
            for exposed, weight in _exposed(observation):
                if exposed in columns:
                    columns[exposed].add((number, weight))
    mine = columns[component]
    return frozenset(other for other, column in columns.items() if column == mine) if mine else frozenset({component})


def _exposed(observation: Mapping[str, Any]) -> list[tuple[str, float]]:
    found = [(str(component), 1.0) for component in observation.get("via", ())]
    found += [(str(component), float(path["weight"])) for path in observation.get("paths", ()) for component in path["via"]]
    if "component" in observation:
        found.append((str(observation["component"]), 1.0))
    return found
