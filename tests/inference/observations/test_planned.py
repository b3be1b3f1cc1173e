"""Planned work in evidence and verdicts: until when, of what, and where nothing tells it from what is not worked on."""

from __future__ import annotations

import attrs

from faultline.inference import locate
from faultline.inference.observations_components import OVERRUN_NS
from faultline.inventory import PlannedWork
from faultline.records.incident import Base
from faultline.records.terms import SECOND_NS

from .conftest import BEGIN_NS, Ground

END_NS = BEGIN_NS + 60 * SECOND_NS
DEAD = {"sent": 600, "received": 0, "lost_forward": 0, "lost_reverse": 0, "lost_unattributed": 600}


def plan(ground: Ground, *components: str, start_ns: int = BEGIN_NS, end_ns: int = END_NS) -> None:
    """Work on these."""
    work = PlannedWork(components=tuple(map(Base, components)), start_ns=start_ns, end_ns=end_ns, reason="cut-over")
    ground.inventory = attrs.evolve(ground.inventory, planned=(work,))


def test_work_on_one_part_of_a_class_is_planned_work(ground: Ground) -> None:
    """A dead line could be the loop, a router, the core; the loop is worked on, so it is the loop, and nobody is paged."""
    dead = ground.session("ce-fw", DEAD)
    before = locate(ground.evidence(dead))["verdicts"][0]
    assert before["blames"]
    assert {"pe1", "loop-a>"} <= set(before["components"])
    plan(ground, "loop-a")
    (entry,) = locate(ground.evidence(dead))["verdicts"]
    assert (entry["components"], entry["planned"], entry["blames"]) == (["loop-a>", "loop-a<"], True, False)


def test_work_elsewhere_excuses_nothing(ground: Ground) -> None:
    """What it names is not on the way of what is lost."""
    plan(ground, "dc-lan")
    assert locate(ground.evidence(ground.session("ce-fw", DEAD)))["verdicts"][0]["blames"]


def test_work_counts_until_a_minute_after_its_end_however_long_is_looked_back(ground: Ground) -> None:
    """The memory of a long span is no excuse for what is still down."""
    dead = ground.session("ce-fw", DEAD)
    plan(ground, "loop-a", start_ns=BEGIN_NS - 3600 * SECOND_NS, end_ns=END_NS - OVERRUN_NS + 1)
    assert ground.evidence(dead)["maintenance"] == ["loop-a>", "loop-a<"]
    plan(ground, "loop-a", start_ns=BEGIN_NS - 3600 * SECOND_NS, end_ns=END_NS - OVERRUN_NS)
    assert ground.evidence(dead)["maintenance"] == []
    plan(ground, "loop-a", start_ns=END_NS, end_ns=END_NS + SECOND_NS)
    assert ground.evidence(dead)["maintenance"] == []


def test_work_on_everything_in_a_building_is_work_on_the_building(ground: Ground) -> None:
    """Then a power cut is planned, too; work on a part of it leaves the building out."""
    silence = {"silent": {"branch": (6, 6)}}
    inside = [base for base, component in ground.inventory.components.items() if component.site == "branch-17"]
    plan(ground, *inside)
    assert "branch-17" in ground.evidence(ground.session("ce-fw", DEAD), **silence)["maintenance"]
    plan(ground, *inside[1:])
    assert "branch-17" not in ground.evidence(ground.session("ce-fw", DEAD), **silence)["maintenance"]
