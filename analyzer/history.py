"""The newest windows as rows in memory, and their sums over suffix spans.

Goes in: final windows. Comes out: one row a measurement and tag set, added up over a span: counts add, quality takes the worst,
as `faultline.store.schema` says of each field. Distributions are those of the newest windows that hold enough samples: what is
slow now is told by few, and a step of delay that is mixed with the time before it looks like a queue (the fastest as ever, the
slowest slower). Knows nothing of what the rows mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs

from faultline.records.histogram import Histogram
from faultline.records.points import FieldValue
from faultline.store.schema import MEASUREMENTS, Adding

WORST = frozenset({"capture_loss_ratio", "one_sided_ratio"})
"""Ratios whose numerators are not in the row: over a span that of its worst window."""
GAP = "gap_seconds"
"""Seconds of a span that a session did not measure: made here, because the mask it comes from means something in 10 s only."""
GAP_MASK = "unmeasured_mask"
NEWEST_WINDOWS = 2
"""A distribution is made of at least so many windows, where the span has them."""
ENOUGH_SAMPLES = 100
"""And of older ones until it has so many: median and p90 of a hundred are known to a tenth of the spread."""

RowKey = tuple[str, tuple[tuple[str, str], ...]]


@attrs.frozen(slots=True, kw_only=True)
class Row:
    """One roll-up row with its distributions."""

    measurement: str
    tags: Mapping[str, str]
    fields: Mapping[str, FieldValue]
    histograms: Mapping[str, Histogram] = attrs.field(factory=dict)

    @property
    def key(self) -> RowKey:
        """Identity across windows."""
        return (self.measurement, tuple(sorted(self.tags.items())))

    def count(self, name: str) -> int | None:
        """An integer field; None when it was not measured."""
        value = self.fields.get(name)
        return int(value) if isinstance(value, (int, float)) else None

    def number(self, name: str) -> float | None:
        """A number field; None when it was not measured."""
        value = self.fields.get(name)
        return float(value) if isinstance(value, (int, float)) else None


@attrs.frozen(slots=True, kw_only=True)
class Window:
    """One final window of 10 s."""

    start_ns: int
    end_ns: int
    revision: int
    rows: tuple[Row, ...]


class History:
    """The newest windows, oldest first. A revision replaces its window."""

    def __init__(self, *, keep_ns: int) -> None:
        self._keep_ns = keep_ns
        self._windows: dict[int, Window] = {}

    def add(self, window: Window) -> None:
        """Take a window in; what is older than the memory goes."""
        self._windows[window.start_ns] = window
        newest_ns = max(w.end_ns for w in self._windows.values())
        self._windows = {start: w for start, w in sorted(self._windows.items()) if w.end_ns > newest_ns - self._keep_ns}

    def revision(self, start_ns: int) -> int | None:
        """The revision of a window that is remembered."""
        window = self._windows.get(start_ns)
        return window.revision if window else None

    @property
    def windows(self) -> tuple[Window, ...]:
        """Oldest first."""
        return tuple(self._windows.values())

    @property
    def newest(self) -> Window | None:
        """The newest window."""
        return next(reversed(self._windows.values()), None)

    def suffix(self, length_ns: int) -> tuple[Window, ...]:
        """Windows of the last so many nanoseconds, ending with the newest."""
        newest = self.newest
        if newest is None:
            return ()
        return tuple(w for w in self._windows.values() if w.start_ns >= newest.end_ns - length_ns)


def summed(windows: Iterable[Window], *, distributions: bool = True) -> list[Row]:
    """Rows of the windows added up by measurement and tags, in a stable order; without distributions, counts alone."""
    gathered: dict[RowKey, list[Row]] = {}
    for window in windows:
        for row in window.rows:
            gathered.setdefault(row.key, []).append(row)
    return [_added(rows, distributions=distributions) for _, rows in sorted(gathered.items())]


def _added(rows: Sequence[Row], *, distributions: bool) -> Row:
    spec = MEASUREMENTS[rows[0].measurement].fields
    fields: dict[str, FieldValue] = {}
    for row in rows:
        for name, value in row.fields.items():
            joined = _join(name, spec[name].adding if name in spec else Adding.NEWEST, fields.get(name), value)
            if joined is not None:
                fields[name] = joined
        mask = row.count(GAP_MASK)
        if mask is not None:
            fields[GAP] = int(fields.get(GAP, 0)) + mask.bit_count()
    histograms = _newest(rows) if distributions else {}
    return Row(measurement=rows[0].measurement, tags=rows[0].tags, fields=fields, histograms=histograms)


def _newest(rows: Sequence[Row]) -> dict[str, Histogram]:
    """Each distribution over the newest windows that hold enough of it; `rows` are the oldest first."""
    merged: dict[str, Histogram] = {}
    windows: dict[str, int] = {}
    for row in reversed(rows):
        for name, histogram in row.histograms.items():
            taken = merged.setdefault(name, Histogram())
            if windows.get(name, 0) < NEWEST_WINDOWS or taken.n < ENOUGH_SAMPLES:
                taken.merge(histogram)
                windows[name] = windows.get(name, 0) + 1
    return merged


def _join(name: str, adding: Adding, before: FieldValue | None, value: FieldValue) -> FieldValue | None:
    """The field of both; None when it does not add up: percentiles are read from the added histograms."""
    if adding is Adding.BITS or (adding is Adding.DERIVED and name not in WORST):
        return None
    if before is None or adding is Adding.NEWEST or isinstance(value, str) or isinstance(before, str):
        return value
    if adding in {Adding.MAX, Adding.DERIVED}:
        return max(before, value)
    return min(before, value) if adding is Adding.MIN else before + value
