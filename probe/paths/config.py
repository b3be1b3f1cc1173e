"""What a person, or the collector, sets about a path that is traced again and again."""

from __future__ import annotations

from typing import Any

import attrs

from faultline.records.terms import SECOND_NS
from probe.paths.terms import Method
from probe.tasks.target import Target, valid_address, valid_id, valid_target

MOST_FLOWS = 16
"""Of one trace: each is a packet train of its own."""
_HIGHEST_PORT = 0xFFFF


def _flows(_: object, attribute: attrs.Attribute[Any], value: list[list[int]]) -> None:
    if len(value) > MOST_FLOWS:
        raise ValueError(f"{attribute.name} may hold {MOST_FLOWS} flows, got {len(value)}")
    for flow in value:
        if len(flow) != 2 or not all(0 < port <= _HIGHEST_PORT for port in flow):  # noqa: PLR2004 - source and destination
            raise ValueError(f"{attribute.name} must hold pairs [source port, destination port], got {flow!r}")


@attrs.frozen(slots=True, kw_only=True)
class TraceConfig:
    """One path that is traced, flow by flow."""

    id: str = attrs.field(validator=valid_id)
    """What the inventory calls the trace."""
    target: str = attrs.field(validator=valid_target)
    """ADDRESS:PORT of where it leads."""
    protocol: str = attrs.field(default="udp", validator=attrs.validators.in_([str(method) for method in Method]))
    """udp, tcp or icmp: routers may send each another way."""
    flows: list[list[int]] = attrs.field(factory=list, validator=_flows)
    """Pairs [source port, destination port]; empty: those of this probe's sessions to the target that have a source port."""
    source: str | None = attrs.field(default=None, validator=valid_address)
    """Local address to send from; none: the routes decide."""
    interval_s: float = attrs.field(default=60.0, validator=[attrs.validators.ge(5), attrs.validators.le(86_400)])
    """Seconds between two traces of a flow."""
    timeout_s: float = attrs.field(default=0.5, validator=[attrs.validators.ge(0.05), attrs.validators.le(10)])
    """Seconds after which a packet without an answer is taken for unanswered."""

    @property
    def where(self) -> Target:
        """The target."""
        return Target.parse(self.target)

    @property
    def interval_ns(self) -> int:
        """Between two traces."""
        return round(self.interval_s * SECOND_NS)
