"""Minutes and hours: which are due, from the final windows within them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from collector.rollup.finality import Finality
from collector.rollup.sealing import CHILD, PARENT, begin_of
from faultline.records.terms import Level
from faultline.store.windows import WindowBook

LONGER = (Level.MINUTE, Level.HOUR)


class LongerWindows:
    """Keeps which minutes and hours have a final window within them and are not final themselves."""

    def __init__(self, windows: WindowBook, finality: Finality) -> None:
        self._windows = windows
        self._finality = finality
        self._expected: dict[tuple[Level, int], int] = {}
        """When the first window within became final."""

    def recover(self, now_ns: int) -> None:
        """Find them in the state store."""
        for level in LONGER:
            for start_ns in self._windows.orphans(CHILD[level], level):
                self._expected[level, start_ns] = now_ns

    def expect(self, start_ns: int, now_ns: int, *, of: Level = Level.TEN_SECONDS) -> None:
        """A window of a level became final."""
        parent = PARENT.get(of)
        if parent is not None:
            self._expected.setdefault((parent, begin_of(parent, start_ns)), now_ns)

    def due(self, now_ns: int, *, open_within: Callable[[int, int], bool]) -> Iterator[tuple[Level, int]]:
        """Those that are to be made final now, minutes first; each is forgotten when the next is asked for."""
        for level in LONGER:
            for start_ns in sorted(start for of, start in self._expected if of is level):
                end_ns = start_ns + level.length_ns
                final = self._finality.is_final(end_ns, first_data_ns=self._expected[level, start_ns], now_ns=now_ns)
                if not final or open_within(start_ns, end_ns) or self._shorter_expected(level, start_ns):
                    continue
                if self._windows.window(level, start_ns) is None:
                    yield level, start_ns
                    self.expect(start_ns, now_ns, of=level)
                del self._expected[level, start_ns]

    def _shorter_expected(self, level: Level, start_ns: int) -> bool:
        return any(of is CHILD[level] and begin_of(level, start) == start_ns for of, start in self._expected)
