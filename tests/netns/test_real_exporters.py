"""Real exporters on a real link, heard by a real collector; nfdump reads the very same datagrams and must agree."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import dpkt
import pytest

from collector.collector import Collector
from collector.config import CollectorConfig
from collector.exporters.config import ExportersConfig
from collector.exporters.service import ExporterService
from collector.intake.authority import TlsFiles
from faultline.records.terms import SECOND_NS, Level
from faultline.runtime.clock import SystemClock
from faultline.store.config import StoreConfig
from faultline.store.disk import SystemDisk
from faultline.store.reader import StoreReader
from tests.collector.conftest import DIRECTORY

pytestmark = pytest.mark.net

NEAR, FAR, PORT = "10.99.77.1", "10.99.77.2", 9999
PACKETS, PAYLOAD = 400, 972
SENT_OCTETS = PACKETS * (PAYLOAD + 28)
TRAFFIC = f"udp and dst port {PORT}"
PATIENCE_S = 20.0


@attrs.define
class Link:
    """A namespace on a veth: exporters live in it and hear what goes over the link."""

    name: str
    interface: str

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """A process in the namespace."""
        return subprocess.Popen(
            ["ip", "netns", "exec", self.name, *command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def send(self) -> None:
        """Datagrams from the far end to the near one."""
        script = (
            f"import socket,time\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\nfor n in range({PACKETS}):\n"
            f" s.sendto(bytes({PAYLOAD}),('{NEAR}',{PORT}))\n if n%20==0: time.sleep(0.01)\n"
        )
        subprocess.run(["ip", "netns", "exec", self.name, sys.executable, "-c", script], check=True, timeout=30)


@pytest.fixture
def link() -> Iterator[Link]:
    """Made for the test and gone after it."""
    name, near, far = f"fl-exp-{os.getpid()}", f"flx{os.getpid() % 10000}a", f"flx{os.getpid() % 10000}b"
    with contextlib.ExitStack() as undo:
        _ip("netns", "add", name)
        undo.callback(_ip, "netns", "del", name)
        _ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
        _ip("addr", "add", f"{NEAR}/24", "dev", near)
        _ip("link", "set", near, "up")
        _ip("-n", name, "addr", "add", f"{FAR}/24", "dev", far)
        _ip("-n", name, "link", "set", far, "up")
        _ip("-n", name, "link", "set", "lo", "up")
        yield Link(name, far)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, timeout=10)


@attrs.define
class Tee:
    """Hands every datagram of the exporters to the collector and to nfcapd."""

    listening: socket.socket
    targets: list[int]
    datagrams: int = 0
    _stopping: threading.Event = attrs.field(factory=threading.Event)

    @property
    def port(self) -> int:
        """Where exporters send."""
        return int(self.listening.getsockname()[1])

    def run(self) -> None:
        """Until stopped."""
        self.listening.settimeout(0.1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
            while not self._stopping.is_set():
                with contextlib.suppress(TimeoutError):
                    octets = self.listening.recv(65_535)
                    self.datagrams += 1
                    for port in self.targets:
                        sending.sendto(octets, ("127.0.0.1", port))

    def stop(self) -> None:
        """End."""
        self._stopping.set()


@attrs.define
class Heard:
    """A collector and nfcapd behind a tee."""

    collector: Collector
    service: ExporterService
    tee: Tee
    folder: Path
    nfcapd: subprocess.Popen[bytes] | None

    def finish(self) -> None:
        """Everything received is archived, and minutes are stored as if their time had gone by."""
        self.tee.stop()
        self.service.stop()
        now_ns = SystemClock().wall_ns()
        self.collector.finish(now_ns)
        for _ in range(60):
            self.collector.advance(now_ns := now_ns + 120 * SECOND_NS)
        if self.nfcapd is not None:
            self.nfcapd.send_signal(signal.SIGTERM)
            self.nfcapd.wait(10)

    def flows(self) -> list[dict[str, Any]]:
        """The archive's."""
        found = self.collector.archive.search(
            tenant=None, start_ns=0, end_ns=1 << 62, where="destination_port = ?", parameters=[PORT]
        )
        rows: list[dict[str, Any]] = found.to_pylist()
        return rows

    def rolled_up(self, level: Level) -> int:
        """Octets of the roll-ups."""
        reader = StoreReader(state=self.collector.state, metrics=self.collector.metrics)
        points = reader.points("line_traffic", start_ns=0, end_ns=1 << 62, level=level)
        return sum(int(point.fields["octets"]) for point in points)

    def nfdump(self) -> tuple[int, int]:
        """Flows and octets that nfdump read out of the same datagrams."""
        command = ["nfdump", "-R", str(self.folder / "nfcapd"), "-q", "-o", "fmt:%byt", "-N", f"dst port {PORT}"]
        lines = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.split()
        return len(lines), sum(map(int, lines))


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[Heard]:
    """A collector that listens to everybody, beside nfcapd."""
    from collector.collector import open_collector  # noqa: PLC0415

    exporters = ExportersConfig(listen=["127.0.0.1:0"], any=True, flush_s=0.2)
    config = CollectorConfig(data=tmp_path / "data", store=StoreConfig(data=tmp_path / "store"), exporters=exporters)
    collector = open_collector(config, places=DIRECTORY)
    nothing = TlsFiles(certificate=tmp_path, key=tmp_path, authority=tmp_path)
    service = ExporterService(
        exporters,
        intake=collector.exports,
        tls=nothing,
        folder=config.data,
        disk=SystemDisk(),
        clock=SystemClock(),
        counters=collector.counters,
    )
    service.start()
    collector.advance(SystemClock().wall_ns())
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.bind(("0.0.0.0", 0))  # the link is made beside this
    tee = Tee(listening, [service.addresses[0].port])
    nfcapd = _nfcapd(tmp_path, tee) if shutil.which("nfcapd") else None
    thread = threading.Thread(target=tee.run, daemon=True)
    thread.start()
    yield Heard(collector, service, tee, tmp_path, nfcapd)
    tee.stop()
    thread.join()
    listening.close()
    service.stop()
    collector.close()
    if nfcapd is not None and nfcapd.poll() is None:
        nfcapd.kill()
        nfcapd.wait()


def _nfcapd(folder: Path, tee: Tee) -> subprocess.Popen[bytes]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    (folder / "nfcapd").mkdir()
    command = ["nfcapd", "-w", str(folder / "nfcapd"), "-b", "127.0.0.1", "-p", str(port), "-t", "3600"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    tee.targets.append(port)
    time.sleep(0.5)
    return process


def _stopped(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """Exporters tell of the flows they hold when they are asked to end."""
    os.killpg(process.pid, how)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def recorded(path: Path) -> Path:
    """What `Link.send` sends, as a capture of the present minute: softflowd's live capture gets no packets on every kernel."""
    begin = time.time() - 20
    with path.open("wb") as file:
        writer = dpkt.pcap.Writer(file)
        for number in range(PACKETS):
            udp = dpkt.udp.UDP(sport=40_000, dport=PORT, data=bytes(PAYLOAD), ulen=8 + PAYLOAD)
            ends = {"src": socket.inet_aton(FAR), "dst": socket.inet_aton(NEAR)}
            packet = dpkt.ip.IP(**ends, p=17, len=28 + PAYLOAD, data=udp)
            frame = dpkt.ethernet.Ethernet(src=b"\x02\0\0\0\0\1", dst=b"\x02\0\0\0\0\2", data=packet)
            writer.writepkt(frame, ts=begin + number / 40)
    return path


def pmacctd(link: Link, tee: Tee, folder: Path, plugin: str, *more: str) -> Sequence[str]:
    """Pmacctd on the link."""
    keys = ["daemonize: false", f"pcap_interface: {link.interface}", f"pcap_filter: {TRAFFIC}", f"plugins: {plugin}[one]"]
    keys += ["aggregate: src_host, dst_host, src_port, dst_port, proto", f"{plugin}_receiver: {NEAR}:{tee.port}", *more]
    (folder / "pmacctd.conf").write_text("\n".join(keys) + "\n")
    return ("pmacctd", "-f", str(folder / "pmacctd.conf"))


@pytest.mark.skipif(not shutil.which("softflowd"), reason="needs softflowd (packaging/setup.sh test installs it)")
@pytest.mark.parametrize("version", ["5", "9", "10"])
def test_softflowd_and_nfdump_agree_with_what_was_sent(heard: Heard, tmp_path: Path, version: str) -> None:
    """Octets sent = exported = archived = the minutes' = the hours', and nfdump reads the same flows."""
    files = [
        "-p",
        str(tmp_path / "softflowd.pid"),
        "-c",
        str(tmp_path / "softflowd.ctl"),
        "-r",
        str(recorded(tmp_path / "sent.pcap")),
    ]
    subprocess.run(["softflowd", "-d", "-v", version, "-n", f"127.0.0.1:{heard.tee.port}", *files], check=True, timeout=30)
    time.sleep(0.5)
    heard.finish()
    flows = heard.flows()
    assert sum(flow["octets"] for flow in flows) == SENT_OCTETS
    assert sum(flow["packets"] for flow in flows) == PACKETS
    assert heard.rolled_up(Level.MINUTE) == heard.rolled_up(Level.HOUR) == SENT_OCTETS
    assert {flow["source_address"] for flow in flows} == {FAR}
    if heard.nfcapd is not None:
        assert heard.nfdump() == (len(flows), SENT_OCTETS)


@pytest.mark.skipif(not shutil.which("pmacctd"), reason="needs pmacctd (packaging/setup.sh test installs it)")
@pytest.mark.parametrize("version", ["9", "10"])
def test_pmacctd_and_nfdump_agree_with_what_was_sent(link: Link, heard: Heard, tmp_path: Path, version: str) -> None:
    """Another maker's NetFlow and IPFIX: the same."""
    exporter = link.start(
        *pmacctd(link, heard.tee, tmp_path, "nfprobe", f"nfprobe_version: {version}", "nfprobe_timeouts: udp=1:expint=1")
    )
    time.sleep(2.0)
    link.send()
    time.sleep(4.0)
    _stopped(exporter, signal.SIGINT)
    time.sleep(0.5)
    heard.finish()
    flows = heard.flows()
    assert sum(flow["octets"] for flow in flows) == SENT_OCTETS
    assert heard.rolled_up(Level.MINUTE) == SENT_OCTETS
    if heard.nfcapd is not None:
        assert heard.nfdump() == (len(flows), SENT_OCTETS)


@pytest.mark.skipif(not shutil.which("pmacctd"), reason="needs pmacctd (packaging/setup.sh test installs it)")
def test_sampled_packets_of_pmacctd_stand_for_what_was_sent(link: Link, heard: Heard, tmp_path: Path) -> None:
    """SFlow with every packet sampled: one flow a packet, told to be sampled 1 in 1."""
    exporter = link.start(*pmacctd(link, heard.tee, tmp_path, "sfprobe", "sampling_rate: 1", "sfprobe_agentip: 10.99.77.2"))
    time.sleep(2.0)
    link.send()
    time.sleep(2.0)
    _stopped(exporter, signal.SIGINT)
    heard.finish()
    flows = heard.flows()
    assert {(flow["sampling_source"], flow["sampling_factor"]) for flow in flows} == {("told", 1.0)}
    assert {flow["octets"] for flow in flows} == {PAYLOAD + 28}
    # The last packets of a sampler may stay in its datagram under way when it ends.
    assert PACKETS * 0.9 <= len(flows) <= PACKETS
    assert heard.rolled_up(Level.MINUTE) == sum(flow["octets"] for flow in flows)
