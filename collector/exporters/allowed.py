"""Who may export: from the address that a datagram came from to what the operator says of that exporter. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from collector.exporters.config import ExporterConfig

_MAX_KNOWN = 1 << 16
"""Addresses whose answer is remembered: strangers can send from any."""


class Allowed:
    """The configured exporters, the longest prefix first."""

    def __init__(self, exporters: Iterable[ExporterConfig], *, anybody: bool) -> None:
        networks = [(ipaddress.ip_network(exporter.address), exporter) for exporter in exporters]
        self._networks = sorted(networks, key=lambda entry: -entry[0].prefixlen)
        self._anybody = anybody
        self._known: dict[str, ExporterConfig | None] = {}

    def find(self, address: str) -> ExporterConfig | None:
        """What is said of an exporter; None: it may not export."""
        try:
            return self._known[address]
        except KeyError:
            pass
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        found = self._known[address] = self._look_up(address)
        return found

    def _look_up(self, address: str) -> ExporterConfig | None:
        parsed = ipaddress.ip_address(address)
        for network, exporter in self._networks:
            if parsed in network:
                return exporter
        return ExporterConfig(address=address) if self._anybody else None


def plain(address: str) -> str:
    """An address as the inventory writes it: without a zone, and IPv4 as such where it came in over a socket of IPv6."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)
