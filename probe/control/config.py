"""What a person sets about tasks that come from the collector."""

from __future__ import annotations

from ipaddress import ip_network

import attrs


def _network(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    try:
        ip_network(value)
    except ValueError as error:
        raise ValueError(f"{attribute.name} holds no network: {error}") from None


@attrs.frozen(slots=True, kw_only=True)
class ControlConfig:
    """Whether, and towards whom, the collector may order tests of this probe."""

    enabled: bool = True
    """Ask the collector for tasks."""
    allow: list[str] = attrs.field(factory=list, validator=attrs.validators.deep_iterable(_network))
    """Networks that ordered tests may send packets to; empty: any single host."""
    wait_s: float = attrs.field(default=25.0, validator=[attrs.validators.ge(1), attrs.validators.le(120)])
    """Seconds that the collector may hold a question until there is something new."""
