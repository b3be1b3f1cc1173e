"""What a person sets about test sessions and about the reflector."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import attrs

from faultline.runtime.status import Address
from probe.active.packet import MAX_OCTETS

DEFAULT_PORT = 862


def endpoint(text: str, *, default_port: int | None = DEFAULT_PORT) -> Address:
    """HOST, HOST:PORT, [IPv6] or [IPv6]:PORT; a bare IPv6 address is taken as a host.

    Raises:
        ValueError: it is none of them.
    """
    bare = text.count(":") > 1 and not text.startswith("[")
    if default_port is not None and (bare or text.endswith("]") or ":" not in text):
        text = f"[{text}]:{default_port}" if bare else f"{text}:{default_port}"
    return Address.parse(text)


def _endpoint(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    try:
        endpoint(value)
    except ValueError as error:
        raise ValueError(f"{attribute.name} {error}") from None


def _some(_: object, attribute: attrs.Attribute[Any], value: list[str]) -> None:
    if not value:
        raise ValueError(f"{attribute.name} must hold at least one; leave the key out for the default")


def _name(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    if not value or len(value) > 64 or not value.isprintable() or value != value.strip():  # noqa: PLR2004 - a name people read
        raise ValueError(f"{attribute.name} must be 1 to 64 printable characters, got {value!r}")


def _network(_: object, attribute: attrs.Attribute[Any], value: str) -> None:
    try:
        ip_network(value)
    except ValueError as error:
        raise ValueError(f"{attribute.name} holds no network: {error}") from None


@attrs.frozen(slots=True, kw_only=True)
class SessionConfig:
    """One test session that this probe sends."""

    id: str = attrs.field(validator=_name)
    """What the inventory calls the session."""
    target: str = attrs.field(validator=_endpoint)
    """HOST or HOST:PORT of the session-reflector."""
    interval_s: float = attrs.field(default=0.1, validator=[attrs.validators.ge(0.001), attrs.validators.le(60)])
    """Seconds between packets."""
    size: int = attrs.field(default=64, validator=[attrs.validators.ge(44), attrs.validators.le(MAX_OCTETS)])
    """Octets of UDP payload, never fragmented (1472 fill a link of 1500 over IPv4); at least 112 where a key is given."""
    dscp: int = attrs.field(default=0, validator=[attrs.validators.ge(0), attrs.validators.le(63)])
    """Class of service of the packets; the reflector answers in the class it sees."""
    ssid: int | None = attrs.field(
        default=None,
        validator=attrs.validators.optional(attrs.validators.and_(attrs.validators.ge(1), attrs.validators.le(0xFFFF))),
    )
    """Session identifier on the wire; none: made from the id."""
    source: str | None = None
    """Local address to send from; none: the routes decide."""
    source_port: int | None = attrs.field(
        default=None,
        validator=attrs.validators.optional(attrs.validators.and_(attrs.validators.ge(1), attrs.validators.le(0xFFFF))),
    )
    """Local port to send from: it decides which of several equal paths is measured; none: any free one."""
    key_file: Path | None = None
    """Key of authenticated packets, in hex, or lines `SSID HEX`; none: open packets."""


@attrs.frozen(slots=True, kw_only=True)
class ReflectorConfig:
    """The session-reflector of this probe."""

    listen: list[str] = attrs.field(
        factory=lambda: [f"0.0.0.0:{DEFAULT_PORT}"],
        validator=[_some, attrs.validators.deep_iterable(_endpoint)],
    )
    """ADDRESS:PORT, each."""
    allow: list[str] = attrs.field(factory=list, validator=attrs.validators.deep_iterable(_network))
    """Networks whose packets are answered; empty: all, but none of the short TWAMP-Light requests."""
    key_file: Path | None = None
    """Keys; with them only authenticated packets are answered."""
