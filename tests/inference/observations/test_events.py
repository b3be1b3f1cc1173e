"""What devices and people told, as evidence: what stands, once a fact, on what the inventory knows, and what it is worth."""

from __future__ import annotations

import math
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultline.inference import locate
from faultline.inference.observations_events import (
    MOMENT_NS,
    MOST_STANDING,
    VALID_NS,
    Credence,
    standing,
    usual_credence,
)
from faultline.records.device_event import DeviceEvent, EventSource, event_id
from faultline.records.terms import SECOND_NS, ComponentId, TenantId

from .conftest import BEGIN_NS, Ground

END_NS = BEGIN_NS + 60 * SECOND_NS


def make_event(component: str | None = "loop-a", name: str = "LINK_DOWN", **changes: Any) -> DeviceEvent:
    """PE1 says by trap that its port to the access loop is down, a second before the minute's end."""
    said_ns = changes.get("received_ns", END_NS - SECOND_NS)
    event = DeviceEvent(
        id=event_id(EventSource.TRAP, "pe1", f"{component} {name} {said_ns} {changes}"),
        source=EventSource.TRAP,
        sender="pe1",
        place="ge-0/0/1",
        component=ComponentId(component) if component else None,
        name=name,
        raised=True,
        received_ns=said_ns,
        tenant=TenantId("bank"),
    )
    return attrs.evolve(event, **changes)


def told(ground: Ground, *events: DeviceEvent, **options: Any) -> list[dict[str, Any]]:
    """Observations of the minute that were told."""
    return [o for o in ground.evidence(events=events, **options)["observations"] if o["kind"] == "event"]


def test_what_was_said_once_of_both_directions_weighs_what_was_said_once(ground: Ground) -> None:
    """A cable has two: each carries half of it, with who said it, of which port, and when."""
    first, second = told(ground, make_event())
    assert [first["component"], second["component"]] == ["loop-a>", "loop-a<"]
    assert (
        first
        | {
            "name": "LINK_DOWN",
            "raised": True,
            "source": "trap",
            "sender": "pe1",
            "place": "ge-0/0/1",
            "at": "2026-11-30T12:00:59Z",
        }
        == first
    )
    usual = usual_credence(make_event())
    together = sum(math.log(o["sensitivity"] / o["false_positive_rate"]) for o in (first, second))
    assert together == pytest.approx(usual.nats, rel=1e-4)


def test_what_is_said_of_one_direction_or_of_a_device_is_one_observation(ground: Ground) -> None:
    """With all that it is worth."""
    (damaged,) = told(ground, make_event("loop-a<", "CRC_ERRORS"))
    assert (damaged["component"], damaged["sensitivity"]) == ("loop-a<", 0.5)
    (dead,) = told(ground, make_event("pe1", "POWER"))
    assert dead["component"] == "pe1"


def test_a_saying_ends_when_it_is_taken_back_and_when_it_is_old(ground: Ground) -> None:
    """A clear, a day, and for what has no end ten minutes; what is said later is not known yet."""
    raised = make_event(received_ns=END_NS - 30 * SECOND_NS)
    assert told(ground, raised, make_event(raised=False)) == []
    assert told(ground, raised, make_event(raised=False, received_ns=END_NS + SECOND_NS)) != []
    assert told(ground, make_event(received_ns=END_NS - VALID_NS)) == []
    assert told(ground, make_event(name="RESTART", received_ns=END_NS - MOMENT_NS)) == []
    assert told(ground, make_event(received_ns=END_NS + SECOND_NS)) == []


def test_several_words_of_one_sender_for_one_thing_are_one_fact(ground: Ground) -> None:
    """A port, the link and the routing over it; another sender is another witness."""
    words = [make_event(name=name) for name in ("LINK_DOWN", "BGP_DOWN", "LOS")]
    assert len(told(ground, *words)) == 2
    assert len(told(ground, *words, make_event(sender="ce"))) == 4


def test_what_the_inventory_does_not_know_is_no_evidence(ground: Ground) -> None:
    """No component, an unknown one, a direction of what has none, and the document stays whole."""
    events = [make_event(name, place=str(name)) for name in (None, "nowhere", "nowhere>", "pe1>")]
    evidence = ground.evidence(events=events)
    assert [o["component"] for o in evidence["observations"] if o["kind"] == "event"] == ["pe1"]
    locate(evidence)


def test_work_that_is_announced_marks_what_is_worked_on_as_planned(ground: Ground) -> None:
    """Both directions, and it is no sign of a fault."""
    found = told(ground, make_event(name="PLANNED_WORK", source=EventSource.REST))
    assert [o["component"] for o in found] == ["loop-a>", "loop-a<"]
    lost = [
        ground.session("ce-pe1", {"sent": 1000, "received": 600, "lost_forward": 400, "lost_reverse": 0, "lost_unattributed": 0})
    ]
    entry = locate(ground.evidence(*lost, events=[make_event(name="PLANNED_WORK")]))["verdicts"][0]
    assert (entry["planned"], entry["blames"]) == (True, False)
    assert locate(ground.evidence(*lost))["verdicts"][0]["blames"]


def test_words_alone_blame_nobody(ground: Ground) -> None:
    """A trap that nothing measured bears out is a rumour, and measured health outweighs it."""
    healthy = [
        ground.session("ce-pe1", {"sent": 1000, "received": 1000, "lost_forward": 0, "lost_reverse": 0, "lost_unattributed": 0})
    ]
    assert locate(ground.evidence(*healthy, events=[make_event(), make_event(sender="ce")]))["verdicts"] == []
    alone = locate(ground.evidence(events=[make_event()]))
    assert [entry for entry in alone["verdicts"] if entry["blames"]] == []


def test_who_tells_of_a_dead_port_is_not_dead(ground: Ground) -> None:
    """The router says that its port is down: the cut cable remains, the router itself does not."""
    dead = {"sent": 600, "received": 0, "lost_forward": 0, "lost_reverse": 0, "lost_unattributed": 600}
    rows = [ground.session(session, dead) for session in ("ce-fw",)]
    before = {c.rstrip("<>") for c in locate(ground.evidence(*rows))["verdicts"][0]["components"]}
    assert {"pe1", "loop-a"} <= before
    after = locate(ground.evidence(*rows, events=[make_event()]))["verdicts"][0]
    assert set(after["components"]) == {"loop-a>", "loop-a<"}
    assert any(row["text"] == "pe1 told LINK_DOWN on loop-a (ge-0/0/1) at 12:00:59 UTC (trap)" for row in after["evidence"])
    assert after["cause"] == "LINK_DOWN told by trap"


def test_credence_is_asked_for_each_saying(ground: Ground) -> None:
    """Who is known to cry wolf changes little."""
    doubtful = Credence(sensitivity=0.9, false_positive_rate=0.8)
    (first, _) = told(ground, make_event(), credence_of=lambda _: doubtful)
    assert first["false_positive_rate"] == pytest.approx(math.sqrt(0.8))


def test_a_storm_is_bounded(ground: Ground) -> None:
    """The newest so many are looked at."""
    storm = [make_event(sender=f"device {n}", received_ns=END_NS - n) for n in range(MOST_STANDING + 100)]
    assert len(told(ground, *storm)) == 2 * MOST_STANDING


@given(
    st.lists(
        st.builds(
            make_event,
            name=st.sampled_from(["LINK_DOWN", "RESTART", "POWER"]),
            sender=st.sampled_from(["pe1", "ce"]),
            raised=st.booleans(),
            received_ns=st.integers(END_NS - 2 * VALID_NS, END_NS + VALID_NS),
        ),
        max_size=12,
    )
)
def test_the_order_in_which_events_are_read_does_not_matter(events: list[DeviceEvent]) -> None:
    """Of each thing the newest holds, and it is raised and young."""
    found = standing(events, END_NS)
    assert {e.key for e in standing(reversed(events), END_NS)} == {e.key for e in found}
    for event in found:
        assert event.raised
        assert 0 <= END_NS - event.happened_ns < VALID_NS
    assert len({e.key for e in found}) == len(found)
