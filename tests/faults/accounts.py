"""After a run: what was acknowledged against ledger, archive and roll-ups; out comes a sentence for each promise not held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from appliance.demo.network import BRANCHES
from collector.collector import Collector, open_collector
from collector.config import read_config
from collector.enrich.from_inventory import read_places
from faultline.records.terms import SECOND_NS, Level, Stream
from faultline.store.ledger import BatchState, Ledger
from faultline.store.metrics import MetricsStore
from tests.e2e.ground import Ground

_SKIP_S = 130
"""Longer than the pause after which a collector takes silence for its own absence: hours pass in few steps."""
_Identity = tuple[str, int, str, int]


def violations(ground: Ground, acknowledged: Path, now_ns: int, *, spoiled: int) -> Iterator[str]:
    """Work through to the end in this process, then compare.

    Args:
        ground: the run's folder, its processes ended.
        acknowledged: a line for each acknowledgement that reached a probe.
        now_ns: later than any clock of the run.
        spoiled: payloads that were damaged or removed after they were acknowledged.
    """
    config = read_config(ground.folder / "collector.yaml")
    with open_collector(config, places=read_places(config.inventory)) as collector:
        _to_the_end(collector, now_ns)
        ledger = Ledger(collector.state)
        rows = ledger.after(0, limit=1 << 20)
        held: Counter[_Identity] = Counter(
            (row.identity.probe, row.identity.incarnation, row.identity.stream.value, row.identity.seq) for row in rows
        )
        told = _read(acknowledged)
        yield from _said(len(told - set(held)), "acknowledged batches are not in the ledger")
        yield from _said(sum(count - 1 for count in held.values()), "batches are in the ledger twice")
        damaged = sum(row.state is BatchState.DAMAGED for row in rows)
        yield from _said(max(0, damaged - spoiled), "payloads are damaged that nobody damaged")
        yield from _said(sum(row.state is BatchState.WAITING for row in rows), "batches never became final")
        yield from _said(_with_holes(ledger, held), "streams whose contiguous sequence steps over what is neither held nor a gap")
        yield from _flows(ground, collector, told, damaged=damaged)
        yield from (f"stage {shot.name} does not balance" for shot in collector.counters.snapshots() if not shot.balanced)
        if (waiting := collector.outbox.depth()) and collector.delivery.problem is None:
            yield f"{waiting} points were never delivered"


def _to_the_end(collector: Collector, now_ns: int) -> None:
    for later_s in (*range(0, 100, 5), *range(100, 2 * 3600 + 600, _SKIP_S)):
        while collector.advance(now_ns + later_s * SECOND_NS):
            pass
    collector.finish(now_ns + 3 * 3600 * SECOND_NS)


def _read(acknowledged: Path) -> set[_Identity]:
    words = [line.split() for line in acknowledged.read_text().splitlines()]
    return {(probe, int(incarnation), stream, int(seq)) for probe, incarnation, stream, seq in words}


def _with_holes(ledger: Ledger, held: Counter[_Identity]) -> int:
    gaps = ledger.gaps()
    return sum(
        any(
            (stream.probe, stream.incarnation, stream.stream.value, seq) not in held
            and not any(g.stream is stream.stream and g.first_seq <= seq <= g.last_seq for g in gaps)
            for seq in range(1, stream.contiguous + 1)
        )
        for stream in ledger.streams()
    )


def _flows(ground: Ground, collector: Collector, told: set[_Identity], *, damaged: int) -> Iterator[str]:
    """Each numbered flow of the first spool once in the archive, and as many packets in the windows of each length."""
    rows: list[dict[str, Any]] = collector.archive.search(tenant=None, start_ns=0, end_ns=1 << 62).to_pylist()
    found = Counter(int(row["flow_id"]) for row in rows)
    yield from _said(sum(count - 1 for count in found.values()), "flows are in the archive twice")
    written = ground.batches()
    first = {incarnation for _, incarnation, stream, seq in told if stream == Stream.FLOWS}
    if len(first) == 1:  # with several incarnations a sequence does not say which batch it is
        absent = [seq for *_, stream, seq in told if stream == Stream.FLOWS and not set(written.get(seq, ())) <= set(found)]
        yield from _said(max(0, len(absent) - damaged), "acknowledged batches are not whole in the archive")
    if damaged:
        return
    for level in (Level.TEN_SECONDS, Level.MINUTE, Level.HOUR):
        packets = _packets(collector.metrics, level)
        if packets != len(rows):
            yield f"{level.value} windows hold {packets} packets, the archive {len(rows)} flows of one packet"


def _packets(metrics: MetricsStore, level: Level) -> int:
    points = metrics.read("line_traffic", level, 0, 1 << 62, tags={"line": BRANCHES[0].line})
    return sum(int(point.fields.get("packets", 0)) for point in points)


def _said(count: int, what: str) -> Iterator[str]:
    if count:
        yield f"{count} {what}"
