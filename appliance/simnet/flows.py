"""Customers' traffic: the flow records that each probe's metering would make of an interval.

Goes in: the connections of a line, the plant, an interval. Comes out: records of kind `flow`, one a connection and vantage.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from appliance.simnet import noise, tcp
from appliance.simnet.plant import Hop, Plant, Times
from faultline.inventory import Inventory, Line, Position, Vantage
from faultline.native import histogram_encode
from faultline.records.terms import SECOND_NS, Direction

_SEGMENT_OCTETS = 1240
"""IP octets of a data segment: between a teller's short requests and a full frame."""
_ACK_OCTETS = 52
_FRAME_OCTETS = 14
_TCP, _ACTIVE = 6, 2
_ACK_PSH = 0x18
_MOST_SAMPLES = 200
"""Round trips that metering gets of a direction in an interval: one outstanding sample at a time."""
_HOST_NS = 40_000
"""A host takes so long to acknowledge."""
_SERVER_NS, _SERVER_SPREAD = 8_000_000, 0.35
"""The application's own time: a lognormal around 8 ms."""
_SERVER_PORT, _FIRST_PORT = 8443, 40_000


@attrs.frozen(slots=True, kw_only=True)
class Traffic:
    """What the customer does on a line, all the time."""

    connections: int = 4
    """Long-lived connections from A to Z."""
    requests_per_s: float = 25.0
    """Segments from A to Z of each, a request each."""
    responses_per_s: float = 60.0
    """Segments from Z to A of each."""

    @property
    def octets_per_s(self) -> tuple[float, float]:
        """From A to Z and back, of all connections."""
        acks = self.connections * _ACK_OCTETS / 2
        there, back = self.connections * self.requests_per_s, self.connections * self.responses_per_s
        return there * _SEGMENT_OCTETS + acks * self.responses_per_s, back * _SEGMENT_OCTETS + acks * self.requests_per_s


@attrs.define(slots=True, kw_only=True)
class _Connection:
    line: Line
    number: int
    begun_ns: int
    stalled_since_ns: dict[Direction, int] = attrs.field(factory=dict)


@attrs.define(slots=True, kw_only=True)
class _Moment:
    """One connection in one interval: drawn once, seen by every vantage."""

    connection: _Connection
    sending: Mapping[Direction, tcp.Sending]
    server_ns: Times
    start_ns: int
    end_ns: int


class FlowSource:
    """All connections of all lines, and every vantage that captures."""

    def __init__(self, *, inventory: Inventory, plant: Plant, traffic: Traffic, seed: int, begin_ns: int) -> None:
        self._inventory = inventory
        self._plant = plant
        self._traffic = traffic
        self._seed = seed
        self.answered = 0
        """Requests with their response in the newest interval."""
        self._connections = [
            _Connection(line=line, number=number, begun_ns=begin_ns)
            for line in inventory.lines.values()
            for number in range(traffic.connections)
        ]

    def records(self, start_ns: int, end_ns: int) -> dict[str, list[dict[str, Any]]]:
        """Records by probe."""
        found: dict[str, list[dict[str, Any]]] = {}
        self.answered = 0
        for connection in self._connections:
            moment = self._live(connection, start_ns, end_ns)
            self.answered += min(sent.delivered for sent in moment.sending.values())
            for vantage, position in self._vantages(connection.line):
                record = self._record(moment, vantage, position)
                if record is not None:
                    found.setdefault(str(vantage.probe), []).append(record)
        return found

    def _vantages(self, line: Line) -> Iterator[tuple[Vantage, Position]]:
        for vantage in self._inventory.vantages.values():
            if vantage.probe is not None and vantage.observation_point is not None and line.code in vantage.positions:
                yield vantage, vantage.positions[line.code]

    def _live(self, connection: _Connection, start_ns: int, end_ns: int) -> _Moment:
        draw = noise.generator(self._seed, f"connection {connection.line.code} {connection.number}", start_ns)
        rates = {Direction.A_TO_Z: self._traffic.requests_per_s, Direction.Z_TO_A: self._traffic.responses_per_s}
        sending = {}
        for direction, rate in rates.items():
            ways = tcp.Ways(
                plant=self._plant,
                there=self._plant.path(connection.line, direction),
                back=self._plant.path(connection.line, direction.opposite),
            )
            sent = sending[direction] = tcp.send(
                ways,
                segments=round(rate * (end_ns - start_ns) / SECOND_NS),
                start_ns=start_ns,
                end_ns=end_ns,
                stalled_since_ns=connection.stalled_since_ns.get(direction),
                draw=draw,
            )
            if not ways.dead(end_ns - 1):
                connection.stalled_since_ns.pop(direction, None)
            else:
                connection.stalled_since_ns.setdefault(direction, _since(sent, start_ns))
        answered = min(_MOST_SAMPLES, *(sent.delivered for sent in sending.values()))
        server_ns = (_SERVER_NS * draw.lognormal(0, _SERVER_SPREAD, answered)).astype(np.int64)
        return _Moment(connection=connection, sending=sending, server_ns=server_ns, start_ns=start_ns, end_ns=end_ns)

    def _record(self, moment: _Moment, vantage: Vantage, position: Position) -> dict[str, Any] | None:
        """What one vantage meters of a connection; None when no packet came past it."""
        seen = {direction: sent.reached(position.place) for direction, sent in moment.sending.items()}
        moments = np.concatenate([moment.sending[direction].sent_ns[seen[direction]] for direction in Direction])
        if not moments.size:
            return None
        line, number = moment.connection.line, moment.connection.number
        draw = noise.generator(self._seed, f"metering {vantage.id} {line.code} {number}", moment.start_ns)
        record: dict[str, Any] = {
            "start_ns": int(moments.min()),
            "end_ns": int(moments.max()),
            "flow_start_ns": moment.connection.begun_ns,
            "interval_start_ns": moment.start_ns,
            "flow_id": _flow_id(self._seed, line, number),
            "observation_point": vantage.observation_point,
            "protocol": _TCP,
            "source_address": _host(line.a_end.prefixes[0], 10 + number),
            "source_port": _FIRST_PORT + number,
            "destination_address": _host(line.z_end.prefixes[0], 10),
            "destination_port": _SERVER_PORT,
            "encapsulation": "",
            "end_reason": _ACTIVE,
        }
        record |= self._direction(moment, Direction.A_TO_Z, position, draw)
        reverse = self._direction(moment, Direction.Z_TO_A, position, draw)
        record |= {f"reverse_{name}": value for name, value in reverse.items()}
        if position.place < len(line.path) - 1:
            record["application_response"] = histogram_encode(moment.server_ns.tolist())
        return record

    def _direction(self, moment: _Moment, direction: Direction, position: Position, draw: np.random.Generator) -> dict[str, Any]:
        sent, answers = moment.sending[direction], moment.sending[direction.opposite]
        counts = sent.counts(position.place)
        acks = int(answers.reached(position.place).sum()) // 2 if answers.delivered else 0
        packets = counts["tcp_segments"] + acks
        octets = counts["tcp_segments"] * _SEGMENT_OCTETS + acks * _ACK_OCTETS
        return {
            "packets": packets,
            "octets": octets,
            "frame_octets": octets + packets * _FRAME_OCTETS,
            "duplicates": 0,
            "tcp_flags": _ACK_PSH if packets else 0,
            "tcp_payload_octets": counts["tcp_segments"] * (_SEGMENT_OCTETS - _ACK_OCTETS),
            "syn_packets": 0,
            "fin_packets": 0,
            "rst_packets": 0,
            "retransmissions_wireshark": counts["retransmissions"],
            "out_of_order_wireshark": 0,
            "retransmissions_spurious": 0,
            "reordered": 0,
            "keepalives": 0,
            "zero_window_probes": 0,
            "zero_window_events": 0,
            "zero_window_ns": 0,
            "duplicate_acks": 3 * answers.lost if answers.delivered else 0,
            "acked_unseen_octets": 0,
            "data_rtt": histogram_encode(self._round_trips(moment, direction, position, draw).tolist()),
            **counts,
        }

    def _round_trips(self, moment: _Moment, direction: Direction, position: Position, draw: np.random.Generator) -> Times:
        """From the vantage to the receiver and back, of segments that arrived."""
        line, sent = moment.connection.line, moment.sending[direction]
        arrived = np.sort(sent.sent_ns[np.isnan(sent.places)])
        chosen = arrived[:: max(1, len(arrived) // _MOST_SAMPLES)][:_MOST_SAMPLES]
        to_receiver = self._plant.path(line, direction, position, None)
        to_vantage = self._plant.path(line, direction.opposite, None, position)
        there = self._plant.delay_ns(to_receiver, chosen)
        back = self._plant.delay_ns(to_vantage, chosen + there)
        count = len(chosen)
        waits = noise.queueing_ns(draw, count) * _share(to_receiver, line) + noise.queueing_ns(draw, count) * _share(
            to_vantage, line
        )
        found: Times = there + back + _HOST_NS + waits.astype(np.int64)
        return found


def _share(hops: list[Hop], line: Line) -> float:
    """Queueing grows with the length of the way."""
    return len(hops) / max(1, len(line.path))


def _since(sent: tcp.Sending, start_ns: int) -> int:
    """The last progress of a connection that is stalled now."""
    arrived = sent.sent_ns[np.isnan(sent.places)]
    return int(arrived.max()) if arrived.size else start_ns


def _host(prefix: str, number: int) -> str:
    network = ipaddress.ip_network(prefix, strict=False)
    return str(network[number % max(1, network.num_addresses - 1)])


def _flow_id(seed: int, line: Line, number: int) -> int:
    return int(noise.generator(seed, f"flow id {line.code} {number}", 0).integers(1, 1 << 63))
