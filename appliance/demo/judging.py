"""Whether a verdict is right, by the contract's rule.

Goes in: faults that were injected, entries that blame, the evidence behind them. Comes out: three answers, each with the reason
when it is no. Pure.

`component`: a true component is among those reported, and no more are reported than the evidence leaves inseparable. `owner`: the
true owner is named; or, where the inseparable class has several owners, the true one holds at least a fifth and the text says
that there are several. `mode`: the true mode. With several faults each holds only if it holds for all; without any, or with none
but a path that changed, all hold exactly when nothing is blamed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from appliance.demo.faults import Fault
from appliance.demo.network import SPANS
from faultline.inference.columns import Columns
from faultline.records.incident import base_of
from faultline.records.terms import Owner
from faultline.reports.words import Language, say

_LEAST_SHARE = 0.2


@attrs.frozen(slots=True, kw_only=True)
class Correct:
    """The three answers."""

    component: bool
    owner: bool
    mode: bool
    reasons: tuple[str, ...] = ()
    """Why what is wrong is wrong, a line each."""

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

    @property
    def components(self) -> frozenset[str]:
        """What is reported."""
        return frozenset(str(component) for component in self.entry["components"])

    def true(self, fault: Fault) -> frozenset[str]:
        """The true components, as finely as this evidence knows them.

        Where it knows the core only as a span, the span stands for its members.
        """
        known = {str(component["id"]) for component in self.evidence.get("components", ())}
        found = set(fault.components) & known
        if not found and known:
            marks = {component[-1] for component in fault.components if base_of(component) != component} or {">", "<"}
            spans = [span.id for span in SPANS.values() if any(fault.component in path for path in span.paths)]
            found = {f"{span}{mark}" for span in spans for mark in marks} & known
        return frozenset(found or fault.components)

    def names(self, fault: Fault) -> bool:
        """Whether a true component is among those reported."""
        return bool(self.components & self.true(fault))

    def has_mode(self, fault: Fault) -> bool:
        """Whether the mode is the true one."""
        return bool(self.entry["mode"] == fault.mode.value)

    def inseparable(self, fault: Fault) -> frozenset[str]:
        """What this evidence cannot tell from the fault."""
        return Columns(self.evidence, fault.mode).inseparable(self.true(fault))


def judge(faults: Sequence[Fault], said: Sequence[Said]) -> Correct:
    """Judge what blames against the truth."""
    blamed = [fault for fault in faults if fault.is_to_blame]
    if not blamed:
        healthy = not said
        reasons = tuple(f"blames {_list(one.components)} ({one.entry['mode']}), and nothing is wrong" for one in said)
        return Correct(component=healthy, owner=healthy, mode=healthy, reasons=reasons)
    answers = [_judge_one(fault, _about(fault, said)) for fault in blamed]
    return Correct(
        component=all(answer.component for answer in answers),
        owner=all(answer.owner for answer in answers),
        mode=all(answer.mode for answer in answers),
        reasons=tuple(reason for answer in answers for reason in answer.reasons),
    )


def _about(fault: Fault, said: Sequence[Said]) -> Said | None:
    """What is said about this fault: it names a true component, preferably in the true mode; else the first thing said."""
    naming = [one for one in said if one.names(fault)]
    return next(iter([*(one for one in naming if one.has_mode(fault)), *naming, *said]), None)


def _judge_one(fault: Fault, said: Said | None) -> Correct:
    what = f"{fault.kind} on {fault.component}"
    if said is None:
        return Correct(component=False, owner=False, mode=False, reasons=(f"{what}: nothing is blamed",))
    inseparable = said.inseparable(fault)
    reasons = []
    if not said.names(fault):
        reasons.append(f"{what}: names {_list(said.components)} instead")
    elif len(said.components) > len(inseparable):
        reasons.append(f"{what}: names {_list(said.components)}, where the evidence leaves {_list(inseparable)}")
    component = not reasons
    owner = _owner_is_right(fault, said, inseparable)
    if not owner:
        reasons.append(f"{what}: owner {said.entry['owner']} instead of {fault.owner}")
    mode = said.has_mode(fault)
    if not mode:
        reasons.append(f"{what}: mode {said.entry['mode']} instead of {fault.mode}")
    return Correct(component=component, owner=owner, mode=mode, reasons=tuple(reasons))


def _owner_is_right(fault: Fault, said: Said, inseparable: frozenset[str]) -> bool:
    if said.entry["owner"] == fault.owner.value:
        return True
    owner_of = {str(component["id"]): component.get("owner", Owner.UNKNOWN) for component in said.evidence.get("components", ())}
    owners = {owner_of.get(component) for component in inseparable}
    share = said.entry.get("owners", {}).get(fault.owner.value, 0.0)
    return len(owners) > 1 and share >= _LEAST_SHARE and _says(said.entry.get("text", ""), fault.owner)


def _says(text: str, owner: Owner) -> bool:
    words = (owner.value, owner.value.replace("_", " "), say(f"owner.{owner.value}", Language.EN))
    return any(word in text for word in words)


def _list(components: frozenset[str]) -> str:
    return ", ".join(sorted(components))
