"""The bank's network as namespaces, links and addresses: which commands build it.

Goes in: the network, and where probes stand. Comes out: for each namespace the commands and their input. Runs nothing; which way
packets take is in `routing`.

Every segment is two links that meet in the namespace `wire`: the glass and copper between the boxes. A fault of a segment
happens there, so what the boxes at its ends see of it is what real boxes would see: a packet that left and never arrived, a port
that lost its light. The data centre's switch is a bridge in a namespace of its own, its patch leads are plain links.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from appliance.demo.network import COLLECTOR_ADDRESS, LOOPBACKS, NODES, ROUTERS, WIRES, Wire, ports_of
from appliance.demo.probing import PROBE_NODES, Probes, looks, probe_names

MIDDLE = "wire"
SWITCH = "dc-sw"
OPERATIONS = "ops"
"""Where the collector stands."""
SPACES = (MIDDLE, *NODES)
SEGMENTS = tuple(wire for wire in WIRES if wire.is_element)
SEGMENT = {wire.id: wire for wire in SEGMENTS}
MANAGEMENT_ADDRESS = "192.168.203.1"
_MANAGEMENT_LENGTH = 24
_MIRROR, _MIRRORED = "mir0", "to-mir0"
"""The port a probe captures at, and the end that the copies go in by."""
Command = tuple[Sequence[str], str]
"""With its input."""
Commands = list[Command]

_OFFLOADS = ("tso", "gso", "gro", "tx", "sg")
"""Super-packets of 64 kB would make one drop a burst of 44, and carry no finished checksum."""
HASH_SEED = 20_260_101
"""Of the choice between equal paths: any number but 0, which draws another one at every start."""
_SETTINGS = {
    "ipv6/conf/all/disable_ipv6": 1,
    "ipv6/conf/default/disable_ipv6": 1,
}
"""No address of version 6 appears by itself."""
_ROUTERS_SETTINGS = {
    "ipv4/ip_forward": 1,
    "ipv4/conf/all/rp_filter": 0,
    "ipv4/conf/default/rp_filter": 0,
    "ipv4/fib_multipath_hash_policy": 1,
    "ipv4/fib_multipath_hash_seed": HASH_SEED,
    "ipv4/icmp_ratelimit": 0,
    "ipv4/icmp_msgs_per_sec": 100_000,
    "ipv4/icmp_errors_use_inbound_ifaddr": 1,
}
"""Equal paths are chosen by addresses and ports, as routers of carriers do; traces of many flows lose no answers to a limit."""


def ends(wire: Wire) -> tuple[str, str]:
    """A segment's interfaces in its middle, A side first."""
    return (f"{wire.id}.a", f"{wire.id}.z")


def collector_address(probes: Probes) -> str:
    """Where the reports go: through a network of their own, or over the lines to the host behind the data centre's switch."""
    return MANAGEMENT_ADDRESS if probes is Probes.FULL else COLLECTOR_ADDRESS


def prologue() -> dict[str, Commands]:
    """Before the links are made: how each namespace's kernel behaves."""
    return {space: [(("sh", "-c", _set(_SETTINGS | (_ROUTERS_SETTINGS if space in ROUTERS else {}))), "")] for space in SPACES}


def _set(settings: Mapping[str, int]) -> str:
    # What a kernel does not have it does not need: the seed of older ones is drawn once a namespace, and asked for in `routing`.
    return "; ".join(f"[ ! -e /proc/sys/net/{path} ] || echo {value} > /proc/sys/net/{path}" for path, value in settings.items())


def links(pids: Mapping[str, int], probes: Probes) -> dict[str, Commands]:
    """Every link, each end where it belongs."""
    middle, patches = [], []
    for wire in WIRES:
        if wire.is_element:
            for port, end in zip((wire.a, wire.z), ends(wire), strict=True):
                middle.append(f"link add name {end} type veth peer name {port.interface} netns {pids[port.node]}")
        else:
            far = f"peer name {wire.z.interface} netns {pids[wire.z.node]}"
            patches.append(f"link add name {wire.a.interface} type veth {far}")
    made = {MIDDLE: middle, SWITCH: patches}
    for look in looks(probes):
        if look.interface == _MIRROR:
            made[look.node] = [f"link add name {_MIRRORED} type veth peer name {_MIRROR}"]
    if probes is Probes.FULL:
        made[OPERATIONS] = [f"link add name to-{node} type veth peer name mgmt0 netns {pids[node]}" for node in _managed(probes)]
    return {space: [ip_batch(lines)] for space, lines in made.items()}


def addresses(probes: Probes, spliced: Collection[str]) -> dict[str, Commands]:
    """After the links are made: addresses, bridges, mirrors. Segments in `spliced` are left open for a relay."""
    made: dict[str, list[str]] = {space: ["link set lo up"] for space in SPACES}
    for node in NODES:
        for port in ports_of(node):
            made[node] += [f"address add {port.address} dev {port.interface}"] if port.address else []
            made[node].append(f"link set {port.interface} up")
    for node, loopback in LOOPBACKS.items():
        made[node].append(f"address add {loopback}/32 dev lo")
    made[SWITCH] += _bridge("switch", [port.interface for port in ports_of(SWITCH)])
    for wire in SEGMENTS:
        made[MIDDLE] += [f"link set {end} up" for end in ends(wire)]
        made[MIDDLE] += _bridge(wire.id, ends(wire)) if wire.id not in spliced else []
    mirrored = {look.node: copied for look in looks(probes) if (copied := _copied(look.node, look.interface))}
    for node in mirrored:
        made[node] += [f"link set {end} up" for end in (_MIRROR, _MIRRORED)]
    if probes is Probes.FULL:
        _add_management(made, probes)
    scripts: dict[str, Commands] = {space: [ip_batch(lines)] for space, lines in made.items()}
    for space, interfaces in _interfaces().items():
        switches = " ".join(f"{name} off" for name in _OFFLOADS)
        scripts[space].append((("sh", "-c", "; ".join(f"ethtool -K {name} {switches}" for name in interfaces)), ""))
    for node, copied in mirrored.items():
        scripts[node].append(nft_batch(_mirror(copied)))
    return scripts


def _bridge(name: str, ports: Iterable[str]) -> list[str]:
    made = [f"link add name {name} type bridge forward_delay 0 mcast_snooping 0"]
    return [*made, *(f"link set {port} master {name}" for port in ports), f"link set {name} up"]


def _copied(node: str, interface: str) -> tuple[str, ...]:
    """The access ports of an edge whose frames its mirror port gets."""
    return tuple(port.interface for port in ports_of(node) if port.interface.startswith("acc")) if interface == _MIRROR else ()


def _mirror(interfaces: Iterable[str]) -> list[str]:
    chains = [
        f"chain {interface}-{hook} {{ type filter hook {hook} device {interface} priority 10; dup to {_MIRRORED}; }}"
        for interface in interfaces
        for hook in ("ingress", "egress")
    ]
    return ["table netdev mirror {", *chains, "}"]


def _managed(probes: Probes) -> list[str]:
    return [PROBE_NODES[name] for name in probe_names(probes)]


def _add_management(made: dict[str, list[str]], probes: Probes) -> None:
    """A network of their own for the reports: one bridge beside the collector, a port for every probe."""
    nodes = _managed(probes)
    made[OPERATIONS] += _bridge("bridge0", [f"to-{node}" for node in nodes])
    made[OPERATIONS] += [f"link set to-{node} up" for node in nodes]
    made[OPERATIONS].append(f"address add {MANAGEMENT_ADDRESS}/{_MANAGEMENT_LENGTH} dev bridge0")
    for number, node in enumerate(nodes, 10):
        made[node] += [f"address add 192.168.203.{number}/{_MANAGEMENT_LENGTH} dev mgmt0", "link set mgmt0 up"]


def _interfaces() -> dict[str, list[str]]:
    found = {node: [port.interface for port in ports_of(node)] for node in NODES}
    return found | {MIDDLE: [end for wire in SEGMENTS for end in ends(wire)]}


def ip_batch(lines: Iterable[str]) -> Command:
    """One `ip` for many changes."""
    return (("ip", "-batch", "-"), "\n".join(lines) + "\n")


def nft_batch(lines: Iterable[str]) -> Command:
    """One `nft` for many rules: all of them or none."""
    return (("nft", "-f", "-"), "\n".join(lines) + "\n")
