"""Columns of what was agreed: contract values, levels of customers, groups; and rows that contradict each other in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from analyzer.planning.lists import plain
from analyzer.planning.lists.applying import Applied, apply
from analyzer.planning.lists.columns import Attribute, Profile
from analyzer.planning.lists.rows import read_rows
from analyzer.planning.lists.sheet import table
from analyzer.planning.lists.values import READERS, CellError
from faultline import inventory
from faultline.inventory import Vip
from faultline.records.terms import LineCode, TenantId

TITLES = ["code", "customer", "a_prefixes", "z_prefixes"]


def row(number: int, customer: str = "Bank") -> list[str]:
    """A sound row."""
    return [f"L{number}", customer, f"10.1.{number}.0/24", "10.9.0.0/24"]


def imported(titles: Sequence[str], rows: Sequence[Sequence[str]], document: Any = None) -> Applied:
    """A list with more columns taken into an inventory."""
    listed = read_rows(table([[*TITLES, *titles], *rows], "list"), Profile())
    assert listed.problems == ()
    return apply(document or plain.empty(), listed.changes)


@pytest.mark.parametrize(
    ("attribute", "text", "value"),
    [
        (Attribute.AVAILABILITY, "99.95%", "99.95"),
        (Attribute.AVAILABILITY, "99.95", "99.95"),
        (Attribute.AVAILABILITY, "0.9995", "99.95"),
        (Attribute.AVAILABILITY, "1", "100"),
        (Attribute.LOSS, "0.10%", "0.1"),
        (Attribute.LOSS, "0", "0"),
        (Attribute.ROUND_TRIP, "30", "30"),
        (Attribute.ROUND_TRIP, "0.03 s", "30"),
        (Attribute.VARIATION, "5毫秒", "5"),
        (Attribute.VIP, "钻石", "diamond"),
        (Attribute.GROUPS, "tellers、atm，vip", ["tellers", "atm", "vip"]),  # noqa: RUF001 - as Chinese lists have them
        (Attribute.EIR, "512k", 512_000),
    ],
)
def test_cells_are_read_as_people_write_them(attribute: Attribute, text: str, value: Any) -> None:
    """With and without signs and units; a percent cell of a spreadsheet arrives as a ratio."""
    assert READERS[attribute](text) == value


@pytest.mark.parametrize(
    ("attribute", "text", "remedy"),
    [
        (Attribute.AVAILABILITY, "40", "99.95%"),
        (Attribute.AVAILABILITY, "high", "99.95%"),
        (Attribute.LOSS, "0.1", "write 0.1% as a text"),
        (Attribute.LOSS, "99%", "0.1%"),
        (Attribute.ROUND_TRIP, "0", "milliseconds"),
        (Attribute.ROUND_TRIP, "soon", "milliseconds"),
        (Attribute.GROUPS, "、", "names without spaces"),
        (Attribute.VIP, "platinum", "profile"),
    ],
)
def test_what_could_be_meant_in_two_ways_is_asked(attribute: Attribute, text: str, remedy: str) -> None:
    """With what to write instead."""
    with pytest.raises(CellError) as caught:
        READERS[attribute](text)
    assert remedy in caught.value.remedy


def test_an_inventory_holds_what_the_list_said_of_contract_customer_and_groups() -> None:
    """Of the line, of its customer, and of the lines together."""
    titles = ["availability", "时延", "vip", "线路组", "捆绑"]
    rows = [[*row(1), "99.9%", "30", "gold", "tellers", "n2m"], [*row(2), "", "", "", "tellers", "n2m"]]
    known = inventory.parse(imported(titles, rows).document, "imported")
    first = known.lines[LineCode("L1")]
    assert (first.contract.availability_ratio, first.contract.round_trip_ns) == (0.999, 30_000_000)
    assert known.tenants[TenantId("Bank")].vip is Vip.GOLD
    assert {group.id: (group.kind.value, group.lines) for group in known.groups.values()} == {
        "tellers": ("group", ("L1", "L2")),
        "n2m": ("bundle", ("L1", "L2")),
    }


def test_a_row_moves_its_line_between_groups_and_says_nothing_of_others() -> None:
    """A group that nobody is in any more is gone; a row without the column leaves everything."""
    document = imported(["groups"], [[*row(1), "one"], [*row(2), "one, two"]]).document
    moved = imported(["groups"], [[*row(1), "two"], [*row(2), "two"]], document)
    assert moved.document["groups"] == [{"id": "two", "lines": ["L2", "L1"]}]
    assert imported([], [row(1), row(2)], moved.document).document["groups"] == moved.document["groups"]


def test_a_removed_line_leaves_its_groups() -> None:
    """They stay while somebody is in them."""
    document = imported(["groups"], [[*row(1), "one"], [*row(2), "one, two"]]).document
    listed = read_rows(table([["action", "code"], ["remove", "L2"]], "delta"), Profile())
    assert apply(document, listed.changes, is_delta=True).document["groups"] == [{"id": "one", "lines": ["L1"]}]


MISTAKES: dict[str, tuple[list[str], list[list[str]], str]] = {
    "a customer of two levels": (["vip"], [[*row(1), "gold"], [*row(2), "silver"]], "'silver' for 'Bank', and row 2 says 'gold'"),
    "a group of two customers": (["groups"], [[*row(1), "all"], [*row(2, "Other"), "all"]], "'all' is of lines of 'Bank'"),
    "a bundle that is a group": (["groups", "bundle"], [[*row(1), "x", ""], [*row(2), "", "x"]], "'x' is a group"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_rows_that_contradict_each_other_are_told_at_the_second(name: str) -> None:
    """With row and column."""
    titles, rows, wrong = MISTAKES[name]
    (problem,) = imported(titles, rows).problems
    assert (problem.line, problem.key) == (3, titles[-1])
    assert wrong in problem.wrong
