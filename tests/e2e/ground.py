"""A folder with a probe's and a collector's configuration, and the real processes that run on it."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import yaml

from appliance.demo.inventory_file import inventory_document
from appliance.demo.probing import Probes
from faultline.records.terms import Stream
from probe.spool.files import Disk
from probe.spool.incarnations import Incarnations
from probe.spool.plan import Position

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "branch-token"


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@attrs.define
class Ground:
    """A folder with both configurations, and the processes that run on it."""

    folder: Path
    running: list[subprocess.Popen[bytes]] = attrs.field(factory=list)

    @property
    def tally(self) -> Path:
        """What the feeder put into its spool, a line a batch."""
        return self.folder / "tally.txt"

    @property
    def spool(self) -> Path:
        """The feeder's spool."""
        return self.folder / "probe" / "spool"

    port: int = attrs.field(factory=free_port)

    def listens(self) -> bool:
        """Whether the collector can be reached."""
        with socket.socket() as trial:
            return trial.connect_ex(("127.0.0.1", self.port)) == 0

    def write(self, *, quota: int = 1 << 30, collector_settings: Mapping[str, Any] | None = None) -> None:
        """Both configurations and the inventory."""
        (self.folder / "inventory.yaml").write_text(yaml.safe_dump(inventory_document(Probes.ENDS)))
        digest = hashlib.sha256(TOKEN.encode()).hexdigest()
        collector = {
            "data": "collector",
            "store": {"data": "store"},
            "inventory": "inventory.yaml",
            "listen": f"127.0.0.1:{self.port}",
            "probes": [{"id": "ce-1", "token_sha256": digest}],
            "log": {"level": "warning"},
            **(collector_settings or {}),
        }
        (self.folder / "collector.yaml").write_text(yaml.safe_dump(collector))
        (self.folder / "token").write_text(TOKEN)
        probe = {
            "probe": "ce-1",
            "state_dir": "probe",
            "spool": {"max_octets": quota},
            "collector": {
                "url": f"https://127.0.0.1:{self.port}",
                "authority": "collector/tls/authority.pem",
                "token_file": "token",
                "timeout_s": 5.0,
            },
        }
        (self.folder / "probe.yaml").write_text(yaml.safe_dump(probe))

    def start(self, *command: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """A process of this checkout; ended by `end_all` at the latest."""
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *command], cwd=ROOT, stdout=log, stderr=log, env={**os.environ, **(environment or {})}
            )
        self.running.append(process)
        return process

    def start_collector(self) -> subprocess.Popen[bytes]:
        """`faultline collector run`."""
        return self.start("collector.cli", "run", "-c", str(self.folder / "collector.yaml"))

    def start_feeder(self, **options: object) -> subprocess.Popen[bytes]:
        """The feeder, going on where an earlier one was killed."""
        extra = [text for name, value in options.items() for text in (f"--{name}", str(value))]
        return self.start("tests.e2e.feeder", str(self.folder / "probe.yaml"), str(self.tally), *extra)

    def position(self) -> Position:
        """How far the spool's stream of flows is."""
        pointer = Incarnations(self.spool, Disk()).current()
        assert pointer is not None
        return Position.decode((self.spool / pointer.directory / Stream.FLOWS.value / "position").read_bytes())

    def batches(self) -> dict[int, list[int]]:
        """Sequence to the numbers of its records, of every batch that was written down."""
        found = {}
        for line in self.tally.read_text().splitlines():
            words = [int(word) for word in line.split()]
            if len(words) == 3:
                seq, first, count = words
                found[seq] = list(range(first, first + count))
        return found

    def log(self) -> str:
        """What the processes said."""
        return (self.folder / "log").read_text()[-4000:]

    def end_all(self) -> None:
        """Kill whatever still runs."""
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.wait(timeout=20)


def end(process: subprocess.Popen[bytes], number: signal.Signals) -> int:
    """Send a signal and wait for the end."""
    process.send_signal(number)
    return process.wait(timeout=60)


def eventually(condition: Callable[[], object], *, ground: Ground, within_s: float = 60.0) -> None:
    """Wait for it, or fail with what the processes said."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, ground.log()
        time.sleep(0.1)


def acknowledged(ground: Ground) -> int:
    """How far the collector has answered, as the spool has written it down; 0 before it has."""
    try:
        return ground.position().released
    except (OSError, AssertionError):
        return 0
