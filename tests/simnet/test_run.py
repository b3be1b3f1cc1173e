"""The whole chain in virtual time: simulated probes, the real collector, the real analyzer. One seed a kind."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from appliance.demo.faults import Fault, Kind, Way
from appliance.demo.line import SEGMENTS, Probes
from appliance.simnet.measuring import Upload
from appliance.simnet.run import SimulatedRun
from appliance.simnet.trial import Trial, run_trial
from faultline.inventory import Inventory
from faultline.records.incident import Base, IncidentState
from faultline.records.terms import SECOND_NS, Direction, Level, Stream
from faultline.store.ledger import BatchState, Ledger

Simulate = Callable[..., SimulatedRun]
TEN_S = 10 * SECOND_NS


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=Kind.LOSS, component="loop-a", way=Way.FORWARD, rate=0.005),
        Fault(kind=Kind.LOSS, component="loop-z", way=Way.REVERSE, rate=0.02),
        Fault(kind=Kind.DELAY, component="loop-a", way=Way.REVERSE, rate=8.0),
        Fault(kind=Kind.LINK_DOWN, component="core", way=Way.BOTH, rate=1.0),
    ],
    ids=lambda fault: f"{fault.kind} {fault.component} {fault.way} {fault.rate:g}",
)
def test_the_right_component_owner_and_mode_are_named_within_a_minute(fault: Fault) -> None:
    """From batches alone: the analyzer sees the inventory and the stores, and not what was injected."""
    result = run_trial(Trial(fault=fault, seed=1))
    assert result.verdict is not None
    assert result.correct.everything, result.verdict
    assert result.after_s is not None
    assert result.after_s <= 60


def test_a_healthy_line_is_not_blamed() -> None:
    """Nothing was injected: nothing is said."""
    result = run_trial(Trial(fault=None, seed=1, learn_s=30, patience_s=30))
    assert result.verdict is None
    assert result.correct.everything


def test_a_run_is_the_same_every_time(simulate: Simulate) -> None:
    """Same seed, same windows, same words."""

    def story(run: SimulatedRun) -> list[object]:
        run.advance(40)
        run.inject("loss", Base("core"), rate=0.02, directions=(Direction.A_TO_Z,))
        blame = run.until_blame(within_s=60)
        assert blame is not None
        rows = [
            (row.measurement, dict(row.tags), dict(row.fields))
            for window in run.stored._reader.final_windows(Level.TEN_SECONDS)
            for row in run.stored._reader.rows(window)
        ]
        return [blame.said_ns, dict(blame.incident.verdict), rows]

    first, second = story(simulate(seed=5)), story(simulate(seed=5))
    assert first[0] == second[0]
    assert first[1] | {"seconds": 0} == second[1] | {"seconds": 0}  # type: ignore[operator]
    assert first[2] == second[2]


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_a_fault_that_is_mended_is_cleared_with_its_end(simulate: Simulate) -> None:
    """Raised once, cleared once; its end is when the fault ended, to a window."""
    run = simulate(seed=2)
    run.advance(60)
    run.inject("loss", Base("loop-a"), rate=0.03, directions=(Direction.A_TO_Z,))
    injected_ns = run.now_ns
    run.advance(50)
    run.mend()
    mended_ns = run.now_ns
    run.advance(420)
    (incident,) = run.stored.incidents()
    assert incident.state is IncidentState.CLEARED
    assert incident.ended_ns is not None
    assert abs(incident.onset_ns - injected_ns) <= TEN_S
    assert abs(incident.ended_ns - mended_ns) <= 2 * TEN_S


def test_every_batch_is_in_the_stores_exactly_once_though_the_way_is_bad_and_services_restart(simulate: Simulate) -> None:
    """Batches are lost on their way and come again, collector and analyzer lose their memory twice: rows and flows as without."""
    good, bad = simulate(seed=4, answer=False), simulate(seed=4, answer=False)
    tries: dict[tuple[str, Stream, int], int] = {}

    def unreliable(upload: Upload) -> bool:
        key = (upload.probe, upload.stream, upload.seq)
        tries[key] = tries.get(key, 0) + 1
        return tries[key] > (upload.seq * 7 + len(upload.probe)) % 3

    bad._on_upload = unreliable
    for number in range(5):
        for run in (good, bad):
            run.advance(10)
        if number in {1, 3}:
            bad.restart()
    for run in (good, bad):
        run._on_upload = lambda _: True
        run.advance(10)
        run.settle()
    assert max(tries.values()) == 3
    assert good.acknowledged == bad.acknowledged
    rows = Ledger(bad.collector.state).after(0, limit=10_000)
    identities = [(row.identity.probe, row.identity.stream, row.identity.seq) for row in rows]
    assert len(identities) == len(set(identities)) == sum(bad.acknowledged.values())
    assert {row.state for row in rows} == {BatchState.FINAL}
    flows = [
        sorted((row["flow_id"], row["interval_start_ns"], row["vantage"], row["packets"]) for row in found.to_pylist())
        for found in (run.collector.archive.search(tenant=None, start_ns=0, end_ns=1 << 62) for run in (good, bad))
    ]
    assert flows[0] == flows[1]
    sums = [
        {
            (p.measurement, p.time_ns, str(sorted(p.tags.items()))): p.fields
            for name in ("session", "line_traffic", "line_quality")
            for p in run.stored._reader.points(name, start_ns=0, end_ns=1 << 62)
        }
        for run in (good, bad)
    ]
    assert sums[0] == sums[1]


def test_a_probe_that_fell_silent_is_not_a_fault_of_the_network(simulate: Simulate) -> None:
    """Its batches stop coming; the line is healthy, and no component of the line is blamed."""
    run = simulate(seed=6)
    run.advance(60)
    run._on_upload = lambda upload: upload.probe != "pe1"
    run.advance(90)
    blamed = {c for i in run.stored.incidents() for c in i.components if i.verdict["blames"]}
    assert blamed == set()


def test_a_session_the_inventory_does_not_know_stops_nothing(line: Inventory, simulate: Simulate) -> None:
    """A probe tests more than was written down: the rows are kept, and every window is answered all the same."""
    known = {name: session for name, session in line.sessions.items() if name != "ce-pe1"}
    run = simulate(seed=3)
    run.collector.close()
    run.scenario = attrs.evolve(run.scenario, inventory=attrs.evolve(line, sessions=known))
    run._open()
    run.advance(45)
    assert run.counters.stage("windows").snapshot().out == 4
    rows = run.stored._reader.points("session", start_ns=0, end_ns=1 << 62)
    assert {"session": "ce-pe1"} in [dict(row.tags) for row in rows]


@pytest.mark.e2e
@pytest.mark.timeout(900)
@pytest.mark.parametrize("segment", SEGMENTS)
def test_every_segment_kind_and_direction(segment: str) -> None:
    """With probes at the provider edges every segment's owner can be told apart: loss of 1 %, delay, a cut, both directions."""
    faults = [
        Fault(kind=kind, component=segment, way=way, rate=rate)
        for kind, ways, rate in (
            (Kind.LOSS, tuple(Way), 0.01),
            (Kind.DELAY, tuple(Way), 10.0),
            (Kind.LINK_DOWN, (Way.BOTH,), 1.0),
        )
        for way in ways
    ]
    wrong = {}
    for fault in faults:
        result = run_trial(Trial(fault=fault, seed=11))
        if not (result.correct.owner and result.correct.mode) or result.after_s is None or result.after_s > 60:
            wrong[f"{fault.kind} {fault.way} {fault.rate:g}"] = result.verdict and result.verdict["text"]
    assert wrong == {}


@pytest.mark.e2e
@pytest.mark.timeout(600)
def test_with_probes_at_the_ends_only_the_answer_is_as_wide_as_the_evidence() -> None:
    """Between the ends nothing can be told apart: the class is named, never one of it with false certainty."""
    fault = Fault(kind=Kind.LOSS, component="core", way=Way.FORWARD, rate=0.02)
    result = run_trial(Trial(fault=fault, seed=3, probes=Probes.ENDS))
    assert result.verdict is not None
    assert result.correct.component
    assert result.correct.owner


@pytest.mark.e2e
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(3))
def test_hours_of_health_are_never_blamed(seed: int) -> None:
    """Twenty minutes a seed, with the noise of every day."""
    assert run_trial(Trial(fault=None, seed=100 + seed, patience_s=1200)).verdict is None


def test_lines_of_the_inventory_are_all_measured(line: Inventory, simulate: Simulate) -> None:
    """Every vantage that captures and every session of the inventory has rows."""
    run = simulate(seed=8, answer=False)
    run.advance(35)
    reader = run.stored._reader
    vantages = {p.tags["vantage"] for p in reader.points("line_quality", start_ns=0, end_ns=1 << 62)}
    sessions = {p.tags["session"] for p in reader.points("session", start_ns=0, end_ns=1 << 62)}
    assert vantages == {vantage.id for vantage in line.vantages.values() if vantage.observation_point}
    assert sessions == set(line.sessions)
