"""The five boards as Grafana's JSON, in both languages."""

from __future__ import annotations

import itertools
import re
from typing import Any

import attrs
import pytest
import yaml

from analyzer import outputs
from dashboards import files
from dashboards.boards import ALL, variables_of
from dashboards.boards.wall import WALL
from dashboards.influxql import Query, rows_of
from dashboards.model import MOST_PANELS, Board, BoardError, Dashboard, Kind, Link, Panel, Row, Target
from dashboards.provisioning import RULES, documents
from dashboards.render import rendered, uid
from dashboards.words import EVENTS, MODES, OWNERS, STATES, Language, Text, Unit
from faultline.records.incident import EventKind
from faultline.records.terms import Mode, Owner
from faultline.reports.words import CATALOGUE

BOARDS = files.boards()


def make_panel(**changes: Any) -> Panel:
    """A panel that is right."""
    session = rows_of("session")
    values: dict[str, Any] = {
        "kind": Kind.STAT,
        "title": Text("Sent", "发送"),
        "definition": Text("Test packets.", "测试包。"),
        "nothing": Text("None.", "无。"),
        "targets": (Target(query=Query(source=session, select=(session.sum("sent"),))),),
        "unit": Unit.COUNT,
        "width": 24,
    }
    return Panel(**(values | changes))


def make_board(*panels: Panel) -> Dashboard:
    """A board of panels, each a row of its own."""
    rows = tuple(Row(height=4, panels=(panel,)) for panel in panels)
    return Dashboard(board=Board.WALL, title=Text("T", "题"), definition=Text("D", "义"), variables=(), rows=rows)


def test_there_are_five_levels_in_two_languages() -> None:
    """Each level is there in English and in Chinese, with a stable uid and a schema that Grafana 11 to 13 read."""
    assert sorted(b["uid"] for b in BOARDS) == [f"faultline-l{level}-{lang}" for level in range(5) for lang in ("en", "zh")]
    assert all(39 <= b["schemaVersion"] <= 41 for b in BOARDS)


@pytest.mark.parametrize("board", BOARDS, ids=lambda b: b["uid"])
def test_a_board_is_a_page(board: dict[str, Any]) -> None:
    """A dozen panels at most, each with definition, unit, and words for no data."""
    assert len(board["panels"]) <= MOST_PANELS
    for panel in board["panels"]:
        assert re.search(r"Unit: |单位", panel["description"])
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["fieldConfig"]["defaults"]["noValue"]


def test_the_languages_differ_in_words_only() -> None:
    """Both variants of a board ask the same and stand the same."""
    for board in ALL:
        english, chinese = (rendered(board, language, variables_of()) for language in Language)
        for one, other in zip(english["panels"], chinese["panels"], strict=True):
            assert one["gridPos"] == other["gridPos"]
            assert [t["query"] for t in one["targets"]] == [t["query"] for t in other["targets"]]
            assert one["title"] != other["title"]
            assert re.search(r"[\u4e00-\u9fff]", other["title"] + other["description"])


def test_every_level_is_reached_from_the_one_above() -> None:
    """By a link of the board or of a panel, in its own language, that keeps the time range and the variables."""
    chain = [Board.WALL, Board.CUSTOMER, Board.LINE, Board.PATH, Board.PROBES]
    by_uid = {b["uid"]: b for b in BOARDS}
    for language in Language:
        for above, below in itertools.pairwise(chain):
            text = files.board_text(by_uid[uid(above, language)])
            assert f"/d/{uid(below, language)}" in text
            other = Language.ZH if language is Language.EN else Language.EN
            assert f"-{other.value}" not in "".join(re.findall(r"/d/\S+", text))


def test_links_keep_the_time_range_and_the_variables() -> None:
    """A link of the page keeps both by Grafana's own switch; a link of a cell spells them and brings its line."""
    cells = 0
    for board in BOARDS:
        assert all(link["keepTime"] and link["includeVars"] for link in board["links"])
        for url in re.findall(r'"url": "(/d/[^"]+\?[^"]*)"', files.board_text(board)):
            cells += 1
            assert "${__url_time_range}" in url
            assert "${source:queryparam}" in url
    assert cells >= 10
    wall = next(b for b in BOARDS if b["uid"] == "faultline-l0-en")
    assert '"/d/faultline-l2-en?${__url_time_range}&${source:queryparam}&var-line=${__data.fields.line}"' in files.board_text(
        wall
    )


def test_states_are_told_apart_without_colour() -> None:
    """Each state has a sign and a word of its own in each language, for each number that the analyzer writes."""
    assert [int(s.value) for s in STATES] == [outputs.HEALTHY, outputs.SUSPECTED, outputs.PLANNED, outputs.FAULT]
    for language in Language:
        assert len({s.text.say(language)[0] for s in STATES}) == len(STATES)


def test_words_are_those_of_the_reports() -> None:
    """Owners, modes and tellings are complete, and an owner is called what the reports call it."""
    assert {o.value for o in OWNERS} == set(Owner)
    assert {m.value for m in MODES} == set(Mode)
    assert {e.value for e in EVENTS} == set(EventKind)
    for kind, named in (("owner", OWNERS), ("mode", MODES)):
        for one in named:
            assert (one.text.en, one.text.zh) == CATALOGUE[f"{kind}.{one.value}"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"targets": ()}, "no query"),
        ({"kind": Kind.TABLE}, "are shown as"),
        ({"kind": Kind.STATES}, "without words for its states"),
        ({"kind": Kind.SERIES}, "without an interval"),
        ({"sort_by": ("sent", True)}, "which is no column"),
    ],
)
def test_a_panel_that_cannot_be_drawn_is_an_error_at_build(changes: dict[str, Any], said: str) -> None:
    """The message names the panel and what is wrong with it."""
    with pytest.raises(BoardError, match=f"Sent.*{said}"):
        make_panel(**changes)


def test_a_board_that_is_no_page_is_an_error_at_build() -> None:
    """A row that does not fill the width, or too many panels."""
    with pytest.raises(BoardError, match="not 24 columns wide"):
        make_board(make_panel(width=12))
    with pytest.raises(BoardError, match="13 panels"):
        make_board(*[make_panel()] * 13)


def test_a_text_without_its_translation_is_an_error() -> None:
    """Both languages or neither."""
    with pytest.raises(ValueError, match="without a translation"):
        Text("only English", " ")


def test_panels_are_laid_out_without_a_gap() -> None:
    """Ids count from one, rows stand below each other."""
    made = rendered(make_board(make_panel(), make_panel()), Language.EN, variables_of())
    assert [(p["id"], p["gridPos"]) for p in made["panels"]] == [
        (1, {"h": 4, "w": 24, "x": 0, "y": 0}),
        (2, {"h": 4, "w": 24, "x": 0, "y": 4}),
    ]


def test_a_link_takes_only_what_the_other_board_knows() -> None:
    """A variable that the target does not have would be noise in its address."""
    link = Link(to=Board.PROBES, title=Text("Probes", "探针"))
    board = attrs.evolve(WALL, rows=(Row(height=4, panels=(make_panel(link=link),)),))
    (panel,) = rendered(board, Language.EN, variables_of())["panels"]
    assert panel["fieldConfig"]["defaults"]["links"][0]["url"] == ("/d/faultline-l4-en?${__url_time_range}&${source:queryparam}")


def test_provisioning_has_a_place_for_everything_grafana_reads() -> None:
    """The data source names its database twice, rules ask that data source, and no address or secret stands in a file."""
    made = documents()
    (source,) = made["datasources/faultline.yaml"]["datasources"]
    assert source["database"] == source["jsonData"]["dbName"] == "faultline_carrier"
    assert source["url"].startswith("$FAULTLINE_")
    assert source["secureJsonData"]["password"].startswith("$FAULTLINE_")
    (group,) = made["alerting/rules.yaml"]["groups"]
    assert len({rule["uid"] for rule in group["rules"]}) == len(RULES)
    for rule in group["rules"]:
        assert rule["data"][0]["datasourceUid"] == source["uid"]
        assert rule["condition"] in {part["refId"] for part in rule["data"]}
        assert "${" not in rule["data"][0]["model"]["query"], "a rule has no variables"
    (policy,) = made["alerting/policies.yaml"]["policies"]
    (contact,) = made["alerting/contact-points.yaml"]["contactPoints"]
    assert policy["receiver"] == contact["name"]


def test_provisioning_files_are_what_a_yaml_reader_reads() -> None:
    """Written and read again they are the same documents."""
    for name, document in documents().items():
        assert yaml.safe_load(files.contents()[f"provisioning/{name}"]) == document
