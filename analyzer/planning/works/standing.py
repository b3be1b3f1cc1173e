"""Where declared work stands: to come, under way, over, or overrun.

Goes in: windows and freezes, incidents, the time. Comes out: one row each, what needs somebody first. Pure.

A window is overrun when it is over and what began on its components while it lasted is still seen. People are told of the
incident a little later, when it is sure that it outlives its window.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

import attrs

from analyzer.planning.works.windows import Declared
from faultline.inventory import Freeze
from faultline.records.incident import Incident, IncidentState

PAST_NS = 7 * 86_400 * 1_000_000_000
"""What has been over for longer is not shown."""
MOST_SHOWN = 500


class Stage(StrEnum):
    """Where a window or a freeze is in its life; what needs somebody first."""

    OVERRUN = "overrun"
    CURRENT = "current"
    COMING = "coming"
    PAST = "past"


@attrs.frozen(slots=True, kw_only=True)
class Standing:
    """A window or a freeze at a moment."""

    declared: Declared
    stage: Stage
    incident: Incident | None = None
    """What was found on its components while it lasted, the newest: open when it is overrun."""

    @property
    def is_freeze(self) -> bool:
        """Whether it forbids work and is none."""
        return isinstance(self.declared, Freeze)


def standings(declared: Iterable[Declared], incidents: Sequence[Incident], now_ns: int) -> list[Standing]:
    """Rows by stage; what comes or goes on in the order of its beginning, what is over the newest first."""
    rows = [_standing(one, incidents, now_ns) for one in declared if one.end_ns > now_ns - PAST_NS]
    stages = list(Stage)
    rows.sort(key=lambda r: (stages.index(r.stage), -r.declared.end_ns if r.stage is Stage.PAST else r.declared.start_ns))
    return rows[:MOST_SHOWN]


def _standing(declared: Declared, incidents: Sequence[Incident], now_ns: int) -> Standing:
    found = None if isinstance(declared, Freeze) else _during(declared.components, declared, incidents)
    if now_ns < declared.start_ns:
        return Standing(declared=declared, stage=Stage.COMING)
    if now_ns < declared.end_ns:
        return Standing(declared=declared, stage=Stage.CURRENT, incident=found)
    overrun = found is not None and found.state is IncidentState.OPEN and found.updated_ns > declared.end_ns
    return Standing(declared=declared, stage=Stage.OVERRUN if overrun else Stage.PAST, incident=found)


def _during(components: Sequence[str], declared: Declared, incidents: Sequence[Incident]) -> Incident | None:
    """The newest incident that began on one of them while the work lasted; what was there before it is not its doing."""
    named = frozenset(components)
    return max(
        (
            incident
            for incident in incidents
            if not incident.informational
            and not named.isdisjoint(incident.bases)
            and declared.start_ns <= incident.onset_ns < declared.end_ns
        ),
        key=lambda incident: incident.onset_ns,
        default=None,
    )
