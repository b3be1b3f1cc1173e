"""Devices that tell of themselves: who speaks, and which component what they say is about."""

from __future__ import annotations

import pytest

from faultline import inventory
from faultline.inventory import Inventory, InventoryError
from faultline.inventory.devices import Devices
from faultline.records.incident import Base

P1 = "{id: p1, kind: device, owner: carrier_core, name: P1, addresses: [172.20.0.2]}"
PORT = "  - {device: p1, interface: GigabitEthernet0/1, index: 1, peers: [172.20.0.1], component: pe1-p1}"


@pytest.fixture
def text(example_text: str) -> str:
    """The example, with a router that sends its messages from an address of its own."""
    return example_text.replace(P1, P1.replace("]}", "], management: [192.0.2.1]}"))


@pytest.fixture
def known(text: str) -> Inventory:
    """It as records."""
    return inventory.parse(text, "x")


def test_a_sender_is_known_by_its_management_address_or_by_its_own(known: Inventory) -> None:
    """Strangers are nobody."""
    devices = Devices(known)
    assert devices.sender("192.0.2.1") == "p1"
    assert devices.sender("172.20.0.6") == "p2"
    assert devices.sender("192.0.2.99") is None


def test_an_interface_is_found_by_name_number_or_neighbour(known: Inventory) -> None:
    """In that order, names in upper and lower case alike; an unknown one is none."""
    devices = Devices(known)
    (port,) = known.device_interfaces
    assert port.component == "pe1-p1"
    assert devices.port(Base("p1"), interface="gigabitethernet0/1") is port
    assert devices.port(Base("p1"), interface="ge-0/0/1", index=1) is port
    assert devices.port(Base("p1"), peer="172.20.0.1") is port
    assert devices.port(Base("p2"), interface="GigabitEthernet0/1", index=1) is None


MISTAKES = {
    "of both": ("{device: p1, interface", "{probe: branch, device: p1, interface", "interfaces[2].device", "together"),
    "of nobody": ("{device: p1, interface", "{device: p9, interface", "interfaces[2].device", "no component"),
    "the same name": (
        PORT,
        f"{PORT}\n{PORT.replace('index: 1, peers: [172.20.0.1], ', '')}",
        "interfaces[3].interface",
        "already",
    ),
    "the same number": (
        PORT,
        f"{PORT}\n{PORT.replace('net0/1', 'net0/2').replace('172.20.0.1', '172.20.0.5')}",
        "interfaces[3].index",
        "already",
    ),
    "the same neighbour": (
        PORT,
        f"{PORT}\n{PORT.replace('net0/1', 'net0/2').replace('index: 1', 'index: 2')}",
        "interfaces[3].peers",
        "already",
    ),
    "a number on a probe's host": (
        "wan0, component: loop-a",
        "wan0, index: 3, component: loop-a",
        "interfaces[0].index",
        "by their names",
    ),
    "one address of two": (
        "[172.20.0.6]",
        "[172.20.0.6], management: [192.0.2.1]",
        "components[16].management",
        "also that of 'p1'",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_where_it_is(name: str, text: str) -> None:
    """One problem, at its key."""
    before, instead, key, wrong = MISTAKES[name]
    assert before in text
    with pytest.raises(InventoryError) as caught:
        inventory.parse(text.replace(before, instead, 1), "x")
    (problem,) = caught.value.problems
    assert problem.key == key
    assert wrong in problem.wrong
