"""Rows that add up: records to a window, windows to a longer one, late records to a final window.

Adding follows `faultline.store.schema`; it is the same for all three, and the order does not matter for counts and distributions.
Sums whose name starts with `_` tell where a row came from; they are kept with it and never written to the metrics store.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import attrs

from collector.rollup import talkers
from collector.rollup.brackets import Sightings
from faultline.records.histogram import Histogram
from faultline.records.points import FieldValue
from faultline.records.terms import TenantId
from faultline.store.schema import INT64_MAX, INT64_MIN, MEASUREMENTS, Adding
from faultline.store.windows import RollupRow, RowKey, canonical


@attrs.define(slots=True, kw_only=True)
class Sum:
    """One row under way."""

    measurement: str
    tenant: TenantId
    tags: Mapping[str, str]
    sums: dict[str, FieldValue] = attrs.field(factory=dict)
    histograms: dict[str, Histogram] = attrs.field(factory=dict)
    candidates: dict[str, talkers.Counts] = attrs.field(factory=dict)
    """Of `top_talkers`: addresses that may be among the largest."""

    def add(self, sums: Mapping[str, FieldValue], histograms: Mapping[str, Histogram], *, longer: bool) -> None:
        """Take in another part; `longer`: it is a shorter window's, and what means something in that alone is left out."""
        fields = MEASUREMENTS[self.measurement].fields
        for name, value in sums.items():
            adding = fields[name].adding if name in fields else Adding.NEWEST
            if adding is Adding.BITS and longer:
                continue
            self.sums[name] = _joined(adding, self.sums.get(name), value)
        for metric, histogram in histograms.items():
            self.histograms.setdefault(metric, Histogram()).merge(histogram)


class Sums:
    """The rows of a window under way."""

    def __init__(self) -> None:
        self._rows: dict[RowKey, Sum] = {}
        self.sightings = Sightings()
        """Records of flows that several vantages may have seen; matched when the window is final, and not kept with it."""

    def __iter__(self) -> Iterator[Sum]:
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)

    def add(
        self,
        measurement: str,
        tenant: TenantId,
        tags: Mapping[str, str],
        sums: Mapping[str, FieldValue],
        histograms: Mapping[str, Histogram] | None = None,
        *,
        candidates: Mapping[str, talkers.Counts] | None = None,
        longer: bool = False,
    ) -> None:
        """Add a part of a row."""
        key = (measurement, tenant, canonical(tags))
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = Sum(measurement=measurement, tenant=tenant, tags=dict(tags))
        row.add(sums, histograms or {}, longer=longer)
        if candidates:
            row.candidates = talkers.joined(row.candidates, candidates)

    def merge(self, other: Sums, *, longer: bool = False) -> None:
        """Add every row of another window, or of a part of this one."""
        if not longer:
            self.sightings.merge(other.sightings)
        for row in other:
            self.add(row.measurement, row.tenant, row.tags, row.sums, row.histograms, candidates=row.candidates, longer=longer)

    def merge_rows(self, rows: Iterable[RollupRow], *, longer: bool = False) -> None:
        """Add rows as the state store keeps them."""
        for row in rows:
            sums, candidates = talkers.taken_apart(row.sums)
            self.add(row.measurement, row.tenant, row.tags, sums, row.histograms, candidates=candidates, longer=longer)


def _joined(adding: Adding, before: FieldValue | None, value: FieldValue) -> FieldValue:
    if before is None or adding is Adding.NEWEST or isinstance(value, str) or isinstance(before, str):
        return value
    if adding is Adding.MIN:
        return min(before, value)
    if adding is Adding.MAX:
        return max(before, value)
    if adding is Adding.BITS:
        return int(before) | int(value)
    total = before + value
    # A probe that sends absurd numbers must not make its row unwritable.
    return max(INT64_MIN, min(INT64_MAX, total)) if isinstance(total, int) else total
