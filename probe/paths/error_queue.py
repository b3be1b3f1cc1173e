"""Probes through plain UDP sockets: the kernel tells on the error queue (IP_RECVERR) what routers said. Edge; needs no privilege.

The kernel passes on who spoke and why, and as much of our payload as was quoted, which is often nothing. So each flow has one
probe under way at a time, and an answer without payload is that one's.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from faultline.runtime.console import BAD_USAGE, CommandError
from faultline.runtime.counters import Counters
from probe.paths.icmp import plain
from probe.paths.local import Ends
from probe.paths.raw import received_ns
from probe.paths.recognition import Sent, judged
from probe.paths.terms import Answer, Arrival, Kind, Probe
from probe.paths.wire import Wire

_IP_MTU_DISCOVER, _IP_RECVERR = 10, 11
_IPV6_MTU_DISCOVER, _IPV6_RECVERR, _IPV6_HOPLIMIT = 23, 25, 52
_DONT, _PROBE = 0, 3
"""IP_PMTUDISC_*: fragment as needed; never, and whatever the kernel believes of the path."""
_ORIGINS = {4: 2, 6: 3}
_SO_TIMESTAMPNS = 35
_EXTENDED_ERROR = struct.Struct("=IBBBBII")
_OFFENDER_4 = struct.Struct("=HH4s")
_OFFENDER_6 = struct.Struct("=HHI16s")
_BATCH = 64


class QueueChannel:
    """Sends and receives for one run; arguments as for the raw one."""

    serial = True
    label = "error-queue"

    def __init__(self, ends: Ends, *, destination_port: int, source_port: int | None, token: int, counters: Counters) -> None:
        self._ends = ends
        self._source_port = source_port
        self._ports: dict[int, int] = {}
        self._channels: dict[int, socket.socket] = {}
        self._flow_of: dict[int, int] = {}
        self._fragmenting: dict[int, int] = {}
        self._poll = select.poll()
        self._stage = counters.stage("trace_answers")
        self.wire = Wire(
            source=ends.source,
            destination=ends.destination,
            destination_port=destination_port,
            source_ports=self._ports,
            token=token,
        )

    def close(self) -> None:
        """Give everything back."""
        for channel in self._channels.values():
            channel.close()

    def send(self, probe: Probe) -> None:
        """Send a probe.

        Raises:
            OSError: the kernel did not take it; EMSGSIZE when the first link is too narrow.
            CommandError: the flow's port is in use.
        """
        channel = self._channels.get(probe.flow) or self._open(probe.flow)
        self._set_fragmenting(probe, channel)
        six = self.wire.version == 6  # noqa: PLR2004 - IP's own version number
        option = (socket.IPPROTO_IPV6, _IPV6_HOPLIMIT) if six else (socket.IPPROTO_IP, socket.IP_TTL)
        ttl = [(*option, struct.pack("=i", probe.ttl))]
        payload = self.wire.payload(probe)
        peer = self._ends.peer(self.wire.destination_port)
        try:
            channel.sendmsg([payload], ttl, 0, peer)
        except OSError as error:
            if not _about_an_earlier_one(channel, error):
                raise
            channel.sendmsg([payload], ttl, 0, peer)

    def wait(self, until_ns: int, sent: Sent) -> list[Arrival]:
        """What answers our probes, as soon as something does, or nothing by a time (monotonic)."""
        left_ms = max(0, -(-(until_ns - time.monotonic_ns()) // 1_000_000))
        return [arrival for number, _ in self._poll.poll(left_ms) for arrival in self._read(self._flow_of[number], sent)]

    def _read(self, flow: int, sent: Sent) -> Iterator[Arrival]:
        channel = self._channels[flow]
        for flags in (socket.MSG_ERRQUEUE, 0):
            for _ in range(_BATCH):
                try:
                    data, control, _, peer = channel.recvmsg(2048, 512, flags)
                except BlockingIOError:
                    break
                except OSError:  # the error of a packet whose message is read from the queue
                    continue
                self._stage.take()
                answer = self._said(flow, data, control, sent) if flags else self._reply(flow, data, str(peer[0]), sent)
                if answer is None:
                    self._stage.drop("not_ours")
                    continue
                self._stage.done()
                yield Arrival(answer=answer, received_ns=received_ns(control))

    def _said(self, flow: int, data: bytes, control: list[tuple[int, int, bytes]], sent: Sent) -> Answer | None:
        version = self.wire.version
        for level, kind, value in control:
            if (level, kind) not in {(socket.IPPROTO_IP, _IP_RECVERR), (socket.IPPROTO_IPV6, _IPV6_RECVERR)}:
                continue
            _, origin, icmp_type, code, _, info, _ = _EXTENDED_ERROR.unpack_from(value)
            sender = _offender(value[_EXTENDED_ERROR.size :], version)
            if origin != _ORIGINS[version] or sender is None:
                continue
            ident = self.wire.payload_ident(data)
            if ident is not None and sent(ident) is None:
                return None
            message = plain(icmp_type, code, version=version, mtu_octets=info or None)
            return judged(message, sender=sender, wire=self.wire, ident=ident, flow=flow)
        return None

    def _reply(self, flow: int, data: bytes, sender: str, sent: Sent) -> Answer | None:
        """A service answers on the port."""
        if sender.partition("%")[0] != str(self.wire.destination):
            return None
        ident = self.wire.payload_ident(data)
        known = ident if ident is not None and sent(ident) else None
        return Answer(kind=Kind.REACHED, address=sender, ident=known, flow=flow)

    # ---- sockets -------------------------------------------------------------------------------------------------
    def _open(self, flow: int) -> socket.socket:
        channel = socket.socket(self._ends.family, socket.SOCK_DGRAM)
        self._channels[flow] = channel
        self._flow_of[channel.fileno()] = flow
        channel.setblocking(False)
        channel.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        wanted = 0 if self._source_port is None else self._source_port + flow
        six = self._ends.family == socket.AF_INET6
        channel.setsockopt(*((socket.IPPROTO_IPV6, _IPV6_RECVERR, 1) if six else (socket.IPPROTO_IP, _IP_RECVERR, 1)))
        try:
            channel.bind((str(self._ends.source), wanted, 0, self._ends.scope)[: 4 if six else 2])
        except (OSError, OverflowError) as error:
            raise CommandError(
                f"source port {wanted} cannot be taken: {getattr(error, 'strerror', None) or error}",
                hint="choose another --source-port, or leave it out",
                code=BAD_USAGE,
            ) from None
        self._ports[flow] = int(channel.getsockname()[1])
        self._poll.register(channel, select.POLLIN | select.POLLERR)
        return channel

    def _set_fragmenting(self, probe: Probe, channel: socket.socket) -> None:
        wanted = _DONT if probe.size is None else _PROBE
        if self._fragmenting.get(probe.flow) == wanted:
            return
        six = self._ends.family == socket.AF_INET6
        option = (socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER) if six else (socket.IPPROTO_IP, _IP_MTU_DISCOVER)
        channel.setsockopt(*option, wanted)
        self._fragmenting[probe.flow] = wanted


def _about_an_earlier_one(channel: socket.socket, error: OSError) -> bool:
    """Whether a failed send was told of an answer that is waiting, instead of being tried."""
    waiting = select.poll()
    waiting.register(channel, select.POLLERR)
    return bool(waiting.poll(0)) and not isinstance(error, PermissionError)


def _offender(value: bytes, version: int) -> str | None:
    """Who sent the error."""
    if version == 4 and len(value) >= _OFFENDER_4.size:  # noqa: PLR2004 - IP's own version number
        family, _, packed = _OFFENDER_4.unpack_from(value)
        return str(IPv4Address(packed)) if family == socket.AF_INET else None
    if version == 6 and len(value) >= _OFFENDER_6.size:  # noqa: PLR2004 - as above
        family, _, _, packed = _OFFENDER_6.unpack_from(value)
        return str(IPv6Address(packed)) if family == socket.AF_INET6 else None
    return None
