"""The flow archive: committed files and no others, compaction under readers, tenants apart."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pyarrow as pa
import pytest

from faultline.records.terms import SECOND_NS, TenantId
from faultline.store.archive import GRACE_NS, HOUR_NS, FlowArchive
from faultline.store.compaction import SETTLE_NS, Compaction
from faultline.store.disk import SystemDisk
from faultline.store.state import StateStore

HOUR = 500_000 * HOUR_NS
BANK, SCHOOL = TenantId("bank"), TenantId("../school = ü")


def make_flows(*rows: tuple[str, int, int]) -> pa.Table:
    """(tenant, start, octets); lines in falling order, to be sorted."""
    return pa.table(
        {
            "tenant": [row[0] for row in rows],
            "line": [f"L{9 - number % 10}" for number in range(len(rows))],
            "start_ns": [row[1] for row in rows],
            "octets": pa.array([row[2] for row in rows], pa.uint64()),
        }
    )


@attrs.define
class Shelf:
    state: StateStore
    archive: FlowArchive
    compaction: Compaction

    def octets(self, tenant: TenantId | None = None) -> list[int]:
        """All flows' octets, sorted."""
        found: list[Any] = self.archive.search(tenant=tenant, start_ns=0, end_ns=1 << 62).to_pylist()
        return sorted(row["octets"] for row in found)

    def on_disk(self) -> set[str]:
        return {str(path.relative_to(self.archive.folder)) for path in self.archive.folder.rglob("*") if path.is_file()}


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """An empty archive."""
    state = StateStore(tmp_path / "state.db", durable=False)
    archive = FlowArchive(tmp_path / "flows", state=state, disk=SystemDisk(durable=False))
    yield Shelf(state, archive, Compaction(archive, state=state))
    state.close()


def test_flows_are_found_by_tenant_and_time(shelf: Shelf) -> None:
    """Each tenant sees its own; the carrier's own use sees all; names of tenants do not climb out of the folder."""
    big = (1 << 64) - 1
    shelf.archive.append(make_flows((BANK, HOUR, 1), (SCHOOL, HOUR, 2), (BANK, HOUR + HOUR_NS, big)), last_batch=4)
    assert shelf.octets(BANK) == [1, big]
    assert shelf.octets(SCHOOL) == [2]
    assert shelf.octets() == [1, 2, big]
    found = shelf.archive.search(
        tenant=None, start_ns=HOUR + HOUR_NS, end_ns=HOUR + 2 * HOUR_NS, where="line = ?", parameters=["L7"]
    )
    assert found.to_pylist() == [{"line": "L7", "start_ns": HOUR + HOUR_NS, "octets": big, "tenant": BANK}]
    assert all(path.count("/") == 3 for path in shelf.on_disk())


def test_a_range_of_batches_is_archived_once(shelf: Shelf) -> None:
    """What was written before a crash but not committed is written again under the same name, and counts once."""
    flows = make_flows((BANK, HOUR, 1), (SCHOOL, HOUR, 2))
    shelf.archive.write("tenant=bank/date=1/hour=1/g0-000000000001-000000000003.parquet", flows.drop_columns(["tenant"]))
    assert shelf.octets() == []
    assert shelf.archive.clean_orphans() == 1
    shelf.archive.append(flows, last_batch=3)
    assert shelf.octets() == [1, 2]
    assert shelf.archive.archived_upto() == 3
    shelf.archive.append(None, last_batch=9)
    assert shelf.archive.archived_upto() == 9
    assert shelf.archive.clean_orphans() == 0


def test_files_are_sorted_by_line_and_time(shelf: Shelf) -> None:
    """What is asked for together lies together."""
    shelf.archive.append(make_flows((BANK, HOUR + 5, 1), (BANK, HOUR + 3, 2), (BANK, HOUR + 4, 3)), last_batch=1)
    (file,) = shelf.archive.files(tenant=BANK, start_ns=0, end_ns=1 << 62)
    lines = pa.parquet.read_table(shelf.archive.folder / file.path, partitioning=None).column("line").to_pylist()
    assert lines == sorted(lines)


def test_compaction_makes_one_file_of_a_finished_hour(shelf: Shelf) -> None:
    """The replaced files stay for readers that hold their names, and go after a while."""
    for number in range(1, 6):
        shelf.archive.append(make_flows((BANK, HOUR + number, number), (SCHOOL, HOUR, 100 + number)), last_batch=number)
    assert shelf.compaction.run(HOUR + HOUR_NS) == 0
    now_ns = HOUR + HOUR_NS + SETTLE_NS
    assert shelf.compaction.run(now_ns) == 2
    assert [file.generation for file in shelf.archive.files(tenant=None, start_ns=0, end_ns=1 << 62)] == [1, 1]
    assert shelf.octets() == [1, 2, 3, 4, 5, 101, 102, 103, 104, 105]
    assert len(shelf.on_disk()) == 12
    assert shelf.archive.clean(now_ns + GRACE_NS) == 0
    assert shelf.archive.clean(now_ns + GRACE_NS + 1) == 10
    assert len(shelf.on_disk()) == 2
    assert shelf.octets(BANK) == [1, 2, 3, 4, 5]


def test_late_flows_are_compacted_into_the_next_generation(shelf: Shelf) -> None:
    """And a file with columns of a later program joins those without."""
    now_ns = HOUR + HOUR_NS + SETTLE_NS
    for number in (1, 2):
        shelf.archive.append(make_flows((BANK, HOUR, number)), last_batch=number)
    shelf.compaction.run(now_ns)
    late = make_flows((BANK, HOUR, 3)).append_column("application", pa.array(["dns"]))
    shelf.archive.append(late, last_batch=3)
    assert shelf.compaction.run(now_ns) == 1
    (file,) = shelf.archive.files(tenant=BANK, start_ns=0, end_ns=1 << 62)
    assert (file.generation, file.first_batch, file.last_batch, file.rows) == (2, 1, 3, 3)
    assert shelf.octets() == [1, 2, 3]


def test_readers_never_see_half_a_compaction(shelf: Shelf) -> None:
    """While hours are compacted again and again, every query counts every flow once."""
    for number in range(1, 41):
        shelf.archive.append(make_flows((BANK, HOUR + number % 4 * HOUR_NS, number)), last_batch=number)
    stop, seen = threading.Event(), list[int]()

    def read() -> None:
        while not stop.is_set():
            seen.append(sum(shelf.octets(BANK)))

    reader = threading.Thread(target=read)
    reader.start()
    now_ns = HOUR + 10 * HOUR_NS
    for number in range(41, 61):
        shelf.archive.append(make_flows((BANK, HOUR + 9 * HOUR_NS, 0)), last_batch=number)
        shelf.compaction.run(now_ns + number * SECOND_NS, limit=1)
        shelf.archive.clean(now_ns + number * SECOND_NS)
    stop.set()
    reader.join()
    assert set(seen) == {sum(range(1, 41))}


def test_expired_hours_go_whole(shelf: Shelf) -> None:
    """Retention drops partitions, never parts of them."""
    shelf.archive.append(make_flows((BANK, HOUR, 1), (BANK, HOUR + HOUR_NS, 2)), last_batch=1)
    assert shelf.archive.expire(before_ns=HOUR + HOUR_NS + 5, now_ns=7) == 1
    assert shelf.octets() == [2]
    assert shelf.archive.clean(8 + GRACE_NS) == 1
    assert len(shelf.on_disk()) == 1
