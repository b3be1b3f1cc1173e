"""What every metrics store keeps: measurements with their tags and fields, one type a field for ever, and how windows add up.

Pure data: the SQLite tables, the line protocol, the adding of windows and the check of every point derive from it. A field
may be added, never renamed and never given another type: InfluxDB refuses a second type, and readers unite by name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum

import attrs

from faultline.records.points import FieldValue, Point

STATISTICS = ("n", "min", "p50", "p90", "p95", "p99", "max")
"""What is written of a distribution; the distribution itself is in the state store."""
INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1


class FieldKind(StrEnum):
    """Types of fields: SQLite's and InfluxDB's common ones. Truth values are integers 0 and 1."""

    INTEGER = "integer"
    FLOAT = "float"
    STRING = "string"


class Adding(StrEnum):
    """How a field of two windows becomes the field of both."""

    SUM = "sum"
    MIN = "min"
    MAX = "max"
    NEWEST = "newest"
    BITS = "bits"
    """Union of bits; means something in a 10 s window only and is left out of longer ones."""
    DERIVED = "derived"
    """Worked out anew from the other fields and distributions; never added."""


@attrs.frozen(slots=True, kw_only=True)
class FieldSpec:
    """One field."""

    kind: FieldKind = FieldKind.INTEGER
    adding: Adding = Adding.SUM


@attrs.frozen(slots=True, kw_only=True)
class Measurement:
    """One kind of row. A tag that does not apply is absent (traffic of no line has no `line`)."""

    name: str
    about: str
    """What a row says, for the reference page."""
    tags: tuple[str, ...]
    fields: Mapping[str, FieldSpec]
    distributions: tuple[str, ...] = ()
    shared: bool = False
    """True: of the carrier's own equipment, and in its database only; False: in the tenant's database and in the carrier's."""
    private: bool = False
    """True: of the tenant's hosts and applications, and in its database only."""


def _sums(*names: str) -> dict[str, FieldSpec]:
    return {name: FieldSpec() for name in names}


def _of(adding: Adding, *names: str, kind: FieldKind = FieldKind.INTEGER) -> dict[str, FieldSpec]:
    return {name: FieldSpec(kind=kind, adding=adding) for name in names}


def _statistics(*distributions: str) -> dict[str, FieldSpec]:
    return _of(Adding.DERIVED, *(f"{name}_{what}" for name in distributions for what in STATISTICS))


_RATIO = FieldSpec(kind=FieldKind.FLOAT, adding=Adding.DERIVED)
_WRITTEN = Adding.NEWEST
_QUALITY = ("data_rtt", "application_response")
_SESSION = ("rtt", "forward_delay", "reverse_delay", "forward_ipdv", "reverse_ipdv")

_ALL = (
    Measurement(
        name="line_traffic",
        about="Packets and octets of a line that came past a vantage, by direction of the packets. "
        "Traffic of no line has the vantage only. Of exported flows what was sampled is scaled up; of how many flows nobody told "
        "the sampling factor is said beside.",
        tags=("line", "vantage", "direction"),
        fields=_sums("packets", "octets", "frame_octets", "flows", "flows_of_unknown_sampling"),
    ),
    Measurement(
        name="application",
        about="What a line's traffic is, out of exported flows, by direction of the packets: the application as the exporter "
        "names it, else the lower of the two ports when it is below 1024 (`tcp/443`), else `other`. Minutes and hours only.",
        tags=("line", "vantage", "direction", "application"),
        fields=_sums("packets", "octets", "flows"),
        private=True,
    ),
    Measurement(
        name="top_talkers",
        about="The addresses with the most octets of a line, sent and received, out of exported flows, by rank from 1. Minutes "
        "and hours only. Of each batch the 16 largest are counted: who never is among them is missing.",
        tags=("line", "vantage", "rank"),
        fields={**_of(Adding.DERIVED, "address", kind=FieldKind.STRING), **_of(Adding.DERIVED, "octets", "packets", "flows")},
        private=True,
    ),
    Measurement(
        name="line_quality",
        about="What the line's TCP traffic says of losses and round trips, by direction of the data. "
        "Losses are upstream or downstream of the vantage.",
        tags=("line", "vantage", "direction"),
        fields={
            **_sums("tcp_segments", "retransmissions", "loss_upstream", "loss_downstream", "loss_upstream_inferred"),
            **_sums("retransmissions_spurious", "reordered", "duplicates", "acked_unseen_octets", "zero_window_events"),
            **_sums("zero_window_ns", "syn_packets", "rst_packets", "tcp_flows", "tcp_flows_one_sided"),
            "capture_loss_ratio": _RATIO,
            "one_sided_ratio": _RATIO,
            **_statistics(*_QUALITY),
        },
        distributions=_QUALITY,
    ),
    Measurement(
        name="line_bracket",
        about="TCP flows that two neighbouring vantages of a line saw, matched segment by segment, by direction of the data: "
        "segments that passed `first`, those of them lost before `second`, retransmissions explained by what lies before the "
        "first or beyond the second; what passed the second more often than the first, and what may have been lost as well.",
        tags=("line", "first", "second", "direction"),
        fields=_sums("flows", "sent", "lost", "beyond", "before", "contradictions", "unsure"),
    ),
    Measurement(
        name="session",
        about="A test session: packets sent and lost by direction, delays and their variation.",
        tags=("line", "session"),
        fields={
            **_sums("sent", "received", "lost_forward", "lost_reverse", "lost_unattributed", "test_duplicates", "test_reordered"),
            **_sums("suspect"),
            **_of(Adding.BITS, "severely_errored_mask", "unmeasured_mask"),
            **_of(Adding.MAX, "clock_error_ns"),
            **_of(Adding.NEWEST, "clock_class", kind=FieldKind.STRING),
            **_statistics(*_SESSION),
        },
        distributions=_SESSION,
    ),
    Measurement(
        name="dial",
        about="A dial test: attempts by their outcome, and the time to an answer.",
        tags=("line", "dial"),
        fields={
            **_sums("scheduled", "done", "refused", "timed_out", "unreachable", "error_answers", "skipped"),
            **_statistics("response_time"),
        },
        distributions=("response_time",),
    ),
    Measurement(
        name="endpoint_quality",
        about="What the clients of a server, resolver or service got, out of flow records at a vantage: "
        "attempts to connect, windows it closed, its response times.",
        tags=("line", "vantage", "endpoint"),
        fields={
            **_sums("flows", "octets_to_endpoint", "octets_from_endpoint", "connect_attempts", "connect_refused"),
            **_sums("connect_unanswered", "zero_window_events", "zero_window_ns"),
            **_statistics("application_response"),
        },
        distributions=("application_response",),
    ),
    Measurement(
        name="path",
        about="A declared path: "
        "flows traced, those that came to their end, different ways at most, flows on another way than before; "
        "and the account of the standing trace.",
        tags=("line", "trace"),
        fields={
            **_sums("flows", "reached", "changes", "scheduled", "done", "failed", "skipped"),
            **_of(Adding.MAX, "distinct"),
        },
    ),
    Measurement(
        name="interface",
        about="Counters and link state of an interface of a probe's host.",
        tags=("probe", "interface"),
        fields={
            **_of(Adding.MIN, "link_up"),
            **_of(Adding.NEWEST, "speed_bps"),
            **_sums(
                "in_octets", "out_octets", "in_packets", "out_packets", "in_errors", "out_errors", "in_discards", "out_discards"
            ),
        },
        shared=True,
    ),
    Measurement(
        name="probe_health",
        about="What a probe says of itself: its captures' losses, its clock, its spool.",
        tags=("probe", "observation_point"),
        fields={
            **_sums("capture_received", "capture_dropped", "capture_freezes", "truncated", "unparsed"),
            **_sums("duplicates", "reverse_duplicates", "flows_one_sided", "flows_evicted"),
            **_sums("acked_unseen_octets", "reverse_acked_unseen_octets", "clock_step_ns"),
            **_of(Adding.MAX, "flows_active", "spool_octets", "loop_lag_ns", "clock_error_ns", "clock_bad"),
            **_of(Adding.NEWEST, "clock_correction_ns"),
            **_of(Adding.NEWEST, "clock_class", kind=FieldKind.STRING),
            "capture_loss_ratio": _RATIO,
        },
        shared=True,
    ),
    Measurement(
        name="collector_health",
        about="Units that moved through each stage of the collector.",
        tags=("stage",),
        fields={**_sums("in", "out", "dropped"), **_of(Adding.NEWEST, "held")},
        shared=True,
    ),
    Measurement(
        name="segment_health",
        about="State of each component of a line: 0 healthy, 1 suspected, 2 planned work, 3 fault. Written by the analyzer.",
        tags=("line", "component"),
        fields={
            **_of(_WRITTEN, "state"),
            **_of(_WRITTEN, "owner", kind=FieldKind.STRING),
            **_of(_WRITTEN, "probability", kind=FieldKind.FLOAT),
        },
    ),
    Measurement(
        name="incident",
        about="What happened to an incident: raised, revised, cleared. Written by the analyzer.",
        tags=("incident", "event"),
        fields={
            **_of(_WRITTEN, "planned", "notified", "begin_ns", "end_ns"),
            **_of(_WRITTEN, "confidence", kind=FieldKind.FLOAT),
            **_of(_WRITTEN, "event", "owner", "mode", "components", "lines", "text", kind=FieldKind.STRING),
        },
    ),
    Measurement(
        name="worst_lines",
        about="The lines worst off, by rank. Written by the analyzer.",
        tags=("rank",),
        fields={
            **_of(_WRITTEN, "state"),
            **_of(_WRITTEN, "loss_ratio", kind=FieldKind.FLOAT),
            **_of(_WRITTEN, "line", "customer", kind=FieldKind.STRING),
        },
    ),
)

MEASUREMENTS: Mapping[str, Measurement] = {measurement.name: measurement for measurement in _ALL}


class SchemaError(ValueError):
    """A point that no store may keep; the message says which field of which measurement, and why."""


def measurement(name: str) -> Measurement:
    """The measurement of that name.

    Raises:
        SchemaError: there is none.
    """
    found = MEASUREMENTS.get(name)
    if found is None:
        raise SchemaError(f"no measurement {name!r}")
    return found


def checked(point: Point) -> Measurement:
    """The measurement of a point that fits it.

    Raises:
        SchemaError: an unknown tag or field, a value of another type, not finite, or outside 64 bits, or no field at all.
    """
    spec = measurement(point.measurement)
    if not point.fields:
        raise SchemaError(f"{spec.name}: a point without fields")
    for tag, text in point.tags.items():
        if tag not in spec.tags:
            raise SchemaError(f"{spec.name}: no tag {tag!r}")
        if not text:
            raise SchemaError(f"{spec.name}: tag {tag!r} is empty: leave it out")
        _check_text(f"{spec.name}.{tag}", text)
    for name, value in point.fields.items():
        field = spec.fields.get(name)
        if field is None:
            raise SchemaError(f"{spec.name}: no field {name!r}")
        _check_value(f"{spec.name}.{name}", field.kind, value)
    return spec


def _check_value(where: str, kind: FieldKind, value: FieldValue) -> None:
    if isinstance(value, bool) or not isinstance(value, _TYPES[kind]):
        raise SchemaError(f"{where}: expected {kind.value}, got {type(value).__name__}")
    if isinstance(value, str):
        _check_text(where, value)
    elif isinstance(value, int) and not INT64_MIN <= value <= INT64_MAX:
        raise SchemaError(f"{where}: {value} is outside 64 bits")
    elif isinstance(value, float) and not math.isfinite(value):
        raise SchemaError(f"{where}: {value} is not a number")


def _check_text(where: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise SchemaError(f"{where}: not text at character {error.start}") from None


_TYPES: Mapping[FieldKind, tuple[type, ...]] = {
    FieldKind.INTEGER: (int,),
    FieldKind.FLOAT: (float, int),
    FieldKind.STRING: (str,),
}
