"""A list with mistakes of twelve kinds is corrected from the printed messages alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.main import get_command

from analyzer.planning.cli import app
from faultline import inventory
from faultline.runtime.console import CommandError
from tests.benchmarks.mistaken_list import MISTAKES, TITLES, correct, mistaken, true_rows, write

LINES, EVERY = 480, 20
"""One row in twenty: 5 %."""
MOST_ROUNDS = 3
"""Cells first, then what they say of each other."""


def test_messages_alone_lead_to_a_list_without_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every mistake is named by row and column, nothing else is, and what is imported in the end is the true list."""
    listed, file = tmp_path / "lines.csv", tmp_path / "inventory.yaml"
    known = true_rows(LINES)
    rows, where = mistaken(known, EVERY)
    assert set(where.values()) == set(MISTAKES)
    named: set[tuple[int, str]] = set()
    for _ in range(MOST_ROUNDS):
        write(listed, rows)
        capsys.readouterr()
        try:
            get_command(app).main(["import", str(listed), "-i", str(file), "--json"], standalone_mode=False)
        except CommandError:
            problems = json.loads(capsys.readouterr().out)["problems"]
            assert all(problem["file"] == str(listed) and problem["remedy"] for problem in problems)
            named |= correct(rows, problems, known)
            assert not file.exists()
        else:
            break
    else:
        pytest.fail(f"still mistaken after {MOST_ROUNDS} rounds")
    assert named == set(where)
    assert rows == known
    found = inventory.read(file)
    assert list(found.lines) == [row[TITLES.index("电路编号")] for row in known]
