"""What the customers do: which services are used over a line, how, and by which connections.

Goes in: an inventory. Comes out: endpoints with what their clients exchange with them, and addresses and ports of connections.
Knows nothing of what the network does to any of it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

import attrs

from appliance.simnet.ways import lot
from faultline.inventory import Inventory, Line
from faultline.inventory.endpoints import DNS_PORT, end_of, hosts_of
from faultline.inventory.model import TransportProtocol
from faultline.records.incident import Base
from faultline.records.terms import ComponentKind, Direction

TCP, UDP = 6, 17
ACK_OCTETS, SYN_OCTETS = 52, 60
_MILLISECOND_NS = 1_000_000
_UNKNOWN_PORT, _FIRST_LONG, _FIRST_SHORT, _SHORT_PORTS = 8443, 40_000, 50_000, 10_000


@attrs.frozen(slots=True, kw_only=True)
class Exchange:
    """How a line's clients use a service, all the time."""

    connections: int = 0
    """Long-lived connections."""
    requests_per_s: float = 0.0
    """Of each long-lived connection."""
    new_per_s: float = 0.0
    """Short connections with one request each, of all clients of the line."""
    request_segments: int = 1
    request_octets: int = 320
    """Of the IP packet of each segment."""
    response_segments: int = 2
    response_octets: int = 900
    server_ns: int = 8 * _MILLISECOND_NS
    """The application's own time: the median of a lognormal."""


TELLER = Exchange(connections=3, requests_per_s=20.0, new_per_s=0.3)
"""Short questions of terminals that stay connected, and a few that dial in."""
WEB = Exchange(new_per_s=1.2, request_octets=600, response_segments=5, response_octets=1500, server_ns=20 * _MILLISECOND_NS)
FILE = Exchange(
    connections=1,
    requests_per_s=1.5,
    request_segments=20,
    request_octets=1500,
    response_segments=25,
    response_octets=1500,
    server_ns=12 * _MILLISECOND_NS,
)
"""Blocks of full packets both ways."""


@attrs.frozen(slots=True, kw_only=True)
class Traffic:
    """What is done on every line."""

    services: Mapping[str, Exchange] = {"svc-teller": TELLER, "svc-web": WEB, "svc-file": FILE}
    """By service."""
    other: Exchange = TELLER
    """With every other service."""
    queries_per_s: float = 2.0
    """To each resolver."""


@attrs.frozen(slots=True, kw_only=True)
class Endpoint:
    """Where requests of a line go."""

    ids: tuple[Base, ...]
    """The service and its server, or the resolver: what can fail there."""
    address: str
    port: int
    exchange: Exchange


@attrs.define(slots=True, kw_only=True)
class Connection:
    """A TCP connection of a line, from a client at the A end."""

    endpoint: Endpoint
    client: str
    port: int
    begun_ns: int
    is_long: bool
    stalled_since_ns: dict[Direction, int] = attrs.field(factory=dict)
    """For a direction in which nothing gets through: when the last progress was made."""

    @property
    def lot(self) -> int:
        """What its way over bundles depends on."""
        return lot(TCP, self.client, self.port, self.endpoint.address, self.endpoint.port)


def endpoints(line: Line, inventory: Inventory, traffic: Traffic) -> list[Endpoint]:
    """Services behind the Z end of a line; where the inventory names none there is one, at an address of the end."""
    found = [
        Endpoint(
            ids=(service.id, host.id),
            address=next(iter((*service.addresses, *host.addresses))),
            port=port.number,
            exchange=traffic.services.get(service.id, traffic.other),
        )
        for host in hosts_of(line, inventory.components)
        if end_of(line, host.id) is Direction.A_TO_Z
        for service in (inventory.components[Base(name)] for name in host.hosts)
        for port in service.ports
        if port.protocol is TransportProtocol.TCP and (service.addresses or host.addresses)
    ]
    if found:
        return found
    servers = [base for base in line.path if inventory.components[base].kind is ComponentKind.SERVER]
    address = host_address(line.z_end.prefixes[0], 10)
    return [Endpoint(ids=tuple(servers), address=address, port=_UNKNOWN_PORT, exchange=traffic.other)]


def resolvers(line: Line, inventory: Inventory) -> list[Endpoint]:
    """Resolvers behind the Z end of a line."""
    return [
        Endpoint(ids=(host.id,), address=host.addresses[0], port=DNS_PORT, exchange=Exchange())
        for host in hosts_of(line, inventory.components)
        if host.kind is ComponentKind.RESOLVER and host.addresses and end_of(line, host.id) is Direction.A_TO_Z
    ]


def long_connections(line: Line, ends: list[Endpoint], begin_ns: int) -> list[Connection]:
    """Connections that stay."""
    return [
        Connection(
            endpoint=end,
            client=host_address(line.a_end.prefixes[0], 10),
            port=_FIRST_LONG + 100 * at + number,
            begun_ns=begin_ns,
            is_long=True,
        )
        for at, end in enumerate(ends)
        for number in range(end.exchange.connections)
    ]


def short_connection(line: Line, end: Endpoint, number: int, begun_ns: int) -> Connection:
    """The n-th of the connections that come and go; its port is free again after ten thousand others."""
    port = _FIRST_SHORT + number % _SHORT_PORTS
    client = host_address(line.a_end.prefixes[0], 10)
    return Connection(endpoint=end, client=client, port=port, begun_ns=begun_ns, is_long=False)


def host_address(prefix: str, number: int) -> str:
    """The n-th address of a network."""
    network = ipaddress.ip_network(prefix, strict=False)
    return str(network[number % max(1, network.num_addresses - 1)])
