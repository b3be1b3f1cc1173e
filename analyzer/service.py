"""The analyzer service: its parts, and how they are joined. Read from top to bottom, it is the way a window takes.

Stores, judge (evidence and localiser), steps (baselines, incidents), orders to probes, alarms by syslog, pages and interface.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from analyzer.config import AnalyzerConfig
from analyzer.earlier import EarlierNetworks
from analyzer.hearing import Hearing
from analyzer.judge import InventoryJudge
from analyzer.loop import Loop
from analyzer.network import network_of
from analyzer.notify.channels import channel_of
from analyzer.notify.delivery import Delivery
from analyzer.notify.notifier import Notifier
from analyzer.notify.outbox import Outbox
from analyzer.orders.ordering import Ordering
from analyzer.planning.works.desk import PlanDesk
from analyzer.reading import StoredData
from analyzer.runner import Analyzer
from analyzer.views import Belief, StoredViews
from analyzer.web.app import make_app
from analyzer.web.server import WebServer
from analyzer.web.writing import Writing
from faultline.inventory import Inventory
from faultline.inventory.file import InventoryFile
from faultline.inventory.told import Whereabouts
from faultline.records.terms import SECOND_NS
from faultline.runtime.clock import Clock, SystemClock
from faultline.runtime.console import BAD_USAGE, CommandError
from faultline.runtime.counters import Counters
from faultline.runtime.lifecycle import Component, Service
from faultline.runtime.status import Address
from faultline.runtime.tokens import Tokens
from faultline.store.config import StoreConfig
from faultline.store.control import ControlBook
from faultline.store.device_events import DeviceEventBook
from faultline.store.line_results import LineResultBook
from faultline.store.reader import StoreReader, open_reader

SILENCE_NS = 60 * SECOND_NS
"""A window is final at most 15 s after its end: without one for so long, the collector does not work or hears no probe."""


class Stores:
    """A component: the stores are let go of when everything that uses them has stopped."""

    def __init__(self, reader: StoreReader) -> None:
        self._reader = reader

    def start(self) -> None:
        """They are open already, so that a mistake is said before anything else starts."""

    def stop(self) -> None:
        """Let go of files and connections."""
        self._reader.close()


@attrs.frozen(kw_only=True)
class Joined:
    """The service with the parts that tests and the appliance ask."""

    service: Service
    web: WebServer
    """Knows where it listens."""
    analyzer: Analyzer
    views: StoredViews
    counters: Counters


def build(config: AnalyzerConfig) -> Service:
    """The service of a configuration, not yet started.

    Raises:
        CommandError: the inventory or a store cannot be used.
    """
    return join(config).service


def join(config: AnalyzerConfig, *, clock: Clock | None = None) -> Joined:
    """As `build`, with the parts in sight.

    Raises:
        CommandError: the inventory or a store cannot be used.
    """
    clock = clock or SystemClock()
    counters = Counters()
    file = InventoryFile(config.inventory, counters=counters)
    inventory = file.first()
    network = network_of(inventory)
    reader = _open(config.store)
    stored = StoredData(reader)

    outbox = Outbox(config.data / "outbox.sqlite")
    hostname = config.hostname or socket.gethostname()
    deliveries = [
        Delivery(
            target,
            channel_of(target, outbox=outbox, clock=clock, hostname=hostname),
            outbox=outbox,
            counters=counters,
            clock=clock,
        )
        for target in config.targets
    ]
    notifier = Notifier(network=network, outbox=outbox, deliveries=deliveries, public_url=config.public_url)
    ordering = Ordering(inventory, network, rules=config.orders, control=ControlBook(reader.state), counters=counters)
    hearing = Hearing(stored)
    analyzer = open_analyzer(
        config, inventory=inventory, stored=stored, counters=counters, notifier=notifier, ordering=ordering, hearing=hearing
    )
    earlier = EarlierNetworks(config.inventory)
    views = StoredViews(network=network, stored=stored, belief=lambda: analyzer.belief, clock=clock, earlier=earlier.at)
    writing = writing_of(config, inventory, reader, clock)

    def take_up_changes() -> None:
        """In the thread that steps, between two steps."""
        changed = file.changed()
        if changed is not None:
            renewed = network_of(changed)
            analyzer.adopt(judge_of(config, changed, stored, hearing), renewed)
            notifier.network = views.network = renewed
            ordering.adopt(changed, renewed)
            writing.adopt(changed)
        ordering.keep_standing()

    loop = Loop(analyzer, clock=clock, poll_s=config.evaluation.poll_s, counters=counters, before=take_up_changes)

    def warnings() -> list[str]:
        return [w for w in (file.problem, _silence(stored, clock), *notifier.problems()) if w]

    app = make_app(
        views=views,
        counters=counters,
        problems=lambda: loop.problems,
        warnings=warnings,
        language=config.language,
        writing=writing,
    )
    web = WebServer(Address.parse(config.listen), app)
    # What is joined first stops last. The page comes before the steps: a taken port is said before anything is written.
    parts: list[tuple[str, Component]] = [("stores", Stores(reader)), ("notify", notifier), ("web", web), ("loop", loop)]
    service = Service("analyzer", parts, alive=loop.alive)
    return Joined(service=service, web=web, analyzer=analyzer, views=views, counters=counters)


def writing_of(config: AnalyzerConfig, inventory: Inventory, reader: StoreReader, clock: Clock) -> Writing:
    """What write calls need."""
    return Writing(
        tokens=Tokens({writer.name: writer.token_sha256 for writer in config.writers}),
        desk=PlanDesk(config.inventory, inventory=inventory, clock=clock),
        events=DeviceEventBook(reader.state),
        results=LineResultBook(reader.state),
        clock=clock,
        whereabouts=Whereabouts(inventory),
    )


def judge_of(config: AnalyzerConfig, inventory: Inventory, stored: StoredData, hearing: Hearing | None = None) -> InventoryJudge:
    """The judge of an inventory."""
    return InventoryJudge(
        inventory,
        faults_per_component_hour=config.evaluation.faults_per_component_hour,
        traces=lambda since_ns: stored.traces(since_ns=since_ns),
        hearing=hearing or Hearing(stored),
    )


def open_analyzer(
    config: AnalyzerConfig,
    *,
    inventory: Inventory,
    stored: StoredData,
    counters: Counters,
    notifier: Notifier | None = None,
    ordering: Ordering | None = None,
    hearing: Hearing | None = None,
) -> Analyzer:
    """The analyzer without sockets, threads and clocks: `step(now_ns)` answers what is final, in real or in virtual time."""
    hearing = hearing or Hearing(stored)
    return Analyzer(
        stores=stored,
        judge=judge_of(config, inventory, stored, hearing),
        network=network_of(inventory),
        spans_ns=config.evaluation.spans_ns,
        rules=config.incidents,
        notifier=notifier,
        ordering=ordering,
        hearing=hearing,
        counters=counters,
    )


@contextmanager
def open_views(config: AnalyzerConfig) -> Iterator[StoredViews]:
    """What pages and reports read, beside a running service or without one.

    Raises:
        CommandError: the inventory or a store cannot be used.
    """
    inventory = InventoryFile(config.inventory, counters=Counters()).first()
    with open_stored(config) as stored:
        earlier = EarlierNetworks(config.inventory).at
        yield StoredViews(network=network_of(inventory), stored=stored, belief=Belief, clock=SystemClock(), earlier=earlier)


@contextmanager
def open_stored(config: AnalyzerConfig) -> Iterator[StoredData]:
    """What is stored, beside a running service or without one.

    Raises:
        CommandError: a store cannot be used.
    """
    if not config.store.state_file.exists():
        raise _missing(config.store, "no state store there yet")
    with _open(config.store) as reader:
        yield StoredData(reader)


def _open(config: StoreConfig) -> StoreReader:
    """A folder that is missing is a wrong path, or a collector that never ran: made here, it would stay empty for ever."""
    if not config.data.is_dir():
        raise _missing(config, "no such folder")
    return open_reader(config)


def _missing(config: StoreConfig, what: str) -> CommandError:
    return CommandError(
        f"analyzer.store.data: {config.data}: {what}",
        hint="start the collector first; both configurations must name the same store",
        code=BAD_USAGE,
    )


def _silence(stored: StoredData, clock: Clock) -> str | None:
    newest = stored.final_windows(limit=1)
    if not newest:
        return "windows: none is final yet: is the collector running, and does it hear a probe?"
    age_ns = clock.wall_ns() - newest[0].end_ns
    if age_ns <= SILENCE_NS:
        return None
    return f"windows: the newest final one ended {age_ns // SECOND_NS} s ago: is the collector running, and does it hear a probe?"
