"""What was said then, beside what would be said now.

Goes in: stored incidents and replayed ones, and the period. Comes out: differences: incidents that only one of the two knows, and
those that both know with another owner, mode, place, beginning or end. Two incidents are the same when they name a common place
at a common time. Of each, what counts is the last that was said of it within the period. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

import attrs

from faultline.records.incident import EventKind, Incident, Revision, base_of
from faultline.records.terms import SECOND_NS

SAME_NS = 10 * SECOND_NS
"""Raised or cleared a window earlier or later is the same: a window may have been revised since."""


class What(StrEnum):
    """In what two answers differ."""

    ONLY_THEN = "only_then"
    ONLY_NOW = "only_now"
    OWNER = "owner"
    MODE = "mode"
    PLACE = "place"
    RAISED = "raised"
    CLEARED = "cleared"


@attrs.frozen(slots=True, kw_only=True)
class Difference:
    """One difference."""

    what: What
    then: Incident | None
    now: Incident | None


def differences(stored: Iterable[Incident], replayed: Iterable[Incident], *, since_ns: int, until_ns: int) -> list[Difference]:
    """All of them, in order of time."""
    then = [i for i in stored if i.raised_ns <= until_ns and (i.cleared_ns is None or i.cleared_ns > since_ns)]
    left = sorted(replayed, key=lambda i: (i.raised_ns, i.id))
    found: list[Difference] = []
    for old in sorted(then, key=lambda i: (i.raised_ns, i.id)):
        new = next((i for i in left if _same(old, i, until_ns)), None)
        if new is None:
            found.append(Difference(what=What.ONLY_THEN, then=old, now=None))
            continue
        left.remove(new)
        found += [Difference(what=what, then=old, now=new) for what in _compared(old, new, since_ns, until_ns)]
    found += [Difference(what=What.ONLY_NOW, then=None, now=new) for new in left]
    return sorted(found, key=lambda d: min(i.raised_ns for i in (d.then, d.now) if i is not None))


def last_said(incident: Incident, until_ns: int) -> Revision:
    """The last thing said of its place and owner within the period; the raise when nothing else was."""
    inside = [r for r in incident.revisions if r.time_ns <= until_ns and r.event is not EventKind.CLEAR]
    return inside[-1] if inside else incident.revisions[0]


def cleared_ns(incident: Incident, until_ns: int) -> int | None:
    """When it was cleared, if within the period."""
    return incident.cleared_ns if incident.cleared_ns is not None and incident.cleared_ns <= until_ns else None


def _same(old: Incident, new: Incident, until_ns: int) -> bool:
    ends = [cleared_ns(incident, until_ns) or until_ns for incident in (old, new)]
    together = max(old.onset_ns, new.onset_ns) <= min(ends)
    return together and bool(_everywhere(old) & _everywhere(new))


def _everywhere(incident: Incident) -> frozenset[str]:
    """Every place it ever named: a verdict that moved is the same fault."""
    return frozenset(base_of(c) for revision in incident.revisions for c in revision.components) | incident.bases


def _compared(old: Incident, new: Incident, since_ns: int, until_ns: int) -> Sequence[What]:
    before, after = last_said(old, until_ns), last_said(new, until_ns)
    ends = [cleared_ns(incident, until_ns) for incident in (old, new)]
    found = []
    if before.owner is not after.owner:
        found.append(What.OWNER)
    if before.mode is not after.mode:
        found.append(What.MODE)
    if set(before.components) != set(after.components):
        found.append(What.PLACE)
    if old.raised_ns > since_ns and abs(old.raised_ns - new.raised_ns) > SAME_NS:
        found.append(What.RAISED)
    if (ends[0] is None) != (ends[1] is None) or abs((ends[0] or 0) - (ends[1] or 0)) > SAME_NS:
        found.append(What.CLEARED)
    return found
