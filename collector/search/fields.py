"""What can be asked of a flow: the words of the filter language, and where in the archive's columns each of them is.

A table and nothing else; the parser, the compiler, the groupings and the reference page derive from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import attrs


class Kind(StrEnum):
    """What values a field has, and so how a condition on it is written."""

    ADDRESS = "address"
    NUMBER = "number"
    PROTOCOL = "protocol"
    TEXT = "text"
    SITE = "site"
    RATIO = "ratio"
    DURATION = "duration"
    INSTANT = "instant"


VALUES: Mapping[Kind, str] = {
    Kind.ADDRESS: "an address or a prefix: `10.1.0.5`, `10.1.0.0/16`, `2001:db8::/32`",
    Kind.NUMBER: "a number, or two as `8000-8100`; `k`, `M`, `G` and `T` are powers of a thousand: `10k`, `1.5M`",
    Kind.PROTOCOL: "`tcp`, `udp`, `icmp`, `icmp6`, `igmp`, `ipip`, `gre`, `esp`, `ah`, `ospf`, `sctp`, or a number below 256",
    Kind.TEXT: "a word in which `*` stands for anything, or any text in double quotes, which means itself",
    Kind.SITE: "a site of the inventory: flows of the lines that end there",
    Kind.RATIO: "a share of one or per cent: `0.01`, `1%`",
    Kind.DURATION: "a number with `ns`, `us`, `ms`, `s`, `m` or `h`: `20ms`",
    Kind.INSTANT: "a moment: `2026-01-31T08:00`, UTC unless it says",
}
"""How values of a kind are written."""


@attrs.frozen(slots=True, kw_only=True)
class Field:
    """One word of the language."""

    name: str
    kind: Kind
    about: str
    sql: tuple[str, ...]
    """Expressions over the archive's columns; a condition on several holds when it holds for one of them."""
    groups: bool = False
    """Whether flows can be grouped by it."""


def _total(name: str) -> str:
    return f"(coalesce({name}, 0) + coalesce(reverse_{name}, 0))"


def _share(part: str, whole: str) -> str:
    return f"({part} / nullif({whole}, 0)::DOUBLE)"


_LOSSES = f"({_total('loss_upstream')} + {_total('loss_downstream')})"

_ALL = (
    Field(name="address", kind=Kind.ADDRESS, about="either end", sql=("source_address", "destination_address")),
    Field(name="source", kind=Kind.ADDRESS, about="who sent first", sql=("source_address",), groups=True),
    Field(name="destination", kind=Kind.ADDRESS, about="the other end", sql=("destination_address",), groups=True),
    Field(name="next_hop", kind=Kind.ADDRESS, about="the next router, as the exporter says", sql=("next_hop",), groups=True),
    Field(name="port", kind=Kind.NUMBER, about="either end's port", sql=("source_port", "destination_port")),
    Field(name="source_port", kind=Kind.NUMBER, about="port of who sent first", sql=("source_port",), groups=True),
    Field(name="destination_port", kind=Kind.NUMBER, about="port of the other end", sql=("destination_port",), groups=True),
    Field(name="protocol", kind=Kind.PROTOCOL, about="IP protocol", sql=("protocol",), groups=True),
    Field(name="application", kind=Kind.TEXT, about="application, where one was recognised", sql=("application",), groups=True),
    Field(name="line", kind=Kind.TEXT, about="code of the line", sql=("line",), groups=True),
    Field(name="direction", kind=Kind.TEXT, about="a_to_z or z_to_a", sql=("forward_direction",), groups=True),
    Field(name="site", kind=Kind.SITE, about="a site at an end of the line", sql=("line",)),
    Field(name="tenant", kind=Kind.TEXT, about="whose flow it is", sql=("tenant",), groups=True),
    Field(name="vantage", kind=Kind.TEXT, about="where it was seen", sql=("vantage",), groups=True),
    Field(name="probe", kind=Kind.TEXT, about="probe that measured it", sql=("probe",), groups=True),
    Field(name="exporter", kind=Kind.TEXT, about="address of the router that exported it", sql=("exporter",), groups=True),
    Field(
        name="interface",
        kind=Kind.NUMBER,
        about="index of an interface of the exporter, in or out",
        sql=("ingress_interface", "egress_interface"),
    ),
    Field(name="ingress", kind=Kind.NUMBER, about="interface it came in at", sql=("ingress_interface",), groups=True),
    Field(name="egress", kind=Kind.NUMBER, about="interface it went out at", sql=("egress_interface",), groups=True),
    Field(name="as", kind=Kind.NUMBER, about="either end's autonomous system", sql=("source_as", "destination_as")),
    Field(name="source_as", kind=Kind.NUMBER, about="autonomous system of the source", sql=("source_as",), groups=True),
    Field(
        name="destination_as",
        kind=Kind.NUMBER,
        about="autonomous system of the destination",
        sql=("destination_as",),
        groups=True,
    ),
    Field(name="vlan", kind=Kind.NUMBER, about="VLAN, as the exporter says", sql=("vlan",), groups=True),
    Field(name="vrf", kind=Kind.NUMBER, about="VRF, as the exporter says", sql=("vrf",), groups=True),
    Field(name="class", kind=Kind.NUMBER, about="IP traffic class (DSCP and ECN)", sql=("traffic_class",), groups=True),
    Field(name="start", kind=Kind.INSTANT, about="first packet", sql=("start_ns",)),
    Field(name="end", kind=Kind.INSTANT, about="last packet", sql=("end_ns",)),
    Field(name="duration", kind=Kind.DURATION, about="from the first packet to the last", sql=("(end_ns - start_ns)",)),
    Field(name="octets", kind=Kind.NUMBER, about="IP octets, both directions, as measured", sql=(_total("octets"),)),
    Field(name="packets", kind=Kind.NUMBER, about="packets, both directions, as measured", sql=(_total("packets"),)),
    Field(
        name="sampling",
        kind=Kind.TEXT,
        about="who said how it was sampled: told, configured, unknown; absent for probes' flows",
        sql=("sampling_source",),
        groups=True,
    ),
    Field(name="retransmissions", kind=Kind.NUMBER, about="TCP segments sent again", sql=(_total("retransmissions"),)),
    Field(
        name="retransmission_ratio",
        kind=Kind.RATIO,
        about="of the TCP segments",
        sql=(_share(_total("retransmissions"), _total("tcp_segments")),),
    ),
    Field(name="loss", kind=Kind.NUMBER, about="TCP segments lost before or behind the vantage", sql=(_LOSSES,)),
    Field(name="loss_ratio", kind=Kind.RATIO, about="of the TCP segments", sql=(_share(_LOSSES, _total("tcp_segments")),)),
    Field(
        name="round_trip",
        kind=Kind.DURATION,
        about="round trip of the handshake",
        sql=("(rtt_server_ns + rtt_client_ns)",),
    ),
    Field(name="setup", kind=Kind.DURATION, about="time to set the connection up", sql=("connection_setup_ns",)),
    Field(
        name="closed_window",
        kind=Kind.DURATION,
        about="time with a window of zero, either side",
        sql=(_total("zero_window_ns"),),
    ),
    Field(name="resets", kind=Kind.NUMBER, about="TCP resets", sql=(_total("rst_packets"),)),
)

FIELDS: Mapping[str, Field] = {field.name: field for field in _ALL}
ALIASES: Mapping[str, str] = {
    "host": "address",
    "net": "address",
    "src": "source",
    "dst": "destination",
    "proto": "protocol",
    "app": "application",
    "bytes": "octets",
    "rtt": "round_trip",
}

COLUMNS: Mapping[str, str] = {
    "tenant": "VARCHAR",
    "line": "VARCHAR",
    "vantage": "VARCHAR",
    "forward_direction": "VARCHAR",
    "probe": "VARCHAR",
    "exporter": "VARCHAR",
    "export_protocol": "VARCHAR",
    "start_ns": "BIGINT",
    "end_ns": "BIGINT",
    "source_address": "VARCHAR",
    "destination_address": "VARCHAR",
    "source_port": "USMALLINT",
    "destination_port": "USMALLINT",
    "protocol": "UTINYINT",
    "packets": "UBIGINT",
    "octets": "UBIGINT",
    "reverse_packets": "UBIGINT",
    "reverse_octets": "UBIGINT",
    "application": "VARCHAR",
    "next_hop": "VARCHAR",
    "ingress_interface": "UINTEGER",
    "egress_interface": "UINTEGER",
    "source_as": "UINTEGER",
    "destination_as": "UINTEGER",
    "vlan": "USMALLINT",
    "vrf": "UINTEGER",
    "traffic_class": "UTINYINT",
    "sampling_factor": "DOUBLE",
    "sampling_source": "VARCHAR",
    "tcp_segments": "UBIGINT",
    "reverse_tcp_segments": "UBIGINT",
    "retransmissions": "UBIGINT",
    "reverse_retransmissions": "UBIGINT",
    "loss_upstream": "UBIGINT",
    "reverse_loss_upstream": "UBIGINT",
    "loss_downstream": "UBIGINT",
    "reverse_loss_downstream": "UBIGINT",
    "rtt_server_ns": "UBIGINT",
    "rtt_client_ns": "UBIGINT",
    "connection_setup_ns": "UBIGINT",
    "zero_window_ns": "UBIGINT",
    "reverse_zero_window_ns": "UBIGINT",
    "rst_packets": "UBIGINT",
    "reverse_rst_packets": "UBIGINT",
}
"""Columns that are asked for; a file without one (an older one, or of one kind of flows only) has it absent everywhere."""
