"""The localiser: evidence in, verdict out.

Goes in: a `faultline-evidence/1` document. Comes out: a `faultline-verdict/1` document without `seconds`, which whoever has a
clock adds. The same document gives the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from faultline.inference.document import read
from faultline.inference.observed import Evidence
from faultline.inference.problem import Problem, build
from faultline.inference.pure import PureSolver
from faultline.inference.search import explain
from faultline.inference.solver import Solver
from faultline.inference.verdict import verdict

PURE_LIMIT = 200
"""Components up to which plain Python answers; it needs no compiled wheel."""
CROSSINGS_EACH = 40
"""Observations that hypotheses of one component cross, all its modes together, about."""
SCREEN_FROM = 2000
"""Components from which on those that nothing speaks for are set aside first."""
MANY_OBSERVATIONS = 20_000
"""Observations from which on it pays even among few components: clean ones of the same kind and place are added up."""


def locate(evidence: Mapping[str, Any], *, lenient: bool = False, healthy_floor: bool = True) -> dict[str, Any]:
    """Name what is at fault, how sure that is, and why.

    Args:
        evidence: the document.
        lenient: count observations of unknown kinds under `skipped` instead of refusing the document.
        healthy_floor: tell the floor of every measured place when nothing is reported; it costs several times the search.

    Raises:
        EvidenceError: the document is not as the format says; all mistakes with their coordinates.
    """
    return answer(read(evidence, lenient=lenient), healthy_floor=healthy_floor)


def answer(evidence: Evidence, *, healthy_floor: bool = True) -> dict[str, Any]:
    """The verdict on checked evidence."""
    problem = problem_of(evidence)
    return verdict(problem, explain(problem, solver_for(problem)), healthy_floor=healthy_floor)


def problem_of(evidence: Evidence) -> Problem:
    """The problem to solve; of a large network, or of very many observations, only what can matter."""
    if len(evidence.components) <= SCREEN_FROM and len(evidence.observations) <= MANY_OBSERVATIONS:
        return build(evidence)
    try:
        from faultline.inference.screen import screen  # noqa: PLC0415 - compiled wheels, only where they pay
    except ImportError:
        return build(evidence)
    screened = screen(evidence)
    return build(screened.evidence, only=screened.kept, beside=screened.odds)


def solver_for(problem: Problem) -> Solver:
    """Plain Python for small networks, numpy for large ones where it is installed."""
    if sum(len(h.column) for h in problem.hypotheses) > PURE_LIMIT * CROSSINGS_EACH:
        try:
            from faultline.inference.sparse import SparseSolver  # noqa: PLC0415 - compiled wheels, only where they pay
        except ImportError:  # on a probe: slower, the same answer
            return PureSolver(problem)
        return SparseSolver(problem)
    return PureSolver(problem)
