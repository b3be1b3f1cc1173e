"""Traced paths: which routers would answer a trace that keeps to a flow's addresses and ports.

Goes in: a trace of the inventory, the plant, a moment. Comes out: records of kind `path`, one a flow,
and accounts of tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import numpy as np

from appliance.simnet import noise
from appliance.simnet.plant import Plant
from appliance.simnet.sessions import SMALL_OCTETS
from appliance.simnet.traffic import UDP
from appliance.simnet.turns import due
from appliance.simnet.ways import Packets, lot
from faultline.inventory import Inventory, Position
from faultline.inventory.endpoints import host_of
from faultline.inventory.model import Trace
from faultline.inventory.positions import direction_of
from faultline.records.terms import ComponentKind, Direction

_TRIES = 3
"""Packets to each distance before it counts as silent."""
_ANSWERS = 0.995
"""Share of the questions that a router, which has more important things to do, answers."""


@attrs.frozen(slots=True, kw_only=True)
class TraceSource:
    """One pair whose path is traced."""

    inventory: Inventory
    plant: Plant
    trace: Trace
    interval_s: float
    """Between two traces of a flow."""
    flows: Sequence[tuple[int, int]]
    """Source and destination ports."""
    seed: int

    def due(self, start_ns: int, end_ns: int) -> list[int]:
        """Moments in [start, end) at which it is made."""
        return due(self.trace.id, self.interval_s, start_ns, end_ns)

    def records(self, at_ns: int, *, request: str | None = None) -> list[dict[str, Any]]:
        """A record for each flow of which anybody answered, traced at a moment."""
        draw = noise.generator(self.seed, f"trace {self.trace.id} {request or ''}", at_ns)
        found = []
        for source_port, destination_port in self.flows:
            hops, reached = self._hops(source_port, destination_port, at_ns, draw)
            record = {
                "trace": self.trace.id,
                "traced_ns": at_ns,
                "protocol": UDP,
                "source_address": self._source,
                "source_port": source_port,
                "destination_address": self._destination,
                "destination_port": destination_port,
                "hops": ",".join(hops),
                "reached": reached,
            }
            if reached or hops:
                found.append(record | ({"request_id": request} if request else {}))
        return found

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

    def _hops(self, source_port: int, destination_port: int, at_ns: int, draw: np.random.Generator) -> tuple[list[str], bool]:
        """Routers before the destination, as far as somebody answered; whether the destination itself did."""
        line = self.inventory.lines[self.trace.line]
        start = self.inventory.vantages[self.trace.sender].positions[line.code]
        end = self._end()
        direction = direction_of(start, end or Position(place=float(len(line.path))))
        flow = np.array([lot(UDP, self._source, source_port, self._destination, destination_port)])
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
        while found and found[-1] == "*" and not reached:
            found.pop()  # how far away the silent ones are, nobody knows
        return found, reached

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


def account(task: str, runs: int, done: int, *, start_ns: int, end_ns: int) -> dict[str, Any]:
    """A `task` record: what was due was done, or had no answer."""
    span = {"interval_start_ns": start_ns, "interval_end_ns": end_ns}
    return {"task": task, **span, "scheduled": runs, "done": done, "failed": runs - done, "skipped": 0}


def _facing(addresses: Iterable[str], direction: Direction) -> str:
    """A router answers by the interface that the question came in at: the first listed faces the A end, the last the Z end."""
    listed = list(addresses)
    return listed[0] if direction is Direction.A_TO_Z else listed[-1]
