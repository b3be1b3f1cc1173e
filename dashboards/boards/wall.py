"""L0, the wall: what is bad now, where, and whose it is."""

# ruff: noqa: RUF001, E501 - Chinese punctuation is Chinese, and a definition stands on one line

from __future__ import annotations

from dashboards.boards.common import (
    COUNT_STEPS,
    HEALTH,
    INCIDENT,
    INCIDENT_COLUMNS,
    INCIDENT_NOTHING,
    LOSS_STEPS,
    SOURCE_CHOICE,
    TENANT_CHOICE,
    TO_CUSTOMER,
    TO_PROBES,
    WORST,
    incident_query,
    newest,
    open_line,
)
from dashboards.influxql import INTERVAL, Query, Source, results_of
from dashboards.model import Board, Dashboard, Kind, Panel, Row, Shown, Step, Target
from dashboards.words import BAD, GOOD, OWNERS, STATES, SUSPECT, Named, Text, Unit

_MINE = (HEALTH.tag_like("tenant", "tenant"),)


def _newest_states(by: tuple[str, ...], *where: str) -> Source:
    """The newest state of each component of each line, then the worst of each group."""
    each = Query(source=HEALTH, select=(HEALTH.last("state"),), where=(*_MINE, *where), by=("line", "component"))
    source = results_of(each)
    return results_of(Query(source=source, select=(source.max("state").named("worst"),), by=by))


def _lines_in(state: Named) -> Target:
    worst = _newest_states(("line",))
    query = Query(
        source=worst, select=(worst.count("worst").named(state.text.en),), where=(worst.field_is("worst", int(state.value)),)
    )
    return Target(query=query, alias="$col")


def _components_at_fault(owner: Named) -> Target:
    worst = _newest_states(("component",), HEALTH.field_is("owner", owner.value))
    query = Query(source=worst, select=(worst.count("worst").named(owner.text.en),), where=(worst.field_is("worst", 3),))
    return Target(query=query, alias="$col")


def _open_incidents() -> Query:
    """Those told less those that ended: an incident that has not ended has no `end_ns`, and InfluxQL cannot count what is absent."""
    where = (INCIDENT.tag_like("tenant", "tenant"),)
    told = results_of(Query(source=INCIDENT, select=(INCIDENT.last("begin_ns"),), where=where, by=("incident",)))
    ended = results_of(newest(INCIDENT, "incident", where=where, fields=("begin_ns", "end_ns")))
    both = results_of(
        Query(source=told, select=(told.count("begin_ns").named("incidents"),)),
        Query(source=ended, select=(ended.count("end_ns").negative().named("incidents"),)),
    )
    return Query(source=both, select=(both.sum("incidents").named("open"),))


def _without_fault() -> Query:
    bad = (HEALTH.max("state") / 3).floor().named("bad")
    steps = results_of(Query(source=HEALTH, select=(bad,), where=_MINE, by=("line",), every="10s"))
    return Query(source=steps, select=(steps.mean("bad").complement().named("without_fault"),))


def _named_series(named: tuple[Named, ...], unit: Unit, *, colours: bool = True) -> dict[str, Shown]:
    return {n.text.en: Shown(title=n.text, unit=unit, colour=n.colour if colours else None) for n in named}


WALL = Dashboard(
    board=Board.WALL,
    title=Text("Faultline L0: wall", "Faultline L0：总览"),
    definition=Text("What is bad now, where, and whose it is.", "当前故障、位置与责任方。"),
    variables=(SOURCE_CHOICE, TENANT_CHOICE),
    ways=(TO_CUSTOMER, TO_PROBES),
    rows=(
        Row(
            height=5,
            panels=(
                Panel(
                    kind=Kind.STAT,
                    title=Text("Lines by state", "各状态线路数"),
                    definition=Text(
                        "Lines whose worst component has that state in its newest row. A line without any row in the time shown is in none.",
                        "按线路上最差部件的最新状态计数；所选时间内没有数据的线路不计入。",
                    ),
                    nothing=Text(
                        "No line was judged in the time shown: is the analyzer running?",
                        "所选时间内没有线路被判定：分析器在运行吗？",
                    ),
                    targets=tuple(_lines_in(state) for state in reversed(STATES)),
                    unit=Unit.COUNT,
                    shown=_named_series(STATES, Unit.COUNT),
                    width=9,
                ),
                Panel(
                    kind=Kind.STAT,
                    title=Text("Open incidents", "未恢复事件"),
                    definition=Text(
                        "Incidents told in the time shown that have not ended. One that was last told before that is not counted.",
                        "所选时间内通告且尚未结束的事件；更早通告的不计入。",
                    ),
                    nothing=INCIDENT_NOTHING,
                    targets=(Target(query=_open_incidents()),),
                    unit=Unit.COUNT,
                    steps=COUNT_STEPS,
                    width=4,
                ),
                Panel(
                    kind=Kind.STAT,
                    title=Text("Time without a fault", "无故障时间"),
                    definition=Text(
                        "Mean over the lines of the share of judged 10 s windows in which no component was at fault. "
                        "Not the availability of the contract, which leaves out maintenance and more.",
                        "各线路被判定的 10 秒窗口中无故障部分所占比例的平均值。不等同于合同可用率（后者扣除维护等时间）。",
                    ),
                    nothing=Text("No line was judged in the time shown.", "所选时间内没有线路被判定。"),
                    targets=(Target(query=_without_fault()),),
                    unit=Unit.RATIO,
                    steps=(Step(since=0, colour=BAD), Step(since=0.99, colour=SUSPECT), Step(since=0.999, colour=GOOD)),
                    width=4,
                ),
                Panel(
                    kind=Kind.BARS,
                    title=Text("Components at fault by owner", "故障部件数（按责任方）"),
                    definition=Text(
                        "Components whose newest state is at fault, counted once however many lines cross them, by who answers for them.",
                        "最新状态为故障的部件数，无论多少线路经过只计一次，按责任方分组。",
                    ),
                    nothing=Text("No component is at fault.", "没有部件处于故障状态。"),
                    targets=tuple(_components_at_fault(owner) for owner in OWNERS),
                    unit=Unit.COUNT,
                    shown=_named_series(OWNERS, Unit.COUNT),
                    width=7,
                ),
            ),
        ),
        Row(
            height=11,
            panels=(
                Panel(
                    kind=Kind.STATES,
                    title=Text("The worst lines, by rank", "最差线路（按名次）"),
                    definition=Text(
                        "Each row is a rank, 01 the worst; the table beside it names the line that holds the rank now. "
                        "Ranked by state, then by loss of test packets.",
                        "每行为一个名次，01 最差；右表给出目前占该名次的线路。先按状态、再按测试包丢包率排序。",
                    ),
                    nothing=Text(
                        "No line was ranked in the time shown: is the analyzer running?", "所选时间内没有排名：分析器在运行吗？"
                    ),
                    targets=(
                        Target(
                            query=Query(
                                source=WORST,
                                select=(WORST.max("state"),),
                                where=(WORST.tag_like("tenant", "tenant"),),
                                by=("rank",),
                                every=INTERVAL,
                            ),
                            alias="$tag_rank",
                        ),
                    ),
                    unit=Unit.STATE,
                    named=STATES,
                    width=12,
                ),
                Panel(
                    kind=Kind.TABLE,
                    title=Text("Who holds each rank", "各名次的线路"),
                    definition=Text(
                        "The newest holder of each rank. Loss is the worst direction of the line's test sessions in 10 s; empty: not measured.",
                        "各名次当前的线路。丢包率取该线路测试会话最差方向的 10 秒值；空：未测量。",
                    ),
                    nothing=Text("No line was ranked in the time shown.", "所选时间内没有排名。"),
                    targets=(
                        Target(
                            query=newest(
                                WORST,
                                "rank",
                                where=(WORST.tag_like("tenant", "tenant"),),
                                fields=("state", "line", "customer", "loss_ratio"),
                            )
                        ),
                    ),
                    unit=Unit.TEXT,
                    shown={
                        "rank": Shown(title=Text("rank", "名次"), unit=Unit.TEXT, width=60),
                        "line": Shown(title=Text("line", "线路"), unit=Unit.TEXT, link=open_line("line")),
                        "customer": Shown(title=Text("customer", "客户"), unit=Unit.TEXT),
                        "state": Shown(title=Text("state", "状态"), unit=Unit.STATE, named=STATES, width=130),
                        "loss_ratio": Shown(title=Text("loss", "丢包率"), unit=Unit.RATIO, steps=LOSS_STEPS, width=90),
                    },
                    sort_by=("rank", False),
                    width=12,
                ),
            ),
        ),
        Row(
            height=9,
            panels=(
                Panel(
                    kind=Kind.TABLE,
                    title=Text("Incidents", "事件"),
                    definition=Text(
                        "Each incident told in the time shown, as it was last told; confidence is the analyzer's own, calibrated estimate.",
                        "所选时间内通告的每个事件的最新内容；置信度为分析器给出的校准估计。",
                    ),
                    nothing=INCIDENT_NOTHING,
                    targets=(Target(query=incident_query((INCIDENT.tag_like("tenant", "tenant"),))),),
                    unit=Unit.TEXT,
                    shown=INCIDENT_COLUMNS,
                    sort_by=("begin_ms", True),
                    width=24,
                ),
            ),
        ),
    ),
)
