"""TCP over the plant: transmissions of many connections in an interval, where each was lost, and what that looks like.

Goes in: connections, the segments they would send, the ways through the network. Comes out: transmissions with the place where
each was lost, and the counts that a metering process at any place would make of them (the definitions are in
docs/explanation: side of the loss). The sender is a model, not a stack: it slows down with loss and stalls on a dead line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from appliance.simnet.effects import DEAD
from appliance.simnet.noise import Flags, Ratios, Times
from appliance.simnet.plant import Plant
from appliance.simnet.traffic import SYN_OCTETS
from appliance.simnet.ways import Packets, Way
from faultline.records.terms import SECOND_NS, Direction

_MOST_ROUNDS = 6
"""A segment lost so often in a row is not sent again within the interval."""
_RETRANSMIT_NS = 220_000_000
"""Typical time to the repetition: between a fast retransmission and the smallest timeout of 200 ms."""
_STALLED_AT_S = (0.2, 0.6, 1.4, 3.0, 6.2, 12.6, 25.4, 51.0, 102.2)
"""Repetitions of a stalled connection after its last progress: the timer doubles from 200 ms."""
_SYN_AT_S = (0.0, 1.0, 3.0, 7.0)
"""A SYN is repeated after one second, then after twice as long (RFC 6298)."""
HOLE_SHARE = 0.85
"""Of the segments lost upstream so many leave a hole that proves it; a lost last segment of a request leaves none."""
INFERRED_SHARE = 0.5
"""Of the rest so many are told by a silence."""
_NO_HOLE = 2.0
"""Nothing that came later proves this loss: beyond every share."""
GRID_NS = SECOND_NS // 10
"""Standstill is looked at ten times a second."""


@attrs.frozen(slots=True)
class Segments:
    """Segments of any connections, as arrays of equal length."""

    flow: Times
    """Number of the connection."""
    at_ns: Times
    octets: Times

    def __len__(self) -> int:
        return len(self.flow)

    def of(self, chosen: Flags | Times) -> Segments:
        """Some of them."""
        return Segments(self.flow[chosen], self.at_ns[chosen], self.octets[chosen])


def joined(parts: Sequence[Segments]) -> Segments:
    """One after the other."""
    empty = np.zeros(0, np.int64)
    columns = zip(*((part.flow, part.at_ns, part.octets) for part in (*parts, Segments(empty, empty, empty))), strict=True)
    return Segments(*(np.concatenate(column) for column in columns))


@attrs.frozen(slots=True, kw_only=True)
class Sending:
    """All transmissions of one direction of a line's connections in an interval."""

    segments: Segments
    places: Ratios
    """Where each was lost, as a place on the line; NaN: it arrived."""
    rising: bool
    """Data go towards higher places."""
    proven: Ratios
    """For each a draw of 0..1: whether its loss leaves a hole; above 1 it never does."""
    repeats: Flags
    """It is a repetition of a segment that a stalled connection already sent in an earlier interval or second."""

    def reached(self, place: float) -> Flags:
        """Which transmissions came past a place."""
        arrived = np.isnan(self.places)
        found: Flags = arrived | (self.places > place if self.rising else self.places < place)
        return found

    def counts(self, place: float, flows: int) -> dict[str, Times]:
        """What metering at a place counts of this direction, by connection."""
        reached = self.reached(place)
        lost = ~np.isnan(self.places)
        upstream = lost & ~reached & ~self.repeats
        downstream = self._by_flow(reached & (lost | self.repeats), flows)
        proven = self._by_flow(upstream & (self.proven < HOLE_SHARE), flows)
        told = 1 - (1 - HOLE_SHARE) * INFERRED_SHARE
        return {
            "tcp_segments": self._by_flow(reached, flows),
            "loss_upstream": proven,
            "loss_downstream": downstream,
            "loss_upstream_inferred": self._by_flow(upstream & (self.proven >= told) & (self.proven <= 1), flows),
            "retransmissions": proven + downstream,
        }

    def octets(self, place: float, flows: int) -> Times:
        """Octets that came past a place, by connection."""
        reached = self.reached(place)
        weights = self.segments.octets[reached].astype(float)
        return np.bincount(self.segments.flow[reached], weights=weights, minlength=flows).astype(np.int64)

    def delivered(self, flows: int) -> Times:
        """Segments that arrived, by connection."""
        return self._by_flow(np.isnan(self.places), flows)

    def _by_flow(self, chosen: Flags, flows: int) -> Times:
        return np.bincount(self.segments.flow[chosen], minlength=flows)


@attrs.frozen(slots=True, kw_only=True)
class Handshakes:
    """How connections that begin in an interval fared."""

    sent: Mapping[Direction, Sending]
    """SYNs of the clients, SYN-ACKs or RSTs of the servers: every transmission."""
    opened_ns: Times
    """When the answer came home, by connection; beyond the interval when none did."""


class Lines:
    """Both directions of a line, for connections with given lots.

    Args:
        plant: the network.
        ways: the whole way in each direction.
        lots: of each connection.
        octets: of the data segments of each connection, by direction.
    """

    def __init__(self, plant: Plant, ways: Mapping[Direction, Way], *, lots: Times, octets: Mapping[Direction, Times]) -> None:
        self.plant = plant
        self.ways = ways
        self.lots = lots
        self._octets = octets

    def packets(self, segments: Segments) -> Packets:
        """Segments as the plant takes them."""
        return Packets(segments.at_ns, segments.octets, self.lots[segments.flow])

    def loss(self, direction: Direction, flow: Times, at_ns: Times) -> Ratios:
        """Share of data segments that is lost over time."""
        data = Packets(at_ns, self._octets[direction][flow], self.lots[flow])
        return self.plant.expected_loss(self.ways[direction], data)

    def standstill(self, flows: Times, start_ns: int, end_ns: int) -> dict[Direction, Flags]:
        """For each connection and tenth of a second whether a direction's data get nowhere."""
        steps = np.arange(start_ns, end_ns, GRID_NS, dtype=np.int64)
        flow, at_ns = np.repeat(flows, len(steps)), np.tile(steps, len(flows))
        return {d: (self.loss(d, flow, at_ns) >= DEAD).reshape(len(flows), len(steps)) for d in Direction}


def step_of(at_ns: Times, start_ns: int) -> Times:
    """The tenth of a second that a moment is in."""
    return (at_ns - start_ns) // GRID_NS


def shake_hands(lines: Lines, flow: Times, begun_ns: Times, *, end_ns: int, draw: np.random.Generator) -> Handshakes:
    """SYNs of connections that begin at given moments, and what answers them; a SYN without an answer is repeated."""
    there, back = Direction.A_TO_Z, Direction.Z_TO_A
    opened_ns = np.full(len(flow), np.iinfo(np.int64).max)
    sent: dict[Direction, list[Segments]] = {there: [], back: []}
    places: dict[Direction, list[Ratios]] = {there: [], back: []}
    waiting = np.arange(len(flow))
    for after_s in _SYN_AT_S:
        at_ns = begun_ns[waiting] + int(after_s * SECOND_NS)
        waiting, at_ns = waiting[at_ns < end_ns], at_ns[at_ns < end_ns]
        if not waiting.size:
            break
        syn = Segments(flow[waiting], at_ns, np.full(len(waiting), SYN_OCTETS, np.int64))
        lost = lines.plant.cross(lines.ways[there], lines.packets(syn), draw)
        came = np.isnan(lost)
        answer = syn.of(came)
        arrived = answer.at_ns + lines.plant.delay_ns(lines.ways[there], lines.packets(answer))
        answer = Segments(answer.flow, arrived, answer.octets)
        lost_back = lines.plant.cross(lines.ways[back], lines.packets(answer), draw)
        for direction, segments, where in ((there, syn, lost), (back, answer, lost_back)):
            sent[direction].append(segments)
            places[direction].append(where)
        done = np.isnan(lost_back)
        home = arrived[done] + lines.plant.delay_ns(lines.ways[back], lines.packets(answer.of(done)))
        opened_ns[waiting[came][done]] = home
        waiting = np.setdiff1d(waiting, waiting[came][done], assume_unique=True)
    return Handshakes(sent={d: _sent_once(d, joined(sent[d]), places[d]) for d in Direction}, opened_ns=opened_ns)


def _sent_once(direction: Direction, segments: Segments, places: Sequence[Ratios]) -> Sending:
    return Sending(
        segments=segments,
        places=np.concatenate([np.zeros(0), *places]),
        rising=direction is Direction.A_TO_Z,
        proven=np.full(len(segments), _NO_HOLE),
        repeats=np.zeros(len(segments), bool),
    )


def transmit(
    lines: Lines, direction: Direction, new: Segments, *, start_ns: int, end_ns: int, draw: np.random.Generator
) -> Sending:
    """Segments until they arrive, each repetition a while after the loss; of a connection that gets nowhere only the oldest."""
    way, mortal = lines.ways[direction], lines.plant.stops(start_ns, end_ns)
    parts: list[Segments] = []
    places: list[Ratios] = []
    hopeless: list[Flags] = []
    waiting = new
    for number in range(_MOST_ROUNDS):
        if not len(waiting):
            break
        found = lines.plant.cross(way, lines.packets(waiting), draw)
        lost = ~np.isnan(found)
        dead = np.zeros(len(waiting), bool)
        if mortal and lost.any():
            dead[lost] = lines.plant.expected_loss(way, lines.packets(waiting.of(lost))) >= DEAD
        parts.append(waiting)
        places.append(found)
        hopeless.append(dead)
        oldest = _oldest(waiting, dead)
        soon, late = waiting.of(lost & ~dead), waiting.of(oldest)
        later = Segments(late.flow, late.at_ns + (_RETRANSMIT_NS << number), late.octets)
        again = Segments(soon.flow, np.minimum(soon.at_ns + _RETRANSMIT_NS, end_ns - 1), soon.octets)
        waiting = joined([again, later.of(later.at_ns < end_ns)])
    segments = joined(parts)
    proven = draw.random(len(segments))
    proven[np.concatenate([np.zeros(0, bool), *hopeless])] = _NO_HOLE
    return Sending(
        segments=segments,
        places=np.concatenate([np.zeros(0), *places]),
        rising=direction is Direction.A_TO_Z,
        proven=proven,
        repeats=np.zeros(len(segments), bool),
    )


def _oldest(segments: Segments, chosen: Flags) -> Times:
    """The first of the chosen of each connection."""
    where = np.flatnonzero(chosen)
    where = where[np.argsort(segments.at_ns[where], kind="stable")]
    _, first = np.unique(segments.flow[where], return_index=True)
    found: Times = where[first]
    return found


def repeats_of(lines: Lines, direction: Direction, flow: int, since_ns: int, *, span: tuple[int, int], octets: int) -> Segments:
    """What a stalled connection sends again in [start, end): its oldest segment, ever more seldom."""
    moments = np.array([since_ns + int(after_s * SECOND_NS) for after_s in _STALLED_AT_S], np.int64)
    moments = moments[(moments >= span[0]) & (moments < span[1])]
    at_ns = moments[lines.loss(direction, np.full(len(moments), flow), moments) >= DEAD]
    return Segments(np.full(len(at_ns), flow, np.int64), at_ns, np.full(len(at_ns), octets, np.int64))


def send_once(lines: Lines, direction: Direction, segments: Segments, *, repeats: bool, draw: np.random.Generator) -> Sending:
    """Transmissions that are not sent again within the interval."""
    places = lines.plant.cross(lines.ways[direction], lines.packets(segments), draw)
    sending = _sent_once(direction, segments, [places])
    return attrs.evolve(sending, repeats=np.full(len(segments), repeats))


def together(parts: Sequence[Sending]) -> Sending:
    """All that was sent in a direction."""
    return Sending(
        segments=joined([part.segments for part in parts]),
        places=np.concatenate([part.places for part in parts]),
        rising=parts[0].rising,
        proven=np.concatenate([part.proven for part in parts]),
        repeats=np.concatenate([part.repeats for part in parts]),
    )
