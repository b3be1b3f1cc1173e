"""The collector without sockets, threads and clocks: batches and the time go in, stores are filled.

    collector = open_collector(config, places=...)
    answer = collector.ingest(octets, "probe-1", now_ns)     # what POST /v1/batches does once the token is known
    collector.advance(now_ns)                                # what the worker does a few times a second

The service puts TLS and threads around it; the simulator and the tests call it in virtual time. It is the very same code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import attrs

from collector.clocks import Exchange
from collector.config import CollectorConfig
from collector.enrich.places import Places
from collector.exporters.batches import FlowBatches
from collector.exporters.intake import ExportIntake
from collector.folder_lock import FolderLock
from collector.housekeeping import Housekeeping
from collector.intake.answers import Answer
from collector.intake.intake import Intake
from collector.intake.payloads import PayloadStore
from collector.intake.quarantine import Quarantine
from collector.pipeline import Pipeline
from collector.rollup.finality import Finality
from collector.rollup.held_minutes import GRACE_NS
from collector.rollup.sealing import Sealer
from collector.stage_health import StageHealth
from faultline.records.terms import SECOND_NS
from faultline.runtime.counters import Counters
from faultline.runtime.log import logger
from faultline.store.archive import FlowArchive
from faultline.store.compaction import Compaction
from faultline.store.control import ControlBook
from faultline.store.device_events import DeviceEventBook
from faultline.store.disk import Disk, SystemDisk
from faultline.store.ledger import Ledger
from faultline.store.metrics import MetricsStore, Refused
from faultline.store.outbox import Delivery, Outbox
from faultline.store.reader import open_metrics
from faultline.store.state import StateStore
from faultline.store.traces import TraceBook
from faultline.store.windows import WindowBook

RETRY_METRICS_NS = 5 * SECOND_NS


@attrs.define(kw_only=True)
class Collector:
    """Use `open_collector`. `ingest` may be called from several threads, `advance` from one."""

    state: StateStore
    metrics: MetricsStore
    archive: FlowArchive
    control: ControlBook
    events: DeviceEventBook
    intake: Intake
    exports: ExportIntake
    pipeline: Pipeline
    delivery: Delivery
    outbox: Outbox
    housekeeping: Housekeeping
    quarantine: Quarantine
    counters: Counters
    lock: FolderLock
    _recovered: bool = False
    _retry_ns: int = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ingest(self, octets: bytes, probe: str, now_ns: int, exchange: Exchange | None = None) -> Answer:
        """Take one uncompressed batch file of a probe whose identity is known; durable when the answer is 200."""
        self.intake.offer()
        return self.intake.take(octets, probe, now_ns, exchange)

    def advance(self, now_ns: int) -> bool:
        """Let time pass: work through what came, make windows final, deliver points, clean up. True when more batches wait."""
        if not self._recovered:
            self.pipeline.recover(now_ns)
            self._recovered = True
        more = self.pipeline.step(now_ns)
        self.intake.worked_through(self.pipeline.worked_upto)
        if now_ns >= self._retry_ns and not self.delivery.flush():
            self._retry_ns = now_ns + RETRY_METRICS_NS
        if not more:
            self.housekeeping.run(now_ns)
        self.counters.gauge("outbox_points", self.outbox.depth())
        return more

    def problems(self) -> list[str]:
        """Why it cannot work; empty when it can."""
        found = [f"intake: {self.intake.problem}"] if self.intake.problem else []
        return found + ([f"metrics store: {self.delivery.problem}"] if self.delivery.problem else [])

    def finish(self, now_ns: int) -> None:
        """Before a graceful stop: work through what came and archive it. Open windows stay in their payloads."""
        while self.advance(now_ns):
            pass
        self.pipeline.finish(now_ns)

    def close(self) -> None:
        """Let go of files and connections."""
        self.metrics.close()
        self.state.close()
        self.lock.release()


def open_collector(
    config: CollectorConfig,
    *,
    places: Places,
    counters: Counters | None = None,
    disk: Disk | None = None,
    metrics: MetricsStore | None = None,
) -> Collector:
    """Open the stores of a configuration and join everything behind the HTTP edge.

    Raises:
        CommandError: a store cannot be opened, or another collector has the folder.
    """
    lock = FolderLock(config.data)
    try:
        return _opened(config, places=places, counters=counters or Counters(), disk=disk, metrics=metrics, lock=lock)
    except BaseException:
        lock.release()
        raise


def _opened(
    config: CollectorConfig,
    *,
    places: Places,
    counters: Counters,
    disk: Disk | None,
    metrics: MetricsStore | None,
    lock: FolderLock,
) -> Collector:
    disk = disk or SystemDisk(durable=config.store.durable)
    state = StateStore(config.store.state_file, durable=config.store.durable)
    metrics = metrics or open_metrics(config.store)
    ledger, windows, outbox = Ledger(state), WindowBook(state), Outbox(state)
    traces, control, events = TraceBook(state), ControlBook(state), DeviceEventBook(state)
    payloads = PayloadStore(config.data / "payloads", disk=disk)
    archive = FlowArchive(config.store.archive_folder, state=state, disk=disk)
    quarantine = Quarantine(config.data / "quarantine", disk=disk, max_octets=config.quarantine_octets, counters=counters)
    # What a crash left half done was never acknowledged or committed.
    removed = payloads.clean(ledger.payload_paths()) + archive.clean_orphans()
    if removed:
        logger("collector").info("leftovers of a crash removed", files=removed)

    intake = Intake(ledger=ledger, payloads=payloads, quarantine=quarantine, limits=config.limits, counters=counters)
    batches = FlowBatches(state=state, ledger=ledger, payloads=payloads)
    exports = ExportIntake(config.exporters, batches=batches, counters=counters)
    pipeline = Pipeline(
        state=state,
        ledger=ledger,
        windows=windows,
        traces=traces,
        control=control,
        sealer=Sealer(state=state, windows=windows, outbox=outbox),
        payloads=payloads,
        archive=archive,
        places=places,
        finality=Finality(config.windows),
        health=StageHealth(counters),
        hold_exports_ns=int(config.exporters.longest_active_timeout_s * SECOND_NS) + GRACE_NS,
        counters=counters,
    )
    delivery = Delivery(outbox, metrics, counters=counters, on_refused=lambda refused: _keep(quarantine, refused))
    housekeeping = Housekeeping(
        ledger=ledger,
        payloads=payloads,
        windows=windows,
        traces=traces,
        control=control,
        events=events,
        archive=archive,
        compaction=Compaction(archive, state=state),
        metrics=metrics,
        payload_ns=config.payload_s * SECOND_NS,
        flows_ns=config.store.retention.flows_s * SECOND_NS,
        counters=counters,
    )
    return Collector(
        state=state,
        metrics=metrics,
        archive=archive,
        control=control,
        events=events,
        intake=intake,
        exports=exports,
        pipeline=pipeline,
        delivery=delivery,
        outbox=outbox,
        housekeeping=housekeeping,
        quarantine=quarantine,
        counters=counters,
        lock=lock,
    )


def _keep(quarantine: Quarantine, refused: Sequence[Refused]) -> None:
    """Points that the metrics store will never take."""
    for entry in refused:
        point = entry.point
        quarantine.put(
            repr(point).encode(errors="backslashreplace"), reason="poison_point", now_ns=point.time_ns, error=entry.reason
        )
