"""The inventory as it was, and lists of its lines, as a person asks for them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.main import get_command

from analyzer.planning.changing import present, replace
from analyzer.planning.cli import app
from faultline import inventory
from faultline.records.terms import SECOND_NS, LineCode
from faultline.runtime.console import CommandError

MARCH_20_NS = 1_774_000_000 * SECOND_NS
"""2026-03-20T09:46:40Z."""


def call(*arguments: str | Path) -> None:
    """Run a command in this process; its errors come out."""
    get_command(app).main([str(argument) for argument in arguments], standalone_mode=False)


@pytest.fixture
def changed(file: Path) -> Path:
    """The two banks' network; on 20 March a line became another grade."""
    document = present(file).document
    document["lines"][0]["grade"] = "AAA"
    replace(file, document, MARCH_20_NS)
    return file


def test_a_line_is_shown_as_it_was(changed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By day, by minute and with an offset; without a moment as it is."""
    for at, grade in (("2026-03-15", "AA"), ("2026-03-20 09:46", "AA"), ("2026-03-20T17:47+08:00", "AAA"), (None, "AAA")):
        capsys.readouterr()
        call("show", "F-1", "-i", changed, "--json", *(("--at", at) if at else ()))
        assert json.loads(capsys.readouterr().out)["grade"] == grade
    call("find", "F-1", "-i", changed, "--at", "2026-03-15", "--json")
    assert json.loads(capsys.readouterr().out)["lines"][0]["grade"] == "AA"


def test_no_moment_and_no_file_are_told(changed: Path, tmp_path: Path) -> None:
    """Bad usage, each with what to write."""
    for arguments in (
        ("show", "F-1", "-i", changed, "--at", "March"),
        ("find", "x", "-i", tmp_path / "no", "--at", "2026-03-15"),
    ):
        with pytest.raises(CommandError) as caught:
            call(*arguments)
        assert caught.value.code == 2
        assert caught.value.hint


def test_versions_are_listed(changed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each with the moment until which it held."""
    call("history", "-i", changed)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("until 2026-03-20T09:46:40+00:00")
    assert second.startswith("since 2026-03-20T09:46:40+00:00")
    call("history", "-i", changed, "--json")
    (version,) = json.loads(capsys.readouterr().out)["versions"]
    assert version["until_ns"] == MARCH_20_NS


def test_lines_are_exported_as_they_are_and_were(changed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """CSV that spreadsheets know, in UTF-8 or GBK; YAML is the file itself."""
    listed, old, whole = tmp_path / "now.csv", tmp_path / "old.csv", tmp_path / "old.yaml"
    call("export", "-o", listed, "-i", changed)
    call("export", "-o", old, "-i", changed, "--at", "2026-03-15", "--encoding", "gbk")
    call("export", "-o", whole, "-i", changed, "--at", "2026-03-15")
    assert listed.read_bytes().startswith("\ufeff".encode())
    with listed.open(encoding="utf-8-sig", newline="") as now, old.open(encoding="gbk", newline="") as then:
        grades = [next(csv.DictReader(file))["grade"] for file in (now, then)]
    assert grades == ["AAA", "AA"]
    assert inventory.read(whole).lines[LineCode("F-1")].grade == "AA"
    capsys.readouterr()
    call("import", listed, "-i", changed, "--dry-run")
    assert "nothing changes" in capsys.readouterr().out
    call("export", "-o", "-", "-i", changed)
    assert capsys.readouterr().out.startswith("code,customer,")


def test_what_gbk_lacks_is_told_before_anything_is_written(changed: Path, tmp_path: Path) -> None:
    """With the character, and the way out."""
    document = present(changed).document
    document["lines"][0]["customer"] = "Banque \U0001f3e6"
    replace(changed, document, MARCH_20_NS + SECOND_NS)
    with pytest.raises(CommandError, match="GBK has no"):
        call("export", "-o", tmp_path / "x.csv", "-i", changed, "--encoding", "gbk")
    assert not (tmp_path / "x.csv").exists()
