"""L4, probes and pipeline: whether our own numbers can be trusted. Of the carrier's data source only."""

# ruff: noqa: RUF001, E501 - Chinese punctuation is Chinese, and a definition stands on one line

from __future__ import annotations

from dashboards.boards.common import CLEAN_STEPS, COUNT_STEPS, LENGTH_CHOICE, SOURCE_CHOICE, TO_WALL
from dashboards.influxql import INTERVAL, Column, Query, Source, rows_of, tag_values
from dashboards.model import Board, Dashboard, Kind, Panel, Row, Shown, Target, Variable, VariableKind
from dashboards.words import CLOCKS_BAD, LINK_STATES, Text, Unit

PROBE, PIPELINE, INTERFACE = rows_of("probe_health"), rows_of("collector_health"), rows_of("interface")
_NO_PROBE = Text(
    "No probe reported in the time shown; a customer's data source has none of these rows.",
    "所选时间内没有探针上报；客户的数据源不含此类数据。",
)
_NO_PIPELINE = Text(
    "The collector wrote no counters in the time shown; a customer's data source has none of these rows.",
    "所选时间内采集器没有写入计数；客户的数据源不含此类数据。",
)


def _of_probes(source: Source, select: Column, by: tuple[str, ...], alias: str) -> Target:
    where = (source.tag_like("probe", "probe"),)
    return Target(query=Query(source=source, select=(select,), where=where, by=by, every=INTERVAL), alias=alias)


def _of_stages(select: Column, alias: str) -> Target:
    return Target(query=Query(source=PIPELINE, select=(select,), by=("stage",), every=INTERVAL), alias=alias)


def _balance() -> Query:
    p = PIPELINE
    rest = (p.sum("in") - p.sum("out") - p.sum("dropped")).named("rest")
    select = (
        p.sum("in").named("in"),
        p.sum("out").named("out"),
        p.sum("dropped").named("dropped"),
        p.last("held").named("held"),
        rest,
    )
    return Query(source=p, select=select, by=("stage",))


PROBES = Dashboard(
    board=Board.PROBES,
    title=Text("Faultline L4: probes and pipeline", "Faultline L4：探针与采集"),
    definition=Text("Whether our own numbers can be trusted.", "自身数据是否可信。"),
    variables=(
        SOURCE_CHOICE,
        Variable(
            name="probe",
            kind=VariableKind.QUERY,
            title=Text("Probe", "探针"),
            query=tag_values("probe_health", "probe"),
            several=True,
        ),
        LENGTH_CHOICE,
    ),
    ways=(TO_WALL,),
    rows=(
        Row(
            height=7,
            panels=(
                Panel(
                    kind=Kind.SERIES,
                    title=Text("Packets captured", "采集包速率"),
                    definition=Text(
                        "Packets that reached the capture, dropped ones included, by probe and observation point.",
                        "到达采集的包（含被丢弃的），按探针和观测点。",
                    ),
                    nothing=_NO_PROBE,
                    targets=(
                        _of_probes(
                            PROBE,
                            PROBE.per_second("capture_received").named("packets"),
                            ("probe", "observation_point"),
                            "$tag_probe $tag_observation_point",
                        ),
                    ),
                    unit=Unit.PACKET_RATE,
                    width=8,
                ),
                Panel(
                    kind=Kind.SERIES,
                    title=Text("Capture loss", "采集丢失率"),
                    definition=Text(
                        "Packets the capture dropped over those that reached it: losses of ours, not of the line.",
                        "采集自身丢弃的包占到达包的比例：属我方丢失，与线路无关。",
                    ),
                    nothing=_NO_PROBE,
                    targets=(
                        _of_probes(
                            PROBE,
                            PROBE.ratio("capture_dropped", "capture_received").named("loss"),
                            ("probe", "observation_point"),
                            "$tag_probe $tag_observation_point",
                        ),
                    ),
                    unit=Unit.RATIO,
                    steps=CLEAN_STEPS,
                    width=8,
                ),
                Panel(
                    kind=Kind.SERIES,
                    title=Text("Waiting in the spool", "待上传数据量"),
                    definition=Text(
                        "Octets on the probe's disk that the collector has not acknowledged yet; a rising line is a collector out of reach.",
                        "探针磁盘上尚未被采集器确认的数据；持续上升说明无法连接采集器。",
                    ),
                    nothing=_NO_PROBE,
                    targets=(_of_probes(PROBE, PROBE.max("spool_octets").named("spool"), ("probe",), "$tag_probe"),),
                    unit=Unit.OCTETS,
                    width=8,
                ),
            ),
        ),
        Row(
            height=7,
            panels=(
                Panel(
                    kind=Kind.STATES,
                    title=Text("Clock of each probe", "各探针时钟"),
                    definition=Text(
                        "Whether the collector found the probe's clock wrong against its own; one-way delays are then worth nothing.",
                        "采集器是否判定该探针时钟有误；有误时单向时延不可用。",
                    ),
                    nothing=_NO_PROBE,
                    targets=(_of_probes(PROBE, PROBE.max("clock_bad").named("clock"), ("probe",), "$tag_probe"),),
                    unit=Unit.STATE,
                    named=CLOCKS_BAD,
                    width=8,
                ),
                Panel(
                    kind=Kind.SERIES,
                    title=Text("Largest clock error", "最大时钟误差"),
                    definition=Text(
                        "The bound that the probe's own time service states for its clock.",
                        "探针自身时间服务给出的时钟误差上限。",
                    ),
                    nothing=_NO_PROBE,
                    targets=(_of_probes(PROBE, PROBE.max("clock_error_ns").named("error"), ("probe",), "$tag_probe"),),
                    unit=Unit.DURATION_NS,
                    width=8,
                ),
                Panel(
                    kind=Kind.SERIES,
                    title=Text("Lag of the probe's loop", "探针循环延迟"),
                    definition=Text(
                        "How late the probe's main loop woke at worst: a busy or stopped host.",
                        "探针主循环唤醒的最大延迟：反映主机繁忙或停顿。",
                    ),
                    nothing=_NO_PROBE,
                    targets=(_of_probes(PROBE, PROBE.max("loop_lag_ns").named("lag"), ("probe",), "$tag_probe"),),
                    unit=Unit.DURATION_NS,
                    width=8,
                ),
            ),
        ),
        Row(
            height=7,
            panels=(
                Panel(
                    kind=Kind.STATES,
                    title=Text("Links of the probes' hosts", "探针主机链路"),
                    definition=Text(
                        "Whether the interface was up throughout each bucket.",
                        "各时间段内接口是否始终接通。",
                    ),
                    nothing=_NO_PROBE,
                    targets=(
                        _of_probes(
                            INTERFACE, INTERFACE.min("link_up").named("link"), ("probe", "interface"), "$tag_probe $tag_interface"
                        ),
                    ),
                    unit=Unit.STATE,
                    named=LINK_STATES,
                    width=8,
                ),
                Panel(
                    kind=Kind.SERIES,
                    title=Text("Errors and discards of interfaces", "接口错误与丢弃"),
                    definition=Text(
                        "Packets in and out that the interface counted as in error or threw away.",
                        "接口统计的收发错误包与丢弃包。",
                    ),
                    nothing=_NO_PROBE,
                    targets=(
                        _of_probes(
                            INTERFACE,
                            (INTERFACE.sum("in_errors") + INTERFACE.sum("out_errors")).named("errors"),
                            ("probe", "interface"),
                            "$tag_probe $tag_interface $col",
                        ),
                        _of_probes(
                            INTERFACE,
                            (INTERFACE.sum("in_discards") + INTERFACE.sum("out_discards")).named("discards"),
                            ("probe", "interface"),
                            "$tag_probe $tag_interface $col",
                        ),
                    ),
                    unit=Unit.COUNT,
                    steps=COUNT_STEPS,
                    width=8,
                ),
                Panel(
                    kind=Kind.SERIES,
                    title=Text("Flows kept, and given up early", "在册流与提前淘汰"),
                    definition=Text(
                        "Flows in the metering table at most, and flows written out early because the table was full.",
                        "计量表中的最大流数，以及因表满而提前输出的流数。",
                    ),
                    nothing=_NO_PROBE,
                    targets=(
                        _of_probes(PROBE, PROBE.max("flows_active").named("active"), ("probe",), "$tag_probe $col"),
                        _of_probes(PROBE, PROBE.sum("flows_evicted").named("evicted"), ("probe",), "$tag_probe $col"),
                    ),
                    unit=Unit.COUNT,
                    width=8,
                ),
            ),
        ),
        Row(
            height=8,
            panels=(
                Panel(
                    kind=Kind.SERIES,
                    title=Text("Taken in by each stage", "各级处理速率"),
                    definition=Text("Items that entered each stage of the collector.", "进入采集器各级的条目。"),
                    nothing=_NO_PIPELINE,
                    targets=(_of_stages(PIPELINE.per_second("in").named("in"), "$tag_stage"),),
                    unit=Unit.RATE,
                    width=8,
                ),
                Panel(
                    kind=Kind.SERIES,
                    title=Text("Dropped by each stage", "各级丢弃"),
                    definition=Text(
                        "Items that a stage of the collector dropped, for any reason; /metrics has the reasons.",
                        "采集器各级丢弃的条目（任何原因）；原因见 /metrics。",
                    ),
                    nothing=_NO_PIPELINE,
                    targets=(_of_stages(PIPELINE.sum("dropped").named("dropped"), "$tag_stage"),),
                    unit=Unit.COUNT,
                    steps=COUNT_STEPS,
                    width=8,
                ),
                Panel(
                    kind=Kind.TABLE,
                    title=Text("Balance of each stage", "各级收支平衡"),
                    definition=Text(
                        "Over the time shown. Rest = in less out less dropped: what the stage holds more now than before. A rest that is not in `held` is a loss.",
                        "所选时间内。余额 = 进 − 出 − 丢弃，即该级持有量的增加；余额不在持有量之中即为丢失。",
                    ),
                    nothing=_NO_PIPELINE,
                    targets=(Target(query=_balance()),),
                    unit=Unit.COUNT,
                    shown={
                        "stage": Shown(title=Text("stage", "级"), unit=Unit.TEXT),
                        "in": Shown(title=Text("in", "进"), unit=Unit.COUNT),
                        "out": Shown(title=Text("out", "出"), unit=Unit.COUNT),
                        "dropped": Shown(title=Text("dropped", "丢弃"), unit=Unit.COUNT, steps=COUNT_STEPS),
                        "held": Shown(title=Text("held now", "当前持有"), unit=Unit.COUNT),
                        "rest": Shown(title=Text("rest", "余额"), unit=Unit.COUNT),
                    },
                    width=8,
                ),
            ),
        ),
    ),
)
