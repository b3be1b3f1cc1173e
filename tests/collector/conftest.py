"""What tests of the collector share: records, sealed batches, a line with two probes, and a collector in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from collector.collector import Collector, open_collector
from collector.config import CollectorConfig
from collector.enrich.places import Directory, Endpoint, LinePlace, VantagePlace
from collector.intake.answers import Answer
from faultline.native import encode_records, seal_batch
from faultline.records.histogram import Histogram
from faultline.records.points import Point
from faultline.records.terms import SECOND_NS, DialId, Level, LineCode, SessionId, TenantId, TraceId, VantageId
from faultline.store.config import StoreConfig
from faultline.store.disk import Disk
from faultline.store.reader import StoreReader
from tests.store.conftest import influxd_url as influxd_url  # noqa: PLC0414 - a fixture of the stores, used here too

if TYPE_CHECKING:
    from tests.collector.running import Running

BEGIN_NS = 1_800_000_000 * SECOND_NS
"""A UTC multiple of a minute and of an hour."""
TEN_S = 10 * SECOND_NS
LINE = LineCode("L1")
BANK = TenantId("bank")
PROBES = ("branch", "centre")


def endpoint_at(tenant: TenantId, address: str, protocol: int, port: int) -> Endpoint | None:
    """A server with one service, and a resolver."""
    if tenant != BANK:
        return None
    if address == "10.2.0.9":
        is_service = (protocol, port) == (6, 443)
        return Endpoint(id="svc-teller" if is_service else "srv-1", listens=is_service)
    return Endpoint(id="dns-1", listens=port == 53) if address == "10.2.0.53" else None


DIRECTORY = Directory(
    lines=[LinePlace(code=LINE, tenant=BANK, a_prefixes=("10.1.0.0/16", "2001:db8:1::/48"), z_prefixes=("10.2.0.0/16",))],
    vantages=[
        VantagePlace(
            id=VantageId("v-branch"), probe="branch", observation_point="wan", lines=frozenset({LINE}), order={LINE: 0.5}
        ),
        VantagePlace(
            id=VantageId("v-centre"), probe="centre", observation_point="wan", lines=frozenset({LINE}), order={LINE: 3.5}
        ),
    ],
    sessions={SessionId("s1"): LINE},
    dials={DialId("d1"): LINE},
    traces={TraceId("t1"): LINE},
    endpoint_addresses=("10.2.0.9", "10.2.0.53"),
    endpoint=endpoint_at,
)


def make_flow(start_ns: int = BEGIN_NS, **changes: Any) -> dict[str, Any]:
    """A TCP biflow from A to Z in the interval that holds `start_ns`."""
    flow: dict[str, Any] = {
        "start_ns": start_ns,
        "end_ns": start_ns + SECOND_NS,
        "flow_start_ns": start_ns,
        "interval_start_ns": start_ns // TEN_S * TEN_S,
        "flow_id": 7,
        "observation_point": "wan",
        "protocol": 6,
        "source_address": "10.1.0.5",
        "source_port": 40000,
        "destination_address": "10.2.0.9",
        "destination_port": 443,
        "encapsulation": "",
        "end_reason": 2,
        "packets": 100,
        "octets": 10_000,
        "frame_octets": 11_400,
        "reverse_packets": 50,
        "reverse_octets": 50_000,
        "reverse_frame_octets": 50_700,
        "duplicates": 0,
        "reverse_duplicates": 0,
    }
    tcp = {"tcp_segments": 90, "retransmissions": 3, "loss_upstream": 2, "loss_downstream": 1}
    flow |= tcp | {f"reverse_{name}": value + 1 for name, value in tcp.items()}
    flow |= {"data_rtt": Histogram([8_000_000] * 9).encode(), "reverse_data_rtt": Histogram([2_000_000] * 4).encode()}
    return flow | changes


def make_session(start_ns: int = BEGIN_NS, **changes: Any) -> dict[str, Any]:
    """A test session's interval."""
    session: dict[str, Any] = {"session": "s1", "interval_start_ns": start_ns, "interval_end_ns": start_ns + TEN_S}
    session |= {"sent": 100, "received": 97, "lost_forward": 2, "lost_reverse": 1, "lost_unattributed": 0}
    session |= {"test_duplicates": 0, "test_reordered": 0, "severely_errored_mask": 0b11, "unmeasured_mask": 0}
    for metric in ("rtt", "forward_delay", "reverse_delay", "forward_ipdv", "reverse_ipdv"):
        session[metric] = Histogram([10_000_000] * 97).encode()
    session |= {"clock_class": "ntp", "clock_error_ns": 1000, "suspect": 0, "timestamp_sources": "sw,sw,sw,sw"}
    return session | changes


def make_health(start_ns: int = BEGIN_NS, **changes: Any) -> dict[str, Any]:
    """A capture's account of an interval: one packet in a hundred lost."""
    span = {"observation_point": "wan", "interval_start_ns": start_ns, "interval_end_ns": start_ns + TEN_S}
    return span | {"capture_received": 1000, "capture_dropped": 10} | changes


@attrs.define
class FakeProbe:
    """Seals batches as a probe does; its clocks may be wrong, its monotonic clock began in 2020."""

    name: str = "branch"
    incarnation: int = 0xF000_0000_0000_0001
    clock_error_ns: int = 0
    seqs: dict[str, int] = attrs.field(factory=dict)

    def batch(
        self,
        stream: str,
        records: Mapping[str, list[dict[str, Any]]] | None = None,
        *,
        closed_ns: int,
        watermark_ns: int | None = None,
        seq: int | None = None,
    ) -> bytes:
        """A batch closed at a true moment; the watermark, as the probe says it, defaults to the last whole interval."""
        number = self.seqs.get(stream, 0) + 1 if seq is None else seq
        self.seqs[stream] = max(number, self.seqs.get(stream, 0))
        wall_ns = closed_ns + self.clock_error_ns
        mark_ns = wall_ns // TEN_S * TEN_S if watermark_ns is None else watermark_ns
        messages = b"".join(encode_records(kind, rows, export_s=1) for kind, rows in (records or {}).items())
        header = {
            "probe": self.name,
            "incarnation": self.incarnation,
            "stream": stream,
            "seq": number,
            "wall_ns": wall_ns,
            "monotonic_ns": self.monotonic_ns(closed_ns),
            "watermark_ns": mark_ns,
            "records": sum(map(len, (records or {}).values())),
        }
        return seal_batch(header, messages, export_s=1)

    def monotonic_ns(self, true_ns: int) -> int:
        """What its monotonic clock shows at a true moment."""
        return true_ns - 1_577_836_800 * SECOND_NS


@attrs.define
class Ground:
    """A collector in virtual time, and a reader beside it."""

    config: CollectorConfig
    collector: Collector
    now_ns: int = BEGIN_NS
    disk: Disk | None = None

    def send(self, octets: bytes, probe: str = "branch") -> Answer:
        """Upload at the present moment."""
        return self.collector.ingest(octets, probe, self.now_ns)

    def advance(self, seconds: float = 0.0) -> None:
        """Let time pass in steps of a second, and the collector work."""
        end_ns = self.now_ns + int(seconds * SECOND_NS)
        while True:
            while self.collector.advance(self.now_ns):
                pass
            if self.now_ns >= end_ns:
                return
            self.now_ns = min(end_ns, self.now_ns + SECOND_NS)

    def restart(self) -> None:
        """As after kill -9: nothing is finished, everything in memory is gone."""
        self.collector.close()
        self.collector = open_collector(self.config, places=DIRECTORY, disk=self.disk)

    @property
    def reader(self) -> StoreReader:
        """What the analyzer would read."""
        return StoreReader(state=self.collector.state, metrics=self.collector.metrics)

    def points(self, measurement: str, level: Level = Level.TEN_SECONDS, *, tenant: TenantId | None = None) -> list[Point]:
        """All points of a measurement; what is private to tenants only of the one that is named."""
        return self.reader.points(measurement, start_ns=0, end_ns=1 << 62, level=level, tenant=tenant)

    def flows(self) -> list[dict[str, Any]]:
        """Everything in the archive."""
        found = self.collector.archive.search(tenant=None, start_ns=0, end_ns=1 << 62)
        return list(found.to_pylist())

    def stage(self, name: str) -> dict[str, Any]:
        """A stage's counters."""
        return self.collector.counters.stage(name).snapshot().document()


def open_ground(folder: Path, *, disk: Disk | None = None, **changes: Any) -> Ground:
    """A new collector, or one on what an earlier one left in the folder; its configuration may be changed."""
    store = StoreConfig(data=folder / "store", durable=False)
    config = CollectorConfig(data=folder / "collector", store=store, **changes)
    return Ground(config=config, collector=open_collector(config, places=DIRECTORY, disk=disk), disk=disk)


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """A collector with empty stores at `BEGIN_NS`."""
    made = open_ground(tmp_path)
    made.advance()
    yield made
    made.collector.close()


@pytest.fixture
def restartable(tmp_path: Path) -> Iterator[Callable[[], Ground]]:
    """Opens a collector on the same folder again and again."""
    opened: list[Ground] = []

    def open_again() -> Ground:
        opened.append(open_ground(tmp_path))
        return opened[-1]

    yield open_again
    for made in opened:
        made.collector.close()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts services on the test's folder; stops those that still run."""
    from tests.collector.running import start  # noqa: PLC0415 - it needs the records above

    started: list[Running] = []

    def begin(**changes: Any) -> Running:
        started.append(start(tmp_path, **changes))
        return started[-1]

    yield begin
    for made in started:
        made.client.close()
        made.service.stop()
