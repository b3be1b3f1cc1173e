"""Orders in the running analyzer: what stands in the store, when it changes, and what a fault asks for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from analyzer.config import AnalyzerConfig
from analyzer.network import network_of
from analyzer.orders.ordering import Ordering
from analyzer.orders.rules import OrderRules
from analyzer.service import join
from faultline.inventory import Inventory
from faultline.records.incident import Base
from faultline.records.terms import SECOND_NS
from faultline.runtime.counters import Counters
from faultline.store.control import ControlBook
from faultline.store.state import StateStore

NOW_NS = 1_800_000_000 * SECOND_NS


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateStore]:
    """An empty store."""
    made = StateStore(tmp_path / "state.db", durable=False)
    yield made
    made.close()


@attrs.define
class Bench:
    """Orders over a store."""

    control: ControlBook
    counters: Counters = attrs.field(factory=Counters)

    def ordering(self, inventory: Inventory, rules: OrderRules | None = None) -> Ordering:
        """Of an inventory, its tasks written."""
        made = Ordering(
            inventory, network_of(inventory), rules=rules or OrderRules(), control=self.control, counters=self.counters
        )
        made.keep_standing()
        return made


@pytest.fixture
def bench(state: StateStore) -> Bench:
    """Nothing ordered yet."""
    return Bench(ControlBook(state))


def test_versions_move_with_changes_only(bench: Bench, inventory_of: Callable[..., Inventory]) -> None:
    """A restart and the same inventory are no news; a changed dial is one; a probe without tests hears nothing."""
    bench.ordering(inventory_of())
    first = bench.control.orders("branch", after=0, now_ns=NOW_NS)
    assert len(first.tasks) == 5
    assert len(bench.control.orders("dc", after=0, now_ns=NOW_NS).tasks) == 1
    bench.ordering(inventory_of())
    assert bench.control.version() == first.version
    ordering = bench.ordering(inventory_of(), OrderRules(dial_timeout_s=1.0))
    assert len(bench.control.orders("branch", after=first.version, now_ns=NOW_NS).tasks) == 2
    assert bench.control.orders("dc", after=first.version, now_ns=NOW_NS).is_empty
    version = bench.control.version()
    ordering.keep_standing()
    assert bench.control.version() == version
    assert bench.counters.value("standing_task_changes") == 8


def test_tests_that_are_not_declared_any_more_are_taken_back(bench: Bench, inventory_of: Callable[..., Inventory]) -> None:
    """By a changed inventory, or by the setting."""
    ordering = bench.ordering(inventory_of())
    version = bench.control.version()
    without = inventory_of(tested="dials: []\n")
    ordering.adopt(without, network_of(without))
    ordering.keep_standing()
    assert len(bench.control.orders("branch", after=version, now_ns=NOW_NS).removed) == 5
    bench.ordering(inventory_of())
    version = bench.control.version()
    bench.ordering(inventory_of(), OrderRules(enabled=False))
    assert len(bench.control.orders("branch", after=version, now_ns=NOW_NS).removed) == 5


def test_an_inventory_without_tests_costs_nothing(bench: Bench, inventory_of: Callable[..., Inventory]) -> None:
    """No row, no version, no request, whatever is suspected."""
    version = bench.control.version()
    ordering = bench.ordering(inventory_of(tested="dials: []\n"))
    ordering.suspect({Base("loop-a")}, end_ns=NOW_NS, now_ns=NOW_NS)
    assert bench.control.version() == version
    assert bench.control.fates()["created"] == 0


def test_a_suspected_place_asks_for_its_lines_tests(bench: Bench, inventory_of: Callable[..., Inventory]) -> None:
    """Counted, and served to the probes concerned."""
    ordering = bench.ordering(inventory_of())
    ordering.suspect({Base("nowhere")}, end_ns=NOW_NS, now_ns=NOW_NS)
    assert bench.control.fates()["created"] == 0
    ordering.suspect({Base("loop-a"), Base("core")}, end_ns=NOW_NS + 10 * SECOND_NS, now_ns=NOW_NS + 11 * SECOND_NS)
    assert bench.control.fates()["created"] == 6
    assert (bench.counters.value("requests_ordered", kind="trace"), bench.counters.value("requests_ordered", kind="dial")) == (
        4,
        2,
    )
    assert len(bench.control.orders("branch", after=0, now_ns=NOW_NS + 11 * SECOND_NS).requests) == 5


def test_the_service_keeps_the_tasks_of_its_inventory(tmp_path: Path, tested_file: str) -> None:
    """From its start on, and after every change of the file; how many stand is a metric."""
    (tmp_path / "inventory.yaml").write_text(tested_file, encoding="utf-8")
    config = AnalyzerConfig(data=tmp_path / "analyzer", inventory=tmp_path / "inventory.yaml", listen="127.0.0.1:0")
    config = attrs.evolve(
        config,
        store=attrs.evolve(config.store, data=tmp_path / "store", durable=False),
        evaluation=attrs.evolve(config.evaluation, poll_s=0.02),
    )
    state = StateStore(config.store.state_file, durable=False)
    control = ControlBook(state)
    joined = join(config)
    joined.service.start()
    try:
        eventually(lambda: len(control.orders("branch", after=0, now_ns=NOW_NS).tasks) == 5)
        config.inventory.write_text(tested_file.replace("  - {id: dial-dns,", "  #- {id: dial-dns,"), encoding="utf-8")
        eventually(lambda: len(control.orders("branch", after=0, now_ns=NOW_NS).tasks) == 4)
    finally:
        joined.service.stop()
        state.close()


def eventually(condition: Callable[[], bool]) -> None:
    """Wait for it."""
    deadline_s = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
