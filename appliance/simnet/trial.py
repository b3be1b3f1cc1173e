"""One fault on the demo's line, simulated and judged: what accuracy tables and tests are made of.

Goes in: a fault (or none), a seed. Comes out: what was said first, whether it was right, and after how long.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from appliance.demo.faults import Fault
from appliance.demo.judging import Correct, Said, judge
from appliance.demo.line import Probes, inventory_document
from appliance.simnet.flows import Traffic
from appliance.simnet.run import Scenario, SimulatedRun
from faultline.inventory import parse
from faultline.records.incident import Base
from faultline.records.terms import SECOND_NS

LEARN_S = 60.0
PATIENCE_S = 60.0


@attrs.frozen(slots=True, kw_only=True)
class Trial:
    """What is tried."""

    fault: Fault | None
    seed: int
    probes: Probes = Probes.FULL
    learn_s: float = LEARN_S
    """How long the line is healthy before the fault."""
    patience_s: float = PATIENCE_S
    """How long a verdict is waited for, or a healthy line watched."""
    traffic: Traffic = attrs.field(factory=Traffic)
    test_packets_per_s: float = 100.0


@attrs.frozen(slots=True, kw_only=True)
class Result:
    """How it went."""

    trial: Trial
    correct: Correct
    verdict: Mapping[str, Any] | None
    """The first entry that blamed; None when nothing did."""
    after_s: float | None
    """Seconds from the fault to the verdict."""
    blamed_healthy: bool
    """Something was blamed before the fault began."""


def run_trial(trial: Trial) -> Result:
    """Learn, injure, wait for the first blame, judge it."""
    scenario = Scenario(
        inventory=parse(inventory_document(trial.probes), "the demo line"),
        traffic=trial.traffic,
        test_packets_per_s=trial.test_packets_per_s,
        seed=trial.seed,
    )
    with tempfile.TemporaryDirectory(prefix="faultline-trial-") as folder, SimulatedRun(Path(folder), scenario) as run:
        run.advance(trial.learn_s)
        early = run.blame
        begin_ns = run.now_ns
        fault = trial.fault
        if fault is not None:
            run.inject(fault.kind.value, Base(fault.component), rate=fault.rate, directions=fault.way.directions)
        blame = early or run.until_blame(within_s=trial.patience_s)
        entries = [] if blame is None else [e for e in (blame.incident.verdict, *blame.incident.further) if e.get("blames")]
        evidence = {} if blame is None else run.stored.evidence(blame.incident.id) or {}
    return Result(
        trial=trial,
        correct=judge([fault] if fault else [], [Said(entry=entry, evidence=evidence) for entry in entries]),
        verdict=entries[0] if entries else None,
        after_s=(blame.said_ns - begin_ns) / SECOND_NS if blame is not None and early is None else None,
        blamed_healthy=early is not None,
    )
