"""From sealed batches to alarms, in virtual time: real collector, real stores, the inventory's judge and the localiser."""

from __future__ import annotations

from typing import Any

import pytest

from analyzer.network import network_of
from analyzer.service import judge_of
from faultline import inventory
from faultline.records.incident import IncidentState
from faultline.records.terms import SECOND_NS, Mode

World = Any
"""The fixture's class lives in conftest.py, which tests cannot import."""


@pytest.mark.parametrize(
    ("place", "owner"),
    [
        ("loop-a>", "access"),
        pytest.param("branch-lan>", "customer", marks=pytest.mark.e2e),
        pytest.param("branch-lan<", "customer", marks=pytest.mark.e2e),
        pytest.param("loop-a<", "access", marks=pytest.mark.e2e),
        pytest.param("core>", "carrier_core", marks=pytest.mark.e2e),
        pytest.param("core<", "carrier_core", marks=pytest.mark.e2e),
        pytest.param("loop-z<", "access", marks=pytest.mark.e2e),
        pytest.param("dc-lan>", "destination", marks=pytest.mark.e2e),
    ],
)
def test_loss_is_raised_with_its_owner_and_cleared_after_its_end(world: World, make_fault: Any, place: str, owner: str) -> None:
    """Two minutes of health, one minute of 1 %, health again: one incident of the right segment, direction and owner."""
    assert world.run(120) == []
    begin_ns = world.now_ns
    said = world.run(60, {place: make_fault(loss=0.01)})
    assert said == [f"raise {owner} {place}"]
    (incident,) = world.stored.incidents()
    assert (incident.mode, incident.owner.value) == (Mode.LOSS, owner)
    assert abs(incident.onset_ns - begin_ns) <= 10 * SECOND_NS
    assert incident.raised_ns - begin_ns <= 30 * SECOND_NS
    assert 0.004 < incident.verdict["severity"]["value"] < 0.02
    assert world.run(120) == [f"clear {owner} {place}"]
    raised, cleared = world.told()
    assert raised.startswith(f"FAULT {incident.id}")
    assert f"https://noc.example/incidents/{incident.id}" in raised
    assert cleared.startswith(f"CLEARED {incident.id}")


@pytest.mark.e2e
def test_a_healthy_line_is_never_blamed(world: World) -> None:
    """Ten minutes of measurements say nothing to anybody, and delays come to have their baselines."""
    assert world.run(600) == []
    assert world.stored.incidents() == []
    assert world.analyzer.belief.suspected == frozenset()
    assert world.analyzer.belief.learning == {"CN-NB-0017": None}
    assert world.counters.stage("windows").snapshot().out == 60


@pytest.mark.e2e
def test_added_delay_is_seen_against_the_baseline(world: World, make_fault: Any) -> None:
    """Once it is usual what the core takes, 5 ms more on it in one direction is the core's, and stays a delay as it lasts."""
    assert world.run(180) == []
    fault = {"core>": make_fault(delay_ns=5_000_000)}
    assert world.run(120, fault) == ["raise carrier_core core>"]
    (incident,) = world.stored.incidents()
    assert incident.mode is Mode.DELAY
    assert 3 < incident.verdict["severity"]["value"] < 8


@pytest.mark.e2e
def test_a_dead_segment_is_down(world: World, make_fault: Any) -> None:
    """Everything lost both ways is told as one incident of the segment."""
    assert world.run(120) == []
    dead = {place: make_fault(loss=1.0) for place in ("loop-z>", "loop-z<")}
    said = world.run(60, dead)
    assert len(said) == 1
    (incident,) = world.stored.incidents()
    assert incident.owner.value == "access"
    assert incident.bases == {"loop-z"}


def test_a_restart_in_the_middle_changes_nothing(world: World, make_fault: Any) -> None:
    """Killed before the fault, while it lasts and after it ended: one raise, one clear, each told once."""
    fault = {"loop-a>": make_fault(loss=0.02)}
    said = world.run(120)
    world.restart()
    said += world.run(30, fault)
    world.restart()
    said += world.run(30, fault)
    (before,) = world.stored.incidents()
    said += world.run(30)
    world.restart()
    said += world.run(90)
    assert said == ["raise access loop-a>", "clear access loop-a>"]
    (after,) = world.stored.incidents()
    assert (after.id, after.onset_ns, after.state) == (before.id, before.onset_ns, IncidentState.CLEARED)
    assert len(world.told()) == 2
    shot = world.counters.stage("windows").snapshot()
    assert (shot.out, shot.balanced) == (30, True)


@pytest.mark.e2e
def test_a_fault_in_declared_work_is_recorded_and_nobody_is_paged(world: World, make_fault: Any) -> None:
    """The work is in the inventory that was taken up while the analyzer ran."""
    assert world.run(120) == []
    work = 'planned:\n  - {components: [loop-a], reason: cut-over, start: "2027-01-15T08:00:00Z", end: "2027-01-15T09:00:00Z"}\n'
    file = world.config.inventory
    file.write_text(file.read_text(encoding="utf-8") + work, encoding="utf-8")
    changed = inventory.read(file)
    world.analyzer.adopt(judge_of(world.config, changed, world.stored), network_of(changed))
    assert world.run(60, {"loop-a>": make_fault(loss=0.02)}) == ["raise access loop-a>"]
    (incident,) = world.stored.incidents()
    assert (incident.planned, incident.notified) == (True, False)
    assert world.told() == []


@pytest.mark.e2e
def test_a_probe_that_falls_silent_is_not_the_networks_fault(world: World) -> None:
    """Its figures stop, nobody is blamed, and the page shows its place as silent."""
    assert world.run(120) == []
    world.silent.add("pe1")
    assert world.run(120) == []
    page = world.views().line_page("CN-NB-0017", "en")
    assert {v.name for v in page.path.vantages if v.silent} == {"pe1"}


@pytest.mark.e2e
def test_what_was_late_corrects_the_memory(world: World, make_fault: Any) -> None:
    """A probe that was cut off hands in its windows later: they become revisions, and nothing is raised or cleared by that."""
    assert world.run(120) == []
    world.held_back.add("dc")
    assert world.run(40) == []
    world.held_back.clear()
    world.release()
    assert world.run(60) == []
    assert world.counters.value("windows_read_again") >= 3
    assert world.run(60, {"loop-z>": make_fault(loss=0.02)}) == ["raise access loop-z>"]
