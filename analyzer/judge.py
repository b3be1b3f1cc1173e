"""The inventory's judge: evidence of windows as one document, and the localiser's verdict on it.

Goes in: windows, baselines. Comes out: `faultline-evidence/1` and `faultline-verdict/1`. What rows mean is known to
`faultline.inference.observations`, what follows from them to `faultline.inference.locate`; here is only what needs the analyzer's
memory: which baseline belongs to a time, and which probes used to report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC
from typing import Any

from analyzer.baselines import Baselines, Rhythm, Usual, View
from analyzer.hearing import Hearing
from analyzer.history import Window, summed
from analyzer.network import network_of
from faultline.inference import locate
from faultline.inference.observations import assemble
from faultline.inference.observations_attendance import Attendance
from faultline.inference.observations_changes import route_name
from faultline.inference.observations_events import usual_credence
from faultline.inference.observations_routes import FRESH_NS, NEWS_NS, TracedRoute
from faultline.inventory import Inventory
from faultline.records.incident import Base
from faultline.records.terms import LineCode, ProbeId, TenantId

TRACED_NS = FRESH_NS + NEWS_NS
"""How far back routes are read: what is older neither tells a way nor news of one."""
UNKNOWN = Rhythm(zone=UTC)
"""Of a line that the inventory does not name."""
KEPT = 1000
"""Windows whose revision is remembered: more than any span holds."""


class InventoryJudge:
    """`analyzer.engine.Judge` over an inventory. Used by one thread.

    Args:
        inventory: what the operator knows.
        faults_per_component_hour: faults of a directed segment per hour; other kinds follow from it.
        traces: what is known of every flow that was traced since a moment.
        hearing: what devices and people tell; None: nobody is listened to.
    """

    def __init__(
        self,
        inventory: Inventory,
        *,
        faults_per_component_hour: float,
        traces: Callable[[int], Sequence[TracedRoute]] = lambda _: (),
        hearing: Hearing | None = None,
    ) -> None:
        self._inventory = inventory
        self._traces = traces
        self._hearing = hearing
        self._traced: Sequence[TracedRoute] = ()
        self._traced_ns = 0
        """End of the newest window when they were read."""
        self._rate = faults_per_component_hour
        self._network = network_of(inventory)
        self._rhythms = {
            code: Rhythm(zone=zone, calendar=inventory.calendar_of(inventory.lines[code]))
            for code, zone in self._network.zones().items()
        }
        self._attendance = Attendance()
        self._attended: dict[int, int] = {}
        """Revision of each window whose probes were counted, by start."""

    def evidence(
        self,
        windows: Sequence[Window],
        baselines: Baselines,
        *,
        distributions: bool,
        prior_share: float,
    ) -> Mapping[str, Any]:
        """`faultline-evidence/1` of the windows taken together."""
        for window in windows:
            self._attend(window)
        start_ns, end_ns = windows[0].start_ns, windows[-1].end_ns

        def usual(*, line: str, name: str, direction: str, metric: str, endpoint: str = "") -> Usual | None:
            slot = self._rhythms.get(LineCode(line), UNKNOWN).slot(windows[-1].start_ns)
            return baselines.usual(View(line=line, name=name, direction=direction, metric=metric, endpoint=endpoint), slot)

        return assemble(
            rows=summed(windows, distributions=distributions),
            inventory=self._inventory,
            window=(start_ns, end_ns),
            usual=usual,
            prior_share=prior_share,
            fault_rate_per_hour=self._rate,
            distributions=distributions,
            silent=self._attendance.silent(start_ns, end_ns),
            traced=self._routes(end_ns),
            events=self._hearing.around(end_ns) if self._hearing else (),
            credence_of=self._hearing.credence_of if self._hearing else usual_credence,
        )

    def locate(self, evidence: Mapping[str, Any]) -> Mapping[str, Any]:
        """`faultline-verdict/1`; a floor only where something is reported: steps without an incident have nowhere to tell it."""
        return locate(evidence, healthy_floor=False)

    def lines_of(self, bases: Iterable[Base]) -> Mapping[LineCode, TenantId]:
        """Lines that cross any of the components, with their tenants; of a traced route, the line it was traced for."""
        wanted = frozenset(bases)
        routed = {t.line for t in self._inventory.traces.values() if route_name(t) in wanted}
        return self._network.lines_of(wanted) | {code: self._inventory.lines[code].tenant for code in routed}

    def bases_of(self, line: LineCode) -> frozenset[Base]:
        """Components of a line."""
        return self._network.bases_of(line)

    def lines(self) -> Mapping[LineCode, Rhythm]:
        """Every line with its rhythm."""
        return self._rhythms

    def _routes(self, end_ns: int) -> Sequence[TracedRoute]:
        """Routes as they are known now, read once a step."""
        if end_ns > self._traced_ns:
            self._traced_ns = end_ns
            self._traced = self._traces(end_ns - TRACED_NS)
        return self._traced

    def _attend(self, window: Window) -> None:
        """Count a window's probes, once a revision."""
        if self._attended.get(window.start_ns) == window.revision:
            return
        self._attended[window.start_ns] = window.revision
        while len(self._attended) > KEPT:
            del self._attended[next(iter(self._attended))]
        self._attendance.observe(window.end_ns, (ProbeId(row.tags["probe"]) for row in window.rows if "probe" in row.tags))
