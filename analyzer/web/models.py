"""What the pages show, already decided: templates only lay it out. Also their JSON; what was not measured is left out there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from enum import StrEnum
from typing import Any, Protocol

import attrs

from faultline.records.device_event import DeviceEvent
from faultline.records.incident import Base, Incident, incident_document
from faultline.records.line_result import LineResult
from faultline.records.terms import LineCode
from faultline.reports.material import (
    DroppedBatches,
    FaultMaterial,
    LineCard,
    LinePath,
    PlannedWindow,
    Plot,
    QualityRow,
    SessionView,
    Suspect,
    TracedFlow,
)
from faultline.reports.words import Language


class LineState(StrEnum):
    """A line's state, worst first."""

    FAULT = "fault"
    SUSPICION = "suspicion"
    UNMEASURED = "unmeasured"
    PLANNED = "planned"
    ROUTE = "route"
    """A route changed: worth knowing, nobody's fault."""
    HEALTHY = "healthy"

    @property
    def badness(self) -> int:
        """Rank for sorting: larger is worse."""
        return len(LineState) - list(LineState).index(self)


@attrs.frozen(slots=True, kw_only=True)
class LineRow:
    """A line in the list."""

    card: LineCard
    state: LineState
    incidents: tuple[Incident, ...] = ()
    """Open ones, leading first."""
    loss_ratio: float | None = None
    """Largest loss ratio of test packets in either direction over the newest windows."""
    round_trip_ns: int | None = None
    """Median round trip of test packets."""
    rate_bps: float | None = None
    """Both directions together, at the busiest vantage."""
    measured_ns: int | None = None
    """End of the newest window with a row of this line."""
    learning_until_ns: int | None = None
    """Until when delay verdicts wait for a baseline; None: they do not."""

    @property
    def worst(self) -> Incident | None:
        """The incident the list speaks of: the most certain one, a fault before planned work before a changed route."""
        return min(self.incidents, key=lambda i: (i.informational, i.planned, -i.confidence, i.onset_ns), default=None)


@attrs.frozen(slots=True, kw_only=True)
class LinesPage:
    """The first page."""

    rows: tuple[LineRow, ...]
    """Worst first."""
    open_incidents: tuple[FaultMaterial, ...]
    past_incidents: tuple[Incident, ...]
    """Newest first, a few."""
    names: Mapping[str, str] = attrs.field(factory=dict)
    """Names of components."""
    final_until_ns: int | None
    """End of the newest final window; None before the first."""
    now_ns: int

    @property
    def counts(self) -> Mapping[LineState, int]:
        """Lines by state, worst first; states without a line are left out."""
        states = [row.state for row in self.rows]
        return {state: states.count(state) for state in LineState if state in states}

    @property
    def cards(self) -> Mapping[LineCode, LineCard]:
        """Lines by code."""
        return {row.card.code: row.card for row in self.rows}


@attrs.frozen(slots=True, kw_only=True)
class LinePage:
    """One line."""

    row: LineRow
    path: LinePath
    suspects: Mapping[Base, Suspect]
    plots: tuple[Plot, ...]
    sessions: tuple[SessionView, ...] = ()
    traces: tuple[TracedFlow, ...] = ()
    planned: tuple[PlannedWindow, ...] = ()
    told: tuple[DeviceEvent, ...] = ()
    """What devices and people told of its components in the last day."""
    results: tuple[LineResult, ...] = ()
    """What other instruments measured, newest first."""
    quality: tuple[QualityRow, ...] = ()
    dropped: tuple[DroppedBatches, ...] = ()
    past_incidents: tuple[Incident, ...]
    final_until_ns: int | None
    now_ns: int


@attrs.frozen(slots=True, kw_only=True)
class PlannedRow:
    """A window or a freeze in the list."""

    reference: str
    stage: str
    """`overrun`, `current`, `coming`, `past`."""
    is_freeze: bool
    what: tuple[str, ...]
    """Names of components; of a freeze tenants and lines, empty: all lines."""
    start_ns: int
    end_ns: int
    reason: str
    incident: Incident | None = None
    """What was found on its components while it lasted."""


@attrs.frozen(slots=True, kw_only=True)
class PlannedPage:
    """Planned work of all lines."""

    rows: tuple[PlannedRow, ...]
    """What needs somebody first."""
    tz: tzinfo
    """The lines' clock, where they have one in common."""
    now_ns: int


@attrs.frozen(slots=True, kw_only=True)
class WindowNote:
    """A final window as the interface tells it."""

    start_ns: int
    end_ns: int
    revision: int


class Views(Protocol):
    """The one data-access layer of pages and interface; access control will stand here."""

    def lines_page(self, language: Language) -> LinesPage:
        """The first page's data."""

    def line_page(self, code: LineCode, language: Language) -> LinePage | None:
        """A line's data; None when the inventory has none of that code."""

    def material(self, incident: str, language: Language) -> FaultMaterial | None:
        """An incident with all that reports tell; None when there is none of that id."""

    def incidents(self) -> tuple[Incident, ...]:
        """All, newest raise first."""

    def windows(self) -> tuple[WindowNote, ...]:
        """Final windows, newest first, a few."""


def line_document(row: LineRow) -> dict[str, Any]:
    """A line as the interface tells it."""
    values = attrs.asdict(row, recurse=False) | {
        "card": None,
        "code": row.card.code,
        "customer": row.card.customer,
        "a_end": row.card.a_end,
        "z_end": row.card.z_end,
        "state": row.state.value,
        "incidents": [incident.id for incident in row.incidents],
    }
    return {key: value for key, value in values.items() if value is not None}


def incident_entry(incident: Incident) -> dict[str, Any]:
    """An incident as the interface tells it."""
    return incident_document(incident)
