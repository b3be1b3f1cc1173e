"""An operator asks for a closer look: tests are chosen, ordered from simulated probes, answered, and reckoned with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from analyzer.config import AnalyzerConfig
from analyzer.investigating.asking import Watch
from analyzer.investigating.command import document
from analyzer.investigating.investigation import Ground, Investigation, investigate
from analyzer.orders.rules import OrderRules
from analyzer.service import judge_of
from appliance.simnet.run import SimulatedRun
from faultline.records.terms import LineCode
from faultline.store.control import ControlBook, RequestState
from faultline.store.state import StateStore

Simulate = Callable[..., SimulatedRun]


def looked(
    run: SimulatedRun, line: str, *, bound_s: float = 90.0, dry_run: bool = False, control: ControlBook | None = None
) -> tuple[Investigation, list[str]]:
    """An investigation in virtual time, and what was said meanwhile."""
    said: list[str] = []

    def pause(seconds: float) -> None:
        run.advance(seconds)

    ground = Ground(
        inventory=run.scenario.inventory,
        stored=run.stored,
        control=control or run.stored.control,
        judge=judge_of(AnalyzerConfig(), run.scenario.inventory, run.stored),
        rules=OrderRules(),
    )
    watch = Watch(now_ns=lambda: run.now_ns, pause=pause, tell=said.append)
    done = investigate(LineCode(line), ground, watch, attempts=4, bound_s=bound_s, dry_run=dry_run)
    assert done is not None
    return done, said


@pytest.fixture
def failing(simulate: Simulate) -> SimulatedRun:
    """A name server that answers every second query, for ten seconds so far: too short to be sure."""
    run = simulate(seed=4)
    run.advance(40)
    run.inject("dns-timeout", "dns-1", rate=0.5)
    run.advance(14)
    return run


def test_what_tells_most_is_asked_first_and_settles_it(failing: SimulatedRun) -> None:
    """A dry run asks nothing; then tests of the server in doubt come first, and their results are in the verdict after."""
    line = next(iter(failing.scenario.inventory.lines))
    before = failing.stored.control.fates()
    dry, said = looked(failing, line, dry_run=True)
    assert (dry.ended, dry.after, said) == ({}, None, [])
    assert failing.stored.control.fates() == before

    done, said = looked(failing, line)
    gains = [test.gain_nats / test.cost for test in done.tests]
    assert gains == sorted(gains, reverse=True)
    assert {test.runs for test in done.tests if test.errand.kind == "dial"} == {4}
    asked = {test.errand.id: sum(done.ended[test.errand.id].values()) for test in done.tests}
    assert asked == {test.errand.id: test.runs for test in done.tests}
    assert all(state not in {RequestState.WAITING, RequestState.SERVED} for found in done.ended.values() for state in found)
    assert done.after is not None
    entry = done.after.verdict["verdicts"][0]
    assert (entry["components"], entry["mode"], entry["blames"]) == (["dns-1"], "failing", True)
    assert done.seconds < 60
    assert said[-1].endswith("runs have ended, waiting for their window")
    told = json.loads(json.dumps(document(done)))
    assert told["tests"][0]["ended"]
    assert told["after"]["verdicts"][0]["components"] == ["dns-1"]


def test_a_probe_that_does_not_answer_is_waited_for_no_longer_than_the_bound(failing: SimulatedRun, tmp_path: Path) -> None:
    """The time is up, what is open is told as open, and what was measured meanwhile still counts."""
    nobody_asks = ControlBook(StateStore(tmp_path / "elsewhere.sqlite"))
    done, _ = looked(failing, next(iter(failing.scenario.inventory.lines)), bound_s=20, control=nobody_asks)
    assert 20 <= done.seconds < 25
    assert {state for found in done.ended.values() for state in found} == {RequestState.WAITING}
    assert done.after is not None
    assert done.after.end_ns > done.before.end_ns
