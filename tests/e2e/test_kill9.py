"""Kill -9 of a probe's spool and uploader and of the collector at random moments: every acknowledged batch exactly once.

No namespaces and no capture: a feeder with the real spool and uploader, and `faultline collector run`. The same with real packets
is in the demo's tests.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.demo.namespaces.accounts import balance
from appliance.demo.network import BRANCHES
from collector.collector import Collector, open_collector
from collector.config import read_config
from collector.enrich.from_inventory import read_places
from faultline.records.terms import SECOND_NS, Level, Stream
from faultline.store.ledger import BatchState, Ledger
from tests.e2e.ground import Ground, acknowledged, end, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """A folder; every process of the test is ended."""
    made = Ground(tmp_path)
    yield made
    made.end_all()


def opened(ground: Ground) -> Collector:
    """The collector's stores, worked through to the end in this process."""
    config = read_config(ground.folder / "collector.yaml")
    made = open_collector(config, places=read_places(config.inventory))
    now_ns = time.time_ns()
    for later_s in range(0, 90, 5):
        while made.advance(now_ns + later_s * SECOND_NS):
            pass
    made.finish(now_ns + 90 * SECOND_NS)
    return made


def archived(collector: Collector) -> Counter[int]:
    """How often each numbered flow is in the archive."""
    rows: list[dict[str, Any]] = collector.archive.search(tenant=None, start_ns=0, end_ns=1 << 62).to_pylist()
    return Counter(int(row["flow_id"]) for row in rows)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_acknowledged_batch_is_there_exactly_once(ground: Ground, seed: int) -> None:
    """Ten deaths in an order drawn by the seed; then ledger, archive and roll-ups agree with the spool and the feeder's list."""
    chance = random.Random(seed)
    ground.write()
    collector = ground.start_collector()
    eventually(ground.listens, ground=ground)
    feeder = ground.start_feeder()
    eventually(lambda: acknowledged(ground) > 20, ground=ground)
    for _ in range(10):
        time.sleep(chance.uniform(0.1, 2.0))
        if chance.random() < 0.5:
            end(collector, signal.SIGKILL)
            time.sleep(chance.uniform(0.0, 0.5))
            collector = ground.start_collector()
        else:
            end(feeder, signal.SIGKILL)
            feeder = ground.start_feeder()
    before = acknowledged(ground)
    eventually(lambda: acknowledged(ground) > before + 20, ground=ground)
    assert end(feeder, signal.SIGTERM) == 0
    assert end(collector, signal.SIGTERM) == 0, ground.log()

    account = balance([ground.spool], ground.folder / "store" / "state.db")
    assert (account.lost, account.doubled) == (0, 0)
    assert account.batches > 50
    written = ground.batches()
    with opened(ground) as made:
        rows = [row for row in Ledger(made.state).after(0, limit=1 << 20) if row.identity.stream is Stream.FLOWS]
        found = archived(made)
        stored = _packets(made)
    taken = [row.identity.seq for row in rows]
    assert sorted(taken) == list(range(1, max(taken) + 1))
    assert {row.state for row in rows} == {BatchState.FINAL}
    assert max(found.values()) == 1
    for seq in taken:
        if seq in written:  # a batch that was durable before its line was written is in no list
            assert all(number in found for number in written[seq]), seq
    # Each record has one packet: the roll-ups hold what the archive holds.
    assert stored == sum(found.values())


def _packets(collector: Collector) -> int:
    """Sum of the line's packets over all final 10 s windows."""
    points = collector.metrics.read("line_traffic", Level.TEN_SECONDS, 0, 1 << 62, tags={"line": BRANCHES[0].line})
    return sum(int(point.fields.get("packets", 0)) for point in points)


def test_what_had_to_be_given_up_is_a_gap_and_nothing_else_is(ground: Ground) -> None:
    """The collector is away and the spool is small: every sequence is taken or told as a gap.

    A batch that was on its way when the spool gave it up may be both: data beat the announcement that there are none.
    """
    ground.write(quota=1 << 20)
    collector = ground.start_collector()
    eventually(ground.listens, ground=ground)
    feeder = ground.start_feeder(rows=600, pause=0.05)
    eventually(lambda: acknowledged(ground) > 5, ground=ground)
    end(collector, signal.SIGKILL)
    reached = len(ground.batches())
    eventually(lambda: len(ground.batches()) > reached + 40, ground=ground)
    end(feeder, signal.SIGKILL)
    feeder = ground.start_feeder(rows=5, pause=0.1)
    collector = ground.start_collector()
    eventually(ground.listens, ground=ground)
    before = max(ground.batches())
    eventually(lambda: acknowledged(ground) > before + 5, ground=ground)
    assert end(feeder, signal.SIGTERM) == 0
    assert end(collector, signal.SIGTERM) == 0, ground.log()

    with opened(ground) as made:
        ledger = Ledger(made.state)
        taken = {row.identity.seq for row in ledger.after(0, limit=1 << 20) if row.identity.stream is Stream.FLOWS}
        told = [gap for gap in ledger.gaps() if gap.stream is Stream.FLOWS]
        found = archived(made)
    missing = {seq for gap in told for seq in range(gap.first_seq, gap.last_seq + 1)}
    # What was given up last may still wait in the spool to be told.
    untold = {seq for gap in ground.position().gaps for seq in range(gap.first, gap.last + 1)}
    assert {gap.reason for gap in told} == {"quota"}
    assert len(missing - taken) > 10
    assert taken | missing | untold == set(range(1, max(taken) + 1))
    assert max(found.values()) == 1
    written = ground.batches()
    given_up = [number for seq in (missing - taken) & set(written) for number in written[seq]]
    assert not any(number in found for number in given_up)
    assert balance([ground.spool], ground.folder / "store" / "state.db").lost == 0
