"""Probes through raw sockets: whole packets out, ICMP and the destination's own answers in. Edge; needs CAP_NET_RAW."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from functools import partial

from faultline.records.terms import SECOND_NS
from faultline.runtime.console import BAD_USAGE, CommandError
from faultline.runtime.counters import Counters
from probe.paths.icmp import IcmpError, read
from probe.paths.local import Ends
from probe.paths.recognition import Sent, answer_of, segment_answer
from probe.paths.terms import Answer, Arrival, Kind, Method, Probe
from probe.paths.wire import Wire

_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("=qq")
_SOL_RAW, _ICMP_FILTER = 255, 1
_IP_PKTINFO = 8
_PKTINFO4, _PKTINFO6 = struct.Struct("=i4s4s"), struct.Struct("=16sI")
_ICMP6_FILTER = 1
_WANTED = {4: (0, 3, 11), 6: (1, 2, 3, 129)}
_MOST_OCTETS = 65_535
_BUFFER_OCTETS = 1 << 20
_BATCH = 256


class RawChannel:
    """Sends and receives for one run.

    Args:
        ends: addresses.
        method: of the trace; path MTU may be measured by echo requests beside it.
        destination_port: of UDP and TCP.
        source_port: of the first flow, the others follow; None: free ones.
        borrowed: the ports are another's on this host, and stay so: they are written into packets, and not taken.
        token: 32 random bits.
        counters: where what came in is counted.

    Raises:
        PermissionError: raw sockets are refused.
    """

    serial = False
    label = "raw"

    def __init__(
        self,
        ends: Ends,
        *,
        method: Method,
        destination_port: int,
        source_port: int | None,
        borrowed: bool = False,
        token: int,
        counters: Counters,
    ) -> None:
        self._ends = ends
        self._method = method
        self._source_port = source_port
        self._borrowed = borrowed
        self._ports: dict[int, int] = {}
        self._held: list[socket.socket] = []
        self._way_out = _through(ends)
        self._stage = counters.stage("trace_answers")
        self.wire = Wire(
            source=ends.source,
            destination=ends.destination,
            destination_port=destination_port,
            source_ports=self._ports,
            token=token,
        )
        self._poll = select.poll()
        self._readers: dict[int, tuple[socket.socket, Callable[[bytes, str, Sent], Answer | None]]] = {}
        six = ends.family == socket.AF_INET6
        try:
            self._out = self._hold(socket.socket(ends.family, socket.SOCK_RAW, socket.IPPROTO_RAW))
            errors = self._hold(
                socket.socket(ends.family, socket.SOCK_RAW, socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP)
            )
            self._only_wanted(errors)
            self._watch(errors, self._message)
            if method is Method.TCP:
                segments = self._hold(socket.socket(ends.family, socket.SOCK_RAW, socket.IPPROTO_TCP))
                segments.connect(ends.peer(0))  # the kernel gives us only what the destination sent
                self._watch(segments, self._segment)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give everything back."""
        for channel in self._held:
            channel.close()

    def send(self, probe: Probe) -> None:
        """Send a probe.

        Raises:
            OSError: the kernel did not take it; EMSGSIZE when the first link is too narrow.
            CommandError: the flow's port is in use.
        """
        if probe.flow not in self._ports:
            self._ports[probe.flow] = self._reserve(probe.flow)
        self._out.sendmsg([self.wire.craft(probe)], self._way_out, 0, self._ends.peer(0))

    def wait(self, until_ns: int, sent: Sent) -> list[Arrival]:
        """What answers our probes, as soon as something does, or nothing by a time (monotonic)."""
        left_ms = max(0, -(-(until_ns - time.monotonic_ns()) // 1_000_000))
        return [arrival for number, _ in self._poll.poll(left_ms) for arrival in self._read(number, sent)]

    # ---- in ------------------------------------------------------------------------------------------------------
    def _read(self, number: int, sent: Sent) -> Iterator[Arrival]:
        channel, understand = self._readers[number]
        for _ in range(_BATCH):
            try:
                data, control, _, peer = channel.recvmsg(_MOST_OCTETS, 128)
            except BlockingIOError:
                return
            except OSError:  # an error about an earlier packet; it comes as a message, too
                continue
            self._stage.take()
            try:
                answer = understand(data, str(peer[0]).partition("%")[0], sent)
            except IcmpError:
                self._stage.drop("malformed")
                continue
            if answer is None:
                self._stage.drop("not_ours")
                continue
            self._stage.done()
            yield Arrival(answer=answer, received_ns=received_ns(control))

    def _message(self, data: bytes, sender: str, sent: Sent) -> Answer | None:
        version = self.wire.version
        message = read(data if version == 6 else _without_header(data), version=version)  # noqa: PLR2004 - IP's own version number
        return None if message is None else answer_of(message, sender=sender, wire=self.wire, sent=sent)

    def _segment(self, data: bytes, sender: str, sent: Sent) -> Answer | None:
        segment = data if self.wire.version == 6 else _without_header(data)  # noqa: PLR2004 - as above
        return segment_answer(segment, sender=sender, wire=self.wire, sent=sent)

    def _datagram(self, data: bytes, sender: str, sent: Sent, *, flow: int) -> Answer | None:
        """A service answers on the port; which probe it answers is known when only one is under way."""
        if sender != str(self.wire.destination):
            return None
        ident = self.wire.payload_ident(data)
        known = ident if ident is not None and sent(ident) else None  # an echo service says it
        return Answer(kind=Kind.REACHED, address=sender, ident=known, flow=flow)

    # ---- sockets -------------------------------------------------------------------------------------------------
    def _hold(self, channel: socket.socket) -> socket.socket:
        self._held.append(channel)
        return channel

    def _watch(self, channel: socket.socket, understand: Callable[[bytes, str, Sent], Answer | None]) -> None:
        channel.setblocking(False)
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_OCTETS)
        channel.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._poll.register(channel, select.POLLIN)
        self._readers[channel.fileno()] = (channel, understand)

    def _only_wanted(self, channel: socket.socket) -> None:
        if self._ends.family == socket.AF_INET6:
            blocked = [0xFFFF_FFFF] * 8
            for kind in _WANTED[6]:
                blocked[kind >> 5] &= ~(1 << (kind & 31))
            channel.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, struct.pack("=8I", *blocked))
        else:
            passed = sum(1 << kind for kind in _WANTED[4])
            channel.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", ~passed & 0xFFFF_FFFF))

    def _reserve(self, flow: int) -> int:
        """A port that nobody else on this host uses while the run lasts; an echo's identifier is one as well."""
        if self._borrowed and self._source_port is not None:
            return self._source_port + flow
        kind = socket.SOCK_STREAM if self._method is Method.TCP else socket.SOCK_DGRAM
        channel = self._hold(socket.socket(self._ends.family, kind))
        wanted = 0 if self._source_port is None else self._source_port + flow
        try:
            channel.bind((str(self._ends.source), wanted, 0, self._ends.scope)[: 4 if self.wire.version == 6 else 2])  # noqa: PLR2004
        except (OSError, OverflowError) as error:
            raise CommandError(
                f"source port {wanted} cannot be taken: {getattr(error, 'strerror', None) or error}",
                hint="choose another --source-port, or leave it out",
                code=BAD_USAGE,
            ) from None
        if self._method is Method.UDP:
            self._watch(channel, partial(self._datagram, flow=flow))
        return int(channel.getsockname()[1])


def _through(ends: Ends) -> list[tuple[int, int, bytes]]:
    """Control data that make the kernel send out of the interface of the ends, where they name one."""
    if not ends.interface:
        return []
    if ends.family == socket.AF_INET6:
        return [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, _PKTINFO6.pack(bytes(16), ends.interface))]
    return [(socket.IPPROTO_IP, _IP_PKTINFO, _PKTINFO4.pack(ends.interface, bytes(4), bytes(4)))]


def received_ns(control: list[tuple[int, int, bytes]]) -> int:
    """When the kernel had a packet, on the monotonic clock; now, where it does not say."""
    now_ns = time.monotonic_ns()
    for level, kind, value in control:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS) and len(value) >= _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack_from(value)
            age_ns = time.time_ns() - (seconds * SECOND_NS + nanoseconds)
            return now_ns - age_ns if 0 <= age_ns < SECOND_NS else now_ns  # else the clock was set meanwhile
    return now_ns


def _without_header(packet: bytes) -> bytes:
    """Raw IPv4 sockets give the packet's own header, too."""
    return packet[(packet[0] & 0xF) * 4 :] if packet else b""
