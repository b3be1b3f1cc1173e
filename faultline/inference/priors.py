"""How likely a fault was before anything was measured.

Goes in: components, the rates and planned work that the evidence states. Comes out: a probability by component, for the window.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from faultline.inference.faults import (
    FAULT_RATES,
    LARGEST_PRIOR,
    NEVER_BLAMED,
    PLANNED_FACTOR,
    rate_of,
)
from faultline.inference.observed import (
    Component,
    Evidence,
    Observation,
    Told,
)


def component_priors(components: Sequence[Component], evidence: Evidence) -> list[float]:
    """Probability of a fault in the window, by component."""
    hours = evidence.seconds / 3600
    planned = {str(o.raw.get("component")) for o in evidence.observations if announces_work(o)}
    priors = [rate_of(c.kind, evidence.fault_rates) * hours for c in components]
    if evidence.expected_faults is not None:
        total = math.fsum(p for p, c in zip(priors, components, strict=True) if c.kind not in NEVER_BLAMED)
        if total <= 0:  # rates of zero leave nothing to share the expected faults by
            priors = [FAULT_RATES[c.kind] for c in components]
            total = math.fsum(priors)
        factor = evidence.expected_faults / total if total else 0.0
        priors = [p * factor if c.kind not in NEVER_BLAMED else p for p, c in zip(priors, components, strict=True)]
    return [
        min(LARGEST_PRIOR, p * (PLANNED_FACTOR if number in evidence.maintenance or str(c.id) in planned else 1.0))
        for number, (p, c) in enumerate(zip(priors, components, strict=True))
    ]


def announces_work(observation: Observation) -> bool:
    """Whether somebody says that work is planned there."""
    return isinstance(observation, Told) and observation.raised and is_work(observation.name)


def is_work(name: str) -> bool:
    """Whether what is told is work and no trouble."""
    return any(word in name.lower() for word in ("planned", "maintenance"))


def planned_components(evidence: Evidence) -> frozenset[int]:
    """Components in a declared maintenance window, by the file's list or by an event that announces one."""
    told = {o.component for o in evidence.observations if isinstance(o, Told) and announces_work(o)}
    return evidence.maintenance | {c for c in told if c is not None}
