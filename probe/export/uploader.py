"""Sends what waits in the spool, oldest first in each stream, until the collector has acknowledged it.

One thread, one batch on its way: the order within a stream holds. Events go before measurements, measurements before flows, one
batch of each in turn.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from faultline.records.terms import SECOND_NS, Stream
from faultline.runtime.clock import Clock
from faultline.runtime.counters import Counters
from faultline.runtime.log import QuietBursts, logger
from probe.export.answers import Accepted, Conflict, Later, Outcome, Poisoned, Unwelcome, read_answer
from probe.export.backoff import Backoff
from probe.export.link import Link, LinkError
from probe.spool.spool import Spool

_TURN = (Stream.EVENTS, Stream.MEASUREMENTS, Stream.FLOWS)
_LOOK_AGAIN_S = 5.0
"""The spool wakes us at every append; looking again without being woken costs nothing and forgives everything."""
_SILENT_S = 60.0
"""Without an acknowledgement for this long, while batches wait, the service says that it is unable to deliver."""


class Uploader:
    """A component: carries batches from the spool to the collector.

    Counter stage `upload`, in batches: taken when first offered, out when acknowledged, dropped when refused for ever
    (`rejected`), given up by the spool meanwhile (`given_up`) or sealed again under another identity (`renumbered`).
    """

    def __init__(
        self,
        spool: Spool,
        make_link: Callable[[], Link],
        *,
        clock: Clock,
        counters: Counters,
        drain_s: float = 3.0,
        backoff: Backoff | None = None,
        unwelcome_backoff: Backoff | None = None,
    ) -> None:
        self._spool = spool
        self._make_link = make_link
        self._clock = clock
        self._counters = counters
        self._stage = counters.stage("upload")
        self._drain_s = drain_s
        source = random.SystemRandom()
        self._backoff = backoff or Backoff(source=source)
        self._unwelcome = unwelcome_backoff or Backoff(base_s=10.0, cap_s=60.0, source=source)
        self._accepted = dict.fromkeys(Stream, 0)
        """Per stream, the highest sequence the collector took of this incarnation since we started."""
        self._offered: dict[Stream, int] = {}
        self._refused: dict[Stream, int] = {}
        """Batches refused in a row."""
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._log = logger("upload")
        self._quiet = QuietBursts(limit=3)
        self._trouble: str | None = None
        self._last_success_s = time.monotonic()

    def start(self) -> None:
        """Begin to send.

        Raises:
            ConfigError: token or authority cannot be read.
        """
        link = self._make_link()
        self._spool.listen(self._wake.set)
        self._thread = threading.Thread(target=self._run, args=(link,), name="upload", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send what waits for at most `drain_s`, while the collector answers; the rest stays in the spool."""
        self._stopping.set()
        self._wake.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(self._drain_s + 1.0)

    def problems(self) -> list[str]:
        """Why batches cannot be delivered; empty while they can."""
        waiting = sum(depth.batches for depth in self._spool.depth().values())
        silent_s = time.monotonic() - self._last_success_s
        if self._trouble and waiting and (self._unwelcome.failures or silent_s > _SILENT_S):
            return [f"collector: {self._trouble}; {waiting} batches wait in the spool"]
        return []

    def _run(self, link: Link) -> None:
        try:
            while not self._stopping.is_set():
                self._wake.clear()
                moved, wait_s = self._surely(link)
                if wait_s:
                    self._stopping.wait(wait_s)
                elif not moved:
                    self._wake.wait(_LOOK_AGAIN_S)
            deadline = time.monotonic() + self._drain_s
            moved, wait_s = True, 0.0
            while moved and not wait_s and time.monotonic() < deadline:
                moved, wait_s = self._surely(link)
        finally:
            link.close()

    def _surely(self, link: Link) -> tuple[bool, float]:
        try:
            return self._round(link)
        except Exception:  # noqa: BLE001 - whatever it is, the next attempt may succeed, and a probe that stops sending is blind
            self._counters.count("upload_failures")
            self._log.error("sending failed unexpectedly", exc_info=True)
            return False, self._backoff.failed()

    def _round(self, link: Link) -> tuple[bool, float]:
        """Offer one batch of each stream; returns whether any went, and how long to wait before the next round."""
        moved = False
        for stream in _TURN:
            waiting = self._spool.next_batch(stream, self._accepted[stream])
            self._settle(stream, waiting[0] if waiting else None)
            if waiting is None:
                continue
            seq, octets = waiting
            moved = True
            wait_s = self._act(stream, seq, self._send(link, stream, octets))
            if wait_s:
                return moved, wait_s
        return moved, 0.0

    def _settle(self, stream: Stream, seq: int | None) -> None:
        """Count what is offered once, whatever number of attempts it takes."""
        before = self._offered.get(stream)
        if before == seq:
            return
        if before is not None:
            del self._offered[stream]
            self._stage.drop("given_up")
        if seq is not None:
            self._offered[stream] = seq
            self._stage.take()

    def _send(self, link: Link, stream: Stream, octets: bytes) -> Outcome:
        incarnation = self._spool.incarnation
        try:
            answer = link.send(octets)
        except LinkError as error:
            return Later(reason=str(error))
        now_ns = self._clock.wall_ns()
        outcome = read_answer(answer.status, answer.headers, answer.body, stream=stream, incarnation=incarnation, now_ns=now_ns)
        if isinstance(outcome, Accepted):
            self._counters.count("upload_octets", len(octets))
        return outcome

    def _act(self, stream: Stream, seq: int, outcome: Outcome) -> float:
        """Do what the outcome asks for; returns seconds to wait."""
        self._counters.count("upload_attempts", outcome=type(outcome).__name__.lower())
        match outcome:
            case Accepted(contiguous=contiguous):
                return self._accept(stream, seq, contiguous)
            case Poisoned(reason=reason):
                self._log.error("the collector refuses a batch; it is kept in quarantine", stream=stream, seq=seq, reason=reason)
                self._offered.pop(stream, None)
                self._stage.drop("rejected")
                wait_s = self._guarded(lambda: self._spool.reject(stream, seq))
                # One poisoned batch must not hold up the next; a collector that refuses everything must not be hammered.
                refused, self._refused[stream] = self._refused.get(stream, 0), self._refused.get(stream, 0) + 1
                return wait_s or (self._backoff.failed() if refused else 0.0)
            case Conflict(reason=reason):
                self._log.error("the collector holds another batch of this identity; a new incarnation begins", reason=reason)
                return self._begin_again()
            case Unwelcome(reason=reason):
                self._say("the collector does not take batches from this probe; check token and address", reason)
                return self._unwelcome.failed()
            case Later(reason=reason, wait_s=wait_s):
                self._say("the collector cannot be reached or is busy", reason)
                return self._backoff.failed(at_least_s=wait_s or 0.0)

    def _accept(self, stream: Stream, seq: int, contiguous: int) -> float:
        self._backoff.succeeded()
        self._unwelcome.succeeded()
        if self._trouble:
            self._log.info("the collector takes batches again")
            self._trouble = None
        self._last_success_s = time.monotonic()
        self._offered.pop(stream, None)
        self._stage.done()
        self._refused.pop(stream, None)
        self._accepted[stream] = max(seq, self._accepted[stream])
        self._spool.release(stream, contiguous)
        if contiguous >= seq:
            return 0.0
        self._spool.fill_hole(stream, contiguous)
        if not self._spool.holds(stream, contiguous + 1):
            return 0.0
        # It has lost what it took, and we still have it: from there once more.
        self._accepted[stream] = contiguous
        self._say("the collector asks again for what it took", f"{stream} from {contiguous + 1}")
        return self._backoff.failed()

    def _begin_again(self) -> float:
        wait_s = self._guarded(lambda: self._spool.rebirth(self._accepted))
        if wait_s == 0.0:
            for stream in list(self._offered):
                del self._offered[stream]
                self._stage.drop("renumbered")
            self._accepted = dict.fromkeys(Stream, 0)
        return wait_s or self._backoff.failed()

    def _guarded(self, change: Callable[[], None]) -> float:
        try:
            change()
        except OSError as error:
            self._say("the spool's disk fails", error.strerror or str(error))
            return self._backoff.failed()
        return 0.0

    def _say(self, event: str, reason: str) -> None:
        self._trouble = reason
        allowed, held_back = self._quiet.allow(event, self._clock.monotonic_ns())
        if allowed:
            self._log.warning(event, reason=reason, held_back=held_back or None, waited_s=round(self._waiting_s(), 1))

    def _waiting_s(self) -> float:
        return max(depth.waiting_ns or 0 for depth in self._spool.depth().values()) / SECOND_NS
