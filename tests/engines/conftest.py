"""What tests of other engines share: an archive that a collector wrote, and the engines, asked as the how-to page says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import attrs
import pytest
from typer.testing import CliRunner

from collector.cli import app
from collector.collector import Collector, open_collector
from collector.config import read_config
from collector.enrich.places import Directory, LinePlace, VantagePlace
from faultline.records.terms import SECOND_NS, LineCode, TenantId, VantageId
from faultline.store.compaction import Compaction
from faultline.store.disk import SystemDisk
from tests.collector.conftest import BEGIN_NS, FakeProbe, make_flow

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "how-to" / "query-the-archive.md"
PYTHON = ROOT / ".cache" / "engines" / "bin" / "python"
SELECT = "SELECT {} FROM {}"
HOUR_NS = 3600 * SECOND_NS
TENANTS = ("bank", "007", "../school = ü")
"""A word, a number that is a name, and what must not climb out of the folder."""
LINES = [
    LinePlace(
        code=LineCode(f"L{number}"),
        tenant=TenantId(tenant),
        a_prefixes=(f"10.{2 * number}.0.0/16",),
        z_prefixes=(f"10.{2 * number + 1}.0.0/16",),
    )
    for number, tenant in enumerate(TENANTS)
]
TCP = re.compile(r"(reverse_)?(tcp_segments|retransmissions|loss_upstream|loss_downstream|data_rtt)")
"""What a UDP flow does not have."""
PLACES = Directory(
    lines=LINES,
    vantages=[
        VantagePlace(
            id=VantageId("v-branch"), probe="branch", observation_point="wan", lines=frozenset(line.code for line in LINES)
        )
    ],
    sessions={},
)


class WatchedDisk(SystemDisk):
    """A disk that lets a test look when a compacted file is written and not yet committed."""

    def __init__(self) -> None:
        super().__init__(durable=False)
        self.look: Callable[[], None] | None = None

    def write_whole(self, path: Path, octets: bytes) -> None:
        super().write_whole(path, octets)
        if self.look is not None and path.suffix == ".parquet" and not path.name.startswith("g0-"):
            self.look()


@attrs.frozen
class Written:
    """An archive with two hours of four tenants in several files each, and the collector that wrote it."""

    config: Path
    list: Path
    """Where the page's step 1 puts the list."""
    collector: Collector
    disk: WatchedDisk
    compaction: Compaction

    @property
    def folder(self) -> Path:
        """The archive's folder."""
        return self.collector.archive.folder

    def take_list(self, *arguments: str) -> list[str]:
        """Step 1 of the page; gives the paths."""
        done = CliRunner().invoke(app, ["archive", "files", "-c", str(self.config), *arguments], catch_exceptions=False)
        assert done.exit_code == 0
        self.list.write_text(done.stdout)
        return done.stdout.splitlines()

    def ours(self, columns: str, *, start_ns: int = 0, end_ns: int = 1 << 62) -> list[list[Any]]:
        """Our own reader's rows."""
        found = self.collector.archive.search(tenant=None, start_ns=start_ns, end_ns=end_ns, columns=columns)
        return [list(row.values()) for row in found.to_pylist()]


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Written]:
    """Batches in, archived batch by batch."""
    config = tmp_path / "collector.yaml"
    config.write_text("data: collector\nstore: {data: store, durable: false}\n")
    disk = WatchedDisk()
    collector = open_collector(read_config(config), places=PLACES, disk=disk)
    probe = FakeProbe()
    for number in range(6):
        start_ns = BEGIN_NS + number % 2 * HOUR_NS + number * SECOND_NS
        flows = [
            make_flow(
                start_ns + line,
                source_address=f"10.{2 * line}.0.5",
                destination_address=f"10.{2 * line + 1}.0.9",
                octets=(1 << 64) - 1 if number == line == 0 else 1000 * number + line,
            )
            for line in range(len(TENANTS) + 1)  # the last one's addresses belong to nobody
        ]
        datagrams = {name: value for name, value in flows[0].items() if not TCP.fullmatch(name)} | {"protocol": 17}
        collector.ingest(probe.batch("flows", {"flow": [*flows, datagrams]}, closed_ns=start_ns), "branch", start_ns + SECOND_NS)
        collector.advance(start_ns + SECOND_NS)
        collector.finish(start_ns + SECOND_NS)
    yield Written(config, tmp_path / "flow-files", collector, disk, Compaction(collector.archive, state=collector.state))
    collector.close()


class EngineError(Exception):
    """The engine gave an error instead of rows."""


@attrs.frozen
class Asked:
    """An engine's process, which answers one question at a time."""

    process: subprocess.Popen[str]
    log: Path

    def ask(self, **question: str) -> list[list[Any]]:
        """Rows."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, self.log.read_text()[-3000:]
        answer = json.loads(line)
        if "error" in answer:
            raise EngineError(answer["error"])
        rows: list[list[Any]] = answer["rows"]
        return rows


class Engine(Protocol):
    """An engine, as the page uses it."""

    def documented(self, written: Written) -> list[list[Any]]:
        """Rows of the page's statement, word for word but for the places of list and folder."""

    def rows(self, written: Written, columns: str, where: str = "1 = 1") -> list[list[Any]]:
        """Rows of another question to what the page's statement reads."""

    def by_pattern(self, written: Written, columns: str) -> list[list[Any]]:
        """What the page says never to do."""


def blocks(section: str, written: Written) -> list[str]:
    """The statements under a heading of the page, with the places of this test."""
    (text,) = (part for part in PAGE.read_text().split("\n## ") if part.startswith(section))
    places = {"/tmp/flow-files": str(written.list), "/var/lib/faultline/store/flows": str(written.folder)}
    for told, here in places.items():
        text = text.replace(told, here)
    return re.findall(r"```\w+\n(.*?)```", text, re.DOTALL)


@attrs.frozen
class ClickHouse:
    """As a library: chDB."""

    asked: Asked

    def documented(self, written: Written) -> list[list[Any]]:
        (statement,) = blocks("ClickHouse", written)
        return self.asked.ask(statement=statement)

    def rows(self, written: Written, columns: str, where: str = "1 = 1") -> list[list[Any]]:
        (statement,) = blocks("ClickHouse", written)
        source = statement[statement.index("FROM (") : statement.index("WHERE ")]
        settings = statement[statement.index("SETTINGS ") :]
        return self.asked.ask(statement=f"SELECT {columns} {source} WHERE {where} {settings}")

    def by_pattern(self, written: Written, columns: str) -> list[list[Any]]:
        return self.asked.ask(statement=SELECT.format(columns, f"file('{written.folder}/**/*.parquet', Parquet)"))


@attrs.frozen
class Spark:
    """In one process."""

    asked: Asked

    def documented(self, written: Written) -> list[list[Any]]:
        prepare, statement = blocks("Spark", written)
        return self.asked.ask(prepare=prepare, statement=statement)

    def rows(self, written: Written, columns: str, where: str = "1 = 1") -> list[list[Any]]:
        prepare, _ = blocks("Spark", written)
        return self.asked.ask(prepare=prepare, statement=SELECT.format(columns, f"flows WHERE {where}"))

    def by_pattern(self, written: Written, columns: str) -> list[list[Any]]:
        prepare = f"spark.read.parquet({str(written.folder)!r}).createOrReplaceTempView('everything')"
        return self.asked.ask(prepare=prepare, statement=SELECT.format(columns, "everything"))


@pytest.fixture(scope="session", params=["chdb", "spark"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Each engine, started once."""
    if request.param == "spark" and not shutil.which("java"):
        pytest.skip("Spark needs java (Debian: openjdk-17-jre-headless)")
    folder = tmp_path_factory.mktemp(request.param)
    log = folder / "log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [PYTHON, Path(__file__).with_name(f"ask_{request.param}.py")],
            cwd=folder,
            env=os.environ | {"SPARK_LOCAL_IP": "127.0.0.1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    with process:  # closes its input, which ends it, and waits
        yield ClickHouse(Asked(process, log)) if request.param == "chdb" else Spark(Asked(process, log))
