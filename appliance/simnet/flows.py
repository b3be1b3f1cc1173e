"""Customers' traffic: the flow records that each probe's metering would make of an interval.

Goes in: the lines, the plant, an interval. Comes out: records of kind `flow`, one a connection and vantage, and how many octets
crossed each line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np

from appliance.simnet import noise
from appliance.simnet.exchanges import Exchanges, Moment
from appliance.simnet.metering import FRAME_OCTETS, Metering
from appliance.simnet.plant import Plant
from appliance.simnet.traffic import UDP, Endpoint, Traffic, host_address, resolvers
from appliance.simnet.ways import lot, packets
from faultline.inventory import Inventory, Line, Position, Vantage
from faultline.records.terms import SECOND_NS, Direction, LineCode

_QUERY_OCTETS, _ANSWER_OCTETS = 72, 150
_QUERY_PORT = 35_000
"""The branch's forwarder asks from one port for as long as an interval lasts."""
_IDLE = 1
"""Reason of a record's end: nothing came for a while."""


class FlowSource:
    """All connections of all lines, and every vantage that captures."""

    def __init__(self, *, inventory: Inventory, plant: Plant, traffic: Traffic, seed: int, begin_ns: int) -> None:
        self._inventory = inventory
        self._plant = plant
        self._traffic = traffic
        self._seed = seed
        self.answered = 0
        """Requests with their response in the newest interval."""
        self.octets: dict[tuple[LineCode, Direction], int] = {}
        """What arrived over each line in the newest interval."""
        self._exchanges = [
            Exchanges(inventory=inventory, plant=plant, traffic=traffic, line=line, seed=seed, begin_ns=begin_ns)
            for line in inventory.lines.values()
        ]
        self._resolvers = {line.code: resolvers(line, inventory) for line in inventory.lines.values()}

    def records(self, start_ns: int, end_ns: int) -> dict[str, list[dict[str, Any]]]:
        """Records by probe."""
        found: dict[str, list[dict[str, Any]]] = {}
        self.answered = 0
        for exchanges in self._exchanges:
            moment = exchanges.moment(start_ns, end_ns)
            queries = [self._queries(moment.line, end, start_ns, end_ns) for end in self._resolvers[moment.line.code]]
            self._account(moment)
            for vantage, position in self._vantages(moment.line):
                metering = Metering(plant=self._plant, vantage=vantage, position=position, seed=self._seed)
                mine = found.setdefault(str(vantage.probe), [])
                mine += metering.records(moment)
                mine += [record for one in queries if (record := one.record(vantage, position)) is not None]
        return found

    def _account(self, moment: Moment) -> None:
        self.answered += len(moment.answered.flow)
        for direction, sent in moment.sent.items():
            arrived = sent.segments.octets[np.isnan(sent.places)]
            self.octets[moment.line.code, direction] = int(arrived.sum())

    def _vantages(self, line: Line) -> Iterator[tuple[Vantage, Position]]:
        for vantage in self._inventory.vantages.values():
            if vantage.probe is not None and vantage.observation_point is not None and line.code in vantage.positions:
                yield vantage, vantage.positions[line.code]

    def _queries(self, line: Line, end: Endpoint, start_ns: int, end_ns: int) -> _Queries:
        draw = noise.generator(self._seed, f"queries {line.code} {end.address}", start_ns)
        count = int(self._traffic.queries_per_s * (end_ns - start_ns) / SECOND_NS)
        at_ns = np.sort(draw.integers(start_ns, end_ns, count))
        client, port = host_address(line.a_end.prefixes[0], 10), _QUERY_PORT + start_ns // (end_ns - start_ns) % 1000
        asked = packets(at_ns, octets=_QUERY_OCTETS, lot=lot(UDP, client, port, end.address, end.port))
        there, back = (self._plant.way(line, direction) for direction in (Direction.A_TO_Z, Direction.Z_TO_A))
        lost = self._plant.cross(there, asked, draw)
        answers = np.isnan(lost) & (draw.random(count) >= self._plant.unanswered(end.ids, at_ns))
        lost_back = self._plant.cross(back, asked, draw)
        return _Queries(
            endpoint=end,
            client=client,
            port=port,
            start_ns=start_ns,
            at_ns=at_ns,
            lost=lost,
            answers=answers,
            lost_back=lost_back,
        )


@attrs.frozen(slots=True, kw_only=True)
class _Queries:
    """A forwarder's questions to a resolver in an interval."""

    endpoint: Endpoint
    client: str
    port: int
    start_ns: int
    at_ns: noise.Times
    lost: noise.Ratios
    """Where each question was lost; NaN: it arrived."""
    answers: noise.Flags
    lost_back: noise.Ratios
    """Where each answer was lost."""

    def record(self, vantage: Vantage, position: Position) -> dict[str, Any] | None:
        """What a vantage meters of them; None when nothing came past it."""
        asked = np.isnan(self.lost) | (self.lost > position.place)
        told = self.answers & (np.isnan(self.lost_back) | (self.lost_back < position.place))
        moments = self.at_ns[asked | told]
        if not moments.size:
            return None
        there, back = int(asked.sum()), int(told.sum())
        return {
            "start_ns": int(moments.min()),
            "end_ns": int(moments.max()),
            "flow_start_ns": int(self.at_ns.min()),
            "interval_start_ns": self.start_ns,
            "flow_id": noise.hashed(self.client, self.port, self.endpoint.address, self.start_ns),
            "observation_point": vantage.observation_point,
            "protocol": UDP,
            "source_address": self.client,
            "source_port": self.port,
            "destination_address": self.endpoint.address,
            "destination_port": self.endpoint.port,
            "encapsulation": "",
            "end_reason": _IDLE,
            "packets": there,
            "octets": there * _QUERY_OCTETS,
            "frame_octets": there * (_QUERY_OCTETS + FRAME_OCTETS),
            "duplicates": 0,
            "reverse_packets": back,
            "reverse_octets": back * _ANSWER_OCTETS,
            "reverse_frame_octets": back * (_ANSWER_OCTETS + FRAME_OCTETS),
            "reverse_duplicates": 0,
        }
