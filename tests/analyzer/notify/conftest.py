"""A real rsyslogd on loopback, for tests of alarms."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


def free_port(kind: socket.SocketKind) -> int:
    """A port nobody listens on."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    """Poll until it holds; fail when it does not in time."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.02)


class Rsyslogd:
    """A real rsyslogd on loopback that writes what it understood to a file."""

    def __init__(self, folder: Path) -> None:
        self.udp, self.tcp = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_STREAM)
        self._folder = folder
        self.out = folder / "out.log"
        (folder / "work").mkdir(exist_ok=True)
        fields = "%pri%|%timestamp:::date-rfc3339%|%hostname%|%app-name%|%msgid%|%structured-data%|%msg%"
        (folder / "rsyslog.conf").write_text(
            f'global(workDirectory="{folder}/work" maxMessageSize="16k")\n'
            'module(load="imudp")\nmodule(load="imtcp")\n'
            f'template(name="all" type="string" string="{fields}\\n")\n'
            f'ruleset(name="in") {{ action(type="omfile" file="{self.out}" template="all") }}\n'
            f'input(type="imudp" address="127.0.0.1" port="{self.udp}" ruleset="in")\n'
            f'input(type="imtcp" address="127.0.0.1" port="{self.tcp}" ruleset="in")\n',
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [str(shutil.which("rsyslogd")), "-n", "-f", f"{self._folder}/rsyslog.conf", "-i", f"{self._folder}/pid"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._listens)

    def _listens(self) -> bool:
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.tcp)) == 0

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def lines(self) -> list[str]:
        return self.out.read_text(encoding="utf-8").splitlines() if self.out.exists() else []


@pytest.fixture
def rsyslogd(tmp_path: Path) -> Iterator[Rsyslogd]:
    """A running rsyslogd, or a skip with the reason."""
    if shutil.which("rsyslogd", path=os.environ.get("PATH", "") + ":/usr/sbin") is None:
        pytest.skip("needs rsyslogd (packaging/setup.sh test installs it when root)")
    os.environ["PATH"] = os.environ.get("PATH", "") + ("" if "/usr/sbin" in os.environ.get("PATH", "") else ":/usr/sbin")
    made = Rsyslogd(tmp_path)
    made.start()
    yield made
    made.stop()
