"""One test session as its sender keeps it: packets out, replies in, and what they say of each interval.

Times and octets go in, test packets and interval results come out; no socket, no clock. Wall times are Unix nanoseconds of this
host's real-time clock, as kernel timestamps are.

A packet counts for the interval in which it was sent. A reply may take up to a second; then the packet is decided, and an
interval whose packets all are is final. A later reply is counted as late and changes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import StrEnum

import attrs

from faultline.records.ntp import to_ntp
from faultline.records.terms import SECOND_NS
from probe.active.attribution import Attribution, Fate, wire_number
from probe.active.ntp import StampError, error_ns_of, stamp_of
from probe.active.packet import PacketError, Reply, Request, base_octets, read_reply, request_octets
from probe.active.result import Outcome, SessionInterval, summed_up
from probe.active.tlv import Information, Source, asking, asking_sealed, information_in

REPLY_TIMEOUT_NS = SECOND_NS
_LATE_KEPT_NS = 3 * SECOND_NS
"""How long after its decision a packet is remembered, so that its late reply is known for what it is."""
_USER_LAG_NS = 5_000_000
_HOST_LAG_NS = 100_000_000


class Answer(StrEnum):
    """What a datagram from the reflector was; a word to count by."""

    MATCHED = "matched"
    DUPLICATE = "duplicate"
    LATE = "late"
    FOREIGN = "foreign"
    """It answers nothing that we sent."""
    MALFORMED = "malformed"
    AUTHENTICATION = "authentication"


@attrs.define(slots=True, kw_only=True, eq=False)
class TestPacket:
    """A packet we sent, or tried to."""

    ordinal: int
    seq: int
    sent_ns: int
    """The program's own clock as it was built; what places it in an interval."""
    t1: int
    """The same in wire format, as its reply must repeat it."""
    lag_ns: int
    """How much later than planned it was sent, or its reply read."""
    outcome: Outcome = Outcome.PENDING
    t1_ns: int = 0
    t1_source: Source = Source.USER
    t2_ns: int = 0
    t3_ns: int = 0
    t4_ns: int = 0
    t4_source: Source = Source.USER
    duplicates: int = 0
    reordered: bool = False

    @property
    def suspect(self) -> bool:
        """Whether this host was too late for the sample to be trusted.

        A stamp of our own is as late as we are; the kernel's is not, until the whole host stands still.
        """
        user = self.t1_source is Source.USER or self.t4_source is Source.USER
        return self.lag_ns > (_USER_LAG_NS if user else _HOST_LAG_NS)


@attrs.frozen(slots=True, kw_only=True)
class Cut:
    """The decided packets of an interval: nothing changes them any more, so another thread may sum them up."""

    session: str
    start_ns: int
    end_ns: int
    packets: Sequence[TestPacket]
    before: TestPacket | None
    """The last decided one before them."""
    undecided: int
    unserved: int
    """Packets that reached a host where no reflector ran: a restart of the reflector is no loss of the line."""
    earlier: int
    unmeasured_mask: int
    peer_error_ns: int | None
    information: Information | None
    distance: int | None
    """Hops to the reflector, as it says by the time to live it saw; None while it does not answer, or does not say."""

    def interval(self) -> SessionInterval:
        """What they amount to."""
        return attrs.evolve(
            summed_up(self.packets, previous=self.before, start_ns=self.start_ns, end_ns=self.end_ns),
            session=self.session,
            undecided=self.undecided,
            earlier=self.earlier,
            unmeasured_mask=self.unmeasured_mask,
            peer_error_ns=self.peer_error_ns,
            information=self.information,
            distance=self.distance,
        )


class Session:
    """A session-sender's side of one session.

    Args:
        name: its configured id.
        ssid: RFC 8972 session identifier.
        size: octets of a test packet's UDP payload; never below the base packet's.
        key: for authenticated packets.
        interval_ns: time between packets, for telling seconds that were not measured.
    """

    def __init__(self, *, name: str, ssid: int, interval_ns: int, size: int = 0, key: bytes | None = None) -> None:
        self.name = name
        self.ssid = ssid
        self.interval_ns = interval_ns
        self.since_ns: int | None = None
        """When it began; None until then."""
        self.hops_sent_with = 0
        """Time to live of its packets; 0: not known."""
        self._key = key
        self._room = max(0, size - base_octets(key))
        self._question = asking(self._room)
        self._packets: deque[TestPacket] = deque()
        self._by_seq: dict[int, TestPacket] = {}
        self._decided: deque[TestPacket] = deque()
        self._attribution = Attribution()
        self._next_ordinal = 0
        self._newest_answered = -1
        self._unserved_from: int | None = None
        self._unserved: deque[tuple[int, int]] = deque()
        self._peer_error_ns: int | None = None
        self._information: Information | None = None
        self._hops_left = 0
        self._last: TestPacket | None = None
        self._spoiled: set[int] = set()

    def _tlvs(self, seq: int) -> bytes:
        return self._question if self._key is None else asking_sealed(self._room, key=self._key, seq=seq)

    # ---- out -----------------------------------------------------------------------------------------------------
    def next_packet(self, now_ns: int, *, error_estimate: int, lag_ns: int = 0) -> tuple[TestPacket, bytes]:
        """A packet to send at once, and its octets. Until `sent` or `refused` it does not count."""
        seq = wire_number(self._next_ordinal)
        packet = TestPacket(ordinal=self._next_ordinal, seq=seq, sent_ns=now_ns, t1=to_ntp(now_ns), lag_ns=lag_ns, t1_ns=now_ns)
        request = Request(seq=seq, t1=packet.t1, error_estimate=error_estimate, ssid=self.ssid)
        return packet, request_octets(request, tlvs=self._tlvs(seq), key=self._key)

    def sent(self, packet: TestPacket) -> None:
        """The kernel took it."""
        self._next_ordinal = packet.ordinal + 1
        self._packets.append(packet)
        self._by_seq[packet.seq] = packet

    def refused(self, packet: TestPacket, outcome: Outcome) -> None:
        """The kernel would not carry it, for a reason on the way out (`GONE` or `FILTERED`): it counts as sent, and lost."""
        packet.outcome = outcome
        self._next_ordinal = packet.ordinal + 1
        self._packets.append(packet)

    def unserved(self) -> None:
        """The reflector's host said that nobody listens there.

        True for every packet since the last answer and until the next one: hosts limit how often they say it (RFC 1812, 4.3.2.8).
        """
        if self._unserved_from is None:
            self._unserved_from = self._newest_answered + 1

    @staticmethod
    def transmitted(packet: TestPacket, stamp_ns: int, source: Source) -> None:
        """A better timestamp of its sending arrived."""
        packet.t1_ns, packet.t1_source = stamp_ns, source

    # ---- in ------------------------------------------------------------------------------------------------------
    def receive(self, data: bytes, *, t4_ns: int, t4_source: Source, now_ns: int) -> Answer:
        """A datagram came from the reflector's address."""
        try:
            reply = read_reply(data, key=self._key)
            t2_ns = stamp_of(reply.t2, reply.error_estimate)
            t3_ns = stamp_of(reply.t3, reply.error_estimate)
        except PacketError as error:
            return Answer.AUTHENTICATION if error.reason == "authentication" else Answer.MALFORMED
        except StampError:
            return Answer.MALFORMED
        packet = self._by_seq.get(reply.sender_seq)
        if packet is None or packet.t1 != reply.t1:
            return Answer.FOREIGN
        answer = self._noted(packet, reply, t4_ns)
        if answer is Answer.MATCHED:
            packet.t2_ns, packet.t3_ns, packet.t4_ns, packet.t4_source = t2_ns, t3_ns, t4_ns, t4_source
            packet.lag_ns = max(packet.lag_ns, now_ns - t4_ns)
            self._peer_error_ns = error_ns_of(reply.error_estimate)
            self._hops_left = reply.sender_ttl
            if len(data) > base_octets(self._key):
                self._information = information_in(data[base_octets(self._key) :], key=self._key, seq=reply.seq)
        return answer

    def _noted(self, packet: TestPacket, reply: Reply, t4_ns: int) -> Answer:
        self._attribution.answered(packet.ordinal, reply.seq)
        if packet.outcome is Outcome.ANSWERED:
            packet.duplicates += 1
            return Answer.DUPLICATE
        if packet.outcome is not Outcome.PENDING or t4_ns - packet.sent_ns > REPLY_TIMEOUT_NS:
            if packet.outcome is Outcome.PENDING:
                packet.outcome = Outcome.LATE
            return Answer.LATE
        packet.outcome = Outcome.ANSWERED
        if self._unserved_from is not None:
            self._unserved.append((self._unserved_from, packet.ordinal))
            self._unserved_from = None
        packet.reordered = packet.ordinal < self._newest_answered
        self._newest_answered = max(self._newest_answered, packet.ordinal)
        return Answer.MATCHED

    def spoil(self, now_ns: int) -> None:
        """Replies were lost in this host: what was sent in this second or the one before counts as not measured."""
        second = now_ns // SECOND_NS
        self._spoiled |= {second, second - 1}

    # ---- interval ------------------------------------------------------------------------------------------------
    @property
    def held(self) -> int:
        """Packets whose interval has not been cut."""
        return len(self._packets)

    @property
    def pending(self) -> int:
        """Packets that may still be answered."""
        return sum(packet.outcome is Outcome.PENDING for packet in self._packets)

    @property
    def unanswered_tail(self) -> int:
        """Packets sent since the last one that was answered: what a further reply would attribute."""
        return self._next_ordinal - 1 - self._newest_answered

    def cut(self, start_ns: int, end_ns: int, *, now_ns: int) -> Cut:
        """The packets sent in [start, end), decided; asked once for each interval, in order.

        Packets that may still be answered are left out and counted as undecided: that happens when the probe stops.
        """
        final: list[TestPacket] = []
        inside: list[TestPacket] = []
        undecided = unserved = 0
        # A packet from after now was sent before the clock was set back: no interval will ask for it.
        while self._packets and (self._packets[0].sent_ns < end_ns or self._packets[0].sent_ns > now_ns):
            packet = self._packets.popleft()
            if packet.outcome is Outcome.PENDING and self._is_unserved(packet.ordinal):
                packet.outcome = Outcome.UNSERVED
                unserved += 1
            elif start_ns <= packet.sent_ns <= now_ns:
                if packet.outcome is Outcome.PENDING and now_ns - packet.sent_ns < REPLY_TIMEOUT_NS:
                    undecided += 1
                    continue
                inside.append(packet)
            final.append(packet)
        self._judge(final)
        before, self._last = self._last, final[-1] if final else self._last
        self._remember(final, now_ns)
        return Cut(
            session=self.name,
            start_ns=start_ns,
            end_ns=end_ns,
            packets=inside,
            before=before,
            undecided=undecided,
            unserved=unserved,
            earlier=len(final) - len(inside) - unserved,
            unmeasured_mask=self._unmeasured(inside, start_ns, end_ns),
            peer_error_ns=self._peer_error_ns,
            information=self._information,
            distance=self._distance() if any(packet.outcome is Outcome.ANSWERED for packet in inside) else None,
        )

    def _distance(self) -> int | None:
        # A reflector that does not look at it says 0; one behind a translator of time to live would say too much.
        return self.hops_sent_with - self._hops_left + 1 if 0 < self._hops_left <= self.hops_sent_with else None

    def _is_unserved(self, ordinal: int) -> bool:
        """Asked in the order of sending."""
        while self._unserved and self._unserved[0][1] <= ordinal:
            self._unserved.popleft()
        if self._unserved and self._unserved[0][0] <= ordinal:
            return True
        return self._unserved_from is not None and self._unserved_from <= ordinal

    def _judge(self, final: Sequence[TestPacket]) -> None:
        missing = [packet for packet in final if packet.outcome is Outcome.PENDING]
        later = [packet.ordinal for packet in self._packets if packet.outcome is Outcome.PENDING] if missing else []
        before = final[-1].ordinal + 1 if final else 0
        fates = self._attribution.settle([packet.ordinal for packet in missing], later, before=before)
        for packet in missing:
            packet.outcome = _OUTCOMES[fates[packet.ordinal]]

    def _remember(self, final: Sequence[TestPacket], now_ns: int) -> None:
        self._decided.extend(final)
        while self._decided and self._decided[0].sent_ns < now_ns - REPLY_TIMEOUT_NS - _LATE_KEPT_NS:
            packet = self._decided.popleft()
            if self._by_seq.get(packet.seq) is packet:
                del self._by_seq[packet.seq]

    def _unmeasured(self, inside: Sequence[TestPacket], start_ns: int, end_ns: int) -> int:
        """Bits of the seconds in which fewer than half of the planned packets were sent."""
        sent: dict[int, int] = {}
        for packet in inside:
            sent[packet.sent_ns // SECOND_NS] = sent.get(packet.sent_ns // SECOND_NS, 0) + 1
        mask = 0
        for second in range(start_ns // SECOND_NS, -(-end_ns // SECOND_NS)):
            low, high = max(second * SECOND_NS, start_ns), min((second + 1) * SECOND_NS, end_ns)
            running = self.since_ns is not None and self.since_ns <= low + SECOND_NS // 2
            # At most one packet a second: a second without one was measured when its turn came later or earlier.
            planned = (high - low) // self.interval_ns if self.interval_ns < SECOND_NS else 0
            if not running or second in self._spoiled or 2 * sent.get(second, 0) < planned:
                mask |= 1 << second % 10
        self._spoiled = {second for second in self._spoiled if second >= end_ns // SECOND_NS}
        if end_ns % SECOND_NS:  # the probe stops, or the clock was set: the window's other seconds will not come
            mask |= sum(1 << second for second in range(end_ns // SECOND_NS % 10 + 1, 10))
        return mask


_OUTCOMES = {Fate.FORWARD: Outcome.LOST_FORWARD, Fate.REVERSE: Outcome.LOST_REVERSE, Fate.UNATTRIBUTED: Outcome.LOST_UNATTRIBUTED}
