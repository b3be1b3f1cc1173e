"""What all sums of flow tables share: the window of each record, and sums of columns by group. No loop over rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from faultline.records.points import FieldValue
from faultline.records.terms import Level
from faultline.store.schema import INT64_MAX

WINDOW_NS = Level.TEN_SECONDS.length_ns
Ints = NDArray[np.int64]


def window_starts(table: pa.Table, *, correction_ns: int) -> Ints:
    """The window of each record: that of its interval, by corrected time.

    Intervals are whole windows or parts of one on the probe's clock. A corrected interval lies across two: its middle decides.
    Records without an interval count where they begin.
    """
    interval = pc.fill_null(table.column("interval_start_ns"), table.column("start_ns"))
    starts = np.asarray(interval, dtype=np.int64)
    if correction_ns:
        starts = starts // WINDOW_NS * WINDOW_NS + WINDOW_NS // 2 + correction_ns
    return starts // WINDOW_NS * WINDOW_NS


def interval_ends(table: pa.Table) -> Ints:
    """Where the interval of each record ends, on the probe's clock; of records without an interval, never."""
    starts = np.asarray(pc.fill_null(table.column("interval_start_ns"), INT64_MAX - WINDOW_NS), dtype=np.int64)
    return starts // WINDOW_NS * WINDOW_NS + WINDOW_NS


def added(columns: Mapping[str, Any], groups: Ints) -> Iterator[tuple[int, dict[str, FieldValue]]]:
    """Sums by group; a column without a value in a group is absent there."""
    table = pa.table({"group": pa.array(groups), **columns})
    summed = table.group_by("group", use_threads=False).aggregate([(name, "sum") for name in columns])
    for row in summed.to_pylist():
        group = row.pop("group")
        sums = {name.removesuffix("_sum"): min(value, INT64_MAX) for name, value in row.items() if value is not None}
        yield group, sums
