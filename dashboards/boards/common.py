"""What the boards share: variables, thresholds, links, and the columns of an incident."""

# ruff: noqa: RUF001, E501 - Chinese punctuation is Chinese, and a definition stands on one line

from __future__ import annotations

from dashboards.influxql import LENGTH_VARIABLE, TEN_SECONDS_POLICY, Column, Query, Source, results_of, rows_of, tag_values
from dashboards.model import Board, Link, Marks, Shown, Step, Variable, VariableKind
from dashboards.render import SOURCE_VARIABLE
from dashboards.words import BAD, GOOD, MODES, OWNERS, SUSPECT, Text, Unit

HEALTH = rows_of("segment_health", policy=TEN_SECONDS_POLICY)
"""The analyzer writes every 10 s and no longer roll-ups."""
INCIDENT = rows_of("incident", policy=TEN_SECONDS_POLICY)
WORST = rows_of("worst_lines", policy=TEN_SECONDS_POLICY)
SESSION, TRAFFIC, QUALITY = rows_of("session"), rows_of("line_traffic"), rows_of("line_quality")

LOSS_STEPS = (Step(since=0, colour=GOOD), Step(since=0.001, colour=SUSPECT), Step(since=0.01, colour=BAD))
"""0.1 % is felt by TCP on a long line (Mathis et al., 1997: throughput falls with the root of the loss); at 1 % speech suffers."""
CLEAN_STEPS = (Step(since=0, colour=GOOD), Step(since=0.0001, colour=SUSPECT), Step(since=0.001, colour=BAD))
"""For losses of our own capture: a thousandth already spoils figures about the line's loss."""
COUNT_STEPS = (Step(since=0, colour=GOOD), Step(since=1, colour=BAD))

SOURCE_CHOICE = Variable(name=SOURCE_VARIABLE, kind=VariableKind.DATA_SOURCE, title=Text("Data source", "数据源"))
LENGTH_CHOICE = Variable(name=LENGTH_VARIABLE, kind=VariableKind.CHOICE, title=Text("Roll-up", "汇总粒度"), query="10s,1m,1h")
TENANT_CHOICE = Variable(
    name="tenant",
    kind=VariableKind.QUERY,
    title=Text("Customer", "客户"),
    query=tag_values("segment_health", "tenant"),
    several=True,
)
LINES_CHOICE = Variable(
    name="lines",
    kind=VariableKind.QUERY,
    title=Text("Lines", "线路"),
    query=tag_values("segment_health", "line", of={"tenant": "tenant"}),
    several=True,
)
LINE_CHOICE = Variable(
    name="line", kind=VariableKind.QUERY, title=Text("Line", "线路"), query=tag_values("segment_health", "line")
)

TO_WALL = Link(to=Board.WALL, title=Text("Wall", "总览"))
TO_CUSTOMER = Link(to=Board.CUSTOMER, title=Text("Customers", "客户"))
TO_LINE = Link(to=Board.LINE, title=Text("Line", "线路"))
TO_PATH = Link(to=Board.PATH, title=Text("Path and evidence", "路径与证据"))
TO_PROBES = Link(to=Board.PROBES, title=Text("Probes and pipeline", "探针与采集"))


def open_line(column: str) -> Link:
    """A click on a line's code opens the line."""
    return Link(to=Board.LINE, title=Text("Open the line", "打开线路"), line_from=column)


def newest(source: Source, by: str, *, where: tuple[str, ...], fields: tuple[str, ...]) -> Query:
    """The newest row of each group, whole: a field that the row lacks stays empty instead of an older row's value.

    InfluxQL gives the fields beside one `last` from the row that it chose; several `last` would each choose their own row.
    """
    first, *others = fields
    return Query(source=source, select=(source.last(first), *(source.value(name) for name in others)), where=where, by=(by,))


def incident_query(where: tuple[str, ...]) -> Query:
    """Each incident once, as it was last told."""
    names = ("owner", "mode", "components", "lines", "confidence", "planned", "text")
    told = results_of(newest(INCIDENT, "incident", where=where, fields=("begin_ns", "end_ns", *names)))
    begun = (told.value("begin_ns") / 1_000_000).named("begin_ms")
    ended = (told.value("end_ns") / 1_000_000).named("end_ms")
    return Query(source=told, select=(begun, ended, *(told.value(name) for name in names)), by=("incident",))


INCIDENT_COLUMNS = {
    "begin_ms": Shown(title=Text("since", "开始时间"), unit=Unit.INSTANT, width=160),
    "end_ms": Shown(title=Text("ended (empty: open)", "结束时间（空：未恢复）"), unit=Unit.INSTANT, width=160),
    "owner": Shown(title=Text("owner", "责任方"), unit=Unit.TEXT, named=OWNERS, width=140),
    "mode": Shown(title=Text("mode", "故障类型"), unit=Unit.TEXT, named=MODES, width=120),
    "components": Shown(title=Text("place", "位置"), unit=Unit.TEXT, width=150),
    "confidence": Shown(title=Text("confidence", "置信度"), unit=Unit.RATIO, bar=True, width=120),
    "planned": Shown(title=Text("planned (1: yes)", "计划内（1：是）"), unit=Unit.COUNT, width=90),
    "lines": Shown(title=Text("lines hit", "受影响线路"), unit=Unit.TEXT, width=170),
    "text": Shown(title=Text("verdict", "结论"), unit=Unit.TEXT),
    "incident": Shown(title=Text("incident", "事件编号"), unit=Unit.TEXT, width=170),
}
INCIDENT_NOTHING = Text("No incident was told in the time shown.", "所选时间内没有事件。")


def incident_marks(where: tuple[str, ...]) -> Marks:
    """What was told of incidents, over every series of the board."""
    i = INCIDENT
    end = (i.value("end_ns") / 1_000_000).named("end_ms")
    query = Query(source=i, select=(i.value("text"), i.value("components"), end), where=where)
    return Marks(title=Text("Located here", "故障定位"), query=query, text="text", tags="components", end_ms="end_ms")


def share_lost(source: Source, direction: str) -> Column:
    """Test packets lost in a direction (`forward` or `reverse`), of those sent."""
    return source.ratio(f"lost_{direction}", "sent")
