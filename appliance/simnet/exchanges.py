"""One line's connections in one interval: what their ends sent, where it was lost, what was answered and when.

Goes in: the line's traffic, the plant, an interval. Comes out: a `Moment`, drawn once and then seen by every vantage. What lasts
from interval to interval is kept here: long-lived connections and since when they are stalled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from appliance.simnet import noise, tcp
from appliance.simnet.effects import DEAD
from appliance.simnet.noise import Flags, Ratios, Times
from appliance.simnet.plant import Plant
from appliance.simnet.tcp import Lines, Segments, Sending
from appliance.simnet.traffic import ACK_OCTETS, Connection, Traffic, endpoints, long_connections, short_connection
from appliance.simnet.ways import Packets
from faultline.inventory import Inventory, Line
from faultline.records.terms import SECOND_NS, Direction

_SERVER_SPREAD = 0.35
"""Of the lognormal of an application's own time."""
_SLOWS_BY = 8.0
"""A loss ratio of 1 % costs a request/response connection about 8 % of its rate: each loss costs a timeout."""
_SPACING_NS = 120_000
"""Between the segments of a train: a gigabit and a busy host."""
_CLIENT_NS = 1_000_000
"""A client asks so long after it is connected."""
_NEVER = np.iinfo(np.int64).max
_A, _Z = Direction.A_TO_Z, Direction.Z_TO_A


@attrs.frozen(slots=True, kw_only=True)
class Requests:
    """Requests, as arrays of equal length."""

    flow: Times
    """Number of the connection."""
    at_ns: Times
    server_ns: Times
    """How long the application takes."""

    def of(self, chosen: Flags) -> Requests:
        """Some of them."""
        return Requests(flow=self.flow[chosen], at_ns=self.at_ns[chosen], server_ns=self.server_ns[chosen])


@attrs.frozen(slots=True, kw_only=True)
class Moment:
    """A line's connections in an interval."""

    line: Line
    start_ns: int
    end_ns: int
    connections: Sequence[Connection]
    lots: Times
    sent: Mapping[Direction, Sending]
    """Everything that counts as a segment: SYNs, data, FINs."""
    syn: Mapping[Direction, Sending]
    """SYNs, and what answered them."""
    fin: Mapping[Direction, Sending]
    refused: Flags
    """Connections whose SYN a host answered with RST."""
    opened_ns: Times
    """When a connection that began in the interval heard the answer to its SYN; `_NEVER` for every other."""
    answered: Requests
    closed: Mapping[int, Sequence[tuple[int, int]]]
    """By connection, the times in which its server's window was closed."""

    @property
    def opened(self) -> Flags:
        """Connections that were opened in this interval."""
        found: Flags = self.opened_ns != _NEVER
        return found


class Exchanges:
    """One line's customers."""

    def __init__(self, *, inventory: Inventory, plant: Plant, traffic: Traffic, line: Line, seed: int, begin_ns: int) -> None:
        self._plant = plant
        self._line = line
        self._seed = seed
        self._endpoints = endpoints(line, inventory, traffic)
        self._long = long_connections(line, self._endpoints, begin_ns)
        self._opened = 0
        self._ways = {direction: plant.way(line, direction) for direction in Direction}

    def moment(self, start_ns: int, end_ns: int) -> Moment:
        """What happens in an interval."""
        connections = [*self._long, *self._new(start_ns, end_ns)]
        return _Interval(
            seed=self._seed,
            plant=self._plant,
            line=self._line,
            connections=connections,
            lines=self._lines(connections),
            start_ns=start_ns,
            end_ns=end_ns,
        ).moment()

    def _new(self, start_ns: int, end_ns: int) -> list[Connection]:
        draw = noise.generator(self._seed, f"arrivals {self._line.code}", start_ns)
        found = []
        for end in self._endpoints:
            count = int(draw.poisson(end.exchange.new_per_s * (end_ns - start_ns) / SECOND_NS))
            for moment in np.sort(draw.integers(start_ns, end_ns, count)).tolist():
                found.append(short_connection(self._line, end, self._opened, moment))
                self._opened += 1
        return found

    def _lines(self, connections: Sequence[Connection]) -> Lines:
        exchanges = [connection.endpoint.exchange for connection in connections]
        return Lines(
            self._plant,
            self._ways,
            lots=np.array([connection.lot for connection in connections], np.int64),
            octets={
                _A: np.array([exchange.request_octets for exchange in exchanges], np.int64),
                _Z: np.array([exchange.response_octets for exchange in exchanges], np.int64),
            },
        )


@attrs.define(slots=True, kw_only=True)
class _Interval:
    """The making of a moment."""

    seed: int
    plant: Plant
    line: Line
    connections: Sequence[Connection]
    lines: Lines
    start_ns: int
    end_ns: int

    def moment(self) -> Moment:
        connections, count = self.connections, len(self.connections)
        short = np.flatnonzero([not connection.is_long for connection in connections])
        begun_ns = np.array([connections[number].begun_ns for number in short.tolist()], np.int64)
        hands = tcp.shake_hands(self.lines, short, begun_ns, end_ns=self.end_ns, draw=self._draw("handshakes"))
        opened_ns = np.full(count, _NEVER)
        opened_ns[short] = hands.opened_ns
        refused = self._refused()
        dead = self._dead()
        closed = self._closed()
        first = (opened_ns < self.end_ns - _CLIENT_NS) & ~refused
        asked = self._served(
            np.concatenate([self._asked(dead, closed), [np.flatnonzero(first), opened_ns[first] + _CLIENT_NS]], axis=1)
        )
        there = self._train(_A, asked, asked.at_ns)
        answered = asked.of(self._arrives(asked))
        back = self._train(_Z, answered, answered.at_ns + answered.server_ns + self._way_ns(answered))
        fin = self._goodbyes(answered)
        data = {_A: there, _Z: back}
        sent = {d: tcp.together([hands.sent[d], data[d], self._repeats(d, dead), fin[d]]) for d in Direction}
        return Moment(
            line=self.line,
            start_ns=self.start_ns,
            end_ns=self.end_ns,
            connections=connections,
            lots=self.lines.lots,
            sent=sent,
            syn=hands.sent,
            fin=fin,
            refused=refused,
            opened_ns=opened_ns,
            answered=answered.of(self._came_home(answered, back)),
            closed=closed,
        )

    def _draw(self, name: str) -> np.random.Generator:
        return noise.generator(self.seed, f"{name} {self.line.code}", self.start_ns)

    def _column(self, name: str) -> Times:
        return np.array([getattr(connection.endpoint.exchange, name) for connection in self.connections])

    # ---- what hosts do -----------------------------------------------------------------------------------------------
    def _refused(self) -> Flags:
        chance = self._draw("refused").random(len(self.connections))
        return np.array(
            [
                not one.is_long and bool(draw < self.plant.refused(one.endpoint.ids, np.array([one.begun_ns]))[0])
                for one, draw in zip(self.connections, chance, strict=True)
            ],
            bool,
        )

    def _closed(self) -> dict[int, Sequence[tuple[int, int]]]:
        found = {
            number: self.plant.closed_windows(one.endpoint.ids, self.start_ns, self.end_ns)
            for number, one in enumerate(self.connections)
        }
        return {number: spans for number, spans in found.items() if spans}

    def _served(self, flow_and_time: Times) -> Requests:
        """Requests with the application's time for each."""
        flow, at_ns = flow_and_time.astype(np.int64)
        usual_ns = self._column("server_ns")[flow] * self._draw("servers").lognormal(0, _SERVER_SPREAD, len(flow))
        return Requests(flow=flow, at_ns=at_ns, server_ns=(usual_ns * self._slow(flow, at_ns)).astype(np.int64))

    def _slow(self, flow: Times, at_ns: Times) -> Ratios:
        found = np.ones(flow.shape)
        for number in np.unique(flow).tolist() if self.plant.disturbances else ():
            mine = flow == number
            found[mine] = self.plant.slow_factor(self.connections[number].endpoint.ids, at_ns[mine])
        return found

    # ---- what clients ask --------------------------------------------------------------------------------------------
    def _asked(self, dead: Mapping[Direction, Flags], closed: Mapping[int, Sequence[tuple[int, int]]]) -> Times:
        """Connections and moments of the requests of long-lived connections."""
        draw = self._draw("requests")
        seconds = (self.end_ns - self.start_ns) / SECOND_NS
        rates = np.array([one.endpoint.exchange.requests_per_s if one.is_long else 0.0 for one in self.connections])
        flow = np.repeat(np.arange(len(rates)), np.round(rates * seconds).astype(int))
        at_ns = self.start_ns + (draw.random(len(flow)) * (self.end_ns - self.start_ns)).astype(np.int64)
        keep = draw.random(len(flow)) < self._pace(flow, at_ns, rates)
        for stopped in dead.values():
            keep &= ~stopped[flow, tcp.step_of(at_ns, self.start_ns)]
        for number, spans in closed.items():
            for begin_ns, end_ns in spans:
                keep &= ~((flow == number) & (at_ns >= begin_ns) & (at_ns < end_ns))
        return np.stack([flow[keep], at_ns[keep]])

    def _pace(self, flow: Times, at_ns: Times, rates: Ratios) -> Ratios:
        """Share of its usual rate that a connection keeps: each loss costs a timeout, and a slow server its time."""
        if not self.plant.disturbances:
            return np.ones(flow.shape)
        there, back = (self.lines.loss(direction, flow, at_ns) for direction in (_A, _Z))
        extra_s = self._column("server_ns")[flow] * (self._slow(flow, at_ns) - 1.0) / SECOND_NS
        found: Ratios = 1.0 / (1.0 + _SLOWS_BY * (1.0 - (1.0 - there) * (1.0 - back)) + rates[flow] * np.maximum(extra_s, 0.0))
        return found

    # ---- what the network does ---------------------------------------------------------------------------------------
    def _train(self, direction: Direction, requests: Requests, at_ns: Times) -> Sending:
        """The segments of requests, or of their responses, as they leave."""
        name = "request" if direction is _A else "response"
        sizes = self._column(f"{name}_segments")[requests.flow]
        number = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        flow = np.repeat(requests.flow, sizes)
        moments = np.repeat(at_ns, sizes) + number * _SPACING_NS
        train = Segments(flow, moments, self._column(f"{name}_octets")[flow]).of(moments < self.end_ns)
        return tcp.transmit(self.lines, direction, train, start_ns=self.start_ns, end_ns=self.end_ns, draw=self._draw(name))

    def _way_ns(self, requests: Requests) -> Times:
        octets = np.full(len(requests.flow), ACK_OCTETS, np.int64)
        return self.plant.delay_ns(self.lines.ways[_A], Packets(requests.at_ns, octets, self.lines.lots[requests.flow]))

    def _arrives(self, requests: Requests) -> Flags:
        """Whether a request gets to its server, if need be on a later try."""
        if not self.plant.stops(self.start_ns, self.end_ns):
            return np.ones(len(requests.flow), bool)
        return self.lines.loss(_A, requests.flow, requests.at_ns) < DEAD

    def _came_home(self, requests: Requests, back: Sending) -> Flags:
        """Whether a response gets to its client."""
        arrived = back.delivered(len(self.connections))
        found: Flags = arrived[requests.flow] > 0
        return found

    def _dead(self) -> dict[Direction, Flags]:
        """By connection and tenth of a second, whether a direction's data get nowhere; remembers since when."""
        steps = (self.end_ns - self.start_ns) // tcp.GRID_NS
        every = np.arange(len(self.connections))
        stalled = any(one.stalled_since_ns for one in self.connections)
        if not stalled and not self.plant.stops(self.start_ns, self.end_ns):
            return {direction: np.zeros((len(every), steps), bool) for direction in Direction}
        found = self.lines.standstill(every, self.start_ns, self.end_ns)
        for number, connection in enumerate(self.connections):
            for direction, stopped in found.items():
                if not stopped[number, -1]:
                    connection.stalled_since_ns.pop(direction, None)
                elif direction not in connection.stalled_since_ns:
                    first = int(np.flatnonzero(stopped[number])[0])
                    connection.stalled_since_ns[direction] = self.start_ns + first * tcp.GRID_NS
        return found

    def _repeats(self, direction: Direction, dead: Mapping[Direction, Flags]) -> Sending:
        """What long-lived connections that are stalled send again."""
        octets = self._column("request_octets" if direction is _A else "response_octets")
        parts = [
            tcp.repeats_of(
                self.lines,
                direction,
                number,
                connection.stalled_since_ns[direction],
                span=(self.start_ns, self.end_ns),
                octets=int(octets[number]),
            )
            for number, connection in enumerate(self.connections)
            if connection.is_long and direction in connection.stalled_since_ns and dead[direction][number].any()
        ]
        return tcp.send_once(self.lines, direction, tcp.joined(parts), repeats=True, draw=self._draw(f"repeats {direction}"))

    def _goodbyes(self, answered: Requests) -> dict[Direction, Sending]:
        """FINs of short connections, behind the response."""
        short = ~np.array([one.is_long for one in self.connections], bool)[answered.flow]
        last = answered.of(short)
        gone_ns = last.at_ns + last.server_ns + 2 * self._way_ns(last) + 10 * _SPACING_NS
        inside = gone_ns < self.end_ns
        segments = Segments(last.flow, gone_ns, np.full(len(gone_ns), ACK_OCTETS, np.int64)).of(inside)
        return {d: tcp.send_once(self.lines, d, segments, repeats=False, draw=self._draw(f"fin {d}")) for d in Direction}
