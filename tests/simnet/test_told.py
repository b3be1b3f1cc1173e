"""What the operator knows changes what is answered: a device's trap, a liar's, planned work, an overrun.

The network and its time are simulated; the traps are sent by net-snmp over UDP and heard by the collector's own receiver.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from analyzer.incidents import IncidentEvent
from appliance.demo.equipment import COMMUNITY, NETWORK, link_down
from appliance.demo.inventory_file import inventory_document
from appliance.demo.probing import Probes
from appliance.simnet.run import BEGIN_NS, Scenario, SimulatedRun
from collector.events.config import EventsConfig, TrapsConfig
from collector.events.service import EventService
from collector.events.udp import UdpReceiver
from faultline.inventory import Inventory, PlannedWork, parse
from faultline.records.incident import Base, EventKind, Incident
from faultline.records.terms import SECOND_NS, Mode, Owner
from faultline.reports.fault import fault_report
from faultline.reports.words import Language
from faultline.runtime.counters import Counters
from faultline.store.device_events import DeviceEventBook
from tests.analyzer.notify.conftest import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def known(*planned: PlannedWork) -> Inventory:
    """The bank with probes at the ends."""
    return attrs.evolve(parse(inventory_document(Probes.ENDS), "the bank's network"), planned=planned)


def said(run: SimulatedRun, seconds: float) -> list[IncidentEvent]:
    """What is said while time passes."""
    return [event for report in run.advance(seconds) for event in report.events]


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedRun]:
    """The access loop of the third line is cut, and the verdict names all that could be it."""
    with SimulatedRun(tmp_path_factory.mktemp("cut") / "run", Scenario(inventory=known(), seed=4, in_band=True)) as run:
        run.advance(60)
        run.inject("link-down", "loop-3", rate=1.0)
        (event,) = said(run, 40)
        assert event.incident.bases == {"loop-3", "ce-3", "branch-3"}
        assert event.incident.owner is Owner.UNKNOWN
        yield run


Tell = Callable[[SimulatedRun, str], None]


@pytest.fixture
def tell(tmp_path: Path) -> Iterator[Tell]:
    """Has a router say by `snmptrap` that its WAN port is down, and waits until the collector has kept it."""
    if shutil.which("snmptrap") is None:
        pytest.skip("needs snmptrap (packaging/setup.sh test installs it when root)")
    communities = tmp_path / "communities"
    communities.write_text(COMMUNITY)
    traps = TrapsConfig(listen="127.0.0.1:0", senders=[NETWORK], communities_file=communities)
    started: list[EventService] = []

    def make(run: SimulatedRun, device: str) -> None:
        book = DeviceEventBook(run.collector.state)
        service = EventService(
            EventsConfig(traps=traps),
            book=book,
            state=run.collector.state,
            inventory=run.scenario.inventory,
            clock=run.clock,
            counters=Counters(),
        )
        service.start()
        started.append(service)
        receiver = service.receivers["traps"]
        assert isinstance(receiver, UdpReceiver)
        loop = device.replace("ce", "loop")
        subprocess.run(link_down(device, loop, to=f"127.0.0.1:{receiver.address.port}"), check=True, timeout=30)
        wait_until(lambda: [state.event.sender for state in book.states(raised=True)] == [device])

    yield make
    for service in started:
        service.stop()


def test_a_trap_of_the_router_makes_one_segment_of_an_ambiguous_class(cut: SimulatedRun, tell: Tell, tmp_path: Path) -> None:
    """The router tells that its port is down, so it lives and its site has power: the loop is named."""
    run = cut.branch(tmp_path / "true")
    tell(run, "ce-3")
    events = said(run, 60)
    assert [event.kind for event in events] == [EventKind.REVISE]
    incident = events[-1].incident
    assert {component.rstrip("<>") for component in incident.components} == {"loop-3"}
    assert (incident.owner, incident.mode) == (Owner.ACCESS, Mode.DOWN)
    words = "ce-3 told LINK_DOWN on loop-3 (to-loop-3)"
    assert any(words in row["text"] and row["text"].endswith("(trap)") for row in incident.verdict["evidence"])
    material = run.views.material(incident.id, Language.ZH)
    assert material is not None
    assert [event.name for event in material.told] == ["LINK_DOWN"]
    assert "上报" in fault_report(material, Language.ZH)
    run.close()


def test_a_trap_that_lies_about_another_port_changes_nothing(cut: SimulatedRun, tell: Tell, tmp_path: Path) -> None:
    """Another router says that its port is down; all that is measured there says that it is not: one incident, the same."""
    run = cut.branch(tmp_path / "lie")
    (before,) = [incident for incident in run.stored.incidents() if incident.cleared_ns is None]
    tell(run, "ce-1")
    assert said(run, 40) == []
    (after,) = [incident for incident in run.stored.incidents() if incident.cleared_ns is None]
    assert (after.components, after.owner, after.mode) == (before.components, before.owner, before.mode)
    run.close()


def test_planned_work_keeps_the_phone_quiet_an_overrun_does_not_and_a_fault_elsewhere_is_found(tmp_path: Path) -> None:
    """What goes down in its window is only written down; loss elsewhere is told, and so is what outlives the window."""
    begin_ns, end_ns = BEGIN_NS + 50 * SECOND_NS, BEGIN_NS + 140 * SECOND_NS
    work = PlannedWork(components=(Base("loop-3"),), start_ns=begin_ns, end_ns=end_ns, reason="cut-over")
    with SimulatedRun(tmp_path / "run", Scenario(inventory=known(work), seed=4, in_band=True)) as run:
        run.advance(60)
        run.inject("link-down", "loop-3", rate=1.0)
        run.inject("loss", "loop-1", rate=0.1)
        during = {event.incident.id: event for event in said(run, 70)}.values()
        planned = [event.incident for event in during if "loop-3" in event.incident.bases]
        elsewhere = [event for event in during if "loop-1" in event.incident.bases]
        assert [(incident.planned, incident.notified) for incident in planned] == [(True, False)]
        assert [(event.incident.planned, event.notify) for event in elsewhere] == [(False, True)]
        (overrun,) = [event for event in said(run, 120) if planned[0].id == event.incident.id]
        assert (overrun.kind, overrun.notify, overrun.incident.planned) == (EventKind.RAISE, True, False)
        assert overrun.incident.revisions[-1].reason == "outlived its planned window"
        assert end_ns < overrun.incident.revisions[-1].time_ns <= end_ns + 100 * SECOND_NS
        assert _report(run, overrun.incident).count('data-overrun="true"') == 1


def _report(run: SimulatedRun, incident: Incident) -> str:
    material = run.views.material(incident.id, Language.EN)
    assert material is not None
    return fault_report(material, Language.EN)
