"""What end-to-end tests of the analyzer share: a line in virtual time, the real collector behind it, the real stores between.

Four probes measure the line and hand sealed batches to `collector.Collector`; `analyzer.Analyzer` steps over what that stored. A
fault is a loss ratio or an added delay on a directed segment; packets are drawn with a seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from analyzer.config import AnalyzerConfig
from analyzer.incidents import IncidentRules
from analyzer.network import network_of
from analyzer.notify.notifier import Notifier
from analyzer.notify.outbox import Outbox
from analyzer.reading import StoredData
from analyzer.runner import Analyzer
from analyzer.service import open_analyzer
from analyzer.views import StoredViews
from collector.collector import Collector, open_collector
from collector.config import CollectorConfig
from collector.enrich.from_inventory import places_of
from faultline import inventory
from faultline.native import encode_records, seal_batch
from faultline.records.histogram import Histogram
from faultline.records.terms import SECOND_NS
from faultline.runtime.clock import VirtualClock
from faultline.runtime.counters import Counters
from faultline.store import StoreConfig, StoreReader

BEGIN_NS = 1_800_000_000 * SECOND_NS
"""A UTC multiple of a minute and of an hour."""
TEN_S = 10 * SECOND_NS
LINE_FILE = """
format: faultline-inventory/1
tenants:
  - {id: bank, name: First Bank}
sites:
  - {id: branch-17, name: "Branch 17, Ningbo", owner: customer}
components:
  - {id: branch-lan, kind: segment, owner: customer, name: Branch LAN, site: branch-17, between: [branch host, CE]}
  - {id: ce, kind: device, owner: customer, name: CE router, site: branch-17}
  - {id: loop-a, kind: segment, owner: access, name: Access loop A, between: [CE, PE1]}
  - {id: pe1, kind: device, owner: carrier_core, name: PE1}
  - {id: core, kind: segment, owner: carrier_core, name: Core, between: [PE1, PE2]}
  - {id: pe2, kind: device, owner: carrier_core, name: PE2}
  - {id: loop-z, kind: segment, owner: access, name: Data-centre loop, between: [PE2, firewall]}
  - {id: fw, kind: device, owner: destination, name: Firewall}
  - {id: dc-lan, kind: segment, owner: destination, name: Data-centre LAN, between: [firewall, server]}
  - {id: server, kind: server, owner: destination, name: Application server}
lines:
  - code: CN-NB-0017
    tenant: bank
    customer: First Bank
    grade: AA
    type: mpls_vpn
    cir_bps: 100000000
    time_zone: Asia/Shanghai
    a_end: {name: Ningbo, site: branch-17, prefixes: [10.1.17.0/24]}
    z_end: {name: Shanghai, prefixes: [10.9.0.0/24]}
    path: [branch-lan, ce, loop-a, pe1, core, pe2, loop-z, fw, dc-lan, server]
vantages:
  - {id: ce-lan, probe: branch, observation_point: lan, positions: [{line: CN-NB-0017, between: [branch-lan, ce]}]}
  - {id: ce-wan, probe: branch, observation_point: wan, positions: [{line: CN-NB-0017, between: [ce, loop-a]}]}
  - {id: pe1, probe: pe1, observation_point: mirror, positions: [{line: CN-NB-0017, at: pe1}]}
  - {id: pe2, probe: pe2, observation_point: mirror, positions: [{line: CN-NB-0017, at: pe2}]}
  - {id: fw-wan, probe: dc, observation_point: wan, positions: [{line: CN-NB-0017, between: [loop-z, fw]}]}
  - {id: fw-lan, probe: dc, observation_point: lan, positions: [{line: CN-NB-0017, between: [fw, dc-lan]}]}
sessions:
  - {id: ce-pe1, line: CN-NB-0017, sender: ce-wan, reflector: pe1}
  - {id: pe1-pe2, line: CN-NB-0017, sender: pe1, reflector: pe2}
  - {id: pe2-fw, line: CN-NB-0017, sender: pe2, reflector: fw-wan}
  - {id: ce-fw, line: CN-NB-0017, sender: ce-wan, reflector: fw-wan}
"""
CROSSED = ("branch-lan", "loop-a", "core", "loop-z", "dc-lan")
"""Segments from A to Z; what lies between two of them loses nothing here."""
ONE_WAY_NS = {"branch-lan": 100_000, "loop-a": 1_000_000, "core": 4_000_000, "loop-z": 800_000, "dc-lan": 100_000}
STANDS = {"ce-lan": 1, "ce-wan": 1, "pe1": 2, "pe2": 3, "fw-wan": 4, "fw-lan": 4}
"""How many segments lie between A and the vantage."""
PROBES = {
    "branch": ("ce-lan", "ce-wan"),
    "pe1": ("pe1",),
    "pe2": ("pe2",),
    "dc": ("fw-wan", "fw-lan"),
}
POINTS = {"ce-lan": "lan", "ce-wan": "wan", "pe1": "mirror", "pe2": "mirror", "fw-wan": "wan", "fw-lan": "lan"}
SESSIONS = {"ce-pe1": ("branch", 1, 2), "pe1-pe2": ("pe1", 2, 3), "pe2-fw": ("pe2", 3, 4), "ce-fw": ("branch", 1, 4)}
"""Sender's probe, and the slice of `CROSSED` it tests."""
TEST_PACKETS = 1000
SEGMENTS = 1000
"""TCP segments of data a direction and window."""
SAMPLES = 60
"""Delays drawn a window: enough for percentiles."""


@attrs.define(kw_only=True)
class Fault:
    """On a directed segment such as `loop-a>`."""

    loss: float = 0.0
    delay_ns: int = 0


@attrs.define
class LineWorld:
    """The line, its probes, the collector and the analyzer."""

    folder: Path
    config: AnalyzerConfig
    collector: Collector
    analyzer: Analyzer
    notifier: Notifier
    outbox: Outbox
    counters: Counters
    random: random.Random
    now_ns: int = BEGIN_NS
    clock: VirtualClock = attrs.field(factory=lambda: VirtualClock(BEGIN_NS))
    faults: dict[str, Fault] = attrs.field(factory=dict)
    seqs: dict[tuple[str, str], int] = attrs.field(factory=dict)
    silent: set[str] = attrs.field(factory=set)
    """Probes that measure nothing."""
    held_back: set[str] = attrs.field(factory=set)
    """Probes that keep what they measure until `release`."""
    _kept: list[tuple[str, bytes]] = attrs.field(factory=list)

    def run(self, seconds: int, faults: Mapping[str, Fault] | None = None) -> list[str]:
        """Let windows pass, with faults by directed segment; gives what was said, e.g. `raise access loop-a>`."""
        said: list[str] = []
        for _ in range(seconds // 10):
            self.feed(10, faults)
            for event in self.analyzer.step(self.now_ns).events:
                incident = event.incident
                said.append(f"{event.kind.value} {incident.owner.value} {','.join(incident.components)}")
        return said

    def feed(self, seconds: int, faults: Mapping[str, Fault] | None = None) -> None:
        """Let windows pass up to the stores: whoever reads these answers."""
        self.faults = dict(faults or {})
        for _ in range(seconds // 10):
            self.measure(self.now_ns)
            self.now_ns += TEN_S
            self.clock.advance(TEN_S)
            self.settle()

    def settle(self) -> None:
        """The collector works through what it has."""
        while self.collector.advance(self.now_ns + SECOND_NS):
            pass

    def measure(self, start_ns: int) -> None:
        """One window of every probe, uploaded right after its end."""
        flows, sessions = self._flows(start_ns), self._sessions(start_ns)
        for probe, vantages in PROBES.items():
            if probe in self.silent:
                continue
            self.upload(probe, "flows", {"flow": [row for vantage in vantages for row in flows[vantage]]}, start_ns)
            health = [_health(POINTS[vantage], start_ns) for vantage in vantages]
            self.upload(probe, "measurements", {"session": sessions.get(probe, []), "probe_health": health}, start_ns)

    def upload(self, probe: str, stream: str, records: Mapping[str, list[dict[str, Any]]], start_ns: int) -> None:
        """A sealed batch, as the probe makes it, to the collector."""
        end_ns = start_ns + TEN_S
        number = self.seqs[probe, stream] = self.seqs.get((probe, stream), 0) + 1
        rows = {kind: found for kind, found in records.items() if found}
        header = {
            "probe": probe,
            "incarnation": 0xF000_0000_0000_0001,
            "stream": stream,
            "seq": number,
            "wall_ns": end_ns,
            "monotonic_ns": end_ns - BEGIN_NS + 3600 * SECOND_NS,
            "watermark_ns": end_ns,
            "records": sum(map(len, rows.values())),
        }
        octets = seal_batch(header, b"".join(encode_records(kind, found, export_s=1) for kind, found in rows.items()), export_s=1)
        if probe in self.held_back:
            self._kept.append((probe, octets))
            return
        answer = self.collector.ingest(octets, probe, end_ns)
        assert answer.status == 200, answer

    def release(self) -> None:
        """What was held back is uploaded now, oldest first."""
        for probe, octets in self._kept:
            answer = self.collector.ingest(octets, probe, self.now_ns)
            assert answer.status == 200, answer
        self._kept.clear()

    def restart(self) -> None:
        """Another analyzer over the same stores, as after kill -9: what was only in memory is gone."""
        self.analyzer = open_analyzer(
            self.config,
            inventory=inventory.read(self.config.inventory),
            stored=self.stored,
            counters=self.counters,
            notifier=self.notifier,
        )

    def views(self) -> StoredViews:
        """The pages' data."""
        known = inventory.read(self.config.inventory)
        analyzer = self.analyzer
        return StoredViews(
            network=network_of(known), stored=self.stored, belief=lambda: analyzer.belief, clock=VirtualClock(self.now_ns)
        )

    @property
    def stored(self) -> StoredData:
        """What the analyzer and its pages read."""
        return StoredData(StoreReader(state=self.collector.state, metrics=self.collector.metrics))

    def told(self) -> list[str]:
        """Alarm texts, in order."""
        texts = []
        for entry in self.outbox.begin("noc", 1000):
            texts.append(entry.body["en"]["text"])
            self.outbox.told("noc", entry)
        return texts

    # ---- what the line does to packets
    def _lost(self, sent: int, slice_: tuple[str, ...], mark: str) -> int:
        passed = sent
        for segment in slice_:
            fault = self.faults.get(segment + mark)
            if fault is not None and fault.loss:
                passed -= sum(self.random.random() < fault.loss for _ in range(passed))
        return sent - passed

    def _delays(self, slice_: tuple[str, ...], marks: str) -> list[int]:
        base = 0
        for mark in marks:
            base += sum(ONE_WAY_NS[s] for s in slice_)
            base += sum(fault.delay_ns for s in slice_ if (fault := self.faults.get(s + mark)))
        return [int(base * (1 + abs(self.random.gauss(0, 0.02)))) for _ in range(SAMPLES)]

    def _sessions(self, start_ns: int) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for name, (probe, first, last) in SESSIONS.items():
            slice_ = CROSSED[first:last]
            there = self._lost(TEST_PACKETS, slice_, ">")
            back = self._lost(TEST_PACKETS - there, slice_, "<")
            row: dict[str, Any] = {"session": name, "interval_start_ns": start_ns, "interval_end_ns": start_ns + TEN_S}
            row |= {"sent": TEST_PACKETS, "received": TEST_PACKETS - there - back, "lost_forward": there, "lost_reverse": back}
            row |= {"lost_unattributed": 0, "test_duplicates": 0, "test_reordered": 0, "severely_errored_mask": 0}
            row |= {"unmeasured_mask": 0, "clock_class": "same_host", "clock_error_ns": 1000, "suspect": 0}
            row |= {"timestamp_sources": "sw,sw,sw,sw"}
            ways = {"rtt": "><", "forward_delay": ">", "reverse_delay": "<"}
            row |= {metric: Histogram(self._delays(slice_, marks)).encode() for metric, marks in ways.items()}
            row |= {metric: Histogram([20_000] * SAMPLES).encode() for metric in ("forward_ipdv", "reverse_ipdv")}
            found.setdefault(probe, []).append(row)
        return found

    def _flows(self, start_ns: int) -> dict[str, list[dict[str, Any]]]:
        """One biflow of the branch host to the server, as each vantage sees it."""
        lost: dict[str, list[int]] = {}
        for mark in "><":
            passing = SEGMENTS
            lost[mark] = []
            for segment in CROSSED if mark == ">" else CROSSED[::-1]:
                gone = self._lost(passing, (segment,), mark)
                passing -= gone
                lost[mark].append(gone)
        return {vantage: [self._flow(vantage, start_ns, lost)] for vantage in STANDS}

    def _flow(self, vantage: str, start_ns: int, lost: Mapping[str, list[int]]) -> dict[str, Any]:
        here = STANDS[vantage]
        row: dict[str, Any] = {
            "start_ns": start_ns,
            "end_ns": start_ns + TEN_S - 1,
            "flow_start_ns": BEGIN_NS,
            "interval_start_ns": start_ns,
            "flow_id": 7,
            "observation_point": POINTS[vantage],
            "protocol": 6,
            "source_address": "10.1.17.5",
            "source_port": 40000,
            "destination_address": "10.9.0.9",
            "destination_port": 443,
            "encapsulation": "",
            "end_reason": 2,
        }
        for prefix, mark, before in (("", ">", here), ("reverse_", "<", len(CROSSED) - here)):
            upstream, downstream = sum(lost[mark][:before]), sum(lost[mark][before:])
            seen = SEGMENTS - upstream
            ahead = CROSSED[here:] if mark == ">" else CROSSED[:here]
            row |= {
                f"{prefix}packets": 2 * seen,
                f"{prefix}octets": 1000 * seen,
                f"{prefix}frame_octets": 1014 * seen,
                f"{prefix}duplicates": 0,
                f"{prefix}tcp_segments": seen + upstream + downstream,
                f"{prefix}retransmissions": upstream + downstream,
                f"{prefix}loss_upstream": upstream,
                f"{prefix}loss_downstream": downstream,
                f"{prefix}retransmissions_spurious": 0,
                f"{prefix}data_rtt": Histogram(self._delays(ahead, "><")).encode(),
            }
        return row


def _health(point: str, start_ns: int) -> dict[str, Any]:
    span = {"observation_point": point, "interval_start_ns": start_ns, "interval_end_ns": start_ns + TEN_S}
    return span | {"capture_received": 4000, "capture_dropped": 0}


@pytest.fixture
def line_file() -> str:
    """The line's inventory as its file's text."""
    return LINE_FILE


@pytest.fixture
def make_fault() -> type[Fault]:
    """Makes faults."""
    return Fault


@pytest.fixture
def world(tmp_path: Path) -> Iterator[LineWorld]:
    """A line at `BEGIN_NS`, with empty stores."""
    file = tmp_path / "inventory.yaml"
    file.write_text(LINE_FILE, encoding="utf-8")
    known = inventory.read(file)
    store = StoreConfig(data=tmp_path / "store", durable=False)
    config = AnalyzerConfig(
        data=tmp_path / "analyzer", inventory=file, store=store, incidents=IncidentRules(clear_after_s=60), listen="127.0.0.1:0"
    )
    outbox = Outbox(config.data / "outbox.sqlite")
    notifier = Notifier(network=network_of(known), outbox=outbox, deliveries=(), public_url="https://noc.example")
    notifier.start()
    outbox.join("noc")
    collector = open_collector(CollectorConfig(data=tmp_path / "collector", inventory=file, store=store), places=places_of(known))
    counters = Counters()
    reader = StoreReader(state=collector.state, metrics=collector.metrics)
    analyzer = open_analyzer(config, inventory=known, stored=StoredData(reader), counters=counters, notifier=notifier)
    yield LineWorld(
        folder=tmp_path,
        config=config,
        collector=collector,
        analyzer=analyzer,
        notifier=notifier,
        outbox=outbox,
        counters=counters,
        random=random.Random(20260101),
    )
    notifier.stop()
    collector.close()
