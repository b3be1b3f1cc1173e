"""Which of the packets that nobody answered had reached the reflector, told from the reflector's own count of replies.

Sent packets go in as ordinals (0, 1, 2, ... in the order of sending), replies as (ordinal, counter). Out comes each unanswered
packet's fate. Knows nothing of time, packets or sockets.

A stateful reflector numbers its replies 0, 1, 2, ... So a number that never came is a reply lost on the way back, and an
unanswered packet without such a number was lost on the way out. Between two replies with `m` packets unanswered and `r` numbers
missing, `r` were lost on the way back and `m - r` on the way out: exact, whichever they were; within such a stretch the two
kinds are spread evenly. Where packets overtook each other the missing number shows beside the stretch, up to `REACH` packets
away.

What is not claimed:
- after the last reply nothing is known (`UNATTRIBUTED`);
- when the count begins anew (the reflector was restarted, or forgot us), only what the new count proves is attributed;
- a restart within the first `REACH` packets of a count may, by chance, go on with a number that was missing: then it passes for a
  packet that was overtaken;
- a packet given up as unattributed before the reply that tells came stays so, and the others of its stretch are attributed as far
  as they are certain whatever it was;
- a copy made on the way out takes a number of its own; when that copy's reply is lost, one loss nearby may be told as lost on the
  way back. The error is never larger than the number of such copies;
- a stateless reflector repeats the sender's number: nothing is attributed until a reply shows another one. The sender leaves
  number 1 out (see `wire_number`), so a counting one shows it with its second reply, unless a copy made up for it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from enum import Enum, auto
from itertools import pairwise

import attrs

REACH = 64
"""How many packets may overtake one. At 100 packets/s it is 0.64 s, more than any path's reordering."""
_WORD = 1 << 32


class Fate(Enum):
    """What became of an unanswered packet."""

    FORWARD = auto()
    """Lost on the way out."""
    REVERSE = auto()
    """Its reply was lost."""
    UNATTRIBUTED = auto()


def wire_number(ordinal: int) -> int:
    """Sequence number of the n-th packet: 0, 2, 3, 4, ...

    Number 1 is left out, as if it had been lost before the first hop. From then on a reflector that copies our number and one
    that counts its replies never say the same; otherwise the first could not be told from one whose way back alone loses.
    """
    return (ordinal + 1 if ordinal else 0) % _WORD


@attrs.define(slots=True, kw_only=True, eq=False)
class _Judged:
    """Unanswered packets, in order, and what is thought of them."""

    missing: list[int]
    fates: dict[int, Fate]
    laid: dict[int, int] = attrs.field(factory=dict)
    """The missing count that each packet lost on the way back has taken."""

    def lay(self, ordinal: int, count: int) -> None:
        """This packet's reply had that count."""
        self.fates[ordinal] = Fate.REVERSE
        self.laid[ordinal] = count

    def free_between(self, first: int, last: int) -> list[int]:
        """Those between two ordinals that took no count yet."""
        within = self.missing[bisect_left(self.missing, first) : bisect_left(self.missing, last)]
        return [ordinal for ordinal in within if ordinal not in self.laid]

    def lay_nearby(self, position: int, count: int) -> None:
        """Give a count to the nearest packet that is thought lost on the way out, if one is in reach."""
        near = self.missing[bisect_left(self.missing, position - REACH) : bisect_right(self.missing, position + REACH)]
        free = [ordinal for ordinal in near if self.fates[ordinal] is Fate.FORWARD]
        if free:
            self.lay(min(free, key=lambda ordinal: abs(ordinal - position)), count)


class Attribution:
    """The reflector's count as far as it is needed for packets that are not final."""

    def __init__(self) -> None:
        self._ordinals: dict[int, int] = {-1: -1}
        """Ordinal by reply count; counts go on rising through a restart. The entry at -1 stands for the session's begin."""
        self._newest = -1
        self._offset = 0
        self._breaks: set[int] = set()
        """Counts with which a new numbering begins: what lies across one is certain only as far as the new count proves it."""
        self._used: set[int] = set()
        """Missing counts already laid to a final packet."""
        self._given_up: list[tuple[int, int]] = []
        """Final packets that stayed unattributed, as ranges of ordinals, the end not in it: an outage of a week is one range."""
        self._stateful = False

    @property
    def stateful(self) -> bool:
        """Whether the reflector has shown that it counts by itself."""
        return self._stateful

    def answered(self, ordinal: int, counter: int) -> None:
        """A reply came, in time or late, once or again; `counter` is its sequence number, 32 bits."""
        if ordinal and counter != wire_number(ordinal):
            self._stateful = True
        count = self._unwrapped(counter)
        if self._begins_anew(ordinal, count):
            begin = self._newest + 1
            plausible = count - self._offset if 0 <= count - self._offset < REACH and self._newest >= 0 else 0
            self._offset = begin + plausible - counter
            count = begin + plausible
            self._breaks.add(begin)
        self._ordinals[count] = ordinal
        self._newest = max(self._newest, count)

    def _unwrapped(self, counter: int) -> int:
        """The count nearest to the newest one whose low 32 bits are the counter's."""
        distance = (counter + self._offset - self._newest) % _WORD
        return self._newest + (distance - _WORD if distance >= _WORD >> 1 else distance)

    def _begins_anew(self, ordinal: int, count: int) -> bool:
        if self._ordinals.get(count, ordinal) != ordinal:
            return True  # a numbering gives each number once
        newest_ordinal = self._ordinals[self._newest]
        if ordinal > newest_ordinal:
            return count < self._newest - REACH or count - self._newest > ordinal - newest_ordinal + REACH
        return count > self._newest + REACH

    # ---- attribution ---------------------------------------------------------------------------------------------
    def settle(self, final: Iterable[int], later: Iterable[int], *, before: int) -> Mapping[int, Fate]:
        """The fates of unanswered packets that are now final.

        Args:
            final: ordinals below `before` that were sent, not answered, and may have arrived.
            later: such ordinals from `before` on; they are not judged, but share stretches with the final ones.
            before: the first ordinal that is not final. Everything below it is forgotten as far as it is not needed.
        """
        final = sorted(final)
        fates = dict.fromkeys(final, Fate.UNATTRIBUTED)
        if final and self._stateful:
            judged = self._judge([*final, *sorted(later)])
            fates = {ordinal: judged.fates[ordinal] for ordinal in final}
            self._used.update(count for ordinal, count in judged.laid.items() if ordinal < before)
        for ordinal, fate in fates.items():
            if fate is Fate.UNATTRIBUTED:
                self._give_up(ordinal)
        self._forget(before)
        return fates

    def _give_up(self, ordinal: int) -> None:
        if self._given_up and self._given_up[-1][1] == ordinal:
            self._given_up[-1] = (self._given_up[-1][0], ordinal + 1)
        else:
            self._given_up.append((ordinal, ordinal + 1))

    def _given_up_between(self, first: int, last: int) -> int:
        return sum(max(0, min(end, last) - max(start, first + 1)) for start, end in self._given_up)

    def _judge(self, missing: list[int]) -> _Judged:
        judged = _Judged(missing=missing, fates=self._first_guess(missing))
        left_over: list[tuple[int, int]] = []
        counts = sorted(self._ordinals)
        for low, high in pairwise(counts):
            gone = [count for count in range(low + 1, high) if count not in self._used] if high - low > 1 else []
            if gone:
                left_over += self._lay(judged, gone, low, high)
        for position, count in left_over:
            judged.lay_nearby(position, count)
        return judged

    def _first_guess(self, missing: list[int]) -> dict[int, Fate]:
        """Lost on the way out where a later packet was answered in the same numbering; else unknown."""
        answered = sorted((ordinal, count) for count, ordinal in self._ordinals.items())
        ordinals = [ordinal for ordinal, _ in answered]
        fates = {}
        for ordinal in missing:
            above = bisect_right(ordinals, ordinal)
            known = 0 < above < len(answered) and not self._broken(answered[above - 1][1], answered[above][1])
            fates[ordinal] = Fate.FORWARD if known else Fate.UNATTRIBUTED
        return fates

    def _broken(self, low: int, high: int) -> bool:
        return any(low < begin <= high for begin in self._breaks)

    def _lay(self, judged: _Judged, gone: list[int], low: int, high: int) -> list[tuple[int, int]]:
        """Lay the missing counts between two replies to the packets between them; what is too much comes back."""
        first, last = self._ordinals[low], self._ordinals[high]
        between = judged.free_between(first, last)
        given_up = self._given_up_between(first, last)
        reverse = min(len(between), max(0, len(gone) - given_up))
        forward = 0 if self._broken(low, high) else max(0, len(between) - len(gone))
        others = []
        for index, ordinal in enumerate(between):
            so_far = index * reverse // len(between)
            if (index + 1) * reverse // len(between) > so_far:
                judged.lay(ordinal, gone[len(gone) - reverse + so_far])
            else:
                others.append(ordinal)
        for index, ordinal in enumerate(others):
            judged.fates[ordinal] = Fate.FORWARD if index >= len(others) - forward else Fate.UNATTRIBUTED
        return [(first, count) for count in gone[: max(0, len(gone) - reverse - given_up)]]

    def _forget(self, before: int) -> None:
        """Keep the replies from `REACH` packets before the first that is not final, and the last one below it."""
        anchor = max((count for count, ordinal in self._ordinals.items() if ordinal < before), default=None)
        kept = {count for count, ordinal in self._ordinals.items() if ordinal >= before - REACH}
        base = min(kept | {anchor} if anchor is not None else kept)
        self._ordinals = {count: ordinal for count, ordinal in self._ordinals.items() if count >= base}
        self._used = {count for count in self._used if count > base}
        self._breaks = {begin for begin in self._breaks if begin > base}
        low = self._ordinals[base]
        self._given_up = [(start, end) for start, end in self._given_up if end > low]
