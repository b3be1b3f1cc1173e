"""What tests of the stores share: builders of points, and a real influxd on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from faultline.records.points import Point
from faultline.records.terms import SECOND_NS, Level, TenantId

NOW_S = int(time.time()) // 60 * 60
"""InfluxDB's retention looks at the real clock: points of these tests are of today."""


def make_point(**changes: Any) -> Point:
    """A row of a test session, one minute ago."""
    values: dict[str, Any] = {
        "measurement": "session",
        "level": Level.TEN_SECONDS,
        "tenant": TenantId("bank"),
        "tags": {"line": "L1", "session": "s1"},
        "time_ns": (NOW_S - 60) * SECOND_NS,
        "fields": {"sent": 100, "lost_forward": 2, "clock_class": "ntp"},
    }
    return Point(**(values | changes))


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def start_influxd(binary: str, folder: Path, port: int) -> subprocess.Popen[bytes]:
    """An influxd with its data in a folder; returns when it answers."""
    environment = os.environ | {
        "INFLUXDB_META_DIR": str(folder / "meta"),
        "INFLUXDB_DATA_DIR": str(folder / "data"),
        "INFLUXDB_DATA_WAL_DIR": str(folder / "wal"),
        "INFLUXDB_HTTP_BIND_ADDRESS": f"127.0.0.1:{port}",
        "INFLUXDB_BIND_ADDRESS": f"127.0.0.1:{free_port()}",
        "INFLUXDB_REPORTING_DISABLED": "true",
        "INFLUXDB_MONITOR_STORE_ENABLED": "false",
        "INFLUXDB_HTTP_LOG_ENABLED": "false",
    }
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "influxd.log").open("ab") as log:
        process = subprocess.Popen([binary, "run"], env=environment, stdout=log, stderr=log)
    deadline_s = time.monotonic() + 20
    while True:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/ping", timeout=1).status_code == 204:
                return process
        except httpx.HTTPError:
            pass
        if time.monotonic() > deadline_s or process.poll() is not None:
            process.kill()
            raise RuntimeError((folder / "influxd.log").read_text()[-2000:])
        time.sleep(0.05)


def stop_process(process: subprocess.Popen[bytes]) -> None:
    """Stop it and wait."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def influxd_url(influxd_binary: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real influxd for the whole run; tests use databases of their own."""
    port = free_port()
    process = start_influxd(influxd_binary, tmp_path_factory.mktemp("influxd"), port)
    yield f"http://127.0.0.1:{port}"
    stop_process(process)
