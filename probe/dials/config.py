"""What a person, or the collector, sets about a dial test."""

from __future__ import annotations

import attrs

from faultline.records.terms import SECOND_NS
from probe.dials.dns import QueryError, encoded_name
from probe.tasks.target import Target, valid_address, valid_id, valid_target

PROTOCOLS = ("tcp", "dns")


@attrs.frozen(slots=True, kw_only=True)
class DialConfig:
    """One dial test: a TCP connection that is opened and closed, or a question to a resolver over UDP."""

    id: str = attrs.field(validator=valid_id)
    """What the inventory calls the test."""
    protocol: str = attrs.field(validator=attrs.validators.in_(PROTOCOLS))
    """tcp or dns."""
    target: str = attrs.field(validator=valid_target)
    """ADDRESS:PORT of the service or resolver."""
    query: str | None = attrs.field(default=None)
    """Name whose A record the resolver is asked for; dns only, and needed there."""
    source: str | None = attrs.field(default=None, validator=valid_address)
    """Local address to dial from; none: the routes decide."""
    interval_s: float = attrs.field(default=5.0, validator=[attrs.validators.ge(0.2), attrs.validators.le(3600)])
    """Seconds between attempts."""
    timeout_s: float = attrs.field(default=2.0, validator=[attrs.validators.ge(0.05), attrs.validators.le(10)])
    """Seconds after which an attempt without an answer has timed out."""

    @query.validator
    def _check_query(self, _: object, value: str | None) -> None:
        if (value is not None) != (self.protocol == "dns"):
            raise ValueError("query is needed for dns, and is for dns only")
        try:
            if value is not None:
                encoded_name(value)
        except QueryError as error:
            raise ValueError(f"query {error}") from None

    @property
    def where(self) -> Target:
        """The target."""
        return Target.parse(self.target)

    @property
    def interval_ns(self) -> int:
        """Between attempts."""
        return round(self.interval_s * SECOND_NS)
