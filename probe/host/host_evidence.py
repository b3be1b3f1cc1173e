"""The host's own evidence as a component: reads every watched interface at each interval's end, and tells link changes at once.

`interface` records are collected by the cutter; `link_event` records go into the spool's event stream as they happen.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from faultline.native import encode_records
from faultline.records.terms import SECOND_NS, Stream
from faultline.runtime.clock import Clock
from faultline.runtime.console import CommandError
from faultline.runtime.counters import Counters
from faultline.runtime.log import logger
from probe.host.links import Interface, Reading, rows
from probe.host.netlink import Link, LinkWatch, links, speed_bps
from probe.spool.spool import Spool

_LONGEST_WAIT_S = 0.5
"""A wait by the wall clock is looked at again so often, for it may be set meanwhile."""


class HostEvidence:
    """A component, and the cutter's source of `interface` records. Counter stage `link_events`, in records.

    Args:
        interfaces: names; one that does not exist (yet) counts as down.
        interval_s: length of the measuring interval.
        read_links: every interface there is; for tests.
    """

    def __init__(
        self,
        interfaces: Sequence[str],
        *,
        interval_s: int,
        spool: Spool,
        clock: Clock,
        counters: Counters,
        read_links: Callable[[], Sequence[Link]] = links,
    ) -> None:
        self._interfaces = {name: Interface(name) for name in interfaces}
        self._length_ns = interval_s * SECOND_NS
        self._spool = spool
        self._clock = clock
        self._counters = counters
        self._stage = counters.stage("link_events")
        self._read_links = read_links
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._wake = -1
        self._failure: str | None = None
        self._log = logger("host")

    # ---- life ----------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Take the first reading and watch from now on.

        Raises:
            CommandError: the kernel does not tell of its interfaces.
        """
        watch = None
        try:
            watch = LinkWatch()
            self._read_all()
        except OSError as error:
            if watch is not None:
                watch.close()
            raise CommandError(
                f"probe.host: the kernel does not tell of its interfaces: {error.strerror or error}",
                hint="rtnetlink must be allowed to the probe (RestrictAddressFamilies=AF_NETLINK in the unit)",
            ) from None
        for name in self._missing():
            self._log.warning("there is no such interface; it counts as down until it comes", interface=name)
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._run, args=(watch,), name="host", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            os.eventfd_write(self._wake, 1)
            thread.join()
            os.close(self._wake)

    def problems(self) -> list[str]:
        """Why nothing is watched; empty while everything is."""
        return [f"host: {self._failure}"] if self._failure else []

    def collect(self, start_ns: int, end_ns: int) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """The `interface` records of an interval. One that ends between two boundaries, as the last does, is read now."""
        if end_ns % self._length_ns:
            self._read_all(end_ns)
        with self._lock:
            return {"interface": rows(self._interfaces.values(), start_ns, end_ns)}

    def _missing(self) -> list[str]:
        with self._lock:
            return [name for name, interface in self._interfaces.items() if not interface.present]

    # ---- work ----------------------------------------------------------------------------------------------------
    def _run(self, watch: LinkWatch) -> None:
        try:
            with select.epoll() as poll:
                poll.register(watch.fileno(), select.EPOLLIN)
                poll.register(self._wake, select.EPOLLIN)
                self._watch(watch, poll)
        except Exception as error:  # noqa: BLE001 - evidence that ends must be seen, and the other parts go on
            self._failure = str(error) or type(error).__name__
            self._log.error("the host is no longer watched", exc_info=True)
        finally:
            watch.close()

    def _watch(self, watch: LinkWatch, poll: select.epoll) -> None:
        boundary_ns = self._next_boundary()
        while not self._stopping.is_set():
            now_ns = self._clock.wall_ns()
            if now_ns >= boundary_ns or boundary_ns - now_ns > self._length_ns:
                self._read_all()
                boundary_ns = self._next_boundary()
            wait_s = min(_LONGEST_WAIT_S, max(0, boundary_ns - self._clock.wall_ns()) / SECOND_NS)
            if any(descriptor == watch.fileno() for descriptor, _ in poll.poll(wait_s)):
                self._take_changes(watch)

    def _next_boundary(self) -> int:
        now_ns = self._clock.wall_ns()
        return now_ns - now_ns % self._length_ns + self._length_ns

    def _read_all(self, at_ns: int | None = None) -> None:
        """Read every watched interface now; a change of its link that no message told is told then."""
        found = {link.name: link for link in self._read_links()}
        now_ns = at_ns if at_ns is not None else self._clock.wall_ns()
        events = []
        with self._lock:
            for name, interface in self._interfaces.items():
                link = found.get(name)
                if link is None:
                    interface.read(Reading(at_ns=now_ns))
                else:
                    interface.read(
                        Reading(at_ns=now_ns, index=link.index, up=link.up, counters=link.counters, speed_bps=speed_bps(name))
                    )
                events.append(interface.changed(up=link is not None and link.up, at_ns=now_ns))
        self._tell([event for event in events if event is not None])

    def _take_changes(self, watch: LinkWatch) -> None:
        events = []
        try:
            for link in watch.changes():
                interface = self._interfaces.get(link.name)
                if interface is not None:
                    with self._lock:
                        if link.gone:
                            interface.vanished(link.index, link.counters)
                        events.append(interface.changed(up=link.up, at_ns=self._clock.wall_ns()))
        except OSError as error:
            # More changes than the socket held: the state itself says what became of them.
            self._counters.count("link_changes_missed")
            self._log.warning("changes of interfaces were missed", error=error.strerror)
            self._read_all()
        self._tell([event for event in events if event is not None])

    def _tell(self, events: list[dict[str, Any]]) -> None:
        if not events:
            return
        self._stage.take(len(events))
        first_ns, last_ns = events[0]["event_ns"], events[-1]["event_ns"]
        for event in events:
            self._log.warning(event["event"], interface=event["interface"])
        messages = encode_records("link_event", events, export_s=last_ns // SECOND_NS)
        # The watermark stays at the interval's begin, where the cutter's last heartbeat put it: another event may follow.
        watermark_ns = first_ns - first_ns % self._length_ns
        kept = self._spool.append(
            Stream.EVENTS, messages, records=len(events), first_ns=first_ns, last_ns=last_ns, watermark_ns=watermark_ns
        )
        if kept is None:
            self._stage.drop("spool", len(events))
        else:
            self._stage.done(len(events))
