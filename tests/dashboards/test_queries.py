"""Every query of every panel, expanded as Grafana does, on a real influxd that our own store filled: columns and values.

Expected is the scenario of `conftest`: six good steps, six in which the access loop that two lines share loses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dashboards.boards import ALL
from dashboards.model import Board, Dashboard, Kind, Panel
from dashboards.provisioning import RULES
from faultline.records.terms import CARRIER
from tests.dashboards.conftest import (
    BANK,
    BEGIN_S,
    EVERYTHING,
    L1,
    L2,
    L3,
    SCHOOL,
    STEPS,
    Filled,
    as_frames,
    as_table,
    expanded,
)

pytestmark = pytest.mark.influx

BOARDS = {board.board: board for board in ALL}
Ends = tuple[Any, Any, int]
"""First value, last value, how many: the scenario changes once."""


def always(value: float) -> Ends:
    """The same in every step."""
    return (value, value, STEPS)


def turning(good: float, bad: float) -> Ends:
    """One value in the good steps, another in the bad ones."""
    return (good, bad, STEPS)


def once(value: float) -> Ends:
    """A single row."""
    return (value, value, 1)


MS = 1_000_000
SUSPECT_STEPS = 6
STATES_OF_L1 = {"branch-lan": always(0), "ce": turning(1, 0), "loop-a": turning(0, 3), "core": turning(0, 1)}
BAND = {"min": 1.5, "p50": 3, "p90": 4.5, "p95": 6, "p99": 7.5}
SERIES: Mapping[tuple[Board, str], Mapping[str, Ends]] = {
    (Board.WALL, "Lines by state"): {"✗ at fault": once(2), "◷ planned work": once(1)},
    (Board.WALL, "Open incidents"): {"incident.open": once(1)},
    (Board.WALL, "Time without a fault"): {"segment_health.without_fault": once(2 / 3)},
    (Board.WALL, "Components at fault by owner"): {"access network": once(1)},
    (Board.WALL, "The worst lines, by rank"): {"01": turning(0, 3), "02": turning(0, 3), "03": always(2)},
    (Board.CUSTOMER, "State of each line"): {L1: turning(1, 3), L2: turning(0, 3), L3: always(2)},
    (Board.CUSTOMER, "Time without a fault"): {L1: once(0.5), L2: once(0.5), L3: once(1)},
    (Board.CUSTOMER, "Loss of each line"): {L1: turning(0, 0.05), L2: turning(0, 0.1)},
    (Board.CUSTOMER, "Round trip of each line, p95"): {L1: always(8 * MS), L2: always(12 * MS)},
    (Board.CUSTOMER, "Rate of each line and direction"): {f"{L1} a_to_z": always(100_000), f"{L1} z_to_a": always(200_000)},
    (Board.LINE, "State of each component"): STATES_OF_L1,
    (Board.LINE, "Rate by direction and vantage"): {
        "a_to_z ce-wan": always(100_000),
        "a_to_z pe1": always(80_000),
        "z_to_a ce-wan": always(200_000),
        "z_to_a pe1": always(200_000),
    },
    (Board.LINE, "Loss by session, out"): {"ce-pe1": turning(0, 0.08), "pe1-pe2": always(0)},
    (Board.LINE, "Loss by session, back"): {"ce-pe1": turning(0, 0.02), "pe1-pe2": always(0)},
    (Board.LINE, "One-way delay by session, out, p50"): {"ce-pe1": always(1.5 * MS), "pe1-pe2": always(1.5 * MS)},
    (Board.LINE, "One-way delay by session, back, p50"): {"ce-pe1": always(-0.5 * MS), "pe1-pe2": always(-0.5 * MS)},
    (Board.LINE, "Round trip, from minimum to p99"): {name: always(value * MS) for name, value in BAND.items()},
    (Board.LINE, "The same hours a day before"): {name: always(value * MS) for name, value in BAND.items()},
    (Board.LINE, "Retransmissions by side of the loss"): {
        "ce-wan a_to_z before": always(0),
        "ce-wan a_to_z after": turning(0, 0.08),
        "pe1 a_to_z before": turning(0, 0.08),
        "pe1 a_to_z after": always(0),
    },
    (Board.LINE, "Round trip by side, p95"): {"ce-wan a_to_z": always(7 * MS), "pe1 a_to_z": always(7 * MS)},
    (Board.LINE, "Application response, p95"): {"pe1 a_to_z": always(9 * MS)},
    (Board.PATH, "State of each component"): STATES_OF_L1,
    (Board.PATH, "Whose it is"): {"access network": once(0.9), "carrier core": once(0.1)},
    (Board.PATH, "Probability of each suspect"): {
        "ce": once(0.5),
        "loop-a": (0.9, 0.9, SUSPECT_STEPS),
        "core": (0.1, 0.1, SUSPECT_STEPS),
    },
    (Board.PROBES, "Packets captured"): {"branch wan": always(1000), "pe1 mirror": always(2000)},
    (Board.PROBES, "Capture loss"): {"branch wan": turning(0, 0.001), "pe1 mirror": always(0)},
    (Board.PROBES, "Waiting in the spool"): {"branch": always(4096), "pe1": always(4096)},
    (Board.PROBES, "Clock of each probe"): {"branch": always(0), "pe1": turning(0, 1)},
    (Board.PROBES, "Largest clock error"): {"branch": always(50_000), "pe1": always(50_000)},
    (Board.PROBES, "Lag of the probe's loop"): {"branch": always(MS), "pe1": always(MS)},
    (Board.PROBES, "Links of the probes' hosts"): {"branch wan0": turning(1, 0)},
    (Board.PROBES, "Errors and discards of interfaces"): {
        "branch wan0 errors": turning(1, 4),
        "branch wan0 discards": always(2),
    },
    (Board.PROBES, "Flows kept, and given up early"): {
        "branch active": always(7),
        "pe1 active": always(7),
        "branch evicted": always(0),
        "pe1 evicted": always(0),
    },
    (Board.PROBES, "Taken in by each stage"): {"intake": always(0.5), "decode": always(1)},
    (Board.PROBES, "Dropped by each stage"): {"intake": always(0), "decode": always(1)},
}
NEVER = None
FAULT = {
    "incident": "F1",
    "begin_ms": (BEGIN_S + 60) * 1000,
    "end_ms": NEVER,
    "owner": "access",
    "mode": "loss",
    "components": "loop-a>,loop-a<",
    "lines": f"{L1},{L2}",
    "confidence": 0.9,
    "planned": 0,
    "text": "接入环路双向丢包",
}
CUT_OVER = {
    "incident": "F2",
    "begin_ms": (BEGIN_S + 10) * 1000,
    "end_ms": (BEGIN_S + 40) * 1000,
    "owner": "destination",
    "mode": "down",
    "components": "dc-lan>",
    "lines": L3,
    "confidence": 0.7,
    "planned": 1,
    "text": "over",
}


def _session(line: str, name: str, sent: int, lost: tuple[float, float] | None, rtt_ms: int) -> dict[str, Any]:
    """A session without a loss by direction reported no variation either."""
    out, back = lost if lost is not None else (None, None)
    return {
        "line": line,
        "session": name,
        "sent": sent,
        "lost_out": out,
        "lost_back": back,
        "rtt_p95": rtt_ms * MS,
        "variation_out": 200_000 if lost is not None else None,
        "variation_back": 300_000 if lost is not None else None,
    }


def _tested(name: str, out: float, back: float, rtt_ms: int) -> dict[str, Any]:
    known = {"sent": 1200, "unattributed": 0, "clock_class": "ntp", "clock_error": 50_000, "suspect": 0}
    return {"session": name, **known, "lost_out": out, "lost_back": back, "rtt_p95": rtt_ms * MS}


def _seen(vantage: str, before: float, after: float) -> dict[str, Any]:
    known = {"direction": "a_to_z", "segments": 12_000, "zero_window": 12, "resets": 24, "rtt_p95": 7 * MS}
    return {"vantage": vantage, **known, "capture_loss": 0, "one_sided": 0.5, "before": before, "after": after}


def _told(step: int, incident: Mapping[str, Any], event: str, **changes: Any) -> dict[str, Any]:
    kept = {name: incident[name] for name in ("incident", "owner", "mode", "components", "confidence", "text")}
    return {"Time": (BEGIN_S + 10 * step) * 1000, "event": event, **kept, **changes}


TABLES: Mapping[tuple[Board, str], list[dict[str, Any]]] = {
    (Board.WALL, "Who holds each rank"): [
        {"rank": "01", "line": L1, "customer": "First Bank", "state": 3, "loss_ratio": 0.08},
        {"rank": "02", "line": L2, "customer": "School", "state": 3, "loss_ratio": None},
        {"rank": "03", "line": L3, "customer": "First Bank", "state": 2, "loss_ratio": None},
    ],
    (Board.WALL, "Incidents"): [FAULT, CUT_OVER],
    (Board.CUSTOMER, "Sessions, both directions"): [
        _session(L1, "ce-pe1", 1200, (0.04, 0.01), 4),
        _session(L1, "pe1-pe2", 1200, (0, 0), 8),
        _session(L2, "school", 600, None, 12),
    ],
    (Board.CUSTOMER, "Diagnoses"): [FAULT, CUT_OVER],
    (Board.LINE, "Incidents of this line"): [FAULT],
    (Board.PATH, "Components of the path, the suspects first"): [
        {"component": "branch-lan", "state": 0, "owner": "customer", "probability": None},
        {"component": "ce", "state": 0, "owner": "customer", "probability": None},
        {"component": "core", "state": 1, "owner": "carrier_core", "probability": 0.1},
        {"component": "loop-a", "state": 3, "owner": "access", "probability": 0.9},
    ],
    (Board.PATH, "Evidence: test sessions"): [_tested("ce-pe1", 0.04, 0.01, 4), _tested("pe1-pe2", 0, 0, 8)],
    (Board.PATH, "Evidence: the line's own TCP traffic"): [_seen("ce-wan", 0, 0.04), _seen("pe1", 0.04, 0)],
    (Board.PATH, "What was told, and how it changed"): [
        _told(7, FAULT, "raise", components="loop-a>", confidence=0.8, text="loop A loses 8 %"),
        _told(9, FAULT, "revise"),
    ],
    (Board.PROBES, "Balance of each stage"): [
        {"stage": "decode", "in": 120, "out": 96, "dropped": 12, "held": 4, "rest": 12},
        {"stage": "intake", "in": 60, "out": 60, "dropped": 0, "held": 0, "rest": 0},
    ],
}

PANELS = [pytest.param(board, panel, id=f"{board.board.value} {panel.title.en}") for board in ALL for panel in board.panels]


def test_every_panel_has_an_expectation() -> None:
    """A panel that nobody said what to expect of proves nothing: each stands in exactly one of the two tables."""
    tables = {(board.board, panel.title.en) for board in ALL for panel in board.panels if panel.kind is Kind.TABLE}
    others = {(board.board, panel.title.en) for board in ALL for panel in board.panels if panel.kind is not Kind.TABLE}
    assert tables == set(TABLES)
    assert others == set(SERIES)


@pytest.mark.parametrize(("board", "panel"), PANELS)
def test_a_panel_shows_the_scenario(filled: Filled, board: Dashboard, panel: Panel) -> None:
    """Each query gives the columns and values that the scenario has, in the shapes of both of Grafana's ways to the server."""
    where = (board.board, panel.title.en)
    if panel.kind is Kind.TABLE:
        (target,) = panel.targets
        series = filled.ask(expanded(target.query.text, EVERYTHING))
        expected = [approximate(row) for row in TABLES[where]]
        timed = "Time" in panel.shown
        assert sorted_rows(as_table(series), timed=timed) == sorted_rows(expected, timed=timed)
        assert sorted_rows(joined_frames(series), timed=timed) == sorted_rows(without_nothing(expected), timed=timed)
        return
    found: dict[str, Ends] = {}
    rows: dict[str, Ends] = {}
    for target in panel.targets:
        series = filled.ask(expanded(target.query.text, EVERYTHING))
        for frame in as_frames(series):
            values = [value for _, value in frame.values]
            found[frame.name(target.alias)] = (values[0], values[-1], len(values))
        for column in target.query.select:
            table = as_table(series)
            for key in {tuple(row[tag] for tag in target.query.by) for row in table}:
                values = [
                    row[column.name]
                    for row in table
                    if tuple(row[tag] for tag in target.query.by) == key and row[column.name] is not None
                ]
                rows[f"{target.alias} {key} {column.name}"] = (values[0], values[-1], len(values))
    assert found == {name: pytest.approx(ends) for name, ends in SERIES[where].items()}
    assert sorted(rows.values()) == sorted(found.values())


def approximate(row: Mapping[str, Any]) -> dict[str, Any]:
    """Ratios are equal within rounding."""
    return {name: pytest.approx(value) if isinstance(value, float) else value for name, value in row.items()}


def sorted_rows(rows: list[dict[str, Any]], *, timed: bool) -> list[dict[str, Any]]:
    """In the order of their groups; the time of an aggregate says nothing."""
    kept = [{name: value for name, value in row.items() if timed or name != "Time"} for row in rows]
    return sorted(
        kept,
        key=lambda row: (
            [str(row.get(tag)) for tag in ("line", "session", "rank", "incident", "event")]
            + [str(row.get("component")), str(row.get("vantage")), str(row.get("stage"))]
        ),
    )


def joined_frames(series: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Frames put together by their labels and times: what the other path holds, as rows."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for frame in as_frames(series):
        for time_ms, value in frame.values:
            key = (time_ms, *sorted(frame.labels.items()))
            rows.setdefault(key, {"Time": time_ms, **frame.labels})[frame.column] = value
    return list(rows.values())


def without_nothing(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A frame has no value where the table has an empty cell."""
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def test_the_chosen_rollup_is_the_one_that_is_read(filled: Filled) -> None:
    """At 1m the same panel reads the minute's own rows."""
    loss = next(panel for panel in BOARDS[Board.CUSTOMER].panels if panel.title.en == "Loss of each line")
    query = expanded(loss.targets[0].query.text, {**EVERYTHING, "every": "1m"}, interval_ms=60_000)
    assert as_table(filled.ask(query)) == [{"Time": BEGIN_S * 1000, "line": L1, "loss": 0.25}]


@pytest.mark.parametrize("line", [L1, L2, L3])
def test_a_chosen_line_is_that_line_alone(filled: Filled, line: str) -> None:
    """A code with the characters of a regular expression chooses itself and nothing else."""
    state = BOARDS[Board.CUSTOMER].panels[0]
    series = filled.ask(expanded(state.targets[0].query.text, {**EVERYTHING, "lines": [line]}))
    assert {frame.labels["line"] for frame in as_frames(series)} == {line}


def test_several_chosen_lines_are_those(filled: Filled) -> None:
    """Two of three are two."""
    state = BOARDS[Board.CUSTOMER].panels[0]
    series = filled.ask(expanded(state.targets[0].query.text, {**EVERYTHING, "lines": [L2, L3]}))
    assert {frame.labels["line"] for frame in as_frames(series)} == {L2, L3}


@pytest.mark.parametrize(("board", "panel"), PANELS)
def test_a_tenants_database_never_tells_of_another_tenant(filled: Filled, board: Dashboard, panel: Panel) -> None:
    """The school's data source, asked by any panel for everything, has rows of the school only."""
    del board
    for target in panel.targets:
        told = str(filled.ask(expanded(target.query.text, {**EVERYTHING, "line": L2}), tenant=SCHOOL))
        for foreign in (L1, L3, "First Bank", "branch", "intake"):
            assert foreign not in told


def test_every_variables_query_gives_its_values(filled: Filled) -> None:
    """Each list that a person chooses from holds what the scenario has."""
    expected = {"tenant": {BANK, SCHOOL}, "lines": {L1, L2, L3}, "line": {L1, L2, L3}, "probe": {"branch", "pe1"}}
    for board in ALL:
        for variable in board.variables:
            if variable.name in expected:
                (series,) = filled.ask(expanded(variable.query, EVERYTHING))
                assert {row[1] for row in series["values"]} == expected[variable.name]


@pytest.mark.parametrize("board", [board for board in ALL if board.marks], ids=lambda board: board.board.value)
def test_annotations_mark_what_was_told(filled: Filled, board: Dashboard) -> None:
    """Each telling of the line's incidents is a mark with its text and place."""
    (marks,) = board.marks
    rows = as_table(filled.ask(expanded(marks.query.text, EVERYTHING)))
    assert [(row[marks.text], row[marks.tags], row[marks.end_ms]) for row in rows] == [
        ("loop A loses 8 %", "loop-a>", None),
        ("接入环路双向丢包", "loop-a>,loop-a<", None),
    ]


def test_alert_rules_fire_on_the_scenario_and_on_nothing_else(filled: Filled) -> None:
    """The newest value of each group of a rule is above its limit exactly where the scenario is bad."""
    firing = {}
    for rule in RULES:
        series = filled.ask(expanded(rule.query.text, {}), tenant=CARRIER)
        frames = as_frames(series)
        assert frames, rule.uid
        firing[rule.uid] = {"".join(frame.labels.values()) for frame in frames if frame.values[-1][1] > rule.above}
    assert firing == {
        "faultline-line-at-fault": {L1, L2},
        "faultline-analyzer-silent": set(),
        "faultline-probes-silent": set(),
        "faultline-capture-loss": set(),
        "faultline-clock-bad": {"pe1"},
        "faultline-collector-drops": {"decode"},
    }
