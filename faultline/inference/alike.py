"""What an interruption is reported as: everything that no observation tells from the likeliest place.

Goes in: a problem, a block of its explanation, the group to be reported. Comes out: that group with all that stands in the same
observations and explains them as well. Where reports travel over the line that fails, a cut line, a dead router and a dark branch
are one answer: only how often each happens tells them apart, and that is no evidence. Knows nothing of words.
"""

from __future__ import annotations

import math

from faultline.inference.columns import Columns
from faultline.inference.faults import NEVER_BLAMED
from faultline.inference.problem import Problem
from faultline.inference.search import Block
from faultline.records.terms import Mode

AS_WELL_NATS = 1.0
"""Less than this between two explanations is no evidence for either."""
LEAST_SHARE = 0.03
"""What is rarer than this beside the likeliest is not worth a name."""


def with_its_like(problem: Problem, block: Block, group: tuple[int, ...]) -> tuple[int, ...]:
    """The group, and what cannot be told from it."""
    if block.hypothesis.mode is not Mode.DOWN:
        return group  # of other modes the columns made the class
    others = _as_good(problem, block) - set(group)
    if not others:
        return group
    alike = Columns(_document(problem), Mode.DOWN).inseparable(str(problem.components[c].id) for c in group)
    return tuple(sorted({*group, *(c for c in others if str(problem.components[c].id) in alike)}))


def _as_good(problem: Problem, block: Block) -> set[int]:
    """Components of alternatives that explain the observations as well as the block's own hypothesis does."""
    nats = {h.index: math.log(share) - h.log_prior for h, share in block.alternatives if share > 0}
    own = nats.get(block.hypothesis.index)
    if own is None:
        return set()
    return {
        c
        for h, share in block.alternatives
        if h.mode is Mode.DOWN and share >= LEAST_SHARE and nats[h.index] > own - AS_WELL_NATS
        for c in h.members
        if problem.components[c].kind not in NEVER_BLAMED
    }


def _document(problem: Problem) -> dict[str, list[dict[str, object]]]:
    """The evidence as it was told, with the components that it implies."""
    components: list[dict[str, object]] = [
        {"id": str(c.id), "kind": c.kind, "site": c.site, "hosts": [str(problem.components[service].id) for service in c.hosts]}
        for c in problem.components
    ]
    return {"components": components, "observations": [dict(o.raw) for o in problem.observations]}
