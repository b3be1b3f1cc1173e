"""From the ledger to final windows and the archive: every acknowledged batch, in the order it came, exactly once in effect.

One thread calls `step(now_ns)`; the simulator does so in virtual time. What is in memory here can be made again from the
payloads: a batch counts as done only in the transaction that makes its last window final, and its flows only with the files that
hold them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
import pyarrow as pa

from collector.enrich.endpoints import find_endpoints
from collector.enrich.flows import archived, place_flows
from collector.enrich.places import Places
from collector.exported import ExportedFlows, archived_exports, is_exported
from collector.exporters.batches import EXPORTERS
from collector.intake.payloads import PayloadStore
from collector.rollup.adding import Sums
from collector.rollup.brackets import pairs
from collector.rollup.finality import Finality
from collector.rollup.flows import sum_flows
from collector.rollup.held_minutes import HeldMinutes
from collector.rollup.longer import LongerWindows
from collector.rollup.measurements import BatchClock, MeasurementSums, sum_measurements
from collector.rollup.open_windows import OpenWindow, OpenWindows
from collector.rollup.sealing import Sealer
from collector.rollup.tasks import TaskSums
from collector.stage_health import StageHealth
from faultline.native import DecodedBatch, MalformedError, decode_batch
from faultline.records.terms import SECOND_NS, Level
from faultline.runtime.counters import Counters
from faultline.runtime.log import QuietBursts, logger
from faultline.store.archive import FlowArchive
from faultline.store.control import ControlBook
from faultline.store.ledger import BatchState, Ledger, LedgerRow
from faultline.store.state import StateStore
from faultline.store.traces import TraceBook
from faultline.store.windows import WindowBook

BATCHES_A_STEP = 256
FUTURE_NS = 60 * SECOND_NS
"""Records that claim to be further ahead than this, by corrected time, are nobody's."""
MEMORY_NS = 14 * 86_400 * SECOND_NS
"""The ledger remembers batches this long; older windows are not added to, because nobody knows any more what is in them."""
ARCHIVE_ROWS = 120_000
ARCHIVE_AFTER_NS = 30 * SECOND_NS
MEASURED = ("session", "interface", "probe_health")
ORDERED = ("dial", "path", "task")


@attrs.define(slots=True, kw_only=True)
class _Unarchived:
    tables: list[pa.Table] = attrs.field(factory=list)
    rows: int = 0
    last_batch: int = 0
    since_ns: int | None = None


class Pipeline:
    """Everything between the ledger and the stores.

    Counter stages: `decode` in batches (held until their windows are final), `rollup` in records (held likewise), `enrich` and
    `archive` in flow records, `tasks` in runs of probes' tasks, as the probes account for them.
    """

    def __init__(
        self,
        *,
        state: StateStore,
        ledger: Ledger,
        windows: WindowBook,
        traces: TraceBook,
        control: ControlBook,
        sealer: Sealer,
        payloads: PayloadStore,
        archive: FlowArchive,
        places: Places,
        finality: Finality,
        health: StageHealth,
        hold_exports_ns: int,
        counters: Counters,
    ) -> None:
        self._state = state
        self._ledger = ledger
        self._windows = windows
        self._traces = traces
        self._control = control
        self._sealer = sealer
        self._payloads = payloads
        self._archive = archive
        self._places = places
        self._finality = finality
        self._health = health
        self._counters = counters
        self._decode = counters.stage("decode")
        self._enrich = counters.stage("enrich")
        self._rollup = counters.stage("rollup")
        self._archiving = counters.stage("archive")
        self._tasks = counters.stage("tasks")
        self._open = OpenWindows(finality, is_sealed=self._is_sealed)
        self._longer = LongerWindows(windows, finality)
        minutes = HeldMinutes(
            state=state,
            ledger=ledger,
            windows=windows,
            sealer=sealer,
            longer=self._longer,
            hold_ns=hold_exports_ns,
            counters=counters,
        )
        self._exported = ExportedFlows(payloads=payloads, minutes=minutes, memory_ns=MEMORY_NS, counters=counters)
        self._pending: dict[int, set[int]] = {}
        """Of each batch the windows that are not final yet."""
        self._finished: list[int] = []
        """Batches without any window, e.g. heartbeats: marked with the next window that becomes final."""
        self._unarchived = _Unarchived()
        self._worked_upto = 0
        self._recovering_upto = 0
        self._archived_upto = 0
        self._log = logger("pipeline")
        self._quiet = QuietBursts()

    @property
    def worked_upto(self) -> int:
        """Number of the last batch of the ledger that was decoded."""
        return self._worked_upto

    def adopt(self, places: Places) -> None:
        """Go on with another inventory's places. Call it from the thread that steps."""
        self._places = places

    def recover(self, now_ns: int) -> None:
        """Take up where an earlier life stopped: the first batch that is not done or not archived is worked through again."""
        self._archived_upto = self._archive.archived_upto()
        waiting = self._ledger.first_waiting()
        newest = self._ledger.newest()
        self._worked_upto = min(self._archived_upto, newest if waiting is None else waiting - 1)
        self._recovering_upto = newest
        streams = [stream for stream in self._ledger.streams() if stream.probe != EXPORTERS]
        watermarks = self._ledger.newest_watermarks()
        last_heard_ns = max((stream.heard_ns for stream in streams), default=0)
        for stream in sorted(streams, key=lambda s: s.heard_ns):
            # Streams that were live when we stopped could not be heard since: they are waited for once more.
            was_live = stream.heard_ns and last_heard_ns - stream.heard_ns <= self._finality.rules.live_ns
            self._finality.hear(
                stream.probe,
                stream.incarnation,
                stream.stream,
                watermark_ns=watermarks.get((stream.probe, stream.incarnation, stream.stream)),
                heard_ns=now_ns if was_live else stream.heard_ns,
            )
        self._open.begin(now_ns)
        self._longer.recover(now_ns)

    def step(self, now_ns: int) -> bool:
        """Work through what came, make windows final, archive; True when more batches wait."""
        rows = self._ledger.after(self._worked_upto, limit=BATCHES_A_STEP)
        for row in rows:
            self._work(row, now_ns)
            self._worked_upto = row.id
        more = len(rows) == BATCHES_A_STEP
        if not more:
            # While more wait, what they hold may belong to windows that look due.
            self._seal(now_ns)
        self._archive_when_due(now_ns)
        return more

    def finish(self, now_ns: int) -> None:
        """Archive what is held; open windows stay in their payloads."""
        self._archive_when_due(now_ns, force=True)

    def _is_sealed(self, start_ns: int) -> bool:
        return self._windows.window(Level.TEN_SECONDS, start_ns) is not None

    # ---- one batch
    def _work(self, row: LedgerRow, now_ns: int) -> None:
        waiting = row.state is BatchState.WAITING
        if waiting:
            self._decode.take()
        if is_exported(row):
            self._work_exported(row, now_ns, waiting=waiting)
            return
        try:
            batch = decode_batch(self._payloads.read(row.payload or ""))
        except (OSError, MalformedError) as error:
            self._damaged(row, error)
            return
        for problem in batch.problems:
            self._counters.count("undecodable_sets")
            self._say("set left out", row, problem, now_ns)
        if waiting:
            self._finality.hear(
                row.identity.probe,
                row.identity.incarnation,
                row.identity.stream,
                watermark_ns=row.watermark_ns + row.correction_ns,
                heard_ns=row.received_ns,
            )
        flows = batch.rows("flow")
        parts = self._flows(row, batch, waiting=waiting) if flows else {}
        if waiting:
            parts = _joined(parts, self._measurements(row, batch, now_ns))
            self._events(row, batch)
            self._add(row, parts, now_ns)
        self._unarchived.last_batch = max(self._unarchived.last_batch, row.id)

    def _work_exported(self, row: LedgerRow, now_ns: int, *, waiting: bool) -> None:
        try:
            table = self._exported.read(row)
        except (OSError, MalformedError) as error:
            self._damaged(row, error)
            return
        placed = self._exported.place(table, self._places)
        self._keep(row, archived_exports(placed))
        if waiting:
            self._exported.add(row, placed, now_ns)
            self._decode.done()
        self._unarchived.last_batch = max(self._unarchived.last_batch, row.id)

    def _keep(self, row: LedgerRow, flows: pa.Table) -> None:
        """For the archive, unless it has them from before a crash."""
        if row.id > self._archived_upto:
            self._archiving.take(flows.num_rows)
            self._unarchived.tables.append(flows)
            self._unarchived.rows += flows.num_rows

    def _flows(self, row: LedgerRow, batch: DecodedBatch, *, waiting: bool) -> dict[int, tuple[Sums, int]]:
        table = pa.table(batch.table("flow"))
        probe = row.identity.probe
        self._enrich.take(table.num_rows)
        placed = place_flows(table, probe=probe, places=self._places)
        counts = np.bincount(placed.index, minlength=len(placed.places))
        for place, count in zip(placed.places, counts.tolist(), strict=True):
            if place.nowhere is not None:
                self._counters.count("unassigned_flows", count, reason=place.nowhere.value)
        self._enrich.done(table.num_rows)
        self._keep(row, archived(placed, probe=probe, correction_ns=row.correction_ns))
        if not waiting:
            return {}
        answering = find_endpoints(placed, places=self._places)
        found = sum_flows(placed, answering=answering, probe=probe, correction_ns=row.correction_ns)
        self._counters.count("bad_histograms", found.bad_histograms)
        return {start: (sums, found.records[start]) for start, sums in found.windows.items()}

    def _measurements(self, row: LedgerRow, batch: DecodedBatch, now_ns: int) -> dict[int, tuple[Sums, int]]:
        tables = {kind: pa.table(batch.table(kind)).to_pylist() for kind in (*MEASURED, *ORDERED) if batch.rows(kind)}
        clock = BatchClock(correction_ns=row.correction_ns)
        found = sum_measurements(tables, probe=row.identity.probe, places=self._places, clock=clock)
        if tables.keys() & set(ORDERED):
            self._done_on_order(row, tables, found, now_ns)
        self._counters.count("bad_histograms", found.bad_histograms)
        self._counters.count("unknown_sessions", found.unknown_sessions)
        return {start: (sums, found.records[start]) for start, sums in found.windows.items()}

    def _done_on_order(
        self, row: LedgerRow, tables: Mapping[str, list[Mapping[str, Any]]], found: MeasurementSums, now_ns: int
    ) -> None:
        """Traces and results are kept at once: noting them again after a crash changes nothing."""
        clock = BatchClock(correction_ns=row.correction_ns)
        ordered = TaskSums(found, probe=row.identity.probe, places=self._places, clock=clock, latest_ns=now_ns + FUTURE_NS)
        ordered.take(tables)
        ordered.add_paths(self._traces.note(ordered.traces) if ordered.traces else ())
        if ordered.results:
            self._counters.count("stray_results", self._control.conclude(ordered.results, now_ns=now_ns))
        runs = ordered.runs
        self._tasks.account(runs.scheduled, done=runs.done, dropped={"failed": runs.failed, "skipped": runs.skipped})
        self._counters.count("bad_traces", ordered.bad_traces)
        for kind, count in ordered.unknown.items():
            self._counters.count("unknown_tasks", count, kind=kind)

    def _events(self, row: LedgerRow, batch: DecodedBatch) -> None:
        if not batch.rows("link_event"):
            return
        events: list[Mapping[str, Any]] = pa.table(batch.table("link_event")).to_pylist()
        self._windows.note_link_events(
            (event["event_ns"] + row.correction_ns, row.identity.probe, event["interface"], event["event"]) for event in events
        )

    def _add(self, row: LedgerRow, parts: Mapping[int, tuple[Sums, int]], now_ns: int) -> None:
        """Into the windows; those that hold this batch already, from before a crash, are left alone."""
        done = self._windows.windows_of(row.id) if row.id <= self._recovering_upto else set()
        pending: set[int] = set()
        for start_ns, (sums, records) in parts.items():
            if start_ns in done:
                continue
            self._rollup.take(records)
            reason = self._unusable(row, start_ns, now_ns)
            if reason is not None:
                self._rollup.drop(reason, records)
                self._say("records left out of windows", row, reason, now_ns)
                continue
            if not self._open.add(start_ns, row.id, sums, records=records, now_ns=now_ns):
                self._counters.count("late_records", records)
            pending.add(start_ns)
        if pending:
            self._pending[row.id] = pending
        else:
            self._finished.append(row.id)

    def _unusable(self, row: LedgerRow, start_ns: int, now_ns: int) -> str | None:
        # What was not ahead of our clock when it came is not the probe's mistake when ours has been set back since.
        if start_ns > max(now_ns, row.received_ns) + FUTURE_NS:
            return "future"
        if start_ns < now_ns - MEMORY_NS:
            return "beyond_memory"
        identity = row.identity
        if self._windows.beyond_memory(start_ns, probe=identity.probe, stream=identity.stream):
            return "beyond_memory"
        return None

    def _damaged(self, row: LedgerRow, error: Exception) -> None:
        """The payload was sound when it was acknowledged: the disk lost it. What is behind it goes on."""
        self._counters.count("damaged_payloads")
        self._log.error(
            "payload lost", probe=row.identity.probe, stream=row.identity.stream.value, seq=row.identity.seq, error=str(error)
        )
        if row.state is BatchState.WAITING:
            self._decode.drop("damaged")
        # In final windows, but its flows not archived yet: lost all the same, and the ledger says so.
        if row.state is BatchState.WAITING or row.id > self._archived_upto:
            self._ledger.mark([row.id], BatchState.DAMAGED)
        self._unarchived.last_batch = max(self._unarchived.last_batch, row.id)

    def _say(self, event: str, row: LedgerRow, why: str, now_ns: int) -> None:
        allowed, held_back = self._quiet.allow(f"{row.identity.probe} {event}", now_ns)
        if allowed:
            identity = row.identity
            self._log.warning(
                event, probe=identity.probe, stream=identity.stream.value, seq=identity.seq, why=why, held_back=held_back
            )

    # ---- windows
    def _seal(self, now_ns: int) -> None:
        self._health.observe(now_ns)
        for window in self._open.due(now_ns):
            self._one(window, now_ns, revision=False)
        for window in self._open.late():
            self._one(window, now_ns, revision=True)
        self._exported.store_due(now_ns)
        for level, start_ns in self._longer.due(now_ns, open_within=self._open.open_within):
            self._sealer.seal_longer(level, start_ns, now_ns=now_ns)

    def _one(self, window: OpenWindow, now_ns: int, *, revision: bool) -> None:
        if not revision:
            window.sums.merge(self._health.take(window.start_ns))
            if window.sums.sightings.is_too_many:
                self._counters.count("records_unmatched", window.sums.sightings.records, reason="too_many")
            for pair in pairs(window.sums.sightings, window.start_ns):
                window.sums.add("line_bracket", pair.tenant, pair.tags, pair.sums)
        finished = [batch for batch in window.batches if self._pending[batch] == {window.start_ns}]
        with self._state.transaction():
            sealed = self._sealer.seal(Level.TEN_SECONDS, window.start_ns, window.sums, now_ns=now_ns)
            self._windows.contribute(window.start_ns, window.batches, now_ns=now_ns)
            self._ledger.mark([*finished, *self._finished], BatchState.FINAL)
        # Only now: had the transaction failed, all of it would be tried again.
        for batch in window.batches:
            self._pending[batch].discard(window.start_ns)
        for batch in finished:
            del self._pending[batch]
        self._decode.done(len(finished) + len(self._finished))
        self._finished.clear()
        self._rollup.done(window.records)
        self._longer.expect(window.start_ns, now_ns)
        self._counters.count("windows_revised" if revision else "windows_final")
        self._counters.gauge("window_final_seconds", window.end_ns / SECOND_NS)
        if revision:
            self._log.info("window revised", start=window.start_ns // SECOND_NS, revision=sealed.revision, records=window.records)

    # ---- flows
    def _archive_when_due(self, now_ns: int, *, force: bool = False) -> None:
        held = self._unarchived
        if held.last_batch <= self._archived_upto:
            return
        if held.since_ns is None:
            held.since_ns = now_ns
        if not force and held.rows < ARCHIVE_ROWS and now_ns - held.since_ns < ARCHIVE_AFTER_NS:
            return
        table = pa.concat_tables(held.tables, promote_options="default") if held.tables else None
        self._archive.append(table, last_batch=held.last_batch)
        self._archived_upto = held.last_batch
        self._archiving.done(held.rows)
        self._unarchived = _Unarchived(last_batch=held.last_batch)


def _joined(one: dict[int, tuple[Sums, int]], other: dict[int, tuple[Sums, int]]) -> dict[int, tuple[Sums, int]]:
    found = dict(one)
    for start, (sums, records) in other.items():
        if start in found:
            found[start][0].merge(sums)
            found[start] = (found[start][0], found[start][1] + records)
        else:
            found[start] = (sums, records)
    return found
