"""The network itself: what happens to packets that cross components at their moments. The truth that no analyzer sees.

Goes in: an inventory, disturbances, arrays of packets. Comes out: where each packet was lost, how long each was under way. Usual
delays belong to the components and come from their ids, so that the same inventory is the same network under every seed. Of a
bundle's alternatives a flow takes one by the hash of its addresses and ports, as routers choose.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np

from appliance.simnet import noise, processes
from appliance.simnet.effects import MILLISECOND_NS, Disturbance
from appliance.simnet.noise import Flags, Ratios, Times
from appliance.simnet.ways import Hop, Packets, Way
from faultline.inventory import Inventory, Line, Position
from faultline.records.incident import Base
from faultline.records.terms import SECOND_NS, ComponentKind, Direction

USUAL_LOSS = 5e-6
"""Of a healthy segment in one direction; five of them are the 2.5e-5 of a clean leased line."""
_DEVICE_NS = 30_000
_SHORTEST_MS, _LONGEST_MS = 0.2, 6.0
"""Usual one-way delays of segments: a campus link to a few hundred kilometres of fibre."""
_MEMBER_MS, _MEMBER_SPREAD_MS = 1.5, 0.1
"""Links of equal cost are about equally long: the alternatives of a bundle differ by some tens of microseconds."""
_CONVERGES_NS = SECOND_NS
"""Routers take so long to send over another alternative when a link of a bundle goes down."""


class Plant:
    """Everything physical. Disturbances may be added while time goes on.

    Args:
        inventory: the network.
        seed: of what comes and goes in time: bursts and queues.
    """

    def __init__(self, inventory: Inventory, *, seed: int = 0) -> None:
        self._inventory = inventory
        self._seed = seed
        self.disturbances: list[Disturbance] = []
        self._hops: dict[tuple[Way, tuple[int, ...]], tuple[Hop, ...]] = {}

    # ---- ways ------------------------------------------------------------------------------------------------------
    def way(self, line: Line, direction: Direction, start: Position | None = None, end: Position | None = None) -> Way:
        """What packets cross between two positions of a line (None: from its end, to its end)."""
        first, last = (start, end) if direction is Direction.A_TO_Z else (end, start)
        low = -np.inf if first is None else first.place
        high = np.inf if last is None else last.place
        return Way(line.code, direction, float(min(low, high)), float(max(low, high)))

    def hops(self, way: Way, choice: tuple[int, ...] | None = None) -> tuple[Hop, ...]:
        """The components of a way in the packets' order; `choice` has an alternative for each bundle on it."""
        chosen = choice if choice is not None else (0,) * len(self.bundles(way))
        key = (way, chosen)
        if key not in self._hops:
            found = tuple(self._expanded(way, chosen))
            self._hops[key] = found if way.direction is Direction.A_TO_Z else found[::-1]
        return self._hops[key]

    def bundles(self, way: Way) -> list[Base]:
        """Bundles on a way, from A to Z."""
        path = self._inventory.lines[way.line].path
        return [b for place, b in enumerate(path) if way.low <= place <= way.high and self._inventory.components[b].paths]

    def _expanded(self, way: Way, choice: tuple[int, ...]) -> Iterator[Hop]:
        alternatives = iter(choice)
        for place, base in enumerate(self._inventory.lines[way.line].path):
            if not way.low <= place <= way.high:
                continue
            paths = self._inventory.components[base].paths
            if not paths:
                yield Hop(base, way.direction, float(place))
                continue
            members = paths[next(alternatives)]
            for number, member in enumerate(members, start=1):
                yield Hop(Base(member), way.direction, place - 0.5 + number / (len(members) + 1), base)

    def choices(self, way: Way, crossing: Packets) -> list[tuple[tuple[int, ...], Flags | None]]:
        """Which alternatives the packets take: each combination with its packets; None stands for all of them."""
        bundles = self.bundles(way)
        if not bundles:
            return [((), None)]
        taken = np.stack([self._taken(bundle, way.direction, crossing) for bundle in bundles])
        combinations = np.unique(taken, axis=1).T.tolist()
        return [(tuple(one), (taken == np.array(one)[:, None]).all(axis=0)) for one in combinations]

    def _taken(self, bundle: Base, direction: Direction, crossing: Packets) -> Times:
        paths = self._inventory.components[bundle].paths
        found: Times = (crossing.lots + noise.hashed(bundle, direction.value)) % len(paths)
        for one in self.disturbances:
            members = [number for number, path in enumerate(paths) if one.component in path]
            if one.effect.rerouted and (one.component == bundle or members):
                moved = _during(one, crossing.at_ns)
            elif one.effect.down and members:
                moved = _during(one, crossing.at_ns) & (crossing.at_ns >= one.begin_ns + _CONVERGES_NS)
            else:
                continue
            affected = moved & (np.isin(found, members) if members else True)
            if len(members) < len(paths):
                others = [number for number in range(len(paths)) if number not in members]
                found[affected] = [others[(number + 1) % len(others)] for number in found[affected].tolist()]
        return found

    # ---- crossing --------------------------------------------------------------------------------------------------
    def cross(self, way: Way, crossing: Packets, draw: np.random.Generator) -> Ratios:
        """Where each packet is lost, as a place on the line; NaN: it arrives. One draw a packet, whatever happens."""
        fates = draw.random(len(crossing))
        places = np.full(len(crossing), np.nan)
        for choice, chosen in self.choices(way, crossing):
            mine, fate = (crossing, fates) if chosen is None else (crossing.of(chosen), fates[chosen])
            lost_at = np.full(len(mine), np.nan)
            lost_before = np.zeros(len(mine))
            for hop in self.hops(way, choice):
                lost_here = 1.0 - (1.0 - lost_before) * (1.0 - self._loss(hop, mine))
                lost_at[(lost_before <= fate) & (fate < lost_here)] = hop.place
                lost_before = lost_here
            if chosen is None:
                return lost_at
            places[chosen] = lost_at
        return places

    def delay_ns(self, way: Way, crossing: Packets) -> Times:
        """One-way delay, queues of disturbances included, without the noise of a healthy network."""
        return self._delays(way, crossing, usual=True)

    def added_ns(self, way: Way, crossing: Packets) -> Times:
        """What disturbances add to the delay."""
        return self._delays(way, crossing, usual=False)

    def _delays(self, way: Way, crossing: Packets, *, usual: bool) -> Times:
        found = np.zeros(len(crossing), np.int64)
        if not usual and not self.disturbances:
            return found
        for choice, chosen in self.choices(way, crossing):
            mine = crossing if chosen is None else crossing.of(chosen)
            hops = self.hops(way, choice)
            total = np.full(len(mine), sum(self.usual_ns(hop) for hop in hops) if usual else 0, np.int64)
            for hop, one in self._hit(hops):
                hit = _during(one, mine.at_ns)
                total[hit] += one.effect.delay_ns
                if one.effect.queue_ns:
                    total[hit] += self._queue(hop, one).at(mine.at_ns[hit])[0]
            found[slice(None) if chosen is None else chosen] = total
        return found

    def expected_loss(self, way: Way, crossing: Packets) -> Ratios:
        """Share of such packets that is lost over time: what a sender's progress depends on."""
        found = np.zeros(len(crossing))
        for choice, chosen in self.choices(way, crossing):
            mine = crossing if chosen is None else crossing.of(chosen)
            passed = np.ones(len(mine))
            for _, one in self._hit(self.hops(way, choice)):
                ratio = max(one.effect.loss_ratio, one.effect.burst_ratio, float(one.effect.down or one.effect.dark))
                stopped = mine.octets > one.effect.mtu_octets if one.effect.mtu_octets is not None else np.zeros(len(mine), bool)
                passed *= 1.0 - np.where(_during(one, mine.at_ns), np.where(stopped, 1.0, ratio), 0.0)
            found[slice(None) if chosen is None else chosen] = 1.0 - passed
        return found

    def _loss(self, hop: Hop, crossing: Packets) -> Ratios | float:
        usual = USUAL_LOSS if self._is_segment(hop.base) else 0.0
        passed: Ratios | None = None
        for one in self._at(hop):
            if passed is None:
                passed = np.full(len(crossing), 1.0 - usual)
            hit = _during(one, crossing.at_ns)
            effect = one.effect
            if effect.down or effect.dark:
                passed[hit] = 0.0
            if effect.loss_ratio:
                passed[hit] *= 1.0 - effect.loss_ratio
            if effect.mtu_octets is not None:
                passed[hit & (crossing.octets > effect.mtu_octets)] = 0.0
            if effect.burst_ratio:
                process = processes.bursts(self._seed, f"{hop.base} {hop.direction}", effect.burst_ratio)
                passed[hit] *= 1.0 - processes.burst_loss(process, crossing.at_ns[hit])
            if effect.queue_ns:
                passed[hit] *= 1.0 - self._queue(hop, one).at(crossing.at_ns[hit])[1]
        return usual if passed is None else 1.0 - passed

    def _queue(self, hop: Hop, one: Disturbance) -> processes.Queue:
        return processes.Queue(self._seed, f"{hop.base} {hop.direction}", p90_ns=one.effect.queue_ns)

    def usual_ns(self, hop: Hop) -> int:
        """A component's delay on a good day."""
        if self._inventory.components[hop.base].kind is ComponentKind.DEVICE:
            return _DEVICE_NS
        if not self._is_segment(hop.base):
            return 0
        share = noise.hashed(hop.base) / (1 << 32)
        if hop.bundle is not None:
            return int((_MEMBER_MS + share * _MEMBER_SPREAD_MS) * MILLISECOND_NS)
        return int((_SHORTEST_MS + share * (_LONGEST_MS - _SHORTEST_MS)) * MILLISECOND_NS)

    def _hit(self, hops: Sequence[Hop]) -> list[tuple[Hop, Disturbance]]:
        return [(hop, one) for hop in hops for one in self._at(hop)] if self.disturbances else []

    def _at(self, hop: Hop) -> list[Disturbance]:
        if not self.disturbances:
            return []
        component = self._inventory.components[hop.base]
        names = {str(hop.base), str(hop.bundle)} if hop.bundle else {str(hop.base)}
        return [
            one
            for one in self.disturbances
            if (one.component in names and (not component.directed or hop.direction in one.directions))
            or (one.effect.dark and one.component == component.site)
        ]

    def _is_segment(self, base: Base) -> bool:
        return self._inventory.components[base].kind in {ComponentKind.SEGMENT, ComponentKind.LINK}

    # ---- hosts -----------------------------------------------------------------------------------------------------
    def at_hosts(self, ids: Iterable[Base]) -> list[Disturbance]:
        """What is wrong with hosts and services that are asked."""
        names = {str(one) for one in ids}
        return [one for one in self.disturbances if one.component in names]

    def slow_factor(self, ids: Iterable[Base], at_ns: Times) -> Ratios:
        """How many times as long they take to answer requests that come at these moments."""
        found = np.ones(at_ns.shape)
        for one in self.at_hosts(ids):
            found[_during(one, at_ns)] *= one.effect.slow_factor
        return found

    def unanswered(self, ids: Iterable[Base], at_ns: Times) -> Ratios:
        """Chance that they leave a query without an answer."""
        found = np.zeros(at_ns.shape)
        for one in self.at_hosts(ids):
            found[_during(one, at_ns)] = one.effect.mute_ratio
        return found

    def refused(self, ids: Iterable[Base], at_ns: Times) -> Ratios:
        """Chance that they refuse a connection."""
        found = np.zeros(at_ns.shape)
        for one in self.at_hosts(ids):
            found[_during(one, at_ns)] = one.effect.refused_ratio
        return found

    def closed_windows(self, ids: Iterable[Base], start_ns: int, end_ns: int) -> list[tuple[int, int]]:
        """Stretches of [start, end) in which their receive windows are closed."""
        found = []
        for one in self.at_hosts(ids):
            if one.effect.closed_ratio and one.lasts_in(start_ns, end_ns):
                process = processes.closed_windows(self._seed, one.component, one.effect.closed_ratio)
                until_ns = end_ns if one.end_ns is None else min(end_ns, one.end_ns)
                found += process.spans(max(start_ns, one.begin_ns), until_ns)
        return found

    # ---- links and power -------------------------------------------------------------------------------------------
    def stops(self, start_ns: int, end_ns: int) -> bool:
        """Whether anything in [start, end) may bring connections to a standstill."""
        return any(one.effect.kills and one.lasts_in(start_ns, end_ns) for one in self.disturbances)

    def dark_since(self, site: str | None, at_ns: int) -> int | None:
        """Since when a site has been without power; None: it has power."""
        since = [d.begin_ns for d in self.disturbances if d.effect.dark and d.component == site and d.lasts_in(at_ns, at_ns + 1)]
        return min(since, default=None)

    def has_power(self, site: str | None, at_ns: Times) -> Flags:
        """Whether what stands at a site can answer at these moments."""
        found = np.ones(at_ns.shape, bool)
        for one in self.disturbances:
            if one.effect.dark and one.component == site:
                found &= ~_during(one, at_ns)
        return found

    def is_down(self, component: Base, start_ns: int, end_ns: int) -> bool:
        """Whether it has no link at the end of the interval."""
        return any(d.lasts_in(end_ns - 1, end_ns) and d.begin_ns < end_ns > start_ns for d in self._cuts(component))

    def link_changes(self, component: Base, start_ns: int, end_ns: int) -> list[tuple[int, str]]:
        """Moments within [start, end) at which its link went down or up."""
        found = []
        for one in self._cuts(component):
            moments = ((one.begin_ns, "link_down"), (one.end_ns, "link_up"))
            found += [(at, event) for at, event in moments if at is not None and start_ns <= at < end_ns]
        return sorted(found)

    def dropped_share(self, component: Base, direction: Direction, start_ns: int) -> float:
        """Share of packets that a full queue at the near end of a component drops in an interval."""
        return sum(
            self._queue(Hop(component, direction, 0.0), one).dropped_share(start_ns)
            for one in self.disturbances
            if one.effect.queue_ns and one.component == component and direction in one.directions and one.begin_ns <= start_ns
        )

    def _cuts(self, component: Base) -> list[Disturbance]:
        """What takes a link's light away: a cut, or a neighbour without power."""
        sites = self._sites_at(component)
        return [
            d
            for d in self.disturbances
            if (d.effect.down and d.component == component) or (d.effect.dark and d.component in sites)
        ]

    def _sites_at(self, component: Base) -> frozenset[str]:
        return self._neighbour_sites.get(component, frozenset())

    @cached_property
    def _neighbour_sites(self) -> dict[Base, frozenset[str]]:
        """Sites of a link itself and of the devices at its ends."""
        found: dict[Base, set[str]] = {}
        for line in self._inventory.lines.values():
            for place, base in enumerate(line.path):
                for near in line.path[max(0, place - 1) : place + 2]:
                    site = self._inventory.components[near].site
                    if site is not None and (near == base or self._is_segment(base)):
                        found.setdefault(base, set()).add(site)
        return {base: frozenset(sites) for base, sites in found.items()}


def _during(one: Disturbance, at_ns: Times) -> Flags:
    until = np.iinfo(np.int64).max if one.end_ns is None else one.end_ns
    found: Flags = (at_ns >= one.begin_ns) & (at_ns < until)
    return found
