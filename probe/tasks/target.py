"""Where a task may send packets: one host's address and a port, never a group of hosts. Text in, `Target` out; pure.

Addresses only: a name would test this host's resolver as well, and its answer may change under a test.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import attrs

from faultline.runtime.status import Address


@attrs.frozen(slots=True, kw_only=True)
class Target:
    """A host's address and a port of it."""

    address: IPv4Address | IPv6Address
    port: int

    @classmethod
    def parse(cls, text: str) -> Target:
        """ADDRESS:PORT, an IPv6 address in brackets.

        Raises:
            ValueError: it is no such text, or no single host's address.
        """
        where = Address.parse(text)
        try:
            address = ip_address(where.host)
        except ValueError:
            raise ValueError(f"expected an address, not a name: {text!r}") from None
        if where.port == 0:
            raise ValueError(f"0 is no port to send to: {text!r}")
        if address.is_multicast or address.is_unspecified or address == IPv4Address("255.255.255.255"):
            raise ValueError(f"not the address of one host: {text!r}")
        return cls(address=address, port=where.port)

    @property
    def family(self) -> socket.AddressFamily:
        """For sockets."""
        return socket.AF_INET6 if self.address.version == 6 else socket.AF_INET  # noqa: PLR2004 - IP's own version number

    @property
    def peer(self) -> tuple[str, int]:
        """As sockets take it."""
        return str(self.address), self.port

    def __str__(self) -> str:
        host = f"[{self.address}]" if self.address.version == 6 else str(self.address)  # noqa: PLR2004 - as above
        return f"{host}:{self.port}"


def is_address(host: str) -> bool:
    """Whether a host is given by its address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def valid_target(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    """Validator of a configuration's field."""
    try:
        Target.parse(value)
    except ValueError as error:
        raise ValueError(f"{attribute.name} {error}") from None


def valid_address(_: object, attribute: attrs.Attribute[Any], value: str | None) -> None:
    """Validator of a field with an address of this host, or none."""
    try:
        if value is not None:
            ip_address(value)
    except ValueError as error:
        raise ValueError(f"{attribute.name} {error}") from None


def valid_id(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    """Validator of a task's id."""
    if not value or len(value) > 64 or not value.isprintable() or value != value.strip():  # noqa: PLR2004 - a name people read
        raise ValueError(f"{attribute.name} must be 1 to 64 printable characters, got {value!r}")
