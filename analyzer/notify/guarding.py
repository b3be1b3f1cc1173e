"""Where calls to addresses of the configuration may go: not back into our own networks, unless they are named there.

A name is resolved once, every address of it is checked, and the call goes to the address that was checked: a name that changes in
between changes nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
"""Addresses that a translator makes IPv4 ones of (RFC 6052)."""


class ForbiddenError(OSError):
    """The address is in a network that calls may not go to."""


def inner(address: IpAddress) -> IpAddress:
    """The address that packets reach in the end: IPv6 can carry IPv4 ones inside."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _TRANSLATED:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)


def may_go(address: IpAddress, allowed: Sequence[IpNetwork]) -> bool:
    """Whether an address is public, or in a network that was named."""
    reached = inner(address)
    if any(reached in network for network in allowed if network.version == reached.version):
        return True
    return reached.is_global and not reached.is_multicast


def resolved(host: str, port: int, allowed: Sequence[IpNetwork]) -> str:
    """The address to connect to.

    Raises:
        ForbiddenError: one of the name's addresses is in a network that calls may not go to.
        OSError: the name has no address.
    """
    found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for text in found:
        if not may_go(ipaddress.ip_address(text.split("%", 1)[0]), allowed):
            raise ForbiddenError(f"{host} is {text}, an address that calls may not go to unless `allow` names its network")
    return found[0]
