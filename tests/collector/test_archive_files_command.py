"""`collector archive files`: the ledger's list for engines of others."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from collector.cli import app
from faultline.records.terms import SECOND_NS
from faultline.runtime.console import BAD_USAGE, FAILED, CommandError
from faultline.store.compaction import SETTLE_NS, Compaction
from tests.collector.conftest import BEGIN_NS, FakeProbe, Ground, make_flow

HOUR_NS = 3600 * SECOND_NS


@pytest.fixture
def config(ground: Ground, tmp_path: Path) -> Path:
    """Of a collector that archived two flows in one hour, each in a file of its own, and one in the hour before."""
    probe = FakeProbe()
    for start_ns in (BEGIN_NS - HOUR_NS, BEGIN_NS, BEGIN_NS + 1):
        ground.send(probe.batch("flows", {"flow": [make_flow(start_ns)]}, closed_ns=BEGIN_NS))
        ground.advance()
        ground.collector.finish(ground.now_ns)
    path = tmp_path / "collector.yaml"
    path.write_text("data: collector\nstore: {data: store, durable: false}\n")
    return path


def run(config: Path, *arguments: str) -> Result:
    """The command beside the running collector."""
    return CliRunner().invoke(app, ["archive", "files", "-c", str(config), *arguments])


def test_the_list_is_the_ledgers(ground: Ground, config: Path) -> None:
    """Neither what is not committed nor what was replaced is in it, though both are in the folder."""
    folder = ground.collector.archive.folder
    assert len(run(config).stdout.splitlines()) == 3
    assert Compaction(ground.collector.archive, state=ground.collector.state).run(BEGIN_NS + HOUR_NS + SETTLE_NS) == 1
    (folder / "tenant=bank" / "stray.parquet").write_bytes(b"")
    listed = run(config)
    names = [str(Path(line).relative_to(folder)) for line in listed.stdout.splitlines()]
    assert names == [
        "tenant=bank/date=2027-01-15/hour=07/g0-000000000001-000000000001.parquet",
        "tenant=bank/date=2027-01-15/hour=08/g1-000000000002-000000000003.parquet",
    ]
    assert listed.stderr == "2 files, 3 flows\n"


@pytest.mark.parametrize(
    ("arguments", "hours"),
    [
        (["--since", "2027-01-15T08:00"], {"08"}),
        (["--since", "2027-01-15T16:00+08:00"], {"08"}),
        (["--until", "2027-01-15T08:00:00Z"], {"07"}),
        (["--since", "2027-01-15T07:59", "--until", "2027-01-15T08:01"], {"07", "08"}),
        (["--since", "0001-01-01", "--until", "9999-01-01"], {"07", "08"}),
        (["--tenant", "bank"], {"07", "08"}),
        (["--tenant", "bakery"], set()),
    ],
)
def test_a_span_and_a_tenant_leave_files_out(config: Path, arguments: list[str], hours: set[str]) -> None:
    """Moments without a zone are UTC; files hold whole hours."""
    found = run(config, *arguments)
    assert found.exit_code == 0
    assert {line.split("hour=")[1][:2] for line in found.stdout.splitlines()} == hours


@pytest.mark.parametrize("arguments", [["--since", "yesterday"], ["--since", "2027-01-15", "--until", "2027-01-15"]])
def test_a_span_that_is_none_is_bad_usage(config: Path, arguments: list[str]) -> None:
    """With what to write instead."""
    error = run(config, *arguments).exception
    assert isinstance(error, CommandError)
    assert (error.code, bool(error.hint)) == (BAD_USAGE, True)


def test_a_folder_without_a_store_gets_none(tmp_path: Path) -> None:
    """A wrong path is told, not answered with an empty archive, and nothing is made there."""
    path = tmp_path / "collector.yaml"
    path.write_text("data: collector\nstore: {data: elsewhere}\n")
    error = run(path).exception
    assert isinstance(error, CommandError)
    assert error.code == FAILED
    assert not (tmp_path / "elsewhere").exists()
