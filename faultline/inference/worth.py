"""What a test that was not made yet would tell: the expected drop of uncertainty, by the localiser's own likelihoods.

Goes in: evidence, and for each test the observations it may lead to. Comes out: nats, the mutual information (Lindley 1956)
between the outcome of the test and what is wrong: where, in what mode, and whether anything is. A test that divides a class which
all evidence so far sees alike is worth the division; one that sees a fault too small for its packets is worth next to nothing.

Each block of the explanation is a question of its own; a test that helps to answer two is worth both. Severities are taken as
they fit best, so what a test tells of the severity alone is not counted.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from faultline.inference.crossing import Crossing
from faultline.inference.document import read
from faultline.inference.faults import HEALTHY, worsened
from faultline.inference.locate import solver_for
from faultline.inference.problem import Hypothesis, Problem, build
from faultline.inference.search import Block, Explanation, explain
from faultline.inference.solver import Solver
from faultline.records.terms import Mode

LEAST_SHARE = 0.002


@attrs.frozen(slots=True, kw_only=True)
class Outcome:
    """A result a test may have."""

    observation: Mapping[str, Any]
    """Of `faultline-evidence/1`."""
    log_ways: float = 0.0
    """Log of in how many ways it comes about, e.g. of the binomial coefficient of its count."""


@attrs.frozen(slots=True, kw_only=True)
class _Wrong:
    """One thing that may be wrong; of the members of a class each is one."""

    mode: Mode
    components: tuple[Any, ...]
    """One of each group, by id."""
    severity: float
    share: float


def counted(observation: Mapping[str, Any], key: str, whole: int) -> list[Outcome]:
    """The outcomes of so many trials, each of which may fail."""
    return [Outcome(observation={**observation, key: bad}, log_ways=math.log(math.comb(whole, bad))) for bad in range(whole + 1)]


def worth(evidence: Mapping[str, Any], tests: Sequence[Sequence[Outcome]]) -> list[float]:
    """Expected nats of each test.

    Args:
        evidence: what is known.
        tests: for each, the outcomes that exclude each other.

    Raises:
        EvidenceError: an outcome is no observation of the evidence's components.
    """
    known = build(read(evidence))
    questions = _questions(known)
    every = [outcome.observation for test in tests for outcome in test]
    planned = build(read({**evidence, "observations": [*evidence["observations"], *every]}))
    first = len(known.rows)
    found = []
    for test in tests:
        rows = range(first, first + len(test))
        first += len(test)
        found.append(math.fsum(_information(planned, rows, test, wrong) for wrong in questions))
    return found


# ---- what may be wrong -------------------------------------------------------------------------------------------
def _questions(problem: Problem) -> list[list[_Wrong | None]]:
    """For each block, the alternatives; None: nothing is wrong there. The shares of a block add up to one at most."""
    solver = solver_for(problem)
    explanation = explain(problem, solver)
    return [_alternatives(problem, solver, explanation, number) for number in range(len(explanation.blocks))]


def _alternatives(problem: Problem, solver: Solver, explanation: Explanation, number: int) -> list[_Wrong | None]:
    block = explanation.blocks[number]
    solver.suppose([fault for k, fault in enumerate(explanation.faults) if k != number])
    found: list[_Wrong | None] = [None]
    for hypothesis, share in block.alternatives:
        if share < LEAST_SHARE:
            continue
        severity = _severity(problem, solver, block, hypothesis)
        for members, part in _members(hypothesis):
            components = tuple(problem.components[c].id for c in members)
            found.append(_Wrong(mode=hypothesis.mode, components=components, severity=severity, share=share * part))
    return found


def _severity(problem: Problem, solver: Solver, block: Block, hypothesis: Hypothesis) -> float:
    if hypothesis is block.hypothesis:
        return block.severities[0].value
    values = problem.grids[hypothesis.mode].values
    totals = solver.profile(hypothesis.mode, hypothesis.column, values)
    return values[max(range(len(values)), key=totals.__getitem__)]


def _members(hypothesis: Hypothesis) -> list[tuple[tuple[int, ...], float]]:
    """The places a class holds, with their shares; of a pair of directions, the two of one segment."""
    width = max(map(len, hypothesis.groups))
    if any(len(group) != width for group in hypothesis.groups):
        return [(tuple(group[0] for group in hypothesis.groups), 1.0)]
    whole = math.fsum(hypothesis.shares[c] for c in hypothesis.groups[0])
    return [
        (tuple(group[k] for group in hypothesis.groups), hypothesis.shares[hypothesis.groups[0][k]] / whole) for k in range(width)
    ]


# ---- what an outcome says of it ----------------------------------------------------------------------------------
def _information(planned: Problem, rows: Sequence[int], test: Sequence[Outcome], wrong: Sequence[_Wrong | None]) -> float:
    shares = [one.share for one in wrong if one is not None]
    healthy = max(0.0, 1.0 - math.fsum(shares))
    weights = [healthy, *shares]
    chances = [_chances(planned, rows, test, one) for one in wrong]
    mixed = [math.fsum(w * p[k] for w, p in zip(weights, chances, strict=True)) for k in range(len(test))]
    inside = math.fsum(w * _entropy(p) for w, p in zip(weights, chances, strict=True))
    return max(0.0, _entropy(mixed) - inside)


def _chances(planned: Problem, rows: Sequence[int], test: Sequence[Outcome], wrong: _Wrong | None) -> list[float]:
    """Probability of each outcome if that is wrong."""
    crossed: Mapping[int, Crossing] = _crossed(planned, wrong) if wrong is not None else {}
    logs = []
    for row, outcome in zip(rows, test, strict=True):
        state = HEALTHY
        if wrong is not None and row in crossed:
            state = worsened(HEALTHY, wrong.mode, wrong.severity, crossed[row])
        logs.append(planned.rows[row].loglik(state) + outcome.log_ways)
    best = max(logs)
    heights = [math.exp(log - best) for log in logs]
    whole = math.fsum(heights)
    return [height / whole for height in heights]


def _crossed(planned: Problem, wrong: _Wrong) -> dict[int, Crossing]:
    """Rows that it moves, and how."""
    index: dict[Any, int] = {component.id: k for k, component in enumerate(planned.components)}
    members = {index[c] for c in wrong.components if c in index}
    by_size: dict[int, dict[int, Crossing]] = defaultdict(dict)
    for hypothesis in planned.hypotheses:
        if hypothesis.mode is wrong.mode and members <= hypothesis.members and len(hypothesis.groups) == len(wrong.components):
            by_size[len(hypothesis.members)].update(hypothesis.column)
    return by_size[min(by_size)] if by_size else {}


def _entropy(chances: Sequence[float]) -> float:
    return -math.fsum(p * math.log(p) for p in chances if p > 0)
