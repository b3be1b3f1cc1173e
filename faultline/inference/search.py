"""Search: which set of faults explains the evidence best, and how much else would explain it as well.

Goes in: a problem and its solver. Comes out: `Explanation`: blocks of faults with the posterior of each, given the others.
Greedy forward steps, severities fitted again, backward and swap steps until nothing changes; then, for every block, the posterior
over all hypotheses that move any of its rows. With one fault that posterior is exact; with several it is exact given the others.
Knows nothing of words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs

from faultline.inference.fitting import Severity, at_best, fit, in_company, said_again, severities
from faultline.inference.merging import merged
from faultline.inference.problem import Hypothesis, Problem
from faultline.inference.solver import Fault, Solver, refined
from faultline.inference.splitting import split

MOST_FAULTS = 64
PASSES = 3
MOST_JOINED = 6
"""Hypotheses tried in the place of several faults."""
CLOSE_NATS, CLOSE_SHARE = 25.0, 0.03
"""Hypotheses this close to the best are compared with finely integrated severities: so many nats, or that share of the best
score, which is what the coarse grid may miss of very many packets."""
ROUNDS = 6
"""Times that what was found is looked at again."""
KEPT_MASS = 1e-4
"""Alternatives below this share of the mass are not kept."""
SUSPICION = math.log(0.05)
"""Log odds from which on one more fault is worth a word."""


@attrs.frozen(slots=True, kw_only=True, eq=False)
class Block:
    """One fault (one prior), or a suspicion of one, and what else could explain the same rows."""

    hypothesis: Hypothesis
    severities: tuple[Severity, ...]
    """One a group."""
    alternatives: tuple[tuple[Hypothesis, float], ...]
    """With probabilities, best first; what is left to one is that nothing is wrong here."""
    nothing: float
    """Probability that the other blocks explain everything."""
    certain: bool
    """False: only a suspicion, not part of the best explanation."""


@attrs.frozen(slots=True, kw_only=True)
class Explanation:
    """The answer in numbers."""

    blocks: tuple[Block, ...]
    faults: tuple[Fault, ...]
    """Of the certain blocks, in the same order."""
    healthy: float
    """Probability that nothing at all is wrong."""


def explain(problem: Problem, solver: Solver) -> Explanation:
    """Find the faults."""
    found = _found(problem, solver)
    blocks = [_block(problem, solver, found, number) for number in range(len(found))]
    solver.suppose(found)
    odds = _free_odds(problem, solver, found) + problem.unmeasured
    healthy = math.prod((b.nothing for b in blocks), start=1.0) / (1.0 + odds)
    suspicion = _suspicion(problem, solver, found)
    if suspicion is not None:
        blocks.append(suspicion)
    return Explanation(blocks=tuple(blocks), faults=tuple(found), healthy=healthy)


def _found(problem: Problem, solver: Solver) -> list[Fault]:
    """Found one by one and improved; then looked at again, for more of them and for fewer."""
    found = _improve(problem, solver, _grow(problem, solver, []))
    for _ in range(ROUNDS):
        grown = _grow(problem, solver, found)
        if len(grown) > len(found):
            found = _improve(problem, solver, grown)
        other = merged(problem, solver, found) if 1 < len(found) <= MOST_FAULTS else None
        other = split(problem, solver, found) if other is None and found else other
        if other is None:
            break
        found = _improve(problem, solver, other)
    return found


# ---- forward, backward, swap -------------------------------------------------------------------------------------
def _grow(problem: Problem, solver: Solver, found: Sequence[Fault]) -> list[Fault]:
    found = list(found)
    while len(found) < MOST_FAULTS:
        solver.suppose(found)
        best = _best(problem, solver, found)
        if best is None or best[0] <= 0:
            break
        found.append(at_best(problem, solver, best[1]))
        found = fit(problem, solver, found)
    return found


def _best(problem: Problem, solver: Solver, found: Sequence[Fault]) -> tuple[float, Hypothesis] | None:
    """The best hypothesis that does not say again what is already said."""
    best: tuple[float, Hypothesis] | None = None
    company = in_company(problem, found)
    for score, index in solver.top(24 + 8 * len(found)):
        hypothesis = problem.hypotheses[index]
        again = said_again(hypothesis, found)
        if again is None:
            continue
        score += again + company  # noqa: PLW2901 - the same quantity, conditioned
        if best is None or score > best[0]:
            best = (score, hypothesis)
    return best


def _improve(problem: Problem, solver: Solver, found: list[Fault]) -> list[Fault]:
    """Drop what no longer pays, and put what explains more in its place."""
    for _ in range(PASSES):
        changed = False
        for number in range(len(found) - 1, -1, -1):
            others = [*found[:number], *found[number + 1 :]]
            solver.suppose(others)
            own = found[number].hypothesis
            scored = [(score, h) for score, h in _alternatives(problem, solver, found[number], others) if score > 0 or h is own]
            best = max(scored, key=lambda item: (item[0], -item[1].index), default=None)
            if best is None or best[0] <= 0:
                found, changed = others, True
            elif best[1] is not own and len(found) > 0:
                found, changed = [*others[:number], at_best(problem, solver, best[1]), *others[number:]], True
        joined = _joined(problem, solver, found)
        if joined is not None:
            found, changed = joined, True
        found = fit(problem, solver, found)
        if not changed:
            break
    return found


def _joined(problem: Problem, solver: Solver, found: list[Fault]) -> list[Fault] | None:
    """One fault in the place of several that it explains together, where that is likelier: a site without power."""
    for present in found:
        for index in _wider(problem, solver, found, present):
            hypothesis = problem.hypotheses[index]
            own = {row for row, _ in hypothesis.column}
            inside = [f for f in found if f.rows <= own]
            rest = [f for f in found if f not in inside]
            if len(inside) < 2 or said_again(hypothesis, rest) is None:  # noqa: PLR2004 - two at least are put into one
                continue
            several, supposed = 0.0, list(rest)
            for part in inside:
                solver.suppose(supposed)
                several += refined(solver, problem, part.hypothesis) + (said_again(part.hypothesis, supposed) or 0.0)
                several += in_company(problem, supposed)
                supposed.append(part)
            solver.suppose(rest)
            if refined(solver, problem, hypothesis) + in_company(problem, rest) > several:
                return [*rest, at_best(problem, solver, hypothesis)]
    return None


def _wider(problem: Problem, solver: Solver, found: Sequence[Fault], present: Fault) -> list[int]:
    """What explains all that a fault does and some other fault besides, likeliest first."""
    if len(found) < 2:  # noqa: PLR2004 - as above
        return []
    solver.suppose([f for f in found if f is not present])
    near = [index for _, index in solver.around(present.rows, -60.0)]
    wider = []
    for index in near:
        own = {row for row, _ in problem.hypotheses[index].column}
        if present.rows <= own and any(f is not present and f.rows <= own for f in found):
            wider.append(index)
    return wider[:MOST_JOINED]


def _alternatives(problem: Problem, solver: Solver, present: Fault, others: Sequence[Fault]) -> list[tuple[float, Hypothesis]]:
    """Scores of everything that moves a row of the fault, the others being true; the close ones finely integrated."""
    near = solver.around(present.rows, -40.0)
    company = in_company(problem, others)
    scored = []
    for score, index in near:
        hypothesis = problem.hypotheses[index]
        again = said_again(hypothesis, others)
        if again is not None:
            scored.append((score + again + company, hypothesis, again + company))
    if all(h is not present.hypothesis for _, h, _ in scored):
        scored.append((-40.0, present.hypothesis, 0.0))
    highest = max(score for score, _, _ in scored)
    least = max(highest - max(CLOSE_NATS, CLOSE_SHARE * highest), -CLOSE_NATS)
    return [(refined(solver, problem, h) + again if score > least else score, h) for score, h, again in scored]


# ---- posterior ---------------------------------------------------------------------------------------------------
def _block(problem: Problem, solver: Solver, found: Sequence[Fault], number: int) -> Block:
    fine = severities(problem, solver, found, number)
    others = [*found[:number], *found[number + 1 :]]
    solver.suppose(others)
    scored = _alternatives(problem, solver, found[number], others)
    return _posterior(found[number].hypothesis, fine, scored, certain=True)


def _posterior(
    own: Hypothesis, severities: tuple[Severity, ...], scored: Sequence[tuple[float, Hypothesis]], *, certain: bool
) -> Block:
    highest = max(0.0, *(score for score, _ in scored))
    whole = math.exp(-highest) + math.fsum(math.exp(score - highest) for score, _ in scored)
    shares = sorted(((h, math.exp(score - highest) / whole) for score, h in scored), key=lambda item: (-item[1], item[0].index))
    kept = tuple((h, share) for h, share in shares if share >= KEPT_MASS or h is own)
    return Block(
        hypothesis=own,
        severities=severities,
        alternatives=kept,
        nothing=math.exp(-highest) / whole,
        certain=certain,
    )


def _free_odds(problem: Problem, solver: Solver, found: Sequence[Fault]) -> float:
    """Odds of one more fault anywhere that is not a second wording of what was found."""
    if not found:
        return solver.total_odds()
    taken = [(score, problem.hypotheses[index]) for score, index in solver.around({r for f in found for r in f.rows}, -40.0)]
    barred = math.fsum(math.exp(min(score, 500.0)) for score, h in taken if said_again(h, found) is None)
    return max(0.0, solver.total_odds() - barred)


LEAST_EVIDENCE = 3.0
"""Nats that must speak for a suspicion: a prior alone is none."""


def _suspicion(problem: Problem, solver: Solver, found: Sequence[Fault]) -> Block | None:
    """What may be wrong beside what is; None when nothing stands out of the prior."""
    best = _best(problem, solver, found)
    if best is None or best[0] < SUSPICION:
        return None
    again = said_again(best[1], found) or 0.0
    if best[0] - again - in_company(problem, found) - best[1].log_prior < LEAST_EVIDENCE:
        return None
    present = at_best(problem, solver, best[1])
    scored = _alternatives(problem, solver, present, found)
    fine = severities(problem, solver, [*found, present], len(found))
    solver.suppose(found)
    return _posterior(best[1], fine, scored, certain=False)
