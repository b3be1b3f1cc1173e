"""UDP sockets that say when the kernel sent and received each datagram: SO_TIMESTAMPING of the kernel's networking/timestamping.

Edge. A transmit stamp comes back on the socket's error queue with the id given at sending: explicit (SCM_TS_OPT_ID) where the
kernel takes it, else its own count of sends (OPT_ID), which goes astray at a failed send and is then begun anew. Without any of
it the program's own clock is read, and every stamp says which it is.

No datagram is ever fragmented, whatever the kernel believes of the path (IP_PMTUDISC_PROBE): a test packet in two pieces would
measure two packets, and hide a link that has become too narrow.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
import sys
import time
from collections.abc import Iterator, Mapping

import attrs

from faultline.records.terms import SECOND_NS
from probe.active.packet import MAX_OCTETS
from probe.active.tlv import Source

_SO_TIMESTAMPING = 37
_SCM_TS_OPT_ID = 81
_SO_RXQ_OVFL = 40
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33
_TX_SOFTWARE, _RX_SOFTWARE, _SOFTWARE, _OPT_ID, _OPT_TSONLY = 2, 8, 16, 128, 2048
_RECEIVE = _RX_SOFTWARE | _SOFTWARE
_TRANSMIT = _RECEIVE | _TX_SOFTWARE | _OPT_TSONLY
_ORIGIN_TIMESTAMPING = 4
_ORIGINS_ICMP = (2, 3)
_STAMPS = struct.Struct("=qqqqqq")
_EXTENDED_ERROR = struct.Struct("=IBBBBII")
_IP_RECVERR, _IPV6_RECVERR = 11, 25
_IP_PKTINFO, _IP_RECVTTL, _IP_RECVTOS = 8, 12, 13
_IP_MTU_DISCOVER, _IPV6_MTU_DISCOVER, _IPV6_DONTFRAG, _PMTUDISC_PROBE = 10, 23, 62, 3
_IPV6_PKTINFO, _IPV6_RECVPKTINFO, _IPV6_HOPLIMIT, _IPV6_RECVHOPLIMIT, _IPV6_TCLASS, _IPV6_RECVTCLASS = 50, 49, 52, 51, 67, 66
_PKTINFO4 = struct.Struct("=i4s4s")
_PKTINFO6 = struct.Struct("=16sI")
_CONTROL_OCTETS = 512
_BUFFER_OCTETS = 4 << 20
"""Room for what arrives while the program is not running: at 10,000 packets/s of 64 octets (768 in the kernel) half a second."""
_BATCH = 512

_MAY_BE_EARLIER = frozenset(
    {
        errno.ECONNREFUSED,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.EHOSTDOWN,
        errno.EMSGSIZE,
        errno.EACCES,
        errno.EPROTO,
        errno.ENOPROTOOPT,
        errno.EOPNOTSUPP,
        errno.ENONET,
    }
)
"""What an ICMP message about an earlier packet leaves on the socket (icmp_err_convert of the kernel), told at the next call."""

Address = tuple[str, int] | tuple[str, int, int, int]


@attrs.frozen(slots=True, kw_only=True)
class Datagram:
    """One that arrived."""

    data: bytes
    peer: Address
    stamp_ns: int
    source: Source
    ttl: int
    traffic_class: int
    local: bytes
    """Address it was sent to, packed: a reply must come from it."""
    read_ns: int
    """When the program got it."""
    cut: bool
    """It was longer than any test packet may be."""


class StampSocket:
    """A bound, non-blocking UDP socket.

    Args:
        family: AF_INET or AF_INET6.
        local: where to bind it.
        traffic_class: of everything that is sent without another one.
        transmit_stamps: whether sends are stamped.
    """

    def __init__(
        self, family: socket.AddressFamily, local: Address, *, traffic_class: int = 0, transmit_stamps: bool = False
    ) -> None:
        self.family = family
        self._channel = socket.socket(family, socket.SOCK_DGRAM)
        self._explicit = True
        self._next_id = 0
        self.overflowed = 0
        """Datagrams that this host dropped because the socket's buffer was full, as of the last one received."""
        self._unserved: list[Address] = []
        self._wanted = _TRANSMIT if transmit_stamps else _RECEIVE
        try:
            self._prepare(traffic_class)
            self._channel.bind(local)
        except BaseException:
            self._channel.close()
            raise

    def _prepare(self, traffic_class: int) -> None:
        channel = self._channel
        channel.setblocking(False)
        for option, forced in ((socket.SO_RCVBUF, _SO_RCVBUFFORCE), (socket.SO_SNDBUF, _SO_SNDBUFFORCE)):
            try:
                channel.setsockopt(socket.SOL_SOCKET, forced, _BUFFER_OCTETS)
            except PermissionError:  # without CAP_NET_ADMIN up to net.core.rmem_max, often a twentieth of it
                channel.setsockopt(socket.SOL_SOCKET, option, _BUFFER_OCTETS)
        channel.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
        if self.family == socket.AF_INET6:
            channel.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            for option in (_IPV6_RECVPKTINFO, _IPV6_RECVHOPLIMIT, _IPV6_RECVTCLASS):
                channel.setsockopt(socket.IPPROTO_IPV6, option, 1)
            channel.setsockopt(socket.IPPROTO_IPV6, _IPV6_TCLASS, traffic_class)
            channel.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_PROBE)
            channel.setsockopt(socket.IPPROTO_IPV6, _IPV6_DONTFRAG, 1)
        else:
            for option in (_IP_PKTINFO, _IP_RECVTTL, _IP_RECVTOS):
                channel.setsockopt(socket.IPPROTO_IP, option, 1)
            channel.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, traffic_class)
            channel.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_PROBE)
        if self._wanted & _TX_SOFTWARE:
            level, option = (
                (socket.IPPROTO_IPV6, _IPV6_RECVERR) if self.family == socket.AF_INET6 else (socket.IPPROTO_IP, _IP_RECVERR)
            )
            channel.setsockopt(level, option, 1)
        self.stamps = self._ask_for_stamps()

    def _ask_for_stamps(self) -> bool:
        """Whether the kernel stamps on this socket."""
        ids = _OPT_ID if self._wanted & _TX_SOFTWARE else 0
        try:
            # Without the flag first: the kernel begins its count of sends only when the flag was not set before.
            self._channel.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPING, self._wanted)
            self._channel.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPING, self._wanted | ids)
        except OSError:
            return False
        return True

    def fileno(self) -> int:
        """For polling."""
        return self._channel.fileno()

    @property
    def hops_sent_with(self) -> int:
        """Time to live of what is sent."""
        if self.family == socket.AF_INET6:
            return self._channel.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)
        return self._channel.getsockopt(socket.IPPROTO_IP, socket.IP_TTL)

    @property
    def address(self) -> Address:
        """Where it is bound."""
        bound: Address = self._channel.getsockname()
        return bound

    def close(self) -> None:
        """Give it back."""
        self._channel.close()

    # ---- out -----------------------------------------------------------------------------------------------------
    def send(self, data: bytes, peer: Address) -> int:
        """Send with a transmit stamp to come; returns the id it will have.

        Raises:
            OSError: the kernel did not take it.
        """
        try:
            return self._send(data, peer)
        except OSError as error:
            if error.errno not in _MAY_BE_EARLIER:
                raise
        # Said of an earlier packet, perhaps of a trace's with these ports: this one may not have been tried. Now it is.
        return self._send(data, peer)

    def _send(self, data: bytes, peer: Address) -> int:
        ident = self._next_id
        if self._explicit and self.stamps:
            try:
                control = [(socket.SOL_SOCKET, _SCM_TS_OPT_ID, struct.pack("=I", ident))]
                self._channel.sendmsg([data], control, 0, peer)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                # Either the kernel is older than the option, or the route refuses: the second try tells.
                self._channel.sendmsg([data], (), 0, peer)
                self._explicit = False
                self._ask_for_stamps()
                self._next_id = 0
                return ident
        else:
            try:
                self._channel.sendmsg([data], (), 0, peer)
            except OSError:
                self._ask_for_stamps()
                self._next_id = 0
                raise
        self._next_id = (ident + 1) & 0xFFFF_FFFF
        return ident

    def reply(self, data: bytes, to: Datagram, *, traffic_class: int) -> None:
        """Send to where a datagram came from, from the address it was sent to.

        Raises:
            OSError: the kernel did not take it.
        """
        if self.family == socket.AF_INET:
            control = [
                (socket.IPPROTO_IP, _IP_PKTINFO, _PKTINFO4.pack(0, to.local, bytes(4))),
                (socket.IPPROTO_IP, socket.IP_TOS, struct.pack("=i", traffic_class)),
            ]
        else:
            control = [
                (socket.IPPROTO_IPV6, _IPV6_PKTINFO, _PKTINFO6.pack(to.local, 0)),
                (socket.IPPROTO_IPV6, _IPV6_TCLASS, struct.pack("=i", traffic_class)),
            ]
        self._channel.sendmsg([data], control if to.local else (), 0, to.peer)

    # ---- in ------------------------------------------------------------------------------------------------------
    def receive(self) -> Iterator[Datagram]:
        """What waits, up to a batch of it."""
        for _ in range(_BATCH):
            try:
                data, control, flags, peer = self._channel.recvmsg(MAX_OCTETS, _CONTROL_OCTETS)
            except OSError:  # nothing waits, or an ICMP message about an earlier packet came first: the next turn reads on
                return
            yield self._datagram(data, control, flags, peer)

    def _datagram(self, data: bytes, control: list[tuple[int, int, bytes]], flags: int, peer: Address) -> Datagram:
        read_ns = time.time_ns()
        found = {(level, kind): value for level, kind, value in control}
        kernel_ns = _kernel_ns(found.get((socket.SOL_SOCKET, _SO_TIMESTAMPING), b""))
        if overflow := found.get((socket.SOL_SOCKET, _SO_RXQ_OVFL)):
            self.overflowed = int.from_bytes(overflow, sys.byteorder)
        if packed := found.get((socket.IPPROTO_IP, _IP_PKTINFO)):
            local = _PKTINFO4.unpack(packed)[1]
        elif packed := found.get((socket.IPPROTO_IPV6, _IPV6_PKTINFO)):
            local = _PKTINFO6.unpack(packed)[0]
        else:
            local = b""
        return Datagram(
            data=data,
            peer=peer,
            stamp_ns=kernel_ns or read_ns,
            source=Source.SOFTWARE if kernel_ns else Source.USER,
            ttl=_first_octet(found, (socket.IPPROTO_IP, socket.IP_TTL), (socket.IPPROTO_IPV6, _IPV6_HOPLIMIT)),
            traffic_class=_first_octet(found, (socket.IPPROTO_IP, socket.IP_TOS), (socket.IPPROTO_IPV6, _IPV6_TCLASS)),
            local=local,
            read_ns=read_ns,
            cut=bool(flags & socket.MSG_TRUNC),
        )

    def transmit_stamps(self, most: int = _BATCH) -> Iterator[tuple[int, int]]:
        """(id, Unix nanoseconds) of sends, as the error queue has them, up to a batch."""
        for _ in range(most):
            try:
                _, control, _, peer = self._channel.recvmsg(0, _CONTROL_OCTETS, socket.MSG_ERRQUEUE)
            except OSError:
                return
            stamp_ns = ident = None
            for level, kind, value in control:
                if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPING:
                    stamp_ns = _kernel_ns(value)
                elif (level, kind) in {(socket.IPPROTO_IP, _IP_RECVERR), (socket.IPPROTO_IPV6, _IPV6_RECVERR)}:
                    number, origin, _, _, _, _, data = _EXTENDED_ERROR.unpack_from(value)
                    if number == errno.ENOMSG and origin == _ORIGIN_TIMESTAMPING:
                        ident = data
                    elif number == errno.ECONNREFUSED and origin in _ORIGINS_ICMP:
                        self._unserved.append(peer)
            if stamp_ns and ident is not None:
                yield ident, stamp_ns

    def unserved(self) -> list[Address]:
        """Where packets arrived and nobody listened, as those hosts' kernels said since the last call (ICMP port unreachable).

        Told among the transmit stamps, so it is known after those were taken.
        """
        found, self._unserved = self._unserved, []
        return found

    def drain_errors(self) -> None:
        """Take a pending error off the socket, which would otherwise be reported for ever."""
        with contextlib.suppress(OSError):
            self._channel.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def _kernel_ns(value: bytes) -> int:
    """Unix nanoseconds of a timestamping message; 0 where the kernel took none."""
    if len(value) < _STAMPS.size:
        return 0
    seconds, nanoseconds = _STAMPS.unpack_from(value)[:2]
    return int(seconds) * SECOND_NS + int(nanoseconds)


def _first_octet(found: Mapping[tuple[int, int], bytes], *keys: tuple[int, int]) -> int:
    """A number below 256 that IPv4 gives as an octet and IPv6 as an int of this machine; 0 when neither is there."""
    for key in keys:
        if value := found.get(key):
            return value[0] if len(value) == 1 else int.from_bytes(value, sys.byteorder) & 0xFF
    return 0
