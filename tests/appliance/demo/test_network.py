"""The bank's network: its cables and addresses, and what the operator's file says of it."""

from __future__ import annotations

import ipaddress
from collections import Counter
from pathlib import Path

import pytest
import yaml

from appliance.demo.inventory_file import inventory_document
from appliance.demo.network import BRANCHES, ELEMENTS, LOOPBACKS, REDUNDANT, SPANS, WIRES, Port, address_of, ports_of
from appliance.demo.probing import PROBE_NODES, RESPONDERS, Probes, dials, hosts_interfaces, looks, traces
from appliance.demo.probing import tests as sessions
from faultline.inventory import read
from faultline.records.terms import ComponentKind


@pytest.mark.parametrize("probes", list(Probes))
def test_the_inventory_is_one_an_operator_could_have_written(probes: Probes, tmp_path: Path) -> None:
    """The inventory's own reader takes it without a complaint, with every component, look, session, dial test and trace."""
    file = tmp_path / "inventory.yaml"
    file.write_text(yaml.safe_dump(inventory_document(probes), sort_keys=False))
    inventory = read(file)
    assert [line.path for line in inventory.lines.values()] == [branch.path for branch in BRANCHES]
    assert list(inventory.components) == list(ELEMENTS)
    assert list(inventory.vantages) == [*(look.id for look in looks(probes)), *(one.id for one in RESPONDERS)]
    assert list(inventory.sessions) == [test.id for test in sessions(probes)]
    assert list(inventory.dials) == [dial.id for dial in dials()]
    assert list(inventory.traces) == [trace.id for trace in traces(probes)]


def test_a_ground_that_finds_other_ports_across_the_core_says_so_in_the_file() -> None:
    """The port a session really uses replaces the one it was meant to use, and no other."""
    document = inventory_document(Probes.FULL, {"pe1-pe3-1": 50000})
    ports = {entry["id"]: entry["source_port"] for entry in document["sessions"]}
    assert ports["pe1-pe3-1"] == 50000
    assert {test.id: test.source_port for test in sessions(Probes.FULL)} | {"pe1-pe3-1": 50000} == ports


def test_every_address_is_somebodys_alone() -> None:
    """No two ports share an address, both ends of a cable are in one network, and networks do not overlap."""
    hosts = [port.host for wire in WIRES for port in (wire.a, wire.z) if port.address] + list(LOOPBACKS.values())
    assert [host for host, count in Counter(hosts).items() if count > 1] == []
    networks = []
    for wire in WIRES:
        ends = {ipaddress.ip_interface(port.address).network for port in (wire.a, wire.z) if port.address}
        assert len(ends) == 1, wire.id
        networks += ends if not any(network in networks for network in ends) else []
    assert [(one, other) for one in networks for other in networks if one != other and one.overlaps(other)] == []


def test_segments_are_cables_and_routers_answer_by_their_ports() -> None:
    """Every segment but the spans is a cable; a router's addresses are those of its ports and its own."""
    segments = {element.id for element in ELEMENTS.values() if element.kind is ComponentKind.SEGMENT}
    assert {wire.id for wire in WIRES if wire.is_element} == segments - set(SPANS)
    assert ELEMENTS["p1"].addresses == (LOOPBACKS["p1"], "10.200.11.2", "10.200.21.2", "10.200.31.1")
    assert address_of("fw", "wan0") == "10.200.40.2"
    assert [port.interface for port in ports_of("dc-sw")] == ["up0", "port1", "port2", "port3", "port4"]
    with pytest.raises(ValueError, match="dc-sw up0 has no address"):
        _ = Port(node="dc-sw", interface="up0").host


def test_the_core_is_two_equal_paths_from_each_edge() -> None:
    """Both spans lead over p1 or p2 to PE3, and their members are what traffic can do without."""
    assert SPANS["core-1"].paths == (("pe1-p1", "p1", "p1-pe3"), ("pe1-p2", "p2", "p2-pe3"))
    assert set(SPANS["core-2"].paths[0]) <= REDUNDANT
    assert "pe1" not in REDUNDANT
    assert [branch.path[4] for branch in BRANCHES] == ["core-1", "core-1", "core-2", "core-2"]


def test_probes_stand_on_nodes_of_the_network_and_read_ports_that_exist() -> None:
    """Each look and each counter is at a port of the probe's node; a mirror port is the edge's own."""
    for probes in Probes:
        for look in looks(probes):
            assert PROBE_NODES[look.probe] == look.node
            assert look.interface == "mir0" or address_of(look.node, look.interface) == look.address
        for probe, interfaces in hosts_interfaces(probes).items():
            ports = {port.interface for port in ports_of(PROBE_NODES[probe])}
            assert set(interfaces) <= ports


def test_sessions_have_ports_of_their_own() -> None:
    """A port says which session a packet belongs to, whoever captures it: no two sessions share one."""
    ports = [test.source_port for test in sessions(Probes.FULL)]
    assert len(ports) == len(set(ports))
