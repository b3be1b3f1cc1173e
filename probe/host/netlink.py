"""The kernel's account of interfaces over rtnetlink (man 7 rtnetlink): all of them at one moment, and each change as it comes.

Edge. Messages are decoded by pyroute2; the sockets are plain ones, so that one thread can wait for changes and for its next
boundary at once.
"""

from __future__ import annotations

import array
import fcntl
import socket
import struct
from collections.abc import Iterator
from typing import Any

import attrs

from probe.host.links import counters_of, link_up

_NETLINK_ROUTE = 0
_RTMGRP_LINK = 1
_RTM_NEWLINK, _RTM_DELLINK, _RTM_GETLINK = 16, 17, 18
_REQUEST_DUMP = 0x301
_NLMSG_DONE = 3
_HEADER = struct.Struct("=IHHII")
_RECEIVE_OCTETS = 1 << 18
_BUFFER_OCTETS = 1 << 20
_ANSWER_S = 2.0
_SIOCETHTOOL = 0x8946
_ETHTOOL_GSET = 0x1
_ETHTOOL_OCTETS = 44
_SPEED_AT, _SPEED_HIGH_AT = 12, 28
_SPEED_UNKNOWN = (0, 0xFFFF_FFFF)


@attrs.frozen(slots=True, kw_only=True)
class Link:
    """An interface as one message tells it."""

    name: str
    index: int
    up: bool
    gone: bool
    counters: dict[str, int]


class LinkWatch:
    """Changes of interfaces, as they happen."""

    def __init__(self) -> None:
        self._channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_ROUTE)
        self._channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_OCTETS)
        self._channel.setblocking(False)
        self._channel.bind((0, _RTMGRP_LINK))

    def fileno(self) -> int:
        """For polling."""
        return self._channel.fileno()

    def changes(self) -> Iterator[Link]:
        """What came since it was last asked.

        Raises:
            OSError: ENOBUFS when changes were lost: then ask for everything with `links`.
        """
        while True:
            try:
                data = self._channel.recv(_RECEIVE_OCTETS)
            except BlockingIOError:
                return
            yield from _links_in(data)

    def close(self) -> None:
        """Give the socket back."""
        self._channel.close()


def links() -> list[Link]:
    """Every interface there is now.

    Raises:
        OSError: the kernel does not answer.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_ROUTE) as channel:
        channel.settimeout(_ANSWER_S)
        channel.bind((0, 0))
        request = bytes(16)
        channel.send(_HEADER.pack(_HEADER.size + len(request), _RTM_GETLINK, _REQUEST_DUMP, 1, 0) + request)
        found: list[Link] = []
        while True:
            data = channel.recv(_RECEIVE_OCTETS)
            found += _links_in(data)
            if any(kind == _NLMSG_DONE for kind, _ in _messages(data)):
                return found


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, _, _, _ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size:
            return
        yield kind, data[at : at + length]
        at += (length + 3) & ~3


def _links_in(data: bytes) -> Iterator[Link]:
    from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg  # noqa: PLC0415 - 0.3 s, for probes that watch interfaces only

    for kind, octets in _messages(data):
        if kind in {_RTM_NEWLINK, _RTM_DELLINK}:
            message: Any = ifinfmsg(octets)
            message.decode()
            name = message.get_attr("IFLA_IFNAME")
            # Family other than 0: a bridge's account of its port, not of the interface.
            if name is not None and message["family"] == socket.AF_UNSPEC:
                yield Link(
                    name=name,
                    index=message["index"],
                    up=kind == _RTM_NEWLINK and link_up(message["flags"]),
                    gone=kind == _RTM_DELLINK,
                    counters=counters_of(message.get_attr("IFLA_STATS64")),
                )


def speed_bps(name: str) -> int | None:
    """Speed of the link as the driver says it (ETHTOOL_GSET), None where it says none."""
    value = array.array("B", struct.pack("I", _ETHTOOL_GSET) + bytes(_ETHTOOL_OCTETS - 4))
    address, _ = value.buffer_info()
    request = name.encode()[:15].ljust(16, b"\0") + struct.pack("P", address) + bytes(16)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        try:
            fcntl.ioctl(channel, _SIOCETHTOOL, request)
        except OSError:
            return None
    octets = value.tobytes()
    low: int = struct.unpack_from("=H", octets, _SPEED_AT)[0]
    high: int = struct.unpack_from("=H", octets, _SPEED_HIGH_AT)[0]
    megabits = high << 16 | low
    return None if megabits in _SPEED_UNKNOWN else megabits * 1_000_000
