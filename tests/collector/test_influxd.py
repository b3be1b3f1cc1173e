"""What the collector wrote into a real influxd is read back equal: through our reader, and through InfluxQL as anyone asks it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest

from collector.collector import open_collector
from faultline.records.terms import CARRIER, SECOND_NS, UNASSIGNED, Level
from faultline.store.config import InfluxConfig, MetricsKind, RetentionConfig
from faultline.store.lines import POLICIES
from faultline.store.schema import MEASUREMENTS
from faultline.store.windows import WindowBook
from tests.collector.conftest import (
    BANK,
    DIRECTORY,
    TEN_S,
    FakeProbe,
    Ground,
    make_flow,
    make_health,
    make_session,
    open_ground,
)
from tests.collector.test_tasks import make_account, make_dial, make_path

pytestmark = pytest.mark.influx

BEGIN_NS = (int(time.time()) // 3600 - 2) * 3600 * SECOND_NS
"""Two hours ago: InfluxDB's retention looks at the real clock."""
FOREVER = RetentionConfig(ten_seconds_s=0, minute_s=0, hour_s=0)


@pytest.fixture
def grounds(tmp_path: Path, influxd_url: str) -> Iterator[tuple[Ground, Ground, InfluxConfig]]:
    """The same collector twice: one writes into influxd, one into SQLite."""
    influx = InfluxConfig(url=influxd_url, database_prefix=f"c{uuid.uuid4().hex[:8]}_")
    made = []
    for kind in (MetricsKind.INFLUX, MetricsKind.SQLITE):
        ground = open_ground(tmp_path / kind.value)
        ground.collector.close()
        store = attrs.evolve(ground.config.store, metrics=kind, influx=influx, retention=FOREVER)
        ground.config = attrs.evolve(ground.config, store=store)
        ground.collector = open_collector(ground.config, places=DIRECTORY)
        ground.now_ns = BEGIN_NS
        ground.advance()
        made.append(ground)
    yield made[0], made[1], influx
    for ground in made:
        ground.collector.close()


def feed(ground: Ground) -> None:
    """Thirteen intervals of two probes, one late batch that makes a revision, and an unmapped flow."""
    probes = [FakeProbe(), FakeProbe(name="centre")]
    late = b""
    for number in range(13):
        start_ns = BEGIN_NS + number * TEN_S
        ground.now_ns = start_ns + TEN_S + SECOND_NS
        for probe in probes:
            flows = [make_flow(start_ns, packets=100 + number), make_flow(start_ns, source_address="192.0.2.1")]
            measured = {"session": [make_session(start_ns, lost_forward=number)], "probe_health": [make_health(start_ns)]}
            measured |= {"dial": [make_dial(start_ns)], "path": [make_path(at_ns=start_ns)], "task": [make_account(start_ns)]}
            batch = probe.batch("measurements", measured if probe.name == "branch" else None, closed_ns=ground.now_ns)
            if (probe.name, number) == ("centre", 2):
                late = probe.batch("flows", {"flow": flows}, closed_ns=ground.now_ns)
                continue
            ground.send(batch, probe.name)
            ground.send(probe.batch("flows", {"flow": flows}, closed_ns=ground.now_ns), probe.name)
            ground.send(probe.batch("events", closed_ns=ground.now_ns), probe.name)
        ground.advance()
    ground.send(late, "centre")
    ground.advance(90)


def influxql(influx: InfluxConfig, database: str, question: str) -> list[dict[str, Any]]:
    """Rows of a query as any InfluxDB client gets them: columns and tags together, absent columns left out."""
    answer = httpx.get(
        f"{influx.url}/query", params={"db": database, "q": question, "epoch": "ns"}, trust_env=False, timeout=20
    ).json()
    rows = []
    for series in answer["results"][0].get("series", ()):
        for values in series["values"]:
            row = dict(series.get("tags", {})) | dict(zip(series["columns"], values, strict=True))
            rows.append({name: value for name, value in row.items() if value not in (None, "")})
    return rows


MEASURED = {
    "line_traffic",
    "line_quality",
    "line_bracket",
    "endpoint_quality",
    "session",
    "dial",
    "path",
    "probe_health",
    "collector_health",
}
"""What `feed` makes rows of."""
Key = tuple[str, str, int, str]
"""Measurement, tenant, start of the window, tags."""


def expected(ground: Ground, level: Level) -> dict[Key, dict[str, Any]]:
    """Every row of the final windows as the state store holds them: what was to be written."""
    book = WindowBook(ground.collector.state)
    found = {}
    for window in book.final(level):
        for row in book.rows(level, window.start_ns):
            if row.fields:
                found[row.measurement, row.tenant, window.start_ns, _tags(row.tags)] = dict(row.fields)
    return found


def stored(influx: InfluxConfig, tenant: str, level: Level) -> dict[Key, dict[str, Any]]:
    """Every row of a tenant's database."""
    found = {}
    for name, spec in MEASUREMENTS.items():
        question = f'SELECT * FROM "{POLICIES[level]}"."{name}" GROUP BY *'  # noqa: S608 - our own names
        for row in influxql(influx, f"{influx.database_prefix}{tenant}", question):
            tags = {tag: row.pop(tag) for tag in spec.tags if tag in row}
            found[name, row.pop("tenant"), row.pop("time"), _tags(tags)] = row
    return found


def _tags(tags: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(tags.items()))


def test_what_was_written_is_read_back_equal_through_influxql(grounds: tuple[Ground, Ground, InfluxConfig]) -> None:
    """Every field of every row of 10 s windows, minutes and revisions, in the tenant's database and the carrier's."""
    ground, _, influx = grounds
    feed(ground)
    assert ground.collector.outbox.depth() == 0
    assert ground.collector.delivery.problem is None
    for level in (Level.TEN_SECONDS, Level.MINUTE):
        wanted = expected(ground, level)
        assert {key[1] for key in wanted} == {BANK, CARRIER, UNASSIGNED}
        assert {key[0] for key in wanted} == MEASURED
        assert stored(influx, CARRIER, level) == wanted
        own = {key: fields for key, fields in wanted.items() if key[1] == BANK and not MEASUREMENTS[key[0]].shared}
        assert stored(influx, BANK, level) == own


def test_influxd_and_sqlite_answer_alike(grounds: tuple[Ground, Ground, InfluxConfig]) -> None:
    """The same batches, the same questions, the same points from either store."""
    influx, sqlite, _ = grounds
    for ground in (influx, sqlite):
        feed(ground)
    for name in MEASUREMENTS:
        for level in (Level.TEN_SECONDS, Level.MINUTE):
            found = [
                sorted(ground.points(name, level), key=lambda p: (p.time_ns, p.tenant, _tags(p.tags)))
                for ground in (influx, sqlite)
            ]
            assert found[0] == found[1], (name, level)
    assert influx.points("line_traffic")
