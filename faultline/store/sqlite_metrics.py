"""The embedded metrics store: one SQLite file, one table a measurement, typed by the schema."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from faultline.records.points import FieldValue, Point
from faultline.records.terms import SECOND_NS, Level, TenantId
from faultline.runtime.console import CommandError
from faultline.store.config import RetentionConfig
from faultline.store.metrics import MetricsUnavailableError, Refused
from faultline.store.schema import MEASUREMENTS, FieldKind, Measurement, SchemaError, checked
from faultline.store.sqlite import open_shared

_TYPES = {FieldKind.INTEGER: "INTEGER", FieldKind.FLOAT: "REAL", FieldKind.STRING: "TEXT"}
_ABSENT = ""
"""An absent tag: SQLite's primary keys treat every NULL as different."""


class SqliteMetrics:
    """The file, opened. Safe from several threads and processes.

    Raises:
        CommandError: it cannot be opened.
    """

    def __init__(self, path: Path, *, retention: RetentionConfig, durable: bool = True) -> None:
        self._lock = threading.Lock()
        self._retention = retention
        try:
            self._connection = open_shared(path, durable=durable)
            self._make_tables()
            path.chmod(0o600)
        except (OSError, sqlite3.Error) as error:
            raise CommandError(
                f"{path}: {getattr(error, 'strerror', None) or error}",
                hint="store.data must be a folder this user can write to, on a disk with room; was the file damaged?",
            ) from None

    def _make_tables(self) -> None:
        """Tables and columns the schema has and the file has not."""
        self._connection.execute("BEGIN IMMEDIATE")
        for spec in MEASUREMENTS.values():
            tags = "".join(f'"tag_{tag}" TEXT NOT NULL, ' for tag in spec.tags)
            fields = "".join(f'"{name}" {_TYPES[field.kind]}, ' for name, field in spec.fields.items())
            self._connection.execute(
                f'CREATE TABLE IF NOT EXISTS "{spec.name}" (level TEXT NOT NULL, time_ns INTEGER NOT NULL, tenant TEXT NOT NULL, '
                f"{tags}{fields}PRIMARY KEY (level, time_ns, tenant{_tag_columns(spec)})) WITHOUT ROWID"
            )
            there = {row[1] for row in self._connection.execute(f'PRAGMA table_info("{spec.name}")')}
            for name, field in spec.fields.items():
                if name not in there:
                    self._connection.execute(f'ALTER TABLE "{spec.name}" ADD COLUMN "{name}" {_TYPES[field.kind]}')
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    def write(self, points: Sequence[Point]) -> Sequence[Refused]:
        """All in one transaction."""
        refused: list[Refused] = []
        rows: dict[str, list[tuple[object, ...]]] = {}
        for point in points:
            try:
                spec = checked(point)
            except SchemaError as error:
                refused.append(Refused(point=point, reason=str(error)))
                continue
            rows.setdefault(spec.name, []).append(_row(spec, point))
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                for name, values in rows.items():
                    marks = ", ".join("?" * len(values[0]))
                    self._connection.executemany(_insert(MEASUREMENTS[name], marks), values)
                self._connection.execute("COMMIT")
            except sqlite3.OperationalError as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise MetricsUnavailableError(f"metrics.db: {error}") from None
        return refused

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
        """One scan of a range of the primary key."""
        spec = MEASUREMENTS.get(measurement)
        if spec is None or not set(tags or ()) <= set(spec.tags):
            raise SchemaError(f"no measurement {measurement!r} with the tags {sorted(tags or ())}")
        if spec.private and tenant is None:
            return []
        asked: list[tuple[str, str]] = [("tenant", tenant)] if tenant is not None else []
        asked += [(f"tag_{name}", text) for name, text in (tags or {}).items()]
        where = "".join(f' AND "{column}" = ?' for column, _ in asked)
        columns = ", ".join(f'"{name}"' for name in ("time_ns", "tenant", *(f"tag_{tag}" for tag in spec.tags), *spec.fields))
        with self._lock:
            try:
                rows = self._connection.execute(
                    f'SELECT {columns} FROM "{spec.name}" WHERE level = ? AND time_ns >= ? AND time_ns < ?{where}'  # noqa: S608
                    f" ORDER BY time_ns, tenant{_tag_columns(spec)}",
                    (level.value, start_ns, end_ns, *(text for _, text in asked)),
                ).fetchall()
            except sqlite3.OperationalError as error:
                raise MetricsUnavailableError(f"metrics.db: {error}") from None
        return [_point(spec, level, row) for row in rows]

    def expire(self, now_ns: int) -> None:
        """Delete rows beyond retention."""
        kept = {
            Level.TEN_SECONDS: self._retention.ten_seconds_s,
            Level.MINUTE: self._retention.minute_s,
            Level.HOUR: self._retention.hour_s,
        }
        with self._lock:
            for name in MEASUREMENTS:
                for level, seconds in kept.items():
                    if seconds:
                        self._connection.execute(
                            f'DELETE FROM "{name}" WHERE level = ? AND time_ns < ?',  # noqa: S608 - names of the schema
                            (level.value, now_ns - seconds * SECOND_NS),
                        )


def _tag_columns(spec: Measurement) -> str:
    return "".join(f', "tag_{tag}"' for tag in spec.tags)


def _insert(spec: Measurement, marks: str) -> str:
    """Replaces the whole row: a field that is absent now is absent afterwards."""
    columns = ", ".join(
        f'"{name}"' for name in ("level", "time_ns", "tenant", *(f"tag_{tag}" for tag in spec.tags), *spec.fields)
    )
    return f'INSERT OR REPLACE INTO "{spec.name}" ({columns}) VALUES ({marks})'  # noqa: S608 - names of the schema


def _row(spec: Measurement, point: Point) -> tuple[object, ...]:
    tags = (point.tags.get(tag, _ABSENT) for tag in spec.tags)
    fields = (point.fields.get(name) for name in spec.fields)
    return (point.level.value, point.time_ns, point.tenant, *tags, *fields)


def _point(spec: Measurement, level: Level, row: Sequence[FieldValue | None]) -> Point:
    time_ns, tenant = row[0], row[1]
    texts = row[2 : 2 + len(spec.tags)]
    values = row[2 + len(spec.tags) :]
    return Point(
        measurement=spec.name,
        level=level,
        tenant=TenantId(str(tenant)),
        tags={tag: str(text) for tag, text in zip(spec.tags, texts, strict=True) if text != _ABSENT},
        time_ns=int(time_ns or 0),
        fields={name: value for name, value in zip(spec.fields, values, strict=True) if value is not None},
    )
