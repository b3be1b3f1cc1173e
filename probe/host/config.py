"""What a person sets about the evidence of the host itself."""

from __future__ import annotations

from typing import Any

import attrs


def _names(_: object, attribute: attrs.Attribute[Any], values: list[str]) -> None:
    for value in values:
        if not value or len(value) > 15 or "/" in value or not value.isprintable() or " " in value:  # noqa: PLR2004 - IFNAMSIZ
            raise ValueError(f"{attribute.name} holds {value!r}, which is no interface name")
    doubled = sorted({value for value in values if values.count(value) > 1})
    if doubled:
        raise ValueError(f"{attribute.name} names {', '.join(doubled)} more than once")


@attrs.frozen(slots=True, kw_only=True)
class HostConfig:
    """Which interfaces of this host are watched."""

    interfaces: list[str] = attrs.field(factory=list, validator=_names)
    """Names; counters and link state of each go to the collector. Empty: none. One that does not exist yet is waited for."""
