"""The localiser as one of the methods, with one setting; and with parts of it taken away.

Goes in: evidence. Comes out: what is blamed, as groups of components, with owners. Parts are taken away of the evidence or of the
compiled problem; the localiser itself is not changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from faultline.inference.document import read
from faultline.inference.faults import ONE_EXTENT, Grid
from faultline.inference.locate import problem_of, solver_for
from faultline.inference.problem import Problem
from faultline.inference.search import Explanation, explain
from faultline.inference.verdict import verdict
from faultline.records.terms import Mode

Evidence = Mapping[str, Any]


def ours(evidence: Evidence, *, changed: Callable[[Problem], Problem] | None = None) -> dict[str, Any]:
    """The verdict, and under `named` the likeliest explanation; `changed`: what is done to the problem before it is solved."""
    problem = problem_of(read(evidence))
    if changed is not None:
        problem = changed(problem)
    explanation = explain(problem, solver_for(problem))
    return verdict(problem, explanation, healthy_floor=False) | {"named": _named(problem, explanation)}


def _named(problem: Problem, explanation: Explanation) -> list[dict[str, Any]]:
    """What is likelier at fault than not, sure enough to be told or not: the choice of methods that only choose."""
    found = []
    for block in explanation.blocks:
        groups = block.hypothesis.groups if block.certain else ()
        if groups and block.hypothesis.mode in ONE_EXTENT:
            groups = (tuple(c for group in groups for c in group),)
        for members in groups:
            share: dict[int, float] = defaultdict(float)
            for hypothesis, probability in block.alternatives:
                for c in hypothesis.members:
                    share[c] += probability * hypothesis.shares[c] * len(hypothesis.groups)
            candidates = sorted(share.items(), key=lambda item: -item[1])
            owners = {problem.components[c].owner.value for c in members}
            found.append(
                {
                    "components": [problem.components[c].id for c in members],
                    "owner": next(iter(owners)) if len(owners) == 1 else "unknown",
                    "owners": dict.fromkeys(owners, 1 / len(owners)),
                    "confidence": min(1.0, sum(share[c] for c in members)),
                    "candidates": [{"id": problem.components[c].id, "probability": min(1.0, p)} for c, p in candidates],
                }
            )
    return sorted(found, key=lambda entry: -float(entry["confidence"]))


def one_severity(problem: Problem) -> Problem:
    """Without integration over how bad it is: every loss is one of half a per cent."""
    single = Grid(values=(0.005,), log_weights=(0.0,), refinable=False)
    return attrs.evolve(problem, grids={**problem.grids, Mode.LOSS: single})


def without_history(evidence: Evidence) -> Evidence:
    """Without what each path usually loses."""
    return {**evidence, "observations": [{k: v for k, v in o.items() if k != "background"} for o in evidence["observations"]]}


def as_a_watch(evidence: Evidence) -> Evidence:
    """With the rates of real life in the place of the knowledge that something is wrong."""
    return {key: value for key, value in evidence.items() if key != "expected_faults"}


@attrs.frozen(slots=True, kw_only=True)
class Own:
    """Our localiser, or what is left of it, as one of the methods."""

    verdict: Callable[[Evidence], dict[str, Any]]
    named: bool = False
    """What is likelier than not is taken for blamed."""


def _no_history(evidence: Evidence) -> dict[str, Any]:
    return ours(without_history(evidence))


def _one_severity(evidence: Evidence) -> dict[str, Any]:
    return ours(evidence, changed=one_severity)


def _as_a_watch(evidence: Evidence) -> dict[str, Any]:
    return ours(as_a_watch(evidence))


OWN: Mapping[str, Own] = {
    "ours": Own(verdict=ours),
    "ours, named": Own(verdict=ours, named=True),
    "ours, no history": Own(verdict=_no_history),
    "ours, one severity": Own(verdict=_one_severity),
    "ours, as a watch": Own(verdict=_as_a_watch),
}
