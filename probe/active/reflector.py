"""The session-reflector (RFC 8762 section 4.3): a test packet in, its reply out, or the reason why there is none.

Octets, addresses and times go in; no socket, no clock. Stateful: it counts the replies of each session, which is what tells the
sender the direction of a loss. A session is (SSID, peer's address and port); it begins with its first packet and is forgotten
when idle, or never begins when the table is full.

Without a list of allowed sources it answers any STAMP packet. RFC 8972 wants sessions provisioned and others discarded; answering
what comes is our deviation, so that a field engineer needs one command. It is never an amplifier: a reply is as long as its
request, but for the 44 octets that answer a shorter TWAMP-Light request, which only listed sources get. Each source has a
budget. Only listed sources choose the class of service of their replies: else a packet that the network had put into a lower
class could have its answer sent in a higher one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

import attrs

from faultline.records.ntp import to_ntp
from faultline.records.terms import SECOND_NS
from probe.active.keys import Keys
from probe.active.packet import (
    AUTHENTICATED_OCTETS,
    OPEN_OCTETS,
    PacketError,
    Reply,
    Request,
    base_octets,
    read_request,
    reply_octets,
    ssid_of,
)
from probe.active.tlv import Information, Source
from probe.active.tlv_answer import FollowUp, Integrity, Told, answered

Network = IPv4Network | IPv6Network

IDLE_NS = 120 * SECOND_NS
"""Twice the longest sliding window of the localisation: a session that comes back after an outage of a minute is still counted
on."""
MAX_SESSIONS = 8192
SOURCE_PACKETS_PER_S = 20_000
"""Twice what one probe is meant to send; a burst may be as much as a second's."""
_KNOWN_SOURCES = 8192


class Refused(Exception):  # noqa: N818 - it is what happened to the packet, not an error of ours
    """No reply; the reason is a word to count by."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@attrs.define(slots=True, kw_only=True, eq=False)
class _Peer:
    replies: int = 0
    seen_ns: int = 0
    previous: FollowUp | None = None
    """The last reply, as far as follow-up telemetry tells of it."""


@attrs.define(slots=True, kw_only=True, eq=False)
class _Budget:
    packets: float
    at_ns: int


@attrs.frozen(slots=True, kw_only=True)
class Arrival:
    """A datagram and what the kernel said of it."""

    data: bytes
    address: str
    port: int
    t2_ns: int
    t2_source: Source
    ttl: int
    traffic_class: int = 0
    """DSCP and ECN."""


@attrs.frozen(slots=True, kw_only=True)
class Outgoing:
    """A reply, and the class of service to send it in."""

    data: bytes
    traffic_class: int


@attrs.frozen(slots=True, kw_only=True)
class Draft:
    """A reply that still lacks its time of sending, so that it is put in as late as can be."""

    _request: Request
    _count: int
    _arrival: Arrival
    _key: bytes | None = attrs.field(repr=False)
    _error_estimate: int
    _synchronised: bool
    _peer: _Peer
    _choose_class: bool

    def outgoing(self, t3_ns: int) -> Outgoing:
        """The datagram to send now."""
        request, arrival = self._request, self._arrival
        reply = Reply(
            seq=self._count,
            t3=to_ntp(t3_ns),
            error_estimate=self._error_estimate,
            ssid=request.ssid,
            t2=to_ntp(arrival.t2_ns),
            sender_seq=request.seq,
            t1=request.t1,
            sender_error_estimate=request.error_estimate,
            sender_ttl=arrival.ttl,
        )
        previous, self._peer.previous = self._peer.previous, FollowUp(seq=reply.seq, sent=reply.t3, source=Source.USER)
        region = arrival.data[base_octets(self._key) :]
        traffic_class = arrival.traffic_class
        if region:
            tlvs = answered(region, self._told(previous), integrity=self._integrity())
            region, traffic_class = tlvs.region, tlvs.traffic_class
        return Outgoing(data=reply_octets(reply, tlvs=region, key=self._key), traffic_class=traffic_class)

    def _told(self, previous: FollowUp | None) -> Told:
        return Told(
            information=Information(t2=self._arrival.t2_source, t3=Source.USER),
            synchronised=self._synchronised,
            traffic_class=self._arrival.traffic_class,
            choose_class=self._choose_class,
            received=self._count + 1,
            previous=previous,
        )

    def _integrity(self) -> Integrity | None:
        return None if self._key is None else Integrity(key=self._key, request_seq=self._request.seq, reply_seq=self._count)


class Reflector:
    """A session-reflector's memory and rules.

    Args:
        allow: sources that are answered; empty: all.
        keys: None: open packets only; else authenticated ones only.
        idle_ns: after so long without a packet a session is forgotten.
        max_sessions: sessions remembered at once.
        packets_per_s: budget of one source address.
    """

    def __init__(
        self,
        *,
        allow: Sequence[Network] = (),
        keys: Keys | None = None,
        idle_ns: int = IDLE_NS,
        max_sessions: int = MAX_SESSIONS,
        packets_per_s: int = SOURCE_PACKETS_PER_S,
    ) -> None:
        self._allow = tuple(allow)
        self._keys = keys
        self._idle_ns = idle_ns
        self._max_sessions = max_sessions
        self._packets_per_s = packets_per_s
        self._peers: OrderedDict[tuple[int, str, int], _Peer] = OrderedDict()
        self._budgets: OrderedDict[str, _Budget] = OrderedDict()
        self._listed: dict[str, bool] = {}

    @property
    def sessions(self) -> int:
        """Sessions remembered."""
        return len(self._peers)

    def reflect(self, arrival: Arrival, *, now_ns: int, error_estimate: int, synchronised: bool) -> Draft:
        """The reply to a packet.

        Args:
            arrival: the packet.
            now_ns: monotonic time.
            error_estimate: our clock's, in wire format.
            synchronised: whether a time server disciplines our clock.

        Raises:
            Refused: it is not answered, and no state changed but its source's budget.
        """
        if not self._allowed(arrival.address):
            raise Refused("source")
        if not self._within_budget(arrival.address, now_ns):
            raise Refused("rate")
        key, request = self._read(arrival.data)
        if len(arrival.data) < OPEN_OCTETS and not self._allow:
            raise Refused("amplification")
        peer = self._counted((request.ssid, arrival.address, arrival.port), now_ns)
        return Draft(
            request=request,
            count=(peer.replies - 1) & 0xFFFF_FFFF,
            peer=peer,
            choose_class=bool(self._allow),
            arrival=arrival,
            key=key,
            error_estimate=error_estimate,
            synchronised=synchronised,
        )

    def expire(self, now_ns: int) -> int:
        """Forget sessions that are idle; how many."""
        before = len(self._peers)
        while self._peers and next(iter(self._peers.values())).seen_ns <= now_ns - self._idle_ns:
            self._peers.popitem(last=False)
        return before - len(self._peers)

    def _read(self, data: bytes) -> tuple[bytes | None, Request]:
        keys: Sequence[bytes | None] = (None,)
        if self._keys is not None:
            keys = self._keys.accepted(ssid_of(data, authenticated=True))
        reason = "no_key" if len(data) >= AUTHENTICATED_OCTETS else "short"
        for key in keys:
            try:
                return key, read_request(data, key=key)
            except PacketError as error:
                reason = error.reason
        raise Refused(reason)

    def _allowed(self, address: str) -> bool:
        if not self._allow:
            return True
        known = self._listed.get(address)
        if known is None:
            bare = ip_address(address.partition("%")[0])
            known = any(bare in network for network in self._allow if network.version == bare.version)
            if len(self._listed) >= _KNOWN_SOURCES:
                self._listed.clear()
            self._listed[address] = known
        return known

    def _within_budget(self, address: str, now_ns: int) -> bool:
        budget = self._budgets.get(address)
        if budget is None:
            # One who uses many addresses would otherwise grow the table; the one idle for longest has its budget back by then.
            if len(self._budgets) >= _KNOWN_SOURCES:
                self._budgets.popitem(last=False)
            budget = self._budgets[address] = _Budget(packets=self._packets_per_s, at_ns=now_ns)
        earned = (now_ns - budget.at_ns) * self._packets_per_s / SECOND_NS
        budget.packets, budget.at_ns = min(float(self._packets_per_s), budget.packets + earned), now_ns
        self._budgets.move_to_end(address)
        if budget.packets < 1:
            return False
        budget.packets -= 1
        return True

    def _counted(self, key: tuple[int, str, int], now_ns: int) -> _Peer:
        peer = self._peers.get(key)
        if peer is None:
            self.expire(now_ns)
            if len(self._peers) >= self._max_sessions:
                raise Refused("table_full")
            peer = self._peers[key] = _Peer()
        elif peer.seen_ns <= now_ns - self._idle_ns:
            peer.replies, peer.previous = 0, None
        self._peers.move_to_end(key)
        peer.seen_ns = now_ns
        peer.replies += 1
        return peer
