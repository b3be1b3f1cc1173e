"""Real packets over a veth pair between two network namespaces, where nftables loses some and counts them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = "from probe.cli import main; main()"
PACKETS = 1000


def run(*command: str, feed: str | None = None) -> str:
    """A command that must succeed; its output."""
    return subprocess.run(command, input=feed, capture_output=True, check=True, text=True, timeout=20).stdout


@attrs.frozen(kw_only=True)
class Ends:
    """The names of a veth line: namespaces and interfaces of the sender's (a) and the reflector's side (z)."""

    a: str
    z: str
    if_a: str
    if_z: str

    def lose(self, side: str, percent: int) -> None:
        """Drop a share of the test packets that come in at a side."""
        namespace, interface = (self.a, self.if_a) if side == "a" else (self.z, self.if_z)
        match = "udp sport 862" if side == "a" else "udp dport 862"
        rule = f"{match} numgen random mod 100 < {percent} counter drop"
        table = f'table netdev t {{\n chain i {{ type filter hook ingress device "{interface}" priority 0;\n {rule}\n }}\n}}\n'
        run("ip", "netns", "exec", namespace, "nft", "-f", "-", feed=table)

    def dropped(self, side: str) -> int:
        """How many were."""
        listing = run("ip", "netns", "exec", self.a if side == "a" else self.z, "nft", "list", "ruleset")
        return sum(int(number) for number in re.findall(r"counter packets (\d+)", listing))


@pytest.fixture
def ends() -> Iterator[Ends]:
    """A line, gone afterwards."""
    tag = f"{os.getpid() % 100_000}"
    line = Ends(a=f"fls{tag}a", z=f"fls{tag}z", if_a=f"sa{tag}", if_z=f"sz{tag}")
    try:
        for namespace in (line.a, line.z):
            run("ip", "netns", "add", namespace)
        run("ip", "link", "add", line.if_a, "netns", line.a, "type", "veth", "peer", "name", line.if_z, "netns", line.z)
        for namespace, interface, address in ((line.a, line.if_a, "10.99.0.1/24"), (line.z, line.if_z, "10.99.0.2/24")):
            run("ip", "-n", namespace, "address", "add", address, "dev", interface)
            for name in ("lo", interface):
                run("ip", "-n", namespace, "link", "set", name, "up")
        yield line
    finally:
        for namespace in (line.a, line.z):
            subprocess.run(["ip", "netns", "delete", namespace], check=False, capture_output=True)


@contextmanager
def reflector(namespace: str, *options: str) -> Iterator[None]:
    """A real `probe reflector` on port 862, ready; ended here."""
    command = ["ip", "netns", "exec", namespace, sys.executable, "-c", PROGRAM, "reflector", *options]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("reflecting on ")
        yield
    finally:
        process.terminate()
        process.communicate(timeout=10)


def stamp(namespace: str, *options: str) -> tuple[int, dict[str, Any]]:
    """A real `probe stamp`: exit code and document."""
    command = ["ip", "netns", "exec", namespace, sys.executable, "-c", PROGRAM, "stamp", "10.99.0.2", *options, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True, timeout=60)
    return done.returncode, json.loads(done.stdout)


@pytest.mark.net
@pytest.mark.sample
def test_each_lost_packet_is_told_with_its_direction(ends: Ends) -> None:
    """3 % out and 7 % back: forward and reverse losses are what nftables counted at either side, not one more or less."""
    ends.lose("z", 3)
    ends.lose("a", 7)
    with reflector(ends.z, "--allow", "10.99.0.0/24"):
        code, found = stamp(ends.a, "--count", str(PACKETS), "--interval", "0.002")
    lost_forward, lost_reverse = ends.dropped("z"), ends.dropped("a")
    assert code == 0
    assert lost_forward > 0
    assert lost_reverse > 0
    assert found["sent"] == PACKETS
    assert found["lost"] == found["sent"] - found["received"]
    # What followed the last counted packet to tell its fate is outside the count, and may itself have been dropped.
    assert 0 <= lost_forward - found["lost_forward"] <= 1
    assert 0 <= lost_reverse - found["lost_reverse"] <= 1
    assert found["lost_unattributed"] == 0
    assert found["timestamps"] == {"t1": "sw", "t2": "sw", "t3": "user", "t4": "sw"}


@pytest.mark.net
def test_loss_in_one_direction_is_blamed_on_that_direction(ends: Ends) -> None:
    """All of it, in both cases; also when only the way back loses, where a stateless reflector would look the same."""
    with reflector(ends.z):
        ends.lose("z", 10)
        _, out = stamp(ends.a, "--count", "500", "--interval", "0.002")
        run("ip", "netns", "exec", ends.z, "nft", "flush", "ruleset")
        ends.lose("a", 10)
        _, back = stamp(ends.a, "--count", "500", "--interval", "0.002")
    assert (out["lost_reverse"], out["lost_forward"]) == (0, out["lost"])
    assert (back["lost_forward"], back["lost_reverse"]) == (0, back["lost"])
    assert out["lost"] > 10
    assert back["lost"] > 10


@pytest.mark.net
def test_the_last_packets_are_attributed_by_those_that_follow(ends: Ends) -> None:
    """The last counted packets die on the way out; others are sent after them, whose replies tell so."""
    rule = f'table netdev t {{\n chain i {{ type filter hook ingress device "{ends.if_z}" priority 0;\n'
    # Octets 28-31 behind the Ethernet header's end are the UDP payload's first: the sequence number of the open packet.
    rule += " udp dport 862 @th,64,32 >= 48 @th,64,32 <= 50 counter drop\n }\n}\n"
    run("ip", "netns", "exec", ends.z, "nft", "-f", "-", feed=rule)
    with reflector(ends.z):
        _, found = stamp(ends.a, "--count", "50", "--interval", "0.005")
    assert ends.dropped("z") == 3
    assert (found["sent"], found["lost_forward"], found["lost_unattributed"]) == (50, 3, 0)


@pytest.mark.net
def test_an_outage_is_told_and_ends_with_exit_code_1(ends: Ends) -> None:
    """The link is down: everything sent is lost, no direction is named, and the exit code says that nothing came back."""
    with reflector(ends.z):
        run("ip", "-n", ends.z, "link", "set", ends.if_z, "down")
        began_s = time.monotonic()
        code, found = stamp(ends.a, "--count", "50", "--interval", "0.01")
    assert time.monotonic() - began_s < 10
    assert code == 1
    assert (found["sent"], found["received"], found["lost_unattributed"]) == (50, 0, 50)
    assert "rtt_ns" not in found
    assert found["loss_upper_bound"] == 1.0
