"""An investigation from beginning to end: believe, choose, ask, believe again.

Goes in: a line and the ground it stands on. Comes out: both verdicts and what became of the tests. What is looked at is the line
and those that share most components with it: they tell its parts from one another.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol

import attrs

from analyzer.baselines import Baselines
from analyzer.engine import Judge
from analyzer.investigating.asking import LOOK_NS, Belief, Watch, ask, believed
from analyzer.investigating.choosing import PlannedTest, plan
from analyzer.orders.rules import OrderRules
from analyzer.orders.tasks import errands
from analyzer.stored import StoredMemory
from faultline.inventory import Inventory
from faultline.records.terms import SECOND_NS, LineCode
from faultline.store.control import ControlBook, RequestState
from faultline.store.traces import TracedRoute

LATEST_NS = 120 * SECOND_NS
"""When no window ended within this, there is nothing to investigate with."""
MOST_OTHERS = 60
"""Lines looked at beside the one: a core is crossed by all of them."""
FRESH_NS = 60 * SECOND_NS
"""A flow traced so lately need not be traced again."""


class Known(StoredMemory, Protocol):
    """What is read."""

    def traces(self, *, since_ns: int) -> Sequence[TracedRoute]:
        """Flows traced since a moment."""


@attrs.frozen(slots=True, kw_only=True)
class Ground:
    """What an investigation stands on."""

    inventory: Inventory
    stored: Known
    control: ControlBook
    judge: Judge
    rules: OrderRules


@attrs.frozen(slots=True, kw_only=True)
class Investigation:
    """What was believed, asked, answered, and believed then."""

    line: LineCode
    before: Belief
    tests: Sequence[PlannedTest]
    ended: Mapping[str, Counter[RequestState]]
    """How the runs of each test ended; empty when nothing was asked."""
    after: Belief | None
    seconds: float


def investigate(
    line: LineCode, ground: Ground, watch: Watch, *, attempts: int, bound_s: float, dry_run: bool = False
) -> Investigation | None:
    """Do it; None when nothing was measured lately."""
    begin_ns = watch.now_ns()
    lines = _looked_at(line, ground.judge)
    baselines = Baselines()
    for document in ground.stored.baselines():
        if document["view"]["line"] in lines:
            baselines.restore(document)
    fresh = ground.stored.final_after(begin_ns - LATEST_NS)
    before = None
    if fresh:
        before = believed(ground.stored, ground.judge, baselines, lines=lines, since_ns=fresh[-1].end_ns - LOOK_NS)
    if before is None:
        return None
    tests = plan(
        ground.inventory,
        [errand for errand in errands(ground.inventory, ground.rules) if errand.line == line],
        evidence=before.evidence,
        verdict=before.verdict,
        fresh=_fresh(ground, begin_ns),
        attempts=attempts,
    )
    if dry_run or not tests:
        return Investigation(line=line, before=before, tests=tests, ended={}, after=None, seconds=0.0)
    ended = ask(tests, ground.control, ground.stored, watch, expire_ns=ground.rules.expire_ns, bound_s=bound_s)
    after = believed(ground.stored, ground.judge, baselines, lines=lines, since_ns=before.end_ns - LOOK_NS)
    seconds = (watch.now_ns() - begin_ns) / SECOND_NS
    return Investigation(line=line, before=before, tests=tests, ended=ended, after=after, seconds=seconds)


def _looked_at(line: LineCode, judge: Judge) -> frozenset[LineCode]:
    mine = judge.bases_of(line)
    shared = {other: len(mine & judge.bases_of(other)) for other in judge.lines_of(mine) if other != line}
    return frozenset({line, *sorted(shared, key=lambda other: (-shared[other], other))[:MOST_OTHERS]})


def _fresh(ground: Ground, now_ns: int) -> frozenset[str]:
    """Traces of which every flow asked for was traced a moment ago."""
    flows: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for route in ground.stored.traces(since_ns=now_ns - FRESH_NS):
        flows[str(route.flow.trace)].add((route.flow.source_port, route.flow.destination_port))
    wanted = {
        errand.id: {(source, port) for source, port in errand.document["flows"]}
        for errand in errands(ground.inventory, ground.rules)
        if errand.kind == "trace"
    }
    return frozenset(name for name, asked in wanted.items() if asked <= flows[name])
