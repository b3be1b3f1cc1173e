"""Kill -9 of a probe's spool and uploader and of the collector at random moments: every acknowledged batch exactly once.

No namespaces and no capture: a feeder with the real spool and uploader, and `faultline collector run`. The same with real packets
is in the demo's tests.
"""

from __future__ import annotations

import hashlib
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import yaml

from appliance.demo.inventory_file import inventory_document
from appliance.demo.namespaces.accounts import balance
from appliance.demo.network import BRANCHES
from appliance.demo.probing import Probes
from collector.collector import Collector, open_collector
from collector.config import read_config
from collector.enrich.from_inventory import read_places
from faultline.records.terms import SECOND_NS, Level, Stream
from faultline.store.ledger import BatchState, Ledger
from probe.spool.files import Disk
from probe.spool.incarnations import Incarnations
from probe.spool.plan import Position

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "branch-token"


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@attrs.define
class Ground:
    """A folder with both configurations, and the processes that run on it."""

    folder: Path
    running: list[subprocess.Popen[bytes]] = attrs.field(factory=list)

    @property
    def tally(self) -> Path:
        """What the feeder put into its spool, a line a batch."""
        return self.folder / "tally.txt"

    @property
    def spool(self) -> Path:
        """The feeder's spool."""
        return self.folder / "probe" / "spool"

    port: int = attrs.field(factory=free_port)

    def listens(self) -> bool:
        """Whether the collector can be reached."""
        with socket.socket() as trial:
            return trial.connect_ex(("127.0.0.1", self.port)) == 0

    def write(self, *, quota: int = 1 << 30) -> None:
        """Both configurations and the inventory."""
        (self.folder / "inventory.yaml").write_text(yaml.safe_dump(inventory_document(Probes.ENDS)))
        digest = hashlib.sha256(TOKEN.encode()).hexdigest()
        collector = {
            "data": "collector",
            "store": {"data": "store"},
            "inventory": "inventory.yaml",
            "listen": f"127.0.0.1:{self.port}",
            "probes": [{"id": "ce-1", "token_sha256": digest}],
            "log": {"level": "warning"},
        }
        (self.folder / "collector.yaml").write_text(yaml.safe_dump(collector))
        (self.folder / "token").write_text(TOKEN)
        probe = {
            "probe": "ce-1",
            "state_dir": "probe",
            "spool": {"max_octets": quota},
            "collector": {
                "url": f"https://127.0.0.1:{self.port}",
                "authority": "collector/tls/authority.pem",
                "token_file": "token",
                "timeout_s": 5.0,
            },
        }
        (self.folder / "probe.yaml").write_text(yaml.safe_dump(probe))

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """A process of this checkout; ended with the test at the latest."""
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, stdout=log, stderr=log)
        self.running.append(process)
        return process

    def start_collector(self) -> subprocess.Popen[bytes]:
        """`faultline collector run`."""
        return self.start("collector.cli", "run", "-c", str(self.folder / "collector.yaml"))

    def start_feeder(self, **options: object) -> subprocess.Popen[bytes]:
        """The feeder, going on where an earlier one was killed."""
        extra = [text for name, value in options.items() for text in (f"--{name}", str(value))]
        return self.start("tests.e2e.feeder", str(self.folder / "probe.yaml"), str(self.tally), *extra)

    def position(self) -> Position:
        """How far the spool's stream of flows is."""
        pointer = Incarnations(self.spool, Disk()).current()
        assert pointer is not None
        return Position.decode((self.spool / pointer.directory / Stream.FLOWS.value / "position").read_bytes())

    def batches(self) -> dict[int, list[int]]:
        """Sequence to the numbers of its records, of every batch that was written down."""
        found = {}
        for line in self.tally.read_text().splitlines():
            words = [int(word) for word in line.split()]
            if len(words) == 3:
                seq, first, count = words
                found[seq] = list(range(first, first + count))
        return found

    def log(self) -> str:
        """What the processes said."""
        return (self.folder / "log").read_text()[-4000:]


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """A folder; every process of the test is ended."""
    made = Ground(tmp_path)
    yield made
    for process in made.running:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=20)


def end(process: subprocess.Popen[bytes], number: signal.Signals) -> int:
    """Send a signal and wait for the end."""
    process.send_signal(number)
    return process.wait(timeout=60)


def eventually(condition: Callable[[], object], *, ground: Ground, within_s: float = 60.0) -> None:
    """Wait for it, or fail with what the processes said."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, ground.log()
        time.sleep(0.1)


def acknowledged(ground: Ground) -> int:
    """How far the collector has answered, as the spool has written it down; 0 before it has."""
    try:
        return ground.position().released
    except (OSError, AssertionError):
        return 0


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
