"""Whether an answer is right, and what many answers are worth.

Goes in: a scenario, what a method blames. Comes out: `Marks` of one run; of many runs precision, recall, F, and intervals by
resampling runs. Pure.

A blamed group is right when a true component is in it and it is no larger than what the evidence leaves inseparable from that
component. Owner: who is told of the first group, in scenarios of one fault whose inseparable components have one owner; where
they have several, naming none of them but telling the true one among its candidates is the right answer (`ambiguous`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from appliance.simnet.proving.families import Scenario
from appliance.simnet.proving.view import View

FLOOR_NATS = 3.0
"""A fault is above its floor when what was drawn holds the logarithm of the number of classes and so much more for it."""
RESAMPLES = 1000
INTERVAL = (2.5, 97.5)
LEAST_SHARE = 0.2
UNKNOWN = "unknown"
SET_MASS = 0.95
BINS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)


@attrs.frozen(slots=True, kw_only=True)
class Group:
    """One thing that is blamed."""

    components: frozenset[str]
    owner: str
    owners: Mapping[str, float]
    """Shares, where the answer has them."""
    sure: float | None = None
    candidates: tuple[tuple[str, float], ...] = ()
    """With their probabilities, likeliest first."""


@attrs.frozen(slots=True, kw_only=True)
class Marks:
    """Of one run."""

    blamed: int
    right: int
    """Blamed groups that are right."""
    faults: int
    found: int
    visible: int
    """Faults above their floor."""
    visible_found: int
    first: bool | None = None
    """The first group is right; None where nothing was to be found."""
    owner: bool | None = None
    """The true owner was told; None where several faults are, or the owners are inseparable."""
    ambiguous: bool | None = None
    """The owners are inseparable, and it was said so."""
    sure: tuple[tuple[float, bool], ...] = ()
    """Of each group its stated confidence and whether it is right."""
    sets: tuple[tuple[float, bool], ...] = ()
    """Of each group the mass of its smallest set of candidates that holds 95 %, and whether a true component is in it."""


def groups_of_classes(view: View, classes: Sequence[int], owner_of: Mapping[str, str]) -> list[Group]:
    """What a method of classes blames."""
    found = []
    for number in classes:
        members = frozenset(view.classes[number])
        owners = {owner_of[c] for c in members}
        share = {owner: 1 / len(owners) for owner in owners}
        found.append(Group(components=members, owner=next(iter(owners)) if len(owners) == 1 else UNKNOWN, owners=share))
    return found


def groups_of_verdict(verdict: Mapping[str, Any], *, named: bool = False) -> list[Group]:
    """What a verdict blames; or what it names as likelier than not, which is what methods that only choose do."""
    return [
        Group(
            components=frozenset(str(c) for c in entry["components"]),
            owner=entry["owner"],
            owners=entry["owners"],
            sure=entry["confidence"],
            candidates=tuple((str(c["id"]), float(c["probability"])) for c in entry["candidates"]),
        )
        for entry in (verdict["named"] if named else verdict["verdicts"])
        if named or entry["blames"]
    ]


def owners_of(evidence: Mapping[str, Any]) -> dict[str, str]:
    """Owner by component."""
    return {str(c["id"]): str(c["owner"]) for c in evidence["components"]}


def mark(scenario: Scenario, view: View, groups: Sequence[Group]) -> Marks:
    """Hold an answer against the truth."""
    alike = {component: frozenset(members) for members in view.classes for component in members}
    inseparable = {fault.component: alike.get(fault.component, frozenset({fault.component})) for fault in scenario.faults}
    right = [any(_names(group, c, inseparable[c]) for c in inseparable) for group in groups]
    found = [any(_names(group, c, members) for group in groups) for c, members in inseparable.items()]
    floor = math.log(max(1, len(view.classes))) + FLOOR_NATS
    visible = [fault.nats >= floor for fault in scenario.faults]
    return Marks(
        blamed=len(groups),
        right=sum(right),
        faults=len(found),
        found=sum(found),
        visible=sum(visible),
        visible_found=sum(seen and was for seen, was in zip(visible, found, strict=True)),
        first=(bool(right) and right[0]) if found else None,
        **_owner(scenario, groups, inseparable),
        sure=tuple((g.sure, r) for g, r in zip(groups, right, strict=True) if g.sure is not None),
        sets=tuple(_smallest_set(g, frozenset(inseparable)) for g in groups if g.candidates),
    )


def _smallest_set(group: Group, true: frozenset[str]) -> tuple[float, bool]:
    """Its stated mass, and whether it holds a true component."""
    mass, inside = 0.0, False
    for component, probability in group.candidates:
        mass += probability
        inside |= component in true
        if mass >= SET_MASS:
            break
    return min(1.0, mass), inside


def _names(group: Group, component: str, inseparable: frozenset[str]) -> bool:
    return component in group.components and len(group.components) <= len(inseparable)


def _owner(scenario: Scenario, groups: Sequence[Group], inseparable: Mapping[str, frozenset[str]]) -> dict[str, bool]:
    if len(scenario.faults) != 1:
        return {}
    (fault,) = scenario.faults
    owner_of = owners_of(scenario.evidence)
    first = groups[0] if groups else None
    if len({owner_of[c] for c in inseparable[fault.component]}) == 1:
        return {"owner": first is not None and first.owner == fault.owner}
    told = first is not None and first.owner in {UNKNOWN, fault.owner}
    return {"ambiguous": bool(told and first is not None and first.owners.get(fault.owner, 0.0) >= LEAST_SHARE)}


# ---- many runs ---------------------------------------------------------------------------------------------------
@attrs.frozen(slots=True, kw_only=True)
class Worth:
    """Of many runs."""

    precision: float
    recall: float
    f: float


def worth(marks: Sequence[Marks]) -> Worth:
    """Counts of all runs together; who blames nothing is not wrong, and finds nothing."""
    counts = np.array([(m.blamed, m.right, m.faults, m.found) for m in marks], dtype=float).reshape(-1, 4)
    precision, recall, f = _rates(counts.sum(axis=0)[None, :])
    return Worth(precision=float(precision[0]), recall=float(recall[0]), f=float(f[0]))


def _rates(sums: Any) -> tuple[Any, Any, Any]:
    blamed, right, faults, found = sums.T
    precision = np.where(blamed > 0, right / np.maximum(1, blamed), 1.0)
    recall = np.where(faults > 0, found / np.maximum(1, faults), 1.0)
    both = precision + recall
    return precision, recall, np.where(both > 0, 2 * precision * recall / np.maximum(1e-12, both), 0.0)


def f_interval(marks: Sequence[Marks], *, seed: int = 1) -> tuple[float, float]:
    """Of F, 95 %."""
    return _interval(_resampled(marks, seed))


def difference(ours: Sequence[Marks], others: Sequence[Marks], *, seed: int = 1) -> tuple[float, float, float]:
    """F of the one less that of the other on the same scenarios: the difference and its 95 % interval."""
    low, high = _interval(_resampled(ours, seed) - _resampled(others, seed))
    return worth(ours).f - worth(others).f, low, high


def _resampled(marks: Sequence[Marks], seed: int) -> Any:
    counts = np.array([(m.blamed, m.right, m.faults, m.found) for m in marks], dtype=float).reshape(-1, 4)
    drawn = np.random.default_rng(seed).integers(len(counts), size=(RESAMPLES, len(counts)))
    return _rates(counts[drawn].sum(axis=1))[2]


def _interval(values: Any) -> tuple[float, float]:
    low, high = np.percentile(values, INTERVAL)
    return float(low), float(high)


def share(answers: Sequence[bool | None]) -> tuple[float, int] | None:
    """Share of yes among those that were asked, and how many they are; None where none was."""
    asked = [answer for answer in answers if answer is not None]
    return (sum(asked) / len(asked), len(asked)) if asked else None


@attrs.frozen(slots=True, kw_only=True)
class Bin:
    """Answers of about the same stated confidence."""

    low: float
    high: float
    answers: int
    stated: float
    """Mean."""
    right: float
    """Share."""


def reliability(marks: Sequence[Marks]) -> tuple[list[Bin], float]:
    """Stated confidence against how often it was right, and the expected calibration error."""
    pairs = [pair for m in marks for pair in m.sure]
    found = []
    for low, high in itertools.pairwise(BINS):
        inside = [(s, r) for s, r in pairs if low <= s < high or (high == 1.0 and s >= low)]
        if inside:
            stated, right = (sum(pair[k] for pair in inside) / len(inside) for k in (0, 1))
            found.append(Bin(low=low, high=high, answers=len(inside), stated=stated, right=right))
    total = sum(b.answers for b in found)
    return found, sum(b.answers * abs(b.stated - b.right) for b in found) / total if total else 0.0
