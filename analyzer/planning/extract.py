"""One line's extract of the inventory for a field engineer to carry: a file of its own, with nothing of other customers.

Goes in: the inventory as plain data and as records, a line's code. Comes out: plain data of the same format. Kept is what the
line crosses and what looks at it; of what it shares with others only the part that is its own: a vantage's place on this line,
and of a server that several customers use the services that this line's tests use. The line's backup is another line: it is not
named. Texts that have another customer's name in them are left out; ids and addresses stay, they are what is worked with.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from analyzer.planning.lists.plain import Document
from analyzer.planning.others import OthersNames
from faultline.inventory import FORMAT, Inventory, Line
from faultline.inventory.extent import everything_on
from faultline.records.incident import Base
from faultline.records.terms import LineCode

Entry = dict[str, Any]


def extract(document: Mapping[str, Any], inventory: Inventory, code: LineCode) -> Document:
    """The extract.

    Args:
        document: the inventory as plain data.
        inventory: the same as records.
        code: of a line that it has.
    """
    taking = _Taking(document, inventory, inventory.lines[code])
    components = list(taking.components())
    vantages = list(taking.vantages())
    speaking = {entry.get("probe") for entry in vantages} | taking.kept
    tenants = [entry for entry in taking.all("tenants") if entry["id"] == taking.line.tenant]
    found: Document = {
        "format": FORMAT,
        "calendars": [e for e in taking.all("calendars") if e["id"] in {tenant.get("calendar") for tenant in tenants}],
        "tenants": tenants,
        "sites": list(taking.sites([*components, *vantages])),
        "components": components,
        "lines": [taking.line_entry()],
        "groups": list(taking.groups()),
        "vantages": vantages,
        **{section: [e for e in taking.all(section) if e["line"] == code] for section in ("sessions", "dials", "traces")},
        "interfaces": [
            entry
            for entry in taking.all("interfaces")
            if entry["component"] in taking.kept and (entry.get("probe") or entry.get("device")) in speaking
        ],
        "planned": list(taking.planned()),
        "freezes": list(taking.freezes()),
    }
    return {section: entries for section, entries in found.items() if entries}


class _Taking:
    def __init__(self, document: Mapping[str, Any], inventory: Inventory, line: Line) -> None:
        self._document = document
        self._inventory = inventory
        self.line = line
        self._names = OthersNames(inventory)
        self.kept = self._kept()

    def all(self, section: str) -> Iterable[Entry]:
        return self._document.get(section) or ()

    def _kept(self) -> frozenset[Base]:
        """Components of the line, but for services on shared servers that it has no test of."""
        mine = everything_on(self.line, self._inventory.components)
        servers = [base for base in mine if self._inventory.components[base].hosts]
        foreign: set[Base] = set()
        if servers:
            used = self._endpoints()
            for base in self._shared(servers):
                foreign |= {Base(service) for service in self._inventory.components[base].hosts} - used
        return frozenset(mine) - foreign

    def _endpoints(self) -> set[Base]:
        """What the line's own tests use."""
        code = self.line.code
        dialled = {dial.endpoint for dial in self._inventory.dials.values() if dial.line == code}
        return dialled | {trace.endpoint for trace in self._inventory.traces.values() if trace.line == code and trace.endpoint}

    def _shared(self, servers: Collection[Base]) -> Iterator[Base]:
        """Servers that stand on lines of other customers, too."""
        mine = (self.line.tenant, self.line.customer)
        others = [line for line in self._inventory.lines.values() if (line.tenant, line.customer) != mine]
        theirs = {base for line in others for base in (*line.path, *line.a_end.hosts, *line.z_end.hosts)}
        return (base for base in servers if base in theirs)

    def components(self) -> Iterator[Entry]:
        for entry in self.all("components"):
            if entry["id"] in self.kept:
                made = self._clean(entry, "name", "between")
                if "hosts" in made:
                    made["hosts"] = [service for service in made["hosts"] if service in self.kept]
                yield {key: value for key, value in made.items() if value != []}

    def line_entry(self) -> Entry:
        (entry,) = (e for e in self.all("lines") if e["code"] == self.line.code)
        return {key: value for key, value in entry.items() if key != "backup"}

    def groups(self) -> Iterator[Entry]:
        """Groups it is in, with nobody else in them; of their services those that it carries with it."""
        for entry in self.all("groups"):
            if self.line.code in entry["lines"]:
                mine = {"lines": [self.line.code], "services": [s for s in entry.get("services", ()) if s in self.kept]}
                yield self._clean({key: value for key, value in (entry | mine).items() if value != []}, "name")

    def sites(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Where the line's ends, its components and its vantages are."""
        named = {entry.get("site") for entry in entries} | {self.line.a_end.site, self.line.z_end.site}
        return (self._clean(entry, "name") for entry in self.all("sites") if entry["id"] in named)

    def vantages(self) -> Iterator[Entry]:
        for entry in self.all("vantages"):
            places = [place for place in entry["positions"] if place["line"] == self.line.code]
            if places:
                yield {**entry, "positions": places}

    def planned(self) -> Iterator[Entry]:
        for entry in self.all("planned"):
            mine = [base for base in entry["components"] if base in self.kept]
            if mine:
                yield self._clean({**entry, "components": mine}, "reason")

    def freezes(self) -> Iterator[Entry]:
        for entry, freeze in zip(self.all("freezes"), self._inventory.freezes, strict=True):
            if freeze.holds_for_any([self.line]):
                mine: Entry = {"tenants": [t for t in freeze.tenants if t == self.line.tenant]}
                mine["lines"] = [code for code in freeze.lines if code == self.line.code]
                made = {key: value for key, value in (entry | mine).items() if value != []}
                yield self._clean(made, "reason")

    def _clean(self, entry: Mapping[str, Any], *keys: str) -> Entry:
        """The entry without texts that tell of other customers."""

        def tells(key: str) -> bool:
            value = entry.get(key, "")
            return self._names.are_in(value if isinstance(value, str) else " ".join(value), self.line)

        return {key: value for key, value in entry.items() if key not in keys or not tells(key)}
