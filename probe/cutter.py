"""Every interval, shortly after its end: collects what sessions, host and capture measured, and puts it into the spool.

Edge around `probe.cutting`. It also lets every stream's watermark advance when there is nothing to say, and measures how late the
host lets us wake.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from typing import Any

from faultline.native import encode_records
from faultline.records.terms import SECOND_NS, Stream
from faultline.runtime.clock import Clock
from faultline.runtime.counters import Counters
from faultline.runtime.log import QuietBursts, logger
from probe.cutting import ClockReading, health_rows, interval_containing
from probe.spool.spool import Spool

Rows = Sequence[Mapping[str, Any]]
Collect = Callable[[int, int], Mapping[str, Rows]]
"""What a source measured in the interval [start_ns, end_ns), as rows by record kind. May raise; the others are still asked."""

_TICK_S = 0.05
_ONE_MOMENT_NS = SECOND_NS // 100
_STEP_NS = SECOND_NS // 2
"""Slewing does not move the clock by so much in one tick; anything more is a step."""
_MOST_LATE = 6
"""Intervals missed because the host held us back are made up for, up to a minute of them; beyond it they are gone."""
_STALE_NS = 60 * SECOND_NS
"""When batches have waited for so long, the collector is away: heartbeats add nothing to what already waits."""


class _Woken(Enum):
    """Why a wait ended."""

    DUE = auto()
    STEPPED = auto()
    STOPPING = auto()


class Cutter:
    """A component: one batch of measurements an interval, `settle_s` after its end, and heartbeats for the other streams.

    Counter stage `measurements`, in records.

    Args:
        collect: sources by name.
        quality: probe_health rows of the capture for an interval; may wait a little for it to be finished.
        host_facts: clock class and error, where known.
        heartbeat: streams that no one else feeds.
        settle_s: how long replies to the interval's last test packets may still come.
        before_last: called at the stop before the last cut, so that what a source gives at its own end is still in it.
    """

    def __init__(
        self,
        *,
        spool: Spool,
        clock: Clock,
        counters: Counters,
        collect: Mapping[str, Collect],
        quality: Callable[[int, int], Rows],
        host_facts: Callable[[], Mapping[str, Any]],
        heartbeat: Sequence[Stream],
        interval_s: int,
        settle_s: float,
        before_last: Callable[[], None] | None = None,
    ) -> None:
        self._spool = spool
        self._clock = clock
        self._counters = counters
        self._stage = counters.stage("measurements")
        self._collect = collect
        self._quality = quality
        self._host_facts = host_facts
        self._heartbeat = heartbeat
        self._length_ns = interval_s * SECOND_NS
        self._settle_ns = int(settle_s * SECOND_NS)
        self._before_last = before_last
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._lag_ns = 0
        self._reading = ClockReading(wall_ns=0, monotonic_ns=0)
        self._seen = self._reading
        self._before_step_ns = 0
        self._log = logger("cutter")
        self._quiet = QuietBursts()

    def start(self) -> None:
        """Begin with the interval under way."""
        self._reading = self._seen = self._read_clock()
        first = interval_containing(self._seen.wall_ns, self._length_ns)
        self._thread = threading.Thread(target=self._run, args=first, name="cutter", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Cut the interval under way and put it into the spool."""
        if self._before_last:
            self._before_last()
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    def alive(self) -> bool:
        """Whether the loop has turned lately; what the watchdog asks."""
        return self._clock.monotonic_ns() - self._seen.monotonic_ns < 3 * self._length_ns

    def _run(self, start_ns: int, end_ns: int) -> None:
        while (woken := self._wait_until(end_ns + self._settle_ns)) is not _Woken.STOPPING:
            if woken is _Woken.STEPPED:
                # What was measured until the step belongs to the old time.
                self._cut(start_ns, min(end_ns, self._before_step_ns))
                start_ns, end_ns = interval_containing(self._seen.wall_ns, self._length_ns)
                continue
            self._cut(start_ns, end_ns)
            start_ns, end_ns = end_ns, end_ns + self._length_ns
            if self._seen.wall_ns > end_ns + _MOST_LATE * self._length_ns:
                start_ns, end_ns = interval_containing(self._seen.wall_ns, self._length_ns)
        now_ns = self._clock.wall_ns()
        if now_ns >= end_ns:
            self._cut(start_ns, end_ns)
            start_ns = end_ns
        self._cut(start_ns, now_ns)

    def _wait_until(self, due_ns: int) -> _Woken:
        """Wait for the wall clock to show `due_ns`, with an eye on its steps and on how late we wake."""
        while True:
            now = self._read_clock()
            before, self._seen = self._seen, now
            if abs(now.step_since(before)) > _STEP_NS:
                self._before_step_ns = before.wall_ns
                return _Woken.STEPPED
            if self._stopping.is_set():
                return _Woken.STOPPING
            if now.wall_ns >= due_ns:
                return _Woken.DUE
            self._stopping.wait(_TICK_S)
            self._lag_ns = max(self._lag_ns, self._clock.monotonic_ns() - now.monotonic_ns - int(_TICK_S * SECOND_NS))

    def _cut(self, start_ns: int, end_ns: int) -> None:
        if end_ns <= start_ns:
            return
        rows: dict[str, list[Mapping[str, Any]]] = {}
        for name, collect in self._collect.items():
            for kind, found in self._guarded(name, collect, start_ns, end_ns).items():
                rows.setdefault(kind, []).extend(found)
        quality = self._guarded("capture", lambda start, end: {"quality": self._quality(start, end)}, start_ns, end_ns)
        rows["probe_health"] = [
            *health_rows(quality.get("quality", []), self._host(), start_ns=start_ns, end_ns=end_ns),
        ]
        messages, records = self._encoded(rows, end_ns // SECOND_NS)
        depth = self._spool.depth()
        for stream in self._heartbeat:
            if (depth[stream].waiting_ns or 0) < _STALE_NS:
                self._append(stream, b"", 0, None, end_ns)
        self._append(Stream.MEASUREMENTS, messages, records, start_ns, end_ns)

    def _append(self, stream: Stream, messages: bytes, records: int, first_ns: int | None, end_ns: int) -> None:
        last_ns = None if first_ns is None else end_ns
        try:
            kept = self._spool.append(stream, messages, records=records, first_ns=first_ns, last_ns=last_ns, watermark_ns=end_ns)
        except ValueError as error:
            self._log.error("a batch could not be sealed", stream=stream, error=str(error))
            kept = None
        if kept is None:
            self._stage.drop("spool", records)
        else:
            self._stage.done(records)

    def _host(self) -> dict[str, Any]:
        reading = self._read_clock()
        lag_ns, self._lag_ns = self._lag_ns, 0
        octets = sum(depth.octets for depth in self._spool.depth().values())
        step_ns = reading.step_since(self._reading)
        self._reading = reading
        self._counters.gauge("loop_lag_seconds", lag_ns / SECOND_NS)
        return {"spool_octets": octets, "loop_lag_ns": lag_ns, "clock_step_ns": step_ns, **self._facts()}

    def _facts(self) -> Mapping[str, Any]:
        try:
            return self._host_facts()
        except OSError as error:
            self._complain("clock", error)
            return {}

    def _read_clock(self) -> ClockReading:
        """Both clocks at one moment: read again when we were held back between the two."""
        while True:
            earlier_ns = self._clock.monotonic_ns()
            reading = ClockReading(wall_ns=self._clock.wall_ns(), monotonic_ns=self._clock.monotonic_ns())
            if reading.monotonic_ns - earlier_ns < _ONE_MOMENT_NS:
                return reading

    def _guarded(self, name: str, collect: Collect, start_ns: int, end_ns: int) -> Mapping[str, Rows]:
        try:
            return collect(start_ns, end_ns)
        except Exception as error:  # noqa: BLE001 - a source that fails is counted; what the others measured is still sent
            self._complain(name, error)
            return {}

    def _encoded(self, rows: Mapping[str, Sequence[Mapping[str, Any]]], export_s: int) -> tuple[bytes, int]:
        messages, records = b"", 0
        for kind, found in rows.items():
            self._stage.take(len(found))
            try:
                messages += encode_records(kind, found, export_s=export_s) if found else b""
                records += len(found)
            except ValueError:
                for row in found:  # one bad row must not take the good ones with it
                    try:
                        messages += encode_records(kind, [row], export_s=export_s)
                        records += 1
                    except ValueError as error:
                        self._stage.drop("not_encodable")
                        self._complain(kind, error)
        return messages, records

    def _complain(self, source: str, error: Exception) -> None:
        self._counters.count("source_failures", source=source)
        allowed, held_back = self._quiet.allow(source, self._clock.monotonic_ns())
        if allowed:
            self._log.error("a source failed", source=source, error=str(error) or type(error).__name__, held_back=held_back)
