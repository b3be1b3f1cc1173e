"""Which way the kernel sends a flow's packets out of this host: asked of rtnetlink (man 7 rtnetlink, RTM_GETROUTE). Edge.

Where a host has several equal routes, ports and protocol choose one of them. A packet that we write ourselves has no ports as far
as the routes are concerned, so all of them would take one way; the way of its flow is asked for, and it is sent out there. Two
next hops behind one interface are not told apart. Kernels before 4.18 do not answer the question: then the routes decide.
"""

from __future__ import annotations

import os
import socket
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

import attrs

_NETLINK_ROUTE = 0
_RTM_NEWROUTE, _RTM_GETROUTE, _NLMSG_ERROR = 24, 26, 2
_REQUEST = 1
_HEADER = struct.Struct("=IHHII")
_ROUTE = struct.Struct("=BBBBBBBBI")
_ATTRIBUTE = struct.Struct("=HH")
_DESTINATION, _SOURCE, _INTERFACE, _PREFERRED_SOURCE, _PROTOCOL, _SOURCE_PORT, _DESTINATION_PORT = 1, 2, 4, 7, 27, 28, 29
_ANSWER_S = 1.0
_RECEIVE_OCTETS = 1 << 14

Address = IPv4Address | IPv6Address


@attrs.frozen(slots=True, kw_only=True)
class WayOut:
    """What the kernel says of a flow."""

    interface: int
    source: Address | None
    """Address that a socket bound to none would send from."""


def way_out(destination: Address, *, protocol: int, ports: tuple[int, int] | None, source: Address | None = None) -> WayOut:
    """The way of a flow's packets; without a source it is that of a socket which is bound to no address.

    Raises:
        OSError: there is no route, or the kernel does not know the question.
    """
    family = socket.AF_INET6 if destination.version == 6 else socket.AF_INET  # noqa: PLR2004 - IP's own version number
    bits = destination.max_prefixlen
    body = _ROUTE.pack(family, bits, bits if source else 0, 0, 0, 0, 0, 0, 0)
    body += _attribute(_DESTINATION, destination.packed) + _attribute(_PROTOCOL, bytes((protocol,)))
    if source is not None:
        body += _attribute(_SOURCE, source.packed)
    if ports is not None:
        body += _attribute(_SOURCE_PORT, ports[0].to_bytes(2)) + _attribute(_DESTINATION_PORT, ports[1].to_bytes(2))
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_ROUTE) as channel:
        channel.settimeout(_ANSWER_S)
        channel.bind((0, 0))
        channel.send(_HEADER.pack(_HEADER.size + len(body), _RTM_GETROUTE, _REQUEST, 1, 0) + body)
        return _read(channel.recv(_RECEIVE_OCTETS))


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % 4)


def _read(message: bytes) -> WayOut:
    _, kind, _, _, _ = _HEADER.unpack_from(message)
    if kind == _NLMSG_ERROR:
        number = -struct.unpack_from("=i", message, _HEADER.size)[0]
        raise OSError(number, os.strerror(number))
    found = {}
    at = _HEADER.size + _ROUTE.size
    while kind == _RTM_NEWROUTE and at + _ATTRIBUTE.size <= len(message):
        length, name = _ATTRIBUTE.unpack_from(message, at)
        if length < _ATTRIBUTE.size:
            break
        found[name] = message[at + _ATTRIBUTE.size : at + length]
        at += length + (-length % 4)
    source = found.get(_PREFERRED_SOURCE)
    return WayOut(
        interface=struct.unpack("=I", found.get(_INTERFACE, bytes(4)))[0], source=ip_address(source) if source else None
    )
