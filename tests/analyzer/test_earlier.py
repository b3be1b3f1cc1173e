"""What a report says of a line is what held when it happened."""

from __future__ import annotations

from typing import Any

import pytest

from analyzer.earlier import EarlierNetworks
from analyzer.network import network_of
from analyzer.planning.changing import present, replace
from analyzer.planning.lists.history import History
from analyzer.views import StoredViews
from faultline import inventory
from faultline.records.terms import SECOND_NS, LineCode
from faultline.reports.fault import fault_report
from faultline.reports.words import Language
from faultline.runtime.clock import VirtualClock

MARCH_NS, APRIL_NS = 1_773_500_000 * SECOND_NS, 1_776_000_000 * SECOND_NS
LINE = LineCode("CN-NB-0017")


def renamed(file: Any, customer: str, now_ns: int) -> None:
    """The line gets another customer."""
    document = present(file).document
    document["lines"][0]["customer"] = customer
    replace(file, document, now_ns)


@pytest.mark.e2e
def test_a_report_of_march_uses_marchs_inventory(world: Any, make_fault: Any) -> None:
    """The line changes hands after an incident: its report names who had it then, the page who has it now."""
    world.run(60)
    assert world.run(60, {"loop-a>": make_fault(loss=0.05)}) == ["raise access loop-a>"]
    (incident,) = world.stored.incidents()
    file = world.config.inventory
    renamed(file, "Second Bank", world.now_ns + 3600 * SECOND_NS)
    views = StoredViews(
        network=network_of(inventory.read(file)),
        stored=world.stored,
        belief=lambda: world.analyzer.belief,
        clock=VirtualClock(world.now_ns + 7200 * SECOND_NS),
        earlier=EarlierNetworks(file).at,
    )
    material = views.material(incident.id, Language.EN)
    assert material is not None
    assert material.line is not None
    assert material.line.customer == "First Bank"
    report = fault_report(material, Language.EN)
    assert "First Bank" in report
    assert "Second Bank" not in report
    assert views.network.lines[LINE].card.customer == "Second Bank"


def test_each_moment_has_its_network(tmp_path: Any, line_file: str) -> None:
    """The version that held; after the last change the present one, which is nobody's past."""
    file = tmp_path / "inventory.yaml"
    file.write_text(line_file, encoding="utf-8")
    renamed(file, "Second Bank", MARCH_NS)
    renamed(file, "Third Bank", APRIL_NS)
    earlier = EarlierNetworks(file)
    then = [earlier.at(moment_ns) for moment_ns in (MARCH_NS - 1, MARCH_NS, APRIL_NS - 1)]
    assert [network.lines[LINE].card.customer for network in then if network] == ["First Bank", "Second Bank", "Second Bank"]
    assert earlier.at(MARCH_NS) is then[1]
    assert earlier.at(APRIL_NS) is None


def test_a_version_that_cannot_be_read_is_passed_over(tmp_path: Any, line_file: str) -> None:
    """A damaged history costs nobody the report: the present inventory tells it."""
    file = tmp_path / "inventory.yaml"
    file.write_text(line_file, encoding="utf-8")
    renamed(file, "Second Bank", MARCH_NS)
    ((_, version),) = History(file).versions()
    version.write_bytes(b"damaged")
    assert EarlierNetworks(file).at(MARCH_NS - 1) is None
