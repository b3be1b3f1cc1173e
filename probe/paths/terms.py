"""The nouns of a trace: what is sent and what comes back. Data only; nothing here knows sockets or octets."""

from __future__ import annotations

from enum import StrEnum

import attrs

MILLISECOND_NS = 1_000_000
FIRST_IDENT, LAST_IDENT = 1, 0xFFFE
"""A probe's number is its UDP checksum, in which 0 means none and 0xFFFF is how a 0 is written."""


class Method(StrEnum):
    """What a probe is made of."""

    UDP = "udp"
    TCP = "tcp"
    ICMP = "icmp"


class Kind(StrEnum):
    """What an answer says."""

    HOP = "hop"
    """A router took the packet for too old (time exceeded): this is where it was."""
    REACHED = "reached"
    """The destination itself spoke."""
    REFUSED = "refused"
    """A router will not carry the packet any further."""
    TOO_BIG = "too-big"
    """A router has a link that is too narrow for the packet."""


@attrs.frozen(slots=True, kw_only=True)
class Probe:
    """One packet to send."""

    ident: int
    """Tells it from every other packet of the run, `FIRST_IDENT` to `LAST_IDENT`."""
    flow: int
    ttl: int
    method: Method
    size: int | None = None
    """Octets with the IP header, not to be fragmented; None: as small as it gets."""


@attrs.frozen(slots=True, kw_only=True)
class Label:
    """One entry of an MPLS label stack (RFC 3032), outermost first."""

    label: int
    traffic_class: int
    ttl: int


@attrs.frozen(slots=True, kw_only=True)
class Answer:
    """One packet that came back and is an answer to a probe of ours."""

    kind: Kind
    address: str
    """Who sent it."""
    ident: int | None
    """Which probe it answers; None: its quotation was too short to tell, then `flow` is known."""
    flow: int | None = None
    reason: str | None = None
    """Of a refusal, in words."""
    mtu_octets: int | None = None
    """Of a link that is too narrow, where its router says."""
    labels: tuple[Label, ...] = ()
    """Label stack with which the packet came to the router (RFC 4950)."""
    rewritten: tuple[str, ...] = ()
    """Fields of our header that were others when the router saw it: a translator is in between."""


@attrs.frozen(slots=True, kw_only=True)
class Arrival:
    """An answer with its time."""

    answer: Answer
    received_ns: int
