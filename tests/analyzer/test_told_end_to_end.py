"""What is told, from the store to what is learned of it: real collector, real stores, the inventory's judge, in virtual time."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from analyzer.hearing import AROUND_NS, SETTLE_NS
from faultline.records.device_event import DeviceEvent, event_id
from faultline.records.terms import SECOND_NS, ComponentId
from faultline.store.device_events import DeviceEventBook
from tests.analyzer.test_credence import make_event

World = Any
"""The fixture's class lives in conftest.py, which tests cannot import."""


def tell(world: World, sender: str, component: str, name: str) -> DeviceEvent:
    """A trap that comes now."""
    event = make_event(sender=sender, component=ComponentId(component), name=name, received_ns=world.now_ns)
    event = attrs.evolve(event, id=event_id(event.source, sender, f"{component} {name} {world.now_ns}"))
    DeviceEventBook(world.collector.state).append([event])
    return event


@pytest.mark.e2e
def test_an_incident_that_closes_confirms_its_trap_and_time_refutes_another(world: World, make_fault: Any) -> None:
    """One router tells errors on the loop that loses packets, another on one that does not: experience tells them apart."""
    world.run(60)
    right, wrong = tell(world, "pe1", "loop-a", "CRC_ERRORS"), tell(world, "pe2", "loop-z", "CRC_ERRORS")
    said = world.run(60, {"loop-a>": make_fault(loss=0.01)})
    assert said == ["raise access loop-a>"]
    (incident,) = world.stored.incidents()
    assert any("pe1 told CRC_ERRORS on loop-a" in row["text"] for row in incident.verdict["evidence"])
    assert world.run(2 * AROUND_NS // SECOND_NS) == ["clear access loop-a>"]
    voices = {voice["voice"][1]: voice for voice in world.stored.credence()["voices"]}
    assert voices["pe1"] | {"confirmed": 1.0, "told": 1.0, "unconfirmed": 0.0} == voices["pe1"]
    late = tell(world, "pe2", "loop-z", "CRC_ERRORS")
    world.run((SETTLE_NS // SECOND_NS) + 60)
    voices = {voice["voice"][1]: voice for voice in world.stored.credence()["voices"]}
    # The first word of the other was said while something was wrong on the line: nobody can know what it saw.
    assert voices["pe2"] | {"confirmed": 0.0, "unconfirmed": 1.0} == voices["pe2"]
    assert {right.sender, wrong.sender, late.sender} == voices.keys()
