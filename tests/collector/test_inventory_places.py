"""The inventory as the collector takes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.enrich.from_inventory import read_places
from faultline.records.terms import UNASSIGNED, Direction, TenantId
from faultline.runtime.console import CommandError

EXAMPLE = Path(__file__).resolve().parents[2] / "packaging" / "examples" / "inventory.yaml"


def test_traffic_and_sessions_find_their_line() -> None:
    """Addresses behind the two ends, seen by a probe, are the line's; the direction follows from who is where."""
    places = read_places(EXAMPLE)
    there = places.place("branch", "wan", "10.1.17.5", "10.9.0.80")
    assert (there.vantage, there.line, there.tenant, there.forward) == ("ce-wan", "CN-NB-0017", "bank", Direction.A_TO_Z)
    assert places.place("branch", "wan", "10.9.0.80", "10.1.17.5").forward is Direction.Z_TO_A
    assert places.place("branch", "wan", "10.1.17.5", "8.8.8.8").tenant == UNASSIGNED
    assert places.session("ce-fw") == ("bank", "CN-NB-0017")


def test_dial_tests_and_traces_find_their_line() -> None:
    """By their ids; strangers belong to nobody."""
    places = read_places(EXAMPLE)
    assert places.dial("dial-teller") == places.trace("trace-ce-fw") == ("bank", "CN-NB-0017")
    assert places.dial("trace-ce-fw") == places.trace("dial-teller") == (UNASSIGNED, None)


@pytest.mark.parametrize(
    ("address", "protocol", "port", "expected"),
    [
        ("10.9.0.11", 6, 8200, ("teller", True)),
        ("10.9.0.11", 6, 22, ("server", False)),
        ("10.9.0.11", 17, 8200, ("server", False)),
        ("10.9.0.11", 1, 0, None),
        ("10.9.0.53", 17, 53, ("dns-1", True)),
        ("10.9.0.53", 17, 40_000, ("dns-1", False)),
        ("10.9.0.99", 6, 8200, None),
    ],
)
def test_addresses_and_ports_find_who_answers_there(
    address: str, protocol: int, port: int, expected: tuple[str, bool] | None
) -> None:
    """The service on its port, else its server; whether somebody is known to listen tells a server from a client."""
    found = read_places(EXAMPLE).endpoint(TenantId("bank"), address, protocol, port)
    assert ((found.id, found.listens) if found else None) == expected
    assert read_places(EXAMPLE).endpoint(TenantId("school"), address, protocol, port) is None


def test_an_inventory_with_mistakes_is_bad_configuration(tmp_path: Path) -> None:
    """All mistakes in the message, exit code 2, and what to do."""
    file = tmp_path / "inventory.yaml"
    file.write_text(EXAMPLE.read_text().replace("tenant: bank", "tenant: bnak").replace("loop-z, fw", "core, fw"))
    with pytest.raises(CommandError) as caught:
        read_places(file)
    assert caught.value.code == 2
    assert "lines[0].tenant" in caught.value.message
    assert "lines[0].path[6]" in caught.value.message
    assert "inventory check" in (caught.value.hint or "")
