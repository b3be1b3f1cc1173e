"""Healthy days of one network: how often nobody is at fault and somebody is blamed all the same.

Goes in: days, a seed. Comes out: windows, those that can be seen through at once as a number, the others as evidence. Load
follows the hour, every link is a little better or worse each day than history says, and harmless things happen: work in a
declared window, probes that stop, clocks that step, ways that change.

Most windows are plain. Of those all counts are drawn in bulk, and the sum of the odds that the localiser would give to losses and
interruptions is computed for all at once, with the columns, priors and severities of its own compiled problem. Below
`CLEAR` its answer is nothing by its own rule; every other window is put to it as evidence.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from scipy import sparse

from appliance.simnet.proving import carriers, drawing, telling
from appliance.simnet.proving.measuring import Flow, Vantages, sessions
from appliance.simnet.proving.telling import Row
from faultline.inference.document import read
from faultline.inference.faults import GRIDS
from faultline.inference.locate import problem_of
from faultline.inference.problem import Problem
from faultline.records.terms import Mode

Array = np.ndarray[Any, Any]
BRANCHES = 20
HOURS, MINUTES = 24, 60
LEARNED_DAYS = 20
"""History of each hour."""
BUSY = 3.0
"""Losses in the busiest hour, times those of the quietest."""
DRIFT = 0.3
"""Spread of the logarithm of what a link loses on a day, around what it usually loses."""
CLEAR = 0.05
"""Sum of odds below which the probability that nothing is wrong is above 0.95."""
ROUGHLY = 0.9
"""Of that, for sums in single precision."""
CHUNK = 20_000
_MODES = (Mode.LOSS, Mode.DOWN)


class Network:
    """A network in good order, with what its history taught."""

    def __init__(self, seed: int = 1) -> None:
        self.carrier = carriers.hub_and_spoke(BRANCHES)
        self.parts = self.carrier.network.parts
        self.flows: tuple[Flow, ...] = sessions(self.carrier, Vantages.FULL)
        self.sent = np.array([flow.sent for flow in self.flows])
        rng = np.random.default_rng(seed)
        self.usual = drawing.in_order(self.carrier.network, rng).ratio
        hops = drawing.padded([flow.way for flow in self.flows])
        rows, at = np.nonzero(hops >= 0)
        self.crosses = sparse.csr_matrix((np.ones(len(rows)), (rows, hops[rows, at])), shape=(len(self.flows), len(self.parts)))
        packets = self.sent * MINUTES * LEARNED_DAYS
        self.learned = [rng.binomial(packets, self.loss(hour, np.ones(len(self.parts)))) / packets for hour in range(HOURS)]

    def loss(self, hour: int, day: Array) -> Array:
        """Share lost on each way in an hour, links being `day` times as bad as usual."""
        busy = 1 + (BUSY - 1) * (0.5 - 0.5 * math.cos(2 * math.pi * (hour - 2) / HOURS))
        survive = self.crosses @ np.log1p(-np.minimum(0.5, self.usual * day * busy).T)
        found: Array = -np.expm1(survive).T
        return found

    def evidence(self, lost: Array, hour: int, *, without: frozenset[str] = frozenset(), **more: Any) -> dict[str, Any]:
        """A window as it is told; nothing of the vantages `without`."""
        usual = np.maximum(1e-6, self.learned[hour])
        rows = [
            Row(flow=flow, ways=(flow.way,), lost=float(lost[n]), usual=float(usual[n]))
            for n, flow in enumerate(self.flows)
            if flow.start not in without and flow.end not in without
        ]
        document = telling.document(self.carrier.network, rows, expected_faults=None)
        document["observations"] += more.pop("observations", [])
        return document | more


class Sieve:
    """The odds of losses and interruptions for many windows of an hour at once."""

    def __init__(self, network: Network, hour: int) -> None:
        problem = problem_of(read(network.evidence(np.zeros(len(network.flows)), hour)))
        usual = np.array([o["background"] for o in network.evidence(np.zeros(len(network.flows)), hour)["observations"]])
        self._tables = [_Table(problem, mode, network.sent, usual) for mode in _MODES]
        self._beside = problem.unmeasured

    def odds(self, lost: Array) -> Array:
        """Sum of all odds, by window; windows are rows."""
        found: Array = np.sum([table.odds(lost) for table in self._tables], axis=0) + self._beside
        return found

    def doubtful(self, lost: Array) -> Any:
        """Windows whose odds are not below `CLEAR`; few are computed exactly."""
        most = np.sum([table.most(lost) for table in self._tables], axis=0) + self._beside
        near = np.flatnonzero(most >= ROUGHLY * CLEAR)
        return near[self.odds(lost[near]) >= CLEAR]


class _Table:
    def __init__(self, problem: Problem, mode: Mode, sent: Array, usual: Array) -> None:
        own = [h for h in problem.hypotheses if h.mode is mode]
        cells = [(k, row) for k, h in enumerate(own) for row, _ in h.column]
        self._rows = np.zeros((len(own), len(sent)))
        self._rows[tuple(zip(*cells, strict=True))] = 1.0
        self._prior = np.array([h.log_prior for h in own])
        grid = GRIDS[mode]
        self._weights = grid.log_weights
        through = [math.log1p(-min(value, 1 - 1e-6)) for value in grid.values]
        healthy = np.log1p(-usual)
        # Linear in the packets lost: so much for each one lost, so much for all that were sent.
        self._each = [np.log(-np.expm1(healthy + t)) - np.log(usual) - t for t in through]
        self._all = [self._rows @ (sent * t) for t in through]

    def most(self, lost: Array) -> Array:
        """No less than the odds: as if the best severity had been known."""
        best = np.full((len(self._prior), len(lost)), -np.inf, dtype=np.float32)
        counts = np.ascontiguousarray(lost.T, dtype=np.float32)
        for each, every in zip(self._each, self._all, strict=True):
            total = (self._rows * each).astype(np.float32) @ counts
            total += every[:, None].astype(np.float32)
            np.maximum(best, total, out=best)
        return self._sum(best)

    def odds(self, lost: Array) -> Array:
        """Of all hypotheses, severities integrated."""
        total = np.full((len(self._prior), len(lost)), -np.inf)
        for each, every, weight in zip(self._each, self._all, self._weights, strict=True):
            np.logaddexp(total, (self._rows * each) @ lost.T + every[:, None] + weight, out=total)
        return self._sum(total)

    def _sum(self, total: Array) -> Array:
        found: Array = np.exp(np.minimum(500.0, total + self._prior[:, None])).sum(axis=0)
        return found


def plain(network: Network, days: int, seed: int) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Windows of days on which nothing happens: how many were seen through at once, and evidence of those that were not."""
    rng = np.random.default_rng([seed, 1])
    links = rng.lognormal(0.0, DRIFT, size=(days, len(network.parts)))
    for hour in range(HOURS):
        sieve = _sieve(network, hour)
        ratio = np.repeat(network.loss(hour, links), MINUTES, axis=0)
        for start in range(0, len(ratio), CHUNK):
            lost = rng.binomial(network.sent, ratio[start : start + CHUNK])
            doubtful = sieve.doubtful(lost)
            yield len(lost) - len(doubtful), None
            for window in doubtful:
                yield 1, network.evidence(lost[window], hour)


@functools.lru_cache(maxsize=HOURS)
def _sieve(network: Network, hour: int) -> Sieve:
    return Sieve(network, hour)


# ---- harmless events -------------------------------------------------------------------------------------------
def eventful(network: Network, days: int, seed: int) -> Iterator[dict[str, Any]]:
    """One window of each kind of harmless event a day."""
    rng = np.random.default_rng([seed, 2])
    for _ in range(days):
        hour = int(rng.integers(HOURS))
        lost = rng.binomial(network.sent, network.loss(hour, rng.lognormal(0.0, DRIFT, size=len(network.parts))))
        yield _work(network, lost, hour, rng)
        yield _stopped(network, lost, hour, rng)
        yield _clock(network, lost, hour, rng)
        yield _rerouted(network, lost, hour, rng)


def _work(network: Network, lost: Array, hour: int, rng: np.random.Generator) -> dict[str, Any]:
    """A router is restarted in a declared window: for part of the minute nothing passes."""
    device = int(rng.choice(network.carrier.network.devices))
    share = rng.uniform(0.3, 1.0)
    down = np.array([device in flow.way for flow in network.flows])
    gone = np.where(down, np.maximum(lost, np.round(share * network.sent)), lost)
    return network.evidence(gone, hour, maintenance=[network.parts[device].id])


def _stopped(network: Network, lost: Array, hour: int, rng: np.random.Generator) -> dict[str, Any]:
    """A probe stops: nothing of its sessions, and reports are missing."""
    place = str(rng.choice(network.carrier.branches))
    silence = {"kind": "silence", "probe": f"probe-{place}", "missed": 6, "expected": 6}
    return network.evidence(lost, hour, without=frozenset({place}), observations=[silence])


def _clock(network: Network, lost: Array, hour: int, rng: np.random.Generator) -> dict[str, Any]:
    """The clock of a probe steps: there longer, back shorter by as much."""
    place, step_us = str(rng.choice(network.carrier.branches)), float(rng.choice([-1, 1]) * rng.uniform(500, 50_000))
    return network.evidence(lost, hour, observations=list(_delays(network, rng, {place: step_us})))


def _rerouted(network: Network, lost: Array, hour: int, rng: np.random.Generator) -> dict[str, Any]:
    """The carrier takes a longer way from an edge into its core, both ways; traces of that pair show it."""
    place = str(rng.choice([edge for edges in network.carrier.edges for edge in edges]))
    edge, hub = place.removeprefix("at-"), network.carrier.hub_edges[0]
    moved = (f"up-{edge}>", f"up-{edge}<")
    changes = [
        {
            "kind": "route_change",
            "from": start,
            "to": end,
            "components": [network.parts[c].id for c in network.carrier.network.ways(start, end)[0]],
            "changed": [component],
        }
        for start, end, component in ((place, hub, moved[0]), (hub, place, moved[1]))
    ]
    longer_us = rng.uniform(500, 5000)
    delays = [
        o | {key: o[key] + longer_us for key in ("min_us", "median_us", "p90_us")} if set(moved) & set(o["via"]) else o
        for o in _delays(network, rng, {})
    ]
    return network.evidence(lost, hour, observations=[*delays, *changes])


def _delays(network: Network, rng: np.random.Generator, steps_us: dict[str, float]) -> Iterable[dict[str, Any]]:
    """Delays in order, but for clocks: a row's delay grows with its end's clock and falls with its start's."""
    for flow in network.flows:
        usual = 2000.0 + 400.0 * len(flow.way)
        noise = rng.normal(0.0, (8.0, 20.0, 60.0))
        step = steps_us.get(flow.end, 0.0) - steps_us.get(flow.start, 0.0)
        seen = [usual + more + float(n) + step for more, n in zip((0.0, 150.0, 600.0), noise, strict=True)]
        yield {
            "kind": "delay",
            "via": [network.parts[c].id for c in flow.way],
            "n": flow.sent,
            **dict(zip(("min_us", "median_us", "p90_us"), seen, strict=True)),
            "baseline": {"n": 50_000, "min_us": usual, "median_us": usual + 150.0, "mad_us": 40.0, "p90_us": usual + 600.0},
        }


def blamed(verdict: dict[str, Any]) -> list[str]:
    """Sentences of what is blamed."""
    return [str(entry["text"]) for entry in verdict["verdicts"] if entry["blames"]]
