"""What a person writes under `collector.exporters`: where to listen, whom to listen to, and how much may wait."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import attrs

from faultline.runtime.status import Address


@attrs.frozen(slots=True, kw_only=True)
class ExporterConfig:
    """A router or switch that may export, or a network of them."""

    address: str = attrs.field()
    """Its address as datagrams carry it, or a network as 192.0.2.0/24; the longest that fits counts."""
    sampling: float | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.ge(1)))
    """One packet in so many is looked at. Used when the exporter does not tell; none: unknown, which is not 1."""
    active_timeout_s: float | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.gt(0)))
    """After so long it exports a flow that goes on; none: the general one."""

    @address.validator
    def _check_address(self, _: object, value: str) -> None:
        try:
            ipaddress.ip_network(value)
        except ValueError as error:
            raise ValueError(f"address {error}") from None


def _are_addresses(_: object, attribute: attrs.Attribute[list[str]], values: list[str]) -> None:
    for value in values:
        try:
            Address.parse(value)
        except ValueError as error:
            raise ValueError(f"{attribute.name} {error}") from None


@attrs.frozen(slots=True, kw_only=True)
class ExportersConfig:
    """Intake of NetFlow v5 and v9, IPFIX and sFlow v5."""

    listen: list[str] = attrs.field(factory=list, validator=_are_addresses)
    """HOST:PORT over UDP, each for any of the four protocols. Nothing here and in the two below: no intake."""
    listen_tcp: list[str] = attrs.field(factory=list, validator=_are_addresses)
    """HOST:PORT for IPFIX over TCP."""
    listen_tls: list[str] = attrs.field(factory=list, validator=_are_addresses)
    """HOST:PORT for IPFIX over TLS, with the collector's certificate."""
    tls_clients: Path | None = None
    """Certificates (PEM) of the authorities whose exporters may connect over TLS; none: exporters need no certificate."""
    allow: list[ExporterConfig] = attrs.field(factory=list)
    """Who may export. Datagrams of others are counted and not decoded."""
    any: bool = False
    """Take everybody's: only where nobody else can reach the port."""
    sockets: int = attrs.field(default=1, validator=attrs.validators.in_(range(1, 17)))
    """Sockets for each UDP address; the kernel spreads exporters over them."""
    receive_octets: int = attrs.field(default=32 << 20, validator=attrs.validators.gt(0))
    """Receive buffer asked for of each UDP socket; how much the kernel gives is in /metrics."""
    queue_octets: int = attrs.field(default=64 << 20, validator=attrs.validators.gt(0))
    """Datagrams received and not yet decoded; what comes beyond it is dropped and counted."""
    active_timeout_s: float = attrs.field(default=60.0, validator=attrs.validators.gt(0))
    """After so long exporters export a flow that goes on. A minute's traffic is held open for this and a minute more."""
    flush_s: float = attrs.field(default=5.0, validator=attrs.validators.gt(0))
    """Flows wait at most so long before they are durable."""
    flush_flows: int = attrs.field(default=100_000, validator=attrs.validators.gt(0))
    """Nor more of them than this."""
    max_exporters: int = attrs.field(default=4096, validator=attrs.validators.gt(0))
    """Remembered at once; those that were silent for longest are forgotten first, after an hour."""
    max_domains: int = attrs.field(default=256, validator=attrs.validators.gt(0))
    """Observation domains (engines, sub-agents) of one exporter."""
    max_connections: int = attrs.field(default=256, validator=attrs.validators.gt(0))
    """Over TCP and TLS together."""

    @property
    def longest_active_timeout_s(self) -> float:
        """Of any exporter."""
        return max([self.active_timeout_s, *(exporter.active_timeout_s or 0.0 for exporter in self.allow)])

    def beside(self, folder: Path) -> ExportersConfig:
        """The same with its files relative to a folder."""
        return self if self.tls_clients is None else attrs.evolve(self, tls_clients=folder / self.tls_clients)

    @property
    def enabled(self) -> bool:
        """Whether anything is listened to."""
        return bool(self.listen or self.listen_tcp or self.listen_tls)
