"""Large networks: keep what can matter, in bulk, before anything is weighed one by one.

Goes in: evidence of many components. Comes out: the components that something speaks for, with every observation that crosses
them, clean ones of the same kind and place added up; and the odds of all the rest together. Nothing is decided here: what is left
out has less than `LEAST_NATS` of evidence for any mode, so beside anything that can be blamed it holds no mass.

The search for faults is repeated here in its plainest form (best first, taken out, again) only to keep what matters; the real
one starts afresh on what was kept. Sums are exact for test packets: binomials over the same background with the same exposure
add up. Needs numpy.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import attrs
import numpy as np

from faultline.inference.bulk import DelayBulk, LossBulk
from faultline.inference.faults import GRIDS, HEALTHY, NEVER_BLAMED, SHARES, State, worsened
from faultline.inference.likelihood_delay import delay_row
from faultline.inference.likelihood_loss import ACTIVE_BACKGROUND, loss_row
from faultline.inference.observed import (
    NO_QUALITY,
    Component,
    Delay,
    Evidence,
    Failure,
    Loss,
    Mtu,
    Observation,
    Path,
    Response,
    RouteChange,
    Silence,
    Told,
    ZeroWindow,
)
from faultline.inference.priors import component_priors
from faultline.inference.search import MOST_FAULTS
from faultline.records.terms import ComponentKind, Mode

Array = np.ndarray[Any, np.dtype[np.float64]]
LEAST_NATS = 3.0
QUIET_SPREADS = 4.0
"""A delay that moved by less than this many of its baseline's deviations is not looked at in the screening."""
QUIET_US = 120.0
LEAST_WATCHED = 10
"""Components kept for the detection floor where nothing is suspected: those with the fewest packets."""
CHUNK = 200_000
CLOSE_NATS = 20.0
"""What explains a fault's rows this nearly as well is kept beside it."""
LINKS = frozenset({ComponentKind.SEGMENT, ComponentKind.LINK})


@attrs.frozen(slots=True, kw_only=True)
class Screened:
    """What is left to weigh."""

    evidence: Evidence
    kept: frozenset[int]
    """Components that hypotheses are made of."""
    odds: float
    """Of everything that was left out."""


@attrs.define(slots=True, kw_only=True, eq=False)
class _Crossings:
    """Rows and components as flat arrays, one entry a crossing."""

    row: Any
    component: Any
    weight: Array


def screen(evidence: Evidence) -> Screened:
    """Reduce evidence to what can matter."""
    observations = evidence.observations
    crossings = _crossings(observations)
    size = len(evidence.components)
    marks, watched, rest, down = _path_scores(evidence, crossings)
    others = {number: o for number, o in enumerate(observations) if type(o) is not Loss and type(o) is not Delay}
    kept = {int(c) for c in np.flatnonzero(marks)} | set(_alarming(others.values()))
    kept |= _kin(evidence.components, kept)
    if not kept:
        measured = np.flatnonzero(watched > 0)
        kept = {int(c) for c in measured[np.argsort(watched[measured], kind="stable")[:LEAST_WATCHED]]}
    kept, looked = _with_devices(evidence, crossings, kept, down)
    flags = np.zeros(size, dtype=bool)
    flags[list(looked)] = True
    rows = np.zeros(len(observations), dtype=bool)
    rows[crossings.row[flags[crossings.component]]] = True
    rows[[number for number, o in others.items() if _touches(o, looked)]] = True
    chosen = _added_up([observations[number] for number in np.flatnonzero(rows)], looked)
    outside = np.ones(size, dtype=bool)
    outside[list(kept)] = False
    return Screened(
        evidence=attrs.evolve(evidence, observations=tuple(chosen)),
        kept=frozenset(kept),
        odds=float(rest[outside].sum()),
    )


def _crossings(observations: Sequence[Observation]) -> _Crossings:
    rows, lengths, weights = [], [], []
    vias: list[tuple[int, ...]] = []
    for number, o in enumerate(observations):
        for path in getattr(o, "paths", ()):
            rows.append(number)
            lengths.append(len(path.via))
            weights.append(path.weight)
            vias.append(path.via)
    counts = np.array(lengths, dtype=np.int64)
    return _Crossings(
        row=np.repeat(np.array(rows, dtype=np.int64), counts),
        component=np.fromiter(chain.from_iterable(vias), dtype=np.int64, count=int(counts.sum())),
        weight=np.repeat(np.array(weights, dtype=np.float64), counts),
    )


# ---- scores by component -----------------------------------------------------------------------------------------
def _path_scores(evidence: Evidence, crossings: _Crossings) -> tuple[Any, Array, Array, Array]:
    """Components that something speaks for; test packets that crossed each; the odds of each; what speaks for its being down.

    Whoever shares a path with a fault looks guilty until the fault is taken out: the best is taken out, with what explains as
    much kept beside it, until nothing is left that pays for its prior.
    """
    size = len(evidence.components)
    clean, dirty, delays = _sorted_out(evidence.observations)
    watched: Array = np.asarray(
        np.bincount(crossings.component, weights=clean[crossings.row] * (crossings.weight == 1.0), minlength=size)
    )
    priors = np.array(component_priors(evidence.components, evidence))
    loss = LossBulk({k: loss_row(o, evidence.seconds) for k, o in dirty.items()})
    delay = DelayBulk({k: delay_row(o, evidence.seconds) for k, o in delays.items()})
    nothing = np.zeros(size)
    tables = [
        _Table(mode=mode, bulk=bulk, numbers=np.array(list(numbers), dtype=np.int64), crossings=crossings, base=base)
        for mode, bulk, numbers, base in (
            (Mode.LOSS, loss, dirty, watched),
            (Mode.DOWN, loss, dirty, watched),
            (Mode.DELAY, delay, delays, nothing),
            (Mode.CONGESTION, delay, delays, nothing),
        )
        if numbers or base is watched
    ]
    crossed = np.bincount(crossings.component, minlength=size) > 0
    kinds = [c.kind for c in evidence.components]
    possible = {t.mode: np.where(crossed, priors * np.array([_share(kind, t.mode) for kind in kinds]), 0.0) for t in tables}
    marks = _taken_out(tables, possible, crossings)
    odds = np.zeros(size)
    for table in tables:
        marks |= table.nats > LEAST_NATS
        odds += possible[table.mode] * np.exp(np.minimum(table.nats, 0.0))
    return marks, watched, odds, next((t.nats for t in tables if t.mode is Mode.DOWN), nothing)


def _share(kind: ComponentKind, mode: Mode) -> float:
    return 0.0 if kind in NEVER_BLAMED else SHARES[kind].get(mode, 0.0)


def _taken_out(tables: Sequence[_Table], possible: Mapping[Mode, Array], crossings: _Crossings) -> Any:
    """Faults found one after the other, each with what explains nearly as much."""
    marks = np.zeros(len(tables[0].totals), dtype=bool) if tables else np.zeros(0, dtype=bool)
    with np.errstate(divide="ignore"):
        prior = {mode: np.log(values) for mode, values in possible.items()}
    faults: list[tuple[Mode, float, Any]] = []
    for _ in range(MOST_FAULTS):
        scores = [np.where(prior[t.mode] > -np.inf, t.nats + prior[t.mode], -np.inf) for t in tables]
        best = max(range(len(tables)), key=lambda k: (float(scores[k].max(initial=-np.inf)), -k), default=None)
        if best is None or not scores[best].size or scores[best].max() <= -LEAST_NATS:
            break
        chosen = int(scores[best].argmax())
        for table, score in zip(tables, scores, strict=True):
            marks |= (score > scores[best][chosen] - CLOSE_NATS) & (table.nats > LEAST_NATS)
        marks[chosen] = True
        severity = tables[best].severity(chosen)
        rows = np.unique(crossings.row[crossings.component == chosen])
        faults.append((tables[best].mode, severity, rows))
        for table in tables:
            table.suppose(faults, rows)
    return marks


@attrs.define(slots=True, kw_only=True, eq=False)
class _Table:
    """A mode: what each severity does to each row that is not clean, and their sums by component."""

    mode: Mode
    bulk: LossBulk | DelayBulk
    numbers: Any
    """Rows that are not clean, ascending."""
    crossings: _Crossings
    base: Array
    """Test packets of clean rows by component: what they say is linear in them, whatever else is wrong."""
    table: Array = attrs.field(init=False)
    totals: Array = attrs.field(init=False)
    nats: Array = attrs.field(init=False)
    """Log of the mean over severities, by component."""

    def __attrs_post_init__(self) -> None:
        """Compute everything once; weights below one count as one for what speaks for a fault."""
        grid = GRIDS[self.mode]
        self.totals = self.base[:, None] * np.log1p(-np.minimum(_ratios(self.mode), 1 - 1e-6))[None, :]
        self.table = np.zeros((len(self.numbers), len(grid.values)))
        for start in range(0, len(self.numbers), CHUNK):
            part = self.numbers[start : start + CHUNK]
            self.table[start : start + CHUNK] = self._computed(part, [HEALTHY] * len(part))
        at, component = self._incidence(self.numbers)
        for k in range(len(grid.values)):
            self.totals[:, k] += np.bincount(component, weights=self.table[at, k], minlength=len(self.base))
        self._finish()

    def _computed(self, numbers: Any, states: Sequence[State]) -> Array:
        return self.bulk.ratios(self.mode, [(int(n), (1.0,)) for n in numbers], states, GRIDS[self.mode].values)

    def _incidence(self, numbers: Any) -> tuple[Any, Any]:
        """Places in `numbers` and components of their crossings."""
        row = self.crossings.row
        place = np.full(int(row.max(initial=0)) + 1, -1, dtype=np.int64)
        place[numbers] = np.arange(len(numbers))
        at = place[row]
        inside = at >= 0
        return at[inside], self.crossings.component[inside]

    def _finish(self) -> None:
        self.nats = np.logaddexp.reduce(self.totals + np.array(GRIDS[self.mode].log_weights)[None, :], axis=1)

    def severity(self, component: int) -> float:
        """The best severity of a component."""
        grid = GRIDS[self.mode]
        return grid.values[int((self.totals[component] + np.array(grid.log_weights)).argmax())]

    def suppose(self, faults: Sequence[tuple[Mode, float, Any]], rows: Any) -> None:
        """Compute the given rows again under all faults found so far."""
        touched = np.intersect1d(self.numbers, rows, assume_unique=True)
        if not len(touched):
            return
        inside = [(mode, severity, set(map(int, np.intersect1d(touched, own)))) for mode, severity, own in faults]
        states = []
        for number in map(int, touched):
            state = HEALTHY
            for mode, severity, own in inside:
                if number in own:
                    state = worsened(state, mode, severity, (1.0,))
            states.append(state)
        places = np.searchsorted(self.numbers, touched)
        fresh = self._computed(touched, states)
        at, component = self._incidence(touched)
        np.add.at(self.totals, component, (fresh - self.table[places])[at])
        self.table[places] = fresh
        self._finish()


def _ratios(mode: Mode) -> Array:
    """Severities as ratios of lost packets; none for modes that lose nothing."""
    values = np.array(GRIDS[mode].values)
    return values if mode in {Mode.LOSS, Mode.DOWN} else np.zeros(len(values))


def _sorted_out(observations: Sequence[Observation]) -> tuple[Array, dict[int, Loss], dict[int, Delay]]:
    """Packets of rows without loss; rows with loss; delays that moved."""
    clean = np.zeros(len(observations))
    dirty: dict[int, Loss] = {}
    delays: dict[int, Delay] = {}
    for number, o in enumerate(observations):
        if type(o) is Loss:
            if o.lost > 0:
                dirty[number] = o
            elif o.source == "active" and o.quality is NO_QUALITY:
                clean[number] = o.sent / (o.burst or 1.0)
        elif type(o) is Delay and o.baseline is not None and o.median_us is not None:
            rise = o.median_us - o.baseline.median_us
            if o.p90_us is not None and o.baseline.p90_us is not None:
                rise = max(rise, o.p90_us - o.baseline.p90_us)
            if rise > QUIET_US + QUIET_SPREADS * o.baseline.mad_us:
                delays[number] = o
    return clean, dirty, delays


# ---- what belongs to it ------------------------------------------------------------------------------------------
def _alarming(observations: Iterable[Observation]) -> Iterable[int]:
    """Components that observations other than of loss and delay speak for."""
    for o in observations:
        match o:
            case Told() if o.raised:
                concerned: Sequence[int | None] = (o.component,)
            case Silence() if o.missed:
                concerned = (o.probe_component, o.site_component)
            case Failure() if o.failed:
                concerned = (o.endpoint, *chain.from_iterable(p.via for p in o.paths))
            case Response() if o.baseline is None or o.median_us > o.baseline.median_us + 2 * o.baseline.mad_us:
                concerned = (o.endpoint, *chain.from_iterable(p.via for p in o.paths))
            case ZeroWindow() if o.closed_seconds:
                concerned = (o.endpoint,)
            case Mtu() if o.lost:
                concerned = tuple(chain.from_iterable(p.via for p in o.paths))
            case RouteChange():
                concerned = o.components
            case _:
                continue
        yield from (c for c in concerned if c is not None)


def _kin(components: Sequence[Component], kept: set[int]) -> set[int]:
    """Other directions, hosts, services and sites of what is kept."""
    found: set[int] = set()
    homes = {components[c].site for c in kept} - {None}
    for c in kept:
        back = components[c].reverse
        found.update(components[c].hosts, () if back is None else (back,))
    for number, component in enumerate(components):
        home = component.kind is ComponentKind.SITE and component.id in homes
        if home or (component.hosts and kept.intersection(component.hosts)):
            found.add(number)
    return found


def _with_devices(evidence: Evidence, crossings: _Crossings, kept: set[int], down: Array) -> tuple[set[int], set[int]]:
    """What is kept with the devices beside kept links, which may take them along; and everything whose rows must be looked at.

    A device that packets passed is not down, and nothing more need be looked at to know it.
    """
    components = evidence.components
    devices = {c for c in kept if components[c].kind is ComponentKind.DEVICE and down[c] > -CLOSE_NATS}
    for device, link in _neighbours(evidence, crossings, kept):
        if link in kept and down[device] > -CLOSE_NATS:
            devices.add(device)
    found = kept | devices
    sites = {components[c].id for c in found if components[c].kind is ComponentKind.SITE}
    looked = found | {number for number, c in enumerate(components) if sites and c.site in sites}
    looked |= {link for device, link in _neighbours(evidence, crossings, devices) if device in devices}
    return found, looked


def _neighbours(evidence: Evidence, crossings: _Crossings, wanted: set[int]) -> Iterable[tuple[int, int]]:
    """Devices beside links, on the paths that cross any of the wanted."""
    flags = np.zeros(len(evidence.components), dtype=bool)
    flags[list(wanted)] = True
    kinds = [c.kind for c in evidence.components]
    vias: set[tuple[int, ...]] = set()
    for number in np.unique(crossings.row[flags[crossings.component]]):
        vias.update(path.via for path in getattr(evidence.observations[number], "paths", ()))
    for via in vias:
        for one, other in itertools.pairwise(via):
            for device, link in ((one, other), (other, one)):
                if kinds[device] is ComponentKind.DEVICE and kinds[link] in LINKS:
                    yield device, link


def _touches(o: Observation, looked: set[int]) -> bool:
    match o:
        case Told():
            return o.component in looked
        case Response():
            return o.endpoint in looked or any(c in looked for p in o.paths for c in p.via)
        case ZeroWindow() | Failure():
            return o.endpoint in looked
        case Silence() | RouteChange():
            return True
    return False


# ---- adding up ---------------------------------------------------------------------------------------------------
def _added_up(observations: Sequence[Observation], looked: set[int]) -> list[Observation]:
    """Clean rows of test packets with the same exposure, as one."""
    alone: list[Observation] = []
    groups: dict[tuple[tuple[int, ...], float], list[Loss]] = defaultdict(list)
    for o in observations:
        if type(o) is Loss and _is_plain(o):
            exposure = tuple(c for c in o.paths[0].via if c in looked)
            groups[exposure, o.background or ACTIVE_BACKGROUND].append(o)
        else:
            alone.append(o)
    return sorted([*alone, *(_sum(same) for same in groups.values())], key=lambda o: o.number)


def _is_plain(o: Loss) -> bool:
    return (
        o.source == "active"
        and not o.lost
        and not o.round_trip
        and o.quality is NO_QUALITY
        and o.burst is None
        and o.size is None
        and len(o.paths) == 1
        and o.paths[0].weight == 1.0
    )


def _sum(same: Sequence[Loss]) -> Loss:
    first = same[0]
    if len(same) == 1:
        return first
    sent = math.fsum(o.sent for o in same)
    path = Path(via=first.paths[0].via, weight=1.0)
    return attrs.evolve(first, paths=(path,), sent=sent, raw={**first.raw, "sent": sent, "more_paths": len(same) - 1})
