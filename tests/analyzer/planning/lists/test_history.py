"""Versions of the file: what was written, and what somebody changed by hand."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from analyzer.planning.changing import as_data
from analyzer.planning.lists.history import Delta, History
from faultline.records.terms import SECOND_NS
from faultline.runtime.console import CommandError

DAY_NS = 86_400 * SECOND_NS
BEGIN_NS = 1_770_000_000 * SECOND_NS


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An inventory that a command wrote on the first day."""
    path = tmp_path / "inventory.yaml"
    path.write_text("first", encoding="utf-8")
    return path


def written(file: Path, text: str, now_ns: int) -> None:
    """A command writes the file."""
    history = History(file)
    history.keep(now_ns)
    file.write_text(text, encoding="utf-8")
    history.wrote()
    for path in (file, history.folder / "written.yaml.gz"):
        os.utime(path, ns=(now_ns, now_ns))


def test_every_version_holds_until_the_next(file: Path) -> None:
    """Before the first change, between changes, after the last one."""
    written(file, "second", BEGIN_NS + DAY_NS)
    written(file, "third", BEGIN_NS + 2 * DAY_NS)
    history = History(file)
    assert [history.at(BEGIN_NS + day * DAY_NS) for day in (0, 1, 2, 3)] == [b"first", b"second", b"third", b"third"]
    assert [until_ns for until_ns, _ in history.versions()] == [BEGIN_NS + DAY_NS, BEGIN_NS + 2 * DAY_NS]


def test_an_edit_by_hand_is_a_version_of_its_own(file: Path) -> None:
    """What was written held until somebody edited the file; the edit until the next command wrote it."""
    written(file, "second", BEGIN_NS + DAY_NS)
    file.write_text("by hand", encoding="utf-8")
    os.utime(file, ns=(BEGIN_NS + 2 * DAY_NS,) * 2)
    written(file, "third", BEGIN_NS + 4 * DAY_NS)
    history = History(file)
    days = [history.at(BEGIN_NS + day * DAY_NS) for day in (0, 1, 2, 3, 4)]
    assert days == [b"first", b"second", b"by hand", b"by hand", b"third"]


def test_a_file_nobody_has_written_has_no_past(tmp_path: Path) -> None:
    """Nothing is known, and nothing is made up."""
    history = History(tmp_path / "inventory.yaml")
    assert history.keep(BEGIN_NS) is None
    assert history.at(BEGIN_NS) is None
    assert history.versions() == []


def test_a_folder_that_cannot_be_used_is_told_and_nothing_is_written(file: Path) -> None:
    """Whoever may not write there, or finds something else there, is told where it is and what is needed."""
    history, delta = History(file), Delta(series="lines", number=1, digest="")
    history.folder.write_text("a file in its place")
    attempts: list[Callable[[], object]] = [lambda: history.keep(BEGIN_NS), history.wrote, lambda: history.note(delta, BEGIN_NS)]
    for attempt in attempts:
        with pytest.raises(CommandError, match=r"inventory\.yaml\.history") as told:
            attempt()
        assert told.value.hint is not None
        assert "needs to read and write" in told.value.hint
    assert file.read_text(encoding="utf-8") == "first"
    history.folder.unlink()
    (history.folder / "deltas.jsonl").mkdir(parents=True)
    with pytest.raises(CommandError, match=r"deltas\.jsonl"):
        history.pending([(file, delta)])


def test_a_damaged_version_is_told(file: Path) -> None:
    """A torn file in the history is named, not guessed at."""
    written(file, "second", BEGIN_NS + DAY_NS)
    (version,) = [version for _, version in History(file).versions()]
    version.write_bytes(version.read_bytes()[:-9])
    with pytest.raises(CommandError, match="cannot be used"):
        History(file).at(BEGIN_NS)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A folder in its place is no empty inventory."""
    with pytest.raises(CommandError, match="cannot be read"):
        as_data(tmp_path)
