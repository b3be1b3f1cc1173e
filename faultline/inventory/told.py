"""From what was said to what it was said of: events that devices tell, and events in documents that systems and people send.

Goes in: the inventory, and the words of a message: a device, an interface of it, a component. Comes out: components with their
direction, and whose they are; of a document a whole event. How messages come, and which of their words mean what, is known to the
receivers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import attrs

from faultline.inventory.devices import Devices
from faultline.inventory.extent import everything_on
from faultline.inventory.model import Inventory, Line
from faultline.inventory.positions import directed
from faultline.records.device_event import DeviceEvent, EventSource, event_id
from faultline.records.incident import Base, base_of
from faultline.records.terms import CARRIER, UNASSIGNED, ComponentId, Direction, TenantId

NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
"""Of an event."""
MOST_TEXT = 1000
_KEYS = ("event", "raised", "component", "device", "interface", "index", "peer", "told_ns", "text", "by", "id")
_MOST_WORD = 256
"""Characters of every other text in a document."""
_MOST_NS = 1 << 62
"""Year 2116; beyond it no store keeps a time."""


class ToldError(ValueError):
    """A document that is no event, or of nothing that the inventory knows; `key` says where."""

    def __init__(self, key: str, wrong: str, *, hint: str) -> None:
        super().__init__(f"{key}: {wrong}")
        self.key = key
        self.hint = hint


@attrs.frozen(slots=True, kw_only=True)
class Place:
    """Where something was said to be."""

    name: str
    """As the inventory spells it, else in the words of the message; empty: the device as a whole."""
    component: ComponentId | None


def words_of(*, interface: str | None, index: int | None, peer: str | None) -> str:
    """A place that the inventory does not have, in the words of the message."""
    if interface is not None:
        return interface
    if index is not None:
        return f"index {index}"
    return "" if peer is None else f"peer {peer}"


class Whereabouts:
    """Resolves the words of messages against an inventory."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._devices = Devices(inventory)
        self._tenants: dict[Base, set[TenantId]] = {}
        names: dict[str, set[Base]] = {}
        for component in inventory.components.values():
            names.setdefault(component.name.casefold(), set()).add(component.id)
        self._names = {name: next(iter(bases)) for name, bases in names.items() if len(bases) == 1}
        self._arrivals: dict[tuple[Base, Base], set[Direction]] = {}
        devices_at: dict[Base, set[Base]] = {}
        for port in inventory.device_interfaces:
            devices_at.setdefault(port.component, set()).add(port.device)
        for line in inventory.lines.values():
            for base in everything_on(line, inventory.components):
                self._tenants.setdefault(base, set()).add(line.tenant)
            self._note_arrivals(line, devices_at)

    def _note_arrivals(self, line: Line, devices_at: Mapping[Base, set[Base]]) -> None:
        """Which way packets cross a component when they arrive at a device beside it, as far as the line's path says."""
        for at, base in enumerate(line.path):
            for device in devices_at.get(base, ()):
                if device in line.path:
                    way = Direction.A_TO_Z if at < line.path.index(device) else Direction.Z_TO_A
                    self._arrivals.setdefault((device, base), set()).add(way)

    def sender(self, address: str) -> Base | None:
        """The device whose messages come from an address."""
        return self._devices.sender(address)

    def named(self, text: str) -> Base | None:
        """The component of an id, of an address that its messages come from, or of a name that it alone has, in any case."""
        if text in self._inventory.components:
            return Base(text)
        return self._devices.sender(text) or self._names.get(text.casefold())

    def port(
        self,
        device: Base,
        *,
        interface: str | None = None,
        index: int | None = None,
        peer: str | None = None,
        arriving: bool = False,
    ) -> Place:
        """What an interface of a device is at.

        Args:
            device: as the inventory has it.
            interface: its name there.
            index: its number there.
            peer: a neighbour across it.
            arriving: it was said of what the device receives there, of one direction.
        """
        found = self._devices.port(device, interface=interface, index=index, peer=peer)
        if found is None:
            return Place(name=words_of(interface=interface, index=index, peer=peer), component=None)
        ways = self._arrivals.get((device, found.component), set())
        if arriving and len(ways) == 1:
            return Place(name=found.interface, component=directed(self._inventory, found.component, next(iter(ways))))
        return Place(name=found.interface, component=ComponentId(found.component))

    def device(self, device: Base) -> Place:
        """A device as a whole."""
        return Place(name="", component=ComponentId(device) if device in self._inventory.components else None)

    def component(self, text: str) -> ComponentId | None:
        """A component by its id, with or without a direction; None: there is none."""
        found = self._inventory.components.get(base_of(text))
        if found is None or (text != found.id and not found.directed):
            return None
        return ComponentId(text)

    def tenant(self, component: ComponentId | None) -> TenantId:
        """Whose it is: the tenant's whose lines alone cross it, else the carrier's; nobody's without one."""
        if component is None:
            return UNASSIGNED
        tenants = self._tenants.get(base_of(component), set())
        return next(iter(tenants)) if len(tenants) == 1 else CARRIER


def event_of_document(document: object, *, whereabouts: Whereabouts, sender: str, now_ns: int) -> DeviceEvent:
    """The event of a JSON document that a system or a person sent.

    Keys: `event` (a name in capitals) and one of `component` and `device` (an id or an address, then also one of `interface`,
    `index`, `peer`) are required; `raised` (default true), `told_ns` (when it happened), `text`, `by` (a person's name), `id`
    (the same for the same saying sent again) may be left out.

    Args:
        document: as parsed.
        whereabouts: of the inventory.
        sender: the system, by its token.
        now_ns: when it came.

    Raises:
        ToldError: it is no such document, or names what the inventory does not have.
    """
    if not isinstance(document, Mapping):
        raise ToldError("", "not an object", hint='send {"event": "LINK_DOWN", "component": ID}')
    for key in document:
        if key not in _KEYS:
            raise ToldError(str(key)[:_MOST_WORD], "unknown key", hint=f"known: {', '.join(_KEYS)}")
    name = _text(document, "event")
    if name is None or not NAME.fullmatch(name):
        raise ToldError("event", "no name of an event", hint="capitals, digits and _, e.g. LINK_DOWN")
    raised, told_ns = document.get("raised", True), _number(document, "told_ns")
    if not isinstance(raised, bool):
        raise ToldError("raised", "neither true nor false", hint="true: it is so; false: it is over")
    place, by = _place(document, whereabouts), _text(document, "by")
    source = EventSource.PERSON if by else EventSource.REST
    text = _text(document, "text", most=MOST_TEXT) or ""
    said = json.dumps(dict(document), sort_keys=True, ensure_ascii=True)
    token = _text(document, "id") or (said if told_ns is not None else f"{now_ns} {said}")
    return DeviceEvent(
        id=event_id(source, sender, token),
        source=source,
        sender=sender,
        place=place.name,
        component=place.component,
        name=name,
        raised=raised,
        told_ns=told_ns,
        received_ns=now_ns,
        tenant=whereabouts.tenant(place.component),
        text=f"{by}: {text}"[:MOST_TEXT] if by else text,
    )


def _place(document: Mapping[str, Any], whereabouts: Whereabouts) -> Place:
    component, device = _text(document, "component"), _text(document, "device")
    if (component is None) == (device is None):
        raise ToldError("component", "give one of component and device", hint="a component's id, or a device and its interface")
    if component is not None:
        found = whereabouts.component(component)
        if found is None:
            raise ToldError(
                "component", f"no component {component!r}", hint="`faultline inventory show LINE` names what a line crosses"
            )
        return Place(name=component, component=found)
    named = str(device)
    base = whereabouts.named(named)
    if base is None:
        raise ToldError(
            "device", f"no device {named!r}", hint="its component id or name, or an address that the inventory has of it"
        )
    interface, index, peer = _text(document, "interface"), _number(document, "index"), _text(document, "peer")
    if interface is None and index is None and peer is None:
        return Place(name=base, component=ComponentId(base))
    port = whereabouts.port(base, interface=interface, index=index, peer=peer)
    if port.component is None:
        raise ToldError("interface", f"{named!r} has no {port.name!r}", hint="add it to `interfaces` of the inventory")
    return Place(name=f"{base} {port.name}", component=port.component)


def _text(document: Mapping[str, Any], key: str, *, most: int = _MOST_WORD) -> str | None:
    value = document.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or len(value) > most:
        raise ToldError(key, "no text, an empty one, or a long one", hint=f"at most {most} characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ToldError(key, "not text", hint="no halves of surrogate pairs") from None
    return value.strip()


def _number(document: Mapping[str, Any], key: str) -> int | None:
    value = document.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _MOST_NS:
        raise ToldError(key, "no whole number from 0", hint="times are Unix nanoseconds UTC")
    return value
