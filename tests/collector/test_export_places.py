"""Where exported flows belong: by addresses, by interfaces, and what is done about those that nobody knows."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from collector.enrich.exports import MOST_INTERFACES, ExportPlacer
from collector.enrich.from_inventory import places_of
from collector.enrich.places import Directory, LinePlace, Nowhere, Place, Port
from faultline import inventory
from faultline.native import ExportDecoder
from faultline.records.terms import UNASSIGNED, Direction, LineCode, TenantId

L1, L2, BANK = LineCode("L1"), LineCode("L2"), TenantId("bank")
SCHEMA = pa.table(ExportDecoder().flows([], "e", received_ns=0).take_table()).schema
PORTS = {
    17: Port(vantage="pe1/ge-0/0/1", lines={L1: Direction.A_TO_Z}),
    18: Port(vantage="pe1/ge-0/0/2", lines={L1: Direction.A_TO_Z, L2: Direction.A_TO_Z}),
}
PLACES = Directory(
    lines=[
        LinePlace(code=L1, tenant=BANK, a_prefixes=("10.1.0.0/16",), z_prefixes=("10.9.0.0/16",)),
        LinePlace(code=L2, tenant=BANK, a_prefixes=("10.1.0.0/16",), z_prefixes=("10.9.0.0/16",)),
    ],
    vantages=[],
    sessions={},
    port=lambda exporter, index, _: PORTS.get(index or 0) if exporter == "192.0.2.1" else None,
)


def placed(*rows: dict[str, Any], placer: ExportPlacer | None = None) -> list[Place]:
    """The place of each flow."""
    base = {"exporter": "192.0.2.1", "source_address": "203.0.113.1", "destination_address": "198.51.100.1"}
    found = (placer or ExportPlacer()).place(pa.Table.from_pylist([base | row for row in rows], schema=SCHEMA), places=PLACES)
    return [found.places[number] for number in found.index.tolist()]


def test_an_interface_that_one_line_passes_places_addresses_nobody_knows() -> None:
    """In at the interface towards A the flow goes to Z, out at it to A."""
    [into, out_of] = placed(
        {"ingress_interface": 17, "egress_interface": 99},
        {"ingress_interface": 99, "egress_interface": 17, "metered_at_egress": True},
    )
    assert (into.line, into.forward, into.vantage, into.tenant) == (L1, Direction.A_TO_Z, "pe1/ge-0/0/1", BANK)
    assert (out_of.line, out_of.forward) == (L1, Direction.Z_TO_A)


def test_an_interface_says_which_of_two_lines_with_the_same_addresses_it_is() -> None:
    """Two lines of a pair join the same networks: only the interface tells them apart, and else nothing is guessed."""
    ends = {"source_address": "10.9.0.1", "destination_address": "10.1.0.1"}
    [known, both, elsewhere] = placed(
        {"ingress_interface": 17, **ends}, {"ingress_interface": 18, **ends}, {"ingress_interface": 99, **ends}
    )
    assert (known.line, known.forward) == (L1, Direction.Z_TO_A)
    assert (both.line, both.nowhere) == (None, Nowhere.AMBIGUOUS)
    assert (elsewhere.vantage, elsewhere.tenant, elsewhere.nowhere) == ("192.0.2.1/99", UNASSIGNED, Nowhere.AMBIGUOUS)


def test_interfaces_without_end_have_one_name() -> None:
    """An exporter that makes numbers up makes no vantages without end; what it says is kept all the same."""
    placer = ExportPlacer()
    rows = [{"ingress_interface": number, "exporter": "192.0.2.9"} for number in range(1, 2 * MOST_INTERFACES)]
    vantages = {place.vantage for place in placed(*rows, placer=placer)}
    assert len(vantages) == MOST_INTERFACES + 1
    assert "192.0.2.9/other" in vantages
    [again] = placed({"ingress_interface": 1, "exporter": "192.0.2.9"}, placer=placer)
    assert again.vantage == "192.0.2.9/1"


def test_an_exporter_that_names_no_interface_is_a_vantage_itself() -> None:
    """Software exporters have one observation point."""
    [place] = placed({})
    assert place.vantage == "192.0.2.1/-"


@pytest.mark.parametrize(("component", "incoming"), [("loop-a", Direction.A_TO_Z), ("core", Direction.Z_TO_A)])
def test_the_inventory_says_what_is_plugged_in_where(component: str, incoming: Direction) -> None:
    """What comes into PE1 from the loop goes to Z, what comes from the core goes to A."""
    found = inventory.parse(
        f"""
format: faultline-inventory/1
tenants: [{{id: bank, name: Bank}}]
components:
  - {{id: loop-a, kind: segment, owner: access, name: Loop, between: [CE, PE1]}}
  - {{id: pe1, kind: device, owner: carrier_core, name: PE1, management: [192.0.2.1]}}
  - {{id: core, kind: segment, owner: carrier_core, name: Core, between: [PE1, PE2]}}
lines:
  - code: L1
    tenant: bank
    path: [loop-a, pe1, core]
    a_end: {{name: A, prefixes: [10.1.0.0/16]}}
    z_end: {{name: Z, prefixes: [10.9.0.0/16]}}
interfaces:
  - {{device: pe1, interface: ge-0/0/1, index: 17, component: {component}}}
""",
        "inventory",
    )
    port = places_of(found).port("192.0.2.1", 17, None)
    assert port == Port(vantage="pe1/ge-0/0/1", lines={L1: incoming})
    assert places_of(found).port("192.0.2.1", None, "GE-0/0/1") == port
    assert places_of(found).port("192.0.2.2", 17, None) is None
