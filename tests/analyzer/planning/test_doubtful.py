"""What looks wrong and is allowed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from analyzer.planning.cli import app
from analyzer.planning.doubt import Doubt, Doubtful
from analyzer.planning.doubtful import doubts
from analyzer.planning.lists import plain
from faultline import inventory

from .conftest import component, line, network

NOW_NS = 0


def found(document: dict[str, Any], what: Doubtful) -> list[Doubt]:
    """Doubts of a kind."""
    return [doubt for doubt in doubts(inventory.parse(document, "network"), NOW_NS) if doubt.what is what]


def test_a_pair_that_meets_in_the_carriers_network_is_told_once() -> None:
    """With what they share; what the customer has at both ends is shared by nature."""
    (doubt,) = found(network(), Doubtful.SHARED_ROUTE)
    assert doubt.subjects == ("F-1", "F-2")
    assert "share pe1" in doubt.text
    apart = network()
    apart["components"].append(component("hall-lan", owner="customer"))
    apart["lines"][0]["path"] = ["hall-lan", "loop-1", "pe2", "core", "far"]
    apart["lines"][1] |= {"path": ["hall-lan", "loop-2", "pe1", "other"], "backup": "F-1"}
    assert found(apart, Doubtful.SHARED_ROUTE) == []


def test_a_building_is_shared_too() -> None:
    """Two routers of the carrier in one hall lose their power together."""
    document = network()
    document["lines"][0]["path"] = ["loop-1", "pe2", "core", "far"]
    for entry in document["components"]:
        if entry["id"] == "pe2":
            entry["site"] = "hall"
    (doubt,) = found(document, Doubtful.SHARED_ROUTE)
    assert "share site hall" in doubt.text


def test_lines_between_the_same_networks_are_told_unless_they_are_a_pair() -> None:
    """In either order of the ends; another tenant may use the same addresses."""
    document = network()
    twin = line("F-4", "first", ["loop-3", "pe2", "far"], 3)
    twin["a_end"], twin["z_end"] = twin["z_end"], twin["a_end"]
    document["lines"] += [twin, line("S-3", "second", ["loop-4", "pe2", "far"], 3)]
    (doubt,) = found(document, Doubtful.SAME_NETWORKS)
    assert doubt.subjects == ("F-3", "F-4")
    twin["backup"] = "F-3"
    assert found(document, Doubtful.SAME_NETWORKS) == []


def test_vantages_that_see_nothing_are_told() -> None:
    """All of their lines are out of use; or they neither capture nor test."""
    document = network()
    document["lines"][2]["state"] = "suspended"
    document["vantages"] = [
        {"id": "blind", "probe": "p", "observation_point": "x", "positions": [{"line": "F-3", "before": "loop-3"}]},
        {"id": "idle", "probe": "p", "positions": [{"line": "F-1", "before": "loop-1"}]},
        {"id": "tests", "probe": "p", "positions": [{"line": "F-1", "between": ["loop-1", "pe1"]}]},
        {"id": "answers", "positions": [{"line": "F-1", "after": "far"}]},
    ]
    document["sessions"] = [{"id": "s", "line": "F-1", "sender": "tests", "reflector": "answers"}]
    assert [doubt.subjects for doubt in found(document, Doubtful.BLIND_VANTAGE)] == [("blind",)]
    assert [doubt.subjects for doubt in found(document, Doubtful.IDLE_VANTAGE)] == [("idle",)]


def test_a_window_to_come_in_a_freeze_is_told() -> None:
    """Of the lines it hits; what is over is over."""
    document = network()
    night = {"start": "2036-12-01T02:00:00+08:00", "end": "2036-12-01T04:00:00+08:00"}
    document["planned"] = [{"components": ["loop-3"], **night}, {"components": ["loop-4"], **night}]
    document["freezes"] = [{**night, "tenants": ["first"], "reason": "year-end"}]
    (doubt,) = found(document, Doubtful.FROZEN_WINDOW)
    assert "loop-3" in doubt.text
    assert "year-end" in doubt.text
    assert not [d for d in doubts(inventory.parse(document, "x"), 3 * 10**18) if d.what is Doubtful.FROZEN_WINDOW]


def test_check_warns_and_is_content(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A warning is no mistake: exit 0; programs find it apart from the mistakes."""
    app(["check", str(file)], standalone_mode=False)
    said = capsys.readouterr()
    assert "can be used" in said.out
    number = next(at for at, text in enumerate(file.read_text(encoding="utf-8").splitlines(), 1) if "F-1" in text)
    assert said.err.startswith(
        f"warning: {file}:{number}: lines[0].backup: F-1 and its backup F-2 share pe1: one fault takes both; "
    )
    told = json.loads(CliRunner().invoke(app, ["check", str(file), "--json"]).stdout)
    assert (told["usable"], told["problems"]) == (True, [])
    assert told["warnings"][0]["what"] == "shared_route"
    assert told["warnings"][0]["subjects"] == ["F-1", "F-2"]


def test_many_warnings_do_not_fill_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As many as one reads; `--json` has the others."""
    document = network()
    document["vantages"] = [{"id": f"idle-{n}", "positions": [{"line": "F-1", "before": "loop-1"}]} for n in range(60)]
    path = tmp_path / "many.yaml"
    path.write_text(plain.dump(document), encoding="utf-8")
    app(["check", str(path)], standalone_mode=False)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 51
    assert said[-1].startswith("and 11 more warnings")
