"""`collector flows search` on an archive that a collector has written."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import attrs
import pytest
import typer
from typer.testing import CliRunner

from collector.exporters.config import ExportersConfig
from collector.exporters.receiving import Datagram
from collector.search import command
from faultline.records.terms import SECOND_NS
from faultline.runtime.console import BAD_USAGE, CommandError
from tests.collector.conftest import BEGIN_NS, FakeProbe, Ground, make_flow, open_ground
from tests.collector.exporters import datagrams as d

SINCE = ("--since", "2027-01-15T07:00", "--until", "2027-01-15T09:00")


@attrs.define
class Archive:
    """Flows of a probe and of a router of the same minute."""

    config: Path
    ground: Ground

    def asked(self, *arguments: str) -> tuple[str, str]:
        """Standard output and standard error of a search."""
        app = typer.Typer()
        command.register(app)
        result = CliRunner().invoke(app, ["flows", "search", "-c", str(self.config), *SINCE, *arguments])
        if isinstance(result.exception, CommandError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout, result.stderr

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """What it found, as a program reads it."""
        return [json.loads(line) for line in self.asked(*arguments, "--format", "jsonl")[0].splitlines()]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """One flow of a probe, three of a router, the largest over two minutes."""
    ground = open_ground(tmp_path, exporters=ExportersConfig(any=True))
    probe = FakeProbe()
    ground.send(probe.batch("flows", {"flow": [make_flow(BEGIN_NS)]}, closed_ns=BEGIN_NS + 10 * SECOND_NS))
    ground.now_ns += 60 * SECOND_NS
    records = [
        d.record("10.1.0.1", octets=100),
        d.record("10.1.0.2", octets=300),
        d.record("10.1.0.3", octets=9000, lasted_ms=60_000),
    ]
    sets = (d.template_set(0, 300, d.V9_FIELDS), d.data_set(300, records))
    packet = d.netflow9(*sets, sequence=0, export_s=ground.now_ns // SECOND_NS)
    ground.collector.counters.stage("datagrams").take()
    ground.collector.exports.turn([Datagram("192.0.2.1", ground.now_ns, packet)], now_ns=ground.now_ns, monotonic_ns=0)
    ground.collector.exports.flush(now_ns=ground.now_ns, monotonic_ns=0)
    ground.advance(60)
    config = tmp_path / "collector.yaml"
    config.write_text(f"data: {tmp_path}/collector\nstore: {{data: {tmp_path}/store}}\n")
    return Archive(config, ground)


def test_flows_of_probes_and_routers_are_found_by_what_they_are(archive: Archive) -> None:
    """Conditions on what only one kind of flow has find that kind; what both have finds both."""
    assert len(archive.rows()) == 4
    assert {row["source_address"] for row in archive.rows("exporter", "192.0.2.1")} == {"10.1.0.1", "10.1.0.2", "10.1.0.3"}
    [flow] = archive.rows("loss_ratio > 0.1%")
    assert (flow["source_address"], flow["loss_upstream"]) == ("10.1.0.5", 2)
    assert "exporter" not in flow
    assert len(archive.rows("line L1 port 443")) == 4
    assert archive.rows("line L2") == []


def test_sums_are_of_groups_the_largest_first(archive: Archive) -> None:
    """Octets of both directions, flows counted, at most so many groups."""
    rows = archive.rows("--group-by", "source", "--top", "2")
    assert [(row["source"], row["octets"], row["flows"]) for row in rows] == [("10.1.0.5", 60_000, 1), ("10.1.0.3", 9000, 1)]
    [only] = archive.rows("exporter *", "--group-by", "exporter,sampling")
    assert (only["octets"], only["flows_of_unknown_sampling"]) == (9400, 3)


def test_over_time_a_flow_counts_where_it_went_on(archive: Archive) -> None:
    """Ten intervals of the flow that lasted a minute have its octets between them; the flow itself is counted once."""
    rows = archive.rows("source 10.1.0.3", "--by", "10s")
    assert sum(row["octets"] for row in rows) == 9000
    assert [row["octets"] for row in rows] == [1500] * 6
    assert sum(row["flows"] for row in rows) == 1
    grouped = archive.rows("exporter *", "--by", "1m", "--group-by", "source", "--top", "1")
    assert {row["source"] for row in grouped} == {"10.1.0.3"}


def test_what_people_and_sheets_get(archive: Archive) -> None:
    """A table with a line of heads, a sheet with every column, and on standard error how much was looked at."""
    table, told = archive.asked("source 10.1.0.1")
    head, row = table.splitlines()
    assert head.split()[:3] == ["start", "end", "protocol"]
    assert "10.1.0.1" in row
    assert "1 flows; 4 flows in" in told
    [sheet] = csv.DictReader(archive.asked("source 10.1.0.1", "--format", "csv")[0].splitlines())
    assert (sheet["octets"], sheet["sampling_source"], sheet["sampling_factor"]) == ("100", "unknown", "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["colour red"], "'colour' is no field"),
        (["--group-by", "octets"], "flows cannot be grouped by 'octets'"),
        (["--top", "3"], "--top needs --group-by"),
        (["--by", "soon"], "is no interval"),
        (["--by", "1s", "--since", "300d", "--until", "0s"], "more than 100000 intervals"),
    ],
)
def test_what_cannot_be_asked_is_told(archive: Archive, arguments: list[str], says: str) -> None:
    """Exit 2, what is wrong, and where."""
    with pytest.raises(CommandError) as caught:
        archive.asked(*arguments)
    assert says in caught.value.message
    assert caught.value.code == BAD_USAGE


def test_an_answer_that_needs_too_much_memory_is_given_up(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line what happened and one what to do."""
    monkeypatch.setattr(command, "MIB", 1 << 10)
    with pytest.raises(CommandError) as caught:
        archive.asked("--group-by", "source", "--memory", "64")
    assert caught.value.hint
    assert "--memory" in caught.value.hint
