"""All probes of an inventory: what each measured in an interval, sealed as the batches that it would upload.

Goes in: an interval. Comes out: batches by probe, in the order of their streams, each with identity, sequence and watermark.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from appliance.simnet import noise
from appliance.simnet.flows import FlowSource
from appliance.simnet.hosts import HostSource
from appliance.simnet.ordered_tests import OrderedTests
from appliance.simnet.orders import ProbeOrders
from appliance.simnet.plant import Plant
from appliance.simnet.sessions import SessionSource
from appliance.simnet.traffic import Traffic
from faultline.inventory import Inventory
from faultline.native import encode_records, seal_batch
from faultline.records.terms import SECOND_NS, Stream, VantageId

Records = Mapping[str, Sequence[Mapping[str, Any]]]


@attrs.frozen(slots=True, kw_only=True)
class Upload:
    """A batch under way."""

    probe: str
    stream: Stream
    seq: int
    octets: bytes


@attrs.define(slots=True, kw_only=True)
class _Spool:
    """A probe's identity and how far its streams are."""

    probe: str
    incarnation: int
    begin_ns: int
    seqs: dict[Stream, int] = attrs.field(factory=dict)

    def seal(self, stream: Stream, records: Records, *, end_ns: int, closed_ns: int) -> Upload:
        seq = self.seqs[stream] = self.seqs.get(stream, 0) + 1
        export_s = closed_ns // SECOND_NS
        messages = b"".join(encode_records(kind, rows, export_s=export_s) for kind, rows in records.items() if rows)
        header = {
            "probe": self.probe,
            "incarnation": self.incarnation,
            "stream": stream.value,
            "seq": seq,
            "wall_ns": closed_ns,
            "monotonic_ns": closed_ns - self.begin_ns + 3600 * SECOND_NS,
            "watermark_ns": end_ns,
            "records": sum(len(rows) for rows in records.values()),
        }
        return Upload(probe=self.probe, stream=stream, seq=seq, octets=seal_batch(header, messages, export_s=export_s))


@attrs.frozen(slots=True, kw_only=True)
class Pace:
    """How often probes test."""

    packets_per_s: float = 50.0
    """Of each session, in each direction."""
    full_size_per_s: float = 5.0
    """Of each session that asks what size gets through."""


class Measuring:
    """Every probe."""

    def __init__(
        self,
        *,
        inventory: Inventory,
        plant: Plant,
        traffic: Traffic,
        pace: Pace,
        orders: Mapping[str, ProbeOrders],
        seed: int,
        begin_ns: int,
    ) -> None:
        self._inventory = inventory
        self._plant = plant
        self._flows = FlowSource(inventory=inventory, plant=plant, traffic=traffic, seed=seed, begin_ns=begin_ns)
        self._hosts = HostSource(inventory=inventory, plant=plant, flows=self._flows, seed=seed)
        self._sessions = [
            SessionSource(
                inventory=inventory,
                plant=plant,
                session=session,
                packets_per_s=pace.full_size_per_s if session.is_full_size else pace.packets_per_s,
                seed=seed,
            )
            for session in inventory.sessions.values()
        ]
        self._orders = orders
        self._ordered = OrderedTests(inventory=inventory, plant=plant, seed=seed)
        self.sites = {str(v.probe): v.site for v in inventory.vantages.values() if v.probe is not None}
        """Where each probe stands."""
        probes = dict.fromkeys(str(vantage.probe) for vantage in inventory.vantages.values() if vantage.probe is not None)
        self._spools = {
            probe: _Spool(
                probe=probe,
                incarnation=int(noise.generator(seed, f"incarnation {probe}", 0).integers(1, 1 << 63)),
                begin_ns=begin_ns,
            )
            for probe in probes
        }

    @property
    def answered(self) -> int:
        """Requests that got their response in the newest interval."""
        return self._flows.answered

    def batches(self, start_ns: int, end_ns: int, *, closed_ns: int) -> Iterator[Upload]:
        """What every probe uploads of an interval, closed a moment after its end."""
        flows = self._flows.records(start_ns, end_ns)
        for probe, spool in self._spools.items():
            since_ns = self._plant.dark_since(self.sites[probe], end_ns)
            if since_ns is not None and since_ns < closed_ns:
                continue  # what was in its memory went with the power; its spool goes on where it was
            mine = flows.get(probe, [])
            events: Records = {"link_event": self._hosts.events(probe, start_ns, end_ns)}
            for stream, records in (
                (Stream.FLOWS, {"flow": mine}),
                (Stream.MEASUREMENTS, self._measured(probe, mine, start_ns, end_ns)),
                (Stream.EVENTS, events),
            ):
                yield spool.seal(stream, records, end_ns=end_ns, closed_ns=closed_ns)

    def _measured(self, probe: str, flows: Sequence[Mapping[str, Any]], start_ns: int, end_ns: int) -> Records:
        return {
            "session": [one.record(start_ns, end_ns) for one in self._sessions if self._probe_of(one.session.sender) == probe],
            "interface": self._hosts.interfaces(probe, start_ns, end_ns),
            "probe_health": self._hosts.health(probe, self._captured(probe, flows), start_ns, end_ns),
            **self._ordered.records(self._orders[probe], start_ns, end_ns),
        }

    def _probe_of(self, vantage: VantageId) -> str:
        return str(self._inventory.vantages[vantage].probe)

    def _captured(self, probe: str, flows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """Packets by observation point; a point that saw none is there with 0."""
        points = [str(v.observation_point) for v in self._inventory.vantages.values() if v.probe == probe and v.observation_point]
        found = dict.fromkeys(points, 0)
        for flow in flows:
            found[flow["observation_point"]] += flow["packets"] + flow["reverse_packets"]
        return found
