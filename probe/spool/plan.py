"""What the spool decides, without a disk: what is missing, what may be forgotten, what goes first when there is no room.

In come positions, lists of what is held, and the time; out come decisions. It knows nothing of files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs

from faultline.records.terms import Stream

DROP_ORDER = (Stream.FLOWS, Stream.MEASUREMENTS, Stream.EVENTS)
"""Least valuable first: flows can be many and are summed anyway; events are few and explain the rest."""


class PositionError(ValueError):
    """A position file does not say what it should; the message says which part."""


@attrs.frozen(slots=True, kw_only=True)
class Gap:
    """Sequence numbers of a stream that will never come."""

    first: int
    last: int
    reason: str
    """quota, age, corrupt, missing, disk_full, disk_error or rejected."""
    told: int | None = None
    """Sequence in `events` of the batch that holds the gap record; None while no one was told."""


@attrs.frozen(slots=True, kw_only=True)
class Position:
    """What must survive of a stream besides its batches."""

    released: int = 0
    """Every sequence up to this one is done with: acknowledged, or given up in a gap."""
    last: int = 0
    """Highest sequence ever used, as far as written down; files may be higher."""
    watermark_ns: int = 0
    gaps: tuple[Gap, ...] = ()

    def encode(self) -> bytes:
        """One line of JSON."""
        gaps = [[gap.first, gap.last, gap.reason, gap.told] for gap in self.gaps]
        return (
            json.dumps({"released": self.released, "last": self.last, "watermark_ns": self.watermark_ns, "gaps": gaps}).encode()
            + b"\n"
        )

    @classmethod
    def decode(cls, octets: bytes) -> Position:
        """Inverse of `encode`.

        Raises:
            PositionError: not such a line.
        """
        try:
            data = json.loads(octets)
            gaps = tuple(
                Gap(first=int(f), last=int(t), reason=str(r), told=None if told is None else int(told))
                for f, t, r, told in data["gaps"]
            )
            return cls(released=int(data["released"]), last=int(data["last"]), watermark_ns=int(data["watermark_ns"]), gaps=gaps)
        except (ValueError, TypeError, KeyError) as error:
            raise PositionError(f"position: {error}") from None

    def untold(self) -> tuple[Gap, ...]:
        """Gaps of which no record was written yet."""
        return tuple(gap for gap in self.gaps if gap.told is None)

    def with_gap(self, gap: Gap) -> Position:
        """With one gap more; joined to its untold neighbour of the same reason."""
        before = self.gaps[-1] if self.gaps else None
        if before and before.told is None and before.reason == gap.reason and before.last + 1 == gap.first and gap.told is None:
            return attrs.evolve(self, gaps=(*self.gaps[:-1], attrs.evolve(before, last=gap.last)))
        return attrs.evolve(self, gaps=(*self.gaps, gap))

    def covers(self, seq: int) -> bool:
        """Whether the sequence is released or given up."""
        return seq <= self.released or any(gap.first <= seq <= gap.last for gap in self.gaps)


def forget_gaps(position: Position, events_released: int) -> Position:
    """Without the gaps whose record the collector has acknowledged and which no restart can find again."""
    kept = tuple(gap for gap in position.gaps if gap.told is None or gap.told > events_released or gap.last > position.released)
    return position if kept == position.gaps else attrs.evolve(position, gaps=kept)


def retell(position: Position, events: Position, events_held: Iterable[int]) -> Position:
    """After a restart: a gap whose record neither waits nor was acknowledged has not been told."""
    held = set(events_held)

    def lost(gap: Gap) -> bool:
        given_up = any(other.first <= (gap.told or 0) <= other.last for other in events.gaps)
        return gap.told is not None and gap.told not in held and (gap.told > events.released or given_up)

    return untell(position, lost)


def untell(position: Position, lost: Callable[[Gap], bool]) -> Position:
    """The gaps whose record was lost have not been told."""
    return attrs.evolve(position, gaps=tuple(attrs.evolve(gap, told=None) if lost(gap) else gap for gap in position.gaps))


def missing(position: Position, found: Iterable[int]) -> list[tuple[int, int]]:
    """Ranges between the position and the highest sequence known for which there is neither a file nor a gap."""
    files = [(seq, seq) for seq in found]
    known = sorted([*files, *((gap.first, gap.last) for gap in position.gaps)])
    highest = max(position.last, max((last for _, last in files), default=0))
    ranges: list[tuple[int, int]] = []
    reached = position.released
    for first, last in [*known, (highest + 1, highest + 1)]:
        if first > reached + 1:
            ranges.append((reached + 1, first - 1))
        reached = max(reached, last)
    return ranges


@attrs.frozen(slots=True, kw_only=True)
class Held:
    """A batch waiting in the spool."""

    octets: int
    since_ns: int
    """Monotonic clock when it was closed: a wall clock that is set right by fifty years must not make a batch old."""


@attrs.frozen(slots=True, kw_only=True)
class Drop:
    """The oldest batch of a stream must go."""

    stream: Stream
    seq: int
    reason: str


def over_quota(
    held: Mapping[Stream, Sequence[tuple[int, Held]]],
    *,
    incoming_octets: int,
    max_octets: int,
    max_age_ns: int,
    now_ns: int,
) -> list[Drop]:
    """What must go before `incoming_octets` more fit.

    `held` lists the batches of each stream, oldest first; `now_ns` is the monotonic clock.
    """
    drops: list[Drop] = []
    total = incoming_octets
    rest: dict[Stream, list[tuple[int, Held]]] = {}
    for stream in DROP_ORDER:
        batches = list(held.get(stream, ()))
        old = 0
        while old < len(batches) and now_ns - batches[old][1].since_ns > max_age_ns:
            drops.append(Drop(stream=stream, seq=batches[old][0], reason="age"))
            old += 1
        rest[stream] = batches[old:]
        total += sum(batch.octets for _, batch in rest[stream])
    for stream in DROP_ORDER:
        for seq, batch in rest[stream]:
            if total <= max_octets:
                return drops
            drops.append(Drop(stream=stream, seq=seq, reason="quota"))
            total -= batch.octets
    return drops


def as_gaps(drops: Iterable[Drop]) -> list[tuple[Stream, Gap]]:
    """Drops as gaps; neighbours of one reason are one gap."""
    gaps: list[tuple[Stream, Gap]] = []
    for drop in drops:
        if gaps:
            stream, gap = gaps[-1]
            if stream is drop.stream and gap.reason == drop.reason and gap.last + 1 == drop.seq:
                gaps[-1] = (stream, attrs.evolve(gap, last=drop.seq))
                continue
        gaps.append((drop.stream, Gap(first=drop.seq, last=drop.seq, reason=drop.reason)))
    return gaps


def makes_room_for(stream: Stream, held: Mapping[Stream, Sequence[int]]) -> Drop | None:
    """On a full disk: the one batch to give up for a new one of `stream`.

    It is the oldest of the least valuable stream, and never of a stream more valuable than the new batch's own.
    """
    for candidate in DROP_ORDER[: DROP_ORDER.index(stream) + 1]:
        if held.get(candidate):
            return Drop(stream=candidate, seq=held[candidate][0], reason="disk_full")
    return None


@attrs.frozen(slots=True, kw_only=True)
class Renumbered:
    """Where a batch or a gap of the old incarnation goes in the new one."""

    old: int | None
    """Sequence of the held batch, or None for a gap."""
    gap_reason: str | None
    new: int


def renumber(held: Iterable[int], gaps: Iterable[Gap], *, accepted: int) -> list[Renumbered]:
    """Dense numbers from 1 for what a new incarnation takes over, in the old order; each gap takes one, so that it is told again.

    Batches up to `accepted` were taken by the collector under the old identity and must not come again.
    """
    items = [(seq, seq, None) for seq in held if seq > accepted] + [(gap.first, None, gap.reason) for gap in gaps]
    items.sort(key=lambda item: item[0])
    return [Renumbered(old=old, gap_reason=reason, new=number) for number, (_, old, reason) in enumerate(items, start=1)]
