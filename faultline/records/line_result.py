"""What another instrument measured of a line: a bit-error test, optical power, a speed test. People and systems attach it.

Plain data, its document and its bounds. It is shown beside a line's own measurements, and is no evidence: nobody here knows when
and between which points it was taken well enough.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import attrs

from faultline.records.terms import SECOND_NS, LineCode


class ResultKind(StrEnum):
    """What was done."""

    BERT = "bert"
    """A bit-error test."""
    OPTICAL_POWER = "optical_power"
    SPEED_TEST = "speed_test"
    OTHER = "other"
    """In words alone."""


_COUNT = (0.0, 1e18)
_RATIO = (0.0, 1.0)
_TIME_MS = (0.0, 1e7)
VALUES: Mapping[ResultKind, Mapping[str, tuple[float, float]]] = {
    ResultKind.BERT: {
        "seconds": (0.0, 1e7),
        "bits": _COUNT,
        "errored_bits": _COUNT,
        "errored_seconds": (0.0, 1e7),
        "severely_errored_seconds": (0.0, 1e7),
        "bit_error_ratio": _RATIO,
    },
    ResultKind.OPTICAL_POWER: {
        "received_dbm": (-100.0, 50.0),
        "sent_dbm": (-100.0, 50.0),
        "attenuation_db": (-10.0, 150.0),
        "wavelength_nm": (400.0, 2000.0),
    },
    ResultKind.SPEED_TEST: {
        "download_bps": (0.0, 1e13),
        "upload_bps": (0.0, 1e13),
        "round_trip_ms": _TIME_MS,
        "delay_variation_ms": _TIME_MS,
        "loss_ratio": _RATIO,
    },
    ResultKind.OTHER: {},
}
"""Values of each kind, with their bounds; the unit is in the name."""
AHEAD_NS = 300 * SECOND_NS
"""A clock elsewhere may be so far ahead of ours."""


class ResultError(ValueError):
    """A result that cannot be; `key` says where."""

    def __init__(self, key: str, wrong: str, *, hint: str) -> None:
        super().__init__(f"{key}: {wrong}")
        self.key = key
        self.hint = hint


@attrs.frozen(slots=True, kw_only=True)
class LineResult:
    """One result."""

    line: LineCode
    kind: ResultKind
    taken_ns: int
    received_ns: int
    sender: str
    """Who attached it: the holder of the token."""
    by: str = ""
    """Who, or which instrument, took it."""
    passed: bool | None = None
    """What whoever took it makes of it; None: nothing was said."""
    values: Mapping[str, float] = attrs.field(factory=dict)
    text: str = ""

    @property
    def id(self) -> str:
        """The same for the same result attached again; in the order of time."""
        said = json.dumps([self.line, self.kind, self.sender, self.by, self.passed, sorted(self.values.items()), self.text])
        return f"{self.taken_ns:020d}-{hashlib.sha256(said.encode(errors='backslashreplace')).hexdigest()[:12]}"


def checked(result: LineResult) -> LineResult:
    """The same.

    Raises:
        ResultError: a value is none of its kind or out of its bounds, nothing was measured, or it is of the future.
    """
    known = VALUES[result.kind]
    for name, value in result.values.items():
        bounds = known.get(name)
        if bounds is None:
            raise ResultError(
                f"values.{name}"[:80], f"no value of {result.kind.value}", hint=f"known: {', '.join(known) or 'none'}"
            )
        if not math.isfinite(value) or not bounds[0] <= value <= bounds[1]:
            raise ResultError(f"values.{name}", "out of bounds", hint=f"from {bounds[0]:g} to {bounds[1]:g}")
    if not result.values and not result.text:
        raise ResultError("values", "neither a value nor a text", hint=f"values: {', '.join(known) or 'none; write a text'}")
    if not 0 <= result.taken_ns <= result.received_ns + AHEAD_NS:
        raise ResultError("taken_ns", "before 1970, or not yet", hint="Unix nanoseconds UTC; left out: now")
    return result


def result_document(result: LineResult) -> dict[str, Any]:
    """As JSON values; what was not said is left out."""
    document = {key: value for key, value in attrs.asdict(result).items() if value not in ("", {}, None)}
    return {"id": result.id} | document | {"kind": result.kind.value}


def result_from_document(document: Mapping[str, Any]) -> LineResult:
    """Read it back."""
    known = {key: value for key, value in document.items() if key != "id"}
    return LineResult(**known | {"kind": ResultKind(document["kind"]), "line": LineCode(document["line"])})
