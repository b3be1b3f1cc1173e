"""The demo line as nodes, links and addresses: which commands build it.

Goes in: the line. Comes out: for each namespace the commands and their input. Runs nothing.

Every segment is two links that meet in the namespace `wire`: the glass and copper between the boxes. A fault of a segment
happens there, so what the boxes at its ends see of it is what real boxes would see: a packet that left and never arrived, a port
that lost its light.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs

from appliance.demo.line import A_PREFIX, Z_PREFIX

WIRE = "wire"
MANAGEMENT = "mgmt"
MANAGEMENT_ADDRESS = "192.168.203.1"
_MANAGEMENT_LENGTH = 24
Commands = list[tuple[Sequence[str], str]]


@attrs.frozen(slots=True, kw_only=True)
class Port:
    """An end of a segment: an interface of a node, with its address."""

    node: str
    interface: str
    address: str
    """With prefix length."""

    @property
    def host(self) -> str:
        """The address alone."""
        return self.address.split("/")[0]


@attrs.frozen(slots=True, kw_only=True)
class Cable:
    """A segment of the line between two ports."""

    segment: str
    a: Port
    z: Port

    @property
    def ends(self) -> tuple[str, str]:
        """Its interfaces in the namespace `wire`, A side first."""
        return (f"{self.segment}.a", f"{self.segment}.z")


CABLES = (
    Cable(
        segment="branch-lan",
        a=Port(node="host", interface="eth0", address="10.1.17.10/24"),
        z=Port(node="ce", interface="lan0", address="10.1.17.1/24"),
    ),
    Cable(
        segment="loop-a",
        a=Port(node="ce", interface="wan0", address="10.200.1.1/30"),
        z=Port(node="pe1", interface="acc0", address="10.200.1.2/30"),
    ),
    Cable(
        segment="core",
        a=Port(node="pe1", interface="core0", address="10.200.2.1/30"),
        z=Port(node="pe2", interface="core0", address="10.200.2.2/30"),
    ),
    Cable(
        segment="loop-z",
        a=Port(node="pe2", interface="acc0", address="10.200.3.1/30"),
        z=Port(node="fw", interface="wan0", address="10.200.3.2/30"),
    ),
    Cable(
        segment="dc-lan",
        a=Port(node="fw", interface="lan0", address="10.9.0.1/24"),
        z=Port(node="server", interface="eth0", address="10.9.0.10/24"),
    ),
)
CABLE = {cable.segment: cable for cable in CABLES}
NODES = ("host", "ce", "pe1", "pe2", "fw", "server")
ROUTERS = ("ce", "pe1", "pe2", "fw")
SPACES = (WIRE, MANAGEMENT, *NODES)
HOST_ADDRESS = CABLES[0].a.host
SERVER_ADDRESS = CABLES[-1].z.host
PROBE_NODES = {"branch": "ce", "pe1": "pe1", "pe2": "pe2", "dc": "fw"}
"""Probe → node it stands on."""
MANAGEMENT_ADDRESSES = {node: f"192.168.203.{10 + number}" for number, node in enumerate(ROUTERS)}
CORE_PREFIX = "10.200.0.0/16"

_OFFLOADS = ("tso", "gso", "gro", "tx", "sg")
"""Super-packets of 64 kB would make one drop a burst of 44, and carry no finished checksum."""
_QUIET = (
    "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6",
    "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6",
)
_ROUTER = (
    "echo 1 > /proc/sys/net/ipv4/ip_forward",
    "echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter",
)


def links(pids: Mapping[str, int]) -> str:
    """`ip -batch` input for the namespace `wire`: every link of the line and of management, each end where it belongs."""
    lines = []
    for cable in CABLES:
        for port, end in zip((cable.a, cable.z), cable.ends, strict=True):
            lines.append(f"link add name {end} type veth peer name {port.interface} netns {pids[port.node]}")
    lines += [
        f"link add name mgmt0 netns {pids[node]} type veth peer name to-{node} netns {pids[MANAGEMENT]}" for node in ROUTERS
    ]
    return _batch(lines)


def prologue() -> dict[str, Commands]:
    """Before the links are made: no address of IPv6 appears by itself, and routers forward."""
    return {node: [(("sh", "-c", "; ".join((*_QUIET, *(_ROUTER if node in ROUTERS else ())))), "")] for node in SPACES}


def addresses(spliced: Iterable[str]) -> dict[str, Commands]:
    """After the links are made: addresses, routes, bridges. Segments in `spliced` are left open for a relay."""
    made: dict[str, list[str]] = {node: ["link set lo up"] for node in SPACES}
    for cable in CABLES:
        for port in (cable.a, cable.z):
            made[port.node] += [
                f"address add {port.address} dev {port.interface}",
                f"link set {port.interface} up",
            ]
    for node in ROUTERS:
        made[node] += [f"address add {MANAGEMENT_ADDRESSES[node]}/{_MANAGEMENT_LENGTH} dev mgmt0", "link set mgmt0 up"]
    for node, routes in _routes().items():
        made[node] += [f"route add {prefix} via {gateway}" for prefix, gateway in routes]
    made[MANAGEMENT] += _management_bridge()
    made[WIRE] += _wires(frozenset(spliced))
    scripts: dict[str, Commands] = {node: [(("ip", "-batch", "-"), _batch(lines))] for node, lines in made.items()}
    for node, interfaces in _interfaces().items():
        switches = " ".join(f"{name} off" for name in _OFFLOADS)
        scripts[node].append((("sh", "-c", "; ".join(f"ethtool -K {name} {switches}" for name in interfaces)), ""))
    return scripts


def _routes() -> dict[str, list[tuple[str, str]]]:
    lan, loop_a, core, loop_z, dc = CABLES
    return {
        "host": [("default", lan.z.host)],
        "ce": [(Z_PREFIX, loop_a.z.host), (CORE_PREFIX, loop_a.z.host)],
        "pe1": [(A_PREFIX, loop_a.a.host), (Z_PREFIX, core.z.host), (CORE_PREFIX, core.z.host)],
        "pe2": [(Z_PREFIX, loop_z.z.host), (A_PREFIX, core.a.host), (CORE_PREFIX, core.a.host)],
        "fw": [(A_PREFIX, loop_z.a.host), (CORE_PREFIX, loop_z.a.host)],
        "server": [("default", dc.a.host)],
    }


def _management_bridge() -> list[str]:
    lines = [
        "link add name bridge0 type bridge forward_delay 0 mcast_snooping 0",
        f"address add {MANAGEMENT_ADDRESS}/{_MANAGEMENT_LENGTH} dev bridge0",
        "link set bridge0 up",
    ]
    for node in ROUTERS:
        lines += [f"link set to-{node} master bridge0", f"link set to-{node} up"]
    return lines


def _wires(spliced: frozenset[str]) -> list[str]:
    lines = []
    for cable in CABLES:
        if cable.segment not in spliced:
            lines.append(f"link add name {cable.segment} type bridge forward_delay 0 mcast_snooping 0")
            lines += [f"link set {end} master {cable.segment}" for end in cable.ends]
            lines.append(f"link set {cable.segment} up")
        lines += [f"link set {end} up" for end in cable.ends]
    return lines


def _interfaces() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for cable in CABLES:
        found.setdefault(WIRE, []).extend(cable.ends)
        for port in (cable.a, cable.z):
            found.setdefault(port.node, []).append(port.interface)
    return found


def _batch(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"
