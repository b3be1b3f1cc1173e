"""L2, the line: both directions, what each part adds, and what the line's own traffic says."""

# ruff: noqa: RUF001, E501 - Chinese punctuation is Chinese, and a definition stands on one line

from __future__ import annotations

from dashboards.boards.common import (
    HEALTH,
    INCIDENT,
    INCIDENT_COLUMNS,
    INCIDENT_NOTHING,
    LENGTH_CHOICE,
    LINE_CHOICE,
    LOSS_STEPS,
    QUALITY,
    SESSION,
    SOURCE_CHOICE,
    TO_CUSTOMER,
    TO_PATH,
    TO_WALL,
    TRAFFIC,
    incident_marks,
    incident_query,
    share_lost,
)
from dashboards.influxql import INTERVAL, Column, Query, Source
from dashboards.model import Board, Dashboard, Kind, Panel, Row, Shown, Target
from dashboards.words import STATES, SUSPECT, Text, Unit

_NO_TESTS = Text("No test session of this line reported in the time shown.", "所选时间内该线路没有测试会话数据。")
_NO_TRAFFIC = Text("No traffic of this line was captured in the time shown.", "所选时间内没有采集到该线路的流量。")
_NO_TCP = Text("No TCP traffic of this line was captured in the time shown.", "所选时间内没有采集到该线路的 TCP 流量。")
_BAND = (("min", "minimum", "最小"), ("p50", "p50", "p50"), ("p90", "p90", "p90"), ("p95", "p95", "p95"), ("p99", "p99", "p99"))


def _series(source: Source, select: Column, by: tuple[str, ...], alias: str) -> Target:
    where = (source.tag_like("line", "line"),)
    return Target(query=Query(source=source, select=(select,), where=where, by=by, every=INTERVAL), alias=alias)


def _band(days_ago: int, title: Text, definition: Text) -> Panel:
    """p99 down to the minimum of the round trip, the room between them shaded."""
    names = [name for name, _, _ in _BAND]
    select = tuple(SESSION.mean(f"rtt_{name}").named(name) for name in names)
    below = dict(zip(names[1:], names[:-1], strict=True))
    return Panel(
        kind=Kind.SERIES,
        title=title,
        definition=definition,
        nothing=_NO_TESTS,
        targets=(
            Target(
                query=Query(source=SESSION, select=select, where=(SESSION.tag_like("line", "line"),), every=INTERVAL),
                alias="$col",
            ),
        ),
        unit=Unit.DURATION_NS,
        shown={
            name: Shown(
                title=Text(en, zh),
                unit=Unit.DURATION_NS,
                colour=SUSPECT if days_ago == 0 else "#8d949c",
                dashed=days_ago > 0,
                fill_below_to=below.get(name),
            )
            for name, en, zh in _BAND
        },
        days_ago=days_ago,
        width=6,
    )


LINE = Dashboard(
    board=Board.LINE,
    title=Text("Faultline L2: line", "Faultline L2：线路"),
    definition=Text("One line: both directions, and what each part of it adds.", "单条线路：双向指标及各段贡献。"),
    variables=(SOURCE_CHOICE, LINE_CHOICE, LENGTH_CHOICE),
    ways=(TO_PATH, TO_CUSTOMER, TO_WALL),
    marks=(incident_marks((INCIDENT.list_holds("lines", "line"),)),),
    rows=(
        Row(
            height=8,
            panels=(
                Panel(
                    kind=Kind.STATES,
                    title=Text("State of each component", "各部件状态"),
                    definition=Text(
                        "State of each component that the line crosses and something was measured of. A gap is no data, not good.",
                        "该线路所经且有测量数据的各部件状态。空白表示无数据，而非正常。",
                    ),
                    nothing=Text("This line was not judged in the time shown.", "所选时间内该线路未被判定。"),
                    targets=(_series(HEALTH, HEALTH.max("state"), ("component",), "$tag_component"),),
                    unit=Unit.STATE,
                    named=STATES,
                    link=TO_PATH,
                    width=14,
                ),
                Panel(
                    kind=Kind.SERIES,
                    title=Text("Rate by direction and vantage", "各方向各观测点速率"),
                    definition=Text(
                        "Octets of IP packets; the vantages of a line see the same packets, so where one falls below the others packets are missing between.",
                        "IP 包速率；同一线路的各观测点看到同样的包，某点偏低说明其间有包缺失。",
                    ),
                    nothing=_NO_TRAFFIC,
                    targets=(
                        _series(
                            TRAFFIC,
                            TRAFFIC.per_second("octets", factor=8).named("rate"),
                            ("direction", "vantage"),
                            "$tag_direction $tag_vantage",
                        ),
                    ),
                    unit=Unit.BIT_RATE,
                    width=10,
                ),
            ),
        ),
        Row(
            height=8,
            panels=(
                Panel(
                    kind=Kind.SERIES,
                    title=Text("Loss by session, out", "各会话去向丢包"),
                    definition=Text(
                        "Share of test packets lost from the sender to the reflector. Sessions over neighbouring parts show which part adds it.",
                        "由发送端到反射端丢失的测试包比例。对比相邻各段的会话即可看出是哪一段造成。",
                    ),
                    nothing=_NO_TESTS,
                    targets=(_series(SESSION, share_lost(SESSION, "forward").named("lost"), ("session",), "$tag_session"),),
                    unit=Unit.RATIO,
                    steps=LOSS_STEPS,
                    width=6,
                ),
                Panel(
                    kind=Kind.SERIES,
                    title=Text("Loss by session, back", "各会话回向丢包"),
                    definition=Text(
                        "Share of test packets lost from the reflector back to the sender, by the reflector's own count.",
                        "由反射端返回发送端丢失的测试包比例，依据反射端自身计数。",
                    ),
                    nothing=_NO_TESTS,
                    targets=(_series(SESSION, share_lost(SESSION, "reverse").named("lost"), ("session",), "$tag_session"),),
                    unit=Unit.RATIO,
                    steps=LOSS_STEPS,
                    width=6,
                ),
                Panel(
                    kind=Kind.SERIES,
                    title=Text("One-way delay by session, out, p50", "各会话去向单向时延 p50"),
                    definition=Text(
                        "Median from sender to reflector (RFC 7679). Only as true as both clocks: a negative value is shown as it is.",
                        "由发送端到反射端的中位数（RFC 7679）。准确度取决于两端时钟；负值照实显示。",
                    ),
                    nothing=_NO_TESTS,
                    targets=(_series(SESSION, SESSION.mean("forward_delay_p50").named("delay"), ("session",), "$tag_session"),),
                    unit=Unit.DURATION_NS,
                    width=6,
                ),
                Panel(
                    kind=Kind.SERIES,
                    title=Text("One-way delay by session, back, p50", "各会话回向单向时延 p50"),
                    definition=Text(
                        "Median from reflector back to sender (RFC 7679). Only as true as both clocks: a negative value is shown as it is.",
                        "由反射端到发送端的中位数（RFC 7679）。准确度取决于两端时钟；负值照实显示。",
                    ),
                    nothing=_NO_TESTS,
                    targets=(_series(SESSION, SESSION.mean("reverse_delay_p50").named("delay"), ("session",), "$tag_session"),),
                    unit=Unit.DURATION_NS,
                    width=6,
                ),
            ),
        ),
        Row(
            height=8,
            panels=(
                _band(
                    0,
                    Text("Round trip, from minimum to p99", "往返时延分布"),
                    Text(
                        "Mean over the line's sessions and the windows of a bucket of each window's minimum and percentiles.",
                        "该线路各会话、各窗口最小值与百分位的平均值。",
                    ),
                ),
                _band(
                    1,
                    Text("The same hours a day before", "前一天同一时段"),
                    Text(
                        "As the panel to the left, one day earlier, to compare with.",
                        "同左图，取前一天同一时段，供对比。",
                    ),
                ),
                Panel(
                    kind=Kind.SERIES,
                    title=Text("Retransmissions by side of the loss", "按丢包位置区分的重传"),
                    definition=Text(
                        "TCP segments sent again over segments seen: before = the first copy was lost before the vantage, after = beyond it. "
                        "Where one vantage says after and the next says before, the loss is between them.",
                        "重传段占所见 TCP 段的比例：before 表示首份在观测点之前丢失，after 表示在其之后丢失。前一点为 after、后一点为 before，则丢包在两点之间。",
                    ),
                    nothing=_NO_TCP,
                    targets=(
                        _series(
                            QUALITY,
                            QUALITY.ratio("loss_upstream", "tcp_segments").named("before"),
                            ("vantage", "direction"),
                            "$tag_vantage $tag_direction before",
                        ),
                        _series(
                            QUALITY,
                            QUALITY.ratio("loss_downstream", "tcp_segments").named("after"),
                            ("vantage", "direction"),
                            "$tag_vantage $tag_direction after",
                        ),
                    ),
                    unit=Unit.RATIO,
                    steps=LOSS_STEPS,
                    width=6,
                ),
                Panel(
                    kind=Kind.SERIES,
                    title=Text("Round trip by side, p95", "按侧往返时延 p95"),
                    definition=Text(
                        "From a data segment at the vantage to the acknowledgement of it: what lies beyond the vantage in that direction.",
                        "从观测点看到数据段到看到其确认的时间：反映该方向上观测点之后的部分。",
                    ),
                    nothing=_NO_TCP,
                    targets=(
                        _series(QUALITY, QUALITY.max("data_rtt_p95"), ("vantage", "direction"), "$tag_vantage $tag_direction"),
                    ),
                    unit=Unit.DURATION_NS,
                    width=6,
                ),
            ),
        ),
        Row(
            height=7,
            panels=(
                Panel(
                    kind=Kind.SERIES,
                    title=Text("Application response, p95", "应用响应时间 p95"),
                    definition=Text(
                        "The server's own time from a request to its answer; the network's round trip is taken out.",
                        "服务器从收到请求到应答的自身耗时，已扣除网络往返时延。",
                    ),
                    nothing=_NO_TCP,
                    targets=(
                        _series(
                            QUALITY,
                            QUALITY.max("application_response_p95"),
                            ("vantage", "direction"),
                            "$tag_vantage $tag_direction",
                        ),
                    ),
                    unit=Unit.DURATION_NS,
                    width=8,
                ),
                Panel(
                    kind=Kind.TABLE,
                    title=Text("Incidents of this line", "该线路的事件"),
                    definition=Text(
                        "Each incident told in the time shown that hits this line, as it was last told.",
                        "所选时间内影响该线路的每个事件的最新内容。",
                    ),
                    nothing=INCIDENT_NOTHING,
                    targets=(Target(query=incident_query((INCIDENT.list_holds("lines", "line"),))),),
                    unit=Unit.TEXT,
                    shown=INCIDENT_COLUMNS,
                    sort_by=("begin_ms", True),
                    width=16,
                ),
            ),
        ),
    ),
)
