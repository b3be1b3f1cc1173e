"""Makes windows final in the state store: rows, distributions, points for the metrics store, and the longer windows around them.

Goes in: sums of a window, or of what came late for one. A window that is final gets a revision; what is added goes on into the
longer windows around it that are final too. All of it happens in one transaction, the caller's if there is one.
"""

from __future__ import annotations

from collector.rollup.adding import Sums
from collector.rollup.rendering import render
from faultline.records.terms import Level
from faultline.store.outbox import Outbox
from faultline.store.state import StateStore
from faultline.store.windows import FinalWindow, WindowBook

PARENT: dict[Level, Level] = {Level.TEN_SECONDS: Level.MINUTE, Level.MINUTE: Level.HOUR}
CHILD: dict[Level, Level] = {parent: child for child, parent in PARENT.items()}


def begin_of(level: Level, time_ns: int) -> int:
    """Start of the window of a level that holds a moment."""
    return time_ns - time_ns % level.length_ns


class Sealer:
    """Over the windows and the outbox of a state store."""

    def __init__(self, *, state: StateStore, windows: WindowBook, outbox: Outbox) -> None:
        self._state = state
        self._windows = windows
        self._outbox = outbox

    def seal(self, level: Level, start_ns: int, added: Sums, *, now_ns: int) -> FinalWindow:
        """Make a window final with these sums; if it is final already, add them to it."""
        with self._state.transaction():
            return self._seal(level, start_ns, added, now_ns=now_ns, longer=False)

    def seal_longer(self, level: Level, start_ns: int, *, now_ns: int) -> FinalWindow:
        """Make a minute or an hour final from the final windows within it."""
        added = Sums()
        with self._state.transaction():
            for child in self._windows.final(CHILD[level], start_ns=start_ns, end_ns=start_ns + level.length_ns):
                added.merge_rows(self._windows.rows(child.level, child.start_ns), longer=True)
            return self._seal(level, start_ns, added, now_ns=now_ns, longer=True)

    def _seal(self, level: Level, start_ns: int, added: Sums, *, now_ns: int, longer: bool) -> FinalWindow:
        whole = Sums()
        if self._windows.window(level, start_ns) is not None:
            whole.merge_rows(self._windows.rows(level, start_ns))
        whole.merge(added, longer=longer)
        rows = render(whole)
        window = self._windows.seal(level, start_ns, rows, now_ns=now_ns)
        # Every row of the window, not only those that changed: ratios may follow from another row.
        self._outbox.put([row.point(level, start_ns) for row in rows if row.fields])
        parent = PARENT.get(level)
        if parent is not None and self._windows.window(parent, begin_of(parent, start_ns)) is not None:
            self._seal(parent, begin_of(parent, start_ns), added, now_ns=now_ns, longer=True)
        return window
