"""Crashes in the middle of a run: what was acknowledged is there once, what was not measured is a gap, nobody is blamed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.demo.namespaces.settings import COLLECTOR_PORT
from appliance.demo.namespaces.world import Namespaces
from appliance.demo.probing import Probes, looks
from tests.e2e.accounts import assert_everything_once, final_after, open_store, wait_until

pytestmark = [pytest.mark.net, pytest.mark.e2e, pytest.mark.timeout(300)]


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


def crash(world: Namespaces, label: str, *, away_s: float) -> tuple[int, int]:
    """Kill -9, some time without, and the same again; when it was away."""
    begun_ns = world.now_ns()
    world.processes.kill(label)
    time.sleep(away_s)
    world.processes.start_again(label)
    return begun_ns, world.now_ns()


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
