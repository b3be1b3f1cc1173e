"""Every measurement accounted for: what probes told, what the ledger holds, what the final windows say."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from appliance.demo.namespaces.world import Namespaces
from faultline.native import decode_batch
from faultline.records.terms import SECOND_NS
from faultline.store.config import StoreConfig
from faultline.store.reader import StoreReader, open_reader

WINDOW_NS = 10 * SECOND_NS


def wait_until(world: Namespaces, condition: Callable[[], bool], *, seconds: float) -> None:
    """Let the run go on until something is so."""
    deadline_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline_s
        world.wait(0.2)


def final_after(world: Namespaces, moment_ns: int, *, windows: int) -> Callable[[], bool]:
    """Whether so many whole windows after a moment are final."""
    return lambda: sum(end_ns - WINDOW_NS >= moment_ns for end_ns in world.answers().final_ns) >= windows


def open_store(world: Namespaces) -> StoreReader:
    """The stores beside the running collector."""
    return open_reader(StoreConfig(data=world.files.store))


def told_by_probes(world: Namespaces, reader: StoreReader, until_ns: int) -> Counter[tuple[str, int]]:
    """Test packets sent and packets captured, by window, as the acknowledged batches say."""
    told: Counter[tuple[str, int]] = Counter()
    with reader.state.reading() as db:
        payloads = [row[0] for row in db.execute("SELECT payload FROM batches")]
    for payload in payloads:
        batch = decode_batch((world.files.folder / "collector" / "payloads" / payload).read_bytes())
        probe = batch.header["probe"]
        for row in pa.table(batch.table("session")).to_pylist():
            told[f"session {row['session']}", window_of(row)] += row["sent"]
        for row in pa.table(batch.table("probe_health")).to_pylist():
            told[f"captured {probe} {row['observation_point']}", window_of(row)] += row["capture_received"] or 0
    return Counter({key: count for key, count in told.items() if count and key[1] + WINDOW_NS <= until_ns})


def window_of(row: dict[str, Any]) -> int:
    """Start of the window an interval belongs to."""
    return int(row["interval_start_ns"]) // WINDOW_NS * WINDOW_NS


def in_windows(reader: StoreReader) -> tuple[Counter[tuple[str, int]], int]:
    """The same as the final windows have it, and their end."""
    found: Counter[tuple[str, int]] = Counter()
    windows = reader.final_windows()
    for window in windows:
        for row in reader.rows(window):
            if row.measurement == "session":
                found[f"session {row.tags['session']}", window.start_ns] += int(row.fields["sent"])
            elif row.measurement == "probe_health":
                name = f"captured {row.tags['probe']} {row.tags['observation_point']}"
                found[name, window.start_ns] += int(row.fields.get("capture_received", 0))
    return Counter({key: count for key, count in found.items() if count}), max(window.end_ns for window in windows)


REVISED_S = 30.0
"""A batch that came after its window was final is in the ledger first and in a revision of the window a moment later."""


def assert_everything_once(world: Namespaces) -> None:
    """Ledger against spools, and the windows' sums against what the batches hold."""
    balance = world.balance(final=True)
    assert balance.batches > 0
    assert (balance.lost, balance.doubled) == (0, 0)
    deadline_s = time.monotonic() + REVISED_S
    while (differing := _differing(world)) and time.monotonic() < deadline_s:
        world.wait(0.5)
    assert differing == {}, differing


def _differing(world: Namespaces) -> dict[tuple[str, int], tuple[int, int]]:
    """What final windows have, and what probes told, where the two are not the same.

    What is not final yet when the probes end is still open: only final windows are compared.
    """
    with open_store(world) as reader:
        found, until_ns = in_windows(reader)
        told = told_by_probes(world, reader, until_ns)
    return {key: (found[key], told[key]) for key in found.keys() | told.keys() if found[key] != told[key]}
