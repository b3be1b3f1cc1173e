"""The analyzer's data over real stores: windows with their distributions, revisions, and documents that survive."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest

from analyzer.baselines import Baselines, View, slot_of
from analyzer.history import Window
from analyzer.reading import StoredData
from faultline.records.histogram import Histogram
from faultline.records.incident import Incident, IncidentId, IncidentState
from faultline.records.points import Point
from faultline.records.terms import CARRIER, SECOND_NS, Level, LineCode, TenantId
from faultline.store import StoreConfig, open_reader
from faultline.store.outbox import Outbox
from faultline.store.reader import StoreReader
from faultline.store.windows import RollupRow, WindowBook

BEGIN_NS = 1_767_225_600 * SECOND_NS
TEN_S = 10 * SECOND_NS
BANK = TenantId("bank")


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[StoreReader]:
    """Empty stores."""
    with open_reader(StoreConfig(data=tmp_path, durable=False)) as found:
        yield found


def make_row(*, lost: int = 0) -> RollupRow:
    """A session's window."""
    sums = {"sent": 1000, "lost_forward": lost}
    return RollupRow(
        measurement="session",
        tenant=BANK,
        tags={"line": "L1", "session": "s1"},
        sums=sums,
        fields={**sums, "rtt_p50": 5_000_000},
        histograms={"rtt": Histogram([5_000_000] * 10)},
    )


def seal(reader: StoreReader, number: int, *, lost: int = 0) -> None:
    """Make a window final as the collector does."""
    start_ns = BEGIN_NS + number * TEN_S
    WindowBook(reader.state).seal(Level.TEN_SECONDS, start_ns, [make_row(lost=lost)], now_ns=start_ns + 2 * TEN_S)


def make_incident(number: int = 1, *, state: IncidentState = IncidentState.OPEN, confidence: float = 0.9) -> Incident:
    """An incident raised at the given second."""
    return Incident(
        id=IncidentId(f"F{number}"),
        tenants=(BANK,),
        lines=(LineCode("L1"),),
        state=state,
        planned=False,
        notified=True,
        onset_ns=BEGIN_NS,
        raised_ns=BEGIN_NS + number * SECOND_NS,
        updated_ns=BEGIN_NS + number * SECOND_NS,
        verdict={"components": ["loop>"], "mode": "loss", "owner": "access", "confidence": confidence, "text": "丢包"},
    )


def test_a_window_comes_with_its_distributions(reader: StoreReader) -> None:
    """Counts, percentiles as they were stored, and the histogram itself."""
    seal(reader, 0, lost=3)
    (note,) = StoredData(reader).final_after(None)
    window = StoredData(reader).window(note)
    assert isinstance(window, Window)
    (row,) = window.rows
    assert (window.start_ns, window.end_ns, window.revision) == (BEGIN_NS, BEGIN_NS + TEN_S, 1)
    assert (row.measurement, row.tags) == ("session", {"line": "L1", "session": "s1"})
    assert (row.count("sent"), row.count("lost_forward"), row.count("lost_reverse")) == (1000, 3, None)
    assert row.histograms["rtt"].n == 10


def test_windows_are_told_in_the_order_asked_for(reader: StoreReader) -> None:
    """The step takes those after a moment, oldest first; the page the newest few, newest first."""
    for number in (2, 0, 1):
        seal(reader, number)
    data = StoredData(reader)
    assert [note.start_ns for note in data.final_after(BEGIN_NS + TEN_S)] == [BEGIN_NS + TEN_S, BEGIN_NS + 2 * TEN_S]
    assert [note.start_ns for note in data.final_windows(limit=2)] == [BEGIN_NS + 2 * TEN_S, BEGIN_NS + TEN_S]


def test_a_revision_made_since_the_note_is_read_and_said(reader: StoreReader) -> None:
    """Rows and revision are of one moment, so the next look does not read the window again for nothing."""
    seal(reader, 0)
    data = StoredData(reader)
    (note,) = data.final_after(None)
    seal(reader, 0, lost=7)
    window = data.window(note)
    assert window.revision == 2
    assert window.rows[0].count("lost_forward") == 7


def test_an_incident_comes_back_as_it_was_with_its_evidence(reader: StoreReader) -> None:
    """The newest state of each, the newest raise first; evidence only where some was kept."""
    data = StoredData(reader)
    evidence = {"format": "faultline-evidence/1", "observations": [{"kind": "loss", "sent": 10, "lost": 1}]}
    data.put_incident(make_incident(1), evidence)
    data.put_incident(make_incident(2), None)
    cleared = make_incident(1, state=IncidentState.CLEARED, confidence=0.95)
    data.put_incident(cleared, None)
    assert data.incidents() == [make_incident(2), cleared]
    assert data.incident("F1") == cleared
    assert data.evidence("F1") == evidence
    assert (data.incident("F3"), data.evidence("F2")) == (None, None)


def test_baselines_come_back_and_go_on_learning(reader: StoreReader) -> None:
    """What was usual before a restart is usual after it."""
    view = View(line="L1", name="s1", direction="", metric="rtt")
    learned, data = Baselines(), StoredData(reader)
    slot = slot_of(BEGIN_NS, UTC)
    for _ in range(3):
        learned.train(view, Histogram([5_000_000] * 10), slot)
    data.put_baselines(learned.take_changed())
    again = Baselines()
    for document in data.baselines():
        again.restore(document)
    assert again.usual(view, slot) == learned.usual(view, slot)
    again.train(view, Histogram([5_000_000] * 10), slot)
    ((_, document),) = again.take_changed()
    assert document["version"] == 4


def test_the_newest_answered_window_is_remembered(reader: StoreReader) -> None:
    """None in a new store, the end afterwards."""
    data = StoredData(reader)
    assert data.answered_until_ns() is None
    assert data.book_memory() is None
    data.put_answered(BEGIN_NS, {"rumours": [1]})
    data.put_answered(BEGIN_NS + TEN_S, {"rumours": []})
    assert data.answered_until_ns() == BEGIN_NS + TEN_S
    assert data.book_memory() == {"rumours": []}


def test_points_are_asked_by_line_and_written_by_way_of_the_collector(reader: StoreReader) -> None:
    """A written point waits until it was carried to the metrics store; then the line's rows are found."""
    data = StoredData(reader)

    def make_point(line: str) -> Point:
        return Point(
            measurement="segment_health",
            level=Level.TEN_SECONDS,
            tenant=CARRIER,
            tags={"line": line, "component": "loop"},
            time_ns=BEGIN_NS,
            fields={"state": 0},
        )

    data.write([make_point("L1"), make_point("L2")])
    data.write([])
    waiting = Outbox(reader.state).next()
    assert [len(entry.points) for entry in waiting] == [2]
    reader.metrics.write(waiting[0].points)
    found = data.points("segment_health", start_ns=BEGIN_NS, end_ns=BEGIN_NS + 1, line=LineCode("L1"))
    assert [point.tags["line"] for point in found] == ["L1"]
    assert len(data.points("segment_health", start_ns=BEGIN_NS, end_ns=BEGIN_NS + 1)) == 2
