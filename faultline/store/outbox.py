"""Points on their way to the metrics store: kept in the state store until the metrics store has them.

Whoever writes points, collector or analyzer, puts them here in the transaction that made them; the collector delivers.
An outage of the metrics store delays points and loses none.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from itertools import islice

import attrs

from faultline.records.points import Point
from faultline.records.terms import Level, TenantId
from faultline.runtime.counters import Counters
from faultline.runtime.log import logger
from faultline.store.metrics import MetricsStore, MetricsUnavailableError, Refused
from faultline.store.state import StateStore

POINTS_AN_ENTRY = 5000
_ENTRIES_A_FLUSH = 64


@attrs.frozen(slots=True, kw_only=True)
class Entry:
    """Points that are written together."""

    id: int
    points: tuple[Point, ...]


class Outbox:
    """Over a state store."""

    def __init__(self, state: StateStore) -> None:
        self._state = state

    def put(self, points: Sequence[Point]) -> None:
        """Take points, durably on return (or with the transaction around)."""
        rest = iter(points)
        with self._state.transaction() as db:
            while chunk := list(islice(rest, POINTS_AN_ENTRY)):
                db.execute("INSERT INTO outbox (points, document) VALUES (?, ?)", (len(chunk), _packed(chunk)))

    def next(self, *, limit: int = 8) -> list[Entry]:
        """The oldest entries."""
        with self._state.reading() as db:
            rows = db.execute("SELECT id, document FROM outbox ORDER BY id LIMIT ?", (limit,)).fetchall()
        return [Entry(id=row[0], points=_unpacked(row[1])) for row in rows]

    def done(self, entries: Sequence[Entry]) -> None:
        """They are in the metrics store."""
        with self._state.transaction() as db:
            db.executemany("DELETE FROM outbox WHERE id = ?", [(entry.id,) for entry in entries])

    def depth(self) -> int:
        """Points that wait."""
        with self._state.reading() as db:
            (points,) = db.execute("SELECT coalesce(sum(points), 0) FROM outbox").fetchone()
        return int(points)


class Delivery:
    """Carries points from the outbox to the metrics store. Counter stage `metrics`, in points.

    Args:
        on_refused: told of points the store will never take, before they leave the outbox.
    """

    def __init__(
        self, outbox: Outbox, metrics: MetricsStore, *, counters: Counters, on_refused: Callable[[Sequence[Refused]], None]
    ) -> None:
        self._outbox = outbox
        self._metrics = metrics
        self._counters = counters
        self._stage = counters.stage("metrics")
        self._on_refused = on_refused
        self._log = logger("metrics")
        self.problem: str | None = None
        """Why points wait; None while they do not."""

    def flush(self) -> bool:
        """Deliver what waits, oldest first, a bounded part of it. False when the store did not take it."""
        for _ in range(_ENTRIES_A_FLUSH):
            entries = self._outbox.next()
            if not entries:
                break
            points = [point for entry in entries for point in entry.points]
            try:
                refused = self._metrics.write(points)
            except MetricsUnavailableError as error:
                if self.problem is None:
                    self._log.warning("metrics store unavailable", error=str(error))
                self.problem = str(error)
                self._counters.count("metrics_write_failures")
                return False
            self._stage.take(len(points))
            self._settle(refused)
            self._stage.done(len(points) - len(refused))
            self._outbox.done(entries)
            if self.problem is not None:
                self._log.info("metrics store takes points again")
                self.problem = None
        return True

    def _settle(self, refused: Sequence[Refused]) -> None:
        if not refused:
            return
        expired = sum(1 for entry in refused if entry.expired)
        self._stage.drop("expired", expired)
        self._stage.drop("poison", len(refused) - expired)
        poison = [entry for entry in refused if not entry.expired]
        if poison:
            self._log.error("points refused", count=len(poison), reason=poison[0].reason)
            self._on_refused(poison)


def _packed(points: Sequence[Point]) -> bytes:
    rows = [[p.measurement, p.level.value, p.tenant, dict(p.tags), p.time_ns, dict(p.fields)] for p in points]
    return zlib.compress(json.dumps(rows, ensure_ascii=True, separators=(",", ":")).encode(), 1)


def _unpacked(document: bytes) -> tuple[Point, ...]:
    return tuple(
        Point(measurement=row[0], level=Level(row[1]), tenant=TenantId(row[2]), tags=row[3], time_ns=row[4], fields=row[5])
        for row in json.loads(zlib.decompress(document))
    )
