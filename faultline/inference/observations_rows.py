"""What evidence is made of: summed roll-up rows and baselines, as far as their shape matters here.

`analyzer.history.Row` and `analyzer.baselines.Usual` fit; this package does not know them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import attrs

from faultline.inference.observations_ways import Ways
from faultline.inventory.model import Inventory
from faultline.records.histogram import Histogram
from faultline.records.points import FieldValue
from faultline.records.terms import SECOND_NS, ComponentId, ProbeId, VantageId

Observation = dict[str, Any]
"""One observation of `faultline-evidence/1`."""
US_NS = 1000
GAP_FIELD = "gap_seconds"
"""Seconds of a summed session row that were not measured, where whoever summed kept them."""


class SeenRow(Protocol):
    """A roll-up row, of one window or added up over several."""

    @property
    def measurement(self) -> str:
        """Its kind, e.g. `session`."""

    @property
    def tags(self) -> Mapping[str, str]:
        """What it is of."""

    @property
    def fields(self) -> Mapping[str, FieldValue]:
        """Counts and qualities; what was not measured is absent."""

    @property
    def histograms(self) -> Mapping[str, Histogram]:
        """Distributions by metric."""


class UsualValues(Protocol):
    """What a distribution is usually like; times in nanoseconds."""

    @property
    def n(self) -> int:
        """Samples it was learned from."""

    @property
    def min_ns(self) -> int:
        """Smallest."""

    @property
    def median_ns(self) -> int:
        """Median."""

    @property
    def mad_ns(self) -> float:
        """Unscaled median absolute deviation."""

    @property
    def p90_ns(self) -> int:
        """Nine in ten are below."""

    @property
    def mean(self) -> float:
        """Mean of the values; of TCP losses, where a value is 1 for a lost segment and 0 for another, the loss ratio."""


class UsualOf(Protocol):
    """Looks a baseline up for the time of the window."""

    def __call__(self, *, line: str, name: str, direction: str, metric: str, endpoint: str = "") -> UsualValues | None:
        """The baseline; None when there is none yet.

        Args:
            line: the line's code.
            name: of the session, the dial test or the vantage.
            direction: `a_to_z` or `z_to_a` for a vantage's metrics of a direction, else empty.
            metric: `forward_delay`, `reverse_delay`, `rtt`; `data_rtt`, `application_response`, `loss_upstream`,
                `loss_downstream`; `response_time`; `timed_out`, `refused`, `error_answers`.
            endpoint: for a vantage's view of one service or host.
        """


@attrs.frozen(slots=True, kw_only=True)
class Ground:
    """What every kind of evidence is assembled with."""

    inventory: Inventory
    usual: UsualOf
    seconds: float
    """Length of the window."""
    ways: Ways
    """What packets crossed between two places, by what traces told of that window."""
    late_us: Mapping[ProbeId, float] = attrs.field(factory=dict)
    """By how much the times of starved probes may be too long; see `observations_lateness`."""

    missed: Mapping[tuple[ProbeId, str], float] = attrs.field(factory=dict)
    """Share of packets that captures dropped, by probe and observation point; see `observations_captures`."""

    def missed_at(self, vantage: VantageId) -> float:
        """Share of packets that the capture of a vantage dropped."""
        found = self.inventory.vantages.get(vantage)
        if found is None or found.probe is None or found.observation_point is None:
            return 0.0
        return self.missed.get((found.probe, found.observation_point), 0.0)

    def late(self, vantage: VantageId) -> float | None:
        """Of the probe at a vantage; None: it was not starved."""
        found = self.inventory.vantages.get(vantage)
        return self.late_us.get(found.probe) if found is not None and found.probe is not None else None


def count(row: SeenRow, name: str) -> int | None:
    """An integer field; None when it was not measured."""
    value = row.fields.get(name)
    return int(value) if isinstance(value, (int, float)) else None


def ratio(row: SeenRow, name: str) -> float | None:
    """A ratio field; None when it was not measured."""
    value = row.fields.get(name)
    return float(value) if isinstance(value, (int, float)) else None


def crossed(observations: Iterable[Observation]) -> frozenset[ComponentId]:
    """Components that the observations' packets crossed."""
    vias = [via for o in observations for via in (o.get("via", ()), *(path["via"] for path in o.get("paths", ())))]
    return frozenset(component for via in vias for component in via)


def with_quality(observation: Observation, quality: Mapping[str, float | None]) -> Observation:
    """The observation with what is known of its instrument and is not perfect."""
    told = {name: value for name, value in quality.items() if value}
    return {**observation, "quality": told} if told else observation


def delay_numbers(histogram: Histogram, usual: UsualValues) -> Observation:
    """The figures of a `delay` observation with its baseline."""
    return {
        "n": histogram.n,
        "min_us": _us(histogram.min),
        "median_us": _us(histogram.quantile(0.5)),
        "p90_us": _us(histogram.quantile(0.9)),
        "baseline": {
            "n": usual.n,
            "min_us": _us(usual.min_ns),
            "median_us": _us(usual.median_ns),
            "mad_us": _us(usual.mad_ns),
            "p90_us": _us(usual.p90_ns),
        },
    }


def response_numbers(histogram: Histogram, usual: UsualValues) -> Observation:
    """The figures of a `response` observation with its baseline."""
    return {
        "n": histogram.n,
        "median_us": _us(histogram.quantile(0.5)),
        "baseline": {"n": usual.n, "median_us": _us(usual.median_ns), "mad_us": _us(usual.mad_ns)},
    }


def seconds(nanoseconds: float) -> float:
    """Nanoseconds as seconds, to the microsecond."""
    return round(nanoseconds / SECOND_NS, 6)


def _us(nanoseconds: float | None) -> float:
    return round((nanoseconds or 0) / US_NS, 3)


def instant(time_ns: int) -> str:
    """ISO 8601 in UTC, with a fraction only where there is one."""
    whole_s, rest = divmod(time_ns, SECOND_NS)
    whole = datetime.fromtimestamp(whole_s, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{rest:09d}".rstrip("0") + "Z" if rest else f"{whole}Z"
