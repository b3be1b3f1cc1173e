"""The whole chain in virtual time: simulated probes, the real collector, the real analyzer. One seed a kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from appliance.demo.faults import Fault, Kind, Way
from appliance.demo.inventory_file import inventory_document
from appliance.demo.probing import Probes
from appliance.simnet.measuring import Upload
from appliance.simnet.run import SimulatedRun
from appliance.simnet.trial import Learned, Trial, run_trial
from faultline.inventory import Inventory, parse
from faultline.records.incident import IncidentState
from faultline.records.terms import SECOND_NS, Direction, Level, Stream
from faultline.store.control import ControlBook
from faultline.store.ledger import BatchState, Ledger

Simulate = Callable[..., SimulatedRun]
TEN_S = 10 * SECOND_NS
SEED = 4


def fault(kind: Kind, component: str, rate: float, way: Way = Way.BOTH) -> tuple[Fault, ...]:
    """One fault."""
    return (Fault(kind=kind, component=component, way=way, rate=rate),)


FAULTS: dict[Kind, tuple[Fault, ...]] = {
    Kind.NONE: (),
    Kind.LOSS: fault(Kind.LOSS, "loop-1", 0.02, Way.FORWARD),
    Kind.BURST_LOSS: fault(Kind.BURST_LOSS, "loop-3", 0.05, Way.REVERSE),
    Kind.CONGESTION: fault(Kind.CONGESTION, "loop-2", 20.0, Way.FORWARD),
    Kind.DELAY: fault(Kind.DELAY, "loop-4", 12.0, Way.REVERSE),
    Kind.REROUTE: fault(Kind.REROUTE, "core-1", 1.0),
    Kind.MTU: fault(Kind.MTU, "loop-2", 1400.0),
    Kind.LINK_DOWN: fault(Kind.LINK_DOWN, "loop-3", 1.0),
    Kind.SITE_DOWN: fault(Kind.SITE_DOWN, "branch-1", 1.0),
    Kind.SERVER_SLOW: fault(Kind.SERVER_SLOW, "svc-teller", 6.0),
    Kind.SERVER_STALLED: fault(Kind.SERVER_STALLED, "svc-file", 0.6),
    Kind.DNS_TIMEOUT: fault(Kind.DNS_TIMEOUT, "dns-1", 0.5),
    Kind.SERVICE_REFUSED: fault(Kind.SERVICE_REFUSED, "svc-web", 1.0),
}
QUICK = {Kind.LOSS, Kind.MTU, Kind.SITE_DOWN, Kind.SERVICE_REFUSED}
"""Tried whenever tests are run; the others with the long ones. All are in the tables of accuracy."""


@pytest.fixture(scope="module", params=[Probes.FULL, Probes.ENDS])
def learned(request: pytest.FixtureRequest) -> Iterator[Learned]:
    """A healthy network that the analyzer knows, with either set of probes."""
    with Learned(probes=request.param, seed=SEED) as found:
        yield found


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=() if kind in QUICK else pytest.mark.e2e) for kind in Kind])
def test_every_kind_of_fault_is_named_with_its_part_its_owner_and_how_it_fails(learned: Learned, kind: Kind) -> None:
    """From batches alone: the analyzer sees the inventory and the stores, and not what was injected."""
    result = learned.result(FAULTS[kind])
    correct = result.correct
    assert correct.everything, correct.reasons
    assert not result.blamed_healthy
    if result.trial.blamable:
        assert result.after_s is not None
        assert result.after_s <= result.trial.waits_s


def test_a_run_is_the_same_every_time(simulate: Simulate) -> None:
    """Same seed, same windows, same words."""

    def story(run: SimulatedRun) -> list[object]:
        run.advance(30)
        run.inject("loss", "loop-2", rate=0.03, directions=(Direction.A_TO_Z,))
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
    run.inject("loss", "loop-1", rate=0.03, directions=(Direction.A_TO_Z,))
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


def test_a_session_the_inventory_does_not_know_stops_nothing(bank: Inventory, simulate: Simulate) -> None:
    """A probe tests more than was written down: the rows are kept, and every window is answered all the same."""
    known = {name: session for name, session in bank.sessions.items() if name != "ce-1-pe"}
    run = simulate(seed=3)
    run.collector.close()
    run.scenario = attrs.evolve(run.scenario, inventory=attrs.evolve(bank, sessions=known))
    run._open()
    run.advance(45)
    assert run.counters.stage("windows").snapshot().out == 4
    rows = run.stored._reader.points("session", start_ns=0, end_ns=1 << 62)
    assert {"session": "ce-1-pe"} in [dict(row.tags) for row in rows]


def test_reports_that_travel_over_the_line_come_late_when_it_is_cut(simulate: Simulate) -> None:
    """Probes at the ends: the branch's batches wait while its loop is down, and come, each once, when it is up again."""
    inventory = parse(inventory_document(Probes.ENDS), "the bank's network")
    run = simulate(seed=3, answer=False, inventory=inventory, in_band=True)
    run.advance(22)
    run.inject("link-down", "loop-1", rate=1, lasts_s=20)
    run.advance(20)
    assert run.acknowledged["ce-1", "flows"] == 2
    assert run.acknowledged["ce-2", "flows"] == 4
    run.advance(10)
    assert run.acknowledged["ce-1", "flows"] == run.acknowledged["ce-2", "flows"] == 5


def test_what_was_spooled_before_a_power_cut_comes_when_power_returns(simulate: Simulate) -> None:
    """A probe that lost its power keeps its sequence: nothing is doubled, and what it did not see is not there."""
    run = simulate(seed=3, answer=False)
    run.advance(22)
    run.inject("site-down", "branch-2", rate=1, lasts_s=20)
    run.advance(19)
    assert run.acknowledged["ce-2", "measurements"] == 2
    run.advance(21)
    assert run.acknowledged["ce-2", "measurements"] == 4
    assert run.acknowledged["ce-1", "measurements"] == 6


def test_a_branch_of_a_run_goes_on_alone(simulate: Simulate, tmp_path: Path) -> None:
    """What is injected into it does not happen in the run that it came from, and its batches go on where that one was."""
    run = simulate(seed=5, answer=False)
    run.advance(22)
    with run.branch(tmp_path / "other") as other:
        other.inject("link-down", "loop-1", rate=1)
        other.advance(10)
        assert other.acknowledged["ce-1", "flows"] == 3
    assert run.plant.disturbances == []
    assert run.acknowledged["ce-1", "flows"] == 2


def test_a_suspicion_orders_tests_and_their_answers_come_back(simulate: Simulate) -> None:
    """Standing tests come from the inventory; a line that becomes suspect is tried once more, and every request is answered."""
    run = simulate(seed=2)
    run.advance(50)
    run.inject("loss", "loop-1", rate=0.05)
    run.advance(60)
    fates = ControlBook(run.collector.state).fates()
    assert fates["created"] >= 6
    assert fates["done"] + fates["failed"] >= fates["served"] - 6
    assert fates["done"] > 0
    assert set(run.orders["ce-1"].tasks) == {"ce-1-teller", "ce-1-web", "ce-1-file", "ce-1-dns", "trace-ce-1-fw"}


@pytest.mark.e2e
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(3))
def test_hours_of_health_are_never_blamed(seed: int) -> None:
    """Twenty minutes a seed, with the noise of every day."""
    assert run_trial(Trial(faults=(), seed=100 + seed, patience_s=1200)).said == ()


def test_lines_of_the_inventory_are_all_measured(bank: Inventory, simulate: Simulate) -> None:
    """Every vantage that captures and every session of the inventory has rows."""
    run = simulate(seed=8, answer=False)
    run.advance(35)
    reader = run.stored._reader
    vantages = {p.tags["vantage"] for p in reader.points("line_quality", start_ns=0, end_ns=1 << 62)}
    sessions = {p.tags["session"] for p in reader.points("session", start_ns=0, end_ns=1 << 62)}
    dials = {p.tags["dial"] for p in reader.points("dial", start_ns=0, end_ns=1 << 62)}
    traces = {p.tags["trace"] for p in reader.points("path", start_ns=0, end_ns=1 << 62)}
    used = {p.tags["endpoint"] for p in reader.points("endpoint_quality", start_ns=0, end_ns=1 << 62)}
    assert vantages == {vantage.id for vantage in bank.vantages.values() if vantage.observation_point}
    assert sessions == set(bank.sessions)
    assert dials == set(bank.dials)
    assert traces == set(bank.traces)
    assert used == {"svc-teller", "svc-web", "svc-file", "dns-1"}
