"""The collector service: its parts, and how they are joined. Read from top to bottom, it is the way a batch takes.

HTTPS edge, intake (payload, ledger, acknowledgement), pipeline (decode, enrich, windows, archive), delivery to the metrics store;
and the way back: the desk where probes ask for their tasks.
"""

from __future__ import annotations

import datetime as dt
import socket
import threading
from collections.abc import Callable

from collector.collector import Collector, open_collector
from collector.config import CollectorConfig
from collector.control.desk import OrderDesk
from collector.control.watch import VersionWatch
from collector.enrich.from_inventory import places_of
from collector.enrich.places import Places
from collector.events.service import EventService
from collector.exporters.service import ExporterService
from collector.intake.authority import Authority
from collector.intake.edge import Door, HttpsServer, make_app
from collector.steady_clock import SteadyClock
from faultline.inventory.file import InventoryFile
from faultline.records.terms import SECOND_NS
from faultline.runtime.clock import Clock, SystemClock
from faultline.runtime.counters import Counters
from faultline.runtime.lifecycle import Component, Service
from faultline.runtime.log import logger
from faultline.runtime.status import Address
from faultline.runtime.tokens import Tokens
from faultline.store.disk import SystemDisk

TURN_S = 0.2
"""How often the worker looks for batches, due windows and points."""
STUCK_NS = 60 * SECOND_NS
RENEW_NS = 3600 * SECOND_NS


class Worker:
    """A component: the one thread that works through batches. An error is logged, counted, shown in /healthz and tried again.

    Args:
        collector: what works.
        clock: real time.
        hourly: called every hour, in the same thread.
        before: called before each turn, in the same thread.
    """

    def __init__(
        self, collector: Collector, *, clock: Clock, hourly: Callable[[], None], before: Callable[[], None] = lambda: None
    ) -> None:
        self._collector = collector
        self._clock = clock
        self._before = before
        self._hourly = hourly
        self._hourly_ns = clock.monotonic_ns()
        self._turned_ns = clock.monotonic_ns()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._log = logger("worker")
        self._problem: str | None = None

    def start(self) -> None:
        """Begin with what an earlier life left."""
        self._turned_ns = self._clock.monotonic_ns()
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Work through what was acknowledged, archive it, close the stores."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()
            self._surely(self._finish)
            self._collector.close()

    def alive(self) -> bool:
        """Whether it turned lately; what the watchdog asks."""
        return self._clock.monotonic_ns() - self._turned_ns < STUCK_NS

    def problems(self) -> list[str]:
        """Why batches are not worked through."""
        found = [self._problem] if self._problem else []
        return found if self.alive() else [*found, "worker: has not turned for a minute"]

    def _run(self) -> None:
        while not self._stopping.is_set():
            more = self._surely(self._turn)
            self._turned_ns = self._clock.monotonic_ns()
            if self._turned_ns - self._hourly_ns >= RENEW_NS:
                self._hourly_ns = self._turned_ns
                self._surely(self._hour)
            if not more:
                self._stopping.wait(TURN_S)

    def _turn(self) -> bool:
        self._before()
        return self._collector.advance(self._clock.wall_ns())

    def _hour(self) -> bool:
        self._hourly()
        return False

    def _finish(self) -> bool:
        self._collector.finish(self._clock.wall_ns())
        return False

    def _surely(self, work: Callable[[], bool]) -> bool:
        try:
            more = work()
        except Exception as error:  # noqa: BLE001 - acknowledged batches must not wait for a person; the next turn may succeed
            if self._problem is None:
                self._log.error("worker failed", exc_info=True)
            self._problem = f"worker: {type(error).__name__}: {error}"
            self._collector.counters.count("worker_failures")
            self._stopping.wait(1.0)
            return False
        self._problem = None
        return more


def build(config: CollectorConfig, *, places: Places | None = None, clock: Clock | None = None) -> tuple[Service, HttpsServer]:
    """The service of a configuration, not yet started, and its server, which knows where it listens.

    Args:
        config: the whole configuration.
        places: instead of those of the configured inventory.
        clock: instead of the host's.

    Raises:
        CommandError: the inventory, a store or a folder cannot be used.
    """
    steady = SteadyClock(clock or SystemClock())
    counters = Counters()
    file = inventory = None
    if places is None:
        file = InventoryFile(config.inventory, counters=counters)
        inventory = file.first()
        places = places_of(inventory)

    authority = Authority(config.data / "tls", [*config.names, socket.gethostname(), "localhost", "127.0.0.1", "::1"])
    authority.ensure(dt.datetime.now(tz=dt.UTC))
    collector = open_collector(config, places=places, counters=counters)
    events = EventService(
        config.events,
        book=collector.events,
        state=collector.state,
        inventory=inventory,
        clock=steady,
        counters=counters,
    )

    def hourly() -> None:
        if authority.ensure(dt.datetime.now(tz=dt.UTC)):
            server.reload()
            exporters.reload()

    def take_up_changes() -> None:
        changed = file.changed() if file else None
        if changed is not None:
            collector.pipeline.adopt(places_of(changed))
            events.adopt(changed)

    worker = Worker(collector, clock=steady, hourly=hourly, before=take_up_changes)
    door = Door(
        intake=collector.intake,
        tokens=Tokens({probe.id: probe.token_sha256 for probe in config.probes}),
        clock=steady,
        max_octets=config.limits.max_batch_octets,
        counters=counters,
    )

    exporters = ExporterService(
        config.exporters,
        intake=collector.exports,
        tls=authority.files,
        folder=config.data,
        disk=SystemDisk(durable=config.store.durable),
        clock=steady,
        counters=counters,
    )

    def problems() -> list[str]:
        clock_problem = [f"clock: {steady.problem}"] if steady.problem else []
        return [
            *worker.problems(),
            *collector.problems(),
            *exporters.problems(),
            *events.problems(),
            *clock_problem,
        ]

    watch = VersionWatch(config.store.state_file)
    desk = OrderDesk(control=collector.control, version=watch.version, clock=steady, counters=counters)

    def warnings() -> list[str]:
        return [*([file.problem] if file and file.problem else []), *events.warnings()]

    app = make_app(door, desk=desk, counters=counters, problems=problems, warnings=warnings)
    server = HttpsServer(app, listen=Address.parse(config.listen), tls=authority.files)
    # What is joined first stops last: questions that are held are answered before the server waits for their end, and nothing
    # is acknowledged any more when the worker works through the rest.
    parts: list[tuple[str, Component]] = [("worker", worker), ("watch", watch), ("https", server), ("orders", desk)]
    if config.exporters.enabled:
        parts.insert(1, ("exporters", exporters))
    if config.events.enabled:
        parts.insert(1, ("events", events))
    return Service("collector", parts, alive=worker.alive), server
