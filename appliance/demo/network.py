"""The bank's network: what it is made of, who owns what, how it is cabled and addressed. Shared by every ground the demo runs on.

Comes out: elements, wires between nodes, the bank's lines with their paths. Knows nothing of probes, faults or packets.

Four branches reach the data centre through a carrier. Two branches are on each of two provider edges; behind an edge two equal
paths cross the core to the edge of the data centre. What an operator without traces knows of the core is one span from edge to
edge (`core-1`, `core-2`); what it is made of are the routers `p1`, `p2` and the segments to them.
"""

from __future__ import annotations

import attrs

from faultline.records.terms import ComponentKind, Owner

TENANT = "bank"
CUSTOMER = "First Bank"
_KIND = ComponentKind


@attrs.frozen(slots=True, kw_only=True)
class Element:
    """A component: something that can fail and has an owner."""

    id: str
    kind: ComponentKind
    owner: Owner
    name: str
    between: tuple[str, str] | None = None
    """For a segment: what it joins, in words, A side first."""
    site: str | None = None
    """The building whose power it hangs on."""
    addresses: tuple[str, ...] = ()
    """By which it answers: a router's interfaces, a host."""
    paths: tuple[tuple[str, ...], ...] = ()
    """For a span of alternatives: the members of each, A side first."""
    hosts: tuple[str, ...] = ()
    """For a server: its services."""
    ports: tuple[str, ...] = ()
    """For a service: where it listens."""


@attrs.frozen(slots=True, kw_only=True)
class Port:
    """An end of a wire: an interface of a node, with its address."""

    node: str
    interface: str
    address: str | None = None
    """With prefix length; None: a port of a switch."""

    @property
    def host(self) -> str:
        """The address alone.

        Raises:
            ValueError: a switch's port has none.
        """
        if self.address is None:
            raise ValueError(f"{self.node} {self.interface} has no address")
        return self.address.split("/")[0]


@attrs.frozen(slots=True, kw_only=True)
class Wire:
    """A cable between two ports: the segment it is, or a patch lead inside the data centre that nobody counts."""

    id: str
    a: Port
    z: Port

    @property
    def is_element(self) -> bool:
        """Whether it can fail by itself."""
        return self.id in ELEMENTS


@attrs.frozen(slots=True, kw_only=True)
class Branch:
    """A branch and its line to the data centre."""

    number: int
    city: str
    line: str
    edge: int
    """Number of the provider edge it is on, which is the number of its span of the core, too."""

    @property
    def site(self) -> str:
        """The building."""
        return f"branch-{self.number}"

    @property
    def prefix(self) -> str:
        """The network behind it."""
        return f"10.1.{self.number}.0/24"

    @property
    def path(self) -> tuple[str, ...]:
        """Components from A to Z as they are declared: the core is one span."""
        i, k = self.number, self.edge
        return (f"lan-{i}", f"ce-{i}", f"loop-{i}", f"pe{k}", f"core-{k}", "pe3", "loop-dc", "fw", "dc-lan", "dc-sw")


BRANCHES = (
    Branch(number=1, city="Ningbo", line="CN-NB-0017", edge=1),
    Branch(number=2, city="Hangzhou", line="CN-HZ-0018", edge=1),
    Branch(number=3, city="Suzhou", line="CN-SZ-0021", edge=2),
    Branch(number=4, city="Nanjing", line="CN-NJ-0034", edge=2),
)
EDGES = (1, 2)
MIDDLES = (1, 2)
"""The core's two routers, one on each of the equal paths."""
DC_CITY = "Shanghai"
DC_SITE = "dc"
DC_PREFIX = "10.9.0.0/24"
CORE_PREFIX = "10.200.0.0/16"
LOOPBACKS = {"pe1": "10.200.255.1", "pe2": "10.200.255.2", "pe3": "10.200.255.3", "p1": "10.200.255.11", "p2": "10.200.255.12"}
"""A router's own address, by which it is reached whichever of its links is up."""
COLLECTOR_ADDRESS = "10.9.0.100"
"""Of the operations host behind the data centre's switch, where the reports go that travel over the lines themselves."""


def _wires() -> tuple[Wire, ...]:
    found = []
    for branch in BRANCHES:
        i, edge = branch.number, f"pe{branch.edge}"
        host, lan = Port(node=f"host-{i}", interface="eth0", address=f"10.1.{i}.10/24"), f"10.1.{i}.1/24"
        found += [
            Wire(id=f"lan-{i}", a=host, z=Port(node=f"ce-{i}", interface="lan0", address=lan)),
            _link(f"loop-{i}", f"10.200.{i}", (f"ce-{i}", "wan0"), (edge, f"acc{i}")),
        ]
    for k in EDGES:
        found += [_link(f"pe{k}-p{m}", f"10.200.{k}{m}", (f"pe{k}", f"core{m}"), (f"p{m}", f"edge{k}")) for m in MIDDLES]
    found += [_link(f"p{m}-pe3", f"10.200.3{m}", (f"p{m}", "edge3"), ("pe3", f"core{m}")) for m in MIDDLES]
    switch = Port(node="dc-sw", interface="up0")
    found += [
        _link("loop-dc", "10.200.40", ("pe3", "acc0"), ("fw", "wan0")),
        Wire(id="dc-lan", a=Port(node="fw", interface="lan0", address="10.9.0.1/24"), z=switch),
    ]
    hosts = {"srv-1": "10.9.0.11", "srv-2": "10.9.0.12", "dns-1": "10.9.0.53", "ops": COLLECTOR_ADDRESS}
    for at, (node, address) in enumerate(hosts.items(), 1):
        port = Port(node=node, interface="eth0", address=f"{address}/24")
        found.append(Wire(id=f"patch-{node}", a=Port(node="dc-sw", interface=f"port{at}"), z=port))
    return tuple(found)


def _link(segment: str, network: str, a: tuple[str, str], z: tuple[str, str]) -> Wire:
    """A point-to-point link: the A side has the first address of a /30."""
    first, second = (
        Port(node=node, interface=interface, address=f"{network}.{host}/30") for host, (node, interface) in enumerate((a, z), 1)
    )
    return Wire(id=segment, a=first, z=second)


WIRES = _wires()
WIRE = {wire.id: wire for wire in WIRES}
NODES = tuple(dict.fromkeys(port.node for wire in WIRES for port in (wire.a, wire.z)))
ROUTERS = tuple(node for node in NODES if node.startswith(("ce-", "pe", "p1", "p2", "fw")))


def ports_of(node: str) -> tuple[Port, ...]:
    """A node's ports, in the order they were cabled."""
    return tuple(port for wire in WIRES for port in (wire.a, wire.z) if port.node == node)


def address_of(node: str, interface: str) -> str:
    """Address of a node's interface."""
    return next(port.host for port in ports_of(node) if port.interface == interface)


def _own_addresses(node: str) -> tuple[str, ...]:
    """Everything a node answers by, its loopback first."""
    loopback = LOOPBACKS.get(node)
    return (*([loopback] if loopback else []), *(port.host for port in ports_of(node) if port.address))


def _segment(id_: str, owner: Owner, name: str, joins: tuple[str, str], **more: str) -> Element:
    return Element(id=id_, kind=_KIND.SEGMENT, owner=owner, name=name, between=joins, site=more.get("site"))


def _device(id_: str, owner: Owner, name: str, site: str | None = None) -> Element:
    return Element(id=id_, kind=_KIND.DEVICE, owner=owner, name=name, site=site, addresses=_own_addresses(id_))


def _host(id_: str, kind: ComponentKind, name: str, hosts: tuple[str, ...] = ()) -> Element:
    addresses = _own_addresses(id_)
    return Element(id=id_, kind=kind, owner=Owner.DESTINATION, name=name, site=DC_SITE, addresses=addresses, hosts=hosts)


def _service(id_: str, name: str, port: str) -> Element:
    return Element(id=id_, kind=_KIND.SERVICE, owner=Owner.DESTINATION, name=name, ports=(port,))


def _of_branch(branch: Branch) -> tuple[Element, ...]:
    i, city, router = branch.number, branch.city, f"{branch.city} CE router"
    edge = f"PE{branch.edge}"
    return (
        _segment(f"lan-{i}", Owner.CUSTOMER, f"{city} branch LAN", (f"{city} branch host", router), site=branch.site),
        _device(f"ce-{i}", Owner.CUSTOMER, router, branch.site),
        _segment(f"loop-{i}", Owner.ACCESS, f"{city} access loop", (router, edge)),
    )


def _core() -> tuple[Element, ...]:
    owner = Owner.CARRIER_CORE
    devices = [_device(id_, owner, id_.upper()) for id_ in ("pe1", "pe2", "p1", "p2", "pe3")]
    joins = [*((f"pe{k}", f"p{m}") for k in EDGES for m in MIDDLES), *((f"p{m}", "pe3") for m in MIDDLES)]
    segments = [_segment(f"{a}-{z}", owner, f"core segment {a.upper()}-{z.upper()}", (a.upper(), z.upper())) for a, z in joins]
    spans = [
        attrs.evolve(
            _segment(f"core-{k}", owner, f"core from PE{k} to PE3", (f"PE{k}", "PE3")),
            paths=tuple((f"pe{k}-p{m}", f"p{m}", f"p{m}-pe3") for m in MIDDLES),
        )
        for k in EDGES
    ]
    return (*devices, *segments, *spans)


def _of_the_data_centre() -> tuple[Element, ...]:
    return (
        _segment("loop-dc", Owner.ACCESS, "data-centre loop", ("PE3", "firewall")),
        _device("fw", Owner.DESTINATION, "firewall", DC_SITE),
        _segment("dc-lan", Owner.DESTINATION, "data-centre LAN", ("firewall", "data-centre switch"), site=DC_SITE),
        _device("dc-sw", Owner.DESTINATION, "data-centre switch", DC_SITE),
        _host("srv-1", _KIND.SERVER, "teller server", ("svc-teller",)),
        _host("srv-2", _KIND.SERVER, "web and file server", ("svc-web", "svc-file")),
        _host("dns-1", _KIND.RESOLVER, "name server"),
        _service("svc-teller", "teller application", "tcp/8200"),
        _service("svc-web", "web application", "tcp/8080"),
        _service("svc-file", "file service", "tcp/8201"),
    )


ELEMENTS: dict[str, Element] = {
    element.id: element for element in (*(e for branch in BRANCHES for e in _of_branch(branch)), *_core(), *_of_the_data_centre())
}
"""Every component an operator declares, branches first."""
SITES: dict[str, Element] = {
    **{
        branch.site: Element(id=branch.site, kind=_KIND.SITE, owner=Owner.CUSTOMER, name=f"Branch {branch.number}, {branch.city}")
        for branch in BRANCHES
    },
    DC_SITE: Element(id=DC_SITE, kind=_KIND.SITE, owner=Owner.DESTINATION, name=f"Data centre, {DC_CITY}"),
}
PLACES = ELEMENTS | SITES
"""Whatever can fail."""
SPANS = {element.id: element for element in ELEMENTS.values() if element.paths}
REDUNDANT = frozenset(member for span in SPANS.values() for path in span.paths for member in path)
"""Members of the core's alternatives: without one of them traffic takes the other."""
ENDPOINTS = ("srv-1", "srv-2", "dns-1")
"""What lies behind the data centre's switch."""
