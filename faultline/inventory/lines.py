"""One line of the inventory: its ends, its path, and what can be wrong with them."""

from __future__ import annotations

import zoneinfo
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum

from faultline.inventory.components import MEMBERS
from faultline.inventory.endpoints import HOSTS
from faultline.inventory.entry import Entry
from faultline.inventory.extent import everything_on
from faultline.inventory.model import Component, Line, LineEnd, Tenant
from faultline.inventory.promised import Contract, Grade, contract_of
from faultline.records.incident import Base
from faultline.records.terms import ComponentKind, Direction, LineCode, TenantId

ON_A_PATH = frozenset(
    {ComponentKind.SEGMENT, ComponentKind.LINK, ComponentKind.DEVICE, ComponentKind.SERVER, ComponentKind.RESOLVER}
)


class LineState(StrEnum):
    """Where a line is in its life."""

    COMMISSIONING = "commissioning"
    IN_SERVICE = "in_service"
    MAINTENANCE = "maintenance"
    SUSPENDED = "suspended"
    REMOVED = "removed"


IN_USE = frozenset({LineState.COMMISSIONING, LineState.IN_SERVICE, LineState.MAINTENANCE})
"""States in which somebody may be sending packets."""


def line_of(
    entry: Entry,
    *,
    code: LineCode | None,
    tenants: Mapping[TenantId, Tenant],
    known_tenants: Collection[str],
    sites: Collection[str],
    components: Mapping[Base, Component],
    known_components: Collection[str],
    lines: Collection[str],
) -> Line | None:
    """The line of an entry; None when it is not sound, with the reasons noted."""
    entry.only(
        "code",
        "tenant",
        "customer",
        "grade",
        "type",
        "cir_bps",
        "eir_bps",
        "contract",
        "state",
        "time_zone",
        "backup",
        "a_end",
        "z_end",
        "path",
        "reports_to",
    )
    tenant = entry.reference("tenant", known_tenants, "tenant", required=True)
    customer, grade, type_ = entry.text("customer"), entry.option("grade", Grade), entry.text("type")
    cir_bps, eir_bps = entry.number("cir_bps"), entry.number("eir_bps")
    contract = _contract(entry)
    state = entry.choice("state", LineState, default=LineState.IN_SERVICE)
    time_zone = _time_zone(entry)
    backup, reports_to = _backup(entry, code, lines), _reports_to(entry)
    a_end, z_end = (_end(entry, key, sites, components, known_components) for key in ("a_end", "z_end"))
    path = _path(entry, components, known_components)
    if a_end and z_end:
        _refuse_same_prefix(entry, a_end, z_end)
    if a_end and z_end and path:
        _refuse_second_places(entry, a_end, z_end, path, components)
    if code is None or tenant is None or a_end is None or z_end is None or path is None or state is None:
        return None
    owner = tenants.get(TenantId(tenant))
    return Line(
        code=code,
        tenant=TenantId(tenant),
        customer=customer or (owner.name if owner else tenant),
        a_end=a_end,
        z_end=z_end,
        path=path,
        grade=grade,
        type=type_,
        cir_bps=cir_bps,
        eir_bps=eir_bps,
        contract=contract,
        state=state.value,
        time_zone=time_zone,
        backup=backup,
        reports_to=reports_to,
    )


def _contract(entry: Entry) -> Contract:
    remedy = "say what is to be kept, e.g. {availability_percent: 99.95}"
    inner = entry.entry("contract", remedy=remedy) if "contract" in entry else None
    return contract_of(inner) if inner is not None else Contract()


def _end(
    entry: Entry, key: str, sites: Collection[str], components: Mapping[Base, Component], known: Collection[str]
) -> LineEnd | None:
    inner = entry.entry(key, remedy="say where it is and what is behind it: {name: Ningbo, prefixes: [10.1.17.0/24]}")
    if inner is None:
        return None
    inner.only("name", "site", "prefixes", "hosts")
    name = inner.text("name", required=True, remedy="say the city or address as people do")
    site = inner.reference("site", sites, "site")
    prefixes = inner.prefixes("prefixes")
    hosts = inner.references("hosts", known, "component")
    all_known = len(hosts) == len(inner.texts("hosts"))
    for at, text in hosts:
        component = components.get(Base(text))
        if component is not None and component.kind not in HOSTS:
            inner.wrong("hosts", f"{text!r} is a {component.kind}", "servers and resolvers live behind an end", at=at)
    bases = tuple(Base(text) for _, text in hosts)
    return LineEnd(name=name, prefixes=prefixes, site=site, hosts=bases) if name and prefixes and all_known else None


def _path(entry: Entry, components: Mapping[Base, Component], known: Collection[str]) -> tuple[Base, ...] | None:
    """Components from A to Z, each once and of a kind that packets cross."""
    remedy = "list the components from A to Z"
    named = entry.texts("path", required=True, remedy=remedy)
    sound = len(named) == len(entry.references("path", known, "component")) and bool(named)
    places: dict[str, int] = {}
    for at, text in named:
        if text in places:
            wrong = f"{text!r} is already element {places[text]} of the path: a loop"
            entry.wrong("path", wrong, "a line crosses a component once; give the second one its own id", at=at)
            sound = False
        places.setdefault(text, at)
        component = components.get(Base(text))
        if component is not None and component.kind not in ON_A_PATH:
            entry.wrong("path", f"{text!r} is a {component.kind}", "a path has segments, links, devices and servers", at=at)
            sound = False
    return tuple(Base(text) for _, text in named) if sound else None


def _backup(entry: Entry, code: LineCode | None, lines: Collection[str]) -> LineCode | None:
    backup = entry.reference("backup", lines, "line")
    if backup is not None and backup == code:
        entry.wrong("backup", "a line cannot be its own backup", "name the other line of the pair")
        return None
    return LineCode(backup) if backup else None


def _reports_to(entry: Entry) -> Direction | None:
    """The direction of reports that cross the line itself."""
    ends = {"a_end": Direction.Z_TO_A, "z_end": Direction.A_TO_Z}
    text = entry.text("reports_to")
    if text is not None and text not in ends:
        remedy = "name the end the collector is behind, or leave it out where reports have a network of their own"
        entry.wrong("reports_to", f"{text!r} is not one of {', '.join(ends)}", remedy)
    return ends.get(text) if text is not None else None


def _time_zone(entry: Entry) -> str | None:
    name = entry.text("time_zone")
    if name is None:
        return None
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        # A system without zone data knows none: that is not the file's mistake.
        if zoneinfo.available_timezones():
            entry.wrong("time_zone", f"no time zone {name!r}", "use an IANA name, e.g. Asia/Shanghai")
            return None
    return name


def _refuse_same_prefix(entry: Entry, a_end: LineEnd, z_end: LineEnd) -> None:
    both = [prefix for prefix in a_end.prefixes if prefix in z_end.prefixes]
    if both:
        remedy = "the direction of its packets cannot be told: list it where it is"
        entry.wrong("z_end", f"{', '.join(both)} is behind both ends", remedy)


def _refuse_second_places(
    entry: Entry, a_end: LineEnd, z_end: LineEnd, path: tuple[Base, ...], components: Mapping[Base, Component]
) -> None:
    """A component has one place on a line: on its path, inside one bundle of it, or behind one of its ends."""
    bundles = [components[b] for b in path if b in components]
    inside = {m: bundle.id for bundle in bundles for members in bundle.paths for m in members if m != bundle.id}
    inside = {m: b for m, b in inside.items() if m in components and components[m].kind in MEMBERS}
    for at, base in enumerate(path):
        if base in inside:
            wrong = f"{base!r} is inside {inside[base]!r}, which is on the path too"
            entry.wrong("path", wrong, "name the bundle or its members, not both", at=at)
    for base in (*a_end.hosts, *z_end.hosts):
        if base in path:
            entry.wrong("path", f"{base!r} is on the path and behind an end", "keep one of them", at=path.index(base))
    both = [base for base in a_end.hosts if base in z_end.hosts]
    if both:
        entry.wrong("z_end", f"{', '.join(both)} is behind both ends", "list it where it is")


def refuse_shared_addresses(lines: Iterable[Line], components: Mapping[Base, Component], entries: Mapping[str, Entry]) -> None:
    """Refuse an address that two components of one tenant's lines have: a trace could not tell which of them answered.

    `entries` are the components' own, where the mistake is.
    """
    owners: dict[tuple[TenantId, str], Base] = {}
    for line in lines:
        for base in everything_on(line, components):
            for address in components[base].addresses:
                first = owners.setdefault((line.tenant, address), base)
                if first != base:
                    # The one further down the file is the one to look at.
                    at, other = sorted((base, first), key=lambda b: entries[b].line_of() or 0, reverse=True)
                    wrong = f"{address} is also an address of {other!r}"
                    entries[at].wrong("addresses", wrong, "an address is one component's: correct one of them")
