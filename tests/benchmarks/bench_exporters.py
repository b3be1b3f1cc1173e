"""How many flows a second go from UDP datagrams to fsynced Parquet and roll-ups, beside nfcapd on the same datagrams.

One sender on loopback paces NetFlow v9 at a rate; the collector service takes it in as in production: a process of its own, real
sockets, a real disk. What does not arrive is counted by where it was lost; a flow that nothing counts ends the benchmark.

    python tests/benchmarks/bench_exporters.py [--seconds 20] [--rates 50000,100000,...]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

FLOWS_A_DATAGRAM = 24
FIELDS = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (10, 4), (14, 4), (2, 4), (1, 4), (22, 4), (21, 4))
RECORD = struct.Struct("!4s4sHHBIIIIII")
UPTIME_MS = 100_000_000
TEMPLATE_EVERY = 1000
DATAGRAMS_PREPARED = 4096
LINES, INTERFACES = 2_000, 48


def template() -> bytes:
    """The template set of NetFlow v9."""
    body = struct.pack("!HH", 300, len(FIELDS)) + b"".join(struct.pack("!HH", *field) for field in FIELDS)
    return struct.pack("!HH", 0, 4 + len(body)) + body


def _ends(line: int, dice: random.Random) -> tuple[bytes, bytes]:
    """Two hosts: of every second flow at the two ends of a line."""
    near = bytes([10, line % 200, line // 200, dice.randrange(1, 255)])
    if dice.random() < 0.5:
        return near, bytes([172, 16 + line % 16, line // 16 % 256, dice.randrange(1, 255)])
    return near, bytes([198, 18, dice.randrange(256), dice.randrange(1, 255)])


def data_sets(dice: random.Random) -> list[bytes]:
    """Data sets with flows of many lines, each line at an interface and each flow up to a minute long."""
    found = []
    for _ in range(DATAGRAMS_PREPARED):
        records = b"".join(_record(dice.randrange(LINES), dice) for _ in range(FLOWS_A_DATAGRAM))
        found.append(struct.pack("!HH", 300, 4 + len(records)) + records)
    return found


def _record(line: int, dice: random.Random) -> bytes:
    ports = (dice.randrange(1024, 65536), dice.choice((443, 80, 53, 22, 5432)))
    counts = (dice.randrange(1, 100), dice.randrange(40, 100_000))
    return RECORD.pack(
        *_ends(line, dice), *ports, 6, line % INTERFACES, INTERFACES, *counts, UPTIME_MS - dice.randrange(60_000), UPTIME_MS
    )


def send(ports: list[int], *, rate: float, seconds: float, sets: list[bytes]) -> tuple[int, float]:
    """Datagrams to every port at so many flows a second; gives datagrams and seconds. Bounded by the time."""
    sockets = []
    for port in ports:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.connect(("127.0.0.1", port))
        sockets.append(opened)
    pace = rate / FLOWS_A_DATAGRAM
    begin = time.monotonic()
    sent = 0
    while (elapsed := time.monotonic() - begin) < seconds:
        due = int(elapsed * pace)
        if sent >= due:
            time.sleep(0.001)
            continue
        export_s = int(time.time())
        for number in range(sent, due):
            header = struct.pack("!HHIIII", 9, FLOWS_A_DATAGRAM, UPTIME_MS, export_s, number & 0xFFFF_FFFF, 1)
            first = TEMPLATE_SET if number % TEMPLATE_EVERY == 0 else b""
            datagram = header + first + sets[number % len(sets)]
            for opened in sockets:
                with contextlib.suppress(ConnectionRefusedError):
                    opened.send(datagram)
        sent = due
    return sent, time.monotonic() - begin


TEMPLATE_SET = template()


@attrs.frozen(kw_only=True)
class Outcome:
    """Of one rate."""

    sent_flows: int
    seconds: float
    archived: int
    rolled_up: int
    lost: dict[str, int]
    cpu_s: float
    resident_mib: float
    drained_s: float
    nfcapd_flows: int | None
    nfcapd_cpu_s: float | None


def inventory() -> str:
    """Lines between networks, so that flows have something to be placed on."""
    lines = "\n".join(
        f"  - {{code: L{n}, tenant: bank, path: [core], a_end: {{name: a, prefixes: [10.{n % 200}.{n // 200}.0/24]}},"
        f" z_end: {{name: z, prefixes: [172.{16 + n % 16}.{n // 16 % 256}.0/24]}}}}"
        for n in range(LINES)
    )
    return (
        "format: faultline-inventory/1\ntenants: [{id: bank, name: bank}]\n"
        "components: [{id: core, name: core, kind: segment, owner: carrier_core, between: [A, Z]}]\n"
        f"lines:\n{lines}\n"
    )


@contextlib.contextmanager
def collector(folder: Path, *, port: int, status: int) -> Iterator[subprocess.Popen[bytes]]:
    """A collector process that listens on loopback."""
    (folder / "inventory.yaml").write_text(inventory())
    (folder / "collector.yaml").write_text(
        f"data: {folder}/data\ninventory: {folder}/inventory.yaml\nstore: {{data: {folder}/store}}\nlisten: 127.0.0.1:{status}\n"
        f"exporters: {{listen: ['127.0.0.1:{port}'], any: true}}\nlog: {{level: warning}}\n"
    )
    process = subprocess.Popen([sys.executable, "-m", "collector.cli", "run", "-c", str(folder / "collector.yaml")])
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(120)


def metrics(status: int, authority: Path) -> dict[str, float]:
    """The collector's counters."""
    import ssl  # noqa: PLC0415
    import urllib.request  # noqa: PLC0415

    trust = ssl.create_default_context(cafile=str(authority))
    with urllib.request.urlopen(f"https://127.0.0.1:{status}/metrics", context=trust, timeout=30) as answer:
        text = answer.read().decode()
    found: dict[str, float] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            found[name] = float(value)
    return found


def cpu_of(pid: int) -> float:
    """Seconds of processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """Memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / (1 << 20)


def free_port() -> int:
    """A UDP and TCP port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(*, rate: float, seconds: float, sets: list[bytes], beside: bool) -> Outcome:
    """One rate, from the first datagram until everything is archived."""
    with tempfile.TemporaryDirectory(prefix="bench-exporters-") as name:
        folder = Path(name)
        port, status = free_port(), free_port()
        with collector(folder, port=port, status=status) as process:
            authority = folder / "data" / "tls" / "authority.pem"
            _wait(lambda: bool(metrics(status, authority)), 60)
            taking = _nfcapd(folder) if beside else None
            ports = [port] + ([taking[1]] if taking else [])
            cpu = cpu_of(process.pid)
            sent, took = send(ports, rate=rate, seconds=seconds, sets=sets)
            begin = time.monotonic()
            _wait(lambda: _drained(metrics(status, authority)), 120)
            drained_s = time.monotonic() - begin
            counted = metrics(status, authority)
            used, memory = cpu_of(process.pid) - cpu, resident_mib(process.pid)
            nfcapd = _stop_nfcapd(taking[0], folder) if taking else (None, None)
        archived = _archived(folder)
    lost = {
        "kernel": int(counted.get("faultline_exporters_kernel_dropped_total", 0)) * FLOWS_A_DATAGRAM,
        "queue": int(counted.get('faultline_datagrams_dropped_total{reason="queue_full"}', 0)) * FLOWS_A_DATAGRAM,
        "by sequence": int(
            counted.get('faultline_exporter_lost_total{exporter="127.0.0.1",protocol="netflow9"}', 0) * FLOWS_A_DATAGRAM
        ),
    }
    return Outcome(
        sent_flows=sent * FLOWS_A_DATAGRAM,
        seconds=took,
        archived=archived,
        rolled_up=int(counted.get("faultline_exported_enrich_out_total", 0)),
        lost=lost,
        cpu_s=used,
        resident_mib=memory,
        drained_s=drained_s,
        nfcapd_flows=nfcapd[0],
        nfcapd_cpu_s=nfcapd[1],
    )


def _drained(counted: dict[str, float]) -> bool:
    held = ("faultline_datagrams_held", "faultline_exported_held")
    same = counted["faultline_exported_out_total"] == counted["faultline_archive_out_total"]
    return not any(counted[name] for name in held) and same and counted["faultline_archive_out_total"] > 0


def _wait(holds: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError, KeyError):
            if holds():
                return
        time.sleep(0.3)
    raise SystemExit("gave up waiting")


def _archived(folder: Path) -> int:
    import pyarrow.parquet as pq  # noqa: PLC0415

    return sum(pq.ParquetFile(path).metadata.num_rows for path in (folder / "store").rglob("*.parquet"))


def _nfcapd(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    port = free_port()
    (folder / "nfcapd").mkdir()
    command = ["nfcapd", "-w", str(folder / "nfcapd"), "-b", "127.0.0.1", "-p", str(port), "-t", "3600", "-B", str(32 << 20)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    return process, port


def _stop_nfcapd(process: subprocess.Popen[bytes], folder: Path) -> tuple[int | None, float | None]:
    used = cpu_of(process.pid)
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    told = subprocess.run(["nfdump", "-R", str(folder / "nfcapd"), "-I"], capture_output=True, text=True, check=False).stdout
    flows = [int(line.split(":")[1]) for line in told.splitlines() if line.startswith("Flows:")]
    return (flows[0] if flows else None), used


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rates", default="25000,50000,100000,150000")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    sets = data_sets(random.Random(7))
    beside = shutil.which("nfcapd") is not None and shutil.which("nfdump") is not None
    sys.stdout.write(f"{'flows/s sent':>14} {'archived':>12} {'lost':>30} {'us/flow':>7} {'MiB':>6} {'drained s':>9}")
    sys.stdout.write(f" {'nfcapd flows':>13} {'us/flow':>7}\n")
    for rate in (float(text) for text in asked.rates.split(",")):
        found = run(rate=rate, seconds=asked.seconds, sets=sets, beside=beside)
        if asked.json:
            sys.stdout.write(json.dumps(attrs.asdict(found)) + "\n")
            continue
        lost = ", ".join(f"{cause} {count}" for cause, count in found.lost.items() if count) or "none"
        nfcapd = "-" if found.nfcapd_flows is None else f"{found.nfcapd_flows}"
        cost = "-" if found.nfcapd_cpu_s is None else f"{found.nfcapd_cpu_s / max(1, found.sent_flows) * 1e6:.1f}"
        sys.stdout.write(
            f"{found.sent_flows / found.seconds:>14,.0f} {found.archived:>12,} {lost:>30}"
            f" {found.cpu_s / max(1, found.archived) * 1e6:>7.1f} {found.resident_mib:>6.0f} {found.drained_s:>9.1f}"
            f" {nfcapd:>13} {cost:>7}\n"
        )
        sys.stdout.flush()
        if found.archived != found.sent_flows and not any(found.lost.values()):
            raise SystemExit(f"{found.sent_flows - found.archived} flows are missing and nothing counted them")


if __name__ == "__main__":
    main()
