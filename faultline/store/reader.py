"""What the analyzer reads and writes: `open_reader(config)` over all stores of an installation.

    with open_reader(config) as stores:
        for window in stores.final_windows(after_end_ns=answered_ns):
            for row in stores.rows(window):
                row.measurement, row.tenant, row.tags, row.fields, row.histograms["rtt"]
        stores.points("line_quality", start_ns=..., end_ns=..., tags={"line": "L1"})
        stores.write(points)                                    # taken at once, delivered by the collector
        stores.state.put_document("incident", id, revision, text)

Rows of recent windows (10 s: two hours, minutes: two days, hours: all) come from the state store, in one consistent read, with
their distributions, and do not need the metrics store; `points` of any age come from the metrics store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from faultline.records.histogram import Histogram
from faultline.records.points import Point
from faultline.records.terms import Level, TenantId
from faultline.store.config import MetricsKind, StoreConfig
from faultline.store.ledger import Ledger, ToldGap
from faultline.store.metrics import MetricsStore
from faultline.store.outbox import Outbox
from faultline.store.schema import checked
from faultline.store.state import StateStore
from faultline.store.traces import RouteChange, TraceBook, TracedRoute
from faultline.store.windows import FinalWindow, RollupRow, WindowBook


class StoreReader:
    """All stores, opened beside a running collector. Safe from several threads."""

    def __init__(self, *, state: StateStore, metrics: MetricsStore) -> None:
        self.state = state
        """Documents (`put_document`, `documents`) and facts (`put_fact`, `fact`) of the analyzer."""
        self.metrics = metrics
        self._windows = WindowBook(state)
        self._ledger = Ledger(state)
        self._traces = TraceBook(state)
        self._outbox = Outbox(state)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of files and connections."""
        self.metrics.close()
        self.state.close()

    def final_windows(
        self, level: Level = Level.TEN_SECONDS, *, after_end_ns: int | None = None, newest: int | None = None
    ) -> list[FinalWindow]:
        """Final windows that end after a moment, oldest first.

        Args:
            level: length of the windows.
            after_end_ns: only those with `end_ns` greater than this; None: all.
            newest: at most so many, the newest ones.
        """
        start_ns = None if after_end_ns is None else after_end_ns - level.length_ns + 1
        return self._windows.final(level, start_ns=start_ns, newest=newest)

    def rows(self, window: FinalWindow) -> list[RollupRow]:
        """The rows of a final window with their distributions, of its newest revision; none once they were pruned."""
        return self._windows.rows(window.level, window.start_ns)

    def points(
        self,
        measurement: str,
        *,
        start_ns: int,
        end_ns: int,
        level: Level = Level.TEN_SECONDS,
        tenant: TenantId | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> list[Point]:
        """Rows of the metrics store with window start in [start_ns, end_ns), rising; tags given must all match.

        Raises:
            SchemaError: there is no such measurement or tag.
            MetricsUnavailableError: the store does not answer.
        """
        return self.metrics.read(measurement, level, start_ns, end_ns, tenant=tenant, tags=tags)

    def histograms(
        self,
        measurement: str,
        metric: str,
        *,
        start_ns: int,
        end_ns: int,
        level: Level = Level.TEN_SECONDS,
        tenant: TenantId | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> list[tuple[int, Mapping[str, str], Histogram]]:
        """(window start, tags, distribution) with window start in [start_ns, end_ns), rising; tags given must all match."""
        return self._windows.histograms(
            measurement, metric, level=level, start_ns=start_ns, end_ns=end_ns, tenant=tenant, tags=tags
        )

    def gaps(self, *, since_ns: int = 0) -> list[ToldGap]:
        """Batches that probes said will never come, told since a moment."""
        return self._ledger.gaps(since_ns=since_ns)

    def link_events(self, *, start_ns: int, end_ns: int) -> list[tuple[int, str, str, str]]:
        """(time, probe, interface, event) of links that went up or down, by time."""
        with self.state.reading() as db:
            return list(
                db.execute(
                    "SELECT event_ns, probe, interface, event FROM link_events WHERE event_ns >= ? AND event_ns < ?"
                    " ORDER BY event_ns, probe, interface",
                    (start_ns, end_ns),
                )
            )

    def traces(self, *, since_ns: int = 0) -> list[TracedRoute]:
        """What is known of every flow traced since a moment: its newest trace, its present route, and the one before."""
        return self._traces.routes(since_ns=since_ns)

    def route_changes(self, *, start_ns: int, end_ns: int) -> list[RouteChange]:
        """Flows that went another way, with the change in [start_ns, end_ns), by time."""
        return self._traces.changes(start_ns=start_ns, end_ns=end_ns)

    def write(self, points: Sequence[Point]) -> None:
        """Take points for the metrics store, durably on return; a running collector delivers them within a second.

        Raises:
            SchemaError: a point does not fit the schema; none was taken.
        """
        for point in points:
            checked(point)
        self._outbox.put(points)


def open_reader(config: StoreConfig) -> StoreReader:
    """Open all stores of an installation.

    Raises:
        CommandError: they cannot be opened; the message says which and what to do.
    """
    return StoreReader(state=StateStore(config.state_file, durable=config.durable), metrics=open_metrics(config))


def open_metrics(config: StoreConfig) -> MetricsStore:
    """The configured metrics store."""
    if config.metrics is MetricsKind.INFLUX:
        from faultline.store.influx_metrics import InfluxMetrics  # noqa: PLC0415 - half a second that SQLite does without

        return InfluxMetrics(config.influx, retention=config.retention)
    from faultline.store.sqlite_metrics import SqliteMetrics  # noqa: PLC0415 - as above

    return SqliteMetrics(config.metrics_file, retention=config.retention, durable=config.durable)
