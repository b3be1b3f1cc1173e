"""What can be wrong: modes of each kind of component, how bad, how often, and what each does to what is measured.

Goes in: nothing; this is the model's table. Comes out: severity grids, rates, and `State`, the sum of what the faults under
consideration do to one observation. Knows nothing of observations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import attrs

from faultline.inference.crossing import ONCE, Crossing, Ways, Weights
from faultline.records.terms import ComponentKind, Mode

DEAD = math.log(1e-6)
"""Log share of packets that get through what is down: a handful may, at its edges in time."""

FAULT_RATES: Mapping[ComponentKind, float] = {
    ComponentKind.SEGMENT: 5e-6,
    ComponentKind.LINK: 5e-6,
    ComponentKind.DEVICE: 1e-6,
    ComponentKind.SITE: 5e-7,
    ComponentKind.SERVER: 2e-5,
    ComponentKind.SERVICE: 2e-5,
    ComponentKind.RESOLVER: 1e-5,
    ComponentKind.ROUTE: 1e-2,
    ComponentKind.PROBE: 1e-3,
}
"""Faults per component-hour when the file gives none. Segments: a carrier's 128 faults a week on 16,000 lines are 5e-5 a
line-hour, shared among the directed components of a line. Routes change often and probes are restarted: neither is blamed."""

SHARES: Mapping[ComponentKind, Mapping[Mode, float]] = {
    ComponentKind.SEGMENT: {Mode.LOSS: 0.35, Mode.DOWN: 0.3, Mode.CONGESTION: 0.15, Mode.DELAY: 0.15, Mode.MTU: 0.05},
    ComponentKind.LINK: {Mode.LOSS: 0.35, Mode.DOWN: 0.3, Mode.CONGESTION: 0.15, Mode.DELAY: 0.15, Mode.MTU: 0.05},
    ComponentKind.DEVICE: {Mode.DOWN: 0.55, Mode.CONGESTION: 0.22, Mode.DELAY: 0.1, Mode.LOSS: 0.08, Mode.MTU: 0.05},
    ComponentKind.SITE: {Mode.DOWN: 1.0},
    ComponentKind.SERVER: {Mode.SLOW: 0.4, Mode.FAILING: 0.25, Mode.DOWN: 0.2, Mode.STALLED: 0.15},
    ComponentKind.SERVICE: {Mode.SLOW: 0.4, Mode.FAILING: 0.4, Mode.STALLED: 0.2},
    ComponentKind.RESOLVER: {Mode.FAILING: 0.7, Mode.SLOW: 0.3},
    ComponentKind.ROUTE: {Mode.ROUTE: 1.0},
    ComponentKind.PROBE: {Mode.DOWN: 1.0},
}
"""How the faults of a kind are shared among its modes. A service or a resolver that answers nobody fails: requests do
not tell whether anything of it is alive."""

BOTH_WAYS: Mapping[Mode, float] = {Mode.LOSS: 0.4, Mode.DOWN: 0.8, Mode.CONGESTION: 0.1, Mode.DELAY: 0.6, Mode.MTU: 0.5}
"""Share of a segment's faults that hit both directions at once: a cut cable is one fault, not two."""

ONE_EXTENT = frozenset({Mode.DOWN, Mode.MTU})
"""Modes that a segment's two directions have alike: a cut cable has one begin, a narrow link one width. It is told as one."""
NEVER_BLAMED = frozenset({ComponentKind.ROUTE, ComponentKind.PROBE})
PLANNED_FACTOR = 1e3
"""On the prior of what a maintenance window names."""
AGAIN = math.log(0.02)
"""Log prior of a second symptom where one fault is already found: no longer rare."""
AND_DROPS = math.log(0.3)
"""The same for lost packets beside a queue or a narrow link: they drop."""
LARGEST_PRIOR = 0.5
CELL_PRICE = 1.5
"""Nats that not knowing the severity beforehand costs: a fault fits about a quarter of its grid."""
CELL = 0.2
"""Half a cell of the severity grid, as a part of the severity: what a fault predicts is not sharper than that."""


SHORT_PRICE = 25.0
"""Nats against calling a loss of less than half an interruption."""


@attrs.frozen(slots=True, kw_only=True)
class Grid:
    """Severities of a mode with their log weights; the weights add up to one."""

    values: tuple[float, ...]
    log_weights: tuple[float, ...]
    refinable: bool = True
    """The severity is a continuous quantity, so that finer values between two neighbours mean something."""


def _spaced(low: float, high: float, number: int) -> Grid:
    step = math.log(high / low) / (number - 1)
    return Grid(values=tuple(low * math.exp(step * k) for k in range(number)), log_weights=(-math.log(number),) * number)


def _down() -> Grid:
    """Total loss for all of the window, or since some moment of its first half; or, at a price, for less.

    Counts cannot tell a lasting random loss of 75 % from an interruption of 75 % of the time; the latter is what happens. Of 20 %
    it is the former, unless something else speaks of an interruption: a session whose newest packets are all unanswered.
    """
    shares = (1 - 1e-6, 0.98, 0.94, 0.88, 0.8, 0.7, 0.6, 0.52)
    weights = (math.log(0.44), *(math.log(0.08),) * (len(shares) - 1))
    short = (0.4, 0.3, 0.2, 0.12, 0.06, 0.03)
    return Grid(values=(*shares, *short), log_weights=(*weights, *(-SHORT_PRICE,) * len(short)), refinable=False)


GRIDS: Mapping[Mode, Grid] = {
    Mode.LOSS: _spaced(1e-4, 0.45, 14),
    Mode.DOWN: _down(),
    Mode.CONGESTION: _spaced(1.0, 500.0, 10),
    Mode.DELAY: _spaced(0.5, 500.0, 12),
    Mode.SLOW: _spaced(1.3, 60.0, 10),
    Mode.FAILING: _spaced(0.01, 0.999, 10),
    Mode.STALLED: _spaced(0.02, 0.98, 8),
    Mode.ROUTE: Grid(values=(1.0,), log_weights=(0.0,), refinable=False),
}
"""Severity is integrated over these, never tuned. The grid of `mtu` comes from the sizes that were tried: `mtu_grid`."""


def mtu_grid(sizes: Sequence[float]) -> Grid:
    """Thresholds just below each size that was tried."""
    values = tuple(size - 1 for size in sorted(set(sizes))) or (1499.0,)
    return Grid(values=values, log_weights=(-math.log(len(values)),) * len(values), refinable=False)


@attrs.frozen(slots=True, cache_hash=True)
class State:
    """What the faults under consideration do to one observation; the default is a healthy network."""

    survive: float = 0.0
    """Log share of packets that get through what loses some at random."""
    cut: float = 0.0
    """Log share of packets, which is the share of the time, that interruptions let through."""
    shift_ms: float = 0.0
    """Added to every packet's delay."""
    shift_var: float = 0.0
    """Variance of that, where only some paths are hit, ms squared."""
    queue_ms: float = 0.0
    """Added to the delay of the slowest tenth."""
    answer: float = 0.0
    """Log share of requests that the end point answers well."""
    slow: float = 0.0
    """Log factor on the response time."""
    open: float = 0.0
    """Log share of time with an open receive window."""
    mtu: float = math.inf
    """Largest packet that gets through, octets."""
    modes: frozenset[Mode] = frozenset()
    ways: tuple[tuple[float, State], ...] = ()
    """For one flow that takes one of several ways: the state of each, and how likely it is taken. The fields above are as if its
    packets were spread over them."""

    @property
    def through(self) -> float:
        """Log share of packets that get through everything."""
        return max(DEAD, self.survive + self.cut) if self.cut else self.survive


HEALTHY = State()


def worsened(state: State, mode: Mode, severity: float, crossing: Crossing) -> State:
    """The state with one more fault that packets cross in that way."""
    if not isinstance(crossing, Ways):
        return _worse(state, mode, severity, crossing)
    before = state.ways or tuple((chance, attrs.evolve(state, ways=())) for chance in crossing.chances)
    after = tuple(
        (chance, _worse(way, mode, severity, ONCE * times) if times else way)
        for (chance, way), times in zip(before, crossing.times, strict=True)
    )
    return attrs.evolve(_worse(state, mode, severity, crossing.shares), ways=after)


def _worse(state: State, mode: Mode, severity: float, weights: Weights) -> State:
    """A weight is the share of packets that cross the fault, one for each time they do.

    Where a path is one of several, faults on different ones are treated as independent: exact for a single fault.
    """
    survive, cut, answer, slow, opened = state.survive, state.cut, state.answer, state.slow, state.open
    shift_ms, shift_var, queue_ms, mtu = state.shift_ms, state.shift_var, state.queue_ms, state.mtu
    match mode:
        case Mode.LOSS:
            survive += _survival(severity, weights)
        case Mode.DOWN:
            cut = _interrupted(cut, severity, weights)
        case Mode.DELAY:
            shift_ms += sum(weights) * severity
            shift_var += sum(w * (1 - w) for w in weights) * severity * severity
        case Mode.CONGESTION:
            queue_ms += sum(weights) * severity
        case Mode.FAILING:
            answer = max(DEAD, answer + _survival(severity, weights))
        case Mode.SLOW:
            slow += math.log(severity)
        case Mode.STALLED:
            opened += _survival(severity, weights)
        case Mode.MTU:
            mtu = min(mtu, severity)
        case Mode.ROUTE:
            pass
    # Written out: this is the innermost of all loops, and a generic copy costs several times as much.
    modes = state.modes | {mode}
    return State(survive, cut, shift_ms, shift_var, queue_ms, answer, slow, opened, mtu, modes, state.ways)


def _interrupted(cut: float, severity: float, weights: Sequence[float]) -> float:
    """Interruptions last until now: of two that stop everything the one that began first has all the time of the other."""
    if any(w >= 1 for w in weights):
        cut = min(cut, math.log1p(-min(severity, 1 - 1e-6)))
    return max(DEAD, cut + _survival(severity, [w for w in weights if w < 1]))


def _survival(severity: float, weights: Sequence[float]) -> float:
    return math.fsum(math.log1p(-min(w * severity, 1 - 1e-6)) for w in weights)


def rate_of(kind: ComponentKind, given: Mapping[ComponentKind, float]) -> float:
    """Faults per component-hour: the file's, or the default."""
    return given.get(kind, FAULT_RATES[kind])
