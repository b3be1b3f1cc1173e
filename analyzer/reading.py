"""The real stores behind `analyzer.runner.Stores` and `analyzer.views.Stored`.

Goes in: windows and points that the collector stored, and documents this page wrote itself. Comes out: the analyzer's records.
Incidents, the evidence of their verdicts and baselines are documents of the state store; health, events and the worst lines are
points. It decides nothing: what a row or a document means is known elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from analyzer.baselines import View, document_id
from analyzer.history import Row, Window
from analyzer.web.models import WindowNote
from faultline.records.device_event import DeviceEvent
from faultline.records.incident import Incident, incident_document, incident_from_document
from faultline.records.line_result import LineResult
from faultline.records.points import Point
from faultline.records.terms import Level, LineCode
from faultline.store.control import ControlBook
from faultline.store.device_events import DeviceEventBook
from faultline.store.ledger import ToldGap
from faultline.store.line_results import LineResultBook
from faultline.store.reader import StoreReader
from faultline.store.traces import TracedRoute
from faultline.store.windows import FinalWindow, RollupRow, WindowBook

INCIDENT, EVIDENCE, BASELINE, BOOK, CREDENCE = "incident", "evidence", "baseline", "incident_book", "credence"
"""Kinds of documents."""
ONLY = "analyzer"
"""Id of a document of which there is one."""
ANSWERED = "analyzer.answered_until_ns"
LEVEL = Level.TEN_SECONDS
NEVER_NS = (1 << 63) - 1
MOST_EVENTS = 2000
"""Of a storm of alarms."""


class StoredData:
    """Everything the analyzer reads and writes, over one reader. Safe from several threads."""

    def __init__(self, reader: StoreReader) -> None:
        self._reader = reader
        self._state = reader.state
        self._windows = WindowBook(reader.state)
        self._told = DeviceEventBook(reader.state)
        self._results = LineResultBook(reader.state)

    @property
    def control(self) -> ControlBook:
        """What probes are asked to do."""
        return ControlBook(self._state)

    # ---- windows and points
    def final_after(self, end_ns: int | None) -> Sequence[WindowNote]:
        """Final windows that end after a moment, oldest first; all that are kept when None."""
        return [_note(window) for window in self._reader.final_windows(LEVEL, after_end_ns=end_ns)]

    def final_windows(self, *, limit: int) -> Sequence[WindowNote]:
        """Newest first."""
        return [_note(window) for window in reversed(self._reader.final_windows(LEVEL, newest=limit))]

    def window(self, note: WindowNote) -> Window:
        """The rows of a final window, and the revision they are of: it may be newer than the note's."""
        with self._state.reading():
            found = self._windows.window(LEVEL, note.start_ns)
            rows = self._windows.rows(LEVEL, note.start_ns)
        return Window(
            start_ns=note.start_ns,
            end_ns=note.end_ns,
            revision=found.revision if found else note.revision,
            rows=tuple(map(_row, rows)),
        )

    def points(self, measurement: str, *, start_ns: int, end_ns: int, line: LineCode | None = None) -> Sequence[Point]:
        """10 s rows with start in [start_ns, end_ns), rising."""
        tags = {"line": line} if line is not None else None
        return self._reader.points(measurement, start_ns=start_ns, end_ns=end_ns, level=LEVEL, tags=tags)

    def traces(self, *, since_ns: int) -> Sequence[TracedRoute]:
        """What is known of every flow traced since a moment."""
        return self._reader.traces(since_ns=since_ns)

    def gaps(self, *, since_ns: int) -> Sequence[ToldGap]:
        """Batches that probes said will never come, told since a moment."""
        return self._reader.gaps(since_ns=since_ns)

    def write(self, points: Sequence[Point]) -> None:
        """Keep points; the collector carries them to the metrics store."""
        if points:
            self._reader.write(points)

    # ---- what devices and people tell
    def told(self, *, since_ns: int) -> Sequence[DeviceEvent]:
        """Events since a moment, the newest of a storm, and what was raised before it and still stands."""
        with self._state.reading():
            standing = [state for state in self._told.states(raised=True, placed=True) if state.since_ns < since_ns]
            lately = self._told.between(since_ns, NEVER_NS, placed=True, newest=MOST_EVENTS)
        return [*(attrs.evolve(s.event, told_ns=s.since_ns, received_ns=s.since_ns) for s in standing), *lately]

    def told_between(self, start_ns: int, end_ns: int) -> Sequence[DeviceEvent]:
        """Events of a span of time, the newest of a storm."""
        return self._told.between(start_ns, end_ns, placed=True, newest=MOST_EVENTS)

    def results(self, line: LineCode) -> Sequence[LineResult]:
        """What other instruments measured of a line, newest first."""
        return self._results.of_line(line)

    def credence(self) -> Mapping[str, Any] | None:
        """How far those who tell are to be believed, as it was learned."""
        kept = self._state.document(CREDENCE, ONLY)
        return dict(json.loads(kept.text)) if kept else None

    def put_credence(self, end_ns: int, document: Mapping[str, Any]) -> None:
        """Keep it."""
        self._put(CREDENCE, ONLY, end_ns, document)

    # ---- incidents
    def put_incident(self, incident: Incident, evidence: Mapping[str, Any] | None) -> None:
        """Keep an incident, and the evidence of its verdict when given, both or neither."""
        with self._state.transaction():
            self._put(INCIDENT, incident.id, incident.updated_ns, incident_document(incident))
            if evidence is not None:
                self._put(EVIDENCE, incident.id, incident.updated_ns, evidence)

    def incidents(self) -> Sequence[Incident]:
        """All, newest raise first."""
        found = [incident_from_document(json.loads(kept.text)) for kept in self._state.documents(INCIDENT)]
        return sorted(found, key=lambda i: (-i.raised_ns, i.id))

    def incident(self, incident: str) -> Incident | None:
        """One, or None."""
        kept = self._state.document(INCIDENT, incident)
        return incident_from_document(json.loads(kept.text)) if kept else None

    def evidence(self, incident: str) -> Mapping[str, Any] | None:
        """The evidence document of an incident's verdict."""
        kept = self._state.document(EVIDENCE, incident)
        return dict(json.loads(kept.text)) if kept else None

    # ---- what the analyzer remembers of itself
    def put_baselines(self, documents: Sequence[tuple[View, Mapping[str, Any]]]) -> None:
        """Keep baselines."""
        with self._state.transaction():
            for view, document in documents:
                self._put(BASELINE, document_id(view), int(document["version"]), document)

    def baselines(self) -> Sequence[Mapping[str, Any]]:
        """Kept baselines."""
        return [json.loads(kept.text) for kept in self._state.documents(BASELINE)]

    def answered_until_ns(self) -> int | None:
        """End of the newest window that was answered."""
        text = self._state.fact(ANSWERED)
        return int(text) if text is not None else None

    def book_memory(self) -> Mapping[str, Any] | None:
        """What the book of incidents knew beside them at that end."""
        kept = self._state.document(BOOK, ONLY)
        return dict(json.loads(kept.text)) if kept else None

    def put_answered(self, end_ns: int, book_memory: Mapping[str, Any]) -> None:
        """Keep both, together."""
        with self._state.transaction():
            self._state.put_fact(ANSWERED, str(end_ns))
            self._put(BOOK, ONLY, end_ns, book_memory)

    def _put(self, kind: str, name: str, revision: int, document: Mapping[str, Any]) -> None:
        self._state.put_document(kind, name, revision, json.dumps(document, ensure_ascii=False, separators=(",", ":")))


def _note(window: FinalWindow) -> WindowNote:
    return WindowNote(start_ns=window.start_ns, end_ns=window.end_ns, revision=window.revision)


def _row(row: RollupRow) -> Row:
    return Row(measurement=row.measurement, tags=row.tags, fields=row.fields, histograms=row.histograms)
