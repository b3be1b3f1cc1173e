"""Faults on real links: nftables drops at random and counts, a link is set down, a relay holds packets back.

Goes in: a fault. Comes out: the commands that make it happen, and the counters that are the truth about it. Every rule stands
from the beginning with a counter, so that the path before the injection is the path after it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import attrs

from appliance.demo.faults import Fault, Kind
from appliance.demo.line import ELEMENTS
from appliance.demo.namespaces.plan import CABLE, CABLES, ROUTERS, WIRE, Cable, Commands
from faultline.records.terms import ComponentKind, Direction

_TABLE = "line"
_SCALE = 1_000_000
"""Rates are set to one in a million."""


@attrs.frozen(slots=True, kw_only=True)
class Seen:
    """What a place on the line let through and dropped, in packets (or frames, on a segment)."""

    arrived: int
    dropped: int


def counting() -> dict[str, Commands]:
    """What nft reads in every namespace with a place to drop: counters and empty chains."""
    wires = [
        _chain(f"{cable.segment}{mark}", f"ingress device {end}")
        for cable in CABLES
        for end, mark in zip(cable.ends, ("-forward", "-reverse"), strict=True)
    ]
    scripts: dict[str, Commands] = {WIRE: [(("nft", "-f", "-"), f"table netdev {_TABLE} {{\n{''.join(wires)}}}\n")]}
    for router in ROUTERS:
        chain = _chain(router, "forward")
        scripts[router] = [(("nft", "-f", "-"), f"table ip {_TABLE} {{\n{chain}}}\n")]
    return scripts


def _chain(name: str, hook: str) -> str:
    return (
        f"  counter {name}-arrived {{ }}\n"
        f"  counter {name}-dropped {{ }}\n"
        f"  chain {name} {{\n"
        f"    type filter hook {hook} priority 0; policy accept;\n"
        f"    counter name {name}-arrived\n"
        f"  }}\n"
    )


def loss(fault: Fault) -> tuple[str, str]:
    """Namespace and nftables input that drop at random at the fault's rate."""
    per_million = max(1, round(fault.rate * _SCALE))
    share = f"numgen random mod {_SCALE} < {per_million}" if per_million < _SCALE else ""
    if ELEMENTS[fault.component].kind is ComponentKind.SEGMENT:
        # IPv4 only: a lost ARP request would add a silence of a second that no rate of loss explains.
        rules = [
            f"add rule netdev {_TABLE} {chain} meta protocol ip {share} counter name {chain}-dropped drop"
            for chain in (segment_chain(fault.component, direction) for direction in fault.way.directions)
        ]
        return WIRE, "\n".join(rules) + "\n"
    rules = [
        f"add rule ip {_TABLE} {fault.component} iifname {interface} {share} counter name {fault.component}-dropped drop"
        for interface in (_entrance(fault.component, direction) for direction in fault.way.directions)
    ]
    return fault.component, "\n".join(rules) + "\n"


def _entrance(router: str, direction: Direction) -> str:
    """The interface through which packets of a direction come in."""
    if direction is Direction.A_TO_Z:
        return next(cable.z.interface for cable in CABLES if cable.z.node == router)
    return next(cable.a.interface for cable in CABLES if cable.a.node == router)


def cut(fault: Fault) -> tuple[str, str]:
    """Namespace and `ip -batch` input that take the light from both ends."""
    return WIRE, "".join(f"link set {end} down\n" for end in CABLE[fault.component].ends)


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


def relayed(faults: Sequence[Fault]) -> tuple[Cable, ...]:
    """Segments that need a relay in their middle from the start."""
    return tuple(CABLE[segment] for segment in dict.fromkeys(f.component for f in faults if f.kind is Kind.DELAY))
