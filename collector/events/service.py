"""Hearing devices as a component: the receivers, and the thread that writes what they heard."""

from __future__ import annotations

import threading

from collector.events.alarm_socket.client import AlarmClient
from collector.events.config import EventsConfig
from collector.events.desk import EventDesk
from collector.events.receivers import receivers
from faultline.inventory import Inventory
from faultline.inventory.told import Whereabouts
from faultline.runtime.clock import Clock
from faultline.runtime.counters import Counters
from faultline.runtime.lifecycle import Component
from faultline.runtime.log import logger
from faultline.store.device_events import DeviceEventBook
from faultline.store.state import StateStore

TURN_S = 0.2
"""How often what was heard is written: a verdict waits seconds for the rest of its window anyway."""


class EventService:
    """Start and stop; between them devices are heard.

    Args:
        config: what the operator wants.
        book: where events are kept.
        state: where our SNMP engine is remembered.
        inventory: what is said is put where it says; None: nowhere, until one is adopted.
        clock: the collector's.
        counters: the collector's.

    Raises:
        CommandError: rules or secrets cannot be used.
    """

    def __init__(
        self,
        config: EventsConfig,
        *,
        book: DeviceEventBook,
        state: StateStore,
        inventory: Inventory | None,
        clock: Clock,
        counters: Counters,
    ) -> None:
        self._enabled = config.enabled
        self._counters = counters
        self._desk = EventDesk(book, most_waiting=config.limits.waiting, counters=counters)
        self.receivers: dict[str, Component] = dict(
            receivers(config, desk=self._desk, state=state, clock=clock, counters=counters)
        )
        self._started: list[Component] = []
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._failed: str | None = None
        self._log = logger("events")
        if inventory is not None:
            self.adopt(inventory)

    def adopt(self, inventory: Inventory) -> None:
        """Take up an inventory: what is said from now on is put where it says."""
        if self._enabled:
            self._desk.adopt(Whereabouts(inventory))

    def start(self) -> None:
        """Write, then listen.

        Raises:
            CommandError: an address cannot be listened on.
        """
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()
        try:
            for receiver in self.receivers.values():
                receiver.start()
                self._started.append(receiver)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop listening, and write what was heard."""
        while self._started:
            self._started.pop().stop()
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()
            self._turn()

    def problems(self) -> list[str]:
        """Why what is heard is not kept."""
        return [self._failed] if self._failed else []

    def warnings(self) -> list[str]:
        """Servers that are not heard: of them, not of us."""
        clients = (receiver for receiver in self.receivers.values() if isinstance(receiver, AlarmClient))
        return [client.problem for client in clients if client.problem]

    def _run(self) -> None:
        while not self._stopping.wait(TURN_S):
            self._turn()

    def _turn(self) -> None:
        try:
            self._desk.keep()
        except Exception as error:  # noqa: BLE001 - a disk that is full today has room tomorrow; what waits is tried again
            if self._failed is None:
                self._log.error("events not kept", exc_info=True)
            self._failed = f"events: {type(error).__name__}: {error}"
            self._counters.count("events_failures")
        else:
            self._failed = None
