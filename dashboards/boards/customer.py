"""L1, the customer: all lines of one customer side by side, both directions of each."""

# ruff: noqa: RUF001, E501 - Chinese punctuation is Chinese, and a definition stands on one line

from __future__ import annotations

from dashboards.boards.common import (
    HEALTH,
    INCIDENT,
    INCIDENT_COLUMNS,
    INCIDENT_NOTHING,
    LENGTH_CHOICE,
    LINES_CHOICE,
    LOSS_STEPS,
    SESSION,
    SOURCE_CHOICE,
    TENANT_CHOICE,
    TO_WALL,
    TRAFFIC,
    incident_query,
    open_line,
    share_lost,
)
from dashboards.influxql import INTERVAL, Query, Source, results_of
from dashboards.model import Board, Dashboard, Kind, Panel, Row, Shown, Step, Target
from dashboards.words import BAD, GOOD, STATES, SUSPECT, Text, Unit

_NO_TESTS = Text("No test session of these lines reported in the time shown.", "所选时间内这些线路没有测试会话数据。")


def _chosen(source: Source) -> tuple[str, ...]:
    return (source.tag_like("tenant", "tenant"), source.tag_like("line", "lines"))


def _without_fault() -> Query:
    bad = (HEALTH.max("state") / 3).floor().named("bad")
    steps = results_of(Query(source=HEALTH, select=(bad,), where=_chosen(HEALTH), by=("line",), every="10s"))
    return Query(source=steps, select=(steps.mean("bad").complement().named("without_fault"),), by=("line",))


def _rates() -> Query:
    """The vantage that sees most speaks for the line: the vantages of a line see the same packets."""
    rate = TRAFFIC.per_second("octets", factor=8).named("rate")
    by = ("line", "direction", "vantage")
    each = results_of(Query(source=TRAFFIC, select=(rate,), where=_chosen(TRAFFIC), by=by, every=INTERVAL))
    return Query(source=each, select=(each.max("rate").named("rate"),), by=("line", "direction"), every=INTERVAL)


def _sessions_now() -> Query:
    s = SESSION
    return Query(
        source=s,
        select=(
            s.sum("sent").named("sent"),
            share_lost(s, "forward").named("lost_out"),
            share_lost(s, "reverse").named("lost_back"),
            s.max("rtt_p95").named("rtt_p95"),
            s.max("forward_ipdv_p95").named("variation_out"),
            s.max("reverse_ipdv_p95").named("variation_back"),
        ),
        where=_chosen(s),
        by=("line", "session"),
    )


CUSTOMER = Dashboard(
    board=Board.CUSTOMER,
    title=Text("Faultline L1: customer", "Faultline L1：客户"),
    definition=Text("All lines of a customer side by side.", "同一客户的全部线路。"),
    variables=(SOURCE_CHOICE, TENANT_CHOICE, LINES_CHOICE, LENGTH_CHOICE),
    ways=(TO_WALL,),
    rows=(
        Row(
            height=8,
            panels=(
                Panel(
                    kind=Kind.STATES,
                    title=Text("State of each line", "各线路状态"),
                    definition=Text(
                        "The worst state among the components that the line crosses. A gap is no data, not good.",
                        "线路所经部件中最差的状态。空白表示无数据，而非正常。",
                    ),
                    nothing=Text(
                        "No line was judged in the time shown: is the analyzer running?",
                        "所选时间内没有线路被判定：分析器在运行吗？",
                    ),
                    targets=(
                        Target(
                            query=Query(
                                source=HEALTH, select=(HEALTH.max("state"),), where=_chosen(HEALTH), by=("line",), every=INTERVAL
                            ),
                            alias="$tag_line",
                        ),
                    ),
                    unit=Unit.STATE,
                    named=STATES,
                    link=open_line("line"),
                    width=16,
                ),
                Panel(
                    kind=Kind.BARS,
                    title=Text("Time without a fault", "无故障时间"),
                    definition=Text(
                        "Share of judged 10 s windows in which no component of the line was at fault. "
                        "Not the availability of the contract, which leaves out maintenance and more.",
                        "被判定的 10 秒窗口中该线路无部件故障的比例。不等同于合同可用率。",
                    ),
                    nothing=Text("No line was judged in the time shown.", "所选时间内没有线路被判定。"),
                    targets=(Target(query=_without_fault(), alias="$tag_line"),),
                    unit=Unit.RATIO,
                    steps=(Step(since=0, colour=BAD), Step(since=0.99, colour=SUSPECT), Step(since=0.999, colour=GOOD)),
                    largest=1,
                    link=open_line("line"),
                    width=8,
                ),
            ),
        ),
        Row(
            height=8,
            panels=(
                Panel(
                    kind=Kind.TABLE,
                    title=Text("Sessions, both directions", "测试会话（双向）"),
                    definition=Text(
                        "Over the time shown: test packets sent, share lost on the way out and back, the largest p95 of round trip and of delay "
                        "variation (RFC 5481 IPDV: difference of successive delays) of a window. Empty: not measured, or not attributed to a direction.",
                        "所选时间内：发送的测试包、去向与回向丢包比例、各窗口往返时延与时延变化（RFC 5481 IPDV）p95 的最大值。空：未测量或无法区分方向。",
                    ),
                    nothing=_NO_TESTS,
                    targets=(Target(query=_sessions_now()),),
                    unit=Unit.TEXT,
                    shown={
                        "line": Shown(title=Text("line", "线路"), unit=Unit.TEXT, link=open_line("line")),
                        "session": Shown(title=Text("session", "会话"), unit=Unit.TEXT),
                        "sent": Shown(title=Text("sent", "发送"), unit=Unit.COUNT, width=90),
                        "lost_out": Shown(title=Text("lost, out", "去向丢包"), unit=Unit.RATIO, steps=LOSS_STEPS, width=110),
                        "lost_back": Shown(title=Text("lost, back", "回向丢包"), unit=Unit.RATIO, steps=LOSS_STEPS, width=110),
                        "rtt_p95": Shown(title=Text("round trip p95", "往返时延 p95"), unit=Unit.DURATION_NS, width=130),
                        "variation_out": Shown(
                            title=Text("variation out p95", "去向时延变化 p95"), unit=Unit.DURATION_NS, width=150
                        ),
                        "variation_back": Shown(
                            title=Text("variation back p95", "回向时延变化 p95"), unit=Unit.DURATION_NS, width=150
                        ),
                    },
                    sort_by=("lost_out", True),
                    width=24,
                ),
            ),
        ),
        Row(
            height=8,
            panels=(
                Panel(
                    kind=Kind.SERIES,
                    title=Text("Loss of each line", "各线路丢包率"),
                    definition=Text(
                        "Test packets lost in either direction over those sent, all sessions of the line together.",
                        "该线路全部会话中，两个方向丢失的测试包占发送数的比例。",
                    ),
                    nothing=_NO_TESTS,
                    targets=(
                        Target(
                            query=Query(
                                source=SESSION,
                                select=(((SESSION.sum("sent") - SESSION.sum("received")) / SESSION.sum("sent")).named("loss"),),
                                where=_chosen(SESSION),
                                by=("line",),
                                every=INTERVAL,
                            ),
                            alias="$tag_line",
                        ),
                    ),
                    unit=Unit.RATIO,
                    steps=LOSS_STEPS,
                    link=open_line("line"),
                    width=8,
                ),
                Panel(
                    kind=Kind.SERIES,
                    title=Text("Round trip of each line, p95", "各线路往返时延 p95"),
                    definition=Text(
                        "Largest 95th percentile among the line's test sessions; the reflector's own time is taken out.",
                        "该线路各测试会话 95 百分位的最大值，已扣除反射端处理时间。",
                    ),
                    nothing=_NO_TESTS,
                    targets=(
                        Target(
                            query=Query(
                                source=SESSION,
                                select=(SESSION.max("rtt_p95"),),
                                where=_chosen(SESSION),
                                by=("line",),
                                every=INTERVAL,
                            ),
                            alias="$tag_line",
                        ),
                    ),
                    unit=Unit.DURATION_NS,
                    link=open_line("line"),
                    width=8,
                ),
                Panel(
                    kind=Kind.SERIES,
                    title=Text("Rate of each line and direction", "各线路双向速率"),
                    definition=Text(
                        "Octets of IP packets as the vantage saw them that saw most; a_to_z is from the A end.",
                        "以看到流量最多的观测点为准的 IP 包速率；a_to_z 表示由 A 端发出。",
                    ),
                    nothing=Text(
                        "No traffic of these lines was captured in the time shown.", "所选时间内没有采集到这些线路的流量。"
                    ),
                    targets=(Target(query=_rates(), alias="$tag_line $tag_direction"),),
                    unit=Unit.BIT_RATE,
                    link=open_line("line"),
                    width=8,
                ),
            ),
        ),
        Row(
            height=8,
            panels=(
                Panel(
                    kind=Kind.TABLE,
                    title=Text("Diagnoses", "诊断结果"),
                    definition=Text(
                        "Each incident of these lines told in the time shown, as it was last told.",
                        "所选时间内这些线路的每个事件的最新内容。",
                    ),
                    nothing=INCIDENT_NOTHING,
                    targets=(Target(query=incident_query((INCIDENT.list_holds("lines", "lines"),))),),
                    unit=Unit.TEXT,
                    shown=INCIDENT_COLUMNS,
                    sort_by=("begin_ms", True),
                    width=24,
                ),
            ),
        ),
    ),
)
