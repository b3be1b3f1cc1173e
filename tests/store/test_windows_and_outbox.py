"""Final windows in the state store, and points on their way to the metrics store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs
import pytest

from faultline.records.histogram import Histogram
from faultline.records.points import Point
from faultline.records.terms import SECOND_NS, Level, Stream, TenantId
from faultline.runtime.counters import Counters
from faultline.store.config import StoreConfig
from faultline.store.ledger import Ledger
from faultline.store.metrics import MetricsUnavailableError, Refused
from faultline.store.outbox import Delivery, Outbox
from faultline.store.reader import StoreReader, open_reader
from faultline.store.schema import SchemaError
from faultline.store.state import StateStore
from faultline.store.windows import RollupRow, WindowBook
from tests.store.conftest import make_point
from tests.store.test_ledger import make_batch

TEN_S = 10 * SECOND_NS
TEN, MINUTE, HOUR = Level


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[StoreReader]:
    """All stores, empty, as the analyzer opens them."""
    with open_reader(StoreConfig(data=tmp_path, durable=False)) as made:
        yield made


@pytest.fixture
def book(reader: StoreReader) -> WindowBook:
    """The windows of the reader's state store."""
    return WindowBook(reader.state)


def make_row(sent: int = 5, session: str = "s1", rtt: Sequence[int] = (7, 8)) -> RollupRow:
    """A row of a test session."""
    return RollupRow(
        measurement="session",
        tenant=TenantId("bank"),
        tags={"session": session, "line": "L1"},
        sums={"sent": sent},
        fields={"sent": sent, "rtt_n": len(rtt)},
        histograms={"rtt": Histogram(rtt)},
    )


def test_a_final_window_is_read_back_whole(reader: StoreReader, book: WindowBook) -> None:
    """Rows, tags, fields and distributions, with a revision that rises when it is rewritten."""
    book.seal(TEN, 0, [make_row(), make_row(session="s2")], now_ns=11)
    (window,) = reader.final_windows()
    assert (window.revision, window.final_ns, window.end_ns) == (1, 11, TEN_S)
    assert reader.rows(window) == [make_row(), make_row(session="s2")]
    book.seal(TEN, 0, [make_row(sent=9, rtt=(7, 8, 9))], now_ns=12)
    (window,) = reader.final_windows()
    assert window.revision == 2
    assert reader.rows(window) == [make_row(sent=9, rtt=(7, 8, 9)), make_row(session="s2")]


def test_windows_are_asked_for_after_a_moment_or_as_the_newest(reader: StoreReader, book: WindowBook) -> None:
    """`after_end_ns` is the end of the last one answered: it does not come again."""
    for number in range(5):
        book.seal(TEN, number * TEN_S, [], now_ns=1)
    assert [w.start_ns // TEN_S for w in reader.final_windows(after_end_ns=2 * TEN_S)] == [2, 3, 4]
    assert [w.start_ns // TEN_S for w in reader.final_windows(after_end_ns=2 * TEN_S - 1)] == [1, 2, 3, 4]
    assert [w.start_ns // TEN_S for w in reader.final_windows(newest=2)] == [3, 4]
    assert reader.final_windows(MINUTE) == []


def test_distributions_are_found_by_metric_tags_and_time(reader: StoreReader, book: WindowBook) -> None:
    """What baselines are rebuilt from."""
    for number in range(3):
        book.seal(HOUR, number * HOUR.length_ns, [make_row(rtt=(number + 1,)), make_row(session="s2")], now_ns=1)
    found = reader.histograms("session", "rtt", level=HOUR, start_ns=HOUR.length_ns, end_ns=1 << 62, tags={"session": "s1"})
    assert found == [(n * HOUR.length_ns, {"line": "L1", "session": "s1"}, Histogram([n + 1])) for n in (1, 2)]
    assert reader.histograms("session", "rtt", level=HOUR, start_ns=0, end_ns=1 << 62, tenant=TenantId("other")) == []


def test_rows_are_pruned_only_when_the_window_around_them_is_final(book: WindowBook) -> None:
    """A minute is made of its 10 s windows: they wait for it however old they are."""
    book.seal(TEN, 0, [make_row()], now_ns=1)
    assert book.orphans(TEN, MINUTE) == [0]
    assert book.prune(TEN, MINUTE, final_before_ns=100, now_ns=100) == 0
    book.seal(MINUTE, 0, [make_row()], now_ns=2)
    assert book.orphans(TEN, MINUTE) == []
    assert book.prune(TEN, MINUTE, final_before_ns=100, now_ns=100) == 1
    assert book.prune(TEN, MINUTE, final_before_ns=100, now_ns=101) == 0
    assert book.rows(TEN, 0) == []
    assert book.window(TEN, 0) is not None
    assert book.rows(MINUTE, 0) == [make_row()]


def test_adding_to_pruned_rows_of_the_same_stream_is_refused(reader: StoreReader, book: WindowBook) -> None:
    """Absolutes cannot be made without what they add to; another probe's or stream's rows are others."""
    batch = Ledger(reader.state)
    batch.accept(make_batch(1))
    book.seal(TEN, 0, [make_row()], now_ns=1)
    book.contribute(0, [1], now_ns=1)
    book.seal(MINUTE, 0, [make_row()], now_ns=1)
    assert not book.beyond_memory(0, probe="branch", stream=Stream.FLOWS)
    book.prune(TEN, MINUTE, final_before_ns=100, now_ns=100)
    assert book.beyond_memory(0, probe="branch", stream=Stream.FLOWS)
    assert not book.beyond_memory(0, probe="branch", stream=Stream.MEASUREMENTS)
    assert not book.beyond_memory(0, probe="centre", stream=Stream.FLOWS)
    assert not book.beyond_memory(TEN_S, probe="branch", stream=Stream.FLOWS)


@attrs.define
class MoodyMetrics:
    """A metrics store in memory that can be away, and refuses what it is told to."""

    rows: dict[object, Point] = attrs.field(factory=dict)
    away: bool = False
    poison: set[str] = attrs.field(factory=set)
    writes: int = 0

    def write(self, points: Sequence[Point]) -> Sequence[Refused]:
        self.writes += 1
        if self.away:
            raise MetricsUnavailableError("away")
        refused = [Refused(point=p, reason="poison") for p in points if p.tags.get("session") in self.poison]
        self.rows |= {p.identity: p for p in points if p.tags.get("session") not in self.poison}
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
        del measurement, level, start_ns, end_ns, tenant, tags
        return list(self.rows.values())

    def expire(self, now_ns: int) -> None:
        del now_ns

    def close(self) -> None:
        return


def test_points_survive_an_outage_and_a_restart(tmp_path: Path) -> None:
    """They wait in the state store, in order, until the metrics store has them."""
    state, metrics, counters = StateStore(tmp_path / "s.db", durable=False), MoodyMetrics(away=True), Counters()
    points = [make_point(tags={"session": f"s{number}"}) for number in range(7000)]
    Outbox(state).put(points)
    delivery = Delivery(Outbox(state), metrics, counters=counters, on_refused=lambda _: None)
    assert not delivery.flush()
    assert delivery.problem == "away"
    state.close()
    state, metrics.away = StateStore(tmp_path / "s.db", durable=False), False
    outbox = Outbox(state)
    assert outbox.depth() == 7000
    delivery = Delivery(outbox, metrics, counters=counters, on_refused=lambda _: None)
    assert delivery.flush()
    assert delivery.problem is None
    assert list(metrics.rows.values()) == points
    assert outbox.depth() == 0
    assert counters.stage("metrics").snapshot().out == 7000
    state.close()


def test_poison_goes_to_quarantine_and_blocks_nothing(tmp_path: Path) -> None:
    """One bad point is told and counted; what is behind it is written."""
    state, metrics, counters, told = (
        StateStore(tmp_path / "s.db", durable=False),
        MoodyMetrics(poison={"bad"}),
        Counters(),
        list[Refused](),
    )
    outbox = Outbox(state)
    outbox.put([make_point(tags={"session": name}) for name in ("a", "bad", "b")])
    outbox.put([make_point(tags={"session": "c"})])
    assert Delivery(outbox, metrics, counters=counters, on_refused=told.extend).flush()
    assert [refused.point.tags["session"] for refused in told] == ["bad"]
    assert len(metrics.rows) == 3
    shot = counters.stage("metrics").snapshot()
    assert (shot.taken_in, shot.out, dict(shot.dropped), shot.held) == (4, 3, {"poison": 1}, 0)
    state.close()


def test_the_analyzer_writes_points_through_the_same_door(reader: StoreReader) -> None:
    """Taken at once, delivered by the collector; a point that fits no schema is the analyzer's own mistake."""
    with pytest.raises(SchemaError):
        reader.write([make_point(), make_point(fields={"nonsense": 1})])
    health = make_point(
        measurement="segment_health", tags={"line": "L1", "component": "loop"}, fields={"state": 3, "owner": "access"}
    )
    reader.write([health])
    assert Delivery(Outbox(reader.state), reader.metrics, counters=Counters(), on_refused=lambda _: None).flush()
    assert reader.points("segment_health", start_ns=0, end_ns=1 << 62, tags={"component": "loop"}) == [health]
