"""Where a packet was: from (probe, observation point, addresses) to vantage, line, tenant, direction and endpoint.

Goes in: what the inventory says, as plain records. Comes out: a place, or the reason why there is none. Addresses are mapped by
the longest prefixes at both ends; when two lines fit equally well, nothing is guessed. Knows nothing of tables and of files.
"""

from __future__ import annotations

import ipaddress
import socket
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Protocol

import attrs

from faultline.records.terms import UNASSIGNED, DialId, Direction, LineCode, SessionId, TenantId, TraceId, VantageId

_MAX_KNOWN = 1 << 18
"""Addresses whose ends are remembered."""


class Nowhere(StrEnum):
    """Why traffic belongs to no line."""

    NO_LINE = "no_line"
    """No line has these two addresses at its two ends."""
    AMBIGUOUS = "ambiguous"
    """Two lines fit equally well."""
    NO_ADDRESS = "no_address"


@attrs.frozen(slots=True, kw_only=True)
class Place:
    """Where the packets of a biflow were seen, and on which line they travelled."""

    vantage: str
    """Id of the vantage, or `probe/observation point` when the inventory has none there."""
    tenant: TenantId
    line: LineCode | None = None
    forward: Direction | None = None
    """Direction on the line of the biflow's forward packets."""
    nowhere: Nowhere | None = None
    """Why there is no line."""
    at: float | None = None
    """Where the vantage is among the others of the line, rising from A to Z; None: it is alone there, or nobody knows."""


@attrs.frozen(slots=True, kw_only=True)
class LinePlace:
    """A line and the prefixes at its ends."""

    code: LineCode
    tenant: TenantId
    a_prefixes: tuple[str, ...]
    z_prefixes: tuple[str, ...]


@attrs.frozen(slots=True, kw_only=True)
class VantagePlace:
    """An observation point and the lines that pass it; no lines given: all may."""

    id: VantageId
    probe: str
    observation_point: str
    lines: frozenset[LineCode] = frozenset()
    order: Mapping[LineCode, float] = attrs.field(factory=dict)
    """Its place on each line, rising from A to Z."""


@attrs.frozen(slots=True, kw_only=True)
class Endpoint:
    """Who answers at an address and port."""

    id: str
    """The service that listens there, else the server or resolver whose address it is."""
    listens: bool
    """Whether the inventory says that somebody listens on this very port."""


@attrs.frozen(slots=True, kw_only=True)
class Port:
    """An interface of a device that exports flows."""

    vantage: str
    lines: Mapping[LineCode, Direction]
    """Lines that pass it, each with the direction of packets that come in there."""


PortFinder = Callable[[str, int | None, str | None], Port | None]
"""(exporter's address, index of its interface, name of its interface) to what the inventory says."""

EndpointFinder = Callable[[TenantId, str, int, int], Endpoint | None]
"""(tenant, address, protocol number, port) to who answers there."""


class Places(Protocol):
    """What enrichment asks of the inventory."""

    @property
    def endpoint_addresses(self) -> Collection[str]:
        """Every address of an endpoint of any tenant."""

    def place(self, probe: str, observation_point: str, source: str | None, destination: str | None) -> Place:
        """Where a biflow between two addresses was seen."""

    def between(
        self, source: str, destination: str, *, lines: Collection[LineCode] = ...
    ) -> tuple[LineCode, Direction] | Nowhere:
        """The line between two addresses, among these if any are given, and the direction of the packets on it."""

    def district(self, address: str | None) -> int:
        """A number that addresses share which are behind the same ends of lines: one is placed as the other is."""

    def tenant_of(self, line: LineCode) -> TenantId:
        """Whose line it is."""

    def port(self, exporter: str, index: int | None, name: str | None) -> Port | None:
        """An interface of an exporter; None when the inventory does not know it."""

    def session(self, session: str) -> tuple[TenantId, LineCode | None]:
        """Whose test session it is, and on which line."""

    def dial(self, dial: str) -> tuple[TenantId, LineCode | None]:
        """Whose dial test it is, and on which line."""

    def trace(self, trace: str) -> tuple[TenantId, LineCode | None]:
        """Whose traced path it is, and on which line."""

    def endpoint(self, tenant: TenantId, address: str, protocol: int, port: int) -> Endpoint | None:
        """Who answers there; None when the inventory does not know."""


@attrs.frozen(slots=True)
class _End:
    line: LineCode
    is_a: bool
    length: int


class Directory:
    """`Places` over plain records.

    Raises:
        ValueError: a prefix is none; the message names the line.
    """

    def __init__(
        self,
        *,
        lines: Iterable[LinePlace],
        vantages: Iterable[VantagePlace],
        sessions: Mapping[SessionId, LineCode],
        dials: Mapping[DialId, LineCode] | None = None,
        traces: Mapping[TraceId, LineCode] | None = None,
        endpoint_addresses: Collection[str] = (),
        endpoint: EndpointFinder = lambda *_: None,
        port: PortFinder = lambda *_: None,
    ) -> None:
        self._tenants: dict[LineCode, TenantId] = {}
        self._prefixes: dict[tuple[int, int], dict[int, list[_End]]] = {}
        """By (version, length), by network."""
        for line in lines:
            self._tenants[line.code] = line.tenant
            self._learn(line, line.a_prefixes, is_a=True)
            self._learn(line, line.z_prefixes, is_a=False)
        self._vantages = {(vantage.probe, vantage.observation_point): vantage for vantage in vantages}
        watched = Counter(line for vantage in self._vantages.values() for line in vantage.order)
        self._with_several = frozenset(line for line, vantages in watched.items() if vantages > 1)
        """Lines that more than one vantage watches, in a known order."""
        self._sessions = dict(sessions)
        self._dials = dict(dials or {})
        self._traces = dict(traces or {})
        self.endpoint_addresses = frozenset(endpoint_addresses)
        self._endpoint = endpoint
        self._port = port
        self._known: dict[str, tuple[int, tuple[_End, ...]]] = {}
        self._districts: dict[tuple[_End, ...], int] = {(): 0}

    def _learn(self, line: LinePlace, prefixes: Iterable[str], *, is_a: bool) -> None:
        for text in prefixes:
            try:
                network = ipaddress.ip_network(text, strict=False)
            except ValueError as error:
                raise ValueError(f"line {line.code}: {error}") from None
            table = self._prefixes.setdefault((network.version, network.prefixlen), {})
            table.setdefault(int(network.network_address), []).append(_End(line.code, is_a, network.prefixlen))

    def session(self, session: str) -> tuple[TenantId, LineCode | None]:
        """A session the inventory does not know belongs to nobody."""
        return self._owned(self._sessions.get(SessionId(session)))

    def dial(self, dial: str) -> tuple[TenantId, LineCode | None]:
        """A dial test the inventory does not know belongs to nobody."""
        return self._owned(self._dials.get(DialId(dial)))

    def trace(self, trace: str) -> tuple[TenantId, LineCode | None]:
        """A path the inventory does not know belongs to nobody."""
        return self._owned(self._traces.get(TraceId(trace)))

    def endpoint(self, tenant: TenantId, address: str, protocol: int, port: int) -> Endpoint | None:
        """As the inventory says."""
        return self._endpoint(tenant, address, protocol, port)

    def port(self, exporter: str, index: int | None, name: str | None) -> Port | None:
        """As the inventory says."""
        return self._port(exporter, index, name)

    def _owned(self, line: LineCode | None) -> tuple[TenantId, LineCode | None]:
        return (UNASSIGNED, None) if line is None else (self.tenant_of(line), line)

    def place(self, probe: str, observation_point: str, source: str | None, destination: str | None) -> Place:
        """The line whose two ends fit the two addresses best."""
        vantage = self._vantages.get((probe, observation_point))
        name = vantage.id if vantage else f"{probe}/{observation_point}"
        if source is None or destination is None:
            return Place(vantage=name, tenant=UNASSIGNED, nowhere=Nowhere.NO_ADDRESS)
        found = self.between(source, destination, lines=vantage.lines if vantage else frozenset())
        if isinstance(found, Nowhere):
            return Place(vantage=name, tenant=UNASSIGNED, nowhere=found)
        line, forward = found
        at = vantage.order.get(line) if vantage and line in self._with_several else None
        return Place(vantage=name, tenant=self._tenants[line], line=line, forward=forward, at=at)

    def between(
        self, source: str, destination: str, *, lines: Collection[LineCode] = frozenset()
    ) -> tuple[LineCode, Direction] | Nowhere:
        """The line, among these if any are given, whose two ends fit two addresses best, and the direction on it."""
        best: list[tuple[LineCode, Direction]] = []
        length = -1
        for line, direction, fit in self._fits(source, destination):
            if lines and line not in lines:
                continue
            if fit > length:
                best, length = [(line, direction)], fit
            elif fit == length and (line, direction) not in best:
                best.append((line, direction))
        if len(best) != 1:
            return Nowhere.AMBIGUOUS if best else Nowhere.NO_LINE
        return best[0]

    def tenant_of(self, line: LineCode) -> TenantId:
        """Whose line it is; a line the inventory does not know is nobody's."""
        return self._tenants.get(line, UNASSIGNED)

    def _fits(self, source: str, destination: str) -> Iterator[tuple[LineCode, Direction, int]]:
        """Lines with the two addresses at different ends, with the sum of the prefixes' lengths."""
        far: dict[LineCode, list[_End]] = {}
        for end in self._ends(destination):
            far.setdefault(end.line, []).append(end)
        for near in self._ends(source):
            for end in far.get(near.line, ()):
                if end.is_a != near.is_a:
                    yield near.line, Direction.A_TO_Z if near.is_a else Direction.Z_TO_A, near.length + end.length

    def district(self, address: str | None) -> int:
        """0 for what is behind no end of any line, -1 for no address."""
        return -1 if address is None else self._home(address)[0]

    def _ends(self, address: str) -> tuple[_End, ...]:
        return self._home(address)[1]

    def _home(self, address: str) -> tuple[int, tuple[_End, ...]]:
        """The district of an address and the ends it is behind."""
        known = self._known.get(address)
        if known is not None:
            return known
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        ends = tuple(self._look_up(address))
        # There are no more of them than prefixes.
        found = self._known[address] = (self._districts.setdefault(ends, len(self._districts)), ends)
        return found

    def _look_up(self, address: str) -> Iterator[_End]:
        version, family, bits = (6, socket.AF_INET6, 128) if ":" in address else (4, socket.AF_INET, 32)
        try:
            # Ten times as fast as `ipaddress`, and every new address comes by here.
            number = int.from_bytes(socket.inet_pton(family, address))
        except (OSError, ValueError):
            return
        for (of_version, length), table in self._prefixes.items():
            if of_version == version:
                yield from table.get(number >> (bits - length) << (bits - length), ())
