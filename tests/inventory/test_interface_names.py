"""Names of interfaces, long and short, as one device gives them in different messages."""

from __future__ import annotations

from typing import Any

import pytest

from faultline import inventory
from faultline.inventory.devices import Devices
from faultline.records.incident import Base


def devices_with(*names: str) -> Devices:
    """A router with interfaces, all at one segment."""
    document: dict[str, Any] = {
        "format": "faultline-inventory/1",
        "tenants": [{"id": "bank"}],
        "components": [
            {"id": "pe", "kind": "device", "owner": "carrier_core", "addresses": ["192.0.2.7"]},
            {"id": "core", "kind": "segment", "owner": "carrier_core"},
        ],
        "lines": [
            {
                "code": "L1",
                "tenant": "bank",
                "a_end": {"name": "A", "prefixes": ["10.1.0.0/24"]},
                "z_end": {"name": "Z", "prefixes": ["10.2.0.0/24"]},
                "path": ["pe", "core"],
            }
        ],
        "interfaces": [{"device": "pe", "interface": name, "component": "core"} for name in names],
    }
    return Devices(inventory.parse(document, "names"))


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ("GigabitEthernet0/0/1", "Gi0/0/1"),
        ("Gi0/0/1", "GigabitEthernet0/0/1"),
        ("TenGigE0/0/0/1", "Te0/0/0/1"),
        ("GigabitEthernet0/0/1", "GE0/0/1"),
        ("Ten-GigabitEthernet1/0/1", "XGE1/0/1"),
        ("Bundle-Ether7", "BE7"),
        ("Port-channel1", "po1"),
        ("Ethernet1/1", "Eth 1/1"),
    ],
)
def test_short_and_long_names_are_one_interface(declared: str, said: str) -> None:
    """Whichever of them the inventory has."""
    port = devices_with(declared, "Loopback0").port(Base("pe"), interface=said)
    assert port is not None
    assert port.interface == declared


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ("GigabitEthernet0/0/1", "Gi0/0/11"),
        ("GigabitEthernet0/0/1", "TenGigE0/0/1"),
        ("ge-0/0/1", "xe-0/0/1"),
        ("GigabitEthernet0/0/1", "0/0/1"),
        ("Loopback0", "Lo"),
    ],
)
def test_others_are_not(declared: str, said: str) -> None:
    """Another number, another kind, no kind, no number."""
    assert devices_with(declared).port(Base("pe"), interface=said) is None


def test_a_name_that_can_be_two_is_none() -> None:
    """The exact one counts where it is there."""
    devices = devices_with("GigabitEthernet0/1", "GigE0/1")
    assert devices.port(Base("pe"), interface="Gi0/1") is None
    exact = devices.port(Base("pe"), interface="gige0/1")
    assert exact is not None
    assert exact.interface == "GigE0/1"
