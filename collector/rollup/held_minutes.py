"""Minutes of exported flows: held open until the exporters have told of what went on in them, then added to the stored minute.

An exporter tells of a flow after its active timeout at the latest, so a minute is held for that and a minute more. What comes
later is added at once and makes a revision. What is held is in the payloads of the batches, too: a crash costs nothing but work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from collector.rollup.adding import Sums
from collector.rollup.longer import LongerWindows
from collector.rollup.sealing import Sealer
from faultline.records.terms import SECOND_NS, Level
from faultline.runtime.counters import Counters
from faultline.store.ledger import BatchState, Ledger
from faultline.store.state import StateStore
from faultline.store.windows import WindowBook

GRACE_NS = 60 * SECOND_NS
AT_ONCE = 4
"""Minutes stored in one turn: each is a transaction that others wait for."""


@attrs.define(slots=True, kw_only=True)
class _Minute:
    start_ns: int
    due_ns: int
    sums: Sums = attrs.field(factory=Sums)
    batches: dict[int, int] = attrs.field(factory=dict)

    @property
    def records(self) -> int:
        return sum(self.batches.values())


class HeldMinutes:
    """All of them. Counter stage `exported_rollup`, in parts of flows."""

    def __init__(
        self,
        *,
        state: StateStore,
        ledger: Ledger,
        windows: WindowBook,
        sealer: Sealer,
        longer: LongerWindows,
        hold_ns: int,
        counters: Counters,
    ) -> None:
        self._state = state
        self._ledger = ledger
        self._windows = windows
        self._sealer = sealer
        self._longer = longer
        self._hold_ns = hold_ns
        self._counters = counters
        self._rollup = counters.stage("exported_rollup")
        self._minutes: dict[int, _Minute] = {}
        self._pending: dict[int, set[int]] = {}
        """Of each batch the minutes that are not stored yet."""
        self._stored_before_ns = 0
        """Minutes up to here were due: what comes for them is late."""

    def add(self, batch: int, parts: Mapping[int, tuple[Sums, int]], *, now_ns: int) -> None:
        """Take in a batch; minutes that hold it already, from before a crash, are left alone."""
        done = self._windows.windows_of(batch)
        waiting = {start_ns for start_ns in parts if start_ns not in done}
        for start_ns in waiting:
            sums, records = parts[start_ns]
            self._rollup.take(records)
            minute = self._minutes.get(start_ns)
            if minute is None:
                minute = self._minutes[start_ns] = _Minute(start_ns=start_ns, due_ns=self._due_ns(start_ns, now_ns))
            minute.sums.merge(sums)
            minute.batches[batch] = minute.batches.get(batch, 0) + records
            if start_ns < self._stored_before_ns:
                self._counters.count("late_exported_records", records)
        if waiting:
            self._pending[batch] = waiting
        else:
            self._ledger.mark([batch], BatchState.FINAL)

    def _due_ns(self, start_ns: int, now_ns: int) -> int:
        """What comes late is not stored for every batch anew: others of its kind are waited for a little."""
        return max(start_ns + Level.MINUTE.length_ns + self._hold_ns, now_ns + SECOND_NS)

    def store_due(self, now_ns: int) -> None:
        """Add minutes that are due to those of the store, the oldest first."""
        for minute in self._due(now_ns):
            self._store(minute, now_ns)
            del self._minutes[minute.start_ns]
            self._stored_before_ns = max(self._stored_before_ns, minute.start_ns + Level.MINUTE.length_ns)

    def _due(self, now_ns: int) -> Iterator[_Minute]:
        due = sorted(start_ns for start_ns, minute in self._minutes.items() if minute.due_ns <= now_ns)
        for start_ns in due[:AT_ONCE]:
            yield self._minutes[start_ns]

    def _store(self, minute: _Minute, now_ns: int) -> None:
        finished = [batch for batch in minute.batches if self._pending[batch] == {minute.start_ns}]
        with self._state.transaction():
            if self._windows.window(Level.MINUTE, minute.start_ns) is None:
                # Probes' windows within it go in first: once it is final nobody looks for them again.
                self._sealer.seal_longer(Level.MINUTE, minute.start_ns, now_ns=now_ns)
            self._sealer.seal(Level.MINUTE, minute.start_ns, minute.sums, now_ns=now_ns)
            self._windows.contribute(minute.start_ns, minute.batches, now_ns=now_ns)
            self._ledger.mark(finished, BatchState.FINAL)
        for batch in minute.batches:
            self._pending[batch].discard(minute.start_ns)
        for batch in finished:
            del self._pending[batch]
        self._rollup.done(minute.records)
        self._longer.expect(minute.start_ns, now_ns, of=Level.MINUTE)
        self._counters.count("exported_minutes_stored")
