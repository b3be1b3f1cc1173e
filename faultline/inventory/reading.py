"""The inventory file to records: every mistake is found in one reading, nothing is guessed.

Goes in: YAML (or plain data). Comes out: an `Inventory` whose references all hold, or `InventoryError` with every problem. What
belongs to each section is known to the module that is called like it.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from faultline.inventory.active import Ground, dial_of, session_of, trace_of
from faultline.inventory.calendar import Calendar
from faultline.inventory.calendars import calendar_of
from faultline.inventory.components import check_references, component_of
from faultline.inventory.document import MOST_OCTETS, Node, Table, compose, from_data, to_data
from faultline.inventory.entry import Entry
from faultline.inventory.groups import Members, group_of, refuse_second_bundles
from faultline.inventory.interfaces import interfaces_of
from faultline.inventory.lines import line_of, refuse_shared_addresses
from faultline.inventory.model import (
    Component,
    Dial,
    Inventory,
    Line,
    LineGroup,
    Site,
    Tenant,
    TestSession,
    Trace,
    Vantage,
)
from faultline.inventory.places import Places
from faultline.inventory.planned import freezes_of, works_of
from faultline.inventory.problems import InventoryError, Problem, Problems
from faultline.inventory.promised import Vip
from faultline.inventory.vantages import refuse_ambiguous, vantage_of
from faultline.records.incident import Base
from faultline.records.terms import DialId, LineCode, Owner, SessionId, TenantId, TraceId, VantageId

FORMAT = "faultline-inventory/1"
SECTIONS = (
    "format",
    "calendars",
    "tenants",
    "sites",
    "components",
    "lines",
    "groups",
    "vantages",
    "sessions",
    "dials",
    "traces",
    "interfaces",
    "planned",
    "freezes",
)


def read(path: Path) -> Inventory:
    """Read an inventory file.

    Raises:
        InventoryError: it cannot be read or used; every problem is named.
    """
    return parse(_octets(path), str(path))


def read_data(path: Path) -> dict[str, Any]:
    """An inventory file as plain data, for whoever changes it and checks what comes of it.

    Raises:
        InventoryError: it cannot be read, or is no mapping; what it means is not looked at.
    """
    problems = Problems(str(path))
    with undisturbed():
        root = compose(_octets(path), problems)
        problems.raise_any()
        data: dict[str, Any] = to_data(_table(root, problems))
    return data


def read_with_data(path: Path) -> tuple[Inventory, dict[str, Any]]:
    """An inventory file and the same as plain data, for whoever changes it.

    Raises:
        InventoryError: it cannot be read or used; every problem is named.
    """
    problems = Problems(str(path))
    with undisturbed():
        root = compose(_octets(path), problems)
        return _made(root, problems), to_data(root) if root is not None else {}


def read_with_places(path: Path) -> tuple[Inventory, Places]:
    """An inventory file and where its entries are, for whoever finds more to say of them.

    Raises:
        InventoryError: it cannot be read or used; every problem is named.
    """
    problems = Problems(str(path))
    with undisturbed():
        root = compose(_octets(path), problems)
        made = _made(root, problems)
    return made, Places(str(path), root)


def _octets(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_OCTETS + 1)
    except OSError as error:
        wrong = f"cannot be read: {error.strerror or error}"
        remedy = "check the path and who may read it"
        raise InventoryError([Problem(where=str(path), line=None, key="", wrong=wrong, remedy=remedy)]) from None


def parse(document: bytes | str | Mapping[str, Any], where: str) -> Inventory:
    """Read an inventory from YAML text, or from the same structure as plain data.

    Args:
        document: the text, or mappings and lists as YAML would give them.
        where: what to call it in messages, e.g. the file's name.

    Raises:
        InventoryError: every problem is named.
    """
    problems = Problems(where)
    with undisturbed():
        root = from_data(document, problems) if isinstance(document, Mapping) else compose(document, problems)
        return _made(root, problems)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Nobody looks for circles meanwhile: trees and records have none, and among millions of parts that takes half the time."""
    was_looking = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_looking:
            gc.enable()


def _made(root: Node | None, problems: Problems) -> Inventory:
    """The records of a tree."""
    problems.raise_any()
    made = _Reader(Entry(_table(root, problems), "", problems)).inventory()
    problems.raise_any()
    return made


def _table(root: Node | None, problems: Problems) -> Table:
    if isinstance(root, Table):
        return root
    problems.add(1, "", "not a mapping", f"begin with `format: {FORMAT}`, then `tenants:`, `components:`, `lines:`, ...")
    raise InventoryError(problems.found)


@attrs.define(slots=True)
class _Section:
    """Ids of a section as they are declared, sound or not: what exists but is broken is not reported as missing too."""

    seen: dict[str, Entry] = attrs.field(factory=dict)

    def admit(self, entry: Entry, what: str, key: str = "id") -> str | None:
        """The entry's id, when it has one and it is new."""
        found = entry.id(key)
        if found is None or not entry.unique(key, found, self.seen, what):
            return None
        self.seen[found] = entry
        return found


class _Reader:
    """Reads section by section, each after those it refers to."""

    def __init__(self, root: Entry) -> None:
        self._root = root
        self._calendars = _Section()
        self._tenants = _Section()
        self._sites = _Section()
        self._components = _Section()
        self._lines = _Section()
        self._groups = _Section()
        self._vantages = _Section()
        self._sessions = _Section()
        self._dials = _Section()
        self._traces = _Section()
        self._probes: set[str] = set()

    def inventory(self) -> Inventory:
        root = self._root
        root.only(*SECTIONS)
        form = root.text("format", required=True, remedy=f"add `format: {FORMAT}`")
        if form not in {None, FORMAT}:
            root.wrong("format", f"{form!r} is not {FORMAT}", "this version of Faultline reads no other")
        calendars = {c.id: c for c in self._read_calendars()}
        tenants = {t.id: t for t in self._read_tenants()}
        sites = {s.id: s for s in self._read_sites()}
        components = {c.id: c for c in self._read_components()}
        lines = {line.code: line for line in self._read_lines(tenants, components)}
        groups = {g.id: g for g in self._read_groups(lines, components)}
        vantages = {v.id: v for v in self._read_vantages(lines)}
        ground = Ground(
            components=components,
            lines=lines,
            vantages=vantages,
            known_components=self._components.seen,
            known_lines=self._lines.seen,
            known_vantages=self._vantages.seen,
        )
        sessions = {s.id: s for s in self._read_sessions(ground)}
        dials = {d.id: d for d in self._read_dials(ground)}
        traces = {t.id: t for t in self._read_traces(ground)}
        interfaces = interfaces_of(root.entries("interfaces"), probes=self._probes, components=self._components.seen)
        return Inventory(
            tenants=tenants,
            sites=sites,
            components=components,
            lines=lines,
            vantages=vantages,
            sessions=sessions,
            interfaces=tuple(interfaces.probes),
            device_interfaces=tuple(interfaces.devices),
            planned=tuple(works_of(root.entries("planned"), components=self._components.seen)),
            freezes=tuple(freezes_of(root.entries("freezes"), tenants=self._tenants.seen, lines=self._lines.seen)),
            dials=dials,
            traces=traces,
            groups=groups,
            calendars=calendars,
        )

    def _read_calendars(self) -> Iterable[Calendar]:
        for entry in self._root.entries("calendars"):
            found = calendar_of(entry, calendar=self._calendars.admit(entry, "calendar"))
            if found is not None:
                yield found

    def _read_tenants(self) -> Iterable[Tenant]:
        for entry in self._root.entries("tenants", required=True, remedy="list whose lines these are"):
            entry.only("id", "name", "vip", "calendar")
            name, vip = entry.text("name"), entry.option("vip", Vip)
            calendar = entry.reference("calendar", self._calendars.seen, "calendar")
            found = self._tenants.admit(entry, "tenant")
            if found is None:
                continue
            if found.startswith("_"):
                entry.wrong("id", f"{found!r} begins with `_`", "such names are Faultline's own, e.g. for unassigned traffic")
            yield Tenant(id=TenantId(found), name=name or found, vip=vip, calendar=calendar)

    def _read_sites(self) -> Iterable[Site]:
        for entry in self._root.entries("sites"):
            entry.only("id", "name", "owner")
            name, owner = entry.text("name"), entry.choice("owner", Owner, default=Owner.UNKNOWN)
            found = self._sites.admit(entry, "site")
            if found is not None and owner is not None:
                yield Site(id=found, name=name or found, owner=owner)

    def _read_components(self) -> Iterable[Component]:
        made: list[tuple[Entry, Component]] = []
        for entry in self._root.entries("components", required=True, remedy="list everything a line can cross, once"):
            found = self._components.admit(entry, "component")
            component = component_of(entry, component=Base(found) if found else None, sites=self._sites.seen)
            if component is not None:
                made.append((entry, component))
        check_references(made, self._components.seen)
        return [component for _, component in made]

    def _read_lines(self, tenants: Mapping[TenantId, Tenant], components: Mapping[Base, Component]) -> Iterable[Line]:
        entries = list(self._root.entries("lines", required=True, remedy="list the lines"))
        codes = [(entry, self._lines.admit(entry, "line", "code")) for entry in entries]
        made: list[Line] = []
        for entry, code in codes:
            line = line_of(
                entry,
                code=LineCode(code) if code else None,
                tenants=tenants,
                known_tenants=self._tenants.seen,
                sites=self._sites.seen,
                components=components,
                known_components=self._components.seen,
                lines=self._lines.seen,
            )
            if line is not None:
                made.append(line)
                yield line
        refuse_shared_addresses(made, components, self._components.seen)

    def _read_groups(self, lines: Mapping[LineCode, Line], components: Mapping[Base, Component]) -> Iterable[LineGroup]:
        members = Members(
            lines=lines, known_lines=self._lines.seen, components=components, known_components=self._components.seen
        )
        made: list[tuple[Entry, LineGroup]] = []
        for entry in self._root.entries("groups"):
            group = group_of(entry, self._groups.admit(entry, "group"), members)
            if group is not None:
                made.append((entry, group))
        refuse_second_bundles(made)
        return [group for _, group in made]

    def _read_vantages(self, lines: Mapping[LineCode, Line]) -> Iterable[Vantage]:
        points: dict[str, Entry] = {}
        made: list[tuple[Entry, Vantage]] = []
        for entry in self._root.entries("vantages"):
            found = self._vantages.admit(entry, "vantage")
            self._probes.update(probe for probe in [entry.text("probe")] if probe)
            vantage = vantage_of(
                entry,
                vantage=VantageId(found) if found else None,
                points=points,
                lines=lines,
                known_lines=self._lines.seen,
                known_components=self._components.seen,
                sites=self._sites.seen,
            )
            if vantage is not None:
                made.append((entry, vantage))
                yield vantage
        refuse_ambiguous(made, lines)

    def _read_sessions(self, ground: Ground) -> Iterable[TestSession]:
        for entry in self._root.entries("sessions"):
            found = self._sessions.admit(entry, "session")
            session = session_of(entry, SessionId(found) if found else None, ground)
            if session is not None:
                yield session

    def _read_dials(self, ground: Ground) -> Iterable[Dial]:
        for entry in self._root.entries("dials"):
            found = self._dials.admit(entry, "dial")
            dial = dial_of(entry, DialId(found) if found else None, ground)
            if dial is not None:
                yield dial

    def _read_traces(self, ground: Ground) -> Iterable[Trace]:
        for entry in self._root.entries("traces"):
            found = self._traces.admit(entry, "trace")
            trace = trace_of(entry, TraceId(found) if found else None, ground)
            if trace is not None:
                yield trace
