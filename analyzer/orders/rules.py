"""How often probes test, and how much a suspicion may ask for: the analyzer's settings under `orders`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from faultline.records.terms import SECOND_NS

OTHER = "other"
"""In intervals by grade: lines of any other grade, or of none."""
DIAL_INTERVALS_S: Mapping[str, float] = {"AAA": 1.0, "AA": 2.0, "A": 5.0, OTHER: 10.0}
TRACE_INTERVALS_S: Mapping[str, float] = {"AAA": 10.0, "AA": 15.0, "A": 20.0, OTHER: 30.0}
_LEAST_DIAL_S, _MOST_DIAL_S = 0.2, 3600.0
_LEAST_TRACE_S, _MOST_TRACE_S = 5.0, 86_400.0
"""What a probe takes."""


def _within(least_s: float, most_s: float) -> Any:
    def check(_: object, attribute: attrs.Attribute[Any], value: Mapping[str, float]) -> None:
        for grade, seconds in value.items():
            if not least_s <= seconds <= most_s:
                raise ValueError(f"{attribute.name} of {grade} must be from {least_s:g} to {most_s:g} s, got {seconds:g}")

    return check


@attrs.frozen(slots=True, kw_only=True)
class OrderRules:
    """What probes are asked to do."""

    enabled: bool = True
    """False: probes are asked for nothing, and what they were asked for is taken back."""
    dial_interval_s: dict[str, float] = attrs.field(
        factory=lambda: dict(DIAL_INTERVALS_S), validator=_within(_LEAST_DIAL_S, _MOST_DIAL_S)
    )
    """Seconds between two attempts of a dial test, by grade of the line; `other` for all others. Defaults for those not given."""
    dial_timeout_s: float = attrs.field(default=2.0, validator=[attrs.validators.ge(0.05), attrs.validators.le(10)])
    """Seconds after which an attempt without an answer has timed out."""
    trace_interval_s: dict[str, float] = attrs.field(
        factory=lambda: dict(TRACE_INTERVALS_S), validator=_within(_LEAST_TRACE_S, _MOST_TRACE_S)
    )
    """Seconds between two traces of a flow, by grade as above."""
    pause_s: float = attrs.field(default=60.0, validator=attrs.validators.ge(10))
    """A line that is suspected again is looked at again after so long, not before."""
    expire_s: float = attrs.field(default=30.0, validator=[attrs.validators.ge(5), attrs.validators.le(600)])
    """A request that no probe fetched within this is not served any more."""
    most_a_minute: int = attrs.field(default=120, validator=attrs.validators.ge(1))
    """Requests a minute, of all lines together: a fault in the core makes every line suspect at once."""

    def dial_s(self, grade: str | None) -> float:
        """Between two attempts on a line of that grade."""
        return _of(grade, {**DIAL_INTERVALS_S, **self.dial_interval_s})

    def trace_s(self, grade: str | None) -> float:
        """Between two traces on a line of that grade."""
        return _of(grade, {**TRACE_INTERVALS_S, **self.trace_interval_s})

    @property
    def pause_ns(self) -> int:
        """In nanoseconds."""
        return round(self.pause_s * SECOND_NS)

    @property
    def expire_ns(self) -> int:
        """In nanoseconds."""
        return round(self.expire_s * SECOND_NS)


def _of(grade: str | None, intervals: Mapping[str, float]) -> float:
    return intervals.get(grade or OTHER, intervals[OTHER])
