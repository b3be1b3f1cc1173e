"""Stores that are away or full in the middle of a run: nothing is lost or doubled unsaid, and what is not known is said."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from appliance.demo.namespaces.settings import COLLECTOR_PORT
from appliance.demo.namespaces.world import Namespaces
from appliance.demo.network import TENANT
from appliance.demo.probing import Probes
from faultline.records.terms import Stream, TenantId
from faultline.store.config import InfluxConfig, MetricsKind, StoreConfig
from faultline.store.reader import open_reader
from tests.e2e.accounts import WINDOW_NS, assert_everything_once, final_after, open_store, wait_until
from tests.store.conftest import free_port, start_influxd, stop_process

pytestmark = [pytest.mark.net, pytest.mark.e2e, pytest.mark.timeout(400)]

AWAY_S = 15
"""Longer than a window."""
ROOM_OCTETS = 128 << 10
"""For all measurements and events of twice that, and for one batch of flows, of 77 kB."""
_LISTEN = (
    "import os, socket, sys\n"
    "at = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
    "os.set_inheritable(at.fileno(), True)\n"
    "there = ['nsenter', '-t', sys.argv[2], '-n', sys.executable, '-c', sys.argv[3]]\n"
    "os.execvp('nsenter', [*there, str(at.fileno()), sys.argv[1]])\n"
)
_FORWARD = (
    "import socket, sys, threading\n"
    "def move(a, b):\n"
    "    try:\n"
    "        while octets := a.recv(65536): b.sendall(octets)\n"
    "    except OSError: pass\n"
    "    a.close(); b.close()\n"
    "listening = socket.socket(fileno=int(sys.argv[1]))\n"
    "while True:\n"
    "    here, _ = listening.accept()\n"
    "    try: there = socket.create_connection(('127.0.0.1', int(sys.argv[2])))\n"
    "    except OSError: here.close(); continue\n"
    "    for pair in ((here, there), (there, here)): threading.Thread(target=move, args=pair, daemon=True).start()\n"
)
"""A socket stays in the namespace it was opened in: it listens beside the collector, and connects where influxd is."""


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where a run's folder is."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


@pytest.mark.influx
def test_an_influxd_that_was_away_holds_every_window_once(temporary: Path, influxd_binary: str) -> None:
    """It is stopped and started again in the middle of a run: the windows of that time are written afterwards, each row once."""
    port, folder = free_port(), temporary / "influxd"
    influxd = start_influxd(influxd_binary, folder, port)
    world = Namespaces(faults=(), probes=Probes.ENDS, seed=1, influx=f"http://127.0.0.1:{port}")
    forwarder: list[subprocess.Popen[bytes]] = []

    def begin(told: str) -> None:
        if told.startswith("network up"):
            listen = [sys.executable, "-c", _LISTEN, str(port), str(os.getpid()), _FORWARD]
            forwarder.append(subprocess.Popen(world.ground.spaces.inside("ops", listen)))

    try:
        world.set_up(begin)
        wait_until(world, final_after(world, world.now_ns(), windows=1), seconds=120)
        away_ns = world.now_ns()
        stop_process(influxd)
        world.wait(AWAY_S)
        influxd = start_influxd(influxd_binary, folder, port)
        wait_until(world, final_after(world, world.now_ns(), windows=2), seconds=180)
        assert world.answers().incidents == ()
        assert_everything_once(world)
        influx = InfluxConfig(url=f"http://127.0.0.1:{port}")
        with open_reader(StoreConfig(data=world.files.store, metrics=MetricsKind.INFLUX, influx=influx)) as reader:
            windows = [window for window in reader.final_windows() if window.start_ns >= away_ns - WINDOW_NS][:3]
            assert windows
            for window in windows:
                held = sorted(row.tags["session"] for row in reader.rows(window) if row.measurement == "session")
                points = reader.points("session", start_ns=window.start_ns, end_ns=window.end_ns, tenant=TenantId(TENANT))
                assert sorted(point.tags["session"] for point in points) == held != []
    finally:
        world.tear_down()
        for one in forwarder:
            one.kill()
            one.wait()
        stop_process(influxd)


@pytest.fixture
def small_disk() -> Iterator[list[Path]]:
    """Folders mounted for a test, taken away after it."""
    mounted: list[Path] = []
    yield mounted
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True, timeout=20)


@pytest.mark.usefixtures("temporary")
def test_a_full_disk_drops_flows_first_and_says_so(small_disk: list[Path]) -> None:
    """A probe's spool has no room while the collector is away: flows go, a gap names them, and the line's page tells of it."""
    world = Namespaces(faults=(), probes=Probes.ENDS, seed=1)
    try:
        world.set_up(lambda _: None)
        spool = world.files.spool("ce-1").parent
        world.processes.kill("probe ce-1")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(spool)], check=True, timeout=20)
        small_disk.append(spool)
        world.processes.start_again("probe ce-1")
        wait_until(world, final_after(world, world.now_ns(), windows=2), seconds=150)
        world.processes.kill("collector")
        _fill(spool, leave_octets=ROOM_OCTETS)
        time.sleep(3 * AWAY_S)
        (spool / "ballast").unlink()
        world.processes.start_again("collector")
        world.processes.await_listening("collector", COLLECTOR_PORT, timeout_s=120)
        wait_until(world, final_after(world, world.now_ns(), windows=2), seconds=180)
        assert_everything_once(world)
        with open_store(world) as reader:
            gaps = [gap for gap in reader.gaps() if gap.probe == "ce-1"]
        assert {gap.reason for gap in gaps} == {"disk_full"}
        assert {gap.stream for gap in gaps} == {Stream.FLOWS}
        page = httpx.get(f"http://{world.files.listen}/lines/CN-NB-0017", timeout=10).text
        assert "Probe ce-1 had to drop" in page
        assert "its disk was full" in page
    finally:
        world.tear_down()


def _fill(folder: Path, *, leave_octets: int) -> None:
    """Take all room but a little."""
    free = os.statvfs(folder)
    with (folder / "ballast").open("wb") as ballast:
        ballast.write(bytes(free.f_bavail * free.f_frsize - leave_octets))
