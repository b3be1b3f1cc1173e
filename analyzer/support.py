"""Does an observation still speak for a verdict entry? The log-likelihood ratio of one observation at the entry's severity.

Goes in: a `faultline-verdict/1` entry and `faultline-evidence/1` observations. Comes out: nats. The localiser weighs all
hypotheses over all evidence; this asks the narrow question that time needs: is what was found over a longer span still so in
the newest windows, and since when.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import attrs

from faultline.records.terms import Mode


@attrs.frozen(slots=True, kw_only=True)
class Counted:
    """A kind of observation that counts bad ones among all."""

    total: str
    bad: str
    given: str
    """Key of the healthy share, when the observation brings one."""
    background: float
    """The healthy share otherwise: the localiser's default."""
    modes: frozenset[Mode]


COUNTED: Mapping[str, Counted] = {
    "loss": Counted(
        total="sent",
        bad="lost",
        given="background",
        background=5e-5,
        modes=frozenset({Mode.LOSS, Mode.CONGESTION, Mode.DOWN}),
    ),
    "failure": Counted(
        total="attempts", bad="failed", given="leak", background=0.002, modes=frozenset({Mode.FAILING, Mode.DOWN})
    ),
    "zero_window": Counted(
        total="seconds", bad="closed_seconds", given="background", background=0.005, modes=frozenset({Mode.STALLED})
    ),
}
RESPONSE_FLOOR = 0.08
"""Spread of the logarithm of a response time that no number of samples lowers."""
QUEUE_DROPS = ((0.15, 0.0), (0.35, 0.002), (0.3, 0.01), (0.2, 0.05))
"""What a full queue drops in a window, as far as anybody knows: part of the windows, and the loss ratio in them."""
NEVER = 1e-9
LEAST_SAMPLES = 5
"""Fewer delay samples say nothing here."""
MOST_NATS = 50.0
"""One observation of a short window never speaks louder than this, so that a single window cannot hide a change point."""
STUDENT_NU = 4.0
_LAST = 1 - 1e-6


def identity(observation: Mapping[str, Any]) -> Hashable:
    """What makes two observations of different windows the same view: its name, else kind, source and what is looked at.

    A named view stays the same when its packets take another way.
    """
    if "view" in observation:
        return (observation["kind"], observation["view"])
    via = tuple(map(str, observation.get("via", ())))
    paths = tuple((tuple(map(str, path["via"])), path["weight"]) for path in observation.get("paths", ()))
    rest = tuple(
        str(observation.get(key, "")) for key in ("kind", "source", "endpoint", "component", "name", "probe", "round_trip")
    )
    return (via, paths, rest)


def supporters(entry: Mapping[str, Any], observations: Sequence[Mapping[str, Any]]) -> frozenset[Hashable]:
    """Identities of the observations that spoke for the entry."""
    numbers = [row["observation"] for row in entry.get("evidence", ()) if row["nats"] > 0 and isinstance(row["observation"], int)]
    return frozenset(identity(observations[n]) for n in numbers if 0 <= n < len(observations))


def speaks(entry: Mapping[str, Any], observation: Mapping[str, Any], scale: float = 1.0) -> float:
    """Nats of the observation for the entry, its severity scaled, against health; 0 for kinds that cannot be dated this way."""
    mode = Mode(entry["mode"])
    value = float((entry.get("severity") or {}).get("value", 0.0))
    kind = observation["kind"]
    counted = COUNTED.get(kind)
    if counted is not None and mode in counted.modes:
        if mode is Mode.CONGESTION:
            return _bounded(_drops(observation, counted))
        return _bounded(_counts(observation, counted, 1.0 if mode is Mode.DOWN else value * scale))
    if kind == "delay" and mode in {Mode.DELAY, Mode.CONGESTION}:
        return _bounded(_delay(observation, value * scale))
    if kind == "response" and mode is Mode.SLOW:
        return _bounded(_response(observation, value, scale))
    if kind in {"counter", "event"}:
        return _counter(observation)
    return 0.0


def _bounded(nats: float) -> float:
    return max(-MOST_NATS, min(MOST_NATS, nats))


def _counts(observation: Mapping[str, Any], counted: Counted, added: float) -> float:
    total, bad = float(observation[counted.total]), float(observation[counted.bad])
    background = min(0.5, max(NEVER, observation.get(counted.given) or counted.background))
    ratio = min(_LAST, 1 - (1 - background) * (1 - min(1.0, max(added, NEVER))))
    return bad * math.log(ratio / background) + (total - bad) * math.log((1 - ratio) / (1 - background))


def _drops(observation: Mapping[str, Any], counted: Counted) -> float:
    """The severity of a queue is its delay; what it drops is its own matter: a window without drops says little against it."""
    terms = [math.log(part) + _counts(observation, counted, ratio) for part, ratio in QUEUE_DROPS]
    most = max(terms)
    return most + math.log(math.fsum(math.exp(term - most) for term in terms))


def _delay(observation: Mapping[str, Any], added_ms: float) -> float:
    """Student-t against the baseline, as the localiser has it: healthy at the baseline's median, at fault `added_ms` above it."""
    baseline = observation.get("baseline")
    if baseline is None or observation["n"] < LEAST_SAMPLES or added_ms <= 0:
        return 0.0
    shift_us = float(observation["median_us"]) - float(baseline["median_us"])
    added_us = added_ms * 1000
    spread_us = max(1.858 * float(baseline["mad_us"]) / math.sqrt(float(observation["n"])), 0.05 * added_us)
    return _student(shift_us / spread_us - added_us / spread_us) - _student(shift_us / spread_us)


def _response(observation: Mapping[str, Any], factor: float, scale: float) -> float:
    """On the logarithm: healthy at the baseline's median, at fault so many times slower."""
    baseline = observation.get("baseline")
    if baseline is None or observation["n"] < LEAST_SAMPLES or min(observation["median_us"], baseline["median_us"]) <= 0:
        return 0.0
    added = math.log(max(1.0, factor)) * scale
    shift = math.log(float(observation["median_us"]) / float(baseline["median_us"]))
    sampling = 1.858 * float(baseline["mad_us"]) / float(baseline["median_us"]) / math.sqrt(float(observation["n"]))
    spread = math.hypot(sampling, max(RESPONSE_FLOOR, 0.05 * added))
    return _student((shift - added) / spread) - _student(shift / spread) if added > 0 else 0.0


def _student(z: float) -> float:
    """Log density of Student's t up to a constant."""
    return -(STUDENT_NU + 1) / 2 * math.log1p(z * z / STUDENT_NU)


def _counter(observation: Mapping[str, Any]) -> float:
    sensitivity = min(_LAST, max(NEVER, observation.get("sensitivity") or 0.6))
    alarm = min(_LAST, max(NEVER, observation.get("false_positive_rate") or 0.01))
    return math.log(sensitivity / alarm) if observation["raised"] else math.log((1 - sensitivity) / (1 - alarm))
