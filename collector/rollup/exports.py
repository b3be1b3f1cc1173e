"""Exported flows to rows of `line_traffic`, by columns.

Goes in: a placed table of exported flows. Comes out: sums by minute. What was sampled is scaled up by its factor; where nobody
told the factor, the counts are as they were exported, and the row says of how many flows that is so.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from collector.enrich.flows import Placed
from collector.enrich.places import Place
from collector.rollup.adding import Sums
from collector.rollup.columns import Ints, added
from collector.rollup.spreading import Spread, spread
from collector.rollup.usage import Usage
from faultline.records.points import FieldValue
from faultline.records.terms import SECOND_NS, Level
from faultline.store.schema import INT64_MAX

WINDOW_NS = Level.MINUTE.length_ns
LONGEST_NS = 6 * 3600 * SECOND_NS
"""Exporters with broken clocks tell of flows that last for weeks; active timeouts are a minute to half an hour."""
_COUNTS = ("packets", "octets", "frame_octets")


@attrs.define(kw_only=True)
class ExportSums:
    """What a batch adds, by start of minute."""

    windows: dict[int, Sums] = attrs.field(factory=dict)
    records: dict[int, int] = attrs.field(factory=dict)
    """Parts of flows in each minute."""


def sum_exports(placed: Placed) -> ExportSums:
    """Add up the flows of a batch."""
    table = placed.table
    start_ns, end_ns = corrected_times(table)
    parts = spread(start_ns, end_ns, window_ns=WINDOW_NS, longest_ns=LONGEST_NS)
    windows, window_index = np.unique(parts.window, return_inverse=True)
    groups = window_index * len(placed.places) + placed.index[parts.row]
    found = ExportSums()
    counts = np.bincount(window_index, minlength=len(windows))
    found.records = dict(zip(windows.tolist(), counts.tolist(), strict=True))
    factor, told = sampling_factors(table)
    found.windows = {int(start): Sums() for start in windows.tolist()}
    usage = Usage(placed, row=parts.row, groups=groups, windows=found.windows, starts=windows)
    for reverse in (False, True):
        columns = _columns(table, parts, factor, told, prefix="reverse_" if reverse else "")
        if columns is None:
            continue
        for group, sums in added(columns, groups):
            window, place = divmod(group, len(placed.places))
            _add(found.windows[int(windows[window])], placed.places[place], sums, reverse=reverse)
        usage.add(columns, reverse=reverse)
    return found


def corrected_times(table: pa.Table) -> tuple[Ints, Ints]:
    """First and last packet of each flow by our clock."""
    correction = _ints(table, "clock_correction_ns")
    start_ns = _ints(table, "start_ns") + correction
    return start_ns, np.maximum(_ints(table, "end_ns") + correction, start_ns)


def sampling_factors(table: pa.Table) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The factor of each flow, 1 where none is known, and whether one is known."""
    column = table.column("sampling_factor")
    return np.asarray(pc.fill_null(column, 1.0), dtype=np.float64), np.asarray(pc.is_valid(column), dtype=bool)


def scaled(counts: Ints, factor: NDArray[np.float64]) -> Ints:
    """Counts as they were before sampling; whole numbers."""
    sampled = factor != 1.0
    if not sampled.any():
        return counts
    return np.where(sampled, np.minimum(np.rint(counts * factor), float(1 << 62)).astype(np.int64), counts)


def _columns(
    table: pa.Table, parts: Spread, factor: NDArray[np.float64], told: NDArray[np.bool_], *, prefix: str
) -> Mapping[str, pa.Array] | None:
    """What `line_traffic` has of each part, of one direction; None when no flow tells anything of it."""
    columns = {}
    for name in _COUNTS:
        whole = f"{prefix}{name}"
        if whole not in table.column_names or table.column(whole).null_count == table.num_rows:
            continue
        absent = np.asarray(pc.is_null(table.column(whole)), dtype=bool)[parts.row]
        columns[name] = pa.array(parts.share(scaled(_ints(table, whole), factor)), mask=absent)
    if not columns:
        return None
    # A flow is one flow, in the minute it ends in; without packets this way it is none this way.
    some = np.zeros(table.num_rows, bool)
    for name in _COUNTS[:2]:
        if name in columns:
            some |= _ints(table, f"{prefix}{name}") > 0
    counted = some[parts.row] & parts.ends
    columns["flows"] = pa.array(counted.astype(np.int64))
    columns["flows_of_unknown_sampling"] = pa.array((counted & ~told[parts.row]).astype(np.int64))
    return columns


def _add(window: Sums, place: Place, sums: Mapping[str, FieldValue], *, reverse: bool) -> None:
    if place.line is None or place.forward is None:
        if reverse:  # a flow of no line is one flow, whichever way its packets went
            sums = {name: value for name, value in sums.items() if not name.startswith("flows")}
        window.add("line_traffic", place.tenant, {"vantage": place.vantage}, sums)
        return
    direction = place.forward.opposite if reverse else place.forward
    tags = {"line": str(place.line), "vantage": place.vantage, "direction": direction.value}
    window.add("line_traffic", place.tenant, tags, sums)


def _ints(table: pa.Table, name: str) -> Ints:
    column = table.column(name)
    if pa.types.is_uint64(column.type):
        column = pc.min_element_wise(column, pa.scalar(INT64_MAX, pa.uint64()))
    return np.asarray(pc.fill_null(column, 0), dtype=np.int64)
