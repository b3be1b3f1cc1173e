"""The inventory as enrichment needs it. The only module here that knows how `faultline.inventory` names things."""

from __future__ import annotations

from pathlib import Path

from collector.enrich.places import Directory, Endpoint, EndpointFinder, LinePlace, Port, PortFinder, VantagePlace
from faultline import inventory
from faultline.inventory.devices import Devices
from faultline.inventory.endpoints import DNS_PORT, Endpoints
from faultline.inventory.file import InventoryFile
from faultline.records.incident import Base
from faultline.records.terms import ComponentKind, Direction, TenantId
from faultline.runtime.counters import Counters

_TRANSPORTS = {6: inventory.TransportProtocol.TCP, 17: inventory.TransportProtocol.UDP}


def read_places(path: Path) -> Directory:
    """The places of an inventory file.

    Raises:
        CommandError: the file cannot be used; the message names every mistake.
    """
    return places_of(InventoryFile(path, counters=Counters()).first())


def places_of(found: inventory.Inventory) -> Directory:
    """The places of an inventory."""
    return Directory(
        lines=[
            LinePlace(code=line.code, tenant=line.tenant, a_prefixes=line.a_end.prefixes, z_prefixes=line.z_end.prefixes)
            for line in found.lines.values()
        ],
        vantages=[
            VantagePlace(
                id=vantage.id,
                probe=vantage.probe,
                observation_point=vantage.observation_point,
                lines=frozenset(vantage.positions),
                order={line: position.place for line, position in vantage.positions.items()},
            )
            for vantage in found.vantages.values()
            if vantage.probe is not None and vantage.observation_point is not None
        ],
        sessions={session.id: session.line for session in found.sessions.values()},
        dials={dial.id: dial.line for dial in found.dials.values()},
        traces={trace.id: trace.line for trace in found.traces.values()},
        endpoint_addresses={address for component in found.components.values() for address in component.addresses},
        endpoint=_finder(found),
        port=_port_finder(found),
    )


def _finder(found: inventory.Inventory) -> EndpointFinder:
    endpoints = Endpoints(found)

    def find(tenant: TenantId, address: str, protocol: int, port: int) -> Endpoint | None:
        transport = _TRANSPORTS.get(protocol)
        if transport is None:
            return None
        base = endpoints.find(tenant, address, inventory.ServicePort(protocol=transport, number=port))
        if base is None:
            return None
        kind = found.components[base].kind
        listens = kind is ComponentKind.SERVICE or (kind is ComponentKind.RESOLVER and port == DNS_PORT)
        return Endpoint(id=base, listens=listens)

    return find


def _port_finder(found: inventory.Inventory) -> PortFinder:
    devices = Devices(found)
    through: dict[Base, list[inventory.Line]] = {}
    for line in found.lines.values():
        for component in line.path:
            through.setdefault(component, []).append(line)

    def find(exporter: str, index: int | None, name: str | None) -> Port | None:
        device = devices.sender(exporter)
        port = devices.port(device, interface=name, index=index) if device is not None else None
        if port is None:
            return None
        passing = {
            line.code: incoming
            for line in through.get(port.component, ())
            if (incoming := _incoming(line, device=port.device, beside=port.component)) is not None
        }
        return Port(vantage=f"{port.device}/{port.interface}", lines=passing)

    return find


def _incoming(line: inventory.Line, *, device: Base, beside: Base) -> Direction | None:
    """Direction on a line of packets that come into a device from what is plugged in there; None: the device is not on it."""
    if device not in line.path or device == beside:
        return None
    return Direction.A_TO_Z if line.path.index(beside) < line.path.index(device) else Direction.Z_TO_A
