"""From sums to rows as they are written: percentiles from the distributions, ratios from their counts, quality beside the number.

Pure. A ratio whose whole is 0 or unknown is absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from collector.rollup.adding import Sum, Sums
from collector.rollup.talkers import RANKS, TALKERS, largest, written
from faultline.records.histogram import Histogram
from faultline.records.points import FieldValue
from faultline.store.schema import MEASUREMENTS, Adding
from faultline.store.windows import RollupRow

PROBE, POINT = "_probe", "_point"
"""Where a line's row was measured, to find the capture that measured it."""
RANK = "rank"
_QUANTILES = (("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99))


def render(sums: Sums) -> list[RollupRow]:
    """The rows of a window, complete with what follows from their sums and from each other."""
    captures = _capture_losses(sums)
    rows = [
        RollupRow(
            measurement=row.measurement,
            tenant=row.tenant,
            tags=row.tags,
            sums={**row.sums, TALKERS: written(row.candidates)} if row.candidates else row.sums,
            fields={**_plain(row), **_derived(row, captures)},
            histograms={metric: histogram for metric, histogram in row.histograms.items() if histogram},
        )
        for row in sums
        if RANK not in row.tags
    ]
    return rows + [ranks for row in sums for ranks in _ranks(row)]


def _ranks(row: Sum) -> Iterator[RollupRow]:
    """Rows of ranks are made anew from the candidates: those of before are in the rows that are read, and mean nothing more."""
    for rank, (address, (octets, packets, flows)) in enumerate(largest(row.candidates, kept=RANKS), 1):
        yield RollupRow(
            measurement=row.measurement,
            tenant=row.tenant,
            tags={**row.tags, RANK: str(rank)},
            sums={},
            fields={"address": address, "octets": octets, "packets": packets, "flows": flows},
        )


def statistics(metric: str, histogram: Histogram) -> dict[str, FieldValue]:
    """What is written of a distribution; nothing of an empty one."""
    if not histogram:
        return {}
    values: dict[str, FieldValue | None] = {
        f"{metric}_n": histogram.n,
        f"{metric}_min": histogram.min,
        f"{metric}_max": histogram.max,
    }
    values |= {f"{metric}_{name}": histogram.quantile(q) for name, q in _QUANTILES}
    return {name: value for name, value in values.items() if value is not None}


def _plain(row: Sum) -> dict[str, FieldValue]:
    fields = MEASUREMENTS[row.measurement].fields
    return {name: value for name, value in row.sums.items() if name in fields and fields[name].adding is not Adding.DERIVED}


def _derived(row: Sum, captures: Mapping[tuple[FieldValue, FieldValue], float]) -> dict[str, FieldValue]:
    found: dict[str, FieldValue] = {}
    for metric, histogram in row.histograms.items():
        found |= statistics(metric, histogram)
    if row.measurement == "line_quality":
        place = (row.sums.get(PROBE, ""), row.sums.get(POINT, ""))
        found |= {"capture_loss_ratio": captures[place]} if place in captures else {}
        found |= _ratio("one_sided_ratio", row.sums, "tcp_flows_one_sided", "tcp_flows")
    if row.measurement == "probe_health":
        found |= _ratio("capture_loss_ratio", row.sums, "capture_dropped", "capture_received")
    return found


def _capture_losses(sums: Sums) -> dict[tuple[FieldValue, FieldValue], float]:
    """Capture loss ratio by probe and observation point."""
    found: dict[tuple[FieldValue, FieldValue], float] = {}
    for row in sums:
        if row.measurement == "probe_health":
            ratio = _ratio("ratio", row.sums, "capture_dropped", "capture_received").get("ratio")
            if ratio is not None:
                found[row.tags["probe"], row.tags["observation_point"]] = float(ratio)
    return found


def _ratio(name: str, sums: Mapping[str, FieldValue], part: str, whole: str) -> dict[str, FieldValue]:
    """The received packets of a capture include the dropped ones."""
    top, bottom = sums.get(part), sums.get(whole)
    if isinstance(top, (int, float)) and isinstance(bottom, (int, float)) and bottom > 0:
        return {name: top / bottom}
    return {}
