"""What a session's packets of one interval amount to: counts, signed delay distributions, the masks of seconds.

Decided packets go in, one `SessionInterval` comes out, and from it the `session` record. Knows nothing of how packets travel.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import Enum, auto
from typing import Any, Protocol

import attrs

from faultline.records.histogram import Histogram
from faultline.records.terms import SECOND_NS
from probe.active.tlv import Information, Source

SEVERE_LOSS = 0.5
"""A second that lost more than half of its packets is severely errored (ITU-T Y.1563, frame loss ratio)."""


class Outcome(Enum):
    """What became of a test packet."""

    PENDING = auto()
    ANSWERED = auto()
    LATE = auto()
    """Answered after the time a reply may take: lost, as far as the measurement goes, in no known direction."""
    LOST_FORWARD = auto()
    LOST_REVERSE = auto()
    LOST_UNATTRIBUTED = auto()
    FILTERED = auto()
    """This host's packet filter took it: lost on the way out."""
    UNSERVED = auto()
    """The line carried it, and nobody listened at its end: it measured nothing, and is in no count."""
    GONE = auto()
    """No route or no link: neither direction can carry anything, so the loss has no direction."""


_FORWARD = (Outcome.LOST_FORWARD, Outcome.FILTERED)
_UNATTRIBUTED = (Outcome.LOST_UNATTRIBUTED, Outcome.LATE, Outcome.GONE)


class Sample(Protocol):
    """What is asked of a decided packet."""

    ordinal: int
    sent_ns: int
    outcome: Outcome
    t1_ns: int
    t1_source: Source
    t2_ns: int
    t3_ns: int
    t4_ns: int
    t4_source: Source
    duplicates: int
    reordered: bool

    @property
    def suspect(self) -> bool:
        """Whether this host was too late for it."""


@attrs.frozen(slots=True, kw_only=True)
class SessionInterval:
    """A session in one interval. lost = lost_forward + lost_reverse + lost_unattributed = sent - received."""

    start_ns: int
    end_ns: int
    sent: int
    received: int
    lost_forward: int
    lost_reverse: int
    lost_unattributed: int
    duplicates: int
    reordered: int
    suspect: int
    """Samples left out of the distributions: this host was late, or their stamps are of another source than the others'."""
    rtt: Histogram
    """Round trip less the reflector's residence."""
    forward_delay: Histogram
    reverse_delay: Histogram
    forward_ipdv: Histogram
    reverse_ipdv: Histogram
    severely_errored_mask: int
    t1_source: Source
    t4_source: Source
    session: str = ""
    undecided: int = 0
    """Packets that could still have been answered when the probe stopped: in no other count."""
    earlier: int = 0
    """Packets of intervals that nobody cut."""
    unmeasured_mask: int = 0
    peer_error_ns: int | None = None
    information: Information | None = None
    distance: int | None = None
    """Hops to the reflector; None where it is not known."""

    @property
    def lost(self) -> int:
        """All losses."""
        return self.lost_forward + self.lost_reverse + self.lost_unattributed

    @property
    def timestamp_sources(self) -> tuple[Source, Source, Source, Source]:
        """Sources of t1 to t4; a reflector that does not tell is taken to stamp in its program."""
        told = self.information or Information(t2=Source.USER, t3=Source.USER)
        return self.t1_source, told.t2, told.t3, self.t4_source

    def row(self, *, clock_class: str, clock_error_ns: int | None) -> dict[str, Any]:
        """The `session` record. Clock class and error are this host's own; the peer's error is added here."""
        synchronised = self.peer_error_ns is not None and clock_error_ns is not None
        row: dict[str, Any] = {
            "session": self.session,
            "interval_start_ns": self.start_ns,
            "interval_end_ns": self.end_ns,
            "sent": self.sent,
            "received": self.received,
            "lost_forward": self.lost_forward,
            "lost_reverse": self.lost_reverse,
            "lost_unattributed": self.lost_unattributed,
            "test_duplicates": self.duplicates,
            "test_reordered": self.reordered,
            "rtt": self.rtt.encode(),
            "forward_delay": self.forward_delay.encode(),
            "reverse_delay": self.reverse_delay.encode(),
            "forward_ipdv": self.forward_ipdv.encode(),
            "reverse_ipdv": self.reverse_ipdv.encode(),
            "severely_errored_mask": self.severely_errored_mask,
            "unmeasured_mask": self.unmeasured_mask,
            "clock_class": clock_class if synchronised else "none",
            "suspect": self.suspect,
            "timestamp_sources": ",".join(self.timestamp_sources),
        }
        if synchronised:
            row["clock_error_ns"] = (clock_error_ns or 0) + (self.peer_error_ns or 0)
        return row


def summed_up(packets: Sequence[Sample], *, previous: Sample | None, start_ns: int, end_ns: int) -> SessionInterval:
    """The interval of decided packets, in the order they were sent.

    Args:
        packets: every packet sent in the interval that is decided.
        previous: the packet before the first, for its delay variation.
        start_ns: start of the interval.
        end_ns: its end.
    """
    answered = [packet for packet in packets if packet.outcome is Outcome.ANSWERED]
    t1_source, t4_source = _sources(answered)
    count = Counter(packet.outcome for packet in packets)
    distributions = _Distributions(t1_source, t4_source)
    if previous is not None:
        distributions.begin_with(previous)
    for packet in answered:
        distributions.add(packet)
    return SessionInterval(
        start_ns=start_ns,
        end_ns=end_ns,
        sent=len(packets),
        received=len(answered),
        lost_forward=sum(count[outcome] for outcome in _FORWARD),
        lost_reverse=count[Outcome.LOST_REVERSE],
        lost_unattributed=sum(count[outcome] for outcome in _UNATTRIBUTED),
        duplicates=sum(packet.duplicates for packet in packets),
        reordered=sum(packet.reordered for packet in packets),
        suspect=distributions.suspect,
        rtt=distributions.rtt,
        forward_delay=distributions.forward,
        reverse_delay=distributions.reverse,
        forward_ipdv=distributions.forward_variation,
        reverse_ipdv=distributions.reverse_variation,
        severely_errored_mask=_severely_errored(packets),
        t1_source=t1_source,
        t4_source=t4_source,
    )


def _sources(answered: Iterable[Sample]) -> tuple[Source, Source]:
    """The pair of sources that most samples have; the others are not mixed with them."""
    common = Counter((packet.t1_source, packet.t4_source) for packet in answered).most_common(1)
    return common[0][0] if common else (Source.USER, Source.USER)


class _Distributions:
    """The five distributions, filled packet by packet in the order of sending."""

    def __init__(self, t1_source: Source, t4_source: Source) -> None:
        self._sources = (t1_source, t4_source)
        self._before: Sample | None = None
        self.suspect = 0
        self.rtt, self.forward, self.reverse = Histogram(), Histogram(), Histogram()
        self.forward_variation, self.reverse_variation = Histogram(), Histogram()

    def begin_with(self, packet: Sample) -> None:
        if packet.outcome is Outcome.ANSWERED and self._usable(packet):
            self._before = packet

    def _usable(self, packet: Sample) -> bool:
        return not packet.suspect and (packet.t1_source, packet.t4_source) == self._sources

    def add(self, packet: Sample) -> None:
        if not self._usable(packet):
            self.suspect += 1
            return
        forward_ns, reverse_ns = packet.t2_ns - packet.t1_ns, packet.t4_ns - packet.t3_ns
        self.forward.add(forward_ns)
        self.reverse.add(reverse_ns)
        self.rtt.add(forward_ns + reverse_ns)
        before, self._before = self._before, packet
        if before is not None and before.ordinal == packet.ordinal - 1:
            self.forward_variation.add(forward_ns - (before.t2_ns - before.t1_ns))
            self.reverse_variation.add(reverse_ns - (before.t4_ns - before.t3_ns))


def _severely_errored(packets: Iterable[Sample]) -> int:
    sent: Counter[int] = Counter()
    answered: Counter[int] = Counter()
    for packet in packets:
        second = packet.sent_ns // SECOND_NS
        sent[second] += 1
        answered[second] += packet.outcome is Outcome.ANSWERED
    lossy = [second for second, count in sent.items() if count - answered[second] > SEVERE_LOSS * count]
    return sum(1 << second % 10 for second in lossy)
