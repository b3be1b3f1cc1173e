"""Verdicts in, incidents out: raise, revise, clear, without flicker.

Goes in: what each step's localisation found, which components it could see at all, and the step's end. Comes out: events, each
with the whole incident. Knows nothing of evidence, stores or interfaces.

Rules, all tested as properties:
- raise after n of the last m steps found the same place; one finding is a rumour;
- an open incident keeps its id while its place is found again; when owner, mode or place of the finding differ in enough
  consecutive steps it is revised, and says from what to what. Each revision within the flap half-life doubles the steps the
  next one needs;
- clear after a hold-down of steps that saw the place and found nothing. A step that saw nothing there is no sign of health;
- two open incidents never share a component: the younger is merged into the older;
- planned work is recorded and never notified; a fault that outlives its window is raised then;
- a changed route is recorded and never notified: nobody is at fault, and no fault elsewhere is taken for a revision of it;
- what is found only on lines that are still being learned is recorded and not notified; it is raised when they are known.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs

from analyzer.findings import Finding, Group, group_document, group_from_document, grouped, same_headline
from faultline.records.incident import Base, EventKind, Incident, IncidentId, IncidentState, Revision, base_of
from faultline.records.terms import SECOND_NS, Mode, Owner
from faultline.reports.history import LEARNED, OUTLIVED, PLANNED, ROUTE, SHADOW
from faultline.reports.sentences import Speaker
from faultline.reports.words import Language

_EN = Speaker(language=Language.EN, names={})
"""Reasons are kept in English with the ids of components; pages put names in their place."""


@attrs.frozen(slots=True, kw_only=True)
class IncidentRules:
    """When to speak and when to be quiet."""

    raise_needed: int = attrs.field(default=2, validator=attrs.validators.ge(1))
    """Steps, of the last `raise_of`, that must find the same place before an incident is raised."""
    raise_of: int = attrs.field(default=2, validator=attrs.validators.ge(1))
    """See `raise_needed`."""
    revise_needed: int = attrs.field(default=2, validator=attrs.validators.ge(1))
    """Consecutive steps with the same other owner, mode or place before an incident is revised."""
    clear_after_s: int = attrs.field(default=300, validator=attrs.validators.ge(0))
    """Seconds of measured health before an incident is cleared."""
    flap_half_life_s: int = attrs.field(default=600, validator=attrs.validators.ge(1))
    """Revisions younger than this each double `revise_needed`, up to 16 times."""
    shadow_s: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    """Seconds a line is learned before anybody is told of it; 0: from its first window on people are told."""

    def __attrs_post_init__(self) -> None:
        """Refuse a rule that could never be met."""
        if self.raise_needed > self.raise_of:
            raise ValueError(f"raise_needed {self.raise_needed} is more than raise_of {self.raise_of}")


@attrs.frozen(slots=True, kw_only=True)
class Step:
    """What one evaluation knows."""

    end_ns: int
    """End of the newest final window."""
    length_ns: int
    """Time since the previous step's end."""
    findings: tuple[Finding, ...] = ()
    """Entries that blame, are planned, or tell of a changed route. Others do not open anything."""
    supported: frozenset[Base] = frozenset()
    """Components that a weaker answer (insufficient, or of another span) still suspects: enough to keep an incident open."""
    observed: frozenset[Base] = frozenset()
    """Components that measured packets crossed in the newest windows: where health can be told from ignorance."""
    context: Mapping[str, Any] = attrs.field(factory=dict)
    """Kept with each incident that is found in this step."""


@attrs.frozen(slots=True, kw_only=True)
class IncidentEvent:
    """Something to write down, and, when `notify`, to tell people."""

    kind: EventKind
    incident: Incident
    notify: bool


@attrs.define(slots=True, kw_only=True)
class _Tracker:
    """An open incident and what speaks against its present wording."""

    incident: Incident
    good_ns: int = 0
    planned_ns: int = 0
    """End of the newest step that found it as planned work."""
    rival: Group | None = None
    rival_steps: int = 0
    fed: bool = False
    """A finding of the step under way went to it."""
    covered: bool = False
    """Some finding of the step under way touches it: it is not healthy."""


@attrs.define(slots=True, kw_only=True)
class _Rumour:
    """A place found too few times to be raised."""

    group: Group
    hits: deque[bool]
    matched: bool = False


class IncidentBook:
    """All incidents that are not over. Feed it every step in order; it never reads a clock.

    Args:
        rules: when to speak.
        open_incidents: those of an earlier life.
        memory: what `memory` gave at the end of that life; without it the book goes on, a little slower to speak.
    """

    def __init__(
        self,
        rules: IncidentRules,
        *,
        open_incidents: Iterable[Incident] = (),
        memory: Mapping[str, Any] | None = None,
    ) -> None:
        self._rules = rules
        self._trackers = [_Tracker(incident=i) for i in sorted(open_incidents, key=lambda i: (i.raised_ns, i.id))]
        self._rumours: list[_Rumour] = []
        if memory is not None:
            self._remember(memory)

    def memory(self) -> dict[str, Any]:
        """What is known beside the incidents themselves, as JSON values: health counted, rivals, rumours."""
        return {
            "trackers": {
                tracker.incident.id: {
                    "good_ns": tracker.good_ns,
                    "planned_ns": tracker.planned_ns,
                    "rival_steps": tracker.rival_steps,
                    **({"rival": group_document(tracker.rival)} if tracker.rival else {}),
                }
                for tracker in self._trackers
            },
            "rumours": [{"group": group_document(r.group), "hits": list(r.hits)} for r in self._rumours],
        }

    def _remember(self, memory: Mapping[str, Any]) -> None:
        for tracker in self._trackers:
            known = memory["trackers"].get(tracker.incident.id)
            if known is not None:
                tracker.good_ns, tracker.rival_steps = known["good_ns"], known["rival_steps"]
                tracker.planned_ns = known.get("planned_ns", 0)
                tracker.rival = group_from_document(known["rival"]) if "rival" in known else None
        for entry in memory["rumours"]:
            hits = deque(entry["hits"], maxlen=self._rules.raise_of)
            self._rumours.append(_Rumour(group=group_from_document(entry["group"]), hits=hits))

    @property
    def open_incidents(self) -> tuple[Incident, ...]:
        """Oldest first."""
        return tuple(tracker.incident for tracker in self._trackers)

    @property
    def rumours(self) -> tuple[frozenset[Base], ...]:
        """Places found, but not often enough yet."""
        return tuple(rumour.group.bases for rumour in self._rumours)

    def observe(self, step: Step) -> list[IncidentEvent]:
        """Take a step's findings; returns events in the order they should be told."""
        events: list[IncidentEvent] = []
        for tracker in self._trackers:
            tracker.fed = tracker.covered = False
        homeless = []
        for group in grouped(step.findings):
            home = self._home(group)
            if home is None:
                homeless.append(group)
            else:
                events += self._matched(home, group, step)
        strangers = [group for group in homeless if not self._is_rival(group, step, events)]
        events += self._merge(step)
        events += self._hear_rumours(strangers, step)
        events += self._clear(step)
        return events

    # ---- findings that have a home ------------------------------------------------------------------------------
    def _home(self, group: Group) -> _Tracker | None:
        """The oldest open incident sharing a component and not yet spoken of; the others are covered: not healthy either."""
        sharing = [tracker for tracker in self._trackers if tracker.incident.bases & group.bases]
        for tracker in sharing:
            tracker.covered = True
        return next((tracker for tracker in sharing if not tracker.fed), sharing[0] if sharing else None)

    def _matched(self, tracker: _Tracker, group: Group, step: Step) -> list[IncidentEvent]:
        if tracker.fed:  # a second finding of this step at the same incident adds nothing to the first, most certain one
            return []
        tracker.fed = True
        if group.planned:
            tracker.planned_ns = step.end_ns
        elif group.last_ns is not None and group.last_ns <= tracker.planned_ns:
            return []  # all that speaks for it is of the time of the work, which is over
        tracker.good_ns = 0
        if not _differs(tracker.incident, group):
            tracker.rival, tracker.rival_steps = None, 0
            tracker.incident = _told(tracker.incident, group, step)
            return []
        return self._rival_spoke(tracker, group, step)

    def _is_rival(self, group: Group, step: Step, events: list[IncidentEvent]) -> bool:
        """Whether a finding elsewhere is about a known incident: of the same line, no longer found itself and not yet healthy."""
        if group.informational:
            return False
        for tracker in self._trackers:
            if tracker.covered or tracker.incident.informational or not tracker.incident.bases.isdisjoint(step.supported):
                continue
            continues = tracker.rival is not None and bool(tracker.rival.bases & group.bases)
            fresh = tracker.good_ns < self._rules.revise_needed * step.length_ns
            if set(tracker.incident.lines) & group.lines and (continues or fresh):
                tracker.covered = True
                events += self._rival_spoke(tracker, group, step)
                return True
        return False

    def _rival_spoke(self, tracker: _Tracker, group: Group, step: Step) -> list[IncidentEvent]:
        same = tracker.rival is not None and same_headline(tracker.rival, group)
        tracker.rival = group
        tracker.rival_steps = tracker.rival_steps + 1 if same else 1
        tracker.incident = attrs.evolve(tracker.incident, updated_ns=step.end_ns)
        if tracker.rival_steps < self._steps_to_revise(tracker.incident, step.end_ns):
            return []
        before = tracker.incident
        kind = EventKind.REVISE if before.notified or group.quiet else EventKind.RAISE
        tracker.incident = _said(_told(before, group, step), kind, step.end_ns, _revision_reason(before, group, kind))
        tracker.incident = attrs.evolve(tracker.incident, notified=before.notified or not group.quiet)
        tracker.rival, tracker.rival_steps = None, 0
        return [IncidentEvent(kind=kind, incident=tracker.incident, notify=tracker.incident.notified)]

    def _steps_to_revise(self, incident: Incident, now_ns: int) -> int:
        recent = sum(
            1
            for revision in incident.revisions
            if revision.event is EventKind.REVISE and now_ns - revision.time_ns < self._rules.flap_half_life_s * SECOND_NS
        )
        return self._rules.revise_needed << min(recent, 4)

    def _merge(self, step: Step) -> list[IncidentEvent]:
        """Open incidents that have come to share a component are one fault: the younger end."""
        events: list[IncidentEvent] = []
        kept: list[_Tracker] = []
        for tracker in self._trackers:
            older = next((k for k in kept if k.incident.bases & tracker.incident.bases), None)
            if older is None:
                kept.append(tracker)
                continue
            lines = tuple(sorted({*older.incident.lines, *tracker.incident.lines}))
            older.incident = attrs.evolve(older.incident, lines=lines)
            merged = attrs.evolve(tracker.incident, merged_into=older.incident.id)
            events.append(_cleared(merged, step.end_ns, f"the same fault as {older.incident.id}"))
        self._trackers = kept
        return events

    # ---- findings nobody knows yet ------------------------------------------------------------------------------
    def _hear_rumours(self, groups: Sequence[Group], step: Step) -> list[IncidentEvent]:
        for rumour in self._rumours:
            rumour.matched = False
        for group in groups:
            known = next((r for r in self._rumours if not r.matched and r.group.bases & group.bases), None)
            if known is None:
                known = _Rumour(group=group, hits=deque(maxlen=self._rules.raise_of))
                self._rumours.append(known)
            onset_ns = min(known.group.onset_ns, group.onset_ns)
            known.group = group.since(onset_ns)
            known.matched = True
        for rumour in self._rumours:
            rumour.hits.append(rumour.matched)
        ripe = [r for r in self._rumours if r.matched and sum(r.hits) >= self._rules.raise_needed]
        events = []
        for rumour in ripe:
            taken = frozenset().union(*(t.incident.bases for t in self._trackers))
            if rumour.group.bases & taken:  # two rumours grew together in this step: the first one raised holds the place
                continue
            incident = _raised(rumour.group, step)
            planned_ns = step.end_ns if incident.planned else 0
            self._trackers.append(_Tracker(incident=incident, planned_ns=planned_ns, covered=True))
            events.append(IncidentEvent(kind=EventKind.RAISE, incident=incident, notify=incident.notified))
        held = frozenset().union(*(t.incident.bases for t in self._trackers))
        self._rumours = [r for r in self._rumours if any(r.hits) and not r.group.bases & held]
        return events

    # ---- health -------------------------------------------------------------------------------------------------
    def _clear(self, step: Step) -> list[IncidentEvent]:
        events: list[IncidentEvent] = []
        staying: list[_Tracker] = []
        for tracker in self._trackers:
            if not tracker.covered:
                self._not_found(tracker, step)
            if tracker.good_ns >= max(1, self._rules.clear_after_s * SECOND_NS):
                events.append(_cleared(tracker.incident, step.end_ns, f"healthy for {tracker.good_ns // SECOND_NS} s"))
            else:
                staying.append(tracker)
        self._trackers = staying
        return events

    @staticmethod
    def _not_found(tracker: _Tracker, step: Step) -> None:
        bases = tracker.incident.bases
        tracker.rival, tracker.rival_steps = None, 0
        if tracker.incident.informational:
            tracker.good_ns += step.length_ns  # what is no longer news is over: a route is not measured to be healthy
        elif not bases.isdisjoint(step.supported):
            tracker.good_ns = 0
            tracker.incident = attrs.evolve(tracker.incident, updated_ns=step.end_ns)
        elif not bases.isdisjoint(step.observed):
            tracker.good_ns += step.length_ns


# ---- pure pieces -------------------------------------------------------------------------------------------------
def _differs(incident: Incident, group: Group) -> bool:
    if incident.owner != group.lead["owner"] or incident.mode != group.lead["mode"]:
        return True
    if not incident.notified and not group.quiet:
        return True
    return not frozenset(base_of(c) for c in incident.components) & frozenset(base_of(c) for c in group.lead["components"])


def _told(incident: Incident, group: Group, step: Step) -> Incident:
    """The incident with the newest verdict; its id, its beginning and what was already said stay."""
    return attrs.evolve(
        incident,
        verdict=group.lead,
        further=tuple(finding.verdict for finding in group.findings[1:]),
        planned=group.planned,
        lines=tuple(sorted({*incident.lines, *group.lines})),
        tenants=tuple(sorted({*incident.tenants, *group.tenants})),
        updated_ns=step.end_ns,
        context=step.context,
    )


def _said(incident: Incident, event: EventKind, time_ns: int, reason: str) -> Incident:
    revision = Revision(
        number=len(incident.revisions) + 1,
        event=event,
        time_ns=time_ns,
        owner=incident.owner,
        mode=incident.mode,
        components=incident.components,
        confidence=incident.confidence,
        reason=reason,
    )
    return attrs.evolve(incident, revisions=(*incident.revisions, revision))


def _raised(group: Group, step: Step) -> Incident:
    incident = Incident(
        id=incident_id(group.lead["components"], step.end_ns),
        tenants=tuple(sorted(group.tenants)),
        lines=tuple(sorted(group.lines)),
        state=IncidentState.OPEN,
        planned=group.planned,
        notified=not group.quiet,
        onset_ns=group.onset_ns,
        raised_ns=step.end_ns,
        updated_ns=step.end_ns,
        verdict=group.lead,
        further=tuple(finding.verdict for finding in group.findings[1:]),
        context=step.context,
    )
    reason = "found in enough consecutive steps"
    if group.quiet:
        reason = PLANNED if group.planned else ROUTE if group.informational else SHADOW
    return _said(incident, EventKind.RAISE, step.end_ns, reason)


def _cleared(incident: Incident, now_ns: int, reason: str) -> IncidentEvent:
    over = attrs.evolve(incident, state=IncidentState.CLEARED, cleared_ns=now_ns, ended_ns=incident.updated_ns)
    return IncidentEvent(kind=EventKind.CLEAR, incident=_said(over, EventKind.CLEAR, now_ns, reason), notify=incident.notified)


def _revision_reason(before: Incident, group: Group, kind: EventKind) -> str:
    if kind is EventKind.RAISE:
        return OUTLIVED if before.planned else LEARNED
    lead = group.lead
    strongest = next(iter(lead.get("evidence", ())), None)
    because = f" because {strongest['text']}" if strongest and strongest.get("text") else ""
    moved = _moved(before, lead)
    mode = Mode(lead["mode"])
    if mode is not before.mode:
        turned = f"{_EN.mode(mode)} instead of {_EN.mode(before.mode)}"
        moved = f"{moved}, {turned}" if moved else f"now {turned}"
    return f"{moved or 'the same place, surer now'}{because}"


def _moved(before: Incident, lead: Mapping[str, Any]) -> str:
    """From where to where, in words: `moved from access network (loop-1>) to carrier core (core-1>)`."""
    owner, places = Owner(lead["owner"]), [", ".join(map(str, c)) for c in (before.components, lead["components"])]
    if owner is not before.owner:
        return f"moved from {_EN.owner(before.owner)} ({places[0]}) to {_EN.owner(owner)} ({places[1]})"
    return f"moved from {places[0]} to {places[1]}" if places[0] != places[1] else ""


def incident_id(components: Sequence[str], raised_ns: int) -> IncidentId:
    """An id people can read out on the phone: the UTC minute of the raise and six hexadecimal digits of place and second."""
    moment = datetime.fromtimestamp(raised_ns // SECOND_NS, tz=UTC)
    digest = hashlib.sha256(f"{raised_ns}|{'|'.join(sorted(components))}".encode()).hexdigest()
    return IncidentId(f"F{moment:%Y%m%d-%H%M}-{digest[:6]}")
