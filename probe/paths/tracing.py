"""A trace from beginning to end: sockets and clock around the pure cores, within a stated time. Edge."""

from __future__ import annotations

import errno
import secrets
import time
from collections.abc import Callable
from typing import Protocol

import attrs

from faultline.records.terms import SECOND_NS
from faultline.runtime.console import CommandError, say
from faultline.runtime.counters import Counters
from probe.paths.black_hole import HoleSearch
from probe.paths.discovery import GAP_HOPS, Discovery
from probe.paths.error_queue import QueueChannel
from probe.paths.local import Ends, ends_of_flow, find_ends
from probe.paths.path_mtu import MtuSearch
from probe.paths.raw import RawChannel
from probe.paths.recognition import Sent
from probe.paths.terms import MILLISECOND_NS, Arrival, Method, Probe
from probe.paths.wire import PROTOCOLS, Wire

_LOOK_NS = 200 * MILLISECOND_NS
_MTU_TIMEOUT_NS = 300 * MILLISECOND_NS
"""At least; three round trips where they are longer, up to a second."""

Progress = Callable[[str], None]


class Channel(Protocol):
    """Where probes go out and answers come in."""

    serial: bool
    label: str
    wire: Wire

    def send(self, probe: Probe) -> None:
        """Send one."""

    def wait(self, until_ns: int, sent: Sent) -> list[Arrival]:
        """What came by then."""

    def close(self) -> None:
        """Give it back."""


@attrs.frozen(slots=True, kw_only=True)
class Traced:
    """What a trace gave."""

    ends: Ends
    method: Method
    sockets: str
    discovery: Discovery
    mtu: MtuSearch | None
    """The search that was answered; None when none was, or none was wanted."""
    hole: HoleSearch | None
    """Of a path that loses large packets in silence."""
    source_ports: dict[int, int]
    seconds: float
    in_time: bool
    """Whether all was done before the time was over."""
    notes: tuple[str, ...]
    """What could not be done, and why."""


@attrs.frozen(slots=True, kw_only=True)
class Wanted:
    """What a person, or a standing task, asked for."""

    method: Method = Method.UDP
    flows: int | None = None
    samples: int = 3
    max_hops: int = 30
    timeout_s: float = 1.0
    limit_s: float = 60.0
    destination_port: int
    source: str | None = None
    """Local address to send from; None: the routes decide."""
    source_port: int | None = None
    borrowed_ports: bool = False
    """The source port is another's, who keeps it: nothing is bound, and only raw sockets will do. Packets take the way out of
    this host that the kernel gives that flow."""
    bound: bool = True
    """Whether the socket whose ports are borrowed is bound to an address: the kernel looks for its way with the address, or
    without."""
    gap_hops: int = GAP_HOPS
    path_mtu: bool = True
    version: int | None = None
    unprivileged: bool = False


def trace(host: str, wanted: Wanted, *, progress: Progress) -> Traced:
    """Trace the paths to a host; Ctrl-C ends it early with what there is.

    Raises:
        CommandError: no address, no route, a port in use, or packets of ours are refused by this host.
    """
    ends = find_ends(host, version=wanted.version, source=wanted.source)
    if wanted.borrowed_ports and wanted.source_port is not None:
        protocol = PROTOCOLS[ends.destination.version][wanted.method]
        ports = (wanted.source_port, wanted.destination_port)
        ends = ends_of_flow(ends, protocol=protocol, ports=ports, bound=wanted.bound)
    began_ns = time.monotonic_ns()
    run = _Run(ends, wanted, deadline_ns=began_ns + round(wanted.limit_s * SECOND_NS), progress=progress)
    try:
        discovery = run.discover()
        mtu = run.measure_mtu(discovery) if wanted.path_mtu and run.in_time else None
        hole = run.find_hole(discovery, mtu) if mtu and mtu.narrowing and mtu.narrowing.silent and run.in_time else None
    finally:
        run.channel.close()
    return Traced(
        ends=ends,
        method=run.method,
        sockets=run.channel.label,
        discovery=discovery,
        mtu=mtu,
        hole=hole,
        source_ports=dict(run.channel.wire.source_ports),
        seconds=(time.monotonic_ns() - began_ns) / SECOND_NS,
        in_time=run.in_time,
        notes=tuple(run.notes),
    )


class _Run:
    def __init__(self, ends: Ends, wanted: Wanted, *, deadline_ns: int, progress: Progress) -> None:
        self._ends = ends
        self._wanted = wanted
        self._deadline_ns = deadline_ns
        self._progress = progress
        self.notes: list[str] = []
        self.in_time = True
        self.method = wanted.method
        self.channel = self._open()

    def _open(self) -> Channel:
        token, counters = secrets.randbits(32), Counters()
        port, first = self._wanted.destination_port, self._wanted.source_port
        if not self._wanted.unprivileged:
            try:
                return RawChannel(
                    self._ends,
                    method=self.method,
                    destination_port=port,
                    source_port=first,
                    borrowed=self._wanted.borrowed_ports,
                    token=token,
                    counters=counters,
                )
            except PermissionError:
                if self._wanted.borrowed_ports:
                    raise CommandError(
                        "tracing a flow by its own ports needs raw sockets (CAP_NET_RAW is missing)",
                        hint="run as root (sudo), or grant AmbientCapabilities=CAP_NET_RAW in the unit",
                    ) from None
                self.notes.append(
                    "no raw sockets (CAP_NET_RAW is missing): UDP and the error queue instead, without MPLS and NAT signs"
                )
        if self.method is not Method.UDP:
            self.notes.append(f"{self.method} probes need raw sockets: these are UDP probes")
            self.method = Method.UDP
        return QueueChannel(self._ends, destination_port=port, source_port=first, token=token, counters=counters)

    def discover(self) -> Discovery:
        wanted = self._wanted
        discovery = Discovery(
            method=self.method,
            flows=wanted.flows,
            samples=wanted.samples,
            max_hops=wanted.max_hops,
            timeout_ns=round(wanted.timeout_s * SECOND_NS),
            serial=self.channel.serial,
            gap_hops=wanted.gap_hops,
        )
        self._drive(discovery, lambda: f"{len(discovery.flows)} flows, {discovery.sent} probes, {discovery.farthest} hops")
        return discovery

    def measure_mtu(self, discovery: Discovery) -> MtuSearch | None:
        """By echo requests first, which hosts answer without a limit of their own, then by the trace's own probes."""
        methods = [self.method] if self.channel.serial else list(dict.fromkeys((Method.ICMP, self.method)))
        if not discovery.reached():  # a second kind that is known not to be answered would only take time
            del methods[1:]
        first = discovery.sent + 1
        for method in methods:
            search = MtuSearch(
                method=method,
                version=self._ends.destination.version,
                small=self.channel.wire.smallest(method),
                largest=self._ends.link_mtu_octets,
                timeout_ns=self._mtu_timeout_ns(discovery),
                patience=4 if discovery.reached() else 2,
                first_ident=first,
            )
            self._drive(search, lambda: "path MTU")
            if search.answered:
                return search
            first = search.next_ident
        self.notes.append("path MTU is not known: the destination answers none of our packets")
        return None

    def find_hole(self, discovery: Discovery, mtu: MtuSearch) -> HoleSearch | None:
        if mtu.path_mtu is None:
            return None
        search = HoleSearch(
            method=self.method,
            routers={hop.ttl: hop.address for hop in discovery.flows[0].hops if hop.address is not None},
            size=mtu.path_mtu + 1,
            timeout_ns=self._mtu_timeout_ns(discovery),
            first_ident=mtu.next_ident,
        )
        self._drive(search, lambda: "where large packets are lost")
        return search

    def _mtu_timeout_ns(self, discovery: Discovery) -> int:
        return min(SECOND_NS, max(_MTU_TIMEOUT_NS, 3 * discovery.rtt_ns))

    def _drive(self, core: Discovery | MtuSearch | HoleSearch, told: Callable[[], str]) -> None:
        try:
            while not core.finished and self.in_time:
                now_ns = time.monotonic_ns()
                if now_ns >= self._deadline_ns:
                    self.in_time = False
                    self.notes.append(f"the time of {self._wanted.limit_s:g} s was over before all was done")
                    return
                while (probe := core.next_probe(now_ns)) is not None:
                    self._send(core, probe)
                    now_ns = time.monotonic_ns()
                self._progress(told())
                until_ns = min(core.next_ns(now_ns), self._deadline_ns, now_ns + _LOOK_NS)
                for arrival in self.channel.wait(until_ns, core.probe):
                    core.receive(arrival)
        except KeyboardInterrupt:
            say("interrupted: this is what there was")
            self.in_time = False

    def _send(self, core: Discovery | MtuSearch | HoleSearch, probe: Probe) -> None:
        try:
            self.channel.send(probe)
        except OSError as error:
            if error.errno == errno.EMSGSIZE and not isinstance(core, Discovery):
                core.refuse(probe.ident)
            elif error.errno == errno.EPERM:
                hint = "look at the output chain of nft or iptables on this host"
                raise CommandError("this host's own firewall refuses our packets", hint=hint) from None
            elif error.errno not in {errno.ENOBUFS, errno.EAGAIN}:  # such a packet counts as unanswered and is tried again
                hint = "`ip route get` shows what the kernel knows"
                raise CommandError(f"cannot send to {self._ends.destination}: {error.strerror}", hint=hint) from None
