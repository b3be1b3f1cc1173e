"""The commands as a person types them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from analyzer.planning.cli import app
from analyzer.planning.lists.history import History
from faultline import inventory
from faultline.runtime.console import CommandError

from .conftest import WriteList, line


def run(*words: str | Path) -> str:
    """What a command prints; it must succeed."""
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_import_writes_an_inventory_that_checks(write_list: WriteList, tmp_path: Path) -> None:
    """After an import `inventory check` is content."""
    file = tmp_path / "inventory.yaml"
    assert "1 added" in run("import", write_list([line()]), "-i", file)
    assert "can be used" in run("check", file)


def test_dry_run_writes_nothing(write_list: WriteList, tmp_path: Path) -> None:
    """It says what would change."""
    file = tmp_path / "inventory.yaml"
    assert "would be written" in run("import", write_list([line()]), "-i", file, "--dry-run")
    assert not file.exists()


def test_mistake_leaves_the_inventory_as_it_was(write_list: WriteList, tmp_path: Path) -> None:
    """A list with a mistake changes nothing, and says so with exit code 2."""
    file = tmp_path / "inventory.yaml"
    run("import", write_list([line()]), "-i", file)
    before = file.read_bytes()
    with pytest.raises(CommandError, match="nothing was imported: 1 mistake") as told:
        run("import", write_list([line(cir="200M"), line(code="CN-2", grade="gold")]), "-i", file)
    assert told.value.code == 2
    assert file.read_bytes() == before


def test_what_was_replaced_is_kept_with_its_time(write_list: WriteList, tmp_path: Path) -> None:
    """The inventory of a moment before the import is still there."""
    file = tmp_path / "inventory.yaml"
    run("import", write_list([line()]), "-i", file)
    before, moment_ns = file.read_bytes(), int(datetime.now(tz=UTC).timestamp() * 1e9)
    run("import", write_list([line(cir="200M")]), "-i", file)
    history = History(file)
    assert history.at(moment_ns) == before
    assert history.at(moment_ns + 10**12) == file.read_bytes()
    assert inventory.parse(before, "then").lines["CN-1"].cir_bps == 100_000_000  # type: ignore[index]


def test_diff_names_keys_before_and_after(write_list: WriteList, tmp_path: Path) -> None:
    """What changed is told key by key."""
    one, other = tmp_path / "one.yaml", tmp_path / "other.yaml"
    run("import", write_list([line()]), "-i", one)
    run("import", write_list([line(cir="200M")]), "-i", other)
    assert run("diff", one, other) == "~ line CN-1: cir_bps: 100000000 -> 200000000\n"
    (change,) = json.loads(run("diff", one, other, "--json"))["changes"]
    assert change["keys"] == {"cir_bps": {"before": "100000000", "after": "200000000"}}
    assert run("diff", one, one) == "no difference\n"


def test_profile_maps_what_nobody_knows(write_list: WriteList, tmp_path: Path) -> None:
    """A mapping that was saved and completed reads the next list of the same office."""
    file, profile = tmp_path / "inventory.yaml", tmp_path / "office.yaml"
    titles = ("ref", "customer", "a_prefixes", "z_prefixes", "class")
    path = write_list([("CN-1", "First Bank", "10.1.1.0/24", "10.9.0.0/24", "gold")], titles=titles)
    with pytest.raises(CommandError, match="nothing was imported"):
        run("import", path, "-i", file, "--save-profile", profile)
    text = profile.read_text(encoding="utf-8").replace("ref: ignored", "ref: code").replace("class: ignored", "class: grade")
    profile.write_text(text + "values: {grade: {gold: AA}}\n", encoding="utf-8")
    run("import", path, "-i", file, "--profile", profile)
    assert inventory.read(file).lines["CN-1"].grade == "AA"  # type: ignore[index]


def test_delta_is_applied_once(write_list: WriteList, tmp_path: Path) -> None:
    """A delta that comes again changes nothing, whatever has happened since."""
    file = tmp_path / "inventory.yaml"
    run("import", write_list([line()]), "-i", file)
    delta = write_list([("change", "CN-1", "300M")], titles=("action", "code", "cir"), name="changes-0001.csv")
    run("import", delta, "-i", file)
    run("import", write_list([line()]), "-i", file)
    assert "nothing changes" in run("import", delta, "-i", file)
    assert inventory.read(file).lines["CN-1"].cir_bps == 100_000_000  # type: ignore[index]
