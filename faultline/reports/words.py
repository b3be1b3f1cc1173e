"""The catalogue: every word of reports, pages and alarms, in English and in Chinese.

A word that is missing in one language fails a test.
"""

# ruff: noqa: RUF001 - Chinese punctuation is Chinese

from __future__ import annotations

from enum import StrEnum


class Language(StrEnum):
    """Languages of the catalogue."""

    EN = "en"
    ZH = "zh"

    @property
    def tag(self) -> str:
        """BCP 47, for `lang` attributes."""
        return {Language.EN: "en", Language.ZH: "zh-CN"}[self]


CATALOGUE: dict[str, tuple[str, str]] = {
    # owners
    "owner.customer": ("customer side", "客户侧"),
    "owner.access": ("access network", "接入网"),
    "owner.carrier_core": ("carrier core", "运营商骨干网"),
    "owner.other_carrier": ("other carrier", "其他运营商"),
    "owner.destination": ("destination", "对端（服务器或数据中心）"),
    "owner.unknown": ("owner not separable", "责任方无法区分"),
    # kinds
    "kind.segment": ("segment", "网段"),
    "kind.link": ("link", "链路"),
    "kind.device": ("device", "设备"),
    "kind.site": ("site", "站点"),
    "kind.server": ("server", "服务器"),
    "kind.service": ("service", "业务"),
    "kind.resolver": ("resolver", "域名服务器"),
    "kind.route": ("route", "路由"),
    "kind.probe": ("probe", "探针"),
    # modes
    "mode.loss": ("packet loss", "丢包"),
    "mode.congestion": ("congestion", "拥塞"),
    "mode.delay": ("added delay", "时延增大"),
    "mode.down": ("down", "中断"),
    "mode.mtu": ("MTU black hole", "MTU 黑洞"),
    "mode.slow": ("slow responses", "响应缓慢"),
    "mode.failing": ("failing requests", "请求失败"),
    "mode.stalled": ("stalled receiver", "接收停滞"),
    "mode.route": ("route change", "路由变化"),
    # sentences of a verdict: {place} {owner} {direction} {severity}
    "verdict.loss": (
        "{place} ({owner}) loses {severity} of the packets{direction}.",
        "{place}（{owner}）{direction}丢包 {severity}。",
    ),
    "verdict.congestion": (
        "{place} ({owner}) is congested{direction}: queues add {severity}.",
        "{place}（{owner}）{direction}拥塞，排队时延增加 {severity}。",
    ),
    "verdict.delay": (
        "{place} ({owner}) adds {severity} of delay{direction}.",
        "{place}（{owner}）{direction}时延增加 {severity}。",
    ),
    "verdict.down": ("{place} ({owner}) is down{direction}.", "{place}（{owner}）{direction}中断。"),
    "verdict.mtu": (
        "{place} ({owner}) drops packets larger than {severity}{direction}.",
        "{place}（{owner}）{direction}丢弃大于 {severity} 的报文。",
    ),
    "verdict.slow": ("{place} ({owner}) answers {severity} slower than usual.", "{place}（{owner}）响应变慢 {severity}。"),
    "verdict.failing": ("{place} ({owner}) fails {severity} of the requests.", "{place}（{owner}）{severity} 的请求失败。"),
    "verdict.stalled": (
        "{place} ({owner}) keeps its receive window closed {severity} of the time.",
        "{place}（{owner}）{severity} 的时间接收窗口关闭。",
    ),
    "verdict.route": ("The route over {place} ({owner}) changed{direction}.", "经 {place}（{owner}）的路由{direction}发生变化。"),
    "direction.a_to_z": (" from A to Z", "A→Z 方向"),
    "direction.z_to_a": (" from Z to A", "Z→A 方向"),
    "direction.both": (" in both directions", "双向"),
    "direction.short.a_to_z": ("A → Z", "A → Z"),
    "direction.short.z_to_a": ("Z → A", "Z → A"),
    "place.class": (
        "one of {n} elements that today's probes cannot tell apart: {names}",
        "现有探针无法区分的 {n} 个部件之一：{names}",
    ),
    "place.or": (" or ", " 或 "),
    "place.and": (" and ", " 和 "),
    # what cannot be told apart, and what would tell
    "doubt.two": (
        "It is one of these two: {names}. What was measured cannot tell them apart.",
        "故障在以下两处之一：{names}，现有测量无法区分。",
    ),
    "doubt.class": (
        "It is one of these {n}: {names}. What was measured cannot tell them apart.",
        "故障在以下 {n} 处之一：{names}，现有测量无法区分。",
    ),
    "doubt.rival": ("It could also be {names}.", "也可能是 {names}。"),
    "doubt.owners": ("Whose it is cannot be told: {shares}.", "责任方无法区分：{shares}。"),
    "doubt.test": ("A test from {first} to {last} would tell.", "从 {first} 到 {last} 补测一次可以区分。"),
    "doubt.probe": ("A probe between {first} and {last} would tell.", "在 {first} 与 {last} 之间设一个探针可以区分。"),
    # the path
    "path.alternatives": ("{n} equal paths; a flow takes one of them", "{n} 条等价路径，每条流走其中一条"),
    "path.between": ("{first} to {last}", "{first} 至 {last}"),
    "path.behind_z": ("behind the Z end", "位于 Z 端之后"),
    "path.legend": (
        "Upper lane: A → Z. Lower lane: Z → A. ▲ a probe looks here, △ it is silent. Dashed: responsibility changes hands.",
        "上方车道：A → Z；下方车道：Z → A。▲ 探针观测点，△ 无上报。虚线：责任分界。",
    ),
    "path.unknown": ("The inventory does not have this line's path.", "资产中没有该专线的路径。"),
    "path.traced": ("The path as traced", "实测路径"),
    "path.traced.none": ("No trace of this line was stored.", "没有该专线的路径跟踪数据。"),
    "path.silent_hop": ("silent", "无应答"),
    "planned": ("planned work: nobody is paged", "计划内作业：不告警"),
    # observations
    "seen.loss": (
        "{lost} of {sent} {what} lost ({ratio}) {where}",
        "{where} {what} {sent} 个中丢失 {lost} 个（{ratio}）",
    ),
    "seen.loss.expected": ("; expected {expected}", "，正常约 {expected}"),
    "seen.loss.active": ("test packets", "测试报文"),
    "seen.loss.passive": ("TCP segments", "TCP 报文段"),
    "seen.loss.bracket": ("TCP segments between two probes", "两探针之间的 TCP 报文段"),
    "seen.delay": (
        "median delay {median}, usually {usual} {where} ({n} samples)",
        "{where} 时延中位数 {median}，平时 {usual}（{n} 个样本）",
    ),
    "seen.delay.nobase": (
        "median delay {median} {where} ({n} samples); no baseline yet",
        "{where} 时延中位数 {median}（{n} 个样本），尚无基线",
    ),
    "seen.failure": (
        "{failed} of {attempts} {protocol} requests failed {where}",
        "{where} {protocol} 请求 {attempts} 次中失败 {failed} 次",
    ),
    "seen.response": ("{where} answers in {median}, usually {usual}", "{where} 响应 {median}，平时 {usual}"),
    "seen.zero_window": (
        "{where} kept its window closed {closed} s of {seconds} s",
        "{where} {seconds} 秒内窗口关闭 {closed} 秒",
    ),
    "seen.counter.raised": ("{where} reports {name}", "{where} 上报 {name}"),
    "seen.counter.clean": ("{where} was asked and reports no {name}", "{where} 已查询，无 {name}"),
    "seen.silence": (
        "probe {probe} was silent: {missed} of {expected} reports missing",
        "探针 {probe} 静默：{expected} 次上报缺 {missed} 次",
    ),
    "seen.mtu": ("{lost} of {sent} packets of {size} octets lost {where}", "{where} {size} 字节报文 {sent} 个中丢失 {lost} 个"),
    "seen.where": ("from {first} to {last}", "{first} 至 {last}"),
    "seen.where.at": ("at {first}", "{first} 处"),
    "seen.round_trip": ("there and back", "往返"),
    # report
    "report.title": ("Fault report", "故障报告"),
    "report.verdict": ("Verdict", "结论"),
    "report.owner": ("Responsible", "责任方"),
    "report.confidence": ("Confidence", "置信度"),
    "report.since": ("Since", "开始时间"),
    "report.until": ("Until", "结束时间"),
    "report.duration": ("Duration", "持续时间"),
    "report.state": ("State", "状态"),
    "report.line": ("Line", "专线"),
    "report.customer": ("Customer", "客户"),
    "report.ends": ("A-end and Z-end", "A 端与 Z 端"),
    "report.grade": ("Grade", "等级"),
    "report.path": ("Where", "故障位置"),
    "report.for": ("What speaks for it", "支持证据"),
    "report.against": ("What speaks against it", "反对证据"),
    "report.observation": ("Observation", "观测"),
    "report.weight": ("Weight (nats)", "权重（nat）"),
    "report.none_against": ("Nothing measured speaks against it.", "没有测量结果与之矛盾。"),
    "report.none_for": ("The verdict carries no single observation.", "结论未附单项观测。"),
    "report.plots": ("What was measured", "测量数据"),
    "report.timeline": ("What was said, and when", "处理过程"),
    "report.else": ("What else it could be", "其他可能"),
    "report.else.none": ("Nothing else holds one per cent of the probability.", "其他可能性均低于百分之一。"),
    "report.component": ("Component", "部件"),
    "report.probability": ("Probability", "概率"),
    "report.next_test": ("A test from {first} to {last} would tell them apart best.", "从 {first} 到 {last} 的测试最能区分。"),
    "report.floor": ("Smallest fault that would have been seen", "可检出的最小故障"),
    "report.floor.row": ("{mode} on {place}{direction}: {value}", "{place} {direction}{mode}：{value}"),
    "report.floor.none": ("Not computed for this verdict.", "本结论未计算。"),
    "report.quality": ("How good the instruments were", "测量质量"),
    "report.quality.name": ("Instrument", "测量点"),
    "report.quality.clock": ("Clock", "时钟"),
    "report.quality.capture": ("Capture loss", "捕获丢失"),
    "report.quality.one_sided": ("One-sided flows", "单向流"),
    "report.quality.suspect": ("Starved samples", "受干扰样本"),
    "report.quality.missing": ("Windows missing", "缺失窗口"),
    "report.quality.none": ("No statement about clocks and captures was stored.", "没有时钟与捕获质量数据。"),
    "report.next": ("Next step", "建议措施"),
    "report.impact": ("Also affected", "其他受影响专线"),
    "report.impact.none": ("no other line", "无其他专线"),
    "report.learning": (
        "Delay verdicts from {when}; until then loss and outages only.",
        "时延结论自 {when} 起提供；此前仅判定丢包与中断。",
    ),
    "report.made": ("Made {when} from data up to {until}", "生成于 {when}，数据截至 {until}"),
    "report.assisted": (
        "Faultline assists: it ranks and explains, a person decides.",
        "本报告为辅助定位结果，供人工判断。",
    ),
    "state.open": ("open", "未恢复"),
    "state.cleared": ("cleared", "已恢复"),
    "event.raise": ("raised", "告警产生"),
    "event.revise": ("revised", "结论修订"),
    "event.clear": ("cleared", "告警恢复"),
    "event.became": ("{owner}, {mode}, {place}, {confidence}", "{owner}，{mode}，{place}，{confidence}"),
    "gap": ("no data", "无数据"),
    "onset": ("begin", "开始"),
    "unit.packets": ("packets", "报文"),
    "none": ("none", "无"),
    "unknown": ("not known", "未知"),
    "probe": ("probe", "探针"),
    "probe.silent": ("it is silent", "无上报"),
    "suspect": ("suspect", "疑似"),
    # next steps by owner, when the verdict brings none
    "next.customer": ("Ask the customer to check {place}: port, cable, power.", "请客户检查 {place}：端口、线缆、供电。"),
    "next.access": ("Dispatch access maintenance to {place}.", "派接入维护人员处理 {place}。"),
    "next.carrier_core": ("Hand over to core operations: {place}.", "转骨干网维护：{place}。"),
    "next.other_carrier": (
        "Open a ticket with the other carrier for {place} and attach this report.",
        "向其他运营商就 {place} 报障并附本报告。",
    ),
    "next.destination": ("Ask the data centre to check {place}.", "请数据中心检查 {place}。"),
    "next.unknown": ("Run one more test between the candidates before anybody drives out.", "出发前先在候选部件之间补测一次。"),
    # plots
    "plot.traffic": ("Traffic", "流量"),
    "plot.loss": ("Loss ratio of TCP segments by side", "TCP 丢包率（按丢包侧）"),
    "plot.session_loss": ("Loss ratio of test packets", "测试报文丢包率"),
    "plot.delay": ("Round-trip time of data packets at {vantage}", "{vantage} 数据往返时延"),
    "plot.session_delay": ("One-way delay of test packets", "测试报文单向时延"),
    "plot.upstream": ("before {vantage}", "{vantage} 之前"),
    "plot.downstream": ("after {vantage}", "{vantage} 之后"),
    # status page
    "page.title": ("Lines", "专线状态"),
    "page.worst_first": ("Worst first", "最差在前"),
    "page.incidents": ("Incidents", "故障"),
    "page.no_incident": ("No incident is open.", "当前没有故障。"),
    "page.no_line": (
        "The inventory names no line yet: add one under `lines:` of the inventory file.",
        "资产中还没有专线：请在资产文件的 lines 下添加。",
    ),
    "page.no_window": (
        "No window of measurements is final yet: the first one is, about 25 s after the first probe reports.",
        "尚无完整测量窗口：首个探针上报约 25 秒后出现。",
    ),
    "page.no_points": ("Nothing was measured on this line in these minutes.", "该时段内此专线没有测量数据。"),
    "page.stale": ("The newest measurements are {age} old.", "最新测量数据已过去 {age}。"),
    "page.updated": ("Measurements up to {when}", "数据截至 {when}"),
    "page.report": ("Report", "报告"),
    "page.json": ("JSON", "JSON"),
    "page.health.good": ("healthy", "正常"),
    "page.health.fault": ("fault", "故障"),
    "page.health.planned": ("planned work", "计划作业"),
    "page.health.unmeasured": ("not measured", "未测量"),
    "page.health.suspicion": ("suspicion", "疑似"),
    "page.learning": ("learning the baseline", "基线学习中"),
    "page.column.line": ("Line", "专线"),
    "page.column.customer": ("Customer", "客户"),
    "page.column.ends": ("A – Z", "A – Z"),
    "page.column.state": ("State", "状态"),
    "page.column.loss": ("Loss", "丢包率"),
    "page.column.delay": ("Round trip", "往返时延"),
    "page.column.rate": ("Traffic", "流量"),
    "page.column.measured": ("Measured", "数据截至"),
    "page.minutes": ("Last {n} minutes", "最近 {n} 分钟"),
    "page.past": ("Earlier", "历史"),
    "page.not_found": ("There is no such page.", "没有该页面。"),
    "page.not_found.incident": ("No incident has this id.", "没有该故障编号。"),
    "page.not_found.line": ("The inventory has no line of this code.", "资产中没有该专线。"),
    "page.no_metrics": ("The metrics store does not answer. Verdicts and alarms go on.", "指标库没有响应。判定与告警不受影响。"),
    "page.all_lines": ("All lines", "全部专线"),
    # alarms
    "alarm.raise": ("FAULT", "故障"),
    "alarm.revise": ("REVISED", "修订"),
    "alarm.clear": ("CLEARED", "恢复"),
    "alarm.circuit": ("circuit", "电路"),
    "alarm.backup": ("backup line {line}", "备用专线 {line}"),
    "alarm.no_backup": ("no backup line known", "无备用专线记录"),
    "alarm.lasted": ("lasted {duration}", "历时 {duration}"),
    "alarm.impact": ("impact", "影响"),
    "alarm.next": ("next", "措施"),
}


def say(key: str, language: Language, **values: object) -> str:
    """A word or sentence of the catalogue.

    Raises:
        KeyError: the catalogue has no such word: a defect, not an input.
    """
    return CATALOGUE[key][0 if language is Language.EN else 1].format(**values)
