"""Crashes in the middle of a run: what was acknowledged is there once, what was not measured is a gap, nobody is blamed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from appliance.demo.namespaces.settings import COLLECTOR_PORT
from appliance.demo.namespaces.world import Namespaces
from appliance.demo.probing import Probes, looks
from faultline.native import decode_batch
from faultline.records.terms import SECOND_NS
from faultline.store.config import StoreConfig
from faultline.store.reader import StoreReader, open_reader

pytestmark = [pytest.mark.net, pytest.mark.e2e, pytest.mark.timeout(300)]

WINDOW_NS = 10 * SECOND_NS


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Namespaces]:
    """A healthy line with everything running on it."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    made = Namespaces(faults=(), probes=Probes.FULL, seed=1)
    try:
        made.set_up(lambda _: None)
        yield made
    finally:
        made.tear_down()


def wait_until(world: Namespaces, condition: Callable[[], bool], *, seconds: float) -> None:
    """Let the run go on until something is so."""
    deadline_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline_s
        world.wait(0.2)


def final_after(world: Namespaces, moment_ns: int, *, windows: int) -> Callable[[], bool]:
    """Whether so many whole windows after a moment are final."""
    return lambda: sum(end_ns - WINDOW_NS >= moment_ns for end_ns in world.answers().final_ns) >= windows


def crash(world: Namespaces, label: str, *, away_s: float) -> tuple[int, int]:
    """Kill -9, some time without, and the same again; when it was away."""
    begun_ns = world.now_ns()
    world.processes.kill(label)
    time.sleep(away_s)
    world.processes.start_again(label)
    return begun_ns, world.now_ns()


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


def assert_everything_once(world: Namespaces) -> None:
    """Ledger against spools, and the windows' sums against what the batches hold."""
    balance = world.balance(final=True)
    assert balance.batches > 0
    assert (balance.lost, balance.doubled) == (0, 0)
    with open_store(world) as reader:
        # What is not final yet when the probes end is still open: only final windows are compared.
        found, until_ns = in_windows(reader)
        assert found == told_by_probes(world, reader, until_ns)


def test_a_killed_collector_loses_and_doubles_nothing(world: Namespaces) -> None:
    """Probes go on measuring while it is away; when it is back every window holds each of their batches once."""
    wait_until(world, final_after(world, world.now_ns(), windows=1), seconds=60)
    away_ns, _ = crash(world, "collector", away_s=4)
    world.processes.await_listening("collector", COLLECTOR_PORT, timeout_s=30)
    wait_until(world, final_after(world, world.now_ns(), windows=2), seconds=90)
    assert world.answers().incidents == ()
    assert_everything_once(world)
    with open_store(world) as reader:
        hit = [window for window in reader.final_windows() if window.start_ns <= away_ns < window.end_ns]
        assert [row for window in hit for row in reader.rows(window) if row.measurement == "session"]


@pytest.mark.parametrize("probe", ["probe pe1", "probe ce-1"])
def test_a_killed_probe_leaves_a_gap_and_blames_nobody(world: Namespaces, probe: str) -> None:
    """The windows it was away for have no rows of its captures: absent, not zero; and the network is not blamed for it."""
    wait_until(world, final_after(world, world.now_ns(), windows=3), seconds=90)
    away_ns, back_ns = crash(world, probe, away_s=21)
    wait_until(world, final_after(world, back_ns, windows=3), seconds=120)
    assert [(i["verdict"]["components"], i["verdict"]["mode"]) for i in world.answers().incidents] == []
    assert_everything_once(world)
    name = probe.split()[1]
    with open_store(world) as reader:
        dark = [w for w in reader.final_windows() if away_ns <= w.start_ns and w.end_ns <= back_ns]
        assert dark
        for window in dark:
            rows = reader.rows(window)
            assert [row for row in rows if row.measurement == "line_quality" and row.tags["vantage"].startswith(("fw-", "pe3"))]
            assert not [row for row in rows if row.tags.get("probe") == name]
            mine = {look.id for look in looks(Probes.FULL) if look.probe == name}
            assert not [row for row in rows if row.tags.get("vantage") in mine]
