"""Rows of old windows: those of the state store while it has them, else the counts that the metrics store keeps for days.

Goes in: stored data. Comes out: windows. What the collector pruned is read back from points, an hour at a time: counts and
qualities are as they were, distributions are gone, so delays and response times are not compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import attrs

from analyzer.history import Row, Window
from analyzer.stored import StoredMemory
from analyzer.web.models import WindowNote
from faultline.records.points import Point
from faultline.records.terms import SECOND_NS

MEASURED = ("session", "line_quality", "endpoint_quality", "dial", "interface", "probe_health")
"""What evidence is made of."""
CHUNK_NS = 3600 * SECOND_NS


class Known(StoredMemory, Protocol):
    """What is read."""

    def points(self, measurement: str, *, start_ns: int, end_ns: int) -> Sequence[Point]:
        """10 s rows with start in [start_ns, end_ns), rising."""


class Rows:
    """`analyzer.stored.StoredMemory`, with counts where rows are gone."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._chunk_ns: int | None = None
        self._chunk: Mapping[int, tuple[Row, ...]] = {}
        self.counts_only = 0
        """Windows that were made of counts alone."""

    def final_after(self, end_ns: int | None) -> Sequence[WindowNote]:
        """Final windows that end after a moment, oldest first."""
        return self._known.final_after(end_ns)

    def baselines(self) -> Sequence[Mapping[str, Any]]:
        """Kept baselines."""
        return self._known.baselines()

    def window(self, note: WindowNote) -> Window:
        """The rows of a final window."""
        window = self._known.window(note)
        if window.rows:
            return window
        rows = self._counted(note.start_ns)
        self.counts_only += bool(rows)
        return attrs.evolve(window, rows=rows)

    def _counted(self, start_ns: int) -> tuple[Row, ...]:
        chunk_ns = start_ns - start_ns % CHUNK_NS
        if chunk_ns != self._chunk_ns:
            self._chunk_ns, self._chunk = chunk_ns, self._read(chunk_ns)
        return self._chunk.get(start_ns, ())

    def _read(self, start_ns: int) -> Mapping[int, tuple[Row, ...]]:
        found: dict[int, list[Row]] = defaultdict(list)
        for measurement in MEASURED:
            for point in self._known.points(measurement, start_ns=start_ns, end_ns=start_ns + CHUNK_NS):
                found[point.time_ns].append(Row(measurement=measurement, tags=point.tags, fields=point.fields))
        return {time_ns: tuple(rows) for time_ns, rows in found.items()}
