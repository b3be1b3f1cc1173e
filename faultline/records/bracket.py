"""Two points on one flow, matched segment by segment: what was lost between them, and what can only be guessed.

Goes in: what the records of two observation points say of one direction of one flow over the same time, the point nearer to the
sender first. Comes out: how often each lost segment passed either point, and what follows from that.

Counts of two points do not add up: after a lost acknowledgement a retransmission is `downstream` at the first and `spurious` at
the second. But a point that watched a segment come again and again knows how often it passed: once for each retransmission, and
once more for the first transmission unless that left a hole there. A segment that passed the first point more often than the
second was lost between them, whatever either made of it; one that left no trace at a point passed it once. That counts the
lost tail of a burst and the lost SYN as well, which leave no hole at the second point.

What passed the second point more often than the first cannot be: one of the captures lost it, or the flow takes another path as
well. That, what is on no list, and retransmissions so near to the ends of the time that the other point may have filed them
elsewhere make the answer uncertain. They are no evidence of a fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from faultline.records.losses import Loss, LossClass, losses_of
from faultline.records.terms import SECOND_NS

LEFT_A_HOLE = frozenset({LossClass.UPSTREAM, LossClass.INFERRED})
"""Classes of a first retransmission whose first transmission did not pass."""
REACH_NS = SECOND_NS
"""Two points see the same packet within this: clocks that differ, a path of a third of a second, and some room."""
MOST_UNSURE = 0.5
"""With more of what was sent again in doubt than this, two points are no witness together."""
_HALF = 1 << 31


@attrs.frozen(slots=True, kw_only=True)
class Seen:
    """One direction of a flow at one observation point, over one or more intervals."""

    start_ns: int
    end_ns: int
    segments: int
    """That were judged, retransmissions included."""
    losses: tuple[Loss, ...] = ()
    left_out: int = 0
    """Retransmissions on no list: beyond those listed, or of a record without a list."""
    blind: tuple[tuple[int, int], ...] = ()
    """Spans of time in which the list was full."""

    def is_blind_at(self, at_ns: int) -> bool:
        """Whether a retransmission of that moment may be among those left out."""
        return any(start < at_ns <= end for start, end in self.blind)


@attrs.frozen(slots=True, kw_only=True)
class Between:
    """What became of the segments that passed the first point."""

    sent: int
    """Segments that passed the first point."""
    lost: int
    """Of those, certainly lost between the points."""
    beyond: int
    """Sent again because of something after the second point: both saw all of it."""
    before: int
    """Lost before the first point: neither saw them."""
    contradictions: int
    """Passed the second point more often than the first."""
    unsure: int
    """May have been lost between the points as well: in one list only because of its end, or in none."""

    @property
    def is_usable(self) -> bool:
        """Whether enough is certain to say anything."""
        doubtful = self.unsure + self.contradictions
        return self.sent > 0 and doubtful <= MOST_UNSURE * max(1, self.sent_again + doubtful)

    @property
    def sent_again(self) -> int:
        """Retransmissions that could be explained."""
        return self.lost + self.beyond + self.before

    @property
    def doubt_ratio(self) -> float:
        """What one of the two captures must have missed, as a ratio of what passed."""
        return min(1.0, (self.contradictions + self.unsure) / self.sent) if self.sent else 0.0


def seen_of(records: Iterable[Mapping[str, object]], *, reverse: bool, correction_ns: int = 0) -> Seen:
    """What the flow records of one point say of a direction; `correction_ns` puts its clock right.

    Raises:
        LossError: a `loss_events` column is not what it claims.
        ValueError: there is no record.
    """
    prefix = "reverse_" if reverse else ""
    rows = sorted(records, key=lambda row: _number(row, "start_ns"))
    if not rows:
        raise ValueError("no record of the flow")
    listed = [(row, losses_of(_octets(row, f"{prefix}loss_events"))) for row in rows]
    blind = [
        (losses[-1].at_ns + correction_ns, _number(row, "end_ns") + correction_ns)
        for row, losses in listed
        if losses and _number(row, f"{prefix}loss_events_left_out")
    ]
    return Seen(
        start_ns=_number(rows[0], "start_ns") + correction_ns,
        end_ns=max(_number(row, "end_ns") for row in rows) + correction_ns,
        segments=sum(_number(row, f"{prefix}tcp_segments") for row in rows),
        losses=tuple(attrs.evolve(loss, at_ns=loss.at_ns + correction_ns) for _, losses in listed for loss in losses),
        left_out=sum(_unlisted(row, prefix, len(losses)) for row, losses in listed),
        blind=tuple(blind),
    )


def _unlisted(row: Mapping[str, object], prefix: str, listed: int) -> int:
    """What the record says it left out; what it counts and does not list is left out as well."""
    counted = _number(row, f"{prefix}retransmissions") + _number(row, f"{prefix}retransmissions_spurious")
    return max(_number(row, f"{prefix}loss_events_left_out"), counted - listed)


def _number(row: Mapping[str, object], name: str) -> int:
    value = row.get(name)
    return value if isinstance(value, int) else 0


def _octets(row: Mapping[str, object], name: str) -> bytes:
    value = row.get(name)
    return value if isinstance(value, bytes) else b""


# ---- matching -------------------------------------------------------------------------------------------------------
def between(first: Seen, second: Seen, *, reach_ns: int = REACH_NS) -> Between:
    """Match the retransmissions of two points, `first` the one nearer to the sender."""
    from_ns = max(first.start_ns, second.start_ns)
    until_ns = min(first.end_ns, second.end_ns)
    lost = beyond = before = contradictions = unsure = 0
    for segment in _segments(first.losses, second.losses):
        if not any(from_ns <= loss.at_ns <= until_ns for loss in (*segment.first, *segment.second)):
            continue
        if any(second.is_blind_at(loss.at_ns) for loss in segment.first) or any(
            first.is_blind_at(loss.at_ns) for loss in segment.second
        ):
            unsure += max(len(segment.first), len(segment.second))
            continue
        missing = passed(segment.first) - passed(segment.second)
        at_edge = not (segment.first and segment.second) and any(
            loss.at_ns > until_ns - reach_ns or loss.at_ns < from_ns + reach_ns for loss in (*segment.first, *segment.second)
        )
        before += sum(loss.of in LEFT_A_HOLE for loss in segment.first)
        if at_edge and missing:
            unsure += abs(missing)
            continue
        lost += max(missing, 0)
        contradictions += max(-missing, 0)
        beyond += sum(loss.of is LossClass.DOWNSTREAM for loss in segment.second) if missing <= 0 else 0
    unlisted = first.left_out + second.left_out
    return Between(
        sent=first.segments,
        lost=lost,
        beyond=beyond,
        before=before,
        contradictions=contradictions,
        unsure=unsure + unlisted,
    )


def passed(losses: Sequence[Loss]) -> int:
    """How often a segment passed a point: once for each retransmission, and once before unless that left a hole."""
    if not losses:
        return 1
    return len(losses) + (losses[0].of not in LEFT_A_HOLE)


@attrs.frozen(slots=True, kw_only=True)
class _Segment:
    """Retransmissions of the same octets at either point, in the order of time."""

    first: tuple[Loss, ...]
    second: tuple[Loss, ...]


def _segments(first: Sequence[Loss], second: Sequence[Loss]) -> Iterator[_Segment]:
    """Retransmissions grouped by octets they share: a retransmission may be cut differently from what it repeats."""
    tagged = [(loss, True) for loss in first] + [(loss, False) for loss in second]
    if not tagged:
        return
    origin = tagged[0][0].sequence

    def start(loss: Loss) -> int:
        # Numbers of a flow's list lie within half the circle of one another.
        return (loss.sequence - origin + _HALF) % (2 * _HALF) - _HALF

    tagged.sort(key=lambda item: start(item[0]))
    group: list[tuple[Loss, bool]] = []
    end = start(tagged[0][0])
    for loss, is_first in tagged:
        if group and start(loss) >= end:
            yield _segment(group)
            group = []
        end = max(end, start(loss) + loss.octets) if group else start(loss) + loss.octets
        group.append((loss, is_first))
    yield _segment(group)


def _segment(group: Sequence[tuple[Loss, bool]]) -> _Segment:
    ordered = sorted(group, key=lambda item: item[0].at_ns)
    return _Segment(
        first=tuple(loss for loss, is_first in ordered if is_first),
        second=tuple(loss for loss, is_first in ordered if not is_first),
    )
