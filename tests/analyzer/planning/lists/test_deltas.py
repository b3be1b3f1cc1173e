"""Deltas: what changed since the last one, in their order."""

from __future__ import annotations

import csv
import itertools
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.main import get_command

from analyzer.planning.cli import app
from analyzer.planning.lists import plain
from analyzer.planning.lists.applying import apply
from analyzer.planning.lists.columns import Profile
from analyzer.planning.lists.differences import differences
from analyzer.planning.lists.history import Delta, History
from analyzer.planning.lists.rows import read_rows
from analyzer.planning.lists.sheet import table
from faultline import inventory
from faultline.runtime.console import CommandError

TITLES = ["action", "code", "customer", "a_prefixes", "z_prefixes"]
Rows = list[Sequence[str]]


def applied(document: plain.Document, rows: Rows) -> plain.Document:
    """A document after a delta of these rows."""
    listed = read_rows(table([TITLES, *rows], "delta"), Profile())
    assert listed.problems == ()
    found = apply(document, listed.changes, is_delta=True)
    assert found.problems == []
    return found.document


@st.composite
def histories(draw: st.DrawFn) -> Rows:
    """Legal changes in an order: nothing is added twice, and only what is there is changed or removed."""
    rows: Rows = []
    there: set[int] = set()
    for _ in range(draw(st.integers(1, 20))):
        number = draw(st.integers(0, 4))
        action = draw(st.sampled_from(["change", "remove"])) if number in there else "add"
        (there.discard if action == "remove" else there.add)(number)
        customer = f"Bank {draw(st.integers(0, 2))}"
        rows.append((action, f"CN-{number}", customer, f"10.1.{number}.0/24", "10.9.0.0/24"))
    return rows


@given(rows=histories(), cuts=st.sets(st.integers(1, 19)))
def test_deltas_cut_anywhere_come_to_the_same(rows: Rows, cuts: set[int]) -> None:
    """However a history is cut into deltas, applying them in order gives the whole."""
    whole = applied(plain.empty(), rows)
    document = plain.empty()
    edges = [0, *sorted(cut for cut in cuts if cut < len(rows)), len(rows)]
    for begin, end in itertools.pairwise(edges):
        document = applied(document, rows[begin:end])
    assert list(differences(whole, document)) == []


@given(rows=histories(), data=st.data())
def test_deltas_in_any_legal_order_come_to_the_same(rows: Rows, data: st.DataObject) -> None:
    """Changes of one line keep their order; how those of different lines stand to each other makes no difference."""
    of_line: dict[str, Rows] = {}
    for row in rows:
        of_line.setdefault(row[1], []).append(row)
    order = data.draw(st.permutations([row[1] for row in rows]))
    left = {code: iter(found) for code, found in of_line.items()}
    other = [next(left[code]) for code in order]
    assert list(differences(applied(plain.empty(), rows), applied(plain.empty(), other))) == []


@settings(max_examples=20)
@given(rows=histories(), data=st.data())
def test_delta_files_in_any_order_and_again_come_to_the_same(rows: Rows, data: st.DataObject) -> None:
    """Numbered files, handed over in whatever order and some of them twice, give what their rows give in one go."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = [folder / f"lines-{number:04d}.csv" for number in range(1, len(rows) + 1)]
        for path, row in zip(paths, rows, strict=True):
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([TITLES, row])
        whole = folder / "inventory.yaml"
        for handed in (data.draw(st.permutations(paths)), data.draw(st.lists(st.sampled_from(paths), unique=True))):
            if handed:
                arguments = ["import", *map(str, handed), "-i", str(whole)]
                get_command(app).main(arguments, standalone_mode=False)
        found = inventory.read_data(whole)
    assert list(differences(applied(plain.empty(), rows), found)) == []


def test_damaged_delta_is_refused_whole(tmp_path: Path) -> None:
    """Cut in the middle of a quoted cell, or with a row too damaged to read: nothing of it is taken, and it may come again."""
    whole, delta = tmp_path / "inventory.yaml", tmp_path / "lines-0001.csv"
    sound = "action,code,customer,a_prefixes,z_prefixes\nadd,L1,Bank,10.1.1.0/24,10.9.0.0/24\n"
    for text in (sound + 'add,L2,"Ba', sound + "add,L2,Bank,10.1.2.0/2\n"):
        delta.write_text(text, encoding="utf-8")
        with pytest.raises(CommandError):
            get_command(app).main(["import", str(delta), "-i", str(whole)], standalone_mode=False)
        assert not whole.exists()
    delta.write_text(sound, encoding="utf-8")
    get_command(app).main(["import", str(delta), "-i", str(whole)], standalone_mode=False)
    assert list(inventory.read(whole).lines) == ["L1"]


def test_what_is_planned_for_a_line_goes_with_it() -> None:
    """Windows lose the components that are gone; a freeze of that line alone goes, and does not become one of everybody."""
    document = applied(plain.empty(), [("add", f"CN-{n}", "Bank", f"10.1.{n}.0/24", "10.9.0.0/24") for n in (1, 2)])
    night = {"start": "2036-12-01T02:00:00+08:00", "end": "2036-12-01T04:00:00+08:00"}
    document["planned"] = [{"components": ["CN-1.core", "CN-2.core"], **night}, {"components": ["CN-1.core"], **night}]
    document["freezes"] = [{"lines": ["CN-1"], **night}, {"lines": ["CN-1", "CN-2"], **night}, night]
    left = applied(document, [("remove", "CN-1", "Bank", "10.1.1.0/24", "10.9.0.0/24")])
    assert left["planned"] == [{"components": ["CN-2.core"], **night}]
    assert left["freezes"] == [{"lines": ["CN-2"], **night}, night]
    inventory.parse(left, "left")


@pytest.mark.parametrize(
    ("action", "code", "told"),
    [("add", "CN-1", "there already"), ("change", "CN-2", "not there"), ("remove", "CN-2", "not there")],
)
def test_delta_that_does_not_fit_is_told(action: str, code: str, told: str) -> None:
    """What is there cannot be added, what is not cannot be changed or removed."""
    document = applied(plain.empty(), [("add", "CN-1", "Bank", "10.1.1.0/24", "10.9.0.0/24")])
    listed = read_rows(table([TITLES, (action, code, "Bank", "10.1.2.0/24", "10.9.0.0/24")], "delta"), Profile())
    (problem,) = apply(document, listed.changes, is_delta=True).problems
    assert told in problem.wrong
    assert problem.line == 2


class TestOrder:
    """Which deltas of a series are applied, and when one is refused."""

    def files(self, folder: Path, *numbers: int) -> list[tuple[Path, Delta]]:
        """Delta files of these numbers."""
        found = []
        for number in numbers:
            path = folder / f"lines-{number:04d}.csv"
            path.write_text(f"delta {number}", encoding="utf-8")
            found.append((path, Delta.of(path)))
        return found

    def test_given_in_any_order_they_are_applied_by_number(self, tmp_path: Path) -> None:
        """The number in the name is the order."""
        pending = History(tmp_path / "inventory.yaml").pending(self.files(tmp_path, 3, 1, 2))
        assert [delta.number for _, delta in pending] == [1, 2, 3]

    def test_repeat_is_left_out(self, tmp_path: Path) -> None:
        """A delta that was applied comes again and does nothing."""
        history = History(tmp_path / "inventory.yaml")
        (first,) = self.files(tmp_path, 1)
        history.note(first[1], 5)
        assert history.pending([first]) == []

    def test_number_with_other_content_is_refused(self, tmp_path: Path) -> None:
        """A number stands for one file."""
        history = History(tmp_path / "inventory.yaml")
        (first,) = self.files(tmp_path, 1)
        history.note(first[1], 5)
        first[0].write_text("corrected", encoding="utf-8")
        with pytest.raises(CommandError, match="other content"):
            history.pending([(first[0], Delta.of(first[0]))])

    def test_gap_is_refused_until_accepted(self, tmp_path: Path) -> None:
        """A delta that never came is named; a person may go on without it."""
        history = History(tmp_path / "inventory.yaml")
        history.note(self.files(tmp_path, 1)[0][1], 5)
        late = self.files(tmp_path, 4)
        with pytest.raises(CommandError, match="number 2 to 3 of 'lines' has not come"):
            history.pending(late)
        assert len(history.pending(late, accept_gap=True)) == 1

    def test_delta_that_comes_too_late_is_refused(self, tmp_path: Path) -> None:
        """Rows of an old delta would undo newer ones."""
        history = History(tmp_path / "inventory.yaml")
        history.note(self.files(tmp_path, 7)[0][1], 5)
        with pytest.raises(CommandError, match="number 7 was applied already"):
            history.pending(self.files(tmp_path, 6))

    def test_name_without_a_number_is_refused(self, tmp_path: Path) -> None:
        """Without a number nobody knows where it belongs."""
        path = tmp_path / "changes.csv"
        path.write_text("x", encoding="utf-8")
        with pytest.raises(CommandError, match="no number"):
            Delta.of(path)
