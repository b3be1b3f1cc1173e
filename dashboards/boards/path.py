"""L3, the path: the suspects with their probability, and the evidence for and against.

No node graph: the metrics say which components a line crosses, not in which order; the analyzer's own page draws the path.
"""

# ruff: noqa: RUF001, E501 - Chinese punctuation is Chinese, and a definition stands on one line

from __future__ import annotations

from dashboards.boards.common import (
    CLEAN_STEPS,
    HEALTH,
    INCIDENT,
    LENGTH_CHOICE,
    LINE_CHOICE,
    LOSS_STEPS,
    QUALITY,
    SESSION,
    SOURCE_CHOICE,
    TO_LINE,
    TO_PROBES,
    TO_WALL,
    incident_marks,
    newest,
    share_lost,
)
from dashboards.influxql import INTERVAL, Query, results_of
from dashboards.model import Board, Dashboard, Kind, Panel, Row, Shown, Target
from dashboards.words import EVENTS, MODES, OWNERS, STATES, Named, Text, Unit

_NOT_JUDGED = Text("This line was not judged in the time shown.", "所选时间内该线路未被判定。")
_NO_SUSPECT = Text("No component of this line is suspected in the time shown.", "所选时间内该线路没有可疑部件。")
_LINE = (HEALTH.tag_like("line", "line"),)


def _share_of(owner: Named) -> Target:
    where = (*_LINE, HEALTH.field_is("owner", owner.value))
    suspects = newest(HEALTH, "component", where=where, fields=("state", "probability"))
    source = results_of(suspects)
    return Target(query=Query(source=source, select=(source.sum("probability").named(owner.text.en),)), alias="$col")


def _sessions() -> Query:
    s = SESSION
    return Query(
        source=s,
        select=(
            s.sum("sent").named("sent"),
            share_lost(s, "forward").named("lost_out"),
            share_lost(s, "reverse").named("lost_back"),
            s.sum("lost_unattributed").named("unattributed"),
            s.max("rtt_p95").named("rtt_p95"),
            s.last("clock_class").named("clock_class"),
            s.max("clock_error_ns").named("clock_error"),
            s.sum("suspect").named("suspect"),
        ),
        where=(s.tag_like("line", "line"),),
        by=("session",),
    )


def _passive() -> Query:
    q = QUALITY
    return Query(
        source=q,
        select=(
            q.sum("tcp_segments").named("segments"),
            q.ratio("loss_upstream", "tcp_segments").named("before"),
            q.ratio("loss_downstream", "tcp_segments").named("after"),
            q.sum("zero_window_events").named("zero_window"),
            q.sum("rst_packets").named("resets"),
            q.max("data_rtt_p95").named("rtt_p95"),
            q.max("capture_loss_ratio").named("capture_loss"),
            q.max("one_sided_ratio").named("one_sided"),
        ),
        where=(q.tag_like("line", "line"),),
        by=("vantage", "direction"),
    )


def _revisions() -> Query:
    i = INCIDENT
    names = ("owner", "mode", "components", "confidence", "text")
    return Query(
        source=i,
        select=tuple(i.last(name) for name in names),
        where=(i.list_holds("lines", "line"),),
        by=("incident", "event"),
        every="10s",
    )


PATH = Dashboard(
    board=Board.PATH,
    title=Text("Faultline L3: path and evidence", "Faultline L3：路径与证据"),
    definition=Text("Which part of the line is suspected, how sure, and why.", "线路哪一段可疑、把握多大、依据是什么。"),
    variables=(SOURCE_CHOICE, LINE_CHOICE, LENGTH_CHOICE),
    ways=(TO_LINE, TO_PROBES, TO_WALL),
    marks=(incident_marks((INCIDENT.list_holds("lines", "line"),)),),
    rows=(
        Row(
            height=8,
            panels=(
                Panel(
                    kind=Kind.TABLE,
                    title=Text("Components of the path, the suspects first", "路径部件（可疑者在前）"),
                    definition=Text(
                        "Newest state of each component and the probability that it is the one at fault; empty: not suspected.",
                        "各部件的最新状态及其为故障点的概率；空：不可疑。",
                    ),
                    nothing=_NOT_JUDGED,
                    targets=(Target(query=newest(HEALTH, "component", where=_LINE, fields=("state", "owner", "probability"))),),
                    unit=Unit.TEXT,
                    shown={
                        "component": Shown(title=Text("component", "部件"), unit=Unit.TEXT),
                        "state": Shown(title=Text("state", "状态"), unit=Unit.STATE, named=STATES, width=140),
                        "owner": Shown(title=Text("owner", "责任方"), unit=Unit.TEXT, named=OWNERS, width=150),
                        "probability": Shown(title=Text("probability", "概率"), unit=Unit.RATIO, bar=True, width=160),
                    },
                    sort_by=("probability", True),
                    width=10,
                ),
                Panel(
                    kind=Kind.STATES,
                    title=Text("State of each component", "各部件状态"),
                    definition=Text(
                        "State of each component of the line over time. A gap is no data, not good.",
                        "该线路各部件状态随时间的变化。空白表示无数据，而非正常。",
                    ),
                    nothing=_NOT_JUDGED,
                    targets=(
                        Target(
                            query=Query(
                                source=HEALTH, select=(HEALTH.max("state"),), where=_LINE, by=("component",), every=INTERVAL
                            ),
                            alias="$tag_component",
                        ),
                    ),
                    unit=Unit.STATE,
                    named=STATES,
                    width=14,
                ),
            ),
        ),
        Row(
            height=7,
            panels=(
                Panel(
                    kind=Kind.BARS,
                    title=Text("Whose it is", "责任方"),
                    definition=Text(
                        "Newest probabilities of the suspects, added up by who answers for them.",
                        "可疑部件的最新概率，按责任方相加。",
                    ),
                    nothing=_NO_SUSPECT,
                    targets=tuple(_share_of(owner) for owner in OWNERS),
                    unit=Unit.RATIO,
                    shown={o.text.en: Shown(title=o.text, unit=Unit.RATIO, colour=o.colour) for o in OWNERS},
                    largest=1,
                    width=10,
                ),
                Panel(
                    kind=Kind.SERIES,
                    title=Text("Probability of each suspect", "各可疑部件概率"),
                    definition=Text(
                        "Probability that the component is the one at fault, as each step of the analyzer saw it.",
                        "分析器每一步给出的该部件为故障点的概率。",
                    ),
                    nothing=_NO_SUSPECT,
                    targets=(
                        Target(
                            query=Query(
                                source=HEALTH, select=(HEALTH.max("probability"),), where=_LINE, by=("component",), every=INTERVAL
                            ),
                            alias="$tag_component",
                        ),
                    ),
                    unit=Unit.RATIO,
                    largest=1,
                    width=14,
                ),
            ),
        ),
        Row(
            height=8,
            panels=(
                Panel(
                    kind=Kind.TABLE,
                    title=Text("Evidence: test sessions", "证据：测试会话"),
                    definition=Text(
                        "Over the time shown, each session of the line. Unattributed: lost, direction unknown. Suspect: intervals the probe itself doubts. "
                        "The clock's class and its largest error say what one-way figures are worth.",
                        "所选时间内该线路的各会话。未区分：已丢失但方向未知；可疑：探针自身存疑的区间数。时钟等级与最大误差说明单向指标的可信度。",
                    ),
                    nothing=Text(
                        "No test session of this line reported in the time shown.", "所选时间内该线路没有测试会话数据。"
                    ),
                    targets=(Target(query=_sessions()),),
                    unit=Unit.TEXT,
                    shown={
                        "session": Shown(title=Text("session", "会话"), unit=Unit.TEXT),
                        "sent": Shown(title=Text("sent", "发送"), unit=Unit.COUNT),
                        "lost_out": Shown(title=Text("lost, out", "去向丢包"), unit=Unit.RATIO, steps=LOSS_STEPS),
                        "lost_back": Shown(title=Text("lost, back", "回向丢包"), unit=Unit.RATIO, steps=LOSS_STEPS),
                        "unattributed": Shown(title=Text("unattributed", "未区分"), unit=Unit.COUNT),
                        "rtt_p95": Shown(title=Text("round trip p95", "往返时延 p95"), unit=Unit.DURATION_NS),
                        "clock_class": Shown(title=Text("clock", "时钟"), unit=Unit.TEXT),
                        "clock_error": Shown(title=Text("clock error", "时钟误差"), unit=Unit.DURATION_NS),
                        "suspect": Shown(title=Text("suspect", "可疑"), unit=Unit.COUNT),
                    },
                    sort_by=("lost_out", True),
                    width=12,
                ),
                Panel(
                    kind=Kind.TABLE,
                    title=Text("Evidence: the line's own TCP traffic", "证据：线路自身 TCP 流量"),
                    definition=Text(
                        "Over the time shown, each vantage and direction. Before and after: share of segments lost before and beyond the vantage. "
                        "Capture loss and one-sided flows say what the rest of the row is worth.",
                        "所选时间内各观测点各方向。之前/之后：在观测点之前或之后丢失的段比例。采集丢失与单向流比例说明该行数据的可信度。",
                    ),
                    nothing=Text(
                        "No TCP traffic of this line was captured in the time shown.", "所选时间内没有采集到该线路的 TCP 流量。"
                    ),
                    targets=(Target(query=_passive()),),
                    unit=Unit.TEXT,
                    shown={
                        "vantage": Shown(title=Text("vantage", "观测点"), unit=Unit.TEXT),
                        "direction": Shown(title=Text("direction", "方向"), unit=Unit.TEXT),
                        "segments": Shown(title=Text("segments", "段数"), unit=Unit.COUNT),
                        "before": Shown(title=Text("lost before", "之前丢失"), unit=Unit.RATIO, steps=LOSS_STEPS),
                        "after": Shown(title=Text("lost after", "之后丢失"), unit=Unit.RATIO, steps=LOSS_STEPS),
                        "zero_window": Shown(title=Text("zero windows", "零窗口"), unit=Unit.COUNT),
                        "resets": Shown(title=Text("resets", "复位"), unit=Unit.COUNT),
                        "rtt_p95": Shown(title=Text("round trip p95", "往返时延 p95"), unit=Unit.DURATION_NS),
                        "capture_loss": Shown(title=Text("capture loss", "采集丢失"), unit=Unit.RATIO, steps=CLEAN_STEPS),
                        "one_sided": Shown(title=Text("one-sided flows", "单向流"), unit=Unit.RATIO),
                    },
                    sort_by=("after", True),
                    width=12,
                ),
            ),
        ),
        Row(
            height=8,
            panels=(
                Panel(
                    kind=Kind.TABLE,
                    title=Text("What was told, and how it changed", "通告及其修订"),
                    definition=Text(
                        "Every telling of every incident of the line: raised, revised with the new place, cleared.",
                        "该线路每个事件的每次通告：产生、修订（含新位置）、恢复。",
                    ),
                    nothing=Text("No incident of this line was told in the time shown.", "所选时间内该线路没有事件通告。"),
                    targets=(Target(query=_revisions()),),
                    unit=Unit.TEXT,
                    shown={
                        "Time": Shown(title=Text("told at", "通告时间"), unit=Unit.INSTANT, width=170),
                        "event": Shown(title=Text("what", "通告"), unit=Unit.TEXT, named=EVENTS, width=110),
                        "components": Shown(title=Text("place", "位置"), unit=Unit.TEXT, width=150),
                        "owner": Shown(title=Text("owner", "责任方"), unit=Unit.TEXT, named=OWNERS, width=140),
                        "mode": Shown(title=Text("mode", "故障类型"), unit=Unit.TEXT, named=MODES, width=120),
                        "confidence": Shown(title=Text("confidence", "置信度"), unit=Unit.RATIO, bar=True, width=120),
                        "text": Shown(title=Text("verdict", "结论"), unit=Unit.TEXT),
                        "incident": Shown(title=Text("incident", "事件编号"), unit=Unit.TEXT, width=170),
                    },
                    sort_by=("Time", True),
                    width=24,
                ),
            ),
        ),
    ),
)
