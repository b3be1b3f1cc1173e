"""One component of the inventory: what it is, what it is made of, and what can be wrong with that.

Goes in: an entry. Comes out: a `Component`; `check_references` looks at what they say of each other once all are read: services
on servers, and the members of bundles.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from faultline.inventory.entry import Entry
from faultline.inventory.model import Component, ServicePort, TransportProtocol
from faultline.inventory.problems import meant
from faultline.records.incident import Base
from faultline.records.terms import ComponentKind, Owner

MOST_PORT = 65_535
MEMBERS = frozenset({ComponentKind.SEGMENT, ComponentKind.LINK, ComponentKind.DEVICE})
"""What an alternative of a bundle is made of."""
_NOT_DECLARED = {
    ComponentKind.SITE: "list it under `sites`",
    ComponentKind.ROUTE: "routes are found by tracing, leave it out",
    ComponentKind.PROBE: "probes are named by the vantages, leave it out",
}


def component_of(entry: Entry, *, component: Base | None, sites: Collection[str]) -> Component | None:
    """The component of an entry; None when it is not sound, with the reasons noted."""
    entry.only("id", "kind", "owner", "name", "site", "between", "hosts", "addresses", "paths", "ports", "management")
    kind, owner = entry.choice("kind", ComponentKind, but=_NOT_DECLARED), entry.choice("owner", Owner)
    name = entry.text("name")
    site = entry.reference("site", sites, "site")
    joins = tuple(text for _, text in entry.texts("between"))
    hosts = tuple(text for _, text in entry.texts("hosts"))
    addresses = entry.addresses("addresses")
    paths = tuple(tuple(Base(text) for text in texts) for _, texts in entry.lists("paths"))
    ports, management = _ports(entry), entry.addresses("management")
    if component is not None and component in sites:
        entry.wrong("id", f"{component!r} is already the id of a site", "verdicts name both: give each its own")
    if entry.has("between") and len(joins) != 2:  # noqa: PLR2004 - a segment has two ends
        entry.wrong("between", f"{len(joins)} ends", "name the two things it joins, A side first")
    if component is None or kind is None or owner is None:
        return None
    if ports and kind is not ComponentKind.SERVICE:
        entry.wrong("ports", f"a {kind} listens nowhere", "ports are those of components of kind service")
    return Component(
        id=component,
        name=name or component,
        kind=kind,
        owner=owner,
        site=site,
        between=(joins[0], joins[1]) if len(joins) == 2 else None,  # noqa: PLR2004 - as above
        hosts=hosts,
        addresses=addresses,
        paths=paths,
        ports=ports,
        management=management,
    )


def _ports(entry: Entry) -> tuple[ServicePort, ...]:
    found: dict[ServicePort, None] = {}
    for at, text in entry.texts("ports"):
        protocol, _, number = text.partition("/")
        if protocol not in set(TransportProtocol) or not number.isdecimal() or not 1 <= int(number) <= MOST_PORT:
            entry.wrong("ports", f"{text!r} is not a port", "write protocol/number, e.g. tcp/8200", at=at)
            continue
        port = ServicePort(protocol=TransportProtocol(protocol), number=int(number))
        if port in found:
            entry.wrong("ports", f"{port} is there twice", "keep one of them", at=at)
        found[port] = None
    return tuple(found)


def check_references(made: Iterable[tuple[Entry, Component]], known: Collection[str]) -> None:
    """Note what components say of each other that does not hold. `known` are all ids, of sound components or not."""
    made = list(made)
    components = {component.id: component for _, component in made}
    for entry, component in made:
        _check_hosts(entry, component, components, known)
        _check_paths(entry, component, components, known)
    _check_management(made)


def _check_hosts(entry: Entry, component: Component, components: Mapping[Base, Component], known: Collection[str]) -> None:
    if component.hosts and component.kind is not ComponentKind.SERVER:
        entry.wrong("hosts", f"a {component.kind} hosts nothing", "services are on components of kind server")
        return
    ports: dict[ServicePort, str] = {}
    for at, host in entry.references("hosts", known, "component"):
        service = components.get(Base(host))
        if service is None:
            continue
        if service.kind is not ComponentKind.SERVICE:
            entry.wrong("hosts", f"{host!r} is a {service.kind}", "a server hosts components of kind service", at=at)
        for port in service.ports:
            if ports.setdefault(port, host) != host:
                wrong = f"{ports[port]!r} and {host!r} both listen on {port}"
                entry.wrong("hosts", wrong, "one of them is elsewhere, or on another port", at=at)


def _check_paths(entry: Entry, component: Component, components: Mapping[Base, Component], known: Collection[str]) -> None:
    if component.paths and not component.directed:
        entry.wrong("paths", f"a {component.kind} has no alternatives", "a bundle of paths is of kind segment or link")
        return
    seen: dict[tuple[str, ...], int] = {}
    for at, members in entry.lists("paths"):
        for member in members:
            mistake = _wrong_member(Base(member), component, components, known)
            if mistake is not None:
                entry.wrong("paths", *mistake, at=at)
        repeated = sorted({m for m in members if members.count(m) > 1})
        if repeated:
            entry.wrong("paths", f"{', '.join(repeated)} is there twice: a loop", "a path crosses a component once", at=at)
        first = seen.setdefault(tuple(members), at)
        if first != at:
            entry.wrong("paths", f"the same path as paths[{first}]", "keep one of them", at=at)


def _wrong_member(
    member: Base, bundle: Component, components: Mapping[Base, Component], known: Collection[str]
) -> tuple[str, str] | None:
    """What is wrong with a member of a bundle's path, and what to do."""
    if member == bundle.id:
        return f"{member!r} is inside itself", "name what the bundle is made of"
    if member not in known:
        otherwise = "no component of this file is called so: add it, or correct the name"
        return f"no component {member!r}", meant(member, known, otherwise=otherwise)
    found = components.get(member)
    if found is None:
        return None
    if found.kind not in MEMBERS:
        return f"{member!r} is a {found.kind}", "a path is made of segments, links and devices"
    return (f"{member!r} is a bundle itself", "write its members in its place, a path for each") if found.paths else None


def _check_management(made: Iterable[tuple[Entry, Component]]) -> None:
    """Messages from one address are one component's."""
    owners: dict[str, Base] = {}
    for entry, component in made:
        for address in component.management:
            first = owners.setdefault(address, component.id)
            if first != component.id:
                entry.wrong(
                    "management", f"{address} is also that of {first!r}", "messages come from one of them: correct the other"
                )
