"""The TCP rules once more, in plain Python and slowly: what the native meter must say of the same segments.

Segments go in as objects (`oracle_captures` reads them from a file); counts by direction come out. Sequence numbers are unwrapped
into plain integers here, intervals are lists, nothing is shared with the Rust code but the page that defines the rules.
"""

from __future__ import annotations

from typing import Any

import attrs

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
MS = 1_000_000
COUNTED = (
    "tcp_payload_octets",
    "tcp_segments",
    "syn_packets",
    "fin_packets",
    "rst_packets",
    "rst_handshake",
    "rst_after_fin",
    "duplicates",
    "retransmissions",
    "retransmissions_spurious",
    "reordered",
    "keepalives",
    "zero_window_probes",
    "loss_upstream",
    "loss_downstream",
    "loss_upstream_inferred",
    "retransmissions_fast",
    "retransmissions_timeout",
    "retransmission_delay_ns",
    "window_full",
    "zero_window_ns",
    "acked_unseen_octets",
)
MOST_LOSSES = 64
"""Losses told one by one."""
TIMES = ("rtt_server_ns", "rtt_client_ns", "connection_setup_ns", "handshake_ambiguous")


@attrs.frozen(slots=True, kw_only=True)
class Segment:
    """One TCP segment as captured."""

    now_ns: int
    seq: int
    ack: int = 0
    flags: int = ACK
    window: int = 1000
    payload: int = 0
    sacks: tuple[tuple[int, int], ...] = ()
    timestamps: tuple[int, int] | None = None
    window_shift: int | None = None
    ip_id: int | None = None
    checksum: int = 0

    def has(self, flags: int) -> bool:
        return bool(self.flags & flags)


@attrs.define
class Hole:
    """Octets that are missing."""

    start: int
    end: int
    created_ns: int
    proof_ns: int | None = None


@attrs.define
class Direction:
    """What one side sent, and what the other said of it."""

    counts: dict[str, int] = attrs.field(factory=lambda: dict.fromkeys(COUNTED, 0))
    rtts: list[int] = attrs.field(factory=list)
    losses: list[tuple[int, int, int, str]] = attrs.field(factory=list)
    """(sequence number as sent, length, time, class) of every segment that was sent again or inferred."""
    next: int | None = None
    una: int | None = None
    holes: list[Hole] = attrs.field(factory=list)
    peer_window: int | None = None
    peer_shift: int | None = None
    dup_acks: int = 0
    probed: bool = False
    sample: tuple[int, int, int | None] | None = None
    best_rtt: int | None = None
    last_id: int = 0
    id_run: int = 0
    last_ns: int | None = None
    smoothed: int = 0
    variation: int = 0
    recovery: tuple[int, str] | None = None
    sacked: int | None = None
    progress_ns: int = 0
    repeated_ns: int | None = None
    missing_ns: int | None = None
    recent: list[tuple[int, int, str]] = attrs.field(factory=list)
    closed_since: int | None = None

    def near(self, number: int) -> int | None:
        """The number nearest to `next` that is this sequence number; None when it is too far away to mean anything."""
        assert self.next is not None
        off = (number - self.next + 2**31) % 2**32 - 2**31
        return self.next + off if abs(off) < 2**30 else None

    def round_trip(self, rtt: int) -> None:
        """Smoothed round trip and variation (RFC 6298), divisions towards zero."""
        if self.smoothed == 0:
            self.smoothed, self.variation = rtt, _half(rtt)
            return
        error = rtt - self.smoothed
        self.variation += _toward_zero(abs(error) - self.variation, 4)
        self.smoothed += _toward_zero(error, 8)

    def close(self, start: int, end: int) -> int:
        """Octets of holes that lie within start..end; they are missing no more."""
        filled, left = 0, list[Hole]()
        before = len(self.holes)
        for hole in self.holes:
            low, high = max(start, hole.start), min(end, hole.end)
            if low >= high:
                left.append(hole)
                continue
            filled += high - low
            parts = [(hole.start, low), (high, hole.end)]
            kept = [Hole(a, b, hole.created_ns, hole.proof_ns) for a, b in parts if a < b]
            if len(kept) == 2 and before >= 8:
                kept.pop()
            before += len(kept) - 1
            left += kept
        self.holes = left
        return filled

    def open(self, start: int, end: int, now_ns: int) -> None:
        if len(self.holes) == 8:
            del self.holes[0]
        self.holes.append(Hole(start, end, now_ns))


def _toward_zero(number: int, by: int) -> int:
    return number // by if number >= 0 else -(-number // by)


def _half(number: int) -> int:
    return _toward_zero(number, 2)


def _timeout(direction: Direction, sender: int, path: int) -> int:
    """The sender's retransmission timeout, at least."""
    estimate = sender + direction.smoothed + 4 * direction.variation if direction.smoothed else 3 * path
    return max(estimate, 200 * MS)


def _trigger(direction: Direction, seq: int, now_ns: int, *, reported: bool, rtts: tuple[int, int]) -> str:
    """`fast`, `timeout` or nothing."""
    assert direction.next is not None
    if now_ns - direction.progress_ns >= _timeout(direction, *rtts):
        found = "timeout"
    elif direction.recovery is not None and seq < direction.recovery[0]:
        return direction.recovery[1]
    elif reported:
        found = "fast"
    else:
        return ""
    direction.recovery = (direction.next, found)
    return found


def _missing_ids(direction: Direction, segment: Segment, path_ns: int) -> int:
    if segment.ip_id is None:
        return 0
    step = (segment.ip_id - direction.last_id) % 65536
    silence = 0 if direction.last_ns is None else segment.now_ns - direction.last_ns
    missing = direction.id_run >= 4 and silence >= max(200 * MS, 2 * path_ns) and 2 <= step <= 7
    if step == 1:
        direction.id_run = min(direction.id_run + 1, 255)
    elif not missing:
        direction.id_run = 0
    direction.last_id, direction.last_ns = segment.ip_id, segment.now_ns
    return step - 1 if missing else 0


class Connection:
    """One connection, told by whom it is: sides 0 and 1."""

    def __init__(self) -> None:
        self.directions = [Direction(), Direction()]
        self.isn: list[int | None] = [None, None]
        self.shifts: list[int | None] = [None, None]
        """-1: offers none."""
        self.closing = self.finished = False
        self.unanswered = self.refused = 0
        self.responses: list[int] = []
        self.transfers: list[int] = []
        self.request_ns: int | None = None
        self.response: tuple[int, int] | None = None
        self.waiting = False
        self.restart_handshake()

    def restart_handshake(self) -> None:
        self.client: int | None = None
        self.syns: list[int] = []
        self.syn_acks: list[int] = []
        self.server_next = 0
        self.times: dict[str, Any] = {}
        self.ambiguous = self.acked = False
        self.unanswered += self.waiting
        self.waiting = False

    def is_followed_by(self, side: int, segment: Segment) -> bool:
        return self.closing and self.is_other(side, segment)

    def is_other(self, side: int, segment: Segment) -> bool:
        return segment.flags & (SYN | ACK) == SYN and self.isn[side] != segment.seq

    # ---- round trips
    def around(self, side: int) -> tuple[int | None, int | None]:
        """To the sender `side` and back, to the receiver and back."""
        ends: list[int | None] = [None, None]
        if self.client is not None:
            ends[self.client] = self.times.get("rtt_client_ns")
            ends[1 - self.client] = self.times.get("rtt_server_ns")
        best = []
        for end in (side, 1 - side):
            # Towards `end` goes what the other side sends.
            known = [rtt for rtt in (self.directions[1 - end].best_rtt, ends[end]) if rtt is not None]
            best.append(min(known) if known else None)
        return best[0], best[1]

    def observe(self, side: int, segment: Segment, *, client: int = 0, duplicate: bool = False) -> None:
        counts = self.directions[side].counts
        counts["tcp_payload_octets"] += segment.payload
        counts["syn_packets"] += segment.has(SYN)
        counts["fin_packets"] += segment.has(FIN)
        counts["rst_packets"] += segment.has(RST)
        counts["duplicates"] += duplicate
        if not duplicate:
            self._classify(side, segment, client)
        self.closing |= segment.has(FIN | RST)

    def _classify(self, side: int, segment: Segment, client: int) -> None:
        if self.is_other(side, segment):
            for at, old in enumerate(self.directions):
                self._settle(old, segment.now_ns)
                self.directions[at] = Direction(counts=old.counts, rtts=old.rtts, losses=old.losses)
            self.isn, self.shifts, self.finished = [None, None], [None, None], False
            self._respond()
            self.request_ns = None
            self.restart_handshake()
        if segment.has(SYN):
            self.isn[side] = segment.seq
            self._scale(side, segment)
        if segment.has(RST):
            self.directions[side].counts["rst_handshake"] += self.client is not None and not self.acked
            self.directions[side].counts["rst_after_fin"] += self.finished
        self._handshake(side, segment)
        is_new = self._segment(side, segment) and segment.payload > 0
        self._window(self.directions[side], segment)
        if self._acknowledge(self.directions[1 - side], segment):
            self.directions[side].missing_ns = segment.now_ns
        if is_new:
            self._talk(segment.now_ns, by_client=side == client)
        self.finished |= segment.has(FIN)
        if segment.has(FIN | RST) and side != client:
            self._respond()

    def _scale(self, side: int, segment: Segment) -> None:
        self.shifts[side] = -1 if segment.window_shift is None else min(segment.window_shift, 14)
        if -1 in self.shifts:
            self.directions[0].peer_shift = self.directions[1].peer_shift = 0
        elif None not in self.shifts:
            self.directions[0].peer_shift, self.directions[1].peer_shift = self.shifts[1], self.shifts[0]

    # ---- requests and responses
    def _talk(self, now_ns: int, *, by_client: bool) -> None:
        if by_client:
            self._respond()
            self.request_ns = now_ns
        elif self.request_ns is not None:
            self.responses.append(max(0, now_ns - self.request_ns - self.times.get("rtt_server_ns", 0)))
            self.request_ns, self.response = None, (now_ns, now_ns)
        elif self.response is not None:
            self.response = (self.response[0], now_ns)

    def _respond(self) -> None:
        if self.response is not None:
            self.transfers.append(max(0, self.response[1] - self.response[0]))
            self.response = None

    def finish(self) -> None:
        """The flow ends."""
        self.unanswered += self.waiting
        self.waiting = False
        self._respond()

    # ---- the opening
    def _handshake(self, side: int, segment: Segment) -> None:
        if "rtt_client_ns" in self.times:
            return
        if segment.has(RST):
            if self.client == side:
                self.unanswered += self.waiting
            else:
                self.refused += self.waiting
            self.waiting = False
            return
        if segment.has(SYN) and not segment.has(ACK):
            self._syn(side, segment.now_ns)
        elif segment.has(SYN):
            self._syn_ack(side, segment)
        elif segment.has(ACK) and self.client == side:
            self._last_ack(segment)

    def _syn(self, side: int, now_ns: int) -> None:
        if self.client is None:
            self.client = side
        if self.client == side:
            self.ambiguous |= bool(self.syns)
            self.unanswered += self.waiting
            self.waiting = True
            self.syns.append(now_ns)

    def _syn_ack(self, side: int, segment: Segment) -> None:
        if self.client is None:
            self.client = 1 - side
        if self.client == side:
            return
        self.waiting = False
        self.ambiguous |= bool(self.syn_acks)
        answered = self.syn_acks and self.syns and self.syn_acks[-1] >= self.syns[-1]
        if self.syns and not answered:
            self.times["rtt_server_ns"] = max(0, segment.now_ns - self.syns[-1])
        self.syn_acks.append(segment.now_ns)
        self.server_next = (segment.seq + 1) % 2**32

    def _last_ack(self, segment: Segment) -> None:
        self.waiting, self.acked = False, True
        if not self.syn_acks:
            self.ambiguous = True
        elif (segment.ack - self.server_next) % 2**32 < 2**31:
            self.times["rtt_client_ns"] = max(0, segment.now_ns - self.syn_acks[-1])
            if self.syns:
                self.times["connection_setup_ns"] = max(0, segment.now_ns - self.syns[0])

    # ---- what a side sends
    def _segment(self, side: int, segment: Segment) -> bool:
        """Whether what it carries is new."""
        direction, now = self.directions[side], segment.now_ns
        sender_rtt, receiver_rtt = self.around(side)
        path = (sender_rtt or 0) + (receiver_rtt or 0)
        lost_before = _missing_ids(direction, segment, path)
        if segment.has(RST):
            return False
        control = segment.has(SYN) + segment.has(FIN)
        length = segment.payload + control
        direction.counts["tcp_segments"] += length > 0
        seq = None if direction.next is None else direction.near(segment.seq)
        if seq is None or direction.next is None:
            direction.next, direction.holes, direction.sample = segment.seq + length, [], None
            direction.progress_ns = now
            direction.sacked = None if direction.sacked is None else _nearest(direction.sacked, direction.next)
            direction.una = None if direction.una is None else _nearest(direction.una, direction.next)
            self._sample(direction, segment, segment.seq + length)
            return True
        end = seq + length
        if control == 0 and segment.payload <= 1 and self._probe(direction, segment, seq):
            return False
        at = direction.missing_ns if length else None
        direction.missing_ns = None if length else direction.missing_ns
        if seq < direction.next:
            return length > 0 and self._late(direction, segment, seq, end, (sender_rtt, path))
        idle = direction.una is None or direction.una >= direction.next
        if seq > direction.next:
            direction.open(direction.next, seq, now)
        elif segment.payload:
            expected = at is not None and now - at <= max(200 * MS, 2 * path)
            overdue = idle and (expected or self._was_due(side, segment, sender_rtt or 0, path))
            missing = max(lost_before, overdue)
            direction.counts["loss_upstream_inferred"] += missing
            if missing:
                direction.losses.append((segment.seq, length, now, "inferred"))
        direction.next = end
        if length and idle:
            direction.progress_ns = now
        if length and direction.peer_shift is not None and direction.peer_window and direction.una is not None:
            direction.counts["window_full"] += end - direction.una >= direction.peer_window << direction.peer_shift
        self._sample(direction, segment, end)
        return True

    def _was_due(self, side: int, segment: Segment, sender_rtt: int, path: int) -> bool:
        """The first acknowledgement of what the other side sent comes so late that it must be a repetition."""
        other = self.directions[1 - side]
        if not segment.has(ACK) or other.next is None or other.una is None:
            return False
        ack = other.near(segment.ack)
        if ack is None or not other.una < ack <= other.next:
            return False
        again = None if segment.sacks and _tells_duplicate(segment, other) else other.repeated_ns
        if again is not None and again >= other.progress_ns and segment.now_ns - again >= sender_rtt:
            return False
        return segment.now_ns - other.progress_ns >= max(200 * MS, 2 * path) + sender_rtt

    @staticmethod
    def _sample(direction: Direction, segment: Segment, end: int) -> None:
        if segment.payload and direction.sample is None and not direction.holes:
            value = segment.timestamps[0] if segment.timestamps else None
            direction.sample = (end, segment.now_ns, value)

    @staticmethod
    def _probe(direction: Direction, segment: Segment, seq: int) -> bool:
        if direction.next is None or direction.una != direction.next:
            return False
        before = seq == direction.next - 1
        if direction.peer_window == 0 and (before or (seq == direction.next and segment.payload == 1)):
            direction.counts["zero_window_probes"] += 1
            direction.probed |= not before
            return True
        direction.counts["keepalives"] += before
        return before

    @staticmethod
    def _late(direction: Direction, segment: Segment, seq: int, end: int, rtts: tuple[int | None, int]) -> bool:
        assert direction.next is not None
        sender_rtt, path = rtts
        known_end = min(end, direction.next)
        sample, direction.sample = direction.sample, None
        is_new, kind, first_ns, reported = end > direction.next, "", 0, False
        hole = next((hole for hole in direction.holes if hole.start < known_end and seq < hole.end), None)
        if direction.una is not None and end <= direction.una:
            direction.counts["retransmissions_spurious"] += 1
            kind = "spurious"
        elif hole is not None:
            proof = hole.proof_ns
            proven = proof is not None and sender_rtt is not None and segment.now_ns - proof >= sender_rtt - MS // 50
            young = segment.now_ns - hole.created_ns < max(path, 3 * MS)
            direction.counts["reordered" if young and not proven else "loss_upstream"] += 1
            if proven or not young:
                kind, first_ns, reported = "upstream", hole.created_ns, proof is not None
            direction.close(seq, known_end)
            is_new = True
        else:
            direction.counts["loss_downstream"] += 1
            kind, first_ns = "downstream", direction.progress_ns
            if sample is not None and seq < sample[0] <= end:
                first_ns = sample[1]
            reported = direction.dup_acks >= 3 or (direction.sacked is not None and direction.sacked > end)
        trigger = ""
        if kind in {"upstream", "downstream"}:
            ways = (sender_rtt or 0, path)
            trigger = _trigger(direction, seq, segment.now_ns, reported=reported, rtts=ways)
            if trigger:
                direction.counts[f"retransmissions_{trigger}"] += 1
            direction.counts["retransmission_delay_ns"] += max(0, segment.now_ns - first_ns)
            if kind == "upstream" and trigger == "timeout" and hole is not None and hole.proof_ns is not None:
                # What was sent when the receiver had reported the hole never came.
                direction.counts["loss_upstream_inferred"] += segment.now_ns - hole.proof_ns >= _timeout(direction, *ways)
        if kind == "downstream":
            direction.recent = [*direction.recent, (seq, end, trigger)][-4:]
        if kind:
            direction.repeated_ns = segment.now_ns
            direction.losses.append((segment.seq, end - seq, segment.now_ns, kind))
        direction.next = max(direction.next, end)
        return is_new

    # ---- what the other side says of it
    @staticmethod
    def _settle(direction: Direction, now_ns: int) -> None:
        if direction.closed_since is not None:
            direction.counts["zero_window_ns"] += max(0, now_ns - direction.closed_since)
            direction.closed_since = max(now_ns, direction.closed_since)

    def _window(self, direction: Direction, segment: Segment) -> None:
        if segment.has(SYN | RST):
            return
        if segment.window == 0:
            direction.closed_since = segment.now_ns if direction.closed_since is None else direction.closed_since
        else:
            self._settle(direction, segment.now_ns)
            direction.closed_since = None

    def _acknowledge(self, direction: Direction, segment: Segment) -> bool:
        """Whether it tells that a segment had arrived which was not acknowledged before it was sent again."""
        if segment.has(RST) or not segment.has(ACK):
            return False
        same_window = direction.peer_window == segment.window
        if not segment.has(SYN):
            direction.peer_window = segment.window
        if direction.next is None:
            newer = direction.una is None or (segment.ack - direction.una) % 2**32 < 2**31
            direction.una = segment.ack if newer else direction.una
            return False
        ack, before = direction.near(segment.ack), direction.una
        if ack is None:
            return False
        if ack > direction.next:
            direction.counts["acked_unseen_octets"] += ack - direction.next - direction.probed
            direction.next, direction.probed = ack, False
        direction.counts["acked_unseen_octets"] += direction.close(ack - 2**30, ack)
        if direction.una is not None and ack <= direction.una:
            self._repeat(direction, segment, ack, same_window=same_window)
        else:
            direction.una, direction.dup_acks = ack, 0
            direction.progress_ns = segment.now_ns
            self._end_sample(direction, segment, ack)
        needless = self._sacks(direction, segment, ack)
        return needless is not None and before is not None and before < needless <= ack

    @staticmethod
    def _repeat(direction: Direction, segment: Segment, ack: int, *, same_window: bool) -> None:
        pure = segment.payload == 0 and not segment.has(SYN | FIN)
        if ack != direction.una or not pure or not same_window or (direction.next or 0) <= ack:
            return
        direction.dup_acks += 1
        if direction.dup_acks == 3:
            for hole in direction.holes:
                if hole.start == ack and hole.proof_ns is None:
                    hole.proof_ns = segment.now_ns

    @staticmethod
    def _end_sample(direction: Direction, segment: Segment, ack: int) -> None:
        if direction.sample is None or direction.sample[0] > ack:
            return
        end, sent_ns, value = direction.sample
        direction.sample = None
        echo = segment.timestamps[1] if segment.timestamps else None
        of_later = value is not None and echo is not None and 0 < (echo - value) % 2**32 < 2**31
        if end == ack and not of_later:
            rtt = segment.now_ns - sent_ns
            direction.rtts.append(rtt)
            direction.round_trip(rtt)
            direction.best_rtt = rtt if direction.best_rtt is None else min(direction.best_rtt, rtt)

    @staticmethod
    def _sacks(direction: Direction, segment: Segment, ack: int) -> int | None:
        """The end of a segment that arrived twice."""
        assert direction.next is not None
        needless = None
        for at, block in enumerate(segment.sacks):
            right = direction.near(block[1])
            width = (block[1] - block[0]) % 2**32
            if right is None or not 0 < width < 2**31:
                continue
            left = right - width
            if at == 0 and _tells_duplicate(segment, direction):
                needless = _absolve(direction, left, right)
                continue
            if right <= ack:
                continue
            direction.counts["acked_unseen_octets"] += direction.close(left, right)
            if right > direction.next:
                if left > direction.next:
                    direction.open(direction.next, left, segment.now_ns)
                direction.counts["acked_unseen_octets"] += right - max(left, direction.next)
                direction.next = right
            for hole in direction.holes:
                if hole.end <= left and hole.proof_ns is None:
                    hole.proof_ns = segment.now_ns
            direction.sacked = right if direction.sacked is None else max(direction.sacked, right)
        return needless


def _nearest(number: int, to: int) -> int:
    return to + (number - to + 2**31) % 2**32 - 2**31


def _tells_duplicate(segment: Segment, direction: Direction) -> bool:
    """RFC 2883."""
    to = direction.next or 0
    blocks = [(_nearest(left, to), _nearest(right, to)) for left, right in segment.sacks]
    (left, right) = blocks[0]
    if right <= _nearest(segment.ack, to):
        return True
    return len(blocks) > 1 and blocks[1][0] <= left and right <= blocks[1][1]


def _absolve(direction: Direction, left: int, right: int) -> int | None:
    for at, (start, end, trigger) in enumerate(direction.recent):
        if start < right and left < end:
            del direction.recent[at]
            if direction.counts["loss_downstream"]:
                direction.counts["loss_downstream"] -= 1
                direction.counts["retransmissions_spurious"] += 1
                if trigger:
                    direction.counts[f"retransmissions_{trigger}"] -= 1
                _take_back(direction, start % 2**32, end - start)
            return end
    return None


def _take_back(direction: Direction, seq: int, length: int) -> None:
    for at in reversed(range(min(len(direction.losses), MOST_LOSSES))):
        start, size, when, kind = direction.losses[at]
        overlaps = (seq - start) % 2**32 < size or (start - seq) % 2**32 < length
        if kind == "downstream" and overlaps:
            direction.losses[at] = (start, size, when, "spurious")
            return


@attrs.frozen(slots=True)
class Flow:
    """What the meter's record of a TCP flow must say, forward direction first."""

    ends: tuple[tuple[str, int], tuple[str, int]]
    forward: dict[str, int]
    reverse: dict[str, int]
    rtts: tuple[list[int], list[int]]
    losses: tuple[list[tuple[int, int, int, str]], list[tuple[int, int, int, str]]]
    times: dict[str, Any]
    syns: tuple[int, int]
    """Unanswered, refused."""
    talk: tuple[list[int], list[int]]
    """Response times, transfer times."""

    def check(self, record: dict[str, Any]) -> None:
        """The meter's record of this flow says the same in every field."""
        assert (record["source_address"], record["source_port"]) == self.ends[0]
        for prefix, counts, losses in (("", self.forward, self.losses[0]), ("reverse_", self.reverse, self.losses[1])):
            told = {name: record[prefix + name] for name in COUNTED if prefix + name in record}
            assert told == counts
            events = record.get(prefix + "loss_events", ())
            assert [(loss["sequence"], loss["octets"], loss["at_ns"], loss["class"]) for loss in events] == losses[:MOST_LOSSES]
            assert record.get(prefix + "loss_events_left_out", 0) == max(0, len(losses) - MOST_LOSSES)
        assert {name: record[name] for name in TIMES if name in record} == self.times
        assert (record["syn_unanswered"], record["syn_refused"]) == self.syns
        distributions = ("data_rtt_ns", "reverse_data_rtt_ns", "application_response_ns", "data_transfer_ns")
        for name, times in zip(distributions, (*self.rtts, *self.talk), strict=True):
            found = record.get(name, {"n": 0})
            assert found["n"] == len(times), name
            if times:
                assert found["max"] == max(times), name
                assert found.get("min", min(times)) == min(times), name


class Meter:
    """Flows of segments without any timeout."""

    def __init__(self) -> None:
        self.flows: list[Flow] = []
        self._open: dict[tuple[tuple[str, int], tuple[str, int]], tuple[Connection, list[Any]]] = {}
        self._last_ns: dict[tuple[tuple[str, int], tuple[str, int]], int] = {}
        self._copies: dict[tuple[Any, ...], int] = {}

    def observe(self, source: tuple[str, int], destination: tuple[str, int], segment: Segment) -> None:
        pair = (min(source, destination), max(source, destination))
        side = int(source != pair[0])
        connection, forward = self._open.get(pair, (None, [side, False]))
        if connection is not None and connection.is_followed_by(side, segment):
            self._end(pair)
            connection, forward = None, [side, False]
        if connection is None:
            connection = Connection()
            self._open[pair] = (connection, forward)
            self._last_ns[pair] = segment.now_ns
        self._last_ns[pair] = max(self._last_ns[pair], segment.now_ns)
        if segment.has(SYN) and not forward[1]:
            forward[:] = [1 - side, False] if segment.has(ACK) else [side, True]
        connection.observe(side, segment, client=forward[0], duplicate=self._is_copy((source, destination), segment))

    def _is_copy(self, ends: tuple[tuple[str, int], tuple[str, int]], segment: Segment) -> bool:
        counts = segment.payload or segment.has(SYN | FIN)
        if segment.checksum == 0 or (not segment.ip_id and not counts):
            return False
        window = 100 * MS if segment.ip_id else MS // 10
        key = (ends, segment.ip_id or 0, segment.checksum, segment.seq, segment.ack, segment.payload)
        before = self._copies.get(key)
        self._copies[key] = segment.now_ns
        return before is not None and 0 <= segment.now_ns - before < window

    def _end(self, pair: tuple[tuple[str, int], tuple[str, int]]) -> None:
        connection, (forward, _) = self._open.pop(pair)
        connection.finish()
        for direction in connection.directions:
            # A window that is still closed counts until the flow's last packet.
            Connection._settle(direction, self._last_ns[pair])
            direction.counts["retransmissions"] = direction.counts["loss_upstream"] + direction.counts["loss_downstream"]
            if direction.peer_shift is None:
                del direction.counts["window_full"]
        one, other = connection.directions[forward], connection.directions[1 - forward]
        times = dict(connection.times)
        if times:
            times["handshake_ambiguous"] = connection.ambiguous
        flow = Flow(
            (pair[forward], pair[1 - forward]),
            one.counts,
            other.counts,
            (one.rtts, other.rtts),
            (one.losses, other.losses),
            times,
            (connection.unanswered, connection.refused),
            (connection.responses, connection.transfers),
        )
        self.flows.append(flow)

    def finish(self) -> list[Flow]:
        """All flows."""
        for pair in list(self._open):
            self._end(pair)
        return self.flows
