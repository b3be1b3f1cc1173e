"""What reports and pictures are made of: plain records, already looked up.

Whoever has stores fills them; whoever draws reads them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from faultline.records.device_event import DeviceEvent
from faultline.records.incident import Base, Incident
from faultline.records.line_result import LineResult
from faultline.records.terms import ComponentKind, LineCode, Owner


@attrs.frozen(slots=True, kw_only=True)
class LineCard:
    """A line as people know it."""

    code: LineCode
    customer: str
    a_end: str | None = None
    """City or address of the A-end."""
    z_end: str | None = None
    grade: str | None = None
    line_type: str | None = None
    cir_bps: int | None = None
    backup: LineCode | None = None
    """The other line of a two-carrier pair."""
    time_zone: str | None = None
    """IANA name; None: UTC."""


@attrs.frozen(slots=True, kw_only=True)
class PathElement:
    """One component of a line, A to Z, without direction."""

    base: Base
    name: str
    kind: ComponentKind
    owner: Owner
    between: tuple[str, str] | None = None
    """For a segment: what it joins, in words."""
    branches: tuple[tuple[PathElement, ...], ...] = ()
    """Equal-cost alternatives it is made of, the members of each from A to Z; empty: it is one thing."""
    site: Base | None = None
    """The building it stands in."""


@attrs.frozen(slots=True, kw_only=True)
class PathHost:
    """A server or resolver behind the Z end, and what runs on it."""

    element: PathElement
    services: tuple[PathElement, ...] = ()


@attrs.frozen(slots=True, kw_only=True)
class LinePath:
    """A line as it is drawn: its elements from A to Z, what lives behind Z, and where probes look."""

    elements: tuple[PathElement, ...] = ()
    hosts: tuple[PathHost, ...] = ()
    vantages: tuple[PathVantage, ...] = ()
    sites: tuple[PathElement, ...] = ()
    """Buildings that its elements stand in: power and ducts are a shared risk."""

    def every(self) -> Iterator[PathElement]:
        """Everything that can fail, once: members of alternatives, hosts, services and sites included."""
        for element in self.elements:
            yield element
            for branch in element.branches:
                yield from branch
        for host in self.hosts:
            yield host.element
            yield from host.services
        yield from self.sites

    @property
    def names(self) -> dict[str, str]:
        """Name by base id."""
        return {str(element.base): element.name for element in self.every()}


@attrs.frozen(slots=True, kw_only=True)
class PlannedWindow:
    """Declared work on the line: while it lasts nobody is paged for these places."""

    places: tuple[Base, ...]
    start_ns: int
    end_ns: int
    reason: str = ""


@attrs.frozen(slots=True, kw_only=True)
class PathVantage:
    """A probe's place on the path."""

    name: str
    position: float
    """In elements: 2.0 is the middle of the third element, 2.5 the boundary after it."""
    silent: bool = False


@attrs.frozen(slots=True, kw_only=True)
class Suspect:
    """How strongly an element is suspected."""

    base: Base
    probability: float
    """0..1, in its direction the larger."""
    a_to_z: float = 0.0
    """Of the direction from A to Z alone; a thing without directions has 0 in both."""
    z_to_a: float = 0.0


@attrs.frozen(slots=True, kw_only=True)
class Series:
    """Values over time; None or a missing window is a gap and drawn as one."""

    label: str
    points: tuple[tuple[int, float | None], ...]
    """(start of the window in Unix nanoseconds, value), rising."""


@attrs.frozen(slots=True, kw_only=True)
class Plot:
    """A picture of a few series in one unit."""

    title: str
    unit: str
    """`bit/s`, `ratio`, `ms`."""
    step_ns: int
    start_ns: int
    end_ns: int
    series: tuple[Series, ...]


@attrs.frozen(slots=True, kw_only=True)
class SessionView:
    """A test session in two small plots, both directions in each: the first series is A to Z."""

    name: str
    first: str
    """Where it sends from, and to."""
    last: str
    loss: Plot
    delay: Plot


@attrs.frozen(slots=True, kw_only=True)
class DroppedBatches:
    """What a probe told that it had to throw away: it will never come."""

    probe: str
    stream: str
    reason: str
    batches: int


@attrs.frozen(slots=True, kw_only=True)
class TracedFlow:
    """The newest trace of one flow: addresses by distance, None where nobody answered."""

    trace: str
    flow: str
    """Its ports, as people write them."""
    hops: tuple[str | None, ...]
    reached: bool
    traced_ns: int
    since_ns: int | None = None
    """Since when the route is as it is."""
    previous: tuple[str | None, ...] | None = None
    """The route before."""


@attrs.frozen(slots=True, kw_only=True)
class QualityRow:
    """How good the instruments were: clock and capture of one vantage or session."""

    name: str
    clock_class: str | None = None
    clock_error_ns: int | None = None
    capture_loss_ratio: float | None = None
    one_sided_ratio: float | None = None
    suspect: int | None = None
    """Samples taken while the probe was starved."""
    missing_windows: int | None = None


@attrs.frozen(slots=True, kw_only=True)
class FaultMaterial:
    """Everything a fault report tells."""

    incident: Incident
    line: LineCard | None
    """The first affected line; None when the inventory no longer has it."""
    other_lines: tuple[LineCard, ...] = ()
    path: LinePath = attrs.field(factory=LinePath)
    names: Mapping[str, str] = attrs.field(factory=dict)
    """Of components beyond the line: evidence of a shared part speaks of other lines' ends, too."""
    evidence: Mapping[str, Any] | None = None
    """The `faultline-evidence/1` document the verdict was made from."""
    plots: tuple[Plot, ...] = ()
    sessions: tuple[SessionView, ...] = ()
    traces: tuple[TracedFlow, ...] = ()
    quality: tuple[QualityRow, ...] = ()
    dropped: tuple[DroppedBatches, ...] = ()
    planned: tuple[PlannedWindow, ...] = ()
    told: tuple[DeviceEvent, ...] = ()
    """What devices and people told of the line's components around its time."""
    results: tuple[LineResult, ...] = ()
    """What other instruments measured of the line, newest first."""
    """Declared work on the line around the time of the incident."""
    made_ns: int
    """When the report's data was read."""
