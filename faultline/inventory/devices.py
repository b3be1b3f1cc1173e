"""Who speaks, and of what: a device from the address its messages come from, an interface of it from what they name.

Goes in: the inventory. Comes out: devices and interfaces, or None where the inventory does not say or where it could be two.
Knows nothing of traps and of what is said in them.
"""

from __future__ import annotations

from faultline.inventory.interface_names import alike, parts_of
from faultline.inventory.model import DeviceInterface, Inventory
from faultline.records.incident import Base


class Devices:
    """Devices of an inventory that tell of themselves."""

    def __init__(self, inventory: Inventory) -> None:
        self._senders: dict[str, set[Base]] = {}
        self._managed: dict[str, Base] = {}
        for component in inventory.components.values():
            self._managed.update(dict.fromkeys(component.management, component.id))
            for address in component.addresses:
                self._senders.setdefault(address, set()).add(component.id)
        self._names = {(one.device, one.interface.casefold()): one for one in inventory.device_interfaces}
        self._numbers = {(one.device, one.index): one for one in inventory.device_interfaces if one.index is not None}
        self._numbered: dict[tuple[Base, str], list[DeviceInterface]] = {}
        for one in inventory.device_interfaces:
            self._numbered.setdefault((one.device, parts_of(one.interface)[1]), []).append(one)
        self._peers = {(one.device, peer): one for one in inventory.device_interfaces for peer in one.peers}

    def sender(self, address: str) -> Base | None:
        """Whose messages come from an address: a management address first, else an address that one component alone has."""
        if address in self._managed:
            return self._managed[address]
        owners = self._senders.get(address, set())
        return next(iter(owners)) if len(owners) == 1 else None

    def port(
        self, device: Base, *, interface: str | None = None, index: int | None = None, peer: str | None = None
    ) -> DeviceInterface | None:
        """The interface that a message names: by its name in any case, long or short, else by its number or a neighbour."""
        found = None
        if interface is not None:
            found = self._names.get((device, interface.casefold())) or self._alike(device, interface)
        if found is None and index is not None:
            found = self._numbers.get((device, index))
        if found is None and peer is not None:
            found = self._peers.get((device, peer))
        return found

    def _alike(self, device: Base, name: str) -> DeviceInterface | None:
        """The one interface of a device that a name can be short or long for."""
        kind, numbers = parts_of(name)
        if not numbers:
            return None
        found = [one for one in self._numbered.get((device, numbers), ()) if alike(kind, parts_of(one.interface)[0])]
        return found[0] if len(found) == 1 else None
