"""What a vantage's metering makes of a line's connections in an interval: flow records.

Goes in: a `Moment`, a vantage with its place on the line. Comes out: one record a connection of which a packet came past.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from appliance.simnet import noise
from appliance.simnet.exchanges import Moment
from appliance.simnet.noise import Times
from appliance.simnet.plant import Plant
from appliance.simnet.tcp import Sending
from appliance.simnet.traffic import ACK_OCTETS, SYN_OCTETS, TCP
from appliance.simnet.ways import Packets, Way
from faultline.inventory import Position, Vantage
from faultline.native import histogram_encode
from faultline.records.terms import Direction

FRAME_OCTETS = 14
ACTIVE, ENDED = 2, 3
"""Reasons of a record's end: the interval, FIN or RST."""
_FIN, _SYN, _RST, _ACK_PSH = 0x01, 0x02, 0x04, 0x18
_MOST_SAMPLES = 60
"""Round trips that metering gets of a direction of a connection in an interval: one outstanding sample at a time."""
_HOST_NS = 40_000
"""A host takes so long to acknowledge."""
_PROBE_NS = 200_000_000
"""A closed window is asked for after 200 ms, then after twice as long, each time (RFC 9293, 3.8.6.1)."""
_A, _Z = Direction.A_TO_Z, Direction.Z_TO_A
_NOTHING = (
    "duplicates",
    "out_of_order_wireshark",
    "retransmissions_spurious",
    "reordered",
    "keepalives",
    "zero_window_probes",
    "zero_window_events",
    "zero_window_ns",
    "acked_unseen_octets",
)
"""Counted, and nothing of it in this network."""


@attrs.frozen(slots=True, kw_only=True)
class Metering:
    """The metering of one vantage, for one line."""

    plant: Plant
    vantage: Vantage
    position: Position
    seed: int

    def records(self, moment: Moment) -> list[dict[str, Any]]:
        """One record a connection, in their order."""
        count = len(moment.connections)
        reached = {direction: moment.sent[direction].reached(self.position.place) for direction in Direction}
        first_ns, last_ns = _extent(moment, reached, count)
        draw = noise.generator(self.seed, f"metering {self.vantage.id} {moment.line.code}", moment.start_ns)
        forward = self._direction(moment, _A, draw)
        reverse = self._direction(moment, _Z, draw)
        responses = self._responses(moment)
        handshakes = self._handshakes(moment)
        found = []
        for number in np.flatnonzero(last_ns).tolist():
            record = self._key(moment, number)
            record |= {"start_ns": int(first_ns[number]), "end_ns": int(last_ns[number])}
            record |= {name: column[number] for name, column in forward.items()}
            record |= {f"reverse_{name}": column[number] for name, column in reverse.items()}
            _windows(record, moment.closed.get(number, ()))
            if responses[number]:
                record["application_response"] = histogram_encode(responses[number])
            if number in handshakes and record["reverse_packets"] and record["packets"] > 1:
                record |= handshakes[number]
            found.append(record)
        return found

    def _key(self, moment: Moment, number: int) -> dict[str, Any]:
        one = moment.connections[number]
        ended = not one.is_long
        return {
            "flow_start_ns": one.begun_ns,
            "interval_start_ns": moment.start_ns,
            "flow_id": noise.hashed(self.seed, one.client, one.port, one.endpoint.address, one.endpoint.port, one.begun_ns),
            "observation_point": self.vantage.observation_point,
            "protocol": TCP,
            "source_address": one.client,
            "source_port": one.port,
            "destination_address": one.endpoint.address,
            "destination_port": one.endpoint.port,
            "encapsulation": "",
            "end_reason": ENDED if ended else ACTIVE,
        }

    # ---- a direction -------------------------------------------------------------------------------------------------
    def _direction(self, moment: Moment, direction: Direction, draw: np.random.Generator) -> dict[str, list[Any]]:
        """Columns of one direction, a value a connection."""
        count, place = len(moment.connections), self.position.place
        sent, answers = moment.sent[direction], moment.sent[direction.opposite]
        counts = sent.counts(place, count)
        segments = counts["tcp_segments"]
        acks = np.where(answers.delivered(count) > 0, answers.counts(place, count)["tcp_segments"] // 2, 0)
        syn, fin = (part[direction].counts(place, count)["tcp_segments"] for part in (moment.syn, moment.fin))
        rst = np.where(moment.refused, syn, 0) if direction is _Z else np.zeros(count, np.int64)
        syn = syn - rst
        segments = counts["tcp_segments"] = segments - rst
        packets = segments + rst + acks
        octets = sent.octets(place, count) + acks * ACK_OCTETS
        flags = (packets > rst) * _ACK_PSH | (syn > 0) * _SYN | (fin > 0) * _FIN | (rst > 0) * _RST
        lost = np.bincount(answers.segments.flow[~np.isnan(answers.places)], minlength=count)
        columns = {
            "packets": packets,
            "octets": octets,
            "frame_octets": octets + packets * FRAME_OCTETS,
            "tcp_flags": flags,
            "tcp_payload_octets": sent.octets(place, count) - ACK_OCTETS * (segments - syn) - SYN_OCTETS * (syn + rst),
            "syn_packets": syn,
            "fin_packets": fin,
            "rst_packets": rst,
            "retransmissions_wireshark": counts["retransmissions"],
            "duplicate_acks": np.where(answers.delivered(count) > 0, 3 * lost, 0),
            **counts,
            **dict.fromkeys(_NOTHING, np.zeros(count, np.int64)),
        }
        found: dict[str, list[Any]] = {name: column.tolist() for name, column in columns.items()}
        found["data_rtt"] = self._round_trips(moment, direction, draw)
        return found

    def _round_trips(self, moment: Moment, direction: Direction, draw: np.random.Generator) -> list[bytes]:
        """From the vantage to the receiver and back, of segments that arrived, by connection."""
        flow, at_ns, octets = _samples(moment.sent[direction], len(moment.connections))
        there = self._slice(moment, direction, to_end=True)
        back = self._slice(moment, direction.opposite, to_end=False)
        lots = moment.lots[flow]
        out_ns = self.plant.delay_ns(there, Packets(at_ns, octets, lots))
        home_ns = self.plant.delay_ns(back, Packets(at_ns + out_ns, np.full(len(flow), ACK_OCTETS, np.int64), lots))
        share = (len(self.plant.hops(there)) + len(self.plant.hops(back))) / max(1, 2 * len(moment.line.path))
        waits = (noise.queueing_ns(draw, len(flow)) + noise.queueing_ns(draw, len(flow))) * share
        total = out_ns + home_ns + _HOST_NS + waits.astype(np.int64)
        return [histogram_encode(part.tolist()) for part in _split(flow, total, len(moment.connections))]

    def _slice(self, moment: Moment, direction: Direction, *, to_end: bool) -> Way:
        """Between the vantage and the end that packets of a direction go to, or come from."""
        start, end = (self.position, None) if to_end else (None, self.position)
        return self.plant.way(moment.line, direction, start, end)

    # ---- times -------------------------------------------------------------------------------------------------------
    def _responses(self, moment: Moment) -> list[list[int]]:
        """The server's own time, by connection.

        The way between vantage and server is subtracted as the handshake showed it: what was added to it since then counts as the
        server's, for connections that last.
        """
        answered, count = moment.answered, len(moment.connections)
        came = moment.sent[_Z].counts(self.position.place, count)["tcp_segments"] > 0
        seen = answered.of(came[answered.flow])
        crossing = Packets(seen.at_ns, np.full(len(seen.flow), ACK_OCTETS, np.int64), moment.lots[seen.flow])
        lasting = np.array([one.is_long for one in moment.connections], bool)[seen.flow]
        added = sum(self.plant.added_ns(self.plant.way(moment.line, d, *self._ends(d)), crossing) for d in Direction)
        times = seen.server_ns + np.where(lasting, added, 0)
        return [part[:_MOST_SAMPLES].tolist() for part in _split(seen.flow, times, count)]

    def _ends(self, direction: Direction) -> tuple[Position | None, Position | None]:
        return (self.position, None) if direction is _A else (None, self.position)

    def _handshakes(self, moment: Moment) -> dict[int, dict[str, Any]]:
        """Round trips of SYN, SYN-ACK and ACK on both sides of the vantage, of connections that were opened in the interval."""
        opened = np.flatnonzero(moment.opened & ~moment.refused)
        at_ns = np.array([moment.connections[number].begun_ns for number in opened.tolist()], np.int64)
        small = Packets(at_ns, np.full(len(opened), ACK_OCTETS, np.int64), moment.lots[opened])
        server = np.zeros(len(opened), np.int64)
        whole = np.zeros(len(opened), np.int64)
        for direction in Direction:
            server += self.plant.delay_ns(self.plant.way(moment.line, direction, *self._ends(direction)), small)
            whole += self.plant.delay_ns(self.plant.way(moment.line, direction), small)
        return {
            number: {
                "rtt_server_ns": beyond + _HOST_NS,
                "rtt_client_ns": all_ns - beyond + _HOST_NS,
                "connection_setup_ns": all_ns + 2 * _HOST_NS,
                "handshake_ambiguous": False,
            }
            for number, beyond, all_ns in zip(opened.tolist(), server.tolist(), whole.tolist(), strict=True)
        }


def _extent(moment: Moment, reached: dict[Direction, Any], count: int) -> tuple[Times, Times]:
    """Moments of the first and the last packet that came past, by connection; 0: none did."""
    first_ns, last_ns = np.full(count, np.iinfo(np.int64).max), np.zeros(count, np.int64)
    for direction, seen in reached.items():
        segments = moment.sent[direction].segments
        np.minimum.at(first_ns, segments.flow[seen], segments.at_ns[seen])
        np.maximum.at(last_ns, segments.flow[seen], segments.at_ns[seen])
    return first_ns, last_ns


def _samples(sent: Sending, count: int) -> tuple[Times, Times, Times]:
    """Segments that arrived, spread over the interval, at most so many a connection: their flow, time and size."""
    arrived = np.flatnonzero(np.isnan(sent.places))
    order = arrived[np.lexsort((sent.segments.at_ns[arrived], sent.segments.flow[arrived]))]
    flow = sent.segments.flow[order]
    sizes = np.bincount(flow, minlength=count)
    rank = np.arange(len(flow)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    chosen = order[rank % np.maximum(1, -(-sizes // _MOST_SAMPLES))[flow] == 0]
    return sent.segments.flow[chosen], sent.segments.at_ns[chosen], sent.segments.octets[chosen]


def _split(flow: Times, values: Times, count: int) -> list[Times]:
    """Values by connection."""
    order = np.argsort(flow, kind="stable")
    return np.split(values[order], np.cumsum(np.bincount(flow, minlength=count))[:-1])


def _windows(record: dict[str, Any], spans: Sequence[tuple[int, int]]) -> None:
    """The server advertises a closed window, and again for each question of the client."""
    if not spans or not record["reverse_packets"]:
        return
    questions = sum(int(np.log2((end_ns - begin_ns) / _PROBE_NS + 1)) for begin_ns, end_ns in spans)
    record["reverse_zero_window_events"] = len(spans) + questions
    record["reverse_zero_window_ns"] = sum(end_ns - begin_ns for begin_ns, end_ns in spans)
    record["zero_window_probes"] = questions
    record["packets"] += questions
    record["octets"] += questions * (ACK_OCTETS + 1)
    record["reverse_packets"] += len(spans) + questions
    record["reverse_octets"] += (len(spans) + questions) * ACK_OCTETS
