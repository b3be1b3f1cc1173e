"""One thread a target: takes entries from the outbox in order, has them sent, and moves the cursor. Knows no protocol.

What fails is tried again, longer and longer apart up to a minute, and nothing overtakes it. What the receiver itself refuses is
put aside after a few attempts, what is a week old at once; both can be replayed.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Sequence

from analyzer.notify.alarms import alarm_from_document
from analyzer.notify.outbox import KEEP_NS, Entry, Outbox, wait_ns
from analyzer.notify.telling import Channel, NotSentError, NotTakenError, Target, told_of
from faultline.records.terms import SECOND_NS
from faultline.runtime.clock import Clock
from faultline.runtime.counters import Counters
from faultline.runtime.log import QuietBursts, logger

POLL_S = 0.5
STOP_S = 15.0
REFUSALS = 3
"""So often a receiver may refuse a message before it is put aside."""


class Delivery:
    """Delivers the outbox to one target; a component. Counter stage `notify_NAME`, in entries."""

    def __init__(self, target: Target, channel: Channel, *, outbox: Outbox, counters: Counters, clock: Clock) -> None:
        self.target = target
        self._channel = channel
        self._outbox = outbox
        self._clock = clock
        self._stage = counters.stage(f"notify_{re.sub(r'[^A-Za-z0-9]', '_', target.name)}")
        self._counting = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._log = logger("notify")
        self._quiet = QuietBursts(limit=1, period_s=300)
        self._spoke_ns = 0
        self._last = 0
        self._attempts = 0
        self._refusals = 0
        self.problem: str | None = None
        """Why the target is not told; None while it is."""

    def start(self) -> None:
        """Join the outbox and begin; an unreachable receiver is retried, not an error of the start."""
        self._outbox.join(self.target.name)
        self._last = next(s.sequence for s in self._outbox.standings() if s.target == self.target.name)
        self._spoke_ns = self._clock.monotonic_ns()
        self._count()
        self._thread = threading.Thread(target=self._run, name=f"notify-{self.target.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send what can be sent at once, then close."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(STOP_S)
            self._thread = None

    def new_entry(self) -> None:
        """There is something new in the outbox."""
        self._count()
        self._wake.set()

    def _count(self) -> None:
        """Hold what waits in the outbox; after a replay that may be more than was taken in before, or less."""
        with self._counting:
            more = self._outbox.waiting(self.target.name) - self._stage.snapshot().held
            if more > 0:
                self._stage.take(more)
            else:
                self._stage.drop("skipped_by_replay", -more)

    def _run(self) -> None:
        try:
            while self._step_or_wait():
                pass
        finally:
            self._channel.close()

    def _step_or_wait(self) -> bool:
        """A disk that is full, or a file that is locked, delays telling and does not end it."""
        try:
            return self._step()
        except sqlite3.Error as error:
            self._failed(error, None)
            self._attempts += 1
            return not self._stopping.wait(wait_ns(self._attempts - 1) / SECOND_NS)

    def _step(self) -> bool:
        """What waits, or a heartbeat, or a little patience; False when it is time to stop."""
        entries = self._outbox.begin(self.target.name)
        self._count()
        if entries:
            return self._tell(entries)
        if self._stopping.is_set():
            return False
        self._beat()
        self._wake.wait(POLL_S)
        self._wake.clear()
        return True

    def _tell(self, entries: Sequence[Entry]) -> bool:
        for place, entry in enumerate(entries):
            try:
                dead = self._send(entry)
            except (OSError, NotTakenError) as error:
                self._failed(error, entry)
                nothing_left = isinstance(error, NotSentError | NotTakenError)
                self._outbox.withdraw(self.target.name, entries[place if nothing_left else place + 1 :])
                self._attempts += 1
                return not self._stopping.wait(wait_ns(self._attempts - 1) / SECOND_NS)
            if not self._settle(entry, dead):
                break
        return True

    def _send(self, entry: Entry) -> str | None:
        """None once the receiver has it; else why it is put aside."""
        if self._clock.wall_ns() - entry.written_ns > KEEP_NS:
            return "expired"
        alarm = alarm_from_document(entry.body[self.target.language.value])
        try:
            self._channel.send(told_of(self.target, alarm, sequence=entry.sequence, repeated=entry.repeated))
        except NotTakenError as error:
            self._refusals += 1
            if self._refusals < REFUSALS:
                raise
            return f"refused: {error}"
        return None

    def _settle(self, entry: Entry, dead: str | None) -> bool:
        """Behind an entry, told or put aside; False when somebody set the cursor meanwhile."""
        name = self.target.name
        with self._counting:
            moved = self._outbox.give_up(name, entry, dead) if dead else self._outbox.told(name, entry)
            if not moved:
                return False
            if dead:
                self._stage.drop(dead.split(":", 1)[0])
            else:
                self._stage.done()
        self._attempts = self._refusals = 0
        self._last = entry.sequence
        self._alive()
        return True

    def _beat(self) -> None:
        now_ns = self._clock.monotonic_ns()
        if not self.target.heartbeat_s or now_ns - self._spoke_ns < self.target.heartbeat_s * SECOND_NS:
            return
        self._spoke_ns = now_ns  # one that failed is not repeated at once: the next one is due as late
        try:
            self._channel.heartbeat(self._last)
        except (OSError, NotTakenError) as error:
            self._failed(error, None)
        else:
            self._alive()

    def _alive(self) -> None:
        self.problem = None
        self._spoke_ns = self._clock.monotonic_ns()

    def _failed(self, error: Exception, entry: Entry | None) -> None:
        self._channel.close()
        self.problem = str(error) or type(error).__name__
        if isinstance(error, sqlite3.Error):
            what = "outbox cannot be used"
        else:
            what = "target refuses a message" if isinstance(error, NotTakenError) else "target not reachable"
        allowed, _ = self._quiet.allow(what, self._clock.monotonic_ns())
        if allowed:
            about = entry.sequence if entry else "heartbeat"
            self._log.warning(what, target=self.target.name, error=self.problem, message=about, attempts=self._attempts + 1)
