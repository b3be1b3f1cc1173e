"""The analyzer at work: final windows from the stores into the engine, outcomes back, people told.

`step(now_ns)` answers every window that is final and not yet answered. The service calls it twice a second, the simulator
whenever it has moved its clock: one code for real and virtual time. A window is answered once; a later revision of it changes
what the next steps remember.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import attrs

from analyzer.baselines import Baselines, View
from analyzer.engine import Engine, Judge, StepOutcome
from analyzer.hearing import Hearing
from analyzer.history import Window
from analyzer.incidents import IncidentEvent, IncidentRules
from analyzer.network import Network
from analyzer.notify.notifier import Notifier
from analyzer.orders.ordering import Ordering
from analyzer.outputs import step_points
from analyzer.views import Belief
from analyzer.web.models import WindowNote
from faultline.records.incident import EventKind, Incident, IncidentState
from faultline.records.points import Point
from faultline.records.terms import SECOND_NS
from faultline.runtime.counters import Counters
from faultline.runtime.log import logger

BASELINES_EVERY_NS = 60 * SECOND_NS
BACKLOG_NS = 7200 * SECOND_NS
"""After a long stop windows older than two hours are not answered: their distributions are gone from the store."""
RETELL_NS = 3600 * SECOND_NS
"""How far back a start looks for alarms that never reached the outbox."""


class Stores(Protocol):
    """What the analyzer reads and writes; `analyzer.reading` implements it over the real stores."""

    def final_after(self, end_ns: int | None) -> Sequence[WindowNote]:
        """Final windows that end after a moment, oldest first; all that are kept when None."""

    def window(self, note: WindowNote) -> Window:
        """The rows of a final window."""

    def write(self, points: Sequence[Point]) -> None:
        """Keep points."""

    def put_incident(self, incident: Incident, evidence: Mapping[str, Any] | None) -> None:
        """Keep an incident, and the evidence of its verdict when given."""

    def incidents(self) -> Sequence[Incident]:
        """All, newest raise first."""

    def put_baselines(self, documents: Sequence[tuple[View, Mapping[str, Any]]]) -> None:
        """Keep baselines."""

    def baselines(self) -> Sequence[Mapping[str, Any]]:
        """Kept baselines."""

    def answered_until_ns(self) -> int | None:
        """End of the newest window that was answered."""

    def book_memory(self) -> Mapping[str, Any] | None:
        """What the book of incidents knew beside them at that end."""

    def put_answered(self, end_ns: int, book_memory: Mapping[str, Any]) -> None:
        """Keep both, together."""


@attrs.frozen(slots=True, kw_only=True)
class StepReport:
    """What a call of `step` did."""

    windows: tuple[WindowNote, ...]
    events: tuple[IncidentEvent, ...]
    newest: StepOutcome | None
    more: bool = False
    """Windows wait that were beyond the limit."""


class Analyzer:
    """Everything the analyzer does with a window."""

    def __init__(
        self,
        *,
        stores: Stores,
        judge: Judge,
        network: Network,
        spans_ns: Sequence[int],
        rules: IncidentRules,
        notifier: Notifier | None,
        counters: Counters,
        ordering: Ordering | None = None,
        hearing: Hearing | None = None,
    ) -> None:
        self._stores = stores
        self._judge = judge
        self._network = network
        self._spans_ns = spans_ns
        self._rules = rules
        self._notifier = notifier
        self._ordering = ordering
        self._hearing = hearing
        self._stage = counters.stage("windows")
        self._counters = counters
        self._log = logger("analyzer")
        self._engine: Engine | None = None
        self._answered_ns: int | None = None
        self._baselines_ns = 0
        self.belief = Belief()

    def recall(self) -> None:
        """Take up where an earlier life, or a step that failed, stopped: incidents, baselines, the newest windows.

        `step` calls it when needed.
        """
        baselines = Baselines()
        for document in self._stores.baselines():
            baselines.restore(document)
        self._engine = Engine(
            self._judge,
            spans_ns=self._spans_ns,
            rules=self._rules,
            baselines=baselines,
            open_incidents=[i for i in self._stores.incidents() if i.state is IncidentState.OPEN],
            memory=self._stores.book_memory(),
        )
        self._answered_ns = self._stores.answered_until_ns()
        if self._answered_ns is None:
            return
        for note in self._stores.final_after(self._answered_ns - max(self._spans_ns)):
            if note.end_ns <= self._answered_ns:
                self._engine.recall(self._stores.window(note))
        self._tell_again()

    def _tell_again(self) -> None:
        """A stop between writing an incident and its alarm must not swallow the alarm; the outbox ignores what it has."""
        if self._notifier is None or self._answered_ns is None:
            return
        events = [
            IncidentEvent(kind=incident.revisions[-1].event, incident=incident, notify=incident.notified)
            for incident in self._stores.incidents()
            if incident.revisions and self._answered_ns - incident.revisions[-1].time_ns < RETELL_NS
        ]
        self._notifier.tell(events, self._answered_ns)

    def adopt(self, judge: Judge, network: Network) -> None:
        """Go on with another inventory from the next step on. Call it from the thread that steps."""
        self._judge, self._network = judge, network
        if self._engine is not None:
            self._engine.adopt(judge)

    def step(self, now_ns: int, *, limit: int | None = None) -> StepReport:
        """Answer what is final and not yet answered, at most `limit` windows. `now_ns` is wall time, real or virtual."""
        if self._engine is None:
            self.recall()
        self._read_again()
        events: list[IncidentEvent] = []
        done: list[WindowNote] = []
        newest: StepOutcome | None = None
        waiting = self._stores.final_after(self._answered_ns)
        for note in waiting[:limit]:
            self._stage.take()
            if note.end_ns < now_ns - BACKLOG_NS:
                self._stage.drop("beyond_memory")
                self._answered_ns = note.end_ns
                continue
            try:
                newest = self._answer(note, now_ns)
            except BaseException:
                # The window counts as not answered and will come again: what it left in memory must not count twice.
                self._engine = None
                self._stage.drop("failed")
                raise
            self._stage.done()
            events += newest.events
            done.append(note)
        more = limit is not None and len(waiting) > limit
        return StepReport(windows=tuple(done), events=tuple(events), newest=newest, more=more)

    def _read_again(self) -> None:
        """Windows within the memory that were revised, or became final after a later one: late data from a probe's spool."""
        if self._engine is None or self._answered_ns is None:
            return
        for note in self._stores.final_after(self._answered_ns - max(self._spans_ns)):
            if note.end_ns <= self._answered_ns and self._engine.history.revision(note.start_ns) != note.revision:
                self._engine.recall(self._stores.window(note))
                self._counters.count("windows_read_again")

    def _answer(self, note: WindowNote, now_ns: int) -> StepOutcome:
        if self._engine is None:
            raise RuntimeError("recall comes first")
        outcome = self._engine.step(self._stores.window(note))
        said = {event.incident.id: event.incident for event in outcome.events}
        evidence = outcome.choice.span.evidence
        for incident in {**{i.id: i for i in outcome.touched}, **said}.values():
            # The evidence numbers of a verdict refer to the document it was made from, not to a later one.
            own = any(incident.verdict is entry for entry in outcome.choice.span.answer["verdicts"])
            if incident.updated_ns == note.end_ns or incident.id in said:
                self._stores.put_incident(incident, evidence if own else None)
        self._stores.write(step_points(outcome, self._network))
        self._keep_baselines(note.end_ns)
        if self._notifier is not None:
            self._notifier.tell(outcome.events, now_ns)
        if self._ordering is not None:
            blamed = (base for incident in outcome.touched for base in incident.bases)
            self._ordering.suspect({*outcome.suspected, *blamed}, end_ns=note.end_ns, now_ns=now_ns)
        if self._hearing is not None:
            self._hearing.learn(
                note.end_ns,
                outcome.events,
                network=self._network,
                observed=outcome.observed,
                incidents=self._stores.incidents,
            )
        # Last, so that a stop before this line answers the window again: every write above replaces itself.
        self._stores.put_answered(note.end_ns, self._engine.book.memory())
        self._answered_ns = note.end_ns
        self.belief = Belief(suspected=outcome.suspected, learning=outcome.learning)
        self._say(outcome)
        return outcome

    def _keep_baselines(self, end_ns: int) -> None:
        if self._engine is not None and end_ns - self._baselines_ns >= BASELINES_EVERY_NS:
            self._stores.put_baselines(self._engine.baselines.take_changed())
            self._baselines_ns = end_ns

    def _say(self, outcome: StepOutcome) -> None:
        for event in outcome.events:
            incident = event.incident
            self._counters.count("incident_events", event=event.kind.value)
            words = {
                EventKind.RAISE: "incident raised",
                EventKind.REVISE: "incident revised",
                EventKind.CLEAR: "incident cleared",
            }
            self._log.info(
                words[event.kind],
                incident=incident.id,
                owner=incident.owner.value,
                mode=incident.mode.value,
                components=",".join(incident.components),
                confidence=round(incident.confidence, 3),
                planned=incident.planned,
            )
        self._counters.gauge("answered_until_seconds", outcome.window.end_ns / SECOND_NS)
        self._counters.gauge("open_incidents", len(outcome.touched))

    def keep(self) -> None:
        """Write what is only in memory: the baselines learned since the last minute."""
        if self._engine is not None:
            self._stores.put_baselines(self._engine.baselines.take_changed())
