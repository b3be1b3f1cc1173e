"""The check finds what is wrong with boards, and says where."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dashboards import files
from dashboards.check import board_problems, problems, query_problems


def board() -> dict[str, Any]:
    """A board that is right."""
    return copy.deepcopy(files.boards()[4])


def test_the_committed_files_are_right() -> None:
    """What is in the repository is what the generator makes, and nothing is wrong with it."""
    assert problems(files.HERE) == []


def test_files_that_are_not_current_are_named(tmp_path: Path) -> None:
    """A changed, a missing and a forgotten file; writing mends all three and changes nothing the second time."""
    files.write(tmp_path)
    (tmp_path / "grafana/faultline-l0-en.json").write_text("{}")
    (tmp_path / "grafana/faultline-l1-en.json").unlink()
    (tmp_path / "grafana/old.json").write_text("{}")
    assert problems(tmp_path) == [
        "grafana/faultline-l0-en.json: is not current: faultline dashboards build",
        "grafana/faultline-l1-en.json: is missing: faultline dashboards build",
        "grafana/old.json: is no board any more: faultline dashboards build",
    ]
    assert files.write(tmp_path) == ["grafana/faultline-l0-en.json", "grafana/faultline-l1-en.json", "grafana/old.json"]
    assert files.write(tmp_path) == []
    assert problems(tmp_path) == []


def _spoil(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


FIRST = ("panels", 0)
DEFAULTS = (*FIRST, "fieldConfig", "defaults")
QUERY = (*FIRST, "targets", 0, "query")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_spoil("panels", 1, "id", value=1), "panel id '1' 2 times"),
        (_spoil("panels", 1, "gridPos", "x", value=4), "panels 1 and 2 overlap"),
        (_spoil(*FIRST, "gridPos", "w", value=25), "panel 1: reaches beyond the grid"),
        (_spoil(*DEFAULTS, "unit", value=""), "panel 1 'State of each component': no unit"),
        (_spoil(*DEFAULTS, "noValue", value=""), "no words for no data"),
        (_spoil(*FIRST, "description", value=""), "no description"),
        (_spoil(*FIRST, "targets", value=[]), "no query"),
        (_spoil(*QUERY, value='SELECT max("colour") FROM "r10s"."segment_health" WHERE $timeFilter'), "no field or tag 'colour'"),
        (_spoil(*QUERY, value='SELECT max("state") FROM "r10s"."weather" WHERE $timeFilter'), "no measurement 'weather'"),
        (_spoil(*QUERY, value='SELECT max("state") FROM "r5s"."segment_health" WHERE $timeFilter'), "no retention policy 'r5s'"),
        (_spoil(*QUERY, value='SELECT max("state") FROM "r10s"."segment_health"'), "read without a time range"),
        (_spoil(*QUERY, value="SELECT 1"), "reads no measurement"),
        (_spoil("templating", "list", 1, "name", value="ring"), "variable 'ring' is used nowhere"),
        (_spoil("templating", "list", 1, "name", value="ring"), "variable 'line' is used and not defined"),
        (_spoil("templating", "list", 1, "query", value='SHOW TAG VALUES FROM "r10s"."session" WITH KEY = "x"'), "tag 'x'"),
        (_spoil("annotations", "list", 0, "query", value='SELECT "x" FROM "r10s"."incident" WHERE $timeFilter'), "tag 'x'"),
    ],
)
def test_a_mistake_is_found_with_its_place(change: Callable[[dict[str, Any]], None], said: str) -> None:
    """Each kind of mistake, put into a board that is right."""
    spoilt = board()
    assert board_problems(spoilt) == []
    change(spoilt)
    found = board_problems(spoilt)
    assert any(said in told for told in found), found
    assert all(told.startswith("faultline-l2-en") for told in found)


def test_text_in_a_query_is_no_name() -> None:
    """What stands in a literal or a regular expression is not looked up."""
    query = (
        'SELECT last("state") AS "now" FROM "r10s"."segment_health" WHERE $timeFilter '
        'AND "owner" = \'a "quoted" owner\' AND "line" =~ /^("x")$/'
    )
    assert query_problems(query) == []
