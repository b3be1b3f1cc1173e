"""Batches of exported flows, from the ledger to the archive and the minutes: what the pipeline does with them.

Goes in: a row of the ledger. Comes out: its flows as the archive keeps them, and sums that wait for their minutes to be over.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from collector.enrich.exports import ExportPlacer
from collector.enrich.flows import Placed, with_places
from collector.enrich.places import Places
from collector.exporters import batches
from collector.intake.payloads import PayloadStore
from collector.rollup.adding import Sums
from collector.rollup.exports import sum_exports
from collector.rollup.held_minutes import HeldMinutes
from faultline.records.terms import SECOND_NS
from faultline.runtime.counters import Counters
from faultline.store.ledger import LedgerRow

FUTURE_NS = 60 * SECOND_NS


def is_exported(row: LedgerRow) -> bool:
    """Whether a batch holds exported flows."""
    return row.identity.probe == batches.EXPORTERS


class ExportedFlows:
    """One thread calls it. Counter stage `exported_enrich`, in flows."""

    def __init__(self, *, payloads: PayloadStore, minutes: HeldMinutes, memory_ns: int, counters: Counters) -> None:
        self._payloads = payloads
        self._minutes = minutes
        self._memory_ns = memory_ns
        self._counters = counters
        self._enrich = counters.stage("exported_enrich")
        self._placer = ExportPlacer()

    def read(self, row: LedgerRow) -> pa.Table:
        """The flows of a batch.

        Raises:
            OSError, MalformedError: the disk lost them.
        """
        return batches.read(self._payloads.read(row.payload or ""))

    def place(self, table: pa.Table, places: Places) -> Placed:
        """Find vantages and lines."""
        self._enrich.take(table.num_rows)
        placed = self._placer.place(table, places=places)
        counts = np.bincount(placed.index, minlength=len(placed.places))
        for place, count in zip(placed.places, counts.tolist(), strict=True):
            if place.nowhere is not None:
                self._counters.count("unassigned_flows", count, reason=place.nowhere.value)
        self._enrich.done(table.num_rows)
        return placed

    def add(self, row: LedgerRow, placed: Placed, now_ns: int) -> None:
        """Into the minutes they went on in."""
        found = sum_exports(placed)
        parts: dict[int, tuple[Sums, int]] = {}
        for start_ns, sums in found.windows.items():
            reason = self._unusable(start_ns, now_ns)
            if reason is None:
                parts[start_ns] = (sums, found.records[start_ns])
            else:
                self._counters.count("exported_records_left_out", found.records[start_ns], reason=reason)
        self._minutes.add(row.id, parts, now_ns=now_ns)

    def _unusable(self, start_ns: int, now_ns: int) -> str | None:
        if start_ns > now_ns + FUTURE_NS:
            return "future"
        return "beyond_memory" if start_ns < now_ns - self._memory_ns else None

    def store_due(self, now_ns: int) -> None:
        """Let minutes be stored that are over."""
        self._minutes.store_due(now_ns)


def archived_exports(placed: Placed) -> pa.Table:
    """The flows as the archive keeps them: places beside them, times by our clock."""
    table = with_places(placed)
    for name in ("start_ns", "end_ns"):
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, pc.add(table.column(name), table.column("clock_correction_ns")))
    return table
