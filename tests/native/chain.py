"""client - near - point - far - server: a line in namespaces that loses packets before the point, after it, or both.

Every link is a veth with offloads off, so that a drop is the drop of one segment. Drops are counted by the rules that make them.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs

from appliance.demo.namespaces.spaces import Spaces

HERE = Path(__file__).parent
NODES = ("client", "near", "point", "far", "server")
SERVER = "10.90.4.2"
_OFFLOADS = [word for feature in ("tso", "gso", "gro", "tx", "sg") for word in (feature, "off")]


@attrs.frozen(slots=True, kw_only=True)
class Drops:
    """How a node drops packets of more than a certain size that go one way."""

    node: str
    chance: str
    """In nftables' words, e.g. `numgen random mod 1000 < 20`."""
    to_server: bool = True
    over: int = 100
    """Octets: acknowledgements are let through."""


class Chain:
    """The line. Start and stop once."""

    def __init__(self, congestion: str) -> None:
        self.spaces = Spaces(NODES)
        self._congestion = congestion
        self._server: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Make it, with the server serving."""
        self.spaces.start()
        for number, (one, other) in enumerate(itertools.pairwise(NODES), 1):
            self._link(number, one, other)
        for at, node in enumerate(NODES):
            # Every connection begins afresh, not where the one before it was hurt.
            self.run(node, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.tcp_no_metrics_save=1")
            for number in range(1, len(NODES)):
                if number < at:
                    self.run(node, "ip", "route", "add", f"10.90.{number}.0/24", "via", f"10.90.{at}.1")
                elif number > at + 1:
                    self.run(node, "ip", "route", "add", f"10.90.{number}.0/24", "via", f"10.90.{at + 1}.2")
        self._server = self._begin("server", str(HERE / "live_peer.py"), "serve", self._congestion)
        assert self._server.stdout is not None
        self._server.stdout.readline()

    def _link(self, number: int, one: str, other: str) -> None:
        """Interface `toN` at both ends; the end nearer to the client has address 1."""
        name, pid = f"to{number}", str(self.spaces.pids[other])
        self.run(one, "ip", "link", "add", name, "type", "veth", "peer", "name", name, "netns", pid)
        for node, host in ((one, 1), (other, 2)):
            self.run(node, "sysctl", "-qw", f"net.ipv6.conf.{name}.disable_ipv6=1")
            self.run(node, "ethtool", "-K", name, *_OFFLOADS)
            self.run(node, "ip", "addr", "add", f"10.90.{number}.{host}/24", "dev", name)
            self.run(node, "ip", "link", "set", name, "up")

    def stop(self) -> None:
        """Take it down."""
        if self._server is not None:
            self._server.kill()
            self._server.communicate()
        self.spaces.stop()

    def run(self, node: str, *command: str, stdin: str = "") -> str:
        """A command in a node."""
        return self.spaces.run(node, command, stdin=stdin)

    def _begin(self, node: str, *arguments: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        command = self.spaces.inside(node, (sys.executable, *arguments))
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)

    def drop(self, *drops: Drops) -> None:
        """Drop so from now on, and in no other way."""
        for node in NODES:
            self.run(node, "nft", "flush ruleset")
        for rule in drops:
            number = NODES.index(rule.node) if rule.to_server else NODES.index(rule.node) + 1
            match = f"iifname to{number} meta l4proto tcp meta length > {rule.over} {rule.chance} counter drop"
            chain = f"chain forward {{ type filter hook forward priority 0; {match}; }};"
            self.run(rule.node, "nft", "-f", "-", stdin=f"table inet test {{ {chain} }}")

    def let_hosts_merge(self, *links: int) -> None:
        """Offloads on at both ends of links: frames there are larger than what a wire carries."""
        for number in links:
            for node in NODES[number - 1 : number + 1]:
                self.run(node, "ethtool", "-K", f"to{number}", *("on" if word == "off" else word for word in _OFFLOADS))

    def dropped(self, node: str) -> int:
        """How many packets a node dropped."""
        listed = json.loads(self.run(node, "nft", "-j", "list", "ruleset"))["nftables"]
        parts = [part for item in listed if "rule" in item for part in item["rule"]["expr"] if "counter" in part]
        return sum(int(part["counter"]["packets"]) for part in parts)

    def measure(self, kind: str, *points: tuple[str, str], seconds: float = 2) -> dict[str, list[dict[str, Any]]]:
        """Traffic of a kind for a while; the flow records by node, of the points (node, interface)."""
        meters = {node: self._begin(node, str(HERE / "live_meter.py"), f"{interface}=p") for node, interface in points}
        for process in meters.values():
            assert process.stdout is not None
            assert process.stdout.readline() == "metering\n"
        peer = self._begin("client", str(HERE / "live_peer.py"), kind, SERVER, str(seconds), self._congestion)
        peer.communicate(timeout=seconds + 20)
        found = {}
        for node, process in meters.items():
            out, _ = process.communicate("", timeout=20)
            found[node] = [_with_octets(record) for record in json.loads(out)["records"]]
        return found


def _with_octets(record: dict[str, Any]) -> dict[str, Any]:
    lists = {name: bytes.fromhex(text) for name, text in record.items() if name.endswith("loss_events") and text is not None}
    return record | lists
