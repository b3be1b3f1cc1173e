"""Two faults in the place of one that has swallowed another.

Goes in: a problem, its solver, the faults found. Comes out: the same with one more, or nothing where none pays.

Faults are added one by one, each with the severity that fits best as long as it is alone. Of two on one way the first takes what
both have lost: a segment that two sessions cross is fitted at the mean of what they lost, and little is left for the fault on the
part that only one of them crosses. Whether both together pay is seen only when the first gives back what was not its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import attrs

from faultline.inference.fitting import CELLS_NATS, at_best, difference, fit, in_company, said_again, without
from faultline.inference.problem import Hypothesis, Problem
from faultline.inference.solver import Fault, Solver, fault, finer, refined

MOST_TRIED = 2
"""Hypotheses tried beside each fault."""
NEAR_NATS = -8.0
"""A hypothesis that scores less beside the fault as it is does not pay when the fault gives something back."""
TURNS = 2
"""Severities of the two are fitted so often, each given the other."""


def split(problem: Problem, solver: Solver, found: Sequence[Fault]) -> list[Fault] | None:
    """The faults with the best second one."""
    best: tuple[float, list[Fault]] | None = None
    for gain, faults in [
        *_beside(problem, solver, found),
        *_halved(problem, solver, found),
        *_two_instead(problem, solver, found),
    ]:
        if gain > 0 and (best is None or gain > best[0]):
            best = (gain, faults)
    return None if best is None else fit(problem, solver, best[1])


# ---- a fault gives back ------------------------------------------------------------------------------------------
def _beside(problem: Problem, solver: Solver, found: Sequence[Fault]) -> Iterator[tuple[float, list[Fault]]]:
    solver.suppose(found)
    rows = [[frozenset(column) for column in present.maps] for present in found]
    near = [[solver.around(own, NEAR_NATS) for own in groups] for groups in rows]
    for number, present in enumerate(found):
        if not problem.grids[present.hypothesis.mode].refinable:
            continue
        for group, scored in enumerate(near[number]):
            tried = [problem.hypotheses[index] for _, index in scored]
            tried = [h for h in tried if h.mode is present.hypothesis.mode and said_again(h, found) is not None]
            for other in tried[:MOST_TRIED]:
                yield _given_back(problem, solver, found, other, number=number, group=group)


def _given_back(
    problem: Problem, solver: Solver, found: Sequence[Fault], other: Hypothesis, *, number: int, group: int
) -> tuple[float, list[Fault]]:
    """What one more fault gains when a group of another may change its severity."""
    present, rest = found[number], without(found, number, group)
    mode, column, before = present.hypothesis.mode, present.hypothesis.columns[group], present.severities[group]
    grid, value = problem.grids[mode], before
    for _ in range(TURNS):
        solver.suppose([*rest, _one(present, group, value)])
        second = at_best(problem, solver, other)
        solver.suppose([*rest, second])
        values, totals = finer(solver, mode, column, grid.values, solver.profile(mode, column, grid.values))
        value = values[max(range(len(totals)), key=totals.__getitem__)]
    solver.suppose(rest)
    was, is_now = solver.profile(mode, column, [before, value])
    solver.suppose([*rest, _one(present, group, value)])
    gain = refined(solver, problem, other) + (said_again(other, found) or 0.0) + in_company(problem, found) + is_now - was
    severities = tuple(value if k == group else s for k, s in enumerate(present.severities))
    faults = [*found[:number], fault(present.hypothesis, severities), *found[number + 1 :], at_best(problem, solver, other)]
    return gain, faults


def _one(present: Fault, group: int, severity: float) -> Fault:
    """One group of a fault alone."""
    hypothesis = attrs.evolve(
        present.hypothesis, groups=(present.hypothesis.groups[group],), columns=(present.hypothesis.columns[group],)
    )
    return fault(hypothesis, (severity,))


# ---- one direction of two ---------------------------------------------------------------------------------------
def _halved(problem: Problem, solver: Solver, found: Sequence[Fault]) -> Iterator[tuple[float, list[Fault]]]:
    """One direction of a segment, and another fault, in the place of both directions."""
    alone: Mapping[tuple[object, tuple[int, ...]], Hypothesis] | None = None
    for number, present in enumerate(found):
        if len(present.hypothesis.groups) == 1 or not problem.grids[present.hypothesis.mode].refinable:
            continue
        alone = alone or {(h.mode, h.groups[0]): h for h in problem.hypotheses if len(h.groups) == 1}
        others = [*found[:number], *found[number + 1 :]]
        for group, dropped in enumerate(present.hypothesis.groups):
            kept = alone.get((present.hypothesis.mode, present.hypothesis.groups[1 - group]))
            if kept is None or dropped == kept.groups[0]:
                continue
            solver.suppose(others)
            whole, half = _fine(problem, solver, present), refined(solver, problem, kept)
            first = at_best(problem, solver, kept)
            solver.suppose([*others, first])
            scored = solver.around(present.maps[group], NEAR_NATS)[: 2 * MOST_TRIED]
            for _, index in scored:
                other = problem.hypotheses[index]
                again = said_again(other, [*others, first])
                company = in_company(problem, [*others, first])
                if again is not None and not set(dropped) & other.members:
                    yield (
                        half + refined(solver, problem, other) + again + company - whole,
                        [*others, first, at_best(problem, solver, other)],
                    )


# ---- two in the place of one -------------------------------------------------------------------------------------
def _two_instead(problem: Problem, solver: Solver, found: Sequence[Fault]) -> Iterator[tuple[float, list[Fault]]]:
    """A router at half the loss stands for two of its lines, until it is barred."""
    for number, present in enumerate(found):
        own = present.hypothesis
        if len(own.groups) > 1 or not problem.grids[own.mode].refinable:
            continue
        made, added = [*found[:number], *found[number + 1 :]], 0.0
        for _ in range(2):
            solver.suppose(made)
            near = (problem.hypotheses[index] for _, index in solver.around(present.rows, 0.0))
            other = next((h for h in near if h is not own and h.mode is own.mode and said_again(h, made) is not None), None)
            if other is None:
                break
            added += other.log_prior - CELLS_NATS
            made.append(at_best(problem, solver, other))
            made = fit(problem, solver, made, only=frozenset(k for k, f in enumerate(made) if f.rows & present.rows))
        if len(made) > len(found):
            yield difference(problem, found, made) + added - own.log_prior + CELLS_NATS, made


def _fine(problem: Problem, solver: Solver, present: Fault) -> float:
    """Log odds of both directions, each with the severity that was fitted; as good as its prior and integral let it be."""
    return refined(solver, problem, present.hypothesis) + _apart(solver, present)


def _apart(solver: Solver, present: Fault) -> float:
    """What two severities explain beyond one that both have."""
    mode = present.hypothesis.mode
    same = max(solver.profile(mode, present.hypothesis.column, sorted(set(present.severities))))
    each = math.fsum(
        solver.profile(mode, column, [severity])[0]
        for column, severity in zip(present.hypothesis.columns, present.severities, strict=True)
    )
    return max(0.0, each - same)
