"""Faults on real links: which commands make them happen, and the counters that are the truth about them.

Goes in: a fault. Comes out: commands. nftables drops at random, or by size; a token bucket makes a queue; a link is set down; a
route is withdrawn. Delays and bursts are the relay's (`relay`), servers spoil themselves (`serving`). Every place that can drop
has a counter from the beginning, so that the path before the injection is the path after it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import attrs

from appliance.demo.faults import Fault, Kind
from appliance.demo.namespaces.plan import MIDDLE, SEGMENT, SEGMENTS, SWITCH, Command, Commands, ends, ip_batch, nft_batch
from appliance.demo.namespaces.routing import withdrawn
from appliance.demo.network import ELEMENTS, ROUTERS, WIRES
from faultline.records.terms import ComponentKind, Direction

_TABLE = "line"
_SCALE = 1_000_000
"""Rates are set to one in a million."""
NARROW_BITS_PER_S = 20_000_000
"""What a congested segment still carries: several times the bank's usual traffic, so that it is the backup that fills it."""
_BUCKET_OCTETS = 3_100
"""Two full frames: the bucket itself lets no burst through."""
_FULL = 1.15
"""Room in the queue over what it is to add on average: TCP fills it, loses a segment, and fills it again."""
WITHDRAWN_MIDDLE = 1
"""The path that a reroute takes away."""
RELAYED = frozenset({Kind.DELAY, Kind.BURST_LOSS})


@attrs.frozen(slots=True, kw_only=True)
class Seen:
    """What a place on the line let through and dropped, in packets (or frames, on a segment)."""

    arrived: int
    dropped: int


# ---- places to drop --------------------------------------------------------------------------------------------------
def counting() -> dict[str, Commands]:
    """What nft reads in every namespace with a place to drop: counters and empty chains."""
    wires = [
        _chain(segment_chain(wire.id, direction), f"ingress device {end}")
        for wire in SEGMENTS
        for end, direction in zip(ends(wire), (Direction.A_TO_Z, Direction.Z_TO_A), strict=True)
    ]
    tables = {MIDDLE: ("netdev", "".join(wires)), SWITCH: ("bridge", _chain(SWITCH, "forward"))}
    tables |= {router: ("ip", _chain(router, "forward")) for router in ROUTERS}
    return {space: [nft_batch([f"table {family} {_TABLE} {{", chains, "}"])] for space, (family, chains) in tables.items()}


def _chain(name: str, hook: str) -> str:
    return (
        f"  counter {name}-arrived {{ }}\n"
        f"  counter {name}-dropped {{ }}\n"
        f"  chain {name} {{\n"
        f"    type filter hook {hook} priority 0; policy accept;\n"
        f"    counter name {name}-arrived\n"
        f"  }}\n"
    )


def segment_chain(segment: str, direction: Direction) -> str:
    """Name of the chain through which a segment's packets of a direction come."""
    return f"{segment}-forward" if direction is Direction.A_TO_Z else f"{segment}-reverse"


def counters_command() -> Sequence[str]:
    """Prints what `read_counters` reads."""
    return ("nft", "-j", "list", "counters")


def read_counters(text: str) -> dict[str, Seen]:
    """Chain → what it saw, from the output of `counters_command`."""
    document: dict[str, Any] = json.loads(text)
    packets = {entry["counter"]["name"]: int(entry["counter"]["packets"]) for entry in document["nftables"] if "counter" in entry}
    chains = {name.removesuffix("-arrived") for name in packets if name.endswith("-arrived")}
    return {chain: Seen(arrived=packets[f"{chain}-arrived"], dropped=packets[f"{chain}-dropped"]) for chain in chains}


def queues_command() -> Sequence[str]:
    """Prints what `read_queues` reads."""
    return ("tc", "-j", "-s", "qdisc", "show")


def read_queues(text: str) -> dict[str, int]:
    """Chain → frames its queue had no room for, where there is a queue."""
    dropped = {entry["dev"]: int(entry["drops"]) for entry in json.loads(text) if entry["kind"] == "tbf"}
    return {
        segment_chain(wire.id, direction): dropped[_way_out(wire.id, direction)]
        for wire in SEGMENTS
        for direction in Direction
        if _way_out(wire.id, direction) in dropped
    }


# ---- faults ----------------------------------------------------------------------------------------------------------
def commands(fault: Fault) -> dict[str, Commands]:
    """Namespace → what makes the fault happen there; nothing for those that relays and servers make."""
    match fault.kind:
        case Kind.LOSS:
            return _loss(fault)
        case Kind.MTU:
            return {MIDDLE: [nft_batch(_on_wire(fault, f"ip length > {round(fault.rate)}"))]}
        case Kind.CONGESTION:
            return {MIDDLE: [(_queue(_way_out(fault.component, way), fault.rate), "") for way in fault.way.directions]}
        case Kind.LINK_DOWN | Kind.SITE_DOWN:
            return {MIDDLE: [_cut(fault.component)]}
        case Kind.REROUTE:
            lines = withdrawn(int(fault.component[-1]), WITHDRAWN_MIDDLE)
            return {edge: [ip_batch(changes)] for edge, changes in lines.items()}
        case _:
            return {}


def _loss(fault: Fault) -> dict[str, Commands]:
    per_million = max(1, round(fault.rate * _SCALE))
    share = f"numgen random mod {_SCALE} < {per_million}" if per_million < _SCALE else ""
    if ELEMENTS[fault.component].kind is ComponentKind.SEGMENT:
        return {MIDDLE: [nft_batch(_on_wire(fault, share))]}
    family, ipv4 = ("bridge", "meta protocol ip ") if fault.component == SWITCH else ("ip", "")
    return {
        fault.component: [
            nft_batch(
                f"add rule {family} {_TABLE} {fault.component} iifname {{ {_entrances(fault.component, direction)} }} "
                f"{ipv4}{share} counter name {fault.component}-dropped drop"
                for direction in fault.way.directions
            )
        ]
    }


def _on_wire(fault: Fault, condition: str) -> list[str]:
    # IPv4 only: a lost ARP request would add a silence of a second that no rate of loss explains.
    return [
        f"add rule netdev {_TABLE} {chain} meta protocol ip {condition} counter name {chain}-dropped drop"
        for chain in (segment_chain(fault.component, direction) for direction in fault.way.directions)
    ]


def _entrances(device: str, direction: Direction) -> str:
    """The interfaces through which packets of a direction come in."""
    inward = [wire.z if direction is Direction.A_TO_Z else wire.a for wire in WIRES]
    return ", ".join(port.interface for port in inward if port.node == device)


def _way_out(segment: str, direction: Direction) -> str:
    """The end by which a direction's frames leave the middle of a segment."""
    a, z = ends(SEGMENT[segment])
    return z if direction is Direction.A_TO_Z else a


def _queue(end: str, room_ms: float) -> Sequence[str]:
    """A bucket that fills at the narrow rate, and a queue before it that holds so many milliseconds of frames, and no more."""
    shape = f"rate {NARROW_BITS_PER_S}bit burst {_BUCKET_OCTETS} latency {room_ms * _FULL:.1f}ms"
    return ("tc", "qdisc", "add", "dev", end, "root", "tbf", *shape.split())


def _cut(place: str) -> Command:
    """Take the light from both ends of a segment, or of every segment with an end in a building."""
    segments = [place] if place in SEGMENT else _segments_of(place)
    return ip_batch(f"link set {end} down" for segment in segments for end in ends(SEGMENT[segment]))


def _segments_of(site: str) -> list[str]:
    inside = {device.id for device in ELEMENTS.values() if device.site == site}
    return [wire.id for wire in SEGMENTS if wire.id in inside or {wire.a.node, wire.z.node} & inside]


def relayed(faults: Sequence[Fault]) -> tuple[str, ...]:
    """Segments that need a relay in their middle from the start."""
    return tuple(dict.fromkeys(fault.component for fault in faults if fault.kind in RELAYED))
