"""The session-sender's edge: sessions on their sockets, sent on time, each scheduled packet accounted for.

scheduled = done + failed(reason) + skipped(reason), as counter stage `sessions`. What a packet that the kernel does not take
counts as:
- no route, no link, no address (ENETUNREACH and its kin): sent, and lost without a direction. The line cannot carry it, and
  saying nothing would make an outage look like a pause;
- the host's own packet filter (EPERM): sent, and lost on the way out, which is where it died;
- no reflector at the end (that host's ICMP port unreachable): failed, for the line did its part; a reflector that is restarted
  must not look like a line that is down. A counted session, which a person watches, keeps such packets as lost;
- anything else (no buffer, too long for this host's own link): failed, not sent; the second is marked as not measured when
  that takes half of its packets. A packet whose turn had passed before the host let us run is skipped, never sent in a burst
  afterwards.
"""

from __future__ import annotations

import errno
import select
import socket
import time
import zlib
from collections.abc import Callable, Iterator

import attrs

from faultline.records.terms import SECOND_NS
from faultline.runtime.counters import Counters
from probe.active.local_clock import LocalClock
from probe.active.loop import Loop
from probe.active.packet import ssid_of
from probe.active.result import Outcome
from probe.active.session import Answer, Cut, Session, TestPacket
from probe.active.sockets import Address, Datagram, StampSocket
from probe.active.tlv import Source

_GONE = frozenset(
    {
        errno.ENETUNREACH,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.EHOSTDOWN,
        errno.ENODEV,
        errno.ENXIO,
        errno.EADDRNOTAVAIL,
        errno.EACCES,  # a `prohibit` route
        errno.EINVAL,  # the bound address is no longer this host's, or a `blackhole` route
    }
)
_STAMPS_A_TURN = 256
_STAMPS_KEPT = 1 << 16
"""Sends whose kernel stamp has not come; a driver that gives none must not fill the memory."""


def fitting_ssid(name: str, taken: set[int]) -> int:
    """A session identifier from 1 to 65535 made from the session's name: the same at every start, and not one of those taken."""
    ssid = zlib.crc32(name.encode()) % 0xFFFF + 1
    while ssid in taken:
        ssid = ssid % 0xFFFF + 1
    return ssid


class _Line:
    """A socket and the sessions that share it."""

    def __init__(self, channel: StampSocket) -> None:
        self.channel = channel
        self.by_peer: dict[tuple[str, int], dict[int, Running]] = {}
        """Sessions by the peer's address and port, then by SSID."""
        self.unstamped: dict[int, TestPacket] = {}
        self.overflowed = 0

    def find(self, datagram: Datagram) -> Running | None:
        """The session that a datagram belongs to: by its address, then by the SSID in it."""
        sessions = self.by_peer.get(_bare(datagram.peer), {})
        if len(sessions) == 1:
            return next(iter(sessions.values()))  # a reflector of RFC 8762 alone does not repeat the SSID
        for authenticated in (False, True):
            running = sessions.get(ssid_of(datagram.data, authenticated=authenticated))
            if running is not None and running.authenticated == authenticated:
                return running
        return None


@attrs.define(slots=True, kw_only=True, eq=False)
class Running:
    """A session that is sent."""

    session: Session
    peer: Address
    remaining: int | None = None
    """Packets still to send; None: until stopped."""
    authenticated: bool = False
    on_end: Callable[[], None] | None = None
    line: _Line | None = None
    """Set when it begins."""
    refusal: OSError | None = None
    """Why the kernel last took no packet."""


def _bare(address: Address) -> tuple[str, int]:
    return address[0].partition("%")[0], address[1]


class Sender:
    """Sessions of one loop. Everything but `open_line` happens in the loop's thread."""

    def __init__(self, loop: Loop, *, clock: LocalClock, counters: Counters) -> None:
        self._loop = loop
        self._clock = clock
        self._stage = counters.stage("sessions")
        self._replies = counters.stage("replies")
        self._counters = counters
        self._lines: dict[tuple[socket.AddressFamily, int, str, int], _Line] = {}
        self._running: list[Running] = []

    def open_line(self, family: socket.AddressFamily, traffic_class: int, source: str, port: int = 0) -> _Line:
        """The socket of a family, traffic class and local address and port; opened at the first call.

        Raises:
            OSError: the address is not this host's, or the port is another's.
        """
        key = (family, traffic_class, source, port)
        if key not in self._lines:
            channel = StampSocket(family, (source, port), traffic_class=traffic_class, transmit_stamps=True)
            self._lines[key] = line = _Line(channel)
            self._loop.watch(channel, lambda events: self._ready(line, events))
        return self._lines[key]

    def begin(self, running: Running, *, traffic_class: int = 0, source: str | None = None, port: int | None = None) -> None:
        """Send a session from now on, at a phase of its own."""
        family = socket.AF_INET6 if ":" in running.peer[0] else socket.AF_INET
        source = source or ("::" if family == socket.AF_INET6 else "0.0.0.0")
        running.line = line = self.open_line(family, traffic_class, source, port or 0)
        line.by_peer.setdefault(_bare(running.peer), {})[running.session.ssid] = running
        self._running.append(running)
        session = running.session
        session.since_ns = time.time_ns()
        session.hops_sent_with = line.channel.hops_sent_with
        phase_ns = zlib.crc32(session.name.encode()) % session.interval_ns if running.remaining is None else 0
        self._loop.at(time.monotonic_ns() + phase_ns, lambda due_ns, now_ns: self._send_due(running, due_ns, now_ns))

    def close(self) -> None:
        """Give the sockets back."""
        for line in self._lines.values():
            line.channel.close()

    # ---- out -----------------------------------------------------------------------------------------------------
    def _send_due(self, running: Running, due_ns: int, now_ns: int) -> int | None:
        self.send(running, lag_ns=max(0, now_ns - due_ns))
        next_ns = due_ns + running.session.interval_ns
        if running.remaining is not None:
            running.remaining -= 1
            if running.remaining <= 0:
                if running.on_end:
                    running.on_end()
                return None
            return max(next_ns, now_ns)  # a counted session sends all of its packets, later if need be
        missed = max(0, (now_ns - next_ns) // running.session.interval_ns)
        if missed:
            self._stage.take(missed)
            self._stage.drop("skipped_starved", missed)
        return next_ns + missed * running.session.interval_ns

    def send(self, running: Running, *, lag_ns: int = 0) -> None:
        """Send a session's next packet now; `lag_ns` says how much later than planned."""
        line = running.line
        if line is None:
            return
        self._stage.take()
        session = running.session
        packet, octets = session.next_packet(time.time_ns(), error_estimate=self._clock.error_estimate, lag_ns=lag_ns)
        try:
            ident = line.channel.send(octets, running.peer)
        except OSError as error:
            self._refused(running, packet, error)
            return
        session.sent(packet)
        if line.channel.stamps:
            line.unstamped[ident] = packet
            if len(line.unstamped) > _STAMPS_KEPT:
                del line.unstamped[next(iter(line.unstamped))]
            # Most drivers stamp before sending returns: taken here, it costs no turn of the loop.
            self._take_stamps(line, most=1)

    def _refused(self, running: Running, packet: TestPacket, error: OSError) -> None:
        running.refusal = error
        name = errno.errorcode.get(error.errno or 0, "other").lower()
        if error.errno in _GONE or error.errno == errno.EPERM:
            self._counters.count("sessions_refused", reason=name)
            running.session.refused(packet, Outcome.FILTERED if error.errno == errno.EPERM else Outcome.GONE)
        else:
            self._stage.drop(f"failed_{name}")

    # ---- in ------------------------------------------------------------------------------------------------------
    def _ready(self, line: _Line, events: int) -> None:
        if events & select.EPOLLERR and not self._take_stamps(line, most=_STAMPS_A_TURN):
            line.channel.drain_errors()
        if events & select.EPOLLIN:
            for datagram in line.channel.receive():
                self._take_reply(line, datagram)
            if line.channel.overflowed != line.overflowed:
                self._note_overflow(line)

    def _take_stamps(self, line: _Line, *, most: int) -> bool:
        """Give the packets the stamps that wait; whether there were any."""
        found = False
        for ident, stamp_ns in line.channel.transmit_stamps(most):
            found = True
            packet = line.unstamped.pop(ident, None)
            # The kernel stamps a packet after the program built it, and before its timeout: any other id went astray.
            if packet is not None and 0 <= stamp_ns - packet.sent_ns < SECOND_NS:
                Session.transmitted(packet, stamp_ns, Source.SOFTWARE)
        for peer in line.channel.unserved():
            self._counters.count("sessions_unserved")
            for running in line.by_peer.get(_bare(peer), {}).values():
                if running.remaining is None:
                    running.session.unserved()
        return found

    def _note_overflow(self, line: _Line) -> None:
        """Replies died in this host, not on the way: the second is none in which the line was measured."""
        self._counters.count("sessions_overflowed", (line.channel.overflowed - line.overflowed) & 0xFFFF_FFFF)
        line.overflowed = line.channel.overflowed
        now_ns = time.time_ns()
        for sessions in line.by_peer.values():
            for running in sessions.values():
                running.session.spoil(now_ns)

    def _take_reply(self, line: _Line, datagram: Datagram) -> None:
        self._replies.take()
        running = line.find(datagram)
        if running is None:
            self._replies.drop(Answer.FOREIGN)
            return
        answer = running.session.receive(
            datagram.data, t4_ns=datagram.stamp_ns, t4_source=datagram.source, now_ns=datagram.read_ns
        )
        if answer is Answer.MATCHED:
            self._replies.done()
        else:
            self._replies.drop(answer)

    # ---- intervals -----------------------------------------------------------------------------------------------
    def cut(self, start_ns: int, end_ns: int, into: list[Cut]) -> Iterator[None]:
        """Every session's interval, one a step."""
        for running in list(self._running):
            cut = running.session.cut(start_ns, end_ns, now_ns=time.time_ns())
            self._stage.done(len(cut.packets))
            self._stage.drop("skipped_stopping", cut.undecided)
            self._stage.drop("failed_unserved", cut.unserved)
            self._stage.drop("uncut", cut.earlier)
            into.append(cut)
            yield
