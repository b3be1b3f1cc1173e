"""A small network of routers for traces: host - r1 - (r2a | r2b) - r3 - server, in namespaces, over IPv4 and IPv6.

Both branches cost the same and r1 spreads flows over them by their ports. Addresses: link N has 10.80.N.0/24 and fd80:N::/64; the
end nearer to the host has 1, the farther one 2.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from appliance.demo.namespaces.spaces import Spaces

LINKS = {1: ("host", "r1"), 2: ("r1", "r2a"), 3: ("r1", "r2b"), 4: ("r2a", "r3"), 5: ("r2b", "r3"), 6: ("r3", "server")}
NODES = ("host", "r1", "r2a", "r2b", "r3", "server")
SERVER = {4: "10.80.6.2", 6: "fd80:6::2"}
PROGRAM = "from probe.cli import main; main()"
_SYSCTLS = (
    "net.ipv4.ip_forward=1",
    "net.ipv6.conf.all.forwarding=1",
    "net.ipv4.fib_multipath_hash_policy=1",
    "net.ipv6.fib_multipath_hash_policy=1",
    "net.ipv4.icmp_ratelimit=0",
    "net.ipv4.icmp_errors_use_inbound_ifaddr=1",
    "net.ipv6.icmp.ratelimit=0",
    "net.ipv4.conf.all.rp_filter=0",
    "net.ipv4.conf.default.rp_filter=0",
    "net.ipv6.conf.default.accept_dad=0",
)


def near(link: int, version: int = 4) -> str:
    """Address of the end nearer to the host."""
    return f"10.80.{link}.1" if version == 4 else f"fd80:{link}::1"


def far(link: int, version: int = 4) -> str:
    """Address of the other end."""
    return f"10.80.{link}.2" if version == 4 else f"fd80:{link}::2"


def _prefix(link: int, version: int) -> str:
    return f"10.80.{link}.0/24" if version == 4 else f"fd80:{link}::/64"


class Routers:
    """The network. Start and stop once."""

    def __init__(self) -> None:
        self.spaces = Spaces(NODES)

    def start(self) -> None:
        """Make it."""
        self.spaces.start()
        for node in NODES:
            self.ip(node, "sysctl", "-qw", *_SYSCTLS)
        for link, (one, other) in LINKS.items():
            self._link(link, one, other)
        for version in (4, 6):
            self._routes(version)

    def stop(self) -> None:
        """Take it down."""
        self.spaces.stop()

    def ip(self, node: str, *command: str, stdin: str = "") -> str:
        """Run a command in a node."""
        return self.spaces.run(node, command, stdin=stdin)

    def nft(self, node: str, hook: str, rule: str) -> None:
        """Add a rule to a node's filter."""
        table = f"table inet test {{ chain {hook} {{ type filter hook {hook} priority 0; {rule}; }}; }}"
        self.ip(node, "nft", "-f", "-", stdin=table)

    def trace(self, *arguments: str, before: Sequence[str] = ()) -> list[str]:
        """The command line of a trace from the host."""
        return self.spaces.inside("host", [*before, sys.executable, "-c", PROGRAM, "trace", *arguments])

    def _link(self, link: int, one: str, other: str) -> None:
        pid = str(self.spaces.pids[other])
        self.ip(one, "ip", "link", "add", f"to{link}", "type", "veth", "peer", "name", f"to{link}", "netns", pid)
        for node, end in ((one, near), (other, far)):
            self.ip(node, "ip", "addr", "add", f"{end(link)}/24", "dev", f"to{link}")
            self.ip(node, "ip", "addr", "add", f"{end(link, 6)}/64", "dev", f"to{link}", "nodad")
            self.ip(node, "ip", "link", "set", f"to{link}", "up")

    def _routes(self, version: int) -> None:
        default = "default"
        self._route(version, "host", default, far(1, version))
        self._route(version, "server", default, near(6, version))
        self._route(version, "r1", _prefix(6, version), far(2, version), far(3, version))
        self._route(version, "r2a", _prefix(6, version), far(4, version))
        self._route(version, "r2b", _prefix(6, version), far(5, version))
        for node, link in (("r2a", 2), ("r2b", 3), ("r3", 4)):
            self._route(version, node, _prefix(1, version), near(link, version))

    def _route(self, version: int, node: str, to: str, *via: str) -> None:
        hops = [word for address in via for word in ("nexthop", "via", address)] if len(via) > 1 else ["via", via[0]]
        self.ip(node, "ip", f"-{version}", "route", "add", to, *hops)
