"""Traced paths: which routers would answer a trace that keeps to a flow's addresses and ports.

Goes in: a trace of the inventory, the plant, a moment. Comes out: records of kind `path`, one a flow,
and the account of the task.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs
import numpy as np

from appliance.simnet import noise
from appliance.simnet.plant import Packets, Plant, lot
from appliance.simnet.sessions import SMALL_OCTETS, STAMP_PORT
from appliance.simnet.traffic import UDP
from faultline.inventory import Inventory, Position
from faultline.inventory.endpoints import host_of
from faultline.inventory.model import Trace
from faultline.inventory.positions import direction_of
from faultline.records.terms import ComponentKind, Direction

TRACE_EVERY = 3
"""A standing trace is made in every third interval."""
_TRIES = 3
"""Packets to each distance before it counts as silent."""
_ANSWERS = 0.995
"""Share of the questions that a router, which has more important things to do, answers."""
_MORE_PORTS = (33_434, 33_435)
"""Beside the flows of the sessions."""


@attrs.frozen(slots=True, kw_only=True)
class TraceSource:
    """One pair whose path is traced."""

    inventory: Inventory
    plant: Plant
    trace: Trace
    seed: int

    def is_due(self, start_ns: int, end_ns: int) -> bool:
        """Whether it is made in this interval: each trace has its own turn."""
        return (start_ns // (end_ns - start_ns) + noise.hashed(self.trace.id)) % TRACE_EVERY == 0

    def records(self, start_ns: int, end_ns: int, *, request: str | None = None) -> list[dict[str, Any]]:
        """A record for each flow."""
        draw = noise.generator(self.seed, f"trace {self.trace.id} {request or ''}", start_ns)
        at_ns = start_ns + (end_ns - start_ns) // 2
        found = []
        for port in self._ports():
            hops, reached = self._hops(port, at_ns, draw)
            record = {
                "trace": self.trace.id,
                "traced_ns": at_ns,
                "protocol": UDP,
                "source_address": self._source,
                "source_port": port,
                "destination_address": self._destination,
                "destination_port": STAMP_PORT,
                "hops": ",".join(hops),
                "reached": reached,
            }
            found.append(record | ({"request_id": request} if request else {}))
        return found

    def account(self, start_ns: int, end_ns: int, *, made: bool) -> dict[str, Any]:
        """The task's account of an interval."""
        flows = len(self._ports()) if made else 0
        return {
            "task": self.trace.id,
            "interval_start_ns": start_ns,
            "interval_end_ns": end_ns,
            "scheduled": flows,
            "done": flows,
            "failed": 0,
            "skipped": 0,
        }

    @property
    def _source(self) -> str:
        sender = self.inventory.vantages[self.trace.sender]
        return sender.address or str(sender.id)

    @property
    def _destination(self) -> str:
        if self.trace.target is not None:
            target = self.inventory.vantages[self.trace.target]
            return target.address or str(target.id)
        line = self.inventory.lines[self.trace.line]
        endpoint = self.inventory.components[self.trace.endpoint or line.path[-1]]
        host = host_of(line, endpoint.id, self.inventory.components)
        return next(iter((*endpoint.addresses, *(host.addresses if host else ()))), str(endpoint.id))

    def _ports(self) -> list[int]:
        """Source ports of the sessions between the pair, in either role, and a few more."""
        pair = {self.trace.sender, self.trace.target}
        own = [
            one.source_port
            for one in self.inventory.sessions.values()
            if one.source_port is not None and one.sender == self.trace.sender and {one.sender, one.reflector} == pair
        ]
        return [*own, *_MORE_PORTS]

    def _hops(self, port: int, at_ns: int, draw: np.random.Generator) -> tuple[list[str], bool]:
        line = self.inventory.lines[self.trace.line]
        start = self.inventory.vantages[self.trace.sender].positions[line.code]
        end = self._end()
        direction = direction_of(start, end or Position(place=float(len(line.path))))
        flow = np.array([lot(UDP, self._source, port, self._destination, STAMP_PORT)])
        asked = Packets(np.array([at_ns], np.int64), np.array([SMALL_OCTETS], np.int64), flow)
        whole = self.plant.way(line, direction, start, end)
        (choice, _), *_ = self.plant.choices(whole, asked)
        found = []
        for hop in self.plant.hops(whole, choice):
            component = self.inventory.components[hop.base]
            if component.kind is ComponentKind.DEVICE and component.addresses:
                answers = self._answers(direction, start, Position(place=hop.place), asked, draw)
                found.append(_facing(component.addresses, direction) if answers else "*")
        reached = self._answers(direction, start, end, asked, draw) and self._has_power(asked)
        return [*found, self._destination if reached else "*"], reached

    def _has_power(self, asked: Packets) -> bool:
        site = self.inventory.vantages[self.trace.target].site if self.trace.target is not None else None
        return bool(self.plant.has_power(site, asked.at_ns)[0])

    def _end(self) -> Position | None:
        if self.trace.target is not None:
            return self.inventory.vantages[self.trace.target].positions[self.trace.line]
        return None

    def _answers(
        self, direction: Direction, start: Position, end: Position | None, asked: Packets, draw: np.random.Generator
    ) -> bool:
        """Whether one of a few questions comes back answered."""
        line = self.inventory.lines[self.trace.line]
        tries = Packets(*(np.repeat(column, _TRIES) for column in (asked.at_ns, asked.octets, asked.lots)))
        there = self.plant.way(line, direction, start, end)
        back = self.plant.way(line, direction.opposite, end, start)
        came = np.isnan(self.plant.cross(there, tries, draw)) & np.isnan(self.plant.cross(back, tries, draw))
        return bool((came & (draw.random(_TRIES) < _ANSWERS)).any())


def _facing(addresses: Iterable[str], direction: Direction) -> str:
    """A router answers by the interface that the question came in at: the first listed faces the A end, the last the Z end."""
    listed = list(addresses)
    return listed[0] if direction is Direction.A_TO_Z else listed[-1]
