"""What the operator knows, as records: tenants, sites, components, lines with their paths, vantages, tests, planned work.

Plain data, already checked by `faultline.inventory.reading`. Where things are along a line is `faultline.inventory.positions`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

import attrs

from faultline.inventory.calendar import PLAIN, Calendar
from faultline.inventory.promised import Contract, Grade, Vip
from faultline.records.incident import Base
from faultline.records.terms import (
    ComponentKind,
    DialId,
    Direction,
    LineCode,
    Owner,
    ProbeId,
    SessionId,
    TenantId,
    TraceId,
    VantageId,
)

SMALL_OCTETS = 1000
"""Test packets above this length are there to find out what size gets through."""


@attrs.frozen(slots=True, kw_only=True)
class Tenant:
    """Whose lines and measurements they are."""

    id: TenantId
    name: str
    vip: Vip | None = None
    calendar: str | None = None
    """Id of the calendar its days go by; None: Monday to Friday are worked."""


@attrs.frozen(slots=True, kw_only=True)
class Site:
    """A building: its power and its ducts are one shared risk."""

    id: str
    name: str
    owner: Owner = Owner.UNKNOWN


class TransportProtocol(StrEnum):
    """What a service is reached over."""

    TCP = "tcp"
    UDP = "udp"


@attrs.frozen(slots=True, kw_only=True)
class ServicePort:
    """A port a service listens on, `tcp/8200` as text."""

    protocol: TransportProtocol
    number: int

    def __str__(self) -> str:
        return f"{self.protocol.value}/{self.number}"


@attrs.frozen(slots=True, kw_only=True)
class Component:
    """A unit of localisation without its direction: a segment is one component here and two, `id>` and `id<`, in evidence."""

    id: Base
    name: str
    kind: ComponentKind
    owner: Owner
    site: str | None = None
    between: tuple[str, str] | None = None
    """For a segment: what it joins, in words, A side first."""
    hosts: tuple[str, ...] = ()
    """For a server: ids of the services on it."""
    addresses: tuple[str, ...] = ()
    """Of a router's interfaces, as traces show them, or of a host."""
    paths: tuple[tuple[Base, ...], ...] = ()
    """For a segment that is a bundle of alternatives: the members of each, A side first. Packets of a flow take one of them."""
    ports: tuple[ServicePort, ...] = ()
    """For a service: where it listens."""
    management: tuple[str, ...] = ()
    """Addresses that its own messages (traps, syslog) come from, where these are not among `addresses`."""

    @property
    def directed(self) -> bool:
        """Segments and links fail in one direction at a time; devices and servers are one thing."""
        return self.kind in {ComponentKind.SEGMENT, ComponentKind.LINK}


@attrs.frozen(slots=True, kw_only=True)
class LineEnd:
    """An end of a line."""

    name: str
    """City or address, as people say it."""
    prefixes: tuple[str, ...]
    """Networks behind it, in CIDR notation."""
    site: str | None = None
    hosts: tuple[Base, ...] = ()
    """Servers and resolvers that live behind it, beyond the end of the path."""


@attrs.frozen(slots=True, kw_only=True)
class Position:
    """A place on a line, in elements of its path: 2.0 is in the middle of (at) the third element, 2.5 the boundary after it.

    -0.5 is before the first element. A vantage at an element sees packets before and after it: slices to either side include it.
    """

    place: float


@attrs.frozen(slots=True, kw_only=True)
class Line:
    """The customer's service between two ends, as an ordered path from A to Z."""

    code: LineCode
    tenant: TenantId
    customer: str
    a_end: LineEnd
    z_end: LineEnd
    path: tuple[Base, ...]
    """Components from A to Z, each once."""
    grade: Grade | None = None
    type: str | None = None
    cir_bps: int | None = None
    """Committed rate."""
    eir_bps: int | None = None
    """What it may exceed the committed rate by."""
    contract: Contract = attrs.field(factory=Contract)
    state: str = "in_service"
    time_zone: str | None = None
    """IANA name; None: UTC."""
    backup: LineCode | None = None
    """The other line of a two-carrier pair."""
    reports_to: Direction | None = None
    """Towards the end the collector is behind, where the reports of the line's probes cross the line itself."""


class GroupKind(StrEnum):
    """What holds lines together."""

    GROUP = "group"
    """Somebody looks at them together."""
    BUNDLE = "bundle"
    """They carry one service together (n lines of 2 Mbit/s): one that fails costs rate, not the service."""


@attrs.frozen(slots=True, kw_only=True)
class LineGroup:
    """Lines of one tenant that belong together, and the services that ride on them."""

    id: str
    name: str
    kind: GroupKind
    lines: tuple[LineCode, ...]
    services: tuple[Base, ...] = ()


@attrs.frozen(slots=True, kw_only=True)
class Vantage:
    """An observation point of a probe, and where it is on each line it sees."""

    id: VantageId
    probe: ProbeId | None
    """None: a reflector that is not ours."""
    observation_point: str | None
    """What the probe calls the interface it captures; None: it only takes part in test sessions."""
    positions: Mapping[LineCode, Position]
    site: str | None = None
    address: str | None = None
    """Where tests to it go."""


@attrs.frozen(slots=True, kw_only=True)
class TestSession:
    """An active test session between two vantages of a line."""

    __test__ = False  # the field's word, not a test of pytest's

    id: SessionId
    line: LineCode
    sender: VantageId
    reflector: VantageId
    source_port: int | None = None
    """Fixed, so that its packets stay on one of equal paths; None: the system's choice."""
    packet_octets: int | None = None
    """Length of its IP packets; None: small."""

    @property
    def is_full_size(self) -> bool:
        """Whether it asks what size of packets gets through, beside whether any do."""
        return self.packet_octets is not None and self.packet_octets > SMALL_OCTETS


class DialProtocol(StrEnum):
    """What a dial test does: opens a connection, or asks for a name."""

    TCP = "tcp"
    DNS = "dns"


@attrs.frozen(slots=True, kw_only=True)
class Dial:
    """A dial test: a probe uses a service as its clients do."""

    id: DialId
    line: LineCode
    sender: VantageId
    protocol: DialProtocol
    endpoint: Base
    """The service, server or resolver that is used."""
    query: str | None = None
    """For DNS: the name asked for."""


@attrs.frozen(slots=True, kw_only=True)
class Trace:
    """A declared pair whose path is traced again and again: one of `target` and `endpoint`."""

    id: TraceId
    line: LineCode
    sender: VantageId
    target: VantageId | None = None
    endpoint: Base | None = None


@attrs.frozen(slots=True, kw_only=True)
class ProbeInterface:
    """An interface of a probe's host whose counters and link state speak for a component."""

    probe: ProbeId
    interface: str
    component: Base


@attrs.frozen(slots=True, kw_only=True)
class DeviceInterface:
    """An interface of a device that tells of itself: what is said of it is said of a component."""

    device: Base
    interface: str
    """As the device calls it (ifName, ifDescr)."""
    component: Base
    index: int | None = None
    """As the device numbers it (ifIndex); None: not known."""
    peers: tuple[str, ...] = ()
    """Addresses of neighbours across it: what a device says of a session with one is said of the component, too."""


@attrs.frozen(slots=True, kw_only=True)
class PlannedWork:
    """A declared maintenance window."""

    components: tuple[Base, ...]
    start_ns: int
    end_ns: int
    reason: str = ""


@attrs.frozen(slots=True, kw_only=True)
class Freeze:
    """A time in which nothing may be worked on: the end of a year, an election. Planning asks for it; verdicts do not."""

    start_ns: int
    end_ns: int
    reason: str = ""
    tenants: tuple[TenantId, ...] = ()
    lines: tuple[LineCode, ...] = ()
    """Neither tenants nor lines: it holds for all lines."""

    def holds_for_any(self, lines: Iterable[Line]) -> bool:
        """Whether one of the lines is frozen."""
        everybody = not self.tenants and not self.lines
        return any(everybody or line.tenant in self.tenants or line.code in self.lines for line in lines)


@attrs.frozen(slots=True, kw_only=True)
class Inventory:
    """Everything, by id, in the order of the file."""

    tenants: Mapping[TenantId, Tenant]
    sites: Mapping[str, Site]
    components: Mapping[Base, Component]
    lines: Mapping[LineCode, Line]
    vantages: Mapping[VantageId, Vantage]
    sessions: Mapping[SessionId, TestSession]
    interfaces: tuple[ProbeInterface, ...] = ()
    planned: tuple[PlannedWork, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    dials: Mapping[DialId, Dial] = attrs.field(factory=dict)
    traces: Mapping[TraceId, Trace] = attrs.field(factory=dict)
    device_interfaces: tuple[DeviceInterface, ...] = ()
    groups: Mapping[str, LineGroup] = attrs.field(factory=dict)
    calendars: Mapping[str, Calendar] = attrs.field(factory=dict)

    def calendar_of(self, line: Line) -> Calendar:
        """The calendar that a line's customer goes by."""
        tenant = self.tenants.get(line.tenant)
        return self.calendars.get(tenant.calendar or "", PLAIN) if tenant is not None else PLAIN
