"""The detection floor: the smallest fault that the packets of this window would have shown.

Goes in: the problem. Comes out: for each reported place, or each measured one, the smallest severity of each mode whose log ratio
pays for its prior and three nats more with 90 % power, on the packets seen. "Nothing found" is worth what its floor is worth.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from faultline.inference.faults import CELL_PRICE, HEALTHY, State, worsened
from faultline.inference.likelihood import Counts, EitherWay, Row
from faultline.inference.likelihood_delay import DelayRow, ResponseRow
from faultline.inference.likelihood_loss import LossRow, MtuRow
from faultline.inference.likelihood_requests import FailureRow, ZeroWindowRow
from faultline.inference.problem import Hypothesis, Problem
from faultline.records.terms import Mode

MARGIN_NATS = 3.0
"""Odds of 20 to 1."""
POWER_Z = 1.2816
"""90 % of the outcomes."""
REFERENCE_LOSS = 0.001
"""The loss ratio whose waiting time is told beside the floor."""
WAIT_STEP, WAITS = 1.1, 121
"""Waiting times tried, each so much longer than the one before, up to 1e5 windows."""
MOST_PLACES = 40
"""Told when nothing is reported: a network has too many."""
MOST_CROSSINGS = 10_000
"""Rows looked at for that, each of them several times: a few seconds."""
_MODES = (Mode.LOSS, Mode.DELAY, Mode.CONGESTION, Mode.DOWN, Mode.FAILING, Mode.SLOW, Mode.STALLED, Mode.MTU)


def floor_rows(problem: Problem, reported: Sequence[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Floors in every mode, of the reported places; when nothing is reported, of the first measured ones."""
    single = [h for h in problem.hypotheses if len(h.groups) == 1]
    crossings: Counter[tuple[Any, ...]] = Counter()
    for hypothesis in single:
        crossings[tuple(problem.components[c].id for c in hypothesis.groups[0])] += len(hypothesis.column)
    # Both directions reported as one are two places here.
    wanted = {ids for ids in crossings if any(set(ids) <= set(one) for one in reported)} if reported else _first_places(crossings)
    rows = []
    for mode in _MODES:
        for hypothesis in single:
            ids = tuple(problem.components[c].id for c in hypothesis.groups[0])
            row = _floor(problem, hypothesis) if hypothesis.mode is mode and ids in wanted else None
            if row is not None:
                rows.append({"components": list(ids), "mode": mode.value} | row)
    return rows


def _first_places(crossings: Mapping[tuple[Any, ...], int]) -> set[tuple[Any, ...]]:
    """As many as are worth the time: it costs as the rows that each is crossed in."""
    found: set[tuple[Any, ...]] = set()
    spent = 0
    for ids, rows in itertools.islice(crossings.items(), MOST_PLACES):
        spent += rows
        if found and spent > MOST_CROSSINGS:
            break
        found.add(ids)
    return found


def _floor(problem: Problem, hypothesis: Hypothesis) -> dict[str, float] | None:
    """The floor of one place and mode; None where even the worst severity would not show."""
    need = MARGIN_NATS - hypothesis.log_prior + (CELL_PRICE if problem.grids[hypothesis.mode].refinable else 0.0)
    values = problem.grids[hypothesis.mode].values
    if hypothesis.mode is Mode.DOWN:
        values = values[:1]
    found = _first(len(values), lambda k: _surplus(problem, hypothesis, values[k], 1.0) >= need)
    if found is None:
        return None
    high = values[found]
    if found and problem.grids[hypothesis.mode].refinable:
        low = values[found - 1]
        for _ in range(12):
            middle = math.sqrt(low * high)
            low, high = (low, middle) if _surplus(problem, hypothesis, middle, 1.0) >= need else (middle, high)
    row = {"value": 1.0 if hypothesis.mode is Mode.DOWN else float(f"{high:.3g}")}
    if hypothesis.mode is Mode.LOSS:
        wait = _wait(problem, hypothesis, need)
        if wait is not None:
            row |= {"reference": REFERENCE_LOSS, "reference_seconds": wait}
    return row


def _wait(problem: Problem, hypothesis: Hypothesis, need: float) -> float | None:
    """Seconds until the reference loss would show at the present rate of packets."""
    found = _first(WAITS, lambda k: _surplus(problem, hypothesis, REFERENCE_LOSS, WAIT_STEP**k) >= need)
    return None if found is None else float(f"{problem.evidence.seconds * WAIT_STEP**found:.3g}")


def _first(count: int, shows: Callable[[int], bool]) -> int | None:
    """The smallest of so many for which it shows: what shows in few packets shows in more, and a worse fault shows sooner."""
    found = bisect.bisect_left(range(count), True, key=shows)
    return found if found < count else None


def _surplus(problem: Problem, hypothesis: Hypothesis, severity: float, times: float) -> float:
    """Log ratio that 90 % of windows reach when the fault is there, with so many times the packets."""
    mean = variance = 0.0
    for row, weights in hypothesis.column:
        state = worsened(HEALTHY, hypothesis.mode, severity, weights)
        expected, spread = _expected(problem.rows[row], state, times)
        mean += expected
        variance += spread
    return mean - POWER_Z * math.sqrt(variance)


def _expected(row: Row, state: State, times: float) -> tuple[float, float]:
    """Mean and variance of a row's log ratio when the fault is true."""
    match row:
        case EitherWay():
            return _expected(row.row, attrs.evolve(state, ways=()), times)
        case LossRow() | MtuRow() | FailureRow() | ZeroWindowRow():
            return _expected_counts(row, state, times)
        case DelayRow():
            added = [(state.shift_ms + s.queues[0][0] * state.queue_ms) * 1000 for s in row.statistics]
            moved = attrs.evolve(
                row,
                statistics=tuple(attrs.evolve(s, shift_us=shift_us) for s, shift_us in zip(row.statistics, added, strict=True)),
            )
            return moved.loglik(state) - moved.loglik(HEALTHY), 4.0 * row.tau
        case ResponseRow():
            moved_row = ResponseRow(shift=row.expected(state), spread=row.spread, tau=row.tau, usual_us=row.usual_us)
            return moved_row.loglik(state) - moved_row.loglik(HEALTHY), 4.0 * row.tau
    return 0.0, 0.0


def _expected_counts(row: LossRow | MtuRow | FailureRow | ZeroWindowRow, state: State, times: float) -> tuple[float, float]:
    counts = row.counts
    total = counts.total * times
    if total <= 0:
        return 0.0, 0.0
    # Every nat of a row comes from counts: try the expected count and the ones a standard deviation around it.
    survive = state.through
    if isinstance(row, ZeroWindowRow):
        survive = state.open
    elif isinstance(row, FailureRow):
        survive = state.answer + state.cut
    if isinstance(row, MtuRow) and row.size > state.mtu:
        survive += math.log(1e-6)
    healthy = max(counts.backgrounds, key=lambda item: item[0])[1]
    bad = min(1.0, -math.expm1(healthy + survive))
    deviation = math.sqrt(total * bad * (1 - bad))
    centre, low = _ratio(counts, total, total * bad, survive), _ratio(counts, total, max(0.0, total * bad - deviation), survive)
    return centre, (centre - low) ** 2


def _ratio(counts: Counts, total: float, bad: float, survive: float) -> float:
    there = attrs.evolve(counts, total=total, bad=bad)
    return there.loglik(survive) - there.loglik(0.0)
