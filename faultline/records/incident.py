"""An incident: a fault with one identity from its first verdict to its verified end.

Plain data and its JSON document. How incidents come to be is decided in `analyzer.incidents`, how they look in
`faultline.reports`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NewType

import attrs

from faultline.records.terms import LineCode, Mode, Owner, TenantId

IncidentId = NewType("IncidentId", str)
Base = NewType("Base", str)
"""A component without its direction: both directions of a segment are one place to drive to."""

FORMAT = "faultline-incident/1"


class IncidentState(StrEnum):
    """Where an incident is in its life."""

    OPEN = "open"
    CLEARED = "cleared"


class EventKind(StrEnum):
    """What people and their systems are told."""

    RAISE = "raise"
    REVISE = "revise"
    CLEAR = "clear"


def base_of(component: str) -> Base:
    """The component without its direction mark."""
    return Base(component[:-1] if component.endswith((">", "<")) else component)


@attrs.frozen(slots=True, kw_only=True)
class Revision:
    """One thing that was said about an incident, in the order it was said."""

    number: int
    """1 for the raise, dense."""
    event: EventKind
    time_ns: int
    """End of the window that led to it, Unix epoch UTC."""
    owner: Owner
    mode: Mode
    components: tuple[str, ...]
    confidence: float
    reason: str
    """Why it was said now, a sentence in English; pages compose their own from the fields."""


@attrs.frozen(slots=True, kw_only=True)
class Incident:
    """A fault as far as it is known."""

    id: IncidentId
    tenants: tuple[TenantId, ...]
    lines: tuple[LineCode, ...]
    """Lines that cross a suspected component, sorted."""
    state: IncidentState
    planned: bool
    """The latest verdict lies in a declared maintenance window."""
    notified: bool
    """A raise was sent to people. What was never raised is never revised or cleared towards them."""
    onset_ns: int
    """Estimated beginning of the fault."""
    raised_ns: int
    updated_ns: int
    """End of the newest window that spoke for it."""
    ended_ns: int | None = None
    """End of the last window that spoke for it, once cleared."""
    cleared_ns: int | None = None
    merged_into: IncidentId | None = None
    """Set when it turned out to be the same fault as an older incident."""
    verdict: Mapping[str, Any]
    """The leading entry of a `faultline-verdict/1`."""
    further: tuple[Mapping[str, Any], ...] = ()
    """Other entries of the same place, e.g. the opposite direction."""
    context: Mapping[str, Any] = attrs.field(factory=dict)
    """What was known when it was last updated: span, detection floor, learning lines, next test. JSON values."""
    revisions: tuple[Revision, ...] = ()

    @property
    def owner(self) -> Owner:
        """Owner of the leading verdict."""
        return Owner(self.verdict["owner"])

    @property
    def mode(self) -> Mode:
        """Mode of the leading verdict."""
        return Mode(self.verdict["mode"])

    @property
    def informational(self) -> bool:
        """Whether it only tells of something that is nobody's fault: a route that changed."""
        return self.mode is Mode.ROUTE

    @property
    def confidence(self) -> float:
        """Confidence of the leading verdict, 0..1."""
        return float(self.verdict["confidence"])

    @property
    def components(self) -> tuple[str, ...]:
        """Reported components of the leading verdict."""
        return tuple(self.verdict["components"])

    @property
    def bases(self) -> frozenset[Base]:
        """Every component any of its verdicts reports, without directions."""
        return frozenset(base_of(c) for entry in (self.verdict, *self.further) for c in entry["components"])


def incident_document(incident: Incident) -> dict[str, Any]:
    """As stored and served: a key that does not apply is left out."""
    document: dict[str, Any] = {"format": FORMAT}
    document.update(
        {
            key: value
            for key, value in attrs.asdict(incident, recurse=False).items()
            if value is not None and key not in {"revisions", "verdict", "further", "context"}
        },
    )
    document["tenants"] = list(incident.tenants)
    document["lines"] = list(incident.lines)
    document["verdict"] = dict(incident.verdict)
    document["further"] = [dict(entry) for entry in incident.further]
    document["context"] = dict(incident.context)
    document["revisions"] = [
        attrs.asdict(revision) | {"components": list(revision.components)} for revision in incident.revisions
    ]
    return document


def incident_from_document(document: Mapping[str, Any]) -> Incident:
    """Read a stored document back.

    Raises:
        ValueError: it is not an incident document, or a field is missing or outside its closed list.
    """
    if document.get("format") != FORMAT:
        raise ValueError(f"format {document.get('format')!r} is not {FORMAT}")
    try:
        return Incident(
            id=IncidentId(document["id"]),
            tenants=tuple(TenantId(t) for t in document["tenants"]),
            lines=tuple(LineCode(c) for c in document["lines"]),
            state=IncidentState(document["state"]),
            planned=document["planned"],
            notified=document["notified"],
            onset_ns=document["onset_ns"],
            raised_ns=document["raised_ns"],
            updated_ns=document["updated_ns"],
            ended_ns=document.get("ended_ns"),
            cleared_ns=document.get("cleared_ns"),
            merged_into=document.get("merged_into"),
            verdict=document["verdict"],
            further=tuple(document["further"]),
            context=document["context"],
            revisions=tuple(_revision(entry) for entry in document["revisions"]),
        )
    except KeyError as error:
        raise ValueError(f"incident document without {error.args[0]}") from None


def _revision(entry: Mapping[str, Any]) -> Revision:
    return Revision(
        number=entry["number"],
        event=EventKind(entry["event"]),
        time_ns=entry["time_ns"],
        owner=Owner(entry["owner"]),
        mode=Mode(entry["mode"]),
        components=tuple(entry["components"]),
        confidence=entry["confidence"],
        reason=entry["reason"],
    )
