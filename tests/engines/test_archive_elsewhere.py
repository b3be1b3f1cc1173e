"""ClickHouse and Spark read the archive from the ledger's list and answer as our reader does, while hours are compacted too."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pyarrow as pa
import pytest

from faultline.store.archive import GRACE_NS
from faultline.store.compaction import SETTLE_NS
from tests.collector.conftest import BEGIN_NS
from tests.engines.conftest import HOUR_NS, Engine, EngineError, Written

pytestmark = [pytest.mark.engines, pytest.mark.timeout(600)]

FINISHED_NS = BEGIN_NS + 2 * HOUR_NS + SETTLE_NS
OVERLAPS = 5
"""Queries that must have had a compaction under them."""


def in_order(rows: list[list[Any]]) -> list[str]:
    """Rows without the order in which they came."""
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def test_every_column_of_every_flow_is_the_same(engine: Engine, written: Written) -> None:
    """Unsigned counters above 2^63, missing values, distributions, tenants of digits and of letters beyond ASCII."""
    schema = written.collector.archive.search(tenant=None, start_ns=0, end_ns=1 << 62).schema
    columns = ", ".join(f"hex({field.name})" if pa.types.is_binary(field.type) else field.name for field in schema)
    written.take_list()
    found = engine.rows(written, columns)
    assert len(found) == 30
    assert in_order(found) == in_order(written.ours(columns))


def test_the_statement_of_the_page_gives_our_answer(engine: Engine, written: Written) -> None:
    """Word for word, for an hour, by tenant and line."""
    written.take_list("--since", "2027-01-15T08:00", "--until", "2027-01-15T09:00")
    question = "tenant, line, packets + reverse_packets, coalesce(retransmissions, 0)"
    sums: dict[tuple[str, str | None], list[int]] = {}
    for tenant, line, packets, retransmissions in written.ours(question, start_ns=BEGIN_NS, end_ns=BEGIN_NS + HOUR_NS):
        held = sums.setdefault((tenant, line), [0, 0, 0])
        sums[tenant, line] = [held[0] + 1, held[1] + packets, held[2] + retransmissions]
    assert len(sums) == 4
    assert in_order(engine.documented(written)) == in_order([[*key, *values] for key, values in sums.items()])


def test_the_folders_names_are_columns(engine: Engine, written: Written) -> None:
    """Date and hour need no look into the files, and a tenant's list holds nobody else's flows."""
    paths = written.take_list("--tenant", "007")
    assert len(paths) == 6
    question = "DISTINCT tenant, CAST(date AS String), CAST(hour AS Int)"
    assert in_order(engine.rows(written, question)) == in_order([["007", "2027-01-15", hour] for hour in (8, 9)])
    assert engine.rows(written, "count(*)", "hour = 9") == [[3]]


def test_the_list_is_right_in_the_middle_of_a_compaction(engine: Engine, written: Written) -> None:
    """When the new file is written and not committed, and when it is committed and the old ones are still there.

    A pattern over the folder counts the hour twice at both moments: that is what the list is for.
    """
    counted: list[tuple[Any, Any]] = []

    def look() -> None:
        written.take_list()
        counted.append((engine.rows(written, "count(*)"), engine.by_pattern(written, "count(*)")))

    written.disk.look = look
    assert written.compaction.run(FINISHED_NS, limit=1) == 1
    written.disk.look = None
    look()
    assert counted == [([[30]], [[33]])] * 2


def test_queries_under_compaction_count_every_flow_once(engine: Engine, written: Written) -> None:
    """Late flows of no octets come to both hours and are compacted into them again and again, with queries all the while."""
    archive = written.collector.archive
    flows = archive.search(tenant=None, start_ns=0, end_ns=1 << 62)
    late = flows.set_column(flows.schema.get_field_index("packets"), "packets", pa.array([0] * len(flows), pa.uint64()))
    expected = sum(row[0] for row in written.ours("packets"))
    stop, rounds, failures = threading.Event(), list[int](), list[BaseException]()

    def compact() -> None:
        try:
            while not stop.wait(0.02):
                archive.append(late, last_batch=archive.archived_upto() + 1)
                rounds.append(written.compaction.run(FINISHED_NS + len(rounds)))
                archive.clean(FINISHED_NS + len(rounds))
        except BaseException as error:  # noqa: BLE001 - told by the test
            failures.append(error)

    thread = threading.Thread(target=compact)
    thread.start()
    overlaps, deadline_s = 0, time.monotonic() + 240
    try:
        while overlaps < OVERLAPS and time.monotonic() < deadline_s and not failures:
            written.take_list()
            before = len(rounds)
            assert engine.rows(written, "sum(packets)") == [[expected]]
            overlaps += len(rounds) > before
    finally:
        stop.set()
        thread.join()
    assert failures == []
    assert overlaps == OVERLAPS
    assert all(rounds)


def test_an_old_list_is_an_error_and_never_a_smaller_answer(engine: Engine, written: Written) -> None:
    """Within the grace what was replaced still answers; after it the engine says that a file is gone."""
    written.take_list()
    assert written.compaction.run(FINISHED_NS, limit=100) == 8
    assert written.collector.archive.clean(FINISHED_NS + GRACE_NS) == 0
    assert engine.rows(written, "count(*)") == [[30]]
    assert written.collector.archive.clean(FINISHED_NS + GRACE_NS + 1) == 24
    with pytest.raises(EngineError, match=r"(?i)not exist|no such file"):
        engine.rows(written, "count(*)")
    assert len(written.take_list()) == 8
    assert engine.rows(written, "count(*)") == [[30]]


def test_files_of_a_later_version_stand_beside_those_of_an_earlier_one(engine: Engine, written: Written) -> None:
    """A column that only newer files have is missing in the rows of older ones."""
    archive = written.collector.archive
    flows = archive.search(tenant=None, start_ns=BEGIN_NS, end_ns=BEGIN_NS + HOUR_NS)
    archive.append(flows.append_column("colour", pa.array(["blue"] * len(flows))), last_batch=archive.archived_upto() + 1)
    written.take_list()
    found = engine.rows(written, "tenant, line, colour")
    assert in_order(found) == in_order(written.ours("tenant, line, colour"))
    assert {row[2] for row in found} == {None, "blue"}
