"""Final windows in the state store: their rows, their distributions, and which batches are in them.

Goes in: whole windows, each in one transaction. Comes out: the same, and which are final. It does not decide when a window is
final and does not add anything up.
"""

from __future__ import annotations

import functools
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

import attrs

from faultline.records.histogram import Histogram
from faultline.records.points import FieldValue, Point
from faultline.records.terms import Level, Stream, TenantId
from faultline.store.state import StateStore

RowKey = tuple[str, TenantId, str]
"""Measurement, tenant, tags as canonical JSON."""


def canonical(tags: Mapping[str, str]) -> str:
    """Tags as one text: the same tags give the same text."""
    return _tags_text(tuple(sorted(tags.items())))


@functools.lru_cache(maxsize=1 << 16)
def _tags_text(tags: tuple[tuple[str, str], ...]) -> str:
    """The same rows come again with every batch."""
    return json.dumps(dict(tags), ensure_ascii=False, separators=(",", ":"))


@attrs.frozen(slots=True, kw_only=True)
class RollupRow:
    """One row of a window."""

    measurement: str
    tenant: TenantId
    tags: Mapping[str, str]
    sums: Mapping[str, FieldValue]
    """What adds up to longer windows, quality's numerators included."""
    fields: Mapping[str, FieldValue]
    """The row as it goes to the metrics store: sums, ratios and percentiles. Absent is absent."""
    histograms: Mapping[str, Histogram] = attrs.field(factory=dict)
    """By metric, e.g. `rtt`; only those with samples."""

    @property
    def key(self) -> RowKey:
        """Identity within a window."""
        return (self.measurement, self.tenant, canonical(self.tags))

    def point(self, level: Level, start_ns: int) -> Point:
        """The row as a point."""
        return Point(
            measurement=self.measurement, level=level, tenant=self.tenant, tags=self.tags, time_ns=start_ns, fields=self.fields
        )


@attrs.frozen(slots=True, kw_only=True)
class FinalWindow:
    """A window that is final; a higher revision replaces a lower one whole."""

    level: Level
    start_ns: int
    revision: int
    final_ns: int
    """When this revision was made, by the collector's clock."""

    @property
    def end_ns(self) -> int:
        """End, not included."""
        return self.start_ns + self.level.length_ns


_WINDOW = "level, start_ns, revision, final_ns"


class WindowBook:
    """Over a state store."""

    def __init__(self, state: StateStore) -> None:
        self._state = state

    def window(self, level: Level, start_ns: int) -> FinalWindow | None:
        """The window when it is final, else None."""
        with self._state.reading() as db:
            row = db.execute(
                f"SELECT {_WINDOW} FROM windows WHERE level = ? AND start_ns = ?",  # noqa: S608 - a constant
                (level.value, start_ns),
            ).fetchone()
        return _window(row) if row else None

    def final(
        self, level: Level, *, start_ns: int | None = None, end_ns: int | None = None, newest: int | None = None
    ) -> list[FinalWindow]:
        """Final windows with start in [start_ns, end_ns), oldest first; with `newest`, only so many of the newest."""
        with self._state.reading() as db:
            rows = db.execute(
                f"SELECT {_WINDOW} FROM windows WHERE level = ? AND start_ns >= ? AND start_ns < ?"  # noqa: S608 - a constant
                " ORDER BY start_ns DESC LIMIT ?",
                (level.value, -(1 << 62) if start_ns is None else start_ns, 1 << 62 if end_ns is None else end_ns, newest or -1),
            ).fetchall()
        return [_window(row) for row in reversed(rows)]

    def rows(self, level: Level, start_ns: int) -> list[RollupRow]:
        """The rows of a final window; none when it has none or they were pruned."""
        with self._state.reading() as db:
            return _rows(db, level, start_ns)

    def seal(self, level: Level, start_ns: int, rows: Iterable[RollupRow], *, now_ns: int) -> FinalWindow:
        """Make a window final, or a new revision of it: every row given replaces the one of its key."""
        with self._state.transaction() as db:
            db.execute(
                "INSERT INTO windows (level, start_ns, revision, final_ns) VALUES (?, ?, 1, ?)"
                " ON CONFLICT (level, start_ns) DO UPDATE SET revision = revision + 1, final_ns = excluded.final_ns",
                (level.value, start_ns, now_ns),
            )
            for row in rows:
                self._put(db, level, start_ns, row)
            found = db.execute(
                f"SELECT {_WINDOW} FROM windows WHERE level = ? AND start_ns = ?",  # noqa: S608 - a constant
                (level.value, start_ns),
            ).fetchone()
            return _window(found)

    def _put(self, db: sqlite3.Connection, level: Level, start_ns: int, row: RollupRow) -> None:
        place = (level.value, start_ns, *row.key)
        db.execute("INSERT OR REPLACE INTO rollups VALUES (?, ?, ?, ?, ?, ?, ?)", (*place, _json(row.sums), _json(row.fields)))
        db.executemany(
            "INSERT OR REPLACE INTO histograms VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(*place, metric, histogram.encode()) for metric, histogram in row.histograms.items() if histogram],
        )

    def contribute(self, start_ns: int, batches: Iterable[int], *, now_ns: int) -> None:
        """Note which batches are in a 10 s window."""
        with self._state.transaction() as db:
            db.executemany(
                "INSERT OR IGNORE INTO contributions VALUES (?, ?, ?)", [(start_ns, batch, now_ns) for batch in batches]
            )

    def note_link_events(self, events: Iterable[tuple[int, str, str, str]]) -> None:
        """Keep (time, probe, interface, event); noting one again is harmless."""
        with self._state.transaction() as db:
            db.executemany("INSERT OR IGNORE INTO link_events (event_ns, probe, interface, event) VALUES (?, ?, ?, ?)", events)

    def windows_of(self, batch: int) -> set[int]:
        """Starts of the final 10 s windows a batch is in."""
        with self._state.reading() as db:
            return {int(row[0]) for row in db.execute("SELECT start_ns FROM contributions WHERE batch = ?", (batch,))}

    def beyond_memory(self, start_ns: int, *, probe: str, stream: Stream) -> bool:
        """Whether adding to this 10 s window would lose what it held.

        True when the same stream of the same probe is in it, or in a longer window around it, from before that window's rows
        were pruned: the rows it adds to are gone, and absolutes cannot be made without them.
        """
        with self._state.reading() as db:
            for level in Level:
                begin_ns = start_ns - start_ns % level.length_ns
                found = db.execute(
                    "SELECT 1 FROM windows w"
                    " JOIN contributions c ON c.start_ns >= ? AND c.start_ns < ? AND c.sealed_ns <= w.pruned_ns"
                    " JOIN batches b ON b.id = c.batch AND b.probe = ? AND b.stream = ?"
                    " WHERE w.level = ? AND w.start_ns = ? AND w.pruned_ns IS NOT NULL LIMIT 1",
                    (begin_ns, begin_ns + level.length_ns, probe, stream.value, level.value, begin_ns),
                ).fetchone()
                if found:
                    return True
        return False

    def orphans(self, level: Level, parent: Level) -> list[int]:
        """Starts of `parent` windows that are not final though a window of `level` within them is."""
        with self._state.reading() as db:
            rows = db.execute(
                "SELECT DISTINCT w.start_ns - w.start_ns % ? AS begin_ns FROM windows w WHERE w.level = ? AND NOT EXISTS"
                " (SELECT 1 FROM windows p WHERE p.level = ? AND p.start_ns = w.start_ns - w.start_ns % ?) ORDER BY begin_ns",
                (parent.length_ns, level.value, parent.value, parent.length_ns),
            ).fetchall()
        return [int(row[0]) for row in rows]

    def prune(self, level: Level, parent: Level | None, *, final_before_ns: int, now_ns: int, limit: int = 64) -> int:
        """Drop the rows of windows final since before a moment, once the window around them is final too. Gives how many."""
        length_ns = parent.length_ns if parent else 1
        with self._state.transaction() as db:
            starts = db.execute(
                "SELECT w.start_ns FROM windows w WHERE w.level = ? AND w.final_ns < ?"
                " AND (w.pruned_ns IS NULL OR w.pruned_ns < w.final_ns) AND (? OR EXISTS"
                " (SELECT 1 FROM windows p WHERE p.level = ? AND p.start_ns = w.start_ns - w.start_ns % ?)) LIMIT ?",
                (level.value, final_before_ns, parent is None, parent.value if parent else "", length_ns, limit),
            ).fetchall()
            for (start_ns,) in starts:
                db.execute("DELETE FROM rollups WHERE level = ? AND start_ns = ?", (level.value, start_ns))
                db.execute("DELETE FROM histograms WHERE level = ? AND start_ns = ?", (level.value, start_ns))
                db.execute("UPDATE windows SET pruned_ns = ? WHERE level = ? AND start_ns = ?", (now_ns, level.value, start_ns))
        return len(starts)

    def histograms(
        self,
        measurement: str,
        metric: str,
        *,
        level: Level,
        start_ns: int,
        end_ns: int,
        tenant: TenantId | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> list[tuple[int, Mapping[str, str], Histogram]]:
        """(window start, tags, distribution) of windows with start in [start_ns, end_ns), rising; tags given must all match."""
        with self._state.reading() as db:
            found = db.execute(
                "SELECT start_ns, tags, octets FROM histograms WHERE level = ? AND start_ns >= ? AND start_ns < ?"
                " AND measurement = ? AND metric = ? AND (? IS NULL OR tenant = ?) ORDER BY start_ns, tenant, tags",
                (level.value, start_ns, end_ns, measurement, metric, tenant, tenant),
            ).fetchall()
        rows = [(int(start), dict(json.loads(text)), Histogram.decode(octets)) for start, text, octets in found]
        return [row for row in rows if not tags or tags.items() <= row[1].items()]

    def totals(
        self, measurement: str, field: str, *, level: Level, start_ns: int, end_ns: int
    ) -> list[tuple[TenantId, Mapping[str, str], int]]:
        """(tenant, tags, sum of a counter) over windows with start in [start_ns, end_ns); 0 where rows lack the field."""
        with self._state.reading() as db:
            found = db.execute(
                "SELECT tenant, tags, SUM(COALESCE(json_extract(fields, ?), 0)) FROM rollups WHERE level = ? AND start_ns >= ?"
                " AND start_ns < ? AND measurement = ? GROUP BY tenant, tags ORDER BY tenant, tags",
                (f"$.{field}", level.value, start_ns, end_ns, measurement),
            ).fetchall()
        return [(TenantId(tenant), dict(json.loads(tags)), int(total)) for tenant, tags, total in found]


def _rows(db: sqlite3.Connection, level: Level, start_ns: int) -> list[RollupRow]:
    place = (level.value, start_ns)
    histograms: dict[tuple[str, str, str], dict[str, Histogram]] = {}
    for measurement, tenant, tags, metric, octets in db.execute(
        "SELECT measurement, tenant, tags, metric, octets FROM histograms WHERE level = ? AND start_ns = ?", place
    ):
        histograms.setdefault((measurement, tenant, tags), {})[metric] = Histogram.decode(octets)
    return [
        RollupRow(
            measurement=measurement,
            tenant=TenantId(tenant),
            tags=json.loads(tags),
            sums=json.loads(sums),
            fields=json.loads(fields),
            histograms=histograms.get((measurement, tenant, tags), {}),
        )
        for measurement, tenant, tags, sums, fields in db.execute(
            "SELECT measurement, tenant, tags, sums, fields FROM rollups WHERE level = ? AND start_ns = ?"
            " ORDER BY measurement, tenant, tags",
            place,
        )
    ]


def _window(row: Sequence[str | int]) -> FinalWindow:
    return FinalWindow(level=Level(str(row[0])), start_ns=int(row[1]), revision=int(row[2]), final_ns=int(row[3]))


def _json(values: Mapping[str, FieldValue]) -> str:
    return json.dumps(dict(values), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
