"""Flow records to rows of `line_traffic`, `line_quality` and `endpoint_quality`, by columns.

Goes in: a placed flow table. Comes out: sums by 10 s window, and what could not be used. Each biflow counts in both directions;
its columns belong to the direction of its forward packets, the `reverse_` ones to the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from collector.enrich.endpoints import Answering
from collector.enrich.flows import Placed
from collector.enrich.places import Place
from collector.rollup.adding import Sums
from collector.rollup.brackets import sightings_of
from collector.rollup.columns import Ints, added, window_starts
from collector.rollup.endpoints import EndpointSums, sum_endpoints
from collector.rollup.histograms import merged
from collector.rollup.rendering import POINT, PROBE
from faultline.records.histogram import Histogram
from faultline.records.points import FieldValue
from faultline.records.terms import Direction

TCP = 6
ONE_SIDED_PACKETS = 3
"""Fewer packets in one direction only may be a flow's tail across an interval's border, not a capture that sees half of it."""

TRAFFIC = ("packets", "octets", "frame_octets")
QUALITY = (
    "tcp_segments",
    "retransmissions",
    "loss_upstream",
    "loss_downstream",
    "loss_upstream_inferred",
    "retransmissions_spurious",
    "reordered",
    "duplicates",
    "acked_unseen_octets",
    "zero_window_events",
    "zero_window_ns",
    "syn_packets",
    "rst_packets",
)


@attrs.define(kw_only=True)
class FlowSums:
    """What a batch of flow records adds, by start of window."""

    windows: dict[int, Sums] = attrs.field(factory=dict)
    records: dict[int, int] = attrs.field(factory=dict)
    """Records in each window."""
    bad_histograms: int = 0

    def window(self, start_ns: int) -> Sums:
        """The sums of a window, made at the first call."""
        return self.windows.setdefault(start_ns, Sums())


def sum_flows(placed: Placed, *, answering: Answering, probe: str, correction_ns: int) -> FlowSums:
    """Add up the records of a batch; `answering` says whose services they use."""
    found = FlowSums()
    starts = window_starts(placed.table, correction_ns=correction_ns)
    distinct, window_index = np.unique(starts, return_inverse=True)
    counts = np.bincount(window_index, minlength=len(distinct))
    found.records = {int(start): int(count) for start, count in zip(distinct, counts, strict=True)}
    groups = window_index * len(placed.places) + placed.index
    for window, sighting in sightings_of(placed, window_index, correction_ns=correction_ns):
        found.window(int(distinct[window])).sightings.add(sighting)
    for reverse in (False, True):
        prefix = "reverse_" if reverse else ""
        for group, sums in _traffic(placed.table, groups, prefix):
            window, place = divmod(group, len(placed.places))
            _add_traffic(found.window(int(distinct[window])), placed.places[place], sums, reverse=reverse)
    tcp = np.asarray(pc.equal(placed.table.column("protocol"), TCP)) & np.asarray(
        pc.is_valid(placed.table.column("tcp_segments"))
    )
    on_line = np.array([place.line is not None for place in placed.places], bool)[placed.index]
    chosen = tcp & on_line
    if chosen.any():
        for group, reverse, sums, parts in _quality(found, placed.table.filter(pa.array(chosen)), groups[chosen]):
            window, number = divmod(group, len(placed.places))
            where: dict[str, FieldValue] = {PROBE: probe, POINT: placed.points[number]}
            _add_quality(found.window(int(distinct[window])), placed.places[number], {**sums, **where}, parts, reverse=reverse)
    rows, bad = sum_endpoints(placed.table, groups, answering)
    found.bad_histograms += bad
    for row in rows:
        window, number = divmod(row.group, len(placed.places))
        _add_endpoint(found.window(int(distinct[window])), placed.places[number], row)
    return found


def _traffic(table: pa.Table, groups: Ints, prefix: str) -> Iterator[tuple[int, dict[str, FieldValue]]]:
    packets = pc.fill_null(table.column(f"{prefix}packets"), 0)
    columns: dict[str, Any] = {name: table.column(f"{prefix}{name}") for name in TRAFFIC}
    columns["flows"] = pc.cast(pc.greater(packets, 0), pa.int64())
    yield from added(columns, groups)


def _add_traffic(window: Sums, place: Place, sums: Mapping[str, FieldValue], *, reverse: bool) -> None:
    if place.line is None or place.forward is None:
        if reverse:  # a flow of no line is one flow, whichever way its packets went
            sums = {name: value for name, value in sums.items() if name != "flows"}
        window.add("line_traffic", place.tenant, {"vantage": place.vantage}, sums)
        return
    direction = place.forward.opposite if reverse else place.forward
    window.add("line_traffic", place.tenant, _tags(place, direction), sums)


def _quality(
    found: FlowSums, table: pa.Table, groups: Ints
) -> Iterator[tuple[int, bool, dict[str, FieldValue], dict[str, Histogram]]]:
    """(group, whether of the reverse direction, sums, distributions)."""
    sides = _sides(table)
    for reverse in (False, True):
        prefix = "reverse_" if reverse else ""
        columns = {name: table.column(f"{prefix}{name}") for name in QUALITY} | sides
        histograms, bad = _distributions(table, groups, prefix)
        found.bad_histograms += bad
        for group, sums in added(columns, groups):
            yield group, reverse, sums, {metric: of[group] for metric, of in histograms.items() if group in of}


def _add_quality(
    window: Sums, place: Place, sums: Mapping[str, FieldValue], histograms: Mapping[str, Histogram], *, reverse: bool
) -> None:
    if place.forward is not None:
        direction = place.forward.opposite if reverse else place.forward
        window.add("line_quality", place.tenant, _tags(place, direction), sums, histograms)


def _add_endpoint(window: Sums, place: Place, row: EndpointSums) -> None:
    tags = {"line": str(place.line), "vantage": place.vantage, "endpoint": row.endpoint}
    window.add("endpoint_quality", place.tenant, tags, row.sums, row.histograms)


def _distributions(table: pa.Table, groups: Ints, prefix: str) -> tuple[dict[str, dict[int, Histogram]], int]:
    """Round trips of this direction's data; response times in the direction of the requests, which is forward."""
    found: dict[str, dict[int, Histogram]] = {}
    found["data_rtt"], bad = merged(table.column(f"{prefix}data_rtt"), groups)
    if not prefix:
        found["application_response"], more = merged(table.column("application_response"), groups)
        bad += more
    return found, bad


def _sides(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    forward = pc.fill_null(table.column("packets"), 0)
    reverse = pc.fill_null(table.column("reverse_packets"), 0)
    one = pc.or_(
        pc.and_(pc.equal(reverse, 0), pc.greater_equal(forward, ONE_SIDED_PACKETS)),
        pc.and_(pc.equal(forward, 0), pc.greater_equal(reverse, ONE_SIDED_PACKETS)),
    )
    return {
        "tcp_flows": pa.chunked_array([pa.array(np.ones(table.num_rows, np.int64))]),
        "tcp_flows_one_sided": pc.cast(one, pa.int64()),
    }


def _tags(place: Place, direction: Direction) -> dict[str, str]:
    return {"line": str(place.line), "vantage": place.vantage, "direction": direction.value}
