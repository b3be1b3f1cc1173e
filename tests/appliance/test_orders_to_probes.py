"""The way back as one chain: the analyzer's orders, the collector that serves them, the probe's own client that follows them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from analyzer.network import network_of
from analyzer.orders.ordering import Ordering
from analyzer.orders.rules import OrderRules
from collector.config import ProbeToken
from faultline.inventory import Inventory, parse
from faultline.records.incident import Base
from faultline.runtime.counters import Counters
from faultline.store.control import ControlBook
from faultline.store.state import StateStore
from probe.control.config import ControlConfig
from probe.control.limits import Limits
from probe.control.link import HttpsTaskLink
from probe.control.orders import Request, Task
from probe.control.standing import StandingOrders
from probe.control.task_client import TaskClient
from probe.export.config import CollectorConfig as WayToCollector
from tests.appliance.conftest import ROOT
from tests.collector.running import Running, start

EXAMPLE = ROOT / "packaging" / "examples" / "inventory.yaml"


@attrs.define
class Chain:
    """A collector, the analyzer's part of the store, and a probe that asks."""

    collector: Running
    ordering: Ordering
    control: ControlBook
    client: TaskClient
    counters: Counters
    tasks: list[Task] = attrs.field(factory=list)
    requests: list[Request] = attrs.field(factory=list)

    def adopt(self, inventory: Inventory) -> None:
        """As the analyzer does when the file has changed."""
        self.ordering.adopt(inventory, network_of(inventory))
        self.ordering.keep_standing()

    def suspect(self, *bases: str) -> None:
        """As the analyzer does at the end of a window."""
        now_ns = time.time_ns()
        self.ordering.suspect({Base(base) for base in bases}, end_ns=now_ns, now_ns=now_ns)


def inventory() -> Inventory:
    """The annotated example: two dial tests and two traces of the probe `branch`."""
    return parse(EXAMPLE.read_text(encoding="utf-8"), where="inventory.yaml")


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    """Everything runs; nothing was ordered yet."""
    token = "branch-token"
    digest = hashlib.sha256(token.encode()).hexdigest()
    collector = start(tmp_path, probes=[ProbeToken(id="branch", token_sha256=digest)])
    state = StateStore(collector.config.store.state_file, durable=False)
    counters = Counters()
    control = ControlBook(state)
    nothing = attrs.evolve(inventory(), dials={}, traces={})
    ordering = Ordering(nothing, network_of(nothing), rules=OrderRules(), control=control, counters=counters)
    way = WayToCollector(
        url=f"https://{collector.server.address}", token=token, authority=collector.config.data / "tls" / "authority.pem"
    )
    tasks: list[Task] = []
    requests: list[Request] = []

    def order(standing: object) -> None:
        tasks[:] = list(standing)  # type: ignore[call-overload]

    client = TaskClient(
        StandingOrders(Limits()),
        ControlConfig(wait_s=5),
        lambda: HttpsTaskLink(way, wait_s=5),
        state_dir=tmp_path / "probe",
        collector=way.url,
        order=order,
        request=requests.append,
        counters=counters,
    )
    client.start()
    yield Chain(collector, ordering, control, client, counters, tasks, requests)
    client.stop()
    collector.client.close()
    collector.service.stop()
    state.close()


def eventually(condition: Callable[[], bool], *, within_s: float = 20) -> None:
    """Wait for it."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def test_what_the_inventory_declares_is_what_the_probe_runs(chain: Chain) -> None:
    """Every document the analyzer writes is one the probe takes; what is declared no more is stopped."""
    found = inventory()
    chain.adopt(found)
    eventually(lambda: {task.id for task in chain.tasks} == {*found.dials, *found.traces})
    orders = chain.counters.stage("orders").snapshot()
    assert (orders.taken_in, orders.out, orders.dropped) == (4, 4, {})
    dial = next(task for task in chain.tasks if task.id == "dial-dns")
    assert (str(dial.where).rpartition(":")[2], dial.interval_s) == ("53", 2.0)
    fewer = attrs.evolve(found, dials={})
    chain.adopt(fewer)
    eventually(lambda: {task.id for task in chain.tasks} == set(found.traces))


def test_a_suspicion_reaches_the_probe_within_a_second_or_two(chain: Chain) -> None:
    """Each test of the line once, under the name of the standing one; served once, however often the probe asks."""
    chain.adopt(inventory())
    eventually(lambda: len(chain.tasks) == 4)
    time.sleep(1.2)  # the probe's next question is held by now
    began_s = time.monotonic()
    chain.suspect("loop-a")
    eventually(lambda: len(chain.requests) == 4)
    assert time.monotonic() - began_s < 4
    assert {request.task.id for request in chain.requests} == {task.id for task in chain.tasks}
    assert all(request.id.startswith(f"{request.task.id}@") for request in chain.requests)
    fates = chain.control.fates()
    assert (fates["created"], fates["served"]) == (4, 4)
