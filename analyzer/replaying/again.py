"""Stored windows through the engine a second time, with nothing written anywhere.

Goes in: what is stored, a judge and rules, a period. Comes out: the incidents that would be said, with every revision. It reads
windows, kept baselines and routes; its memory, its incidents and what its baselines learn live here and are forgotten.

It begins as a service does that was just installed beside the old one: the windows before the period are remembered and not
answered, no incident is open. So a fault that was there already is raised anew at its second window.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from analyzer.baselines import Baselines
from analyzer.engine import Engine, Judge
from analyzer.incidents import IncidentRules
from analyzer.stored import StoredMemory
from faultline.records.incident import Incident, IncidentId


@attrs.frozen(slots=True, kw_only=True)
class Replayed:
    """What came out."""

    incidents: tuple[Incident, ...]
    """In the order they were raised, as they were at the end of the period."""
    windows: int
    """Answered."""
    empty: int
    """Of them, windows whose rows are gone or never were."""
    begin_ns: int | None
    """Start of the first window answered; None: there is none."""
    end_ns: int | None


@attrs.frozen(slots=True, kw_only=True)
class Settings:
    """How to answer."""

    spans_ns: Sequence[int]
    rules: IncidentRules
    with_baselines: bool = True
    """Begin with the baselines as they are kept today; else they are learned from the period alone."""


def replay(
    stored: StoredMemory,
    judge: Judge,
    settings: Settings,
    *,
    since_ns: int,
    until_ns: int,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Replayed:
    """Answer the windows that end in (since, until]. `progress` is told how many of how many are answered."""
    baselines = Baselines()
    for document in stored.baselines() if settings.with_baselines else ():
        baselines.restore(document)
    engine = Engine(judge, spans_ns=settings.spans_ns, rules=settings.rules, baselines=baselines)
    known = [note for note in stored.final_after(since_ns - max(settings.spans_ns)) if note.end_ns <= until_ns]
    for note in known:
        if note.end_ns <= since_ns:
            engine.recall(stored.window(note))
    asked = [note for note in known if note.end_ns > since_ns]
    said: dict[IncidentId, Incident] = {}
    empty = 0
    for number, note in enumerate(asked, start=1):
        window = stored.window(note)
        empty += not window.rows
        outcome = engine.step(window)
        said |= {incident.id: incident for incident in (*outcome.touched, *(event.incident for event in outcome.events))}
        progress(number, len(asked))
    return Replayed(
        incidents=tuple(said.values()),
        windows=len(asked),
        empty=empty,
        begin_ns=asked[0].start_ns if asked else None,
        end_ns=asked[-1].end_ns if asked else None,
    )
