"""Which column of a list means what: the attributes of a line, the words people use for them, and a profile for the rest.

Goes in: titles of columns, a profile. Comes out: title → attribute. A title that nobody knows is told, never guessed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

import attrs
import cattrs
import yaml


class Attribute(StrEnum):
    """What a column can say of a line."""

    ACTION = "action"
    CODE = "code"
    CUSTOMER = "customer"
    TENANT = "tenant"
    GRADE = "grade"
    TYPE = "type"
    CIR = "cir"
    EIR = "eir"
    STATE = "state"
    TIME_ZONE = "time_zone"
    BACKUP = "backup"
    GROUPS = "groups"
    BUNDLE = "bundle"
    VIP = "vip"
    CALENDAR = "calendar"
    AVAILABILITY = "availability"
    LOSS = "loss"
    ROUND_TRIP = "round_trip"
    VARIATION = "variation"
    A_NAME = "a_name"
    A_SITE = "a_site"
    A_PREFIXES = "a_prefixes"
    Z_NAME = "z_name"
    Z_SITE = "z_site"
    Z_PREFIXES = "z_prefixes"
    IGNORED = "ignored"
    """The profile says that the column is of no use here."""


REQUIRED = (Attribute.CODE, Attribute.CUSTOMER, Attribute.A_PREFIXES, Attribute.Z_PREFIXES)
"""A minimal line: its segments come from the template of its type."""
_SYNONYMS: Mapping[Attribute, Sequence[str]] = {
    Attribute.ACTION: ("change type", "操作", "变更类型"),
    Attribute.CODE: (
        "line",
        "line code",
        "circuit",
        "circuit code",
        "circuit id",
        "电路编号",
        "电路代号",
        "专线编号",
        "线路编号",
    ),
    Attribute.CUSTOMER: ("customer name", "client", "客户", "客户名称", "集团客户名称"),
    Attribute.TENANT: ("tenant id", "customer code", "客户编号", "客户编码", "租户"),
    Attribute.GRADE: ("level", "sla", "等级", "保障等级", "业务等级"),
    Attribute.TYPE: ("line type", "service type", "类型", "业务类型", "专线类型"),
    Attribute.CIR: ("bandwidth", "rate", "cir_bps", "contracted rate", "带宽", "速率", "签约带宽"),
    Attribute.EIR: ("excess rate", "burst", "eir_bps", "突发带宽", "峰值带宽"),
    Attribute.STATE: ("status", "状态", "电路状态"),
    Attribute.TIME_ZONE: ("time zone", "timezone", "时区"),
    Attribute.BACKUP: ("backup line", "protection", "备用电路", "备份电路", "主备电路"),
    Attribute.GROUPS: ("group", "line group", "线路组", "业务组", "分组"),
    Attribute.BUNDLE: ("bundle group", "捆绑", "捆绑组"),
    Attribute.VIP: ("customer level", "vip level", "客户级别", "客户等级", "vip等级"),
    Attribute.CALENDAR: ("holidays", "日历"),
    Attribute.AVAILABILITY: ("availability percent", "uptime", "可用率", "可用性"),
    Attribute.LOSS: ("packet loss", "loss percent", "丢包率"),
    Attribute.ROUND_TRIP: ("delay", "latency", "rtt", "round trip ms", "时延", "往返时延"),
    Attribute.VARIATION: ("jitter", "delay variation", "variation ms", "抖动", "时延抖动"),
    Attribute.A_NAME: ("a end", "a city", "a-end", "a端", "a端城市", "a端地址"),
    Attribute.A_SITE: ("a site", "a端机房", "a端站点"),
    Attribute.A_PREFIXES: ("a prefix", "a address", "a addresses", "a network", "a ip", "a端ip", "a端网段", "a端地址段"),
    Attribute.Z_NAME: ("z end", "z city", "z-end", "z端", "z端城市", "z端地址"),
    Attribute.Z_SITE: ("z site", "z端机房", "z端站点"),
    Attribute.Z_PREFIXES: ("z prefix", "z address", "z addresses", "z network", "z ip", "z端ip", "z端网段", "z端地址段"),
}


class ProfileError(ValueError):
    """A profile cannot be used; the message says why, and what to do."""


@attrs.frozen(slots=True, kw_only=True)
class Profile:
    """How one organisation's lists are to be read. Saved as YAML beside the inventory, used again with each list."""

    sheet: str | None = None
    """Name of the sheet in a workbook."""
    columns: Mapping[str, Attribute] = attrs.field(factory=dict)
    """Title → attribute, before the words that are known anyhow."""
    values: Mapping[Attribute, Mapping[str, str]] = attrs.field(factory=dict)
    """Attribute → the list's word → ours."""
    defaults: Mapping[Attribute, str] = attrs.field(factory=dict)
    """Attribute → value of every row that says nothing."""


def read_profile(path: Path) -> Profile:
    """A profile from its file.

    Raises:
        ProfileError: it cannot be read or used.
    """
    try:
        document = yaml.load(path.read_bytes(), Loader=yaml.BaseLoader)  # noqa: S506 - the base loader makes texts only
    except OSError as error:
        raise ProfileError(f"{path} cannot be read: {error.strerror or error}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path} is no YAML: {error}") from None
    try:
        return cattrs.Converter(forbid_extra_keys=True).structure(document or {}, Profile)
    except (cattrs.BaseValidationError, ValueError, TypeError) as error:
        told = "; ".join(cattrs.transform_error(error, path="profile")) if isinstance(error, Exception) else str(error)
        raise ProfileError(f"{path}: {told}; attributes are {', '.join(Attribute)}") from None


def write_profile(profile: Profile, path: Path) -> None:
    """Save a profile for the next list."""
    document = {
        "sheet": profile.sheet,
        "columns": {title: attribute.value for title, attribute in profile.columns.items()},
        "values": {attribute.value: dict(words) for attribute, words in profile.values.items()},
        "defaults": {attribute.value: value for attribute, value in profile.defaults.items()},
    }
    kept = {key: value for key, value in document.items() if value}
    path.write_text(yaml.safe_dump(kept, sort_keys=False, allow_unicode=True), encoding="utf-8")


@attrs.frozen(slots=True)
class Mapped:
    """What the columns of a list mean."""

    attributes: Mapping[str, Attribute]
    """Title → attribute; titles that mean nothing here are left out."""
    unknown: tuple[str, ...]
    """Titles nobody knows."""
    problems: tuple[str, ...]
    """Why the list cannot be read by these columns."""

    def title(self, attribute: Attribute) -> str | None:
        """The title an attribute has in this list."""
        return next((title for title, known in self.attributes.items() if known is attribute), None)


def map_columns(titles: Iterable[str], profile: Profile) -> Mapped:
    """Find out what each title means."""
    words = _words()
    found: dict[str, Attribute] = {}
    unknown: list[str] = []
    problems: list[str] = []
    for title in titles:
        attribute = profile.columns.get(title) or words.get(folded(title))
        if not title or attribute is Attribute.IGNORED:
            continue
        if attribute is None:
            unknown.append(title)
            continue
        first = next((known for known, taken in found.items() if taken is attribute), None)
        if first is not None:
            problems.append(f"columns {first!r} and {title!r} both mean {attribute}; call one of them `ignored` in a profile")
            continue
        found[title] = attribute
    # A delta may hold nothing but changes of one attribute; what its added lines lack is told row by row.
    needed = (Attribute.CODE,) if Attribute.ACTION in found.values() else REQUIRED
    missing = [attribute for attribute in needed if attribute not in found.values() and attribute not in profile.defaults]
    if missing:
        problems.append(
            f"no column means {', '.join(missing)}; columns nobody knows: {', '.join(unknown) or 'none'}; "
            "map them in a profile: `columns: {their title: attribute}`"
        )
    return Mapped(found, tuple(unknown), tuple(problems))


def folded(text: str) -> str:
    """A word as it is compared: full-width letters, case, spaces and underscores make no difference."""
    return " ".join(unicodedata.normalize("NFKC", text).replace("_", " ").casefold().split())


def _words() -> dict[str, Attribute]:
    known = {folded(attribute.value): attribute for attribute in Attribute}
    return known | {folded(word): attribute for attribute, words in _SYNONYMS.items() for word in words}
