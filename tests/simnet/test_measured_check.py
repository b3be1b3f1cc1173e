"""`faultline inventory check --measured` over the stores of a simulated run: what is declared wrongly is found by its traces."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from analyzer.planning.cli import app
from appliance.demo.inventory_file import inventory_document
from appliance.demo.probing import Probes
from appliance.simnet.run import SimulatedRun
from faultline.runtime.console import CommandError

Document = dict[str, Any]


@pytest.fixture
def checked(tmp_path: Path, simulate: Callable[..., SimulatedRun], capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Runs the network for a while, then compares files with what was measured: exit code and what is printed."""
    run = simulate(seed=3, answer=False)
    run.advance(40)
    run.close()
    (state,) = tmp_path.rglob("state.db")

    def check(document: Document) -> tuple[int, Document]:
        file = tmp_path / "declared.yaml"
        file.write_text(yaml.safe_dump(document), encoding="utf-8")
        code = 0
        capsys.readouterr()
        try:
            arguments = ["check", str(file), "--measured", "--store", str(state.parent), "--json"]
            get_command(app).main(arguments, standalone_mode=False)
        except CommandError as error:
            code = error.code
        return code, json.loads(capsys.readouterr().out)

    return check


def edge_mistaken(document: Document) -> Document:
    """The first branch is declared to be behind the other provider edge."""
    line = document["lines"][0]
    instead = {"pe1": "pe2", "core-1": "core-2"}
    line["path"] = [instead.get(base, base) for base in line["path"]]
    for vantage in document["vantages"]:
        for place in vantage["positions"]:
            if place["line"] == line["code"] and "between" in place:
                place["between"] = [instead.get(base, base) for base in place["between"]]
    return document


def test_a_wrong_path_is_found_and_a_right_one_is_not(checked: Callable[..., Any]) -> None:
    """Exit 1 with the line of the file and what to do; the true file has nothing to correct, and exit 0."""
    truth = inventory_document(Probes.FULL)
    code, told = checked(truth)
    assert code == 0
    assert told["measured"]["routes"] > 0
    assert {doubt["what"] for doubt in told["warnings"]} <= {"inseparable"}

    code, told = checked(edge_mistaken(inventory_document(Probes.FULL)))
    wrong = [doubt for doubt in told["warnings"] if doubt["what"] == "contradicted_path"]
    assert code == 1
    assert [doubt["subjects"] for doubt in wrong] == [["CN-NB-0017", "pe2"]]
    assert "pe1 answered there" in wrong[0]["text"]
    assert "put pe1 in the place of pe2" in wrong[0]["remedy"]
    assert wrong[0]["key"] == "lines[0].path"
    assert wrong[0]["line"] > 1
