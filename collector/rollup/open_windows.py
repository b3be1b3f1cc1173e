"""The windows that are not final yet, in memory. What is in them is in the payloads too: a crash costs nothing but work.

Pure but for the questions it asks of what is final already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs

from collector.rollup.adding import Sums
from collector.rollup.finality import Finality
from faultline.records.terms import Level

LENGTH_NS = Level.TEN_SECONDS.length_ns
LONGEST_PAUSE_NS = 12 * LENGTH_NS
"""When nobody asked for so long, it was we who were away: the silence of that time says nothing about probes."""


@attrs.define(slots=True, kw_only=True)
class OpenWindow:
    """One window under way, or what came late for a final one."""

    start_ns: int
    first_data_ns: int
    """When its first data were worked through."""
    sums: Sums = attrs.field(factory=Sums)
    batches: dict[int, int] = attrs.field(factory=dict)
    """Records of each batch in it."""

    @property
    def end_ns(self) -> int:
        """End, not included."""
        return self.start_ns + LENGTH_NS

    @property
    def records(self) -> int:
        """Records in it."""
        return sum(self.batches.values())


class OpenWindows:
    """All of them."""

    def __init__(self, finality: Finality, *, is_sealed: Callable[[int], bool]) -> None:
        self._finality = finality
        self._is_sealed = is_sealed
        self._open: dict[int, OpenWindow] = {}
        self._late: dict[int, OpenWindow] = {}
        self._swept_ns: int | None = None
        """Up to here every window is final, with data or without."""

    def begin(self, now_ns: int) -> None:
        """From now on windows without any data are made final too: silence is a finding. Before, nobody listened."""
        self._swept_ns = now_ns - now_ns % LENGTH_NS

    def add(self, start_ns: int, batch: int, sums: Sums, *, records: int, now_ns: int) -> bool:
        """Take in a batch's part of a window; False when the window is final already and gets a revision."""
        late = self._is_sealed(start_ns)
        table = self._late if late else self._open
        window = table.get(start_ns)
        if window is None:
            window = table[start_ns] = OpenWindow(start_ns=start_ns, first_data_ns=now_ns)
        window.sums.merge(sums)
        window.batches[batch] = window.batches.get(batch, 0) + records
        return not late

    def due(self, now_ns: int) -> Iterator[OpenWindow]:
        """Windows that are final now, oldest first; each leaves the memory when it is asked for the next."""
        for start_ns in sorted(set(self._open) | set(self._unswept(now_ns))):
            window = self._open.get(start_ns)
            first_ns = window.first_data_ns if window else None
            if not self._finality.is_final(start_ns + LENGTH_NS, first_data_ns=first_ns, now_ns=now_ns):
                continue
            if window is not None or not self._is_sealed(start_ns):
                yield window or OpenWindow(start_ns=start_ns, first_data_ns=now_ns)
            self._open.pop(start_ns, None)
            if self._swept_ns == start_ns:
                self._swept_ns = start_ns + LENGTH_NS

    def late(self) -> Iterator[OpenWindow]:
        """What came late, oldest first; each leaves the memory when it is asked for the next."""
        for start_ns in sorted(self._late):
            yield self._late[start_ns]
            del self._late[start_ns]

    def open_within(self, start_ns: int, end_ns: int) -> bool:
        """Whether a window within [start_ns, end_ns) is still open."""
        return any(start_ns <= start < end_ns for table in (self._open, self._late) for start in table)

    def _unswept(self, now_ns: int) -> Iterator[int]:
        if self._swept_ns is None:
            return
        if not self._finality.any_heard or now_ns - self._swept_ns > LONGEST_PAUSE_NS:
            self.begin(now_ns)
            return
        start_ns = self._swept_ns
        while start_ns + LENGTH_NS <= now_ns:
            yield start_ns
            start_ns += LENGTH_NS
