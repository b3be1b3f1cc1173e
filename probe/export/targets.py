"""Collectors of others that are told flow records plainly: where they are and what they speak."""

from __future__ import annotations

from enum import StrEnum
from urllib.parse import urlsplit

import attrs


class Dialect(StrEnum):
    """What the other side speaks."""

    IPFIX = "ipfix"
    NETFLOW9 = "netflow9"
    NPROBE = "nprobe"


@attrs.frozen(slots=True, kw_only=True)
class Target:
    """A collector: `udp://HOST:PORT` or `tcp://HOST:PORT`."""

    stream: bool
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Target:
        """From text; ValueError when it is none."""
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in {"udp", "tcp"} or not parts.hostname or not port or parts.path or parts.query:
            raise ValueError(f"a collector is udp://HOST:PORT or tcp://HOST:PORT, not {text!r}")
        return cls(stream=parts.scheme == "tcp", host=parts.hostname, port=port)


def _target(_: object, __: attrs.Attribute[str], value: str) -> None:
    Target.parse(value)


@attrs.frozen(slots=True, kw_only=True)
class PlainConfig:
    """One collector that is told flow records plainly."""

    to: str = attrs.field(validator=_target)
    """udp://HOST:PORT or tcp://HOST:PORT."""
    dialect: str = attrs.field(
        default=Dialect.IPFIX.value, validator=attrs.validators.in_([dialect.value for dialect in Dialect])
    )
    """ipfix, netflow9, or nprobe (IPFIX with nProbe's elements for TCP)."""
    domain: int = attrs.field(default=0, validator=[attrs.validators.ge(0), attrs.validators.lt(1 << 32)])
    """Observation domain; in netflow9 the source id."""
    max_octets: int | None = attrs.field(
        default=None,
        validator=attrs.validators.optional(attrs.validators.and_(attrs.validators.ge(256), attrs.validators.le(65000))),
    )
    """Largest message; none: 512 by UDP, which fits every path, 16384 by TCP."""

    def __attrs_post_init__(self) -> None:
        if self.dialect == Dialect.NETFLOW9 and Target.parse(self.to).stream:
            raise ValueError("netflow9 goes by udp: it has no message length that a stream could be cut by")
