"""Evidence assembly: what was measured in a window, as one `faultline-evidence/1` document.

Goes in: summed roll-up rows, the inventory, a way to look baselines up. Comes out: the components that the measured lines cross,
what is planned, and one observation for each thing that was measured; what was not measured is not there. Knows nothing of
stores, and judges nothing: that is the localiser's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from faultline.inference.observations_bracket import bracket_losses
from faultline.inference.observations_captures import capture_losses
from faultline.inference.observations_changes import change_observations
from faultline.inference.observations_components import components, maintenance
from faultline.inference.observations_dials import dial_observations
from faultline.inference.observations_endpoints import endpoint_observations
from faultline.inference.observations_ends import Elsewhere, end_observations
from faultline.inference.observations_events import CredenceOf, event_observations, usual_credence
from faultline.inference.observations_hosts import interface_observations, silence_observations
from faultline.inference.observations_lateness import lateness_us
from faultline.inference.observations_routes import TracedRoute, moved, passages
from faultline.inference.observations_rows import Ground, Observation, SeenRow, UsualOf, crossed, instant
from faultline.inference.observations_sessions import session_observations
from faultline.inference.observations_stands import measured_by
from faultline.inference.observations_tcp import sight_of, tcp_losses
from faultline.inference.observations_ways import Ways
from faultline.inventory.model import Inventory
from faultline.records.device_event import DeviceEvent
from faultline.records.terms import SECOND_NS, ComponentKind, LineCode, ProbeId

FORMAT = "faultline-evidence/1"
RATE_SHARES: Mapping[ComponentKind, float] = {
    ComponentKind.SEGMENT: 1.0,
    ComponentKind.LINK: 1.0,
    ComponentKind.DEVICE: 0.2,
    ComponentKind.SITE: 0.1,
    ComponentKind.SERVER: 4.0,
    ComponentKind.SERVICE: 4.0,
    ComponentKind.RESOLVER: 2.0,
    ComponentKind.ROUTE: 2000.0,
    ComponentKind.PROBE: 200.0,
}
"""Fault rates by kind as multiples of a directed segment's, in the localiser's proportions: software fails more often than
cables, chassis and buildings less; routes change and probes restart all the time."""


def assemble(
    *,
    rows: Iterable[SeenRow],
    inventory: Inventory,
    window: tuple[int, int],
    usual: UsualOf,
    prior_share: float = 1.0,
    fault_rate_per_hour: float = 5e-6,
    distributions: bool = True,
    silent: Mapping[ProbeId, tuple[int, int]] | None = None,
    traced: Sequence[TracedRoute] = (),
    events: Iterable[DeviceEvent] = (),
    credence_of: CredenceOf = usual_credence,
) -> dict[str, Any]:
    """The evidence of a window.

    Args:
        rows: roll-up rows, one a measurement and tag set: those of a window, or the sums over several. What a silent probe
            measured is of before its silence, and left out: whatever silenced it came after.
        inventory: what the operator knows. Rows of lines, sessions and vantages it does not name are left out.
        window: start and end in Unix nanoseconds.
        usual: looks baselines up for the time of the window.
        prior_share: factor on the fault rates, when several spans are asked.
        fault_rate_per_hour: faults of a directed segment per hour.
        distributions: whether delays and response times are compared with their baselines.
        silent: probes that fell silent, with reports missed and expected; see `observations_attendance`.
        traced: the newest route of each traced flow.
        events: what devices and people told lately; what stands at the end of the window counts.
        credence_of: how far to believe them.
    """
    start_ns, end_ns = window
    ways = Ways(inventory, passages(inventory, traced, window))
    heard = [row for row in rows if not silent or measured_by(row, inventory) not in silent]
    seconds = (end_ns - start_ns) / SECOND_NS
    ground = Ground(
        inventory=inventory,
        usual=usual,
        seconds=seconds,
        ways=ways,
        late_us=lateness_us(heard),
        missed=capture_losses(heard),
    )
    found = observations(heard, ground, distributions=distributions)
    found += silence_observations(silent or {}, inventory, ways)
    found += change_observations(moved(inventory, traced, window), inventory)
    found += event_observations(events, inventory, end_ns, credence_of)
    listed = components(found, inventory)
    return {
        "format": FORMAT,
        "window": {"start": instant(start_ns), "end": instant(end_ns)},
        "fault_rate": {kind.value: fault_rate_per_hour * share * prior_share for kind, share in RATE_SHARES.items()},
        "components": listed,
        "maintenance": [planned for planned in maintenance(inventory, start_ns, end_ns) if planned in {c["id"] for c in listed}],
        "observations": found,
    }


def observations(rows: list[SeenRow], ground: Ground, *, distributions: bool) -> list[Observation]:
    """Everything the rows say, in a stable order."""
    ordered = sorted(rows, key=lambda row: (row.measurement, sorted(row.tags.items())))
    if not distributions:
        ordered = [_CountsOnly(row) for row in ordered]

    def of(measurement: str) -> list[SeenRow]:
        return [row for row in ordered if row.measurement == measurement]

    sights = [s for row in of("line_quality") if (s := sight_of(row, ground.inventory)) is not None]
    used = list(endpoint_observations(of("endpoint_quality"), ground))
    found = [observation for row in of("session") for observation in session_observations(row, ground)]
    elsewhere = Elsewhere(
        tested=frozenset(LineCode(row.tags["line"]) for row in of("session") if "line" in row.tags),
        timed=crossed(observation for observation in found if observation["kind"] == "delay"),
        endpoints=frozenset(LineCode(row.tags["line"]) for row in of("endpoint_quality") if "line" in row.tags),
    )
    found += tcp_losses(sights, ground)
    found += bracket_losses(of("line_bracket"), ground)
    found += end_observations(sights, ground, elsewhere=elsewhere)
    found += used
    found += dial_observations(of("dial"), ground, tested=elsewhere.tested)
    found += interface_observations(of("interface"), ground.inventory)
    return found


class _CountsOnly:
    """A row without its distributions."""

    def __init__(self, row: SeenRow) -> None:
        self.measurement = row.measurement
        self.tags = row.tags
        self.fields = row.fields
        self.histograms: Mapping[str, Any] = {}
