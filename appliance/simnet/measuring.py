"""All probes of an inventory: what each measured in an interval, sealed as the batches that it would upload.

Goes in: an interval. Comes out: batches by probe, in the order of their streams, each with identity, sequence and watermark.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from appliance.simnet import noise
from appliance.simnet.flows import FlowSource, Traffic
from appliance.simnet.hosts import HostSource
from appliance.simnet.plant import Plant
from appliance.simnet.sessions import SessionSource
from faultline.inventory import Inventory
from faultline.native import encode_records, seal_batch
from faultline.records.terms import SECOND_NS, Stream

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


class Measuring:
    """Every probe."""

    def __init__(
        self,
        *,
        inventory: Inventory,
        plant: Plant,
        traffic: Traffic,
        test_packets_per_s: float,
        seed: int,
        begin_ns: int,
    ) -> None:
        self._inventory = inventory
        self._flows = FlowSource(inventory=inventory, plant=plant, traffic=traffic, seed=seed, begin_ns=begin_ns)
        self._hosts = HostSource(inventory=inventory, plant=plant, octets_per_s=traffic.octets_per_s, seed=seed)
        self._sessions = [
            SessionSource(inventory=inventory, plant=plant, session=session, packets_per_s=test_packets_per_s, seed=seed)
            for session in inventory.sessions.values()
        ]
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
            mine = flows.get(probe, [])
            measured: Records = {
                "session": [source.record(start_ns, end_ns) for source in self._sessions if self._sender(source) == probe],
                "interface": self._hosts.interfaces(probe, start_ns, end_ns),
                "probe_health": self._hosts.health(probe, self._captured(probe, mine), start_ns, end_ns),
            }
            events: Records = {"link_event": self._hosts.events(probe, start_ns, end_ns)}
            for stream, records in (
                (Stream.FLOWS, {"flow": mine}),
                (Stream.MEASUREMENTS, measured),
                (Stream.EVENTS, events),
            ):
                yield spool.seal(stream, records, end_ns=end_ns, closed_ns=closed_ns)

    def _sender(self, source: SessionSource) -> str:
        return str(self._inventory.vantages[source.session.sender].probe)

    def _captured(self, probe: str, flows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """Packets by observation point; a point that saw none is there with 0."""
        points = [str(v.observation_point) for v in self._inventory.vantages.values() if v.probe == probe and v.observation_point]
        found = dict.fromkeys(points, 0)
        for flow in flows:
            found[flow["observation_point"]] += flow["packets"] + flow["reverse_packets"]
        return found
