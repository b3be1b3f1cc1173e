"""What this host has to do with a path: the address it sends from, and what its own link carries. Edge; it asks the kernel."""

from __future__ import annotations

import fcntl
import socket
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import cast

import attrs

from faultline.runtime.console import CommandError
from probe.paths.way_out import way_out
from probe.paths.wire import ICMP4, ICMP6

_SIOCGIFMTU, _SIOCGIFADDR = 0x8921, 0x8915
_IP_MTU, _IPV6_MTU = 14, 24
_LARGEST_OCTETS = 65_535


@attrs.frozen(slots=True, kw_only=True)
class Ends:
    """Where packets go from and to."""

    source: IPv4Address | IPv6Address
    destination: IPv4Address | IPv6Address
    scope: int = 0
    """Interface of a link-local IPv6 destination."""
    interface: int = 0
    """That packets go out of; 0: the routes decide."""
    link_mtu_octets: int

    @property
    def family(self) -> socket.AddressFamily:
        """Of both."""
        return socket.AF_INET6 if self.destination.version == 6 else socket.AF_INET  # noqa: PLR2004 - IP's own version number

    def peer(self, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
        """The destination as sockets take it."""
        host = str(self.destination)
        return (host, port, 0, self.scope) if self.family == socket.AF_INET6 else (host, port)


def find_ends(host: str, *, version: int | None = None, source: str | None = None) -> Ends:
    """Addresses of a way to a host, from a local address or from the one the routes choose.

    Raises:
        CommandError: the host has no such address, there is no route to it, or the local address is not this host's.
    """
    families = {None: socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}
    try:
        found = socket.getaddrinfo(host, 9, families[version], socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        kind = f"IPv{version} address" if version else "address"
        why = getattr(error, "strerror", None) or error
        raise CommandError(f"{host} has no {kind}: {why}", hint="check the name, or give the address") from None
    family, _, _, _, address = found[0]
    with socket.socket(family, socket.SOCK_DGRAM) as channel:
        _bind(channel, source)
        try:
            channel.connect(address)
        except OSError as error:
            hint = "`ip route get` shows what the kernel knows; -4 and -6 choose the address family"
            raise CommandError(f"no route to {host} ({address[0]}): {error.strerror}", hint=hint) from None
        local = ip_address(str(channel.getsockname()[0]).partition("%")[0])
        option = (socket.IPPROTO_IPV6, _IPV6_MTU) if family == socket.AF_INET6 else (socket.IPPROTO_IP, _IP_MTU)
        # What the kernel believes of the path may be older than the fault: only the link's own size is a fact.
        mtu = _link_mtu(channel, local) or channel.getsockopt(*option)
    scope = int(cast("tuple[str, int, int, int]", address)[3]) if family == socket.AF_INET6 else 0
    destination = ip_address(str(address[0]).partition("%")[0])
    return Ends(source=local, destination=destination, scope=scope, link_mtu_octets=min(mtu, _LARGEST_OCTETS))


def _bind(channel: socket.socket, source: str | None) -> None:
    if source is None:
        return
    try:
        channel.bind((source, 0))
    except OSError as error:
        hint = "an address of this host, of the target's family; `ip address` lists them"
        raise CommandError(f"cannot send from {source}: {error.strerror}", hint=hint) from None


def ends_of_flow(ends: Ends, *, protocol: int, ports: tuple[int, int], bound: bool) -> Ends:
    """The same ends with the way out, and the source address, that packets of a flow have when the kernel chooses them.

    Args:
        ends: as the routes give them for any packet.
        protocol: of the flow.
        ports: source and destination port; ICMP has none.
        bound: the flow's socket sends from the address in `ends`; else the address comes with the way.
    """
    known = None if protocol in {ICMP4, ICMP6} else ports
    try:
        way = way_out(ends.destination, protocol=protocol, ports=known, source=ends.source if bound else None)
    except OSError:  # an old kernel, or no route: sending will tell
        return ends
    return attrs.evolve(ends, interface=way.interface, source=ends.source if bound else way.source or ends.source)


def _link_mtu(channel: socket.socket, source: IPv4Address | IPv6Address) -> int | None:
    """Of the interface that has the address; None when it is on none that we see."""
    name = _interface_of_6(source) if source.version == 6 else _interface_of_4(channel, source)  # noqa: PLR2004 - as above
    if name is None:
        return None
    try:
        answer = fcntl.ioctl(channel, _SIOCGIFMTU, name.encode()[:15].ljust(40, b"\0"))
    except OSError:
        return None
    return int(struct.unpack_from("i", answer, 16)[0])


def _interface_of_4(channel: socket.socket, source: IPv4Address | IPv6Address) -> str | None:
    for _, name in socket.if_nameindex():
        try:
            answer = fcntl.ioctl(channel, _SIOCGIFADDR, name.encode()[:15].ljust(40, b"\0"))
        except OSError:
            continue
        if answer[20:24] == source.packed:
            return name
    return None


def _interface_of_6(source: IPv4Address | IPv6Address) -> str | None:
    try:
        rows = Path("/proc/net/if_inet6").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((row.split()[-1] for row in rows if row.startswith(source.packed.hex())), None)
