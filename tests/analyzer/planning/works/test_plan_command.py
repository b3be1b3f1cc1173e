"""`faultline plan` as a person types it."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from analyzer.planning.lists.history import History
from analyzer.planning.works.cli import app
from faultline import inventory
from faultline.inventory import Inventory
from faultline.runtime.console import CommandError

NIGHT = ("--from", "2036-12-01 02:00", "--to", "2036-12-01 04:00")


def run(*words: str | Path) -> str:
    """What a command prints; it must succeed."""
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*words: str | Path) -> CommandError:
    """The error a command ends with."""
    with pytest.raises(CommandError) as caught:
        run(*words)
    assert caught.value.code == 2
    assert caught.value.hint
    return caught.value


def write(path: Path, rows: Sequence[tuple[str, ...]], encoding: str = "utf-8") -> Path:
    """A list of windows."""
    with path.open("w", encoding=encoding, newline="") as out:
        csv.writer(out).writerows(rows)
    return path


def listed(file: Path, *more: str) -> list[dict[str, Any]]:
    """What `list` has."""
    found: list[dict[str, Any]] = json.loads(run("list", "-i", file, "--json", *more))["planned"]
    return found


def test_a_window_is_declared_listed_and_removed(file: Path) -> None:
    """By the clock of the lines; the file stays sound, and what it was is kept each time."""
    before = inventory.read(file)
    assert "hits 1 line of 1 customer" in run("add", "loop-3", *NIGHT, "--reason", "cut-over", "-i", file)
    (work,) = inventory.read(file).planned
    assert work.components == ("loop-3",)
    assert work.end_ns - work.start_ns == 7200 * 10**9
    assert 'start: "2036-12-01T02:00:00+08:00"' in file.read_text(encoding="utf-8")
    said = run("list", "-i", file)
    assert "2036-12-01 02:00:00 UTC+08:00 to 2036-12-01 04:00:00 UTC+08:00  loop-3: cut-over" in said
    run("remove", said.split()[0], "-i", file)
    assert inventory.read(file) == before
    assert len(list(History(file).folder.glob("until-*"))) == 2


def test_the_same_window_again_changes_nothing(file: Path) -> None:
    """A command that is repeated does no harm."""
    run("add", "loop-3", *NIGHT, "-i", file)
    octets = file.read_bytes()
    assert "nothing changes" in run("add", "loop-3", *NIGHT, "-i", file)
    assert file.read_bytes() == octets


def test_what_cannot_be_declared_changes_nothing(file: Path) -> None:
    """A name that does not exist, an end before its beginning, a reference nobody has."""
    octets = file.read_bytes()
    assert "did you mean 'loop-3'" in (refused("add", "lop-3", *NIGHT, "-i", file).hint or "")
    refused("add", "loop-3", "--from", "2036-12-01 04:00", "--to", "2036-12-01 02:00", "-i", file)
    refused("remove", "abcdef01", "-i", file)
    assert file.read_bytes() == octets


def test_list_knows_now_past_and_any_moment(file: Path) -> None:
    """Past windows are shown when asked for; `--at` shows what is in force then."""
    run("add", "loop-1", "--from", "2006-12-01 02:00", "--to", "2006-12-01 04:00", "-i", file)
    run("add", "loop-3", *NIGHT, "-i", file)
    assert [entry["components"] for entry in listed(file)] == [["loop-3"]]
    assert len(listed(file, "--all")) == 2
    assert len(listed(file, "--at", "2036-12-01 02:00")) == 1
    assert listed(file, "--at", "2036-12-01 04:00") == []


def test_a_freeze_stands_in_the_way(file: Path) -> None:
    """Of its lines in its time; who insists is warned."""
    run(
        "freeze",
        "--from",
        "2036-11-30 00:00",
        "--to",
        "2036-12-02 00:00",
        "--tenant",
        "first",
        "--reason",
        "year-end",
        "-i",
        file,
    )
    assert "year-end" in refused("add", "loop-3", *NIGHT, "-i", file).message
    run("add", "loop-4", *NIGHT, "-i", file)
    run("add", "loop-3", *NIGHT, "--despite-freeze", "-i", file)
    assert len(inventory.read(file).planned) == 2
    refused("freeze", *NIGHT, "--line", "F-9", "-i", file)


def test_a_list_of_windows_is_taken_in_once(file: Path, tmp_path: Path) -> None:
    """Titles as people write them, GBK too, sites for all that is in them; a second time nothing is new."""
    rows = [
        ("割接对象", "开始时间", "结束时间", "原因"),
        ("loop-3、loop-4", "2036/12/1 2:00", "2036/12/1 4:00", "扩容"),
        ("hall", "2036-12-02 02:00", "2036-12-02 04:00", ""),
    ]
    path = write(tmp_path / "windows.csv", rows, "gbk")
    assert "2 windows would be declared" in run("import", path, "-i", file, "--dry-run")
    assert "2 windows were declared" in run("import", path, "-i", file)
    planned = inventory.read(file).planned
    assert [work.components for work in planned] == [("loop-3", "loop-4"), ("pe1",)]
    assert planned[0].reason == "扩容"
    octets = file.read_bytes()
    assert "0 windows were declared, 2 were there already" in run("import", path, "-i", file)
    assert file.read_bytes() == octets


def test_a_list_with_a_mistake_is_refused_as_a_whole(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each mistake with row, column and remedy."""
    rows = [
        ("components", "from", "to"),
        ("loop-3", "2036-12-01 02:00", "2036-12-01 04:00"),
        ("lop-3", "2036-12-01 02:00", "2036-12-01 04:00"),
        ("loop-3", "soon", ""),
        ("loop-3", "2036-12-01 04:00", "2036-12-01 02:00"),
        ("loop-3", "soon", "later"),
    ]
    path, octets = write(tmp_path / "windows.csv", rows), file.read_bytes()
    with pytest.raises(CommandError, match="5 mistakes"):
        app(["import", str(path), "-i", str(file)], standalone_mode=False)
    said = capsys.readouterr().err.splitlines()
    assert f"{path}:3: components: no component 'lop-3'; did you mean 'loop-3'?" in said
    assert f"{path}:4: to: empty; fill the cell" in said
    assert f"{path}:5: to: not after its start; swap them, or correct the date" in said
    assert file.read_bytes() == octets
    no_title = write(tmp_path / "bad.csv", [("components", "from"), ("loop-3", "2036-12-01 02:00")])
    refused("import", no_title, "-i", file)


def test_impact_takes_the_declared_window_and_writes_notices(file: Path, tmp_path: Path) -> None:
    """Without a time it is the next one; each customer's text is a file of its own."""
    run("add", "pe1", *NIGHT, "--reason", "new card", "-i", file)
    said = run("impact", "pe1", "-i", file, "--notices", tmp_path / "out")
    assert said.splitlines()[0] == ("pe1, 2036-12-01 02:00:00 UTC+08:00 to 2036-12-01 04:00:00 UTC+08:00: 3 lines of 2 customers")
    assert "backup F-2 goes down too: it shares pe1" in said
    texts = [path.read_text(encoding="utf-8") for path in sorted((tmp_path / "out").iterdir())]
    assert [text.splitlines()[2] for text in texts] == ["Dear First Bank,", "Dear Second Bank,"]
    assert all("new card" in text for text in texts)


def test_impact_of_what_is_not_declared_yet(file: Path) -> None:
    """With both times it is a window; with one it is a moment; programs get it as JSON, in the language that is asked for."""
    told = json.loads(run("impact", "loop-3", "--at", "2036-12-01 02:00", "--to", "2036-12-01 04:00", "-i", file, "--json"))
    assert told["end_ns"] - told["start_ns"] == 7200 * 10**9
    (line,) = told["lines"]
    assert (line["line"], line["grade"], line["effect"], line["services"]) == ("F-3", "A", "interrupted", ["teller"])
    moment = json.loads(run("impact", "hall", "--at", "2036-12-01 02:00", "-i", file, "--json", "--language", "zh"))
    assert "end_ns" not in moment
    assert {notice["customer"] for notice in moment["notices"]} == {"First Bank", "Second Bank"}
    assert all("线路计划作业通知" in notice["text"] for notice in moment["notices"])
    assert "no line crosses it" in run("impact", "up", "-i", _without_lines_over_core(file))


def _without_lines_over_core(file: Path) -> Path:
    """The network with its lines over the core gone."""
    text = file.read_text(encoding="utf-8")
    kept = [row for row in text.splitlines() if not ("code:" in row and "core" in row)]
    other = file.with_name("small.yaml")
    other.write_text("\n".join(kept).replace(", backup: F-2", "") + "\n", encoding="utf-8")
    assert isinstance(inventory.read(other), Inventory)
    return other
