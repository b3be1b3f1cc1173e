"""What tests of the boards share: a known scenario in a real influxd, and queries as Grafana expands and reads them."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import httpx
import pytest

from faultline.records.points import FieldValue, Point
from faultline.records.terms import CARRIER, SECOND_NS, Level, TenantId
from faultline.store.config import InfluxConfig, RetentionConfig
from faultline.store.influx_metrics import InfluxMetrics
from faultline.store.lines import database
from tests.store.conftest import influxd_url

__all__ = ["influxd_url"]

BEGIN_S = (int(time.time()) // 60 - 4) * 60
"""InfluxDB's retention looks at the real clock: the scenario is of today."""
STEPS, STEP_S = 12, 10
END_S = BEGIN_S + STEPS * STEP_S
FAULT_FROM = 6
"""The step in which the access loop begins to lose; the six before it are good."""
BANK, SCHOOL = TenantId("bank"), TenantId("school")
L1, L2, L3 = "CN-NB-0017", "SCH/2 (b)+", "CN-NB-0018"
"""The second has every character that a regular expression would take for its own."""
FOREVER = RetentionConfig(ten_seconds_s=0, minute_s=0, hour_s=0)
EVERYTHING = {"source": "Faultline", "every": "10s", "tenant": [], "lines": [], "line": L1, "probe": []}
"""What the variables are set to: an empty list is "all"."""


def _rtt(factor: int) -> dict[str, FieldValue]:
    names = ("min", "p50", "p90", "p95", "p99", "max")
    return {f"rtt_{name}": (i + 1) * 1_000_000 * factor for i, name in enumerate(names)}


def scenario() -> list[Point]:
    """Two minutes: the access loop, which two lines share, loses in the second of them; a third line is in planned work."""
    found = []
    for step in range(STEPS):
        bad = step >= FAULT_FROM
        for tenant, measurement, tags, fields in _rows(step, bad=bad):
            found.append(make_point(tenant, measurement, tags, fields, step=step))
    return found


def make_point(
    tenant: TenantId,
    measurement: str,
    tags: Mapping[str, str],
    fields: Mapping[str, FieldValue],
    *,
    step: int = 0,
    level: Level = Level.TEN_SECONDS,
) -> Point:
    """One row of a step."""
    time_ns = (BEGIN_S + step * STEP_S) * SECOND_NS
    return Point(measurement=measurement, level=level, tenant=tenant, tags=tags, time_ns=time_ns, fields=fields)


_Row = tuple[TenantId, str, dict[str, str], dict[str, FieldValue]]


def _rows(step: int, *, bad: bool) -> Iterator[_Row]:
    yield from _sessions(bad=bad)
    yield from _passive(bad=bad)
    yield from _health(step, bad=bad)
    yield from _incidents(step)
    yield from _own(bad=bad)


def _sessions(*, bad: bool) -> Iterator[_Row]:
    delays: dict[str, FieldValue] = {
        "forward_delay_p50": 1_500_000,
        "reverse_delay_p50": -500_000,
        "forward_ipdv_p95": 200_000,
        "reverse_ipdv_p95": 300_000,
        "clock_class": "ntp",
        "clock_error_ns": 50_000,
        "suspect": 0,
        "lost_unattributed": 0,
    }
    lost: dict[str, FieldValue] = {
        "sent": 100,
        "received": 90 if bad else 100,
        "lost_forward": 8 if bad else 0,
        "lost_reverse": 2 if bad else 0,
    }
    clean: dict[str, FieldValue] = {"sent": 100, "received": 100, "lost_forward": 0, "lost_reverse": 0}
    yield BANK, "session", {"line": L1, "session": "ce-pe1"}, {**lost, **delays, **_rtt(1)}
    yield BANK, "session", {"line": L1, "session": "pe1-pe2"}, {**clean, **delays, **_rtt(2)}
    yield SCHOOL, "session", {"line": L2, "session": "school"}, {"sent": 50, "received": 45 if bad else 50, **_rtt(3)}


def _passive(*, bad: bool) -> Iterator[_Row]:
    for vantage, direction, octets in (
        ("ce-wan", "a_to_z", 125_000),
        ("pe1", "a_to_z", 100_000),
        ("ce-wan", "z_to_a", 250_000),
        ("pe1", "z_to_a", 250_000),
    ):
        tags = {"line": L1, "vantage": vantage, "direction": direction}
        yield BANK, "line_traffic", tags, {"packets": 100, "octets": octets}
    lost = 80 if bad else 0
    shared: dict[str, FieldValue] = {
        "tcp_segments": 1000,
        "zero_window_events": 1,
        "rst_packets": 2,
        "data_rtt_p95": 7_000_000,
        "capture_loss_ratio": 0.0,
        "one_sided_ratio": 0.5,
    }
    for vantage, before, after in (("ce-wan", 0, lost), ("pe1", lost, 0)):
        tags = {"line": L1, "vantage": vantage, "direction": "a_to_z"}
        more: dict[str, FieldValue] = {"application_response_p95": 9_000_000} if vantage == "pe1" else {}
        yield BANK, "line_quality", tags, {**shared, **more, "loss_upstream": before, "loss_downstream": after}


def _health(step: int, *, bad: bool) -> Iterator[_Row]:
    loop: dict[str, FieldValue] = {"state": 3, "probability": 0.9} if bad else {"state": 0}
    core: dict[str, FieldValue] = {"state": 1, "probability": 0.1} if bad else {"state": 0}
    for tenant, line, component, owner, fields in (
        (BANK, L1, "branch-lan", "customer", {"state": 0}),
        (BANK, L1, "ce", "customer", {"state": 1, "probability": 0.5} if step == 0 else {"state": 0}),
        (BANK, L1, "loop-a", "access", loop),
        (BANK, L1, "core", "carrier_core", core),
        (SCHOOL, L2, "loop-a", "access", loop),
        (BANK, L3, "dc-lan", "destination", {"state": 2}),
    ):
        yield tenant, "segment_health", {"line": line, "component": component}, {**fields, "owner": owner}
    worst: dict[str, FieldValue] = {
        "line": L1,
        "customer": "First Bank",
        "state": 3 if bad else 0,
        "loss_ratio": 0.08 if bad else 0.0,
    }
    yield BANK, "worst_lines", {"rank": "01"}, worst
    yield SCHOOL, "worst_lines", {"rank": "02"}, {"line": L2, "customer": "School", "state": 3 if bad else 0}
    yield BANK, "worst_lines", {"rank": "03"}, {"line": L3, "customer": "First Bank", "state": 2}


def _incidents(step: int) -> Iterator[_Row]:
    def told(incident: str, event: str, **fields: FieldValue) -> _Row:
        return BANK, "incident", {"incident": incident, "event": event}, {**fields, "event": event, "notified": 1}

    planned: dict[str, FieldValue] = {"owner": "destination", "mode": "down", "components": "dc-lan>", "lines": L3, "planned": 1}
    fault: dict[str, FieldValue] = {"owner": "access", "mode": "loss", "lines": f"{L1},{L2}", "planned": 0}
    begun = {"begin_ns": (BEGIN_S + 10) * SECOND_NS}
    if step == 1:
        yield told("F2", "raise", **planned, **begun, confidence=0.7, text="cut-over")
    if step == 4:
        yield told("F2", "clear", **planned, **begun, confidence=0.7, text="over", end_ns=(BEGIN_S + 40) * SECOND_NS)
    begun = {"begin_ns": (BEGIN_S + 60) * SECOND_NS}
    if step == 7:
        yield told("F1", "raise", **fault, **begun, confidence=0.8, components="loop-a>", text="loop A loses 8 %")
    if step == 9:
        yield told("F1", "revise", **fault, **begun, confidence=0.9, components="loop-a>,loop-a<", text="接入环路双向丢包")


def _own(*, bad: bool) -> Iterator[_Row]:
    common: dict[str, FieldValue] = {"clock_error_ns": 50_000, "loop_lag_ns": 1_000_000, "spool_octets": 4096}
    flows: dict[str, FieldValue] = {"flows_active": 7, "flows_evicted": 0}
    yield (
        CARRIER,
        "probe_health",
        {"probe": "branch", "observation_point": "wan"},
        {**common, **flows, "capture_received": 10_000, "capture_dropped": 10 if bad else 0, "clock_bad": 0},
    )
    yield (
        CARRIER,
        "probe_health",
        {"probe": "pe1", "observation_point": "mirror"},
        {**common, **flows, "capture_received": 20_000, "capture_dropped": 0, "clock_bad": int(bad)},
    )
    errors = 3 if bad else 0
    counters: dict[str, FieldValue] = {"in_errors": errors, "out_errors": 1, "in_discards": 0, "out_discards": 2}
    yield CARRIER, "interface", {"probe": "branch", "interface": "wan0"}, {"link_up": int(not bad), **counters}
    yield CARRIER, "collector_health", {"stage": "intake"}, {"in": 5, "out": 5, "dropped": 0, "held": 0}
    yield CARRIER, "collector_health", {"stage": "decode"}, {"in": 10, "out": 8, "dropped": 1, "held": 4}


@attrs.frozen(slots=True, kw_only=True)
class Filled:
    """An influxd with the scenario in it."""

    url: str
    prefix: str

    def ask(self, query: str, *, tenant: TenantId = CARRIER) -> list[dict[str, Any]]:
        """The series of one expanded query, from a tenant's database, as its data source would."""
        parameters = {"q": query, "db": database(self.prefix, tenant), "epoch": "ms"}
        response = httpx.get(f"{self.url}/query", params=parameters, timeout=10)
        (result,) = response.json()["results"]
        assert "error" not in result, (query, result)
        series: list[dict[str, Any]] = result.get("series", [])
        return series


@pytest.fixture(scope="session")
def filled(influxd_url: str) -> Filled:
    """The scenario, written by our own store."""
    made = Filled(url=influxd_url, prefix=f"g{uuid.uuid4().hex[:8]}_")
    store = InfluxMetrics(InfluxConfig(url=influxd_url, database_prefix=made.prefix), retention=FOREVER)
    minute = [
        make_point(BANK, "session", {"line": L1, "session": "ce-pe1"}, {"sent": 600, "received": 450}, level=Level.MINUTE),
    ]
    assert store.write([*scenario(), *minute]) == []
    store.close()
    return made


_SPECIAL = re.compile(r"[\\^$*+?.()|\[\]{}/]")


def _regex(value: str | Sequence[str]) -> str:
    if isinstance(value, str):
        return _SPECIAL.sub(lambda found: "\\" + found[0], value)
    if not value:
        return ".+"  # "all", which the variable gives a value of its own
    told = [_regex(each) for each in value]
    return told[0] if len(told) == 1 else f"({'|'.join(told)})"


def expanded(query: str, variables: Mapping[str, Any], *, interval_ms: int = STEP_S * 1000) -> str:
    """A query as Grafana sends it: variables in their formats first, then the macros of the range and of the interval."""

    def value(found: re.Match[str]) -> str:
        chosen = variables[found["name"]]
        return str(chosen) if found["format"] == "raw" else _regex(chosen)

    query = re.sub(r"\$\{(?P<name>\w+):(?P<format>\w+)\}", value, query)
    query = query.replace("$timeFilter", f"time >= {BEGIN_S * 1000}ms and time <= {END_S * 1000}ms")
    query = query.replace("$__interval_ms", str(interval_ms)).replace("$__interval", f"{interval_ms}ms")
    assert "$_" not in query
    assert "${" not in query
    return query


def as_table(series: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One table, as the browser's path gives it: time, then the groups, then the columns."""
    return [
        {"Time": row[0], **one.get("tags", {}), **dict(zip(one["columns"][1:], row[1:], strict=True))}
        for one in series
        for row in one["values"]
    ]


@attrs.frozen(slots=True, kw_only=True)
class Frame:
    """One column of one series, as the server's path gives it."""

    measurement: str
    column: str
    labels: Mapping[str, str]
    values: Sequence[tuple[int, Any]]

    def name(self, alias: str) -> str:
        """What the legend says."""
        if not alias:
            return f"{self.measurement}.{self.column}"
        named = re.sub(r"\$tag_(\w+)", lambda found: self.labels.get(found[1], found[0]), alias)
        return named.replace("$col", self.column)


def as_frames(series: Sequence[Mapping[str, Any]]) -> list[Frame]:
    """One frame a column, with the groups as labels."""
    return [
        Frame(
            measurement=one["name"],
            column=column,
            labels=one.get("tags", {}),
            values=[(row[0], row[index]) for row in one["values"] if row[index] is not None],
        )
        for one in series
        for index, column in enumerate(one["columns"])
        if index
    ]
