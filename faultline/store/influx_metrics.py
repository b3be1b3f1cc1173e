"""Metrics in InfluxDB 1.8, 2 or 3 through the dialects all of them serve: line protocol to /api/v2/write, InfluxQL from /query.

A database a tenant and one for the carrier, a retention policy a level. InfluxDB merges fields and deletes nothing: a field
that a rewrite leaves out keeps its old value there, which the collector avoids by writing every field of a window each time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import attrs
import httpx
import urllib3
from influxdb_client import InfluxDBClient, WriteApi
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException

from faultline.records.points import FieldValue, Point
from faultline.records.terms import CARRIER, Level, TenantId
from faultline.runtime.config import ConfigError
from faultline.store import lines
from faultline.store.config import InfluxConfig, RetentionConfig
from faultline.store.metrics import MetricsUnavailableError, Refused
from faultline.store.schema import MEASUREMENTS, FieldKind, Measurement, SchemaError, checked

LINES_A_REQUEST = 5000
_DROPPED = re.compile(r"points beyond retention policy dropped=(\d+)")
_SHORTEST_POLICY_S = 3600
"""InfluxDB refuses less."""
_ORG = "-"
"""InfluxDB 1.8 ignores the organisation, the client insists on one."""


@attrs.frozen(slots=True)
class _Line:
    octets: bytes
    point: Point


class InfluxMetrics:
    """A client. Connects at the first call.

    Raises:
        ConfigError: the password cannot be read.
    """

    def __init__(self, config: InfluxConfig, *, retention: RetentionConfig) -> None:
        self._config = config
        self._durations = {
            Level.TEN_SECONDS: retention.ten_seconds_s,
            Level.MINUTE: retention.minute_s,
            Level.HOUR: retention.hour_s,
        }
        password = _password(config)
        token = f"{config.username}:{password}" if config.username else None
        timeout_ms = int(config.timeout_s * 1000)
        self._client = InfluxDBClient(url=config.url, token=token, org=_ORG, enable_gzip=True, timeout=timeout_ms)
        self._writer: WriteApi = self._client.write_api(write_options=SYNCHRONOUS)
        auth = (config.username, password) if config.username else None
        self._http = httpx.Client(base_url=config.url, auth=auth, timeout=config.timeout_s)
        self._made: set[str] = set()

    def close(self) -> None:
        """Close connections."""
        self._writer.close()
        self._client.close()
        self._http.close()

    def expire(self, now_ns: int) -> None:
        """InfluxDB's retention policies do it."""

    def write(self, points: Sequence[Point]) -> Sequence[Refused]:
        """At most 5,000 lines a request; a request that is refused is halved until the bad lines stand alone."""
        refused: list[Refused] = []
        targets: dict[tuple[str, Level], list[_Line]] = {}
        for point in points:
            try:
                spec = checked(point)
            except SchemaError as error:
                refused.append(Refused(point=point, reason=str(error)))
                continue
            written = _Line(lines.line(spec, point), point)
            for name in lines.databases(self._config.database_prefix, spec, point.tenant):
                targets.setdefault((name, point.level), []).append(written)
        for (name, level), written_lines in targets.items():
            self._make(name)
            for chunk in _batched(written_lines, LINES_A_REQUEST):
                refused += self._send(name, level, chunk)
        return _once(refused)

    def _send(self, name: str, level: Level, chunk: Sequence[_Line]) -> list[Refused]:
        reason = self._post(name, level, chunk)
        if reason is None:
            return []
        dropped = _DROPPED.search(reason)
        if dropped and int(dropped[1]) == len(chunk):
            return [Refused(point=line.point, reason=reason, expired=True) for line in chunk]
        if len(chunk) == 1:
            return [Refused(point=chunk[0].point, reason=reason)]
        half = len(chunk) // 2
        return self._send(name, level, chunk[:half]) + self._send(name, level, chunk[half:])

    def _post(self, name: str, level: Level, chunk: Sequence[_Line]) -> str | None:
        """None when all were taken, else why not all were."""
        octets = b"\n".join(line.octets for line in chunk)
        try:
            self._writer.write(bucket=f"{name}/{lines.POLICIES[level]}", org=_ORG, record=octets, write_precision="ns")
        except ApiException as error:
            if error.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}:
                return _message(error)
            self._made.clear()  # databases may have been dropped: the next write makes them again
            raise MetricsUnavailableError(f"influxdb: {error.status} {_message(error)}") from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise MetricsUnavailableError(f"influxdb: {type(error).__name__}: {error}") from None
        return None

    def _make(self, name: str) -> None:
        """Database and retention policies, once a life; an existing policy gets the configured duration."""
        if name in self._made or not self._config.create:
            return
        database = lines.identifier(name)
        self._ask(f"CREATE DATABASE {database}", method="POST")
        for level, policy in lines.POLICIES.items():
            seconds = self._durations[level]
            duration = f"{max(_SHORTEST_POLICY_S, seconds)}s" if seconds else "INF"
            told = f"RETENTION POLICY {lines.identifier(policy)} ON {database} DURATION {duration} REPLICATION 1"
            answer = self._ask(f"CREATE {told}", method="POST", tolerate="already exists")
            if "error" in answer:
                self._ask(f"ALTER {told}", method="POST")
        self._made.add(name)

    def read(
        self,
        measurement: str,
        level: Level,
        start_ns: int,
        end_ns: int,
        *,
        tenant: TenantId | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> list[Point]:
        """One InfluxQL query, against the tenant's database, or the carrier's when every tenant's rows are asked for."""
        spec = MEASUREMENTS.get(measurement)
        if spec is None or not set(tags or ()) <= set(spec.tags):
            raise SchemaError(f"no measurement {measurement!r} with the tags {sorted(tags or ())}")
        name = lines.database(self._config.database_prefix, CARRIER if tenant is None or spec.shared else tenant)
        source = ".".join(map(lines.identifier, (name, lines.POLICIES[level], spec.name)))
        fields = ", ".join(f"{lines.identifier(field)}::field" for field in spec.fields)
        wanted = {**({lines.TENANT_TAG: tenant} if tenant is not None else {}), **(tags or {})}
        where = [f"time >= {start_ns}", f"time < {end_ns}"]
        where += [f"{lines.identifier(tag)}::tag = {lines.literal(lines.stored_tag(text))}" for tag, text in wanted.items()]
        query = f"SELECT {fields} FROM {source} WHERE {' AND '.join(where)} GROUP BY *"  # noqa: S608 - quoted by `lines`
        answer = self._ask(query, tolerate="not found")
        points = [point for series in answer.get("series", ()) for point in _points(spec, level, series)]
        return sorted(points, key=lambda p: (p.time_ns, p.tenant, [p.tags.get(tag, "") for tag in spec.tags]))

    def _ask(self, query: str, *, method: str = "GET", tolerate: str | None = None) -> dict[str, Any]:
        """The one result of one statement; an error whose text holds `tolerate` is given back as it is."""
        try:
            response = self._http.request(method, "/query", params={"q": query, "epoch": "ns"})
            document = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise MetricsUnavailableError(f"influxdb: {type(error).__name__}: {error}") from None
        result: dict[str, Any] = (document.get("results") or [document])[0]
        error_text = result.get("error")
        if error_text is not None and (tolerate is None or tolerate not in str(error_text)):
            raise MetricsUnavailableError(f"influxdb: {response.status_code} {error_text}")
        return result


def _password(config: InfluxConfig) -> str:
    if config.password_file is None:
        return ""
    try:
        return config.password_file.read_text(encoding="utf-8").split("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "is not text"
        raise ConfigError(
            [f"{config.password_file}: {why}"], where="store.influx.password_file", hint="put the password on its first line"
        ) from None


def _message(error: ApiException) -> str:
    return str(error.message or error.body or error.reason or "no reason given")[:300]


def _batched(written: Sequence[_Line], size: int) -> Iterator[Sequence[_Line]]:
    for start in range(0, len(written), size):
        yield written[start : start + size]


def _once(refused: Sequence[Refused]) -> list[Refused]:
    """A point that two databases refuse is refused once."""
    found: dict[Any, Refused] = {}
    for entry in refused:
        found.setdefault(entry.point.identity, entry)
    return list(found.values())


def _points(spec: Measurement, level: Level, series: Mapping[str, Any]) -> Iterator[Point]:
    told = {tag: lines.read_tag(text) for tag, text in series.get("tags", {}).items() if text}
    tenant = TenantId(told.pop(lines.TENANT_TAG, CARRIER))
    names = series["columns"][1:]
    for time_ns, *values in series["values"]:
        yield Point(
            measurement=spec.name,
            level=level,
            tenant=tenant,
            tags=told,
            time_ns=time_ns,
            fields={name: _value(spec, name, value) for name, value in zip(names, values, strict=True) if value is not None},
        )


def _value(spec: Measurement, name: str, value: FieldValue) -> FieldValue:
    """JSON writes 1.0 as 1: the schema knows better."""
    return float(value) if spec.fields[name].kind is FieldKind.FLOAT else value
