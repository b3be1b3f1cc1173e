"""Interfaces whose state speaks for a component: those of probes' hosts, and those of devices that tell of themselves.

Goes in: entries. Comes out: records, each interface once; what is wrong is noted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import attrs

from faultline.inventory.entry import Entry
from faultline.inventory.model import DeviceInterface, ProbeInterface
from faultline.records.incident import Base
from faultline.records.terms import ProbeId

MOST_INDEX = (1 << 31) - 1
"""RFC 2863: ifIndex is an InterfaceIndex."""


@attrs.define(slots=True)
class Interfaces:
    """Both kinds, each in the order of the file."""

    probes: list[ProbeInterface] = attrs.field(factory=list)
    devices: list[DeviceInterface] = attrs.field(factory=list)
    _seen: dict[str, Entry] = attrs.field(factory=dict)

    def take(self, entry: Entry, *, probes: Collection[str], components: Collection[str]) -> None:
        """Take an entry in, when it is sound."""
        entry.only("probe", "device", "interface", "index", "peers", "component")
        if entry.has("probe") and entry.has("device"):
            entry.wrong("device", "probe and device together", "an interface is of one of them: leave the other out")
        elif entry.has("device"):
            self._take_device(entry, components)
        else:
            self._take_probe(entry, probes, components)

    def _take_probe(self, entry: Entry, probes: Collection[str], components: Collection[str]) -> None:
        probe = entry.reference("probe", probes, "probe", required=True)
        for key in ("index", "peers"):
            if entry.has(key):
                entry.wrong(key, "interfaces of a probe's host go by their names", "leave it out")
        interface, component = _both(entry, components)
        if probe is None or interface is None or component is None:
            return
        if self._is_new(entry, "interface", f"{probe}/{interface}"):
            self.probes.append(ProbeInterface(probe=ProbeId(probe), interface=interface, component=component))

    def _take_device(self, entry: Entry, components: Collection[str]) -> None:
        device = entry.reference("device", components, "component")
        index = entry.number("index", most=MOST_INDEX, example="12, as the device numbers it (ifIndex)")
        peers = entry.addresses("peers")
        interface, component = _both(entry, components)
        if device is None or interface is None or component is None:
            return
        is_new = self._is_new(entry, "interface", f"device {device}/{interface}")
        if index is not None:
            is_new = self._is_new(entry, "index", f"device {device}/index {index}") and is_new
        for peer in peers:
            is_new = self._is_new(entry, "peers", f"device {device}/neighbour {peer}") and is_new
        if is_new:
            made = DeviceInterface(device=Base(device), interface=interface, index=index, peers=peers, component=component)
            self.devices.append(made)

    def _is_new(self, entry: Entry, key: str, name: str) -> bool:
        is_new = entry.unique(key, name, self._seen, "interface")
        self._seen.setdefault(name, entry)
        return is_new


def interfaces_of(entries: Iterable[Entry], *, probes: Collection[str], components: Collection[str]) -> Interfaces:
    """The interfaces of entries."""
    found = Interfaces()
    for entry in entries:
        found.take(entry, probes=probes, components=components)
    return found


def _both(entry: Entry, components: Collection[str]) -> tuple[str | None, Base | None]:
    interface = entry.text("interface", required=True, remedy="name it as its host or device does, e.g. eth0")
    component = entry.reference("component", components, "component", required=True)
    return interface, Base(component) if component is not None else None
