"""Dial tests: what a probe that uses a service as its clients do would report of an interval.

Goes in: a dial of the inventory, the plant, an interval. Comes out: a record of kind `dial`. Each attempt is drawn: answered,
refused, or without an answer in time.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from appliance.simnet import noise
from appliance.simnet.noise import Flags, Times
from appliance.simnet.plant import Plant
from appliance.simnet.traffic import SYN_OCTETS, TCP, UDP
from appliance.simnet.turns import due
from appliance.simnet.ways import Packets, lot
from faultline.inventory import Inventory
from faultline.inventory.endpoints import host_of, target_of
from faultline.inventory.model import Dial, DialProtocol
from faultline.native import histogram_encode
from faultline.records.incident import Base
from faultline.records.terms import SECOND_NS, Direction

_TRIES_NS = (0, SECOND_NS)
"""A TCP attempt that lasts two seconds sends its SYN twice (RFC 6298)."""
_TIMEOUT_NS = 2 * SECOND_NS
_ACCEPT_NS, _RESOLVE_NS = 60_000, 400_000
"""A kernel accepts at once; a resolver looks into its cache."""
_SPREAD = 0.3
_FIRST_PORT, _PORTS = 33_000, 2_000


@attrs.frozen(slots=True, kw_only=True)
class DialSource:
    """One dial test."""

    inventory: Inventory
    plant: Plant
    dial: Dial
    interval_s: float
    """Between two attempts."""
    seed: int

    def record(self, start_ns: int, end_ns: int) -> dict[str, Any]:
        """The record of an interval."""
        at_ns = np.array(due(self.dial.id, self.interval_s, start_ns, end_ns), np.int64)
        return self._record(at_ns, start_ns, end_ns, noise.generator(self.seed, f"dial {self.dial.id}", start_ns))

    def answer(self, request: str, start_ns: int, end_ns: int) -> dict[str, Any]:
        """The record of one attempt, made because somebody asked for it at the start of an interval."""
        draw = noise.generator(self.seed, f"dial {self.dial.id} {request}", start_ns)
        return self._record(np.array([start_ns + SECOND_NS], np.int64), start_ns, end_ns, draw) | {"request_id": request}

    def _record(self, at_ns: Times, start_ns: int, end_ns: int, draw: np.random.Generator) -> dict[str, Any]:
        count, ids = len(at_ns), self._ids()
        lots = self._lots(start_ns, count)
        refused = draw.random(count) < self.plant.refused(ids, at_ns)
        mute = draw.random(count) < self.plant.unanswered(ids, at_ns)
        own_ns = (self._own_ns * draw.lognormal(0, _SPREAD, count) * self._slow(at_ns)).astype(np.int64)
        answered_ns = np.full(count, -1, np.int64)
        for after_ns in _TRIES_NS if self.dial.protocol is DialProtocol.TCP else _TRIES_NS[:1]:
            came, took_ns = self._round(Packets(at_ns + after_ns, np.full(count, SYN_OCTETS, np.int64), lots), draw)
            first = came & ~mute & (answered_ns < 0)
            answered_ns[first] = (took_ns + own_ns + after_ns)[first]
        in_time = (answered_ns >= 0) & (answered_ns < _TIMEOUT_NS)
        done = in_time & ~refused
        return {
            "dial": self.dial.id,
            "interval_start_ns": start_ns,
            "interval_end_ns": end_ns,
            "scheduled": count,
            "done": int(done.sum()),
            "refused": int((in_time & refused).sum()),
            "timed_out": int((~in_time).sum()),
            "unreachable": 0,
            "error_answers": 0,
            "skipped": 0,
            "response_time": histogram_encode(answered_ns[done].tolist()),
        }

    @property
    def _own_ns(self) -> int:
        return _RESOLVE_NS if self.dial.protocol is DialProtocol.DNS else _ACCEPT_NS

    def _slow(self, at_ns: Times) -> noise.Ratios:
        """A resolver answers itself; connections are accepted by the kernel, however slow the application is."""
        if self.dial.protocol is DialProtocol.DNS:
            return self.plant.slow_factor(self._ids(), at_ns)
        return np.ones(at_ns.shape)

    def _round(self, asked: Packets, draw: np.random.Generator) -> tuple[Flags, Times]:
        """Whether question and answer both get through, and how long they are under way."""
        line = self.inventory.lines[self.dial.line]
        sender = self.inventory.vantages[self.dial.sender].positions[line.code]
        there = self.plant.way(line, Direction.A_TO_Z, sender, None)
        back = self.plant.way(line, Direction.Z_TO_A, None, sender)
        came = np.isnan(self.plant.cross(there, asked, draw))
        out_ns = self.plant.delay_ns(there, asked) + noise.queueing_ns(draw, len(asked))
        home = Packets(asked.at_ns + out_ns, asked.octets, asked.lots)
        came &= np.isnan(self.plant.cross(back, home, draw))
        return came, out_ns + self.plant.delay_ns(back, home) + noise.queueing_ns(draw, len(asked))

    def _ids(self) -> tuple[Base, ...]:
        line = self.inventory.lines[self.dial.line]
        host = host_of(line, self.dial.endpoint, self.inventory.components)
        return (self.dial.endpoint, *((host.id,) if host is not None and host.id != self.dial.endpoint else ()))

    def _lots(self, start_ns: int, count: int) -> Times:
        """Every attempt has a port of its own, and so may take another of equal paths."""
        line = self.inventory.lines[self.dial.line]
        endpoint = self.inventory.components[self.dial.endpoint]
        host = host_of(line, endpoint.id, self.inventory.components)
        target = target_of(endpoint, host, self.dial.protocol) if host is not None else None
        sender = self.inventory.vantages[self.dial.sender]
        address, port = (target.address, target.port or 0) if target is not None else (endpoint.id, 0)
        protocol = UDP if self.dial.protocol is DialProtocol.DNS else TCP
        base = lot(protocol, sender.address or sender.id, 0, address, port)
        return base + _FIRST_PORT + (start_ns // SECOND_NS + np.arange(count, dtype=np.int64)) % _PORTS
