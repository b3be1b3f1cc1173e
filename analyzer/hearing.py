"""What devices and people tell, as the analyzer hears it: read once a step, believed as far as experience goes.

Goes in: stored events, and what became of each step's incidents. Comes out: the events around a moment for the evidence, and how
far to believe each. It decides which sayings a closed incident confirms, and which have nothing behind them.

A saying is judged when there was time to measure what it tells (`SETTLE_NS`). It has nothing behind it when no incident touched
the lines that cross its place around that time, although they are measured there; nothing said during planned work is judged.
A closed incident confirms what was said of its components when measurements alone would have found it: what a verdict owes to
an event must not confirm the event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from analyzer.credence import CredenceBook
from analyzer.incidents import IncidentEvent
from analyzer.network import Network
from faultline.inference.observations_events import Credence
from faultline.inference.priors import is_work
from faultline.records.device_event import DeviceEvent
from faultline.records.incident import Base, EventKind, Incident
from faultline.records.terms import SECOND_NS

AROUND_NS = 120 * SECOND_NS
"""A device tells a fault so long before it is measured, or after it ended, at the most."""
SETTLE_NS = 600 * SECOND_NS
"""After so long a fault that was told is measured, or is none."""
LATELY_NS = 1800 * SECOND_NS
"""Events that are read again at each step; what stands for longer is read as what stands."""
MEASURED_NATS = 3.0
"""So much must be measured of an incident for it to confirm what was told of it."""
TOLD = "event"


class Told(Protocol):
    """Where events and what was learned are kept; `analyzer.reading` implements it."""

    def told(self, *, since_ns: int) -> Sequence[DeviceEvent]:
        """Events since a moment, and what was raised before it and still stands."""

    def told_between(self, start_ns: int, end_ns: int) -> Sequence[DeviceEvent]:
        """Events of a span of time."""

    def evidence(self, incident: str) -> Mapping[str, Any] | None:
        """The evidence document of an incident's verdict."""

    def credence(self) -> Mapping[str, Any] | None:
        """What was learned in an earlier life."""

    def put_credence(self, end_ns: int, document: Mapping[str, Any]) -> None:
        """Keep what was learned."""


class Hearing:
    """Used by the thread that steps."""

    def __init__(self, stored: Told) -> None:
        self._stored = stored
        self._book = CredenceBook()
        self._events: Sequence[DeviceEvent] = ()
        self._read_ns = 0
        self._remembers = False
        self._judged_ns: int | None = None
        """What was told until then is judged; None: nothing was read yet."""

    def around(self, end_ns: int) -> Sequence[DeviceEvent]:
        """Events that may matter at the end of a window, read once for each newer one."""
        if end_ns > self._read_ns:
            self._remember()
            self._events = self._stored.told(since_ns=end_ns - LATELY_NS)
            self._read_ns = end_ns
        return self._events

    def credence_of(self, event: DeviceEvent) -> Credence:
        """How far to believe it."""
        return self._book.of(event)

    def learn(
        self,
        end_ns: int,
        said: Sequence[IncidentEvent],
        *,
        network: Network,
        observed: frozenset[Base],
        incidents: Callable[[], Sequence[Incident]],
    ) -> None:
        """Take in what a step decided.

        Args:
            end_ns: end of its window.
            said: what happened to incidents in it.
            network: which lines cross what, and where work was declared.
            observed: components that something measured crossed.
            incidents: all that are known, asked only when something is to be judged.
        """
        self._remember()
        closed = [event.incident for event in said if event.kind is EventKind.CLEAR and self._confirms(event.incident)]
        for incident in closed:
            self._book.note_incident(incident.bases, incident.mode, self._during(incident))
        unfounded = self._unfounded(end_ns, network, observed, incidents)
        for event in unfounded:
            self._book.note_unconfirmed(event)
        if closed or unfounded:
            self._stored.put_credence(end_ns, {"judged_until_ns": self._judged_ns, **self._book.document()})

    def _unfounded(
        self, end_ns: int, network: Network, observed: frozenset[Base], incidents: Callable[[], Sequence[Incident]]
    ) -> list[DeviceEvent]:
        """What was told, has had its time, and has nothing behind it; each once."""
        before = self._judged_ns if self._judged_ns is not None else end_ns - SETTLE_NS
        self._judged_ns = max(before, end_ns - SETTLE_NS)
        due = [
            event
            for event in self.around(end_ns)
            if event.raised
            and before <= event.happened_ns < self._judged_ns
            and event.base in observed
            and not is_work(event.name)
            and not _is_planned(event, network)
        ]
        known = incidents() if due else ()
        return [event for event in due if not _has_reason(event, known, network)]

    def _during(self, incident: Incident) -> list[DeviceEvent]:
        ended_ns = incident.ended_ns if incident.ended_ns is not None else incident.updated_ns
        told = self._stored.told_between(incident.onset_ns - AROUND_NS, ended_ns + AROUND_NS)
        return [event for event in told if event.raised]

    def _remember(self) -> None:
        """Take up what an earlier life learned, once."""
        if self._remembers:
            return
        self._remembers = True
        kept = self._stored.credence()
        if kept is not None:
            self._book.restore(kept)
            self._judged_ns = int(kept["judged_until_ns"])

    def _confirms(self, incident: Incident) -> bool:
        """Whether measurements alone speak for it; planned work and routes confirm nothing."""
        if incident.planned or incident.informational or incident.merged_into is not None:
            return False
        observations = (self._stored.evidence(incident.id) or {}).get("observations", ())
        measured = 0.0
        for row in incident.verdict.get("evidence", ()):
            number = row["observation"]
            if isinstance(number, int) and 0 <= number < len(observations) and observations[number]["kind"] != TOLD:
                measured += float(row["nats"])
        return measured >= MEASURED_NATS


def _is_planned(event: DeviceEvent, network: Network) -> bool:
    """Whether work was declared there at that time."""
    return any(
        event.base in work.places and work.start_ns <= event.happened_ns < work.end_ns
        for facts in network.lines.values()
        for work in facts.planned
    )


def _has_reason(event: DeviceEvent, incidents: Iterable[Incident], network: Network) -> bool:
    """Whether something was wrong around that time on a line that crosses its place."""
    lines = network.lines_of([event.base] if event.base is not None else []).keys()
    return any(_overlaps(event, incident) and not lines.isdisjoint(incident.lines) for incident in incidents)


def _overlaps(event: DeviceEvent, incident: Incident) -> bool:
    ended_ns = incident.ended_ns if incident.ended_ns is not None else event.happened_ns + SETTLE_NS
    begun_ns = incident.onset_ns - AROUND_NS
    return not incident.informational and begun_ns <= event.happened_ns + SETTLE_NS and event.happened_ns <= ended_ns + AROUND_NS
