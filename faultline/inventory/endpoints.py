"""Who answers: the servers, resolvers and services behind a line, by name and by address.

Goes in: lines and components. Comes out: what lives behind a line's ends, where a test or a trace to it goes, and which endpoint
an address and port are. Addresses are those of one tenant's lines: every bank uses 10/8.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from faultline.inventory import positions
from faultline.inventory.model import Component, DialProtocol, Inventory, Line, Position, ServicePort, Trace, TransportProtocol
from faultline.records.incident import Base
from faultline.records.terms import ComponentKind, Direction, TenantId

DNS_PORT = 53
HOSTS = frozenset({ComponentKind.SERVER, ComponentKind.RESOLVER})
ENDPOINTS = HOSTS | {ComponentKind.SERVICE}


@attrs.frozen(slots=True, kw_only=True)
class Target:
    """Where a test goes."""

    address: str
    port: int | None
    """None: of a trace, which brings its own."""

    def __str__(self) -> str:
        if self.port is None:
            return self.address
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def hosts_of(line: Line, components: Mapping[Base, Component]) -> list[Component]:
    """Servers and resolvers behind the line's ends or on its path."""
    named = (*line.a_end.hosts, *line.path, *line.z_end.hosts)
    return [found for base in named if (found := components.get(base)) is not None and found.kind in HOSTS]


def end_of(line: Line, host: Base) -> Direction | None:
    """The direction of packets to a host: towards the end it lives behind, or is nearer to; None when it is not of this line."""
    if host in line.a_end.hosts:
        return Direction.Z_TO_A
    if host in line.z_end.hosts:
        return Direction.A_TO_Z
    if host not in line.path:
        return None
    return Direction.A_TO_Z if line.path.index(host) * 2 >= len(line.path) else Direction.Z_TO_A


def host_of(line: Line, endpoint: Base, components: Mapping[Base, Component]) -> Component | None:
    """The server or resolver that an endpoint of the line is, or runs on."""
    return next((host for host in hosts_of(line, components) if endpoint in {host.id, *host.hosts}), None)


def target_of(endpoint: Component, host: Component, protocol: DialProtocol | None) -> Target | None:
    """Where a dial test of that protocol goes, or a trace (None); None when the inventory does not say."""
    address = next(iter((*endpoint.addresses, *host.addresses)), None)
    if address is None:
        return None
    if protocol is None:
        return Target(address=address, port=None)
    if protocol is DialProtocol.DNS:
        own = [port.number for port in endpoint.ports if port.protocol is TransportProtocol.UDP]
        port = next(iter(own), DNS_PORT if endpoint.kind is ComponentKind.RESOLVER else None)
    else:
        port = next((port.number for port in endpoint.ports if port.protocol is TransportProtocol.TCP), None)
    return Target(address=address, port=port) if port is not None else None


def ends_of_trace(trace: Trace, line: Line, inventory: Inventory) -> tuple[Position, Position] | None:
    """Where on its line a trace begins and ends, in the order its packets go; None where its endpoint is not of the line."""
    sender = inventory.vantages[trace.sender].positions[line.code]
    if trace.target is not None:
        return sender, inventory.vantages[trace.target].positions[line.code]
    host = host_of(line, trace.endpoint, inventory.components) if trace.endpoint else None
    towards = end_of(line, host.id) if host else None
    return (sender, positions.end(line, towards)) if towards is not None else None


class Endpoints:
    """Which endpoint an address and port of a tenant's traffic are: the service that listens there, else the host."""

    def __init__(self, inventory: Inventory) -> None:
        self._services: dict[tuple[TenantId, str, str], Base] = {}
        self._hosts: dict[tuple[TenantId, str], Base] = {}
        for line in inventory.lines.values():
            for host in hosts_of(line, inventory.components):
                self._add(line.tenant, host, (inventory.components[Base(name)] for name in host.hosts))

    def _add(self, tenant: TenantId, host: Component, services: Iterable[Component]) -> None:
        for address in host.addresses:
            self._hosts.setdefault((tenant, address), host.id)
        for service in services:
            for address in service.addresses or host.addresses:
                for port in service.ports:
                    self._services.setdefault((tenant, address, str(port)), service.id)
                self._hosts.setdefault((tenant, address), host.id)

    def find(self, tenant: TenantId, address: str, port: ServicePort) -> Base | None:
        """The service there, else the server or resolver whose address it is, else None."""
        return self._services.get((tenant, address, str(port))) or self._hosts.get((tenant, address))
