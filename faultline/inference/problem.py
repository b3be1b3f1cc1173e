"""From evidence to a problem: rows of likelihood, and for each hypothesis the rows it can move.

Goes in: `Evidence`. Comes out: `Problem`. A hypothesis is a mode of a group of components whose columns are the same, so that no
evidence at hand can tell them apart; or a mode of both directions of a segment at once. Knows nothing of search.

Columns: a path exposes its components, an end point itself with its host and services, a counter its component. What is down
takes more with it: a device its adjacent links, a site everything inside, a server its services.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence

import attrs

from faultline.inference.beside import busy_hosts_us, clock_steps, is_stale, tails_of
from faultline.inference.crossing import ONCE, Crossing, crossings, either, is_one_flow, once, shares_of, together
from faultline.inference.faults import (
    BOTH_WAYS,
    GRIDS,
    NEVER_BLAMED,
    SHARES,
    Grid,
    mtu_grid,
)
from faultline.inference.likelihood import EitherWay, Row
from faultline.inference.likelihood_delay import delay_row, response_row
from faultline.inference.likelihood_loss import loss_row, mtu_row
from faultline.inference.likelihood_requests import by_path, failure_row, zero_window_row
from faultline.inference.likelihood_told import ToldRow, silence_row, told_modes, told_row, yes_or_no
from faultline.inference.observed import (
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
from faultline.inference.priors import component_priors, is_work
from faultline.records.terms import ComponentKind, Mode, Owner

Column = tuple[tuple[int, Crossing], ...]
"""Rows, in order, with how they cross."""

ROUTE_SENSITIVITY, ROUTE_FALSE = 0.99, 1e-8
LINK_ENDS = 2


@attrs.frozen(slots=True, kw_only=True, eq=False)
class Hypothesis:
    """Something that may be wrong."""

    index: int
    mode: Mode
    groups: tuple[tuple[int, ...], ...]
    """Inseparable components, by position; two groups: both directions of a segment at once."""
    columns: tuple[Column, ...]
    """One a group."""
    column: Column
    """Of all groups together."""
    log_prior: float
    shares: Mapping[int, float]
    """Of a group's probability, by component."""

    @property
    def members(self) -> frozenset[int]:
        """All components."""
        return frozenset(c for group in self.groups for c in group)


@attrs.frozen(slots=True, kw_only=True, eq=False)
class Problem:
    """What a solver works on."""

    evidence: Evidence
    components: tuple[Component, ...]
    """The listed ones, then the implied."""
    rows: tuple[Row, ...]
    """One an observation, in order of the document's known ones."""
    hypotheses: tuple[Hypothesis, ...]
    grids: Mapping[Mode, Grid]
    priors: tuple[float, ...]
    """Probability of a fault in this window, by component."""
    unmeasured: float
    """Expected faults among components that nothing looked at."""

    @property
    def observations(self) -> tuple[Observation, ...]:
        """One a row."""
        return self.evidence.observations


def build(evidence: Evidence, *, only: frozenset[int] | None = None, beside: float = 0.0) -> Problem:
    """Compile evidence.

    Args:
        evidence: what was observed.
        only: components to make hypotheses of, where the others were found not to matter.
        beside: odds of what those hold.
    """
    builder = _Builder(evidence, only)
    builder.expose()
    rows = builder.rows()
    priors = component_priors(builder.components, evidence)
    hypotheses = builder.hypotheses(rows, priors)
    measured = {c for hypothesis in hypotheses for c in hypothesis.members}
    return Problem(
        evidence=evidence,
        components=tuple(builder.components),
        rows=tuple(rows),
        hypotheses=tuple(hypotheses),
        grids={**GRIDS, Mode.MTU: mtu_grid([o.size for o in evidence.observations if isinstance(o, Mtu)])},
        priors=tuple(priors),
        unmeasured=beside
        + math.fsum(
            prior
            for number, (prior, c) in enumerate(zip(priors, builder.components, strict=True))
            if only is None and number not in measured and c.kind not in {*NEVER_BLAMED, ComponentKind.SITE}
        ),
    )


class _Builder:
    """Exposures of components, gathered in one pass over the observations."""

    def __init__(self, evidence: Evidence, only: frozenset[int] | None) -> None:
        self._evidence = evidence
        self._only = only
        self.components = list(evidence.components)
        self._exposed: list[dict[int, Crossing]] = [{} for _ in self.components]
        """By component: rows it is measured by, for any mode but `down`."""
        self._extra: dict[int, set[int]] = defaultdict(set)
        """What is down takes these with it."""
        self._implied: dict[str, int] = {}
        self._sites = {str(c.id): c.site for c in evidence.components}
        self._senders = {n: str(o.raw["sender"]) for n, o in enumerate(evidence.observations) if o.raw.get("sender") is not None}
        """Who said it, by row; what was measured nobody said."""
        self._servers_of: dict[int, list[int]] = defaultdict(list)
        self._probes_at = Counter(o.site for o in evidence.observations if isinstance(o, Silence))
        for number, component in enumerate(evidence.components):
            for service in component.hosts:
                self._servers_of[service].append(number)

    # ---- exposure -----------------------------------------------------------------------------------------------
    def expose(self) -> None:
        """Fill the columns."""
        neighbours: set[tuple[int, ...]] = set()
        for number, observation in enumerate(self._evidence.observations):
            match observation:
                case Loss() | Delay() | Mtu() | Response():
                    self._paths(number, observation.paths, neighbours)
                    self._endpoint(number, observation.endpoint if isinstance(observation, Response) else None)
                case Failure():
                    if by_path(observation.outcome) or observation.failed:
                        self._paths(number, observation.paths, neighbours)
                    self._endpoint(number, observation.endpoint, zone_only=observation.outcome in {"servfail", "nxdomain"})
                case ZeroWindow():
                    self._endpoint(number, observation.endpoint)
                case Told():
                    if observation.component is not None and not is_work(observation.name):
                        self._exposed[observation.component][number] = ONCE
                case Silence():
                    self._silence(number, observation, neighbours)
                case RouteChange():
                    self._route(number, observation)
        self._take_along(neighbours)

    def _paths(self, number: int, paths: Sequence[Path], neighbours: set[tuple[int, ...]]) -> None:
        exposed = self._exposed
        if len(paths) == 1 and paths[0].weight == 1.0:
            via = paths[0].via
            neighbours.add(via)
            for c in via:
                row = exposed[c]
                row[number] = together(row[number], ONCE) if number in row else ONCE
            return
        neighbours.update(path.via for path in paths)
        for c, crossing in crossings(paths, one_flow=is_one_flow(self._evidence.observations[number])).items():
            exposed[c][number] = crossing

    def _endpoint(self, number: int, endpoint: int | None, *, zone_only: bool = False) -> None:
        """The end point, what it hosts and what hosts it; a name server's refusal speaks of its zone alone."""
        if endpoint is None:
            return
        hosted = self._evidence.components[endpoint].hosts
        concerned = hosted if zone_only and hosted else (endpoint, *hosted, *self._servers_of[endpoint])
        for c in concerned:
            self._exposed[c].setdefault(number, ONCE)

    def _silence(self, number: int, observation: Silence, neighbours: set[tuple[int, ...]]) -> None:
        probe = observation.probe_component
        if probe is None:
            probe = self._imply(str(observation.probe), ComponentKind.PROBE)
        self._exposed[probe][number] = ONCE
        self._paths(number, observation.paths, neighbours)
        if observation.site_component is not None:
            self._exposed[observation.site_component][number] = ONCE
        if observation.site is not None and self._probes_at[observation.site] > 1:
            # All probes of a building may have lost nothing but their common way to us.
            way = self._imply(f"way to the collector from {observation.site}", ComponentKind.PROBE)
            self._exposed[way][number] = ONCE

    def _route(self, number: int, observation: RouteChange) -> None:
        routes = [c for c in observation.components if self._evidence.components[c].kind is ComponentKind.ROUTE]
        if not routes:
            routes = [self._imply(f"{observation.start} to {observation.end}", ComponentKind.ROUTE)]
        for c in routes:
            self._exposed[c][number] = ONCE

    def _imply(self, name: str, kind: ComponentKind) -> int:
        """A component for what the file names without listing it."""
        if name not in self._implied:
            self._implied[name] = len(self.components)
            self.components.append(Component(id=name, kind=kind, owner=Owner.UNKNOWN, implied=True))
            self._exposed.append({})
        return self._implied[name]

    def _ends_of_links(self, neighbours: Iterable[tuple[int, ...]]) -> Mapping[int, set[int]]:
        """Devices beside each link on any path."""
        links = {ComponentKind.SEGMENT, ComponentKind.LINK}
        kinds = [c.kind for c in self.components]
        beside: dict[int, set[int]] = defaultdict(set)
        for via in neighbours:
            for one, other in itertools.pairwise(via):
                for device, link in ((one, other), (other, one)):
                    if kinds[device] is ComponentKind.DEVICE and kinds[link] in links:
                        beside[link].add(device)
                        back = self.components[link].reverse
                        if back is not None:
                            beside[back].add(device)
        return beside

    def _take_along(self, neighbours: Iterable[tuple[int, ...]]) -> None:
        for link, devices in self._ends_of_links(neighbours).items():
            # A link that many devices meet at is a network: it outlives each of them.
            if len(devices) <= LINK_ENDS:
                for device in devices:
                    self._extra[device].add(link)
        sites = {c.id: number for number, c in enumerate(self.components) if c.kind is ComponentKind.SITE}
        for number, component in enumerate(self.components):
            home = sites.get(component.site) if component.site is not None else None
            if home is not None and home != number:
                self._extra[home].add(number)
            if component.kind is ComponentKind.SERVER and component.hosts:
                self._extra[number].update(component.hosts)

    # ---- rows ---------------------------------------------------------------------------------------------------
    def _poll(self, o: Told) -> tuple[int, frozenset[Mode]]:
        """Place, either direction, and what it would be a sign of."""
        c = -1 if o.component is None else o.component
        back = self.components[c].reverse if c >= 0 else None
        return (c if back is None else min(c, back), told_modes(o.name))

    def rows(self) -> list[Row]:
        """One likelihood an observation."""
        seconds = self._evidence.seconds
        clocks, hosts_us = clock_steps(self._evidence), busy_hosts_us(self._evidence)
        moved = [o for o in self._evidence.observations if isinstance(o, RouteChange)]
        tails = tails_of(self._evidence.observations)
        witnesses = Counter(
            c
            for o in self._evidence.observations
            if isinstance(o, Loss) and o.source != "active"
            for p in o.paths
            for c in set(p.via)
        )
        clean = Counter(self._poll(o) for o in self._evidence.observations if isinstance(o, Told) and not o.raised)
        rows: list[Row] = []
        for number, o in enumerate(self._evidence.observations):
            if isinstance(o, Loss):
                seen = min((witnesses[c] for path in o.paths for c in path.via), default=1)
                before = o.source == "active" and not o.round_trip and o.paths in tails.heads
                rows.append(loss_row(o, seconds, witnesses=seen, answered=tails.answered.get(number, 0.0), before=before))
            elif isinstance(o, Told):
                rows.append(told_row(o, alike=clean[self._poll(o)]))
            elif isinstance(o, Delay):
                trust = 0.0 if any(is_stale(o.paths, route) for route in moved) else 1.0
                rows.append(delay_row(o, seconds, extra_us=clocks.get(number, 0.0), hosts_us=hosts_us, trust=trust))
            elif isinstance(o, Response):
                rows.append(response_row(o, seconds, hosts_us=hosts_us))
            else:
                rows.append(_row(o, seconds))
        return [EitherWay(row=row) if is_one_flow(o) else row for row, o in zip(rows, self._evidence.observations, strict=True)]

    # ---- hypotheses ---------------------------------------------------------------------------------------------
    def hypotheses(self, rows: Sequence[Row], priors: Sequence[float]) -> list[Hypothesis]:
        """Groups of components with equal columns, a mode each, and both directions of segments at once."""
        found: list[Hypothesis] = []
        modes_of_row = [row.modes for row in rows]
        for mode in Mode:
            members: dict[Hashable, tuple[Column, list[int]]] = {}
            for number in self._candidates():
                if mode in SHARES[self.components[number].kind]:
                    column = self._column(number, mode, modes_of_row)
                    if column and self._speaks(column, mode, rows):
                        # Our own equipment is never one class with the network: the ones are blamed, the others not. Of two ways
                        # that are as likely a fault of the one looks like one of the other.
                        alike = tuple((row, shares_of(crossing)) for row, crossing in column)
                        key = (alike, self.components[number].kind in NEVER_BLAMED)
                        members.setdefault(key, (column, []))[1].append(number)
            self._add_mode(found, mode, members.values(), priors)
        return found

    def _candidates(self) -> Iterable[int]:
        if self._only is None:
            return range(len(self.components))
        return [*sorted(self._only), *range(len(self._evidence.components), len(self.components))]

    @staticmethod
    def _speaks(column: Column, mode: Mode, rows: Sequence[Row]) -> bool:
        """Whether the mode leaves a mark of its own: without delays a queue is no more than the loss it may bring."""
        return mode is not Mode.CONGESTION or any(
            mode not in rows[row].flat or isinstance(rows[row], ToldRow) for row, _ in column
        )

    def _column(self, number: int, mode: Mode, modes_of_row: Sequence[frozenset[Mode]]) -> Column:
        exposed = self._exposed[number]
        if mode is Mode.DOWN:
            exposed = self._taken(number) if self._extra.get(number) else {r: once(w) for r, w in exposed.items()}
        column = tuple(
            sorted(((row, crossing) for row, crossing in exposed.items() if mode in modes_of_row[row]), key=lambda item: item[0])
        )
        times = {weights for _, weights in column}
        twice = next(iter(times)) if len(times) == 1 else ()
        if isinstance(twice, tuple) and len(twice) > 1:
            # Crossed twice by everything that crosses it at all: half the severity does the same.
            return tuple((row, once(weights)) for row, weights in column)
        return column

    def _taken(self, number: int) -> dict[int, Crossing]:
        """Rows of a component and of all it takes along; a path through several of them is interrupted once."""
        taken = {number, *self._extra[number]}
        for c in tuple(taken):
            if c != number:
                taken.update(self._extra.get(c, ()))
        rows: dict[int, Crossing] = {}
        for c in taken:
            for row, crossing in self._exposed[c].items():
                if c == number or not self._told_from(number, row):
                    rows[row] = either(rows[row], crossing) if row in rows else once(crossing)
        return rows

    def _told_from(self, number: int, row: int) -> bool:
        """Whether what is in question said it itself, or something inside it: who tells of a dead port is not dead."""
        sender = self._senders.get(row)
        if sender is None:
            return False
        place = self.components[number].id
        return str(place) == sender or self._sites.get(sender) == place

    def _add_mode(
        self,
        found: list[Hypothesis],
        mode: Mode,
        members: Iterable[tuple[Column, list[int]]],
        priors: Sequence[float],
    ) -> None:
        group_of: dict[int, tuple[tuple[int, ...], Column]] = {}
        for column, numbers in members:
            group = tuple(numbers)
            mass = {c: self._mass(c, mode, priors) for c in group}
            total = math.fsum(mass.values())
            if total <= 0:
                continue
            found.append(
                Hypothesis(
                    index=len(found),
                    mode=mode,
                    groups=(group,),
                    columns=(column,),
                    column=column,
                    log_prior=math.log(total),
                    shares={c: m / total for c, m in mass.items()},
                )
            )
            group_of.update(dict.fromkeys(group, (group, column)))
        self._add_pairs(found, mode, group_of, priors)

    def _mass(self, number: int, mode: Mode, priors: Sequence[float]) -> float:
        component = self.components[number]
        alone = 1.0 if component.reverse is None else 1 - BOTH_WAYS.get(mode, 0.0)
        return priors[number] * SHARES[component.kind][mode] * alone

    def _add_pairs(
        self,
        found: list[Hypothesis],
        mode: Mode,
        group_of: Mapping[int, tuple[tuple[int, ...], Column]],
        priors: Sequence[float],
    ) -> None:
        if mode not in BOTH_WAYS:
            return
        pairs: dict[tuple[tuple[int, ...], tuple[int, ...]], float] = defaultdict(float)
        weight: dict[tuple[tuple[int, ...], tuple[int, ...]], dict[int, float]] = defaultdict(dict)
        for number in self._candidates():
            component = self.components[number]
            back = component.reverse
            if back is None or back < number or number not in group_of or back not in group_of:
                continue
            one, other = group_of[number][0], group_of[back][0]
            if one == other:
                continue  # never told apart: the group itself holds both directions
            key = (one, other) if one < other else (other, one)
            mass = (priors[number] + priors[back]) * SHARES[component.kind][mode] * BOTH_WAYS[mode]
            pairs[key] += mass
            weight[key][number] = weight[key][back] = mass
        for (one, other), mass in pairs.items():
            if mass <= 0:
                continue
            columns = (group_of[one[0]][1], group_of[other[0]][1])
            members = weight[one, other]
            found.append(
                Hypothesis(
                    index=len(found),
                    mode=mode,
                    groups=(tuple(c for c in one if c in members), tuple(c for c in other if c in members)),
                    columns=columns,
                    column=_union(*columns),
                    log_prior=math.log(mass),
                    shares={c: m / mass for c, m in members.items()},
                )
            )


def _row(o: Observation, seconds: float) -> Row:  # noqa: PLR0911 - a case a kind
    match o:
        case Loss():
            return loss_row(o, seconds)
        case Delay():
            return delay_row(o, seconds)
        case Failure():
            return failure_row(o, seconds)
        case Response():
            return response_row(o, seconds)
        case ZeroWindow():
            return zero_window_row(o, seconds)
        case Told():
            return told_row(o)
        case Mtu():
            return mtu_row(o, seconds)
        case Silence():
            return silence_row(o)
        case RouteChange():
            return yes_or_no(True, ROUTE_SENSITIVITY, ROUTE_FALSE, frozenset({Mode.ROUTE}))


def _union(one: Column, other: Column) -> Column:
    rows = dict(one)
    for row, crossing in other:
        rows[row] = together(rows[row], crossing) if row in rows else crossing
    return tuple(sorted(rows.items(), key=lambda item: item[0]))
