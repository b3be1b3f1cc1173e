"""Metering of real packets: a router between two hosts in network namespaces, both of its interfaces captured."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.native.captures import meter

HERE = Path(__file__).parent
CLIENT, SERVER = "10.9.0.2", "10.9.1.2"
LOSS_PER_MILLE = 20
PROBE = (sys.executable, "-c", "from probe.cli import main; main()")

pytestmark = pytest.mark.net


class Line:
    """client - (ra) router (rb) - server, with offloads and IPv6 off and every neighbour known."""

    def __init__(self) -> None:
        self._names = {name: f"fl{os.getpid()}{name}" for name in ("client", "router", "server")}
        self._running: list[subprocess.Popen[str]] = []

    def ip(self, *words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)

    def inside(self, where: str, *words: str) -> str:
        """Run a command and give its output."""
        command = ["ip", "netns", "exec", self._names[where], *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    def begin(self, where: str, *words: str) -> subprocess.Popen[str]:
        """Start a process that lives until it is told to end."""
        command = ["ip", "netns", "exec", self._names[where], *words]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        self._running.append(process)
        return process

    def build(self) -> None:
        for name in self._names.values():
            self.ip("netns", "add", name)
        self._link("client", "va", f"{CLIENT}/24", "ra", "10.9.0.1/24")
        self._link("server", "vb", f"{SERVER}/24", "rb", "10.9.1.1/24")
        for end, gateway in (("client", "10.9.0.1"), ("server", "10.9.1.1")):
            self.ip("-n", self._names[end], "route", "add", "default", "via", gateway)
        self.inside("router", "sysctl", "-qw", "net.ipv4.ip_forward=1")

    def _link(self, end: str, port: str, address: str, router_port: str, router_address: str) -> None:
        ends = ((end, port, address), ("router", router_port, router_address))
        names = [self._names[name] for name, _, _ in ends]
        self.ip("link", "add", port, "netns", names[0], "type", "veth", "peer", "name", router_port, "netns", names[1])
        for name, interface, own in ends:
            self.inside(name, "sysctl", "-qw", f"net.ipv6.conf.{interface}.disable_ipv6=1")
            off = [word for feature in ("tso", "gso", "gro", "tx", "sg") for word in (feature, "off")]
            self.inside(name, "ethtool", "-K", interface, *off)
            self.ip("-n", self._names[name], "addr", "add", own, "dev", interface)
            self.ip("-n", self._names[name], "link", "set", interface, "up")
        for (name, interface, _), (other, other_interface, own) in zip(ends, reversed(ends), strict=True):
            shown = json.loads(self.inside(other, "ip", "-j", "link", "show", other_interface))
            neighbour = own.split("/")[0]
            self.ip(
                "-n",
                self._names[name],
                "neigh",
                "add",
                neighbour,
                "lladdr",
                shown[0]["address"],
                "dev",
                interface,
                "nud",
                "permanent",
            )

    def lose(self) -> None:
        """From now on the router loses data that comes in at ra."""
        chance = f"numgen random mod 1000 < {LOSS_PER_MILLE}"
        self.inside("router", "nft", "add table inet faults")
        self.inside("router", "nft", "add chain inet faults forward { type filter hook forward priority 0; }")
        self.inside(
            "router", "nft", f"add rule inet faults forward iifname ra meta length > 100 meta l4proto tcp {chance} counter drop"
        )

    def lost(self) -> int:
        """How many packets the router lost."""
        rules = json.loads(self.inside("router", "nft", "-j", "list", "chain", "inet", "faults", "forward"))
        expressions = [part for item in rules["nftables"] if "rule" in item for part in item["rule"]["expr"]]
        return int(next(part["counter"]["packets"] for part in expressions if "counter" in part))

    def counters(self, interface: str) -> tuple[int, int]:
        """Packets and octets of a router's interface, both ways."""
        shown = json.loads(self.inside("router", "ip", "-j", "-s", "link", "show", interface))[0]["stats64"]
        return (
            shown["rx"]["packets"] + shown["tx"]["packets"],
            shown["rx"]["bytes"] + shown["tx"]["bytes"],
        )

    def metering(self) -> subprocess.Popen[str]:
        """A LiveMeter on both of the router's interfaces, capturing by the time this returns."""
        process = self.begin("router", sys.executable, str(HERE / "live_meter.py"))
        assert process.stdout is not None
        assert process.stdout.readline() == "metering\n"
        return process

    def traffic(self, seconds: float, *kinds: str) -> None:
        """Clients of the kinds at once, one after the other for their end."""
        server = self.begin("server", sys.executable, str(HERE / "live_peer.py"), "serve")
        assert server.stdout is not None
        server.stdout.readline()
        with ExitStack() as stack:
            for kind in kinds:
                peer = (sys.executable, str(HERE / "live_peer.py"), kind, SERVER, str(seconds))
                stack.callback(self.begin("client", *peer).wait, timeout=60)

    def close(self) -> None:
        for process in self._running:
            if process.poll() is None:
                process.terminate()
            process.communicate(timeout=10)
        for name in self._names.values():
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


@pytest.fixture
def line() -> Iterator[Line]:
    """A line that is gone after the test."""
    made = Line()
    try:
        made.build()
        yield made
    finally:
        made.close()


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What the meter found."""
    out, errors = process.communicate("", timeout=20)
    assert process.returncode == 0, errors
    found: dict[str, Any] = json.loads(out)
    return found


def sums(found: dict[str, Any], point: str) -> Counter[str]:
    """Counters of an observation point over all of its records."""
    total: Counter[str] = Counter()
    for record in found["records"]:
        if record["observation_point"] == point:
            total.update({key: value for key, value in record.items() if isinstance(value, int)})
    return total


@pytest.mark.sample
def test_every_packet_of_both_interfaces_is_in_a_record(line: Line, tmp_path: Path) -> None:
    """Packets and octets are the kernel's own, by interface; a capture of the same packets gives the same flows."""
    before = {interface: line.counters(interface) for interface in ("ra", "rb")}
    metering = line.metering()
    capture = tmp_path / "rb.pcap"
    tcpdump = line.begin("router", "tcpdump", "-i", "rb", "-w", str(capture), "-U", "--immediate-mode", "-Z", "root")
    time.sleep(1)
    line.traffic(1.5, "ask", "push")
    time.sleep(0.5)
    found = ended(metering)
    tcpdump.send_signal(signal.SIGINT)
    tcpdump.wait(timeout=10)
    unparsed = Counter({row["observation_point"]: row["unparsed"] for row in found["quality"]})
    for interface, point in (("ra", "lan"), ("rb", "wan")):
        packets, octets = (now - then for now, then in zip(line.counters(interface), before[interface], strict=True))
        total = sums(found, point)
        assert total["packets"] + total["reverse_packets"] + unparsed[point] == packets > 500
        assert total["frame_octets"] + total["reverse_frame_octets"] == octets
        rows = [row for row in found["quality"] if row["observation_point"] == point]
        assert sum(row["capture_received"] for row in rows) == packets
        assert sum(row["capture_dropped"] for row in rows) == 0
    wan = sums(found, "wan")
    whole: Counter[str] = Counter()
    for record in meter(capture)[0]:
        whole.update({key: value for key, value in record.items() if isinstance(value, int)})
    for counter in ("packets", "reverse_octets", "tcp_payload_octets", "reverse_tcp_segments", "syn_packets", "duplicate_acks"):
        assert wan[counter] == whole[counter], counter


@pytest.mark.sample
def test_intervals_come_in_time_and_hold_what_they_say(line: Line) -> None:
    """Intervals are multiples of their length without gap, given soon after their end, and none holds older packets."""
    metering = line.metering()
    line.traffic(2.5, "ask")
    found = ended(metering)
    intervals = found["intervals"]
    assert len(intervals) >= 3
    for (start, end, _, given, first, last), following in zip(intervals, [*intervals[1:], None], strict=True):
        assert start % 10**9 == 0
        assert following is None or following[0] == end == start + 10**9
        assert given - end < 10**9
        assert first is None or start <= first <= last < end
    assert {record["interval_start_ns"] for record in found["records"]} <= {start for start, *_ in intervals}
    assert sum(records for _, _, records, *_ in intervals) == len(found["records"])


def test_a_loss_between_two_points_is_told_from_both_sides(line: Line) -> None:
    """Before the fault segments are lost downstream, behind it upstream, in one direction only, and nearly all are found."""
    line.lose()
    metering = line.metering()
    line.traffic(8, "ask", "push")
    found, truth = ended(metering), line.lost()
    lan, wan = sums(found, "lan"), sums(found, "wan")
    assert truth > 50
    behind = wan["loss_upstream"] + wan["loss_upstream_inferred"]
    assert 0.85 * truth <= lan["loss_downstream"] <= truth
    assert 0.85 * truth <= behind <= truth
    assert lan["loss_upstream"] == wan["loss_downstream"] == 0
    for point in (lan, wan):
        assert point["reverse_loss_upstream"] + point["reverse_loss_downstream"] == 0
        assert point["acked_unseen_octets"] == 0


@pytest.mark.sample
def test_the_command_prints_the_flows_of_an_interface(line: Line) -> None:
    """Ctrl-C ends it as the end of a file does: every flow is printed, the summary is the last line, and it has done its work."""
    command = line.begin("router", *PROBE, "flows", "--interface", "rb")
    time.sleep(1.5)
    line.traffic(0.5, "ask")
    time.sleep(0.3)
    command.send_signal(signal.SIGINT)
    out, errors = command.communicate(timeout=10)
    records = [json.loads(row) for row in out.splitlines()]
    assert [record["destination_port"] for record in records] == [9000]
    assert records[0]["packets"] > 20
    assert json.loads(errors.splitlines()[-1])["summary"]["flows"] == 1
    assert command.returncode == 0


def test_an_interface_that_is_not_there_is_told(line: Line) -> None:
    """One line what is wrong, one what to do, exit 2."""
    command = line.begin("router", *PROBE, "flows", "--interface", "nope0")
    _, errors = command.communicate(timeout=20)
    assert command.returncode == 2
    assert errors.splitlines() == ["error: nope0: No such device", "hint: `ip link` lists the interfaces of this host"]
