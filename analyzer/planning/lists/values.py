"""Values as people write them in lists, to values as the inventory file has them.

Goes in: the text of one cell. Comes out: the value, or a `ValueError` of two parts: what is wrong, and what to do. Full-width
letters, invisible characters and units are understood; what a spreadsheet has destroyed (a code turned into 1.2E+11) is refused.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

from analyzer.planning.lists.columns import Attribute, folded
from analyzer.planning.lists.line_types import LineType
from faultline.inventory.lines import LineState
from faultline.inventory.problems import meant
from faultline.inventory.promised import MOST_MS, Grade, Vip


class Action(StrEnum):
    """What a row of a delta does."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"


class CellError(ValueError):
    """A cell that cannot be used."""

    def __init__(self, wrong: str, remedy: str) -> None:
        super().__init__(wrong)
        self.wrong = wrong
        self.remedy = remedy


_ACTIONS = {
    "新增": Action.ADD,
    "开通": Action.ADD,
    "变更": Action.CHANGE,
    "修改": Action.CHANGE,
    "拆除": Action.REMOVE,
    "delete": Action.REMOVE,
    "删除": Action.REMOVE,
}
_GRADES = {"3a": Grade.AAA, "2a": Grade.AA, "1a": Grade.A, "普通": Grade.ORDINARY, "standard": Grade.ORDINARY}
_VIPS = {
    "至尊": Vip.SUPREME,
    "钻石": Vip.DIAMOND,
    "金牌": Vip.GOLD,
    "金": Vip.GOLD,
    "银牌": Vip.SILVER,
    "银": Vip.SILVER,
    "贵宾": Vip.VIP,
}
_STATES = {
    "在用": LineState.IN_SERVICE,
    "正常": LineState.IN_SERVICE,
    "in service": LineState.IN_SERVICE,
    "active": LineState.IN_SERVICE,
    "开通中": LineState.COMMISSIONING,
    "在建": LineState.COMMISSIONING,
    "停机": LineState.SUSPENDED,
    "暂停": LineState.SUSPENDED,
    "维护": LineState.MAINTENANCE,
    "拆除": LineState.REMOVED,
    "已拆": LineState.REMOVED,
}
_TYPES = {
    "sdh circuit": LineType.SDH,
    "数字电路": LineType.SDH,
    "mpls vpn": LineType.MPLS_VPN,
    "mpls-vpn": LineType.MPLS_VPN,
    "internet": LineType.INTERNET_STATIC,
    "互联网专线": LineType.INTERNET_STATIC,
    "internet bgp": LineType.INTERNET_BGP,
    "bgp": LineType.INTERNET_BGP,
    "互联网专线(bgp)": LineType.INTERNET_BGP,
    "视频": LineType.VIDEO,
    "视频监控": LineType.VIDEO,
    "idc": LineType.IDC_PORT,
    "idc端口": LineType.IDC_PORT,
    "语音": LineType.VOICE,
    "语音专线": LineType.VOICE,
}
_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kmg]?)(bit/s|bps|b/s|bit|b)?")
_FACTOR = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_LEAST_BARE_BPS = 10_000
"""A bare number below this was meant in Mbit/s by whoever wrote it, or not: it is asked."""
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,9})?)\s*(%?)")
_DURATION = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)(ms|s|毫秒|秒)?")
_LEAST_AVAILABILITY = 50
_SCIENTIFIC = re.compile(r"[0-9](?:\.[0-9]+)?E\+?[0-9]+", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s;,、；，]+")  # noqa: RUF001 - as Chinese lists have them
_INVISIBLE = {"\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad"}


def plain(text: str) -> str:
    """Without what nobody sees: full-width forms, invisible characters, doubled spaces."""
    return " ".join("".join(c for c in unicodedata.normalize("NFKC", text) if c not in _INVISIBLE).split())


def code(text: str) -> str:
    """A line's code."""
    found = plain(text)
    if _SCIENTIFIC.fullmatch(found):
        raise CellError(
            f"{found!r} was a number once: the spreadsheet has cut its digits",
            "format the column as text and enter the code again",
        )
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", found):
        raise CellError(
            f"{found!r} is a date", "the spreadsheet made a date of the code: format the column as text and enter it again"
        )
    if re.search(r"[\s<>,;\"'`{}\[\]|]", found):
        raise CellError(f"{found!r} cannot be a code", "no spaces, quotes, brackets, `,`, `;`, `|`, `<` and `>`")
    return found


def rate_bps(text: str) -> int:
    """A rate: `100M`, `2 Mbit/s`, `1.5G`, or bit/s."""
    match = _RATE.fullmatch(plain(text).lower().replace(" ", ""))
    if match is None:
        raise CellError(f"{text!r} is no rate", "write it with its unit, e.g. 100M")
    found = round(float(match[1]) * _FACTOR[match[2]])
    if found <= 0:
        raise CellError(f"{text!r} is no rate above 0", "write it with its unit, e.g. 100M, or leave the cell empty")
    if not match[2] and not match[3] and found < _LEAST_BARE_BPS:
        raise CellError(f"{text!r} has no unit", f"write {match[1]}M for Mbit/s, or the rate in bit/s")
    return found


def availability_percent(text: str) -> str:
    """A share of time: `99.95%`, the same without its sign, or 0.9995 as a spreadsheet keeps it behind the sign."""
    match = _PERCENT.fullmatch(plain(text))
    found = Decimal(match[1]) if match is not None else Decimal(0)
    if match is not None and not match[2] and Decimal("0.5") <= found <= 1:
        found *= 100
    if not _LEAST_AVAILABILITY <= found <= 100:  # noqa: PLR2004 - percent
        raise CellError(f"{text!r} is no availability", "write it in percent, e.g. 99.95%")
    return _digits(found)


def loss_percent(text: str) -> str:
    """A share of packets. Without its sign nobody knows whether 0.1 is one in ten or one in a thousand."""
    match = _PERCENT.fullmatch(plain(text))
    if match is None or Decimal(match[1]) > _LEAST_AVAILABILITY:
        raise CellError(f"{text!r} is no loss ratio", "write it in percent, e.g. 0.1%")
    if not match[2] and Decimal(match[1]):
        raise CellError(f"{text!r} has no unit", f"write {match[1]}% as a text, or what it is in percent")
    return _digits(Decimal(match[1]))


def milliseconds(text: str) -> str:
    """A time: `30`, `30 ms`, `0.03 s`."""
    match = _DURATION.fullmatch(plain(text).lower().replace(" ", ""))
    found = Decimal(match[1]) * (1000 if match[2] in {"s", "秒"} else 1) if match is not None else Decimal(0)
    if not 0 < found <= MOST_MS:
        raise CellError(f"{text!r} is no time", "write it in milliseconds, e.g. 30")
    return _digits(found)


def _digits(number: Decimal) -> str:
    return format(number.normalize(), "f")


def names(text: str) -> list[str]:
    """Names of groups."""
    found = [code(part) for part in _SEPARATORS.split(plain(text)) if part]
    if not found:
        raise CellError(f"{text!r} has no name in it", "write names without spaces, several separated by a comma")
    return list(dict.fromkeys(found))


def prefixes(text: str) -> list[str]:
    """Networks, with prefix length or mask; a lone address is a network of one."""
    found = []
    for part in _SEPARATORS.split(plain(text)):
        if not part:
            continue
        try:
            found.append(str(ipaddress.ip_network(part)))
        except ValueError:
            found.append(_mended(part))
    if not found:
        raise CellError(f"{text!r} has no network in it", "write networks as 10.1.17.0/24, several separated by a space")
    return list(dict.fromkeys(found))


def _mended(part: str) -> str:
    try:
        inside = ipaddress.ip_network(part, strict=False)
    except ValueError:
        raise CellError(f"{part!r} is no network", "write it as 10.1.17.0/24") from None
    address = part.partition("/")[0]
    raise CellError(
        f"{part!r} is an address inside {inside}", f"write {inside} for the network, or {address} for the address alone"
    )


def _word(of: type[StrEnum], others: Mapping[str, StrEnum]) -> Callable[[str], str]:
    known = {folded(word.value): word.value for word in of} | {folded(word): value.value for word, value in others.items()}

    def read(text: str) -> str:
        found = known.get(folded(plain(text)))
        if found is None:
            own = [word.value for word in of]
            raise CellError(
                f"{plain(text)!r} is not one of {', '.join(own)}",
                meant(plain(text), known, otherwise="map the word in a profile"),
            )
        return found

    return read


READERS: Mapping[Attribute, Callable[[str], Any]] = {
    Attribute.ACTION: _word(Action, _ACTIONS),
    Attribute.CODE: code,
    Attribute.CUSTOMER: plain,
    Attribute.TENANT: code,
    Attribute.GRADE: _word(Grade, _GRADES),
    Attribute.TYPE: _word(LineType, _TYPES),
    Attribute.CIR: rate_bps,
    Attribute.EIR: rate_bps,
    Attribute.STATE: _word(LineState, _STATES),
    Attribute.TIME_ZONE: plain,
    Attribute.BACKUP: code,
    Attribute.GROUPS: names,
    Attribute.BUNDLE: names,
    Attribute.VIP: _word(Vip, _VIPS),
    Attribute.CALENDAR: code,
    Attribute.AVAILABILITY: availability_percent,
    Attribute.LOSS: loss_percent,
    Attribute.ROUND_TRIP: milliseconds,
    Attribute.VARIATION: milliseconds,
    Attribute.A_NAME: plain,
    Attribute.A_SITE: code,
    Attribute.A_PREFIXES: prefixes,
    Attribute.Z_NAME: plain,
    Attribute.Z_SITE: code,
    Attribute.Z_PREFIXES: prefixes,
}
"""How each attribute is read."""
