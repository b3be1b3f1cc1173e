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

from faultline.inference.faults import AGAIN, AND_DROPS, ONE_EXTENT
from faultline.inference.problem import Hypothesis, Problem
from faultline.inference.solver import Fault, Solver, cell_widths, fault, finer, lasted, refined
from faultline.records.terms import Mode

MOST_FAULTS = 64
PASSES = 3
MOST_JOINED = 6
"""Hypotheses tried in the place of several faults."""
CLOSE_NATS = 25.0
"""Hypotheses this close to the best are compared with finely integrated severities."""
KEPT_MASS = 1e-4
"""Alternatives below this share of the mass are not kept."""
INTERVAL = 0.9
SUSPICION = math.log(0.05)
"""Log odds from which on one more fault is worth a word."""
_EXCLUSIVE = (
    frozenset({Mode.LOSS, Mode.DOWN}),
    frozenset({Mode.DELAY, Mode.CONGESTION}),
    frozenset({Mode.SLOW, Mode.STALLED}),
    frozenset({Mode.FAILING, Mode.DOWN}),
)
_DROPPING = (frozenset({Mode.CONGESTION, Mode.LOSS}), frozenset({Mode.MTU, Mode.LOSS}))


@attrs.frozen(slots=True, kw_only=True)
class Severity:
    """How bad, with the interval that holds 90 % of the probability."""

    value: float
    low: float
    high: float


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
    found = _improve(problem, solver, _grow(problem, solver))
    blocks = [_block(problem, solver, found, number) for number in range(len(found))]
    solver.suppose(found)
    odds = _free_odds(problem, solver, found) + problem.unmeasured
    healthy = math.prod((b.nothing for b in blocks), start=1.0) / (1.0 + odds)
    suspicion = _suspicion(problem, solver, found)
    if suspicion is not None:
        blocks.append(suspicion)
    return Explanation(blocks=tuple(blocks), faults=tuple(found), healthy=healthy)


# ---- forward, backward, swap -------------------------------------------------------------------------------------
def _grow(problem: Problem, solver: Solver) -> list[Fault]:
    found: list[Fault] = []
    while len(found) < MOST_FAULTS:
        solver.suppose(found)
        best = _best(problem, solver, found)
        if best is None or best[0] <= 0:
            break
        found.append(_fitted(problem, solver, best[1]))
        found = _fit(problem, solver, found)
    return found


def _best(problem: Problem, solver: Solver, found: Sequence[Fault]) -> tuple[float, Hypothesis] | None:
    """The best hypothesis that does not say again what is already said."""
    best: tuple[float, Hypothesis] | None = None
    for score, index in solver.top(24 + 8 * len(found)):
        hypothesis = problem.hypotheses[index]
        again = _again(hypothesis, found)
        if again is None:
            continue
        score += again  # noqa: PLW2901 - the same quantity, conditioned
        if best is None or score > best[0]:
            best = (score, hypothesis)
    return best


def _again(hypothesis: Hypothesis, found: Sequence[Fault]) -> float | None:
    """What is added to the score of a second symptom of a known place; None when it would be the same symptom."""
    members, bonus = hypothesis.members, 0.0
    for other in found:
        if not members & other.hypothesis.members:
            continue
        modes = {hypothesis.mode, other.hypothesis.mode}
        if len(modes) == 1 or any(modes <= family for family in _EXCLUSIVE):
            return None
        if members <= other.hypothesis.members:
            bonus = max(bonus, (AND_DROPS if modes in _DROPPING else AGAIN) - hypothesis.log_prior)
    return bonus


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
                found, changed = [*others[:number], _fitted(problem, solver, best[1]), *others[number:]], True
        joined = _joined(problem, solver, found)
        if joined is not None:
            found, changed = joined, True
        found = _fit(problem, solver, found)
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
            if len(inside) < 2 or _again(hypothesis, rest) is None:  # noqa: PLR2004 - two at least are put into one
                continue
            several, supposed = 0.0, list(rest)
            for part in inside:
                solver.suppose(supposed)
                several += refined(solver, problem, part.hypothesis) + (_again(part.hypothesis, supposed) or 0.0)
                supposed.append(part)
            solver.suppose(rest)
            if refined(solver, problem, hypothesis) > several:
                return [*rest, _fitted(problem, solver, hypothesis)]
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
    scored = []
    for score, index in near:
        hypothesis = problem.hypotheses[index]
        again = _again(hypothesis, others)
        if again is not None:
            scored.append((score + again, hypothesis, again))
    if all(h is not present.hypothesis for _, h, _ in scored):
        scored.append((-40.0, present.hypothesis, 0.0))
    highest = max(score for score, _, _ in scored)
    return [
        (refined(solver, problem, h) + again if score > max(highest - CLOSE_NATS, -CLOSE_NATS) else score, h)
        for score, h, again in scored
    ]


# ---- severities --------------------------------------------------------------------------------------------------
def _fitted(problem: Problem, solver: Solver, hypothesis: Hypothesis) -> Fault:
    """The hypothesis at its best severity, the faults supposed by the solver being true."""
    grid = problem.grids[hypothesis.mode]
    totals = solver.profile(hypothesis.mode, hypothesis.column, grid.values)
    best = max(range(len(totals)), key=lambda k: totals[k] + grid.log_weights[k])
    return fault(hypothesis, [grid.values[best]] * len(hypothesis.groups))


def _fit(problem: Problem, solver: Solver, found: Sequence[Fault]) -> list[Fault]:
    """Severities of all faults fitted again, each given the others."""
    faults = list(found)
    for _ in range(2 if len(faults) > 1 else 1):
        for number, present in enumerate(faults):
            fitted = [s.value for s in _severities(problem, solver, faults, number)]
            faults[number] = fault(present.hypothesis, fitted)
    return faults


def _severities(problem: Problem, solver: Solver, faults: Sequence[Fault], number: int) -> tuple[Severity, ...]:
    """Severity of each group of a fault, everything else staying as it is."""
    present = faults[number]
    grid = problem.grids[present.hypothesis.mode]
    found = []
    alike = present.hypothesis.mode in ONE_EXTENT
    for group, column in enumerate([present.hypothesis.column] if alike else present.hypothesis.columns):
        solver.suppose([*faults[:number], *faults[number + 1 :]] if alike else _without(faults, number, group))
        totals = solver.profile(present.hypothesis.mode, column, grid.values)
        if not grid.refinable:
            best = max(range(len(totals)), key=lambda k: totals[k] + grid.log_weights[k])
            value = grid.values[best]
            if present.hypothesis.mode is Mode.DOWN:
                value = lasted(solver, column, grid.values, value)
            # Of sizes that were tried the next smaller one is known to pass.
            low = grid.values[best - 1] if present.hypothesis.mode is Mode.MTU and best else value
            found.append(Severity(value=value, low=low, high=value))
            continue
        values: Sequence[float] = grid.values
        for _ in range(2):
            values, totals = finer(solver, present.hypothesis.mode, column, values, totals)
        found.append(_interval(values, totals))
    return tuple(found * len(present.hypothesis.groups)) if alike else tuple(found)


def _without(faults: Sequence[Fault], number: int, group: int) -> list[Fault]:
    """All faults but one group of one of them."""
    kept = list(faults)
    present = kept[number]
    left = [k for k in range(len(present.severities)) if k != group]
    if not left:
        del kept[number]
    else:
        kept[number] = Fault(
            attrs.evolve(
                present.hypothesis,
                groups=tuple(present.hypothesis.groups[k] for k in left),
                columns=tuple(present.hypothesis.columns[k] for k in left),
            ),
            tuple(present.severities[k] for k in left),
            tuple(present.maps[k] for k in left),
        )
    return kept


def _interval(values: Sequence[float], totals: Sequence[float]) -> Severity:
    """The most probable severity and the central interval around it."""
    best = max(totals)
    mass = [math.exp(t - best) * c for t, c in zip(totals, cell_widths(values), strict=True)]
    whole, running = math.fsum(mass), 0.0
    low = high = value = values[max(range(len(values)), key=totals.__getitem__)]
    tail = (1 - INTERVAL) / 2
    low_found = False
    for v, m in zip(values, mass, strict=True):
        running += m / whole
        if not low_found and running >= tail:
            low, low_found = v, True
        high = v
        if running >= 1 - tail:
            break
    return Severity(value=value, low=min(low, value), high=max(high, value))


# ---- posterior ---------------------------------------------------------------------------------------------------
def _block(problem: Problem, solver: Solver, found: Sequence[Fault], number: int) -> Block:
    severities = _severities(problem, solver, found, number)
    others = [*found[:number], *found[number + 1 :]]
    solver.suppose(others)
    scored = _alternatives(problem, solver, found[number], others)
    return _posterior(found[number].hypothesis, severities, scored, certain=True)


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
    barred = math.fsum(math.exp(min(score, 500.0)) for score, h in taken if _again(h, found) is None)
    return max(0.0, solver.total_odds() - barred)


LEAST_EVIDENCE = 3.0
"""Nats that must speak for a suspicion: a prior alone is none."""


def _suspicion(problem: Problem, solver: Solver, found: Sequence[Fault]) -> Block | None:
    """What may be wrong beside what is; None when nothing stands out of the prior."""
    best = _best(problem, solver, found)
    if best is None or best[0] < SUSPICION:
        return None
    again = _again(best[1], found) or 0.0
    if best[0] - again - best[1].log_prior < LEAST_EVIDENCE:
        return None
    present = _fitted(problem, solver, best[1])
    scored = _alternatives(problem, solver, present, found)
    severities = _severities(problem, solver, [*found, present], len(found))
    solver.suppose(found)
    return _posterior(best[1], severities, scored, certain=False)
