"""Records of the streams `measurements` and `events` to rows: few a batch, so one by one.

Goes in: the rows of a batch by kind. Comes out: sums by 10 s window, and what could not be used. What probes did on order is in
`collector.rollup.tasks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from collector.enrich.places import Places
from collector.rollup.adding import Sums
from collector.rollup.columns import WINDOW_NS
from faultline.records.histogram import Histogram, HistogramError
from faultline.records.points import FieldValue
from faultline.records.terms import CARRIER
from faultline.store.schema import INT64_MAX, MEASUREMENTS, Adding

Row = Mapping[str, Any]


@attrs.frozen(slots=True, kw_only=True)
class BatchClock:
    """What is known of the clock of the probe that made a batch."""

    correction_ns: int = 0
    """Added to its times when filing."""

    @property
    def bad(self) -> bool:
        """Its times are corrected, because they are too far off."""
        return self.correction_ns != 0


@attrs.define(kw_only=True)
class MeasurementSums:
    """What a batch of measurements adds, by start of window."""

    windows: dict[int, Sums] = attrs.field(factory=dict)
    records: dict[int, int] = attrs.field(factory=dict)
    bad_histograms: int = 0
    unknown_sessions: int = 0

    def place(self, row: Row, clock: BatchClock) -> Sums:
        """The window of a record: where the middle of its interval lies, by corrected time."""
        return self.place_at((row["interval_start_ns"] + row["interval_end_ns"]) // 2 + clock.correction_ns)

    def place_at(self, time_ns: int) -> Sums:
        """The window of a record of one moment."""
        start_ns = time_ns // WINDOW_NS * WINDOW_NS
        self.records[start_ns] = self.records.get(start_ns, 0) + 1
        return self.windows.setdefault(start_ns, Sums())

    def distributions(self, measurement: str, row: Row) -> dict[str, Histogram]:
        """The distributions of the measurement that the record has; what is none is left out and counted."""
        found: dict[str, Histogram] = {}
        for metric in MEASUREMENTS[measurement].distributions:
            try:
                found[metric] = Histogram.decode(row.get(metric) or b"")
            except HistogramError:
                self.bad_histograms += 1
        return found


def sum_measurements(tables: Mapping[str, Iterable[Row]], *, probe: str, places: Places, clock: BatchClock) -> MeasurementSums:
    """Add up the records of a batch, given by kind."""
    found = MeasurementSums()
    adders: Mapping[str, Callable[[Row], None]] = {
        "session": lambda row: _session(found, row, places, clock),
        "interface": lambda row: _interface(found, row, probe, clock),
        "probe_health": lambda row: _probe_health(found, row, probe, clock),
    }
    for kind, add in adders.items():
        for row in tables.get(kind, ()):
            add(row)
    return found


def _session(found: MeasurementSums, row: Row, places: Places, clock: BatchClock) -> None:
    tenant, line = places.session(row["session"])
    if line is None:
        found.unknown_sessions += 1
    tags = {"session": row["session"], **({"line": line} if line is not None else {})}
    sums = present("session", row)
    if clock.bad:
        # One-way delays of this probe are wrong by as much as its clock.
        sums["clock_error_ns"] = max(int(sums.get("clock_error_ns", 0)), abs(clock.correction_ns))
    found.place(row, clock).add("session", tenant, tags, sums, found.distributions("session", row))


def _interface(found: MeasurementSums, row: Row, probe: str, clock: BatchClock) -> None:
    tags = {"probe": probe, "interface": row["interface"]}
    found.place(row, clock).add("interface", CARRIER, tags, present("interface", row))


def _probe_health(found: MeasurementSums, row: Row, probe: str, clock: BatchClock) -> None:
    tags = {"probe": probe, "observation_point": row["observation_point"]}
    sums = present("probe_health", row)
    sums["clock_bad"] = int(clock.bad)
    if clock.bad:
        sums["clock_correction_ns"] = clock.correction_ns
    found.place(row, clock).add("probe_health", CARRIER, tags, sums)


def present(measurement: str, row: Row) -> dict[str, FieldValue]:
    """Fields of the measurement that the record has; truth values as 0 and 1."""
    return {
        name: min(int(value), INT64_MAX) if isinstance(value, (bool, int)) else value
        for name, field in MEASUREMENTS[measurement].fields.items()
        if field.adding is not Adding.DERIVED and (value := row.get(name)) is not None
    }
