"""Whole imports: what a list becomes, and how its mistakes are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from analyzer.planning.lists import plain
from analyzer.planning.lists.columns import Profile
from analyzer.planning.lists.differences import differences
from analyzer.planning.lists.importing import Imported, run_import
from faultline import inventory

from .conftest import WriteList, line


def imported(path: Any, present: Any = None, **options: Any) -> Imported:
    """An import into an inventory that is empty when nothing is said."""
    return run_import([path], present or plain.empty(), profile=Profile(), **options)


def test_minimal_line_gets_the_segments_of_its_type(write_list: WriteList) -> None:
    """Code, customer and two networks are enough: an MPLS line is cut at its demarcations, and the inventory is sound."""
    path = write_list(
        [("CN-1", "First Bank", "10.1.1.0/24", "10.9.0.0/24")], titles=("code", "customer", "a_prefixes", "z_prefixes")
    )
    found = imported(path)
    assert found.problems == []
    made = inventory.parse(found.document, "test")
    assert [made.components[base].owner.value for base in made.lines["CN-1"].path] == [  # type: ignore[index]
        *("customer", "customer", "access", "carrier_core", "access", "destination", "destination")
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_chinese_list_is_read_as_offices_save_it(write_list: WriteList, encoding: str) -> None:
    """Titles, words and units of a Chinese list are understood in UTF-8 with and without a mark, and in GBK."""
    titles = ("电路编号", "客户名称", "等级", "业务类型", "带宽", "A端", "A端网段", "Z端", "Z端网段")
    row = ("甬０１", "宁波银行", "3A", "数字电路", "2M", "宁波", "10.1.1.0/24、10.1.2.0/24", "上海", "10.9.0.5")
    found = imported(write_list([row], titles=titles, encoding=encoding))
    assert found.problems == []
    (entry,) = found.document["lines"]
    assert entry["code"] == "甬01"
    assert (entry["grade"], entry["type"], entry["cir_bps"]) == ("AAA", "sdh", 2_000_000)
    assert entry["a_end"] == {"name": "宁波", "prefixes": ["10.1.1.0/24", "10.1.2.0/24"]}
    assert entry["z_end"]["prefixes"] == ["10.9.0.5/32"]


MISTAKES = {
    "a code that a spreadsheet made a number": (line(code="1.2E+11"), "code", "format the column as text"),
    "a code that a spreadsheet made a date": (line(code="2026-01-02"), "code", "format the column as text"),
    "no customer": (line(customer=""), "customer", "fill the cell"),
    "a customer whose characters were lost": (
        line(customer="\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"),
        "customer",
        "encoding",
    ),
    "no such grade": (line(grade="platinum"), "grade", "profile"),
    "a mistyped type": (line(type="mpls_vpm"), "type", "mpls"),
    "a rate without its unit": (line(cir="100"), "cir", "100M"),
    "an address where a network belongs": (line(a_prefixes="10.1.1.5/24"), "a_prefixes", "10.1.1.0/24"),
    "no network at all": (line(z_prefixes="10.9.0.300"), "z_prefixes", "10.1.17.0/24"),
    "no such state": (line(state="running"), "state", "profile"),
    "no such time zone": (line(time_zone="Asia/Shangai_"), "time_zone", "Asia/Shanghai"),
    "a backup that is not there": (line(backup="CN-9"), "backup", "CN-1"),
    "the same network at both ends": (line(z_prefixes="10.1.1.0/24"), "z_prefixes", "list it where it is"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_told_with_row_column_and_remedy(write_list: WriteList, mistake: str) -> None:
    """Each kind of mistake names the row as the spreadsheet shows it, its own title of the column, and what to do."""
    row, column, remedy = MISTAKES[mistake]
    other = line(code="CN-0", a_prefixes="10.1.0.0/24")
    found = imported(write_list([other, row]))
    (problem,) = found.problems
    assert (problem.line, problem.key) == (3, column)
    assert remedy in problem.remedy
    assert problem.where.endswith("lines.csv")


def test_doubled_line_names_the_first_row(write_list: WriteList) -> None:
    """A code that stands twice in a whole list is a mistake of the second row."""
    found = imported(write_list([line(), line(customer="Second Bank")]))
    (problem,) = found.problems
    assert problem.line == 3
    assert "in row 2 already" in problem.wrong


def test_one_mistake_refuses_the_file_and_names_all(write_list: WriteList) -> None:
    """Every mistake of a list is told at once."""
    rows = [line(code=f"CN-{number}", cir="fast") for number in range(5)]
    assert len(imported(write_list(rows)).problems) == 5


def test_second_import_changes_nothing(write_list: WriteList) -> None:
    """The same list again is no change, also through the file's text."""
    path = write_list([line()])
    first = imported(path)
    (_, applied) = imported(path, present=_again(first.document)).applied[0]
    assert (applied.added, applied.changed, applied.unchanged) == ([], [], 1)


def test_path_that_somebody_described_is_kept(write_list: WriteList) -> None:
    """A list that knows a line's type only does not overwrite the path that a person has written."""
    document = imported(write_list([line()])).document
    document["components"].append({"id": "shared-core", "kind": "segment", "owner": "carrier_core"})
    document["lines"][0]["path"] = ["CN-1.lan-a", "shared-core"]
    found = imported(write_list([line(cir="200M")]), present=document)
    assert found.problems == []
    assert found.document["lines"][0]["path"] == ["CN-1.lan-a", "shared-core"]
    assert found.document["lines"][0]["cir_bps"] == 200_000_000


def test_whole_list_keeps_what_it_does_not_have(write_list: WriteList) -> None:
    """A line that a whole list does not have is named and kept; only on request it goes, with everything that looks at it."""
    document = imported(write_list([line(), line(code="CN-2", a_prefixes="10.1.2.0/24")])).document
    document["vantages"] = [{"id": "v", "probe": "p", "positions": [{"line": "CN-2", "before": "CN-2.lan-a"}]}]
    path = write_list([line()])
    kept = imported(path, present=document)
    assert kept.applied[0][1].missing == ["CN-2"]
    assert len(kept.document["lines"]) == 2
    gone = imported(path, present=document, remove_missing=True)
    assert [entry["code"] for entry in gone.document["lines"]] == ["CN-1"]
    assert gone.document["vantages"] == []
    assert gone.problems == []


def test_inventory_file_is_united_or_takes_the_place_of_everything(write_list: WriteList, tmp_path: Path) -> None:
    """Its entries replace those of the same name; where it is said to be whole, what it does not have goes."""
    both = imported(write_list([line(), line(code="CN-2", a_prefixes="10.1.2.0/24")])).document
    one = imported(write_list([line(cir="200M")])).document
    path = tmp_path / "one.yaml"
    path.write_text(plain.dump(one), encoding="utf-8")
    united = imported(path, present=both)
    assert united.problems == []
    assert [entry["code"] for entry in united.document["lines"]] == ["CN-1", "CN-2"]
    assert (united.applied[0][1].changed, united.applied[0][1].missing) == (["CN-1"], ["CN-2"])
    whole = imported(path, present=both, remove_missing=True)
    assert whole.applied[0][1].removed == ["CN-2"]
    assert list(differences(whole.document, one)) == []


def test_columns_nobody_knows_are_named(write_list: WriteList) -> None:
    """A title that means nothing here is left out and told."""
    titles = ("code", "customer", "a_prefixes", "z_prefixes", "account manager")
    path = write_list([("CN-1", "First Bank", "10.1.1.0/24", "10.9.0.0/24", "Li")], titles=titles)
    assert imported(path).unknown_columns == {str(path): ("account manager",)}


def test_list_without_a_needed_column_says_which(write_list: WriteList) -> None:
    """Without a column of codes a list cannot be read: what is missing, and which titles were not understood, is one message."""
    path = write_list([("1", "2")], titles=("number", "customer"))
    (problem,) = imported(path).problems
    assert "code" in problem.wrong
    assert "profile" in problem.remedy


def _again(document: plain.Document) -> plain.Document:
    """As it comes back from its file: every number a text."""
    import yaml  # noqa: PLC0415 - for this one place

    again: plain.Document = yaml.load(plain.dump(document), Loader=yaml.BaseLoader)  # noqa: S506 - the base loader makes texts only
    return again
