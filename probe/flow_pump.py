"""Takes each finished interval of the capture and puts its flow records into the spool at once.

Edge between `faultline.native.LiveMeter` and the spool: records pass as octets, never one by one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from faultline.records.terms import Stream
from faultline.runtime.console import BAD_USAGE, CommandError
from faultline.runtime.counters import Counters
from faultline.runtime.log import logger
from probe.spool.spool import Spool

_KEPT_INTERVALS = 8


class Interval(Protocol):
    """What a meter gives per interval; see `faultline/native/_native.pyi`."""

    @property
    def start_ns(self) -> int:
        """Start of the interval."""

    @property
    def end_ns(self) -> int:
        """Its end; no later one holds anything older."""

    @property
    def records(self) -> int:
        """Flow records in it."""

    @property
    def messages(self) -> bytes:
        """Their IPFIX messages, ready to be sealed."""

    @property
    def first_ns(self) -> int | None:
        """Earliest packet of a record; None without records."""

    @property
    def last_ns(self) -> int | None:
        """Latest packet."""

    @property
    def quality(self) -> list[dict[str, Any]]:
        """The fields of probe_health that the capture knows, per observation point."""


class Meter(Protocol):
    """The part of `LiveMeter` the pump uses."""

    def start(self) -> None:
        """Begin to capture."""

    def take(self, timeout_s: float) -> Interval | None:
        """The next interval, None at the timeout or after the last."""

    def stop(self) -> None:
        """End; the interval under way can still be taken."""


class FlowPump:
    """A component: one batch of flow records an interval, and the capture's quality for whoever cuts the measurements.

    Counter stage `flows`, in records. `also` is told the messages and their number of records once the spool has them.
    """

    def __init__(
        self,
        make_meter: Callable[[], Meter],
        *,
        spool: Spool,
        counters: Counters,
        also: Callable[[bytes, int], None] | None = None,
    ) -> None:
        self._make_meter = make_meter
        self._also = also
        self._spool = spool
        self._stage = counters.stage("flows")
        self._meter: Meter | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._finished = threading.Condition()
        self._quality: dict[tuple[int, int], list[dict[str, Any]]] = {}
        self._failure: str | None = None
        self._log = logger("flows")

    def start(self) -> None:
        """Open the capture.

        Raises:
            CommandError: no permission, or an interface that does not exist.
        """
        try:
            self._meter = self._make_meter()
            self._meter.start()
        except PermissionError:
            raise CommandError(
                "probe.capture: capturing packets needs the capability CAP_NET_RAW",
                hint="run as root (sudo), grant AmbientCapabilities=CAP_NET_RAW in the unit, or remove capture.interfaces",
            ) from None
        except OSError as error:
            raise CommandError(
                f"probe.capture.interfaces: {error.strerror or error}",
                hint="`ip link` lists the interfaces of this host",
                code=BAD_USAGE,
            ) from None
        self._thread = threading.Thread(target=self._run, args=(self._meter,), name="flows", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the capture; the interval under way is cut short and kept."""
        meter, self._meter = self._meter, None
        if meter is not None:
            meter.stop()
        # Only now is an empty answer the last one: all there is can be taken.
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    def quality(self, end_ns: int, *, timeout_s: float) -> Sequence[Mapping[str, Any]]:
        """The capture's probe_health rows of every interval not yet asked for; waits a little for the one that ends then."""
        with self._finished:
            self._finished.wait_for(lambda: any(end >= end_ns for _, end in self._quality) or not self._running(), timeout_s)
            rows = [
                {"interval_start_ns": start, "interval_end_ns": end, **point}
                for (start, end), points in self._quality.items()
                for point in points
            ]
            self._quality.clear()
            return rows

    def problems(self) -> list[str]:
        """Why nothing is captured; empty while something is."""
        return [f"capture: {self._failure}"] if self._failure else []

    def _running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _run(self, meter: Meter) -> None:
        try:
            while True:
                stopped = self._stopping.is_set()
                if (interval := meter.take(1.0)) is not None:
                    self._keep(interval)
                elif stopped:
                    break
        except Exception as error:  # noqa: BLE001 - a capture that dies must be seen, and the other streams go on
            self._failure = str(error) or type(error).__name__
            self._log.error("capture ended", exc_info=True)
        finally:
            with self._finished:
                self._finished.notify_all()

    def _keep(self, interval: Interval) -> None:
        self._stage.take(interval.records)
        kept = self._spool.append(
            Stream.FLOWS,
            interval.messages,
            records=interval.records,
            first_ns=interval.first_ns,
            last_ns=interval.last_ns,
            watermark_ns=interval.end_ns,
        )
        if kept is None:
            self._stage.drop("spool", interval.records)
        else:
            self._stage.done(interval.records)
        if self._also is not None:
            self._also(interval.messages, interval.records)
        with self._finished:
            self._quality[interval.start_ns, interval.end_ns] = interval.quality
            while len(self._quality) > _KEPT_INTERVALS:
                del self._quality[next(iter(self._quality))]
            self._finished.notify_all()
