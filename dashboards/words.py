"""Two languages side by side, units with their words, and the one colour language of every board.

Pure data. A state is told by a sign and a word as well as by its colour; the colours are those of the reports, chosen to stay
apart for people who see fewer (Okabe and Ito, "Color Universal Design", 2008).
"""

# ruff: noqa: RUF001 - Chinese punctuation is Chinese

from __future__ import annotations

from enum import Enum, StrEnum

import attrs

from faultline.records.terms import Mode, Owner


class Language(StrEnum):
    """Languages of the boards."""

    EN = "en"
    ZH = "zh"


@attrs.frozen(slots=True)
class Text:
    """One text in both languages."""

    en: str
    zh: str

    def __attrs_post_init__(self) -> None:
        if not self.en.strip() or not self.zh.strip():
            raise ValueError(f"a text without a translation: {self.en!r} {self.zh!r}")

    def say(self, language: Language) -> str:
        """In that language."""
        return self.en if language is Language.EN else self.zh


class Unit(Enum):
    """Units: Grafana's id, and the word a description uses."""

    DURATION_NS = ("ns", Text("nanoseconds, shown in the scale that fits", "纳秒，自动换算"))
    RATIO = ("percentunit", Text("share, shown in percent", "比例，以百分比显示"))
    BIT_RATE = ("bps", Text("bits per second, IP packets", "比特/秒（IP 包）"))
    PACKET_RATE = ("pps", Text("packets per second", "包/秒"))
    OCTETS = ("decbytes", Text("octets", "字节"))
    COUNT = ("short", Text("count", "个数"))
    RATE = ("cps", Text("items per second", "个/秒"))
    INSTANT = ("dateTimeAsIso", Text("date and time", "日期时间"))
    STATE = ("none", Text("state, in words", "状态（文字）"))
    TEXT = ("string", Text("text", "文本"))

    @property
    def grafana(self) -> str:
        """Grafana's id of it."""
        return self.value[0]

    @property
    def word(self) -> Text:
        """For people."""
        return self.value[1]


def with_unit(definition: Text, unit: Unit) -> Text:
    """A definition that ends with its unit."""
    return Text(f"{definition.en} Unit: {unit.word.en}.", f"{definition.zh}单位：{unit.word.zh}。")


GOOD, SUSPECT, PLANNED, BAD, NOTHING = "#009e73", "#e69f00", "#0072b2", "#d55e00", "#8d949c"


@attrs.frozen(slots=True, kw_only=True)
class Named:
    """A value that is shown as words, with a colour."""

    value: str
    text: Text
    colour: str


STATES = (
    Named(value="0", text=Text("✓ good", "✓ 正常"), colour=GOOD),
    Named(value="1", text=Text("? suspected", "? 可疑"), colour=SUSPECT),
    Named(value="2", text=Text("◷ planned work", "◷ 计划内作业"), colour=PLANNED),
    Named(value="3", text=Text("✗ at fault", "✗ 故障"), colour=BAD),
)
"""`state` of `segment_health` and `worst_lines`."""
LINK_STATES = (
    Named(value="0", text=Text("✗ down", "✗ 断开"), colour=BAD),
    Named(value="1", text=Text("✓ up", "✓ 接通"), colour=GOOD),
)
EVENTS = (
    Named(value="raise", text=Text("✗ raised", "✗ 产生"), colour=BAD),
    Named(value="revise", text=Text("↻ revised", "↻ 修订"), colour=SUSPECT),
    Named(value="clear", text=Text("✓ cleared", "✓ 恢复"), colour=GOOD),
)
CLOCKS_BAD = (
    Named(value="0", text=Text("✓ good", "✓ 正常"), colour=GOOD),
    Named(value="1", text=Text("✗ not to be trusted", "✗ 不可信"), colour=BAD),
)
OWNERS = (
    Named(value=Owner.CUSTOMER.value, text=Text("customer side", "客户侧"), colour="#0072b2"),
    Named(value=Owner.ACCESS.value, text=Text("access network", "接入网"), colour="#e69f00"),
    Named(value=Owner.CARRIER_CORE.value, text=Text("carrier core", "运营商骨干网"), colour="#009e73"),
    Named(value=Owner.OTHER_CARRIER.value, text=Text("other carrier", "其他运营商"), colour="#cc79a7"),
    Named(value=Owner.DESTINATION.value, text=Text("destination", "对端（服务器或数据中心）"), colour="#56b4e9"),
    Named(value=Owner.UNKNOWN.value, text=Text("owner not separable", "责任方无法区分"), colour=NOTHING),
)
_MODES = {
    Mode.LOSS: Text("packet loss", "丢包"),
    Mode.CONGESTION: Text("congestion", "拥塞"),
    Mode.DELAY: Text("added delay", "时延增大"),
    Mode.DOWN: Text("down", "中断"),
    Mode.MTU: Text("MTU black hole", "MTU 黑洞"),
    Mode.SLOW: Text("slow responses", "响应缓慢"),
    Mode.FAILING: Text("failing requests", "请求失败"),
    Mode.STALLED: Text("stalled receiver", "接收停滞"),
    Mode.ROUTE: Text("route change", "路由变化"),
}
MODES = tuple(Named(value=mode.value, text=_MODES[mode], colour=NOTHING) for mode in Mode)
