"""The commands as processes: the service is killed and stopped, the report is written while it runs."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest

World = Any
"""The fixture's class lives in conftest.py, which tests cannot import."""
COMMAND = [sys.executable, "-m", "appliance.cli", "analyzer"]


@attrs.define
class Process:
    """`faultline analyzer run` over a world's stores."""

    file: Path
    port: int
    log: Path
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.running = subprocess.Popen([*COMMAND, "run", "-c", str(self.file)], stderr=log, stdout=log)

    def get(self, path: str) -> Any:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}").raise_for_status().json()

    def wait_for(self, end_ns: int) -> None:
        """Until the window that ends then was answered."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            assert self.running is not None
            assert self.running.poll() is None, self.log.read_text()
            try:
                metrics = httpx.get(f"http://127.0.0.1:{self.port}/metrics").text
            except httpx.TransportError:
                metrics = ""
            said = re.search(r"^faultline_answered_until_seconds (\S+)", metrics, re.MULTILINE)
            if said and float(said[1]) == end_ns / 1e9:
                return
            time.sleep(0.05)
        pytest.fail(f"not answered in time: {self.log.read_text()}")

    def end(self, number: int) -> int:
        assert self.running is not None
        self.running.send_signal(number)
        code = self.running.wait(20)
        self.running = None
        return code


@pytest.fixture
def process(world: World) -> Iterator[Process]:
    """Not yet started; killed at the end."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    file = world.folder / "analyzer.yaml"
    text = {"data": "analyzer", "inventory": "inventory.yaml", "store": {"data": "store"}, "listen": f"127.0.0.1:{port}"}
    file.write_text(json.dumps(text | {"evaluation": {"poll_s": 0.05}, "incidents": {"clear_after_s": 60}}), encoding="utf-8")
    made = Process(file, port, world.folder / "log")
    yield made
    if made.running is not None:
        made.running.kill()
        made.running.wait(10)


@pytest.mark.e2e
def test_a_killed_service_goes_on_and_a_stopped_one_ends_well(world: World, process: Process, make_fault: Any) -> None:
    """Kill -9 within an incident costs nothing: one id, every window once; the report can be written; SIGTERM ends with 0."""
    process.start()
    world.feed(60)
    world.feed(30, {"core<": make_fault(loss=0.02)})
    process.wait_for(world.now_ns)
    (incident,) = process.get("/api/v1/incidents")["incidents"]
    assert (incident["state"], incident["verdict"]["owner"]) == ("open", "carrier_core")
    assert process.end(signal.SIGKILL) == -signal.SIGKILL

    world.feed(30, {"core<": make_fault(loss=0.02)})
    process.start()
    process.wait_for(world.now_ns)
    (same,) = process.get("/api/v1/incidents")["incidents"]
    assert (same["id"], same["onset_ns"], len(same["revisions"])) == (incident["id"], incident["onset_ns"], 1)
    (stage,) = process.get("/v1/stages")["stages"]
    assert (stage["in"], stage["balanced"]) == (3, True)

    report = world.folder / "fault.html"
    arguments = ["report", "fault", incident["id"], "-c", str(process.file), "-o", str(report), "--lang", "zh"]
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=30, check=True)
    assert done.stderr == f"report of {incident['id']} written to {report}\n"
    assert 'lang="zh-CN"' in report.read_text(encoding="utf-8")
    assert "运营商骨干网" in report.read_text(encoding="utf-8")

    world.feed(90)
    process.wait_for(world.now_ns)
    assert process.get("/api/v1/incidents")["incidents"][0]["state"] == "cleared"
    assert process.end(signal.SIGTERM) == 0
    events = [json.loads(line) for line in process.log.read_text(encoding="utf-8").splitlines()]
    assert [e["event"] for e in events if "incident" in e] == ["incident raised", "incident cleared"]
    assert {e["level"] for e in events} == {"info"}
