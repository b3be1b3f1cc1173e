"""One step of the answer: a final window in, events and health out. The same code in the service and in virtual time.

Goes in: windows in order. Comes out: what happened to incidents, and what was believed, seen and learned. No clock, no store;
localisation itself is behind `Judge`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import attrs

from analyzer.baselines import Baselines, Rhythm
from analyzer.findings import Finding
from analyzer.history import History, Window
from analyzer.incidents import IncidentBook, IncidentEvent, IncidentRules, Step
from analyzer.lasting import Stretch, WindowEvidence, stretch_of
from analyzer.spans import Choice, SpanAnswer, choose, clearer, prior_share
from analyzer.training import Trainer
from faultline.inference.observations_sessions import MOST_CHRONIC
from faultline.records.incident import Base, Incident, base_of
from faultline.records.terms import SECOND_NS, LineCode, Mode, TenantId

COUNTS_ONLY_NS = 120 * SECOND_NS
"""Spans longer than this are memories for small loss rates: counts are added, distributions are not."""


class Judge(Protocol):
    """Evidence and verdict: the inventory and the localiser behind two questions."""

    def evidence(
        self,
        windows: Sequence[Window],
        baselines: Baselines,
        *,
        distributions: bool,
        prior_share: float,
    ) -> Mapping[str, Any]:
        """`faultline-evidence/1` of the windows taken together."""

    def locate(self, evidence: Mapping[str, Any]) -> Mapping[str, Any]:
        """`faultline-verdict/1`."""

    def lines_of(self, bases: Iterable[Base]) -> Mapping[LineCode, TenantId]:
        """Lines that cross any of the components, with their tenants."""

    def bases_of(self, line: LineCode) -> frozenset[Base]:
        """Components of a line."""

    def lines(self) -> Mapping[LineCode, Rhythm]:
        """Every line with its rhythm."""


@attrs.frozen(slots=True, kw_only=True)
class StepOutcome:
    """What one step decided."""

    window: Window
    events: tuple[IncidentEvent, ...]
    touched: tuple[Incident, ...]
    """Open incidents after the step, to be written again: their verdicts are newer."""
    choice: Choice
    suspected: frozenset[Base]
    """Places that any answer suspects, without being blamed."""
    observed: frozenset[Base]
    learning: Mapping[LineCode, int | None]
    """Until when each line's delay verdicts wait for a baseline; None: they do not."""
    trained: int
    """Distributions learned from in this step."""


class Engine:
    """The analyzer's decisions, in order of windows."""

    def __init__(
        self,
        judge: Judge,
        *,
        spans_ns: Sequence[int],
        rules: IncidentRules,
        baselines: Baselines | None = None,
        open_incidents: Iterable[Incident] = (),
        memory: Mapping[str, Any] | None = None,
    ) -> None:
        self._judge = judge
        self._spans_ns = sorted(spans_ns)
        self._shadow_ns = rules.shadow_s * SECOND_NS
        self.baselines = baselines or Baselines()
        self.book = IncidentBook(rules, open_incidents=open_incidents, memory=memory)
        self.history = History(keep_ns=self._spans_ns[-1])
        self._alone: dict[int, WindowEvidence] = {}
        self._trainer = Trainer(self.baselines)

    def adopt(self, judge: Judge) -> None:
        """Go on with another judge, as of a new inventory: the memory is read again with its eyes, incidents stay."""
        self._judge = judge
        for window in self.history.windows:
            self._remember(window)

    def recall(self, window: Window) -> None:
        """Take in a window that was answered before, by an earlier life or in an earlier revision: memory without a step."""
        self.history.add(window)
        self._remember(window)

    def step(self, window: Window) -> StepOutcome:
        """Take in the next window and answer."""
        before = self.history.newest
        self.recall(window)
        answers = [self._answer(length_ns) for length_ns in self._asked()]
        alone = list(self._alone.values())
        clearer_of = clearer(answers, alone)
        known = {answer.length_ns for answer in answers}
        answers += [self._answer(length_ns) for length_ns in sorted({*clearer_of.values()} - known)]
        choice = choose(answers, alone, clearer_of)
        observed = observed_bases(min(answers, key=lambda a: a.length_ns).evidence)
        step = Step(
            end_ns=window.end_ns,
            length_ns=window.end_ns - (before.end_ns if before else window.start_ns),
            findings=(
                *(self._finding(entry, stretch, choice) for entry, stretch in choice.entries),
                *(self._finding(entry, None, choice) for entry in told_routes(choice)),
            ),
            supported=choice.supported,
            observed=observed,
            context=self._context(choice, window),
        )
        events = tuple(self.book.observe(step))
        trained = self._trainer.observe(window, clean=self._is_clean(choice, answers), lines=self._judge.lines())
        return StepOutcome(
            window=window,
            events=events,
            touched=self.book.open_incidents,
            choice=choice,
            suspected=choice.supported,
            observed=observed,
            learning={line: self._trainer.learning_until_ns(line, window) for line in self._judge.lines()},
            trained=trained,
        )

    def _asked(self) -> list[int]:
        """Spans worth asking: those that differ, while memory is still short."""
        asked: dict[int, int] = {}
        for length_ns in self._spans_ns:
            asked.setdefault(len(self.history.suffix(length_ns)), length_ns)
        return list(asked.values())

    def _answer(self, length_ns: int) -> SpanAnswer:
        windows, timed = self.history.suffix(length_ns), length_ns <= COUNTS_ONLY_NS
        evidence = self._judge.evidence(
            windows,
            self.baselines,
            distributions=timed,
            prior_share=prior_share(len(self._spans_ns)),
        )
        return SpanAnswer(length_ns=length_ns, evidence=evidence, answer=self._judge.locate(evidence), timed=timed)

    def _remember(self, window: Window) -> None:
        evidence = self._judge.evidence([window], self.baselines, distributions=True, prior_share=1.0)
        self._alone[window.start_ns] = WindowEvidence(
            start_ns=window.start_ns,
            end_ns=window.end_ns,
            observations=evidence["observations"],
        )
        kept = {w.start_ns for w in self.history.windows}
        self._alone = {start: alone for start, alone in sorted(self._alone.items()) if start in kept}

    def _finding(self, entry: Mapping[str, Any], stretch: Stretch | None, choice: Choice) -> Finding:
        lines = self._judge.lines_of([base_of(str(c)) for c in entry["components"]])
        # The span bounds what the entry was made from, not since when it is so: the whole memory dates it.
        whole = stretch_of(entry, choice.span.evidence["observations"], list(self._alone.values())) or stretch
        if whole and stretch and whole.end_ns <= stretch.start_ns:
            whole = stretch  # an earlier fault of the same place was worse; it is not this one
        newest = self.history.newest
        return Finding(
            verdict=entry,
            onset_ns=whole.start_ns if whole else (newest.start_ns if newest else 0),
            last_ns=whole.end_ns if whole else None,
            lines=frozenset(lines),
            tenants=frozenset(lines.values()),
            shadow=bool(lines) and all(map(self._in_shadow, lines)),
        )

    def _in_shadow(self, line: LineCode) -> bool:
        """Whether a line is still being learned: nothing of it is known, or not for long."""
        begun_ns, newest = self.baselines.begun_ns(line), self.history.newest
        return self._shadow_ns > 0 and (begun_ns is None or newest is None or newest.end_ns - begun_ns < self._shadow_ns)

    def _context(self, choice: Choice, window: Window) -> Mapping[str, Any]:
        answer = choice.span.answer
        context: dict[str, Any] = {"span_s": choice.span.length_ns // SECOND_NS, "window": choice.span.evidence.get("window", {})}
        for key in ("next_test", "floor"):
            if answer.get(key):
                context[key] = answer[key]
        lines = self._judge.lines_of([base_of(str(c)) for entry, _ in choice.entries for c in entry["components"]])
        waits = [until for line in lines if (until := self._trainer.learning_until_ns(line, window)) is not None]
        if waits:
            context["learning_until_ns"] = max(waits)
        return context

    def _is_clean(self, choice: Choice, answers: Sequence[SpanAnswer]) -> Callable[[LineCode], bool]:
        """A line trains when nothing on it is open, rumoured, planned or suspected.

        One that is still being learned trains in spite of a small loss: nobody knows yet that it is not always so.
        """
        incidents = self.book.open_incidents
        planned = frozenset(base_of(str(c)) for answer in answers for c in answer.evidence.get("maintenance", ()))
        suspected = choice.supported.union(*(incident.bases for incident in incidents), *self.book.rumours)
        entries = [entry for answer in answers for entry in answer.answer["verdicts"]]
        entries += [entry for incident in incidents for entry in (incident.verdict, *incident.further)]
        grave = frozenset(base_of(str(c)) for entry in entries if not is_small(entry) for c in entry["components"])
        known, learning = suspected | planned, grave | planned
        return lambda line: self._judge.bases_of(line).isdisjoint(learning if self._in_shadow(line) else known)


def is_small(entry: Mapping[str, Any]) -> bool:
    """Whether an entry is a loss that a line may have had for years."""
    severity = entry.get("severity") or {}
    return entry["mode"] == Mode.LOSS and float(severity.get("value", 1.0)) <= MOST_CHRONIC


def told_routes(choice: Choice) -> list[Mapping[str, Any]]:
    """Entries of the answer that tell of a changed route: they blame nobody, and are worth a line in the history."""
    return [entry for entry in choice.span.answer["verdicts"] if entry["mode"] == Mode.ROUTE]


def observed_bases(evidence: Mapping[str, Any]) -> frozenset[Base]:
    """Components that something measured crossed: where health can be told from ignorance."""
    seen: set[Base] = set()
    for observation in evidence.get("observations", ()):
        if any(observation.get(key) for key in ("sent", "n", "attempts", "seconds")):
            vias = [observation.get("via", ()), *(path["via"] for path in observation.get("paths", ()))]
            seen.update(base_of(str(component)) for via in vias for component in via)
            if "endpoint" in observation:
                seen.add(base_of(str(observation["endpoint"])))
        elif observation["kind"] == "counter":  # what somebody told is no look at it
            seen.add(base_of(str(observation["component"])))
    return frozenset(seen)
