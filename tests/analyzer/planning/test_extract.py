"""One line's extract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from analyzer.planning.cli import app
from analyzer.planning.extract import extract
from analyzer.planning.job import job_text
from faultline import inventory
from faultline.records.terms import LineCode
from faultline.runtime.console import CommandError

from .conftest import line, network

F_1 = LineCode("F-1")


def taken(document: dict[str, Any], code: str = "F-1") -> inventory.Inventory:
    """The extract as records; it must be an inventory."""
    return inventory.parse(extract(document, inventory.parse(document, "network"), LineCode(code)), "extract")


@pytest.fixture
def document() -> dict[str, Any]:
    """The network with probes on it: one at the router that both banks' lines cross."""
    made = network()
    made["vantages"] = [
        {"id": "ce", "probe": "branch", "observation_point": "wan", "positions": [{"line": "F-1", "before": "loop-1"}]},
        {
            "id": "pe",
            "probe": "pe",
            "observation_point": "mirror",
            "positions": [{"line": code, "before": loop} for code, loop in (("F-1", "loop-1"), ("S-1", "loop-4"))],
        },
        {"id": "end", "probe": "dc", "observation_point": "lan", "positions": [{"line": "F-1", "after": "far"}]},
        {"id": "others", "probe": "shop", "observation_point": "lan", "positions": [{"line": "S-1", "after": "far"}]},
    ]
    made["sessions"] = [
        {"id": "f", "line": "F-1", "sender": "ce", "reflector": "end"},
        {"id": "s", "line": "S-1", "sender": "pe", "reflector": "others"},
    ]
    made["interfaces"] = [
        {"probe": "branch", "interface": "wan0", "component": "loop-1"},
        {"probe": "shop", "interface": "wan0", "component": "far"},
    ]
    return made


def test_an_extract_holds_everything_of_its_line(document: dict[str, Any]) -> None:
    """Its path with the members of bundles, the hosts and services behind it, who looks at it, its tests, its interfaces."""
    found = taken(document)
    assert set(found.components) == {"loop-1", "pe1", "core", "up", "low", "p1", "p2", "far", "srv", "teller"}
    assert list(found.vantages) == ["ce", "pe", "end"]
    assert list(found.sessions) == ["f"]
    assert [entry.interface for entry in found.interfaces] == ["wan0"]
    assert list(found.sites) == ["hall"]
    whole = inventory.parse(document, "network")
    assert found.lines[F_1].path == whole.lines[F_1].path
    assert {base: found.components[base] for base in found.components} == {b: whole.components[b] for b in found.components}


def test_nothing_of_another_customer_is_in_it(document: dict[str, Any]) -> None:
    """Neither his name nor his line, his vantage's place, his tests, work on what is his, texts that speak of him."""
    whole = dict(document)
    night = {"start": "2036-12-01T02:00:00+08:00", "end": "2036-12-01T04:00:00+08:00"}
    whole["planned"] = [
        {"components": ["pe1", "loop-4"], **night, "reason": "move Second Bank"},
        {"components": ["loop-4"], **night},
    ]
    whole["freezes"] = [{**night, "tenants": ["first", "second"], "reason": "year-end"}, {**night, "tenants": ["second"]}]
    for component in whole["components"]:
        if component["id"] == "pe1":
            component["name"] = "PE1 (Second Bank's card 4)"
    text = job_text(whole, inventory.parse(whole, "network"), inventory.parse(whole, "network").lines[F_1])
    for foreign in ("econd", "S-1", "loop-4", "others", "F-2"):
        assert foreign not in text, foreign
    found = inventory.parse(text, "job")
    assert [work.components for work in found.planned] == [("pe1",)]
    assert [(freeze.tenants, freeze.reason) for freeze in found.freezes] == [(("first",), "year-end")]


def test_of_a_shared_server_the_lines_own_services_are_kept(document: dict[str, Any]) -> None:
    """Those its tests use; which of the others are whose nobody knows."""
    document["components"] += [{"id": "vault", "kind": "service", "owner": "destination", "ports": ["tcp/99"]}]
    for component in document["components"]:
        if component["id"] == "srv":
            component |= {"hosts": ["teller", "vault"], "addresses": ["10.9.0.11"]}
    assert "vault" in taken(document).components
    shared = line("S-2", "second", ["loop-4", "pe2", "far"], 5)
    shared["z_end"]["hosts"] = ["srv"]
    document["lines"].append(shared)
    document["dials"] = [{"id": "d", "line": "F-1", "sender": "ce", "protocol": "tcp", "endpoint": "teller"}]
    found = taken(document)
    assert "teller" in found.components
    assert "vault" not in found.components
    assert list(found.dials) == ["d"]


def test_export_writes_a_file_that_checks(file: Path, tmp_path: Path) -> None:
    """Upper and lower case alike; a comment says what it is; an unknown code names near ones."""
    job = tmp_path / "job.yaml"
    result = CliRunner().invoke(app, ["job", "export", "f-1", "-o", str(job), "-i", str(file)], catch_exceptions=False)
    assert "F-1; components: 10" in result.stdout
    assert job.read_text(encoding="utf-8").startswith("# What is known of line F-1")
    assert list(inventory.read(job).lines) == ["F-1"]
    with pytest.raises(CommandError) as caught:
        CliRunner().invoke(app, ["job", "export", "F-9", "-o", "-", "-i", str(file)], catch_exceptions=False)
    assert "F-" in (caught.value.hint or "")


@pytest.mark.parametrize("command", [["job", "export", "F-1"], ["export"], ["export", "--at", "2026-03-15"]])
def test_nothing_is_written_over_the_inventory_itself(file: Path, command: list[str]) -> None:
    """One line, or an old version, in the place of everything would keep no history."""
    octets = file.read_bytes()
    refused = CliRunner().invoke(app, [*command, "-i", str(file), "-o", f"{file.parent}/./{file.name}"])
    assert isinstance(refused.exception, CommandError)
    assert "the inventory itself" in refused.exception.message
    assert file.read_bytes() == octets


def test_an_extract_of_an_extract_is_itself(file: Path) -> None:
    """There is nothing left to take away."""
    known = inventory.read(file)
    once = extract(network(), known, F_1)
    assert extract(once, inventory.parse(once, "once"), F_1) == once


def test_groups_and_days_come_along_without_the_others(document: dict[str, Any]) -> None:
    """The customer's calendar, and of a group the line itself; a group's name that tells of somebody else stays here."""
    document["calendars"] = [{"id": "year", "month_end_days": "2"}, {"id": "other"}]
    document["tenants"][0]["calendar"] = "year"
    document["groups"] = [
        {"id": "pair", "name": "Second Bank's and ours", "lines": ["F-1", "F-2"], "services": ["teller"]},
        {"id": "foreign", "lines": ["S-1"]},
    ]
    found = taken(document)
    assert list(found.calendars) == ["year"]
    (group,) = found.groups.values()
    assert (group.id, group.name, group.lines, group.services) == ("pair", "pair", ("F-1",), ("teller",))


def test_interfaces_of_devices_on_the_line_come_along(document: dict[str, Any]) -> None:
    """Those of what others cross stay."""
    document["interfaces"] += [
        {"device": "pe1", "interface": "Gi0/1", "component": "loop-1"},
        {"device": "pe1", "interface": "Gi0/4", "component": "loop-4"},
    ]
    (port,) = taken(document).device_interfaces
    assert port.interface == "Gi0/1"
