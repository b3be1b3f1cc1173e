"""Which of a line's declared tests to repeat now, and how often: by what each is expected to tell for what it costs.

Goes in: the inventory, the evidence at hand, the verdict on it, and what can be ordered (`analyzer.orders.tasks`). Comes out: a
plan, the best first. A dial test is reckoned by the localiser's own likelihoods (`faultline.inference.worth`); a trace tells
which of several ways packets take, which is worth what lies between those ways, and nothing while a fresh one knows it. A cost is
what probes count when they are asked: one for an attempt, one for each traced flow.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import attrs

from analyzer.orders.tasks import Errand
from analyzer.planning.coverage.healthy import Measured
from faultline.inference.observations import assemble
from faultline.inference.worth import Outcome, counted, worth
from faultline.inventory import Inventory
from faultline.records.incident import Base, base_of
from faultline.records.terms import SECOND_NS, ProbeId, TraceId

MOST_COST = 40
"""Of one probe: it takes a burst of 64, and the analyzer may ask it for something else at the same time."""


@attrs.frozen(slots=True, kw_only=True)
class PlannedTest:
    """A test, and how often."""

    errand: Errand
    runs: int
    gain_nats: float
    """Expected, of all runs together."""

    @property
    def cost(self) -> int:
        """Attempts or traced flows of all runs."""
        return self.errand.cost * self.runs


def plan(
    inventory: Inventory,
    errands: Iterable[Errand],
    *,
    evidence: Mapping[str, Any],
    verdict: Mapping[str, Any],
    fresh: Collection[str],
    attempts: int,
) -> list[PlannedTest]:
    """What to ask for, the best first.

    Args:
        inventory: what the operator knows.
        errands: the tests that can be ordered.
        evidence: what is known now.
        verdict: what follows from it.
        fresh: ids of traces of which every flow was traced a moment ago.
        attempts: of each dial test.
    """
    found = list(errands)
    dials = [errand for errand in found if errand.kind == "dial"]
    known, expected = _expected(inventory, dials, evidence, attempts)
    gains = dict(zip(expected, worth(known, list(expected.values())), strict=True))
    gains |= {e.id: 0.0 if e.id in fresh else _of_ways(inventory, e, verdict) for e in found if e.kind == "trace"}
    tests = [PlannedTest(errand=e, runs=attempts if e in dials else 1, gain_nats=gains.get(e.id, 0.0)) for e in found]
    return _affordable(sorted(tests, key=lambda t: (-round(t.gain_nats / t.cost, 6), t.cost, t.errand.id)))


def _affordable(tests: Iterable[PlannedTest]) -> list[PlannedTest]:
    spent: dict[ProbeId, int] = {}
    kept = []
    for test in tests:
        probe = test.errand.probe
        if spent.get(probe, 0) + test.cost <= MOST_COST:
            spent[probe] = spent.get(probe, 0) + test.cost
            kept.append(test)
    return kept


# ---- dial tests --------------------------------------------------------------------------------------------------
def _expected(
    inventory: Inventory, dials: Iterable[Errand], evidence: Mapping[str, Any], attempts: int
) -> tuple[Mapping[str, Any], dict[str, list[Outcome]]]:
    """The evidence with what the tests would cross listed, and of each test: none to all of so many attempts unanswered."""
    leaks = {o["view"]: o["leak"] for o in evidence["observations"] if o["kind"] == "failure" and "leak" in o}
    listed = {component["id"]: component for component in evidence["components"]}
    expected = {}
    for errand in dials:
        tags = {"line": errand.line, "dial": errand.id}
        row = Measured(measurement="dial", tags=tags, fields={"scheduled": attempts, "done": attempts})
        made = assemble(rows=[row], inventory=inventory, window=(0, SECOND_NS), usual=lambda **_: None, distributions=False)
        for observation in made["observations"]:
            if observation["kind"] == "failure":
                # How often it fails when all is well is learned where the test is in the evidence already.
                leak = leaks.get(observation["view"], observation["leak"])
                expected[errand.id] = counted({**observation, "leak": leak}, "failed", attempts)
                listed = {**{component["id"]: component for component in made["components"]}, **listed}
    return {**evidence, "components": list(listed.values())}, expected


# ---- traces ------------------------------------------------------------------------------------------------------
def _of_ways(inventory: Inventory, errand: Errand, verdict: Mapping[str, Any]) -> float:
    """Entropy between the alternatives of the bundles a trace crosses, by what is suspected on each."""
    trace = inventory.traces[TraceId(errand.id)]
    mass: dict[Base, float] = {}
    for entry in verdict["verdicts"]:
        for candidate in entry["candidates"]:
            base = base_of(str(candidate["id"]))
            mass[base] = max(mass.get(base, 0.0), candidate["probability"])
    gain = 0.0
    for bundle in inventory.lines[trace.line].path:
        paths = inventory.components[bundle].paths
        shares = [math.fsum(mass.get(member, 0.0) for member in path) for path in paths]
        whole = max(1.0, math.fsum(shares))
        gain -= math.fsum(s / whole * math.log(s / whole) for s in shares if s > 0)
    return gain
