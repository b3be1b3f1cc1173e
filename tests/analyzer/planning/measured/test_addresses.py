"""Addresses that were seen on two lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from analyzer.planning.doubt import Doubtful
from analyzer.planning.measured.addresses import OnLines, address_doubts, on_several_lines
from faultline.records.terms import LineCode, TenantId
from faultline.store.archive import FlowArchive
from faultline.store.disk import SystemDisk
from faultline.store.state import StateStore

from .conftest import document, known

BANK = TenantId("bank")


def seen(address: str, *lines: str) -> OnLines:
    """An address on lines of the bank."""
    return OnLines(tenant=BANK, address=address, lines=tuple(LineCode(code) for code in lines))


def test_what_lines_declare_alike_is_on_both_by_declaration() -> None:
    """Every branch talks to the data centre."""
    assert list(address_doubts(known(document("L1", "L2")), [seen("10.9.0.11", "L1", "L2")])) == []


def test_a_network_too_wide_is_told_once_with_examples() -> None:
    """Where one line declares narrowly what another takes in with a wide network."""
    made = document("L1", "L2")
    made["lines"][0]["a_end"]["prefixes"] = ["10.1.0.0/16"]
    found = list(address_doubts(known(made), [seen(f"10.1.1.{n}", "L1", "L2") for n in range(5)]))
    (doubt,) = found
    assert doubt.what is Doubtful.TWO_LINES
    assert "10.1.1.0, 10.1.1.1, 10.1.1.2 and 2 more seen on L1, which declares 10.1.0.0/16, and on L2" in doubt.text
    assert "narrow 10.1.0.0/16 of L1" in doubt.remedy
    assert (doubt.at.name, doubt.at.key) == ("L1", "a_end")


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[FlowArchive]:
    """An empty archive."""
    state = StateStore(tmp_path / "state.db", durable=False)
    yield FlowArchive(tmp_path / "flows", state=state, disk=SystemDisk(durable=False))
    state.close()


def flows(*rows: tuple[str, str | None, str, str, int]) -> pa.Table:
    """Flows of (tenant, line, source, destination, start)."""
    names = ("tenant", "line", "source_address", "destination_address", "start_ns")
    types = (*(pa.string(),) * 4, pa.int64())
    columns: list[Any] = list(zip(*rows, strict=True))
    return pa.table({name: pa.array(column, kind) for name, column, kind in zip(names, columns, types, strict=True)})


def test_addresses_come_out_of_the_archives_flows_tenant_by_tenant(archive: FlowArchive) -> None:
    """Either end of a flow counts; flows of no line, of another time and of another tenant do not."""
    table = flows(
        ("bank", "L1", "10.1.0.1", "10.9.0.1", 10),
        ("bank", "L2", "10.9.0.1", "10.1.1.1", 11),
        ("bank", None, "10.1.0.1", "10.9.0.1", 12),
        ("bank", "L2", "10.1.0.1", "10.9.0.7", 99),
        ("other", "X1", "10.1.0.1", "10.2.0.1", 13),
    )
    archive.append(table, last_batch=1)
    (found,) = on_several_lines(archive, start_ns=10, end_ns=50)
    assert found == seen("10.9.0.1", "L1", "L2")
    assert on_several_lines(archive, start_ns=200, end_ns=300) == []
