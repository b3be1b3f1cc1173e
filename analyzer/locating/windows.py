"""Window after window: what the service does with final windows, done with files of evidence.

Goes in: documents in order of time. Comes out: for each the verdict that counts, by what is remembered, and what happened to
incidents: the same engine, spans and rules as in the service. What evidence files do not have is not made up: no lines, and
no training of baselines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from analyzer.baselines import Baselines, Rhythm
from analyzer.engine import Engine, StepOutcome
from analyzer.history import Window
from analyzer.incidents import IncidentRules
from analyzer.locating.adding import added
from faultline.inference import EvidenceError, locate
from faultline.inference.document import read
from faultline.inference.observed import Component
from faultline.records.incident import Base
from faultline.records.terms import SECOND_NS, LineCode, TenantId

SPANS_S = (20, 60, 600)
"""Of the service."""
SPAN_WINDOWS = (1, 2, 10)
"""At least so many windows, where windows are long."""


class _Files:
    """`analyzer.engine.Judge` over documents that are already evidence."""

    def __init__(self) -> None:
        self.documents: dict[int, Mapping[str, Any]] = {}
        """By the start of their windows."""

    def evidence(
        self, windows: Sequence[Window], baselines: Baselines, *, distributions: bool, prior_share: float
    ) -> Mapping[str, Any]:
        del baselines  # an evidence file brings its own
        found = [self.documents[window.start_ns] for window in windows]
        return added(found, distributions=distributions or len(found) == 1, prior_share=prior_share)

    def locate(self, evidence: Mapping[str, Any]) -> Mapping[str, Any]:
        return locate(evidence, healthy_floor=False)

    def lines_of(self, bases: Iterable[Base]) -> Mapping[LineCode, TenantId]:
        del bases
        return {}

    def bases_of(self, line: LineCode) -> frozenset[Base]:
        del line
        return frozenset()

    def lines(self) -> Mapping[LineCode, Rhythm]:
        return {}


class WindowByWindow:
    """Remembers as the service does. Feed it every document, the oldest first.

    Args:
        lenient: leave observations with mistakes out.
        rules: when incidents are raised, revised and cleared.
    """

    def __init__(self, *, lenient: bool = False, rules: IncidentRules | None = None) -> None:
        self._lenient = lenient
        self._rules = rules or IncidentRules()
        self._judge = _Files()
        self._engine: Engine | None = None
        self._end_ns: int | None = None

    def answer(self, document: Any) -> dict[str, Any]:
        """What is believed after the document's window: `faultline-verdict/1` with the span that answered, and incident events.

        Numbers of observations are those of the span's observations, added up.

        Raises:
            EvidenceError: the document is not evidence, names no window, or is not of a later window than the one before.
        """
        checked = read(document, lenient=self._lenient)
        start_ns, end_ns = _window_of(document)
        if self._end_ns is not None and start_ns < self._end_ns:
            raise EvidenceError([f"window.start: {document['window']['start']} is before the end of the window before"])
        if self._engine is None:
            length_s = (end_ns - start_ns) // SECOND_NS
            spans_s = [max(span, windows * length_s) for span, windows in zip(SPANS_S, SPAN_WINDOWS, strict=True)]
            self._engine = Engine(self._judge, spans_ns=[span * SECOND_NS for span in spans_s], rules=self._rules)
        self._end_ns = end_ns
        # As it was checked: what lenient reading left out must not come back with a later window.
        self._judge.documents[start_ns] = {
            **document,
            "components": [_component(component, checked.components) for component in checked.components],
            "observations": [observation.raw for observation in checked.observations],
        }
        outcome = self._engine.step(Window(start_ns=start_ns, end_ns=end_ns, revision=1, rows=()))
        kept = {window.start_ns for window in self._engine.history.windows}
        self._judge.documents = {start: one for start, one in self._judge.documents.items() if start in kept}
        skipped = {"skipped": dict(checked.skipped), "mistakes": list(checked.mistakes)} if checked.skipped else {}
        return _told(outcome, document["window"]) | skipped


def _component(component: Component, listed: Sequence[Component]) -> dict[str, Any]:
    found = {"id": component.id, "kind": component.kind.value, "owner": component.owner.value, "site": component.site}
    reverse = None if component.reverse is None else listed[component.reverse].id
    return {**found, "reverse": reverse, "hosts": [listed[host].id for host in component.hosts]}


def _window_of(document: Mapping[str, Any]) -> tuple[int, int]:
    window = document.get("window")
    if not window:
        raise EvidenceError(["window: missing; without it nobody knows what comes after what"])
    start, end = (datetime.fromisoformat(window[key]) for key in ("start", "end"))
    start_ns, end_ns = (
        round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1e6) * 1000 for time in (start, end)
    )
    return start_ns, end_ns


def _told(outcome: StepOutcome, window: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of the span that counts, without what is over by now."""
    span = outcome.choice.span
    counting = [entry for entry, _ in outcome.choice.entries]
    suspected = [e for e in span.answer["verdicts"] if not (e["blames"] or e["planned"])]
    return {
        **span.answer,
        "verdicts": [e for e in span.answer["verdicts"] if any(e is one for one in (*counting, *suspected))],
        "window": dict(window),
        "span": dict(span.evidence["window"]),
        "events": [
            {
                "event": event.kind.value,
                "incident": event.incident.id,
                "components": list(event.incident.components),
                "mode": event.incident.mode.value,
                "owner": event.incident.owner.value,
                "reason": event.incident.revisions[-1].reason,
            }
            for event in outcome.events
        ],
    }
