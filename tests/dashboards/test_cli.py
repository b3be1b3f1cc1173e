"""The commands `faultline dashboards build` and `check`."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from dashboards.cli import app
from faultline.runtime.console import CommandError


def test_build_names_what_it_changed_and_check_is_then_content(tmp_path: Path) -> None:
    """Ten boards and five provisioning files; a second build changes none."""
    first = CliRunner().invoke(app, ["build", "--folder", str(tmp_path)])
    assert len(first.stdout.splitlines()) == 15
    assert "15 files changed" in first.stderr
    assert "0 files changed" in CliRunner().invoke(app, ["build", "--folder", str(tmp_path)]).stderr
    checked = CliRunner().invoke(app, ["check", "--folder", str(tmp_path)])
    assert checked.exit_code == 0
    assert "10 boards: right" in checked.stderr


def test_check_prints_each_problem_and_fails(tmp_path: Path) -> None:
    """One line a problem on standard output, and what to do."""
    CliRunner().invoke(app, ["build", "--folder", str(tmp_path)])
    (tmp_path / "grafana/faultline-l0-zh.json").unlink()
    result = CliRunner().invoke(app, ["check", "--folder", str(tmp_path)])
    assert result.stdout == "grafana/faultline-l0-zh.json: is missing: faultline dashboards build\n"
    assert isinstance(result.exception, CommandError)
    assert result.exception.message == "1 problems"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(app, ["build", "--folder", str(tmp_path / "file")])
    assert isinstance(result.exception, CommandError)
    assert str(tmp_path / "file") in result.exception.message
