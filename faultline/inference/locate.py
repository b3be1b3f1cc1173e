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


def locate(evidence: Mapping[str, Any], *, lenient: bool = False) -> dict[str, Any]:
    """Name what is at fault, how sure that is, and why.

    Args:
        evidence: the document.
        lenient: count observations of unknown kinds under `skipped` instead of refusing the document.

    Raises:
        EvidenceError: the document is not as the format says; all mistakes with their coordinates.
    """
    return answer(read(evidence, lenient=lenient))


def answer(evidence: Evidence) -> dict[str, Any]:
    """The verdict on checked evidence."""
    problem = build(evidence)
    solver = solver_for(problem)
    return verdict(problem, explain(problem, solver))


def solver_for(problem: Problem) -> Solver:
    """Plain Python for small networks, numpy for large ones where it is installed."""
    if len(problem.components) > PURE_LIMIT:
        try:
            from faultline.inference.sparse import SparseSolver  # noqa: PLC0415 - compiled wheels, only where they pay
        except ImportError:  # on a probe: slower, the same answer
            return PureSolver(problem)
        return SparseSolver(problem)
    return PureSolver(problem)
