"""Plain export: flow records to the collectors of others (nfcapd, pmacct, Akvorado, GoFlow2, nProbe's), by UDP or TCP.

It goes beside the acknowledged way and is at most once: what a collector does not take, or a connection loses, is counted and
gone. What a datagram looks like is the business of `native/ipfix`; here are the socket and its pace.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from faultline.native import MalformedError, PlainEncoder
from faultline.runtime.counters import Counters
from faultline.runtime.log import logger
from probe.export.backoff import Backoff
from probe.export.targets import PlainConfig, Target

_UDP_OCTETS = 512
_TCP_OCTETS = 16_384
_PACE_DATAGRAMS_S = 5_000
"""A collector's socket buffer holds a few hundred datagrams: so fast it empties it."""
_BURST = 50
_TIMEOUT_S = 10.0
_QUEUED_INTERVALS = 32
_LAST_S = 2.0


class PlainLink:
    """The socket to one collector, and what it must be told first."""

    def __init__(self, config: PlainConfig, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.target = Target.parse(config.to)
        octets = config.max_octets or (_TCP_OCTETS if self.target.stream else _UDP_OCTETS)
        self._encoder = PlainEncoder(config.dialect, domain=config.domain, max_octets=octets)
        self._sleep = sleep
        self._socket: socket.socket | None = None
        self._templates: bytes | None = None
        self._burst = 0

    def send(self, messages: bytes) -> int:
        """Send the flow records of whole IPFIX messages; gives how many records went out.

        Raises:
            MalformedError: the octets are no messages.
            OSError: the collector does not take them; the rest of the records is lost.
        """
        sent = 0
        for datagram, records in self._encoder.encode(messages):
            if records == 0:
                self._templates = datagram
            self._put(datagram)
            sent += records
        return sent

    def close(self) -> None:
        """Close the socket; the next record opens it again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _put(self, datagram: bytes) -> None:
        try:
            if self._socket is None:
                self._socket = self._open()
                # A collector that has only just met us knows no template.
                if self._templates is not None and self._templates != datagram:
                    self._socket.sendall(self._templates)
            self._pace()
            self._socket.sendall(datagram)
        except OSError:
            self.close()
            raise

    def _open(self) -> socket.socket:
        kind = socket.SOCK_STREAM if self.target.stream else socket.SOCK_DGRAM
        failure: OSError = OSError(f"{self.target.host}: no address")
        for family, _, protocol, _, address in socket.getaddrinfo(self.target.host, self.target.port, type=kind):
            made = socket.socket(family, kind, protocol)
            made.settimeout(_TIMEOUT_S)
            try:
                made.connect(address)
            except OSError as refused:
                made.close()
                failure = refused
            else:
                return made
        raise failure

    def _pace(self) -> None:
        if self.target.stream:
            return
        self._burst += 1
        if self._burst == _BURST:
            self._burst = 0
            self._sleep(_BURST / _PACE_DATAGRAMS_S)


class Link(Protocol):
    """The part of `PlainLink` the exporter uses."""

    def send(self, messages: bytes) -> int:
        """Send; how many records went out."""

    def close(self) -> None:
        """Close."""


class PlainExport:
    """A component: hands every interval's flow records to the plain collectors, each on a thread of its own.

    Counter stage `plain_export`, in biflows: one is done when all of its interval went out to a collector. A collector that is
    away holds nothing up: what it does not take while `_QUEUED_INTERVALS` wait is dropped.
    """

    def __init__(self, links: Iterable[tuple[str, Link]], *, counters: Counters) -> None:
        self._links = list(links)
        self._stage = counters.stage("plain_export")
        self._queues: list[queue.Queue[tuple[bytes, int] | None]] = [queue.Queue(_QUEUED_INTERVALS) for _ in self._links]
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()
        self._log = logger("plain_export")

    def start(self) -> None:
        """Begin."""
        for (name, link), waiting in zip(self._links, self._queues, strict=True):
            thread = threading.Thread(target=self._run, args=(name, link, waiting), name="plain_export", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """End; what waits has two seconds."""
        for waiting in self._queues:
            with contextlib.suppress(queue.Full):
                waiting.put_nowait(None)
        self._stopping.set()
        deadline = time.monotonic() + _LAST_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._threads.clear()

    def take(self, messages: bytes, records: int) -> None:
        """The flow records of an interval."""
        if not records:
            return
        for waiting in self._queues:
            self._stage.take(records)
            try:
                waiting.put_nowait((messages, records))
            except queue.Full:
                self._stage.drop("queue", records)

    def _run(self, name: str, link: Link, waiting: queue.Queue[tuple[bytes, int] | None]) -> None:
        backoff = Backoff()
        while (found := waiting.get()) is not None:
            messages, records = found
            try:
                link.send(messages)
            except MalformedError as wrong:
                self._stage.drop("malformed", records)
                self._log.error("flow records cannot be read", target=name, reason=str(wrong))
            except OSError as failure:
                self._stage.drop("unreachable", records)
                if backoff.failures == 0:
                    self._log.warning("collector takes nothing", target=name, reason=str(failure))
                self._stopping.wait(backoff.failed())
            else:
                self._stage.done(records)
                backoff.succeeded()
            if self._stopping.is_set() and waiting.empty():
                break
        link.close()
