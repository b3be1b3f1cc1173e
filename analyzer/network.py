"""The inventory in the analyzer's terms: each line's card, path, vantages and zone, and which lines cross a component.

Goes in: an `Inventory`, already checked. Comes out: a `Network`, what pages, alarms and points need of it. Knows no measurements.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import tzinfo

import attrs

from faultline.inventory.extent import everything_on
from faultline.inventory.model import Inventory, Line
from faultline.records.incident import Base
from faultline.records.terms import ComponentKind, LineCode, SessionId, TenantId, VantageId
from faultline.reports.material import LineCard, LinePath, PathElement, PathHost, PathVantage, PlannedWindow
from faultline.reports.numbers import zone


@attrs.frozen(slots=True, kw_only=True)
class SessionFacts:
    """A test session on a line."""

    id: SessionId
    line: LineCode
    """Whose rows it is in: a session over a part that lines share is filed under one of them."""
    sender: VantageId
    reflector: VantageId
    from_z: bool
    """Its sender is the one nearer to Z."""
    is_full_size: bool = False


@attrs.frozen(slots=True, kw_only=True)
class LineFacts:
    """One line."""

    card: LineCard
    tenant: TenantId
    path: LinePath
    """With its alternatives, the hosts behind Z, and the sites of all of them."""
    sessions: tuple[SessionFacts, ...] = ()
    """Those between two places of the line, from A to Z."""
    traces: frozenset[str] = frozenset()
    """Ids of its traced pairs."""
    addresses: Mapping[str, str] = attrs.field(factory=dict)
    """Name of who answers by an address."""
    instruments: Mapping[str, tuple[str, str]] = attrs.field(factory=dict)
    """Of each vantage that captures: its probe and observation point. Its health rows tell whether it is heard."""
    planned: tuple[PlannedWindow, ...] = ()
    """Declared work on anything of the line."""

    @property
    def from_z(self) -> frozenset[str]:
        """Sessions whose sender is the one nearer to Z."""
        return frozenset(session.id for session in self.sessions if session.from_z)

    @property
    def bases(self) -> frozenset[Base]:
        """Everything of the line that can fail."""
        return frozenset(element.base for element in self.path.every())


@attrs.frozen(slots=True, kw_only=True)
class Network:
    """All lines the inventory names."""

    lines: Mapping[LineCode, LineFacts]

    def lines_of(self, bases: Iterable[Base]) -> dict[LineCode, TenantId]:
        """Lines that cross any of the components, with their tenants."""
        wanted = frozenset(bases)
        return {code: facts.tenant for code, facts in self.lines.items() if not facts.bases.isdisjoint(wanted)}

    def bases_of(self, line: LineCode) -> frozenset[Base]:
        """Components of a line; empty when it is not known."""
        facts = self.lines.get(line)
        return facts.bases if facts else frozenset()

    def zones(self) -> dict[LineCode, tzinfo]:
        """Each line's time zone."""
        return {code: zone(facts.card.time_zone) for code, facts in self.lines.items()}

    def names(self) -> dict[str, str]:
        """Names of all components."""
        return {base: name for facts in self.lines.values() for base, name in facts.path.names.items()}


def network_of(inventory: Inventory) -> Network:
    """What the analyzer needs of an inventory."""
    return Network(lines={code: _facts(inventory, line) for code, line in inventory.lines.items()})


def _facts(inventory: Inventory, line: Line) -> LineFacts:
    tenant = inventory.tenants.get(line.tenant)
    places = {v.id: v.positions[line.code].place for v in inventory.vantages.values() if line.code in v.positions}
    return LineFacts(
        card=LineCard(
            code=line.code,
            customer=line.customer or (tenant.name if tenant else line.tenant),
            a_end=line.a_end.name,
            z_end=line.z_end.name,
            grade=line.grade,
            line_type=line.type,
            cir_bps=line.cir_bps,
            backup=line.backup,
            time_zone=line.time_zone,
        ),
        tenant=line.tenant,
        path=_path(inventory, line, places),
        sessions=tuple(_sessions(inventory, places)),
        traces=frozenset(trace.id for trace in inventory.traces.values() if trace.line == line.code),
        addresses={address: c.name for c in inventory.components.values() for address in c.addresses},
        instruments={
            name: (str(found.probe), found.observation_point)
            for name in places
            if (found := inventory.vantages[name]).probe is not None and found.observation_point is not None
        },
        planned=tuple(_planned(inventory, line)),
    )


def _sessions(inventory: Inventory, places: Mapping[VantageId, float]) -> list[SessionFacts]:
    """Sessions between two vantages of the line, also those filed under another line that shares the part."""
    found = [
        SessionFacts(
            id=session.id,
            line=session.line,
            sender=session.sender,
            reflector=session.reflector,
            from_z=places[session.sender] > places[session.reflector],
            is_full_size=session.is_full_size,
        )
        for session in inventory.sessions.values()
        if session.sender in places and session.reflector in places
    ]
    return sorted(found, key=lambda s: (sum(sorted((places[s.sender], places[s.reflector]))), s.id))


def _path(inventory: Inventory, line: Line, places: Mapping[VantageId, float]) -> LinePath:
    return LinePath(
        elements=tuple(_element(inventory, base) for base in line.path),
        hosts=tuple(_host(inventory, base) for base in line.z_end.hosts),
        vantages=tuple(PathVantage(name=name, position=place) for name, place in sorted(places.items(), key=lambda p: p[1])),
        sites=tuple(_site(inventory, site) for site in _sites(inventory, line)),
    )


def _element(inventory: Inventory, base: Base) -> PathElement:
    component = inventory.components[base]
    return PathElement(
        base=base,
        name=component.name,
        kind=component.kind,
        owner=component.owner,
        between=component.between,
        branches=tuple(tuple(_element(inventory, member) for member in branch) for branch in component.paths),
        site=Base(component.site) if component.site else None,
    )


def _host(inventory: Inventory, base: Base) -> PathHost:
    services = inventory.components[base].hosts
    return PathHost(
        element=_element(inventory, base),
        services=tuple(_element(inventory, Base(name)) for name in services if name in inventory.components),
    )


def _sites(inventory: Inventory, line: Line) -> dict[str, None]:
    """Buildings of everything on the line, from A to Z."""
    found = (inventory.components[base].site for base in everything_on(line, inventory.components))
    return {site: None for site in (line.a_end.site, *found, line.z_end.site) if site is not None}


def _site(inventory: Inventory, site: str) -> PathElement:
    known = inventory.sites[site]
    return PathElement(base=Base(site), name=known.name, kind=ComponentKind.SITE, owner=known.owner)


def _planned(inventory: Inventory, line: Line) -> Iterator[PlannedWindow]:
    """Work on anything of the line, earliest first."""
    mine = {*everything_on(line, inventory.components), *map(Base, _sites(inventory, line))}
    for work in sorted(inventory.planned, key=lambda w: (w.start_ns, w.end_ns)):
        places = tuple(base for base in work.components if base in mine)
        if places:
            yield PlannedWindow(places=places, start_ns=work.start_ns, end_ns=work.end_ns, reason=work.reason)
