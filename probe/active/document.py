"""A measured session for whoever asked for it: the document of `probe stamp --json`, and lines for a person.

A session's interval goes in, plain data or text comes out. What was not measured is left out, never 0 or null.
"""

from __future__ import annotations

import math
from typing import Any

from faultline.records.histogram import Histogram
from probe.active.result import SessionInterval
from probe.clock_quality import ClockQuality

_Z95 = 1.6449
"""One-sided 95 % quantile of the normal distribution."""
_MILLISECOND_NS = 1e6


def loss_upper_bound(lost: int, sent: int) -> float | None:
    """The largest loss ratio that is still in keeping with the count, at 95 %.

    Without a loss the rule of three, 3/N; else Wilson's score bound. None when nothing was sent.
    """
    if not sent:
        return None
    if not lost:
        return min(1.0, 3 / sent)
    if lost == sent:
        return 1.0
    ratio, square = lost / sent, _Z95**2
    spread = _Z95 * math.sqrt(ratio * (1 - ratio) / sent + square / (4 * sent * sent))
    return min(1.0, (ratio + square / (2 * sent) + spread) / (1 + square / sent))


def document(interval: SessionInterval, clock: ClockQuality) -> dict[str, Any]:
    """As the contract of `probe stamp` names it."""
    synchronised = interval.peer_error_ns is not None and clock.error_ns is not None
    stated: dict[str, Any] = {"class": clock.clock_class if synchronised else "none"}
    if synchronised:
        stated["error_ns"] = (clock.error_ns or 0) + (interval.peer_error_ns or 0)
    found: dict[str, Any] = {
        "sent": interval.sent,
        "received": interval.received,
        "lost": interval.lost,
        "lost_forward": interval.lost_forward,
        "lost_reverse": interval.lost_reverse,
        "lost_unattributed": interval.lost_unattributed,
        "duplicates": interval.duplicates,
        "reordered": interval.reordered,
        "rtt_ns": _distribution(interval.rtt),
        "forward_delay_ns": _distribution(interval.forward_delay),
        "reverse_delay_ns": _distribution(interval.reverse_delay),
        "forward_ipdv_ns": _distribution(interval.forward_ipdv),
        "reverse_ipdv_ns": _distribution(interval.reverse_ipdv),
        "clock": stated,
        "timestamps": _stamps(interval),
        "loss_upper_bound": loss_upper_bound(interval.lost, interval.sent),
        "suspect": interval.suspect,
    }
    return {name: value for name, value in found.items() if value is not None}


def _distribution(values: Histogram) -> dict[str, int] | None:
    if not values:
        return None
    figures = {"min": values.min, "p50": values.quantile(0.5), "p95": values.quantile(0.95), "p99": values.quantile(0.99)}
    return {"n": values.n, **{name: value for name, value in figures.items() if value is not None}, "max": values.max or 0}


def _stamps(interval: SessionInterval) -> dict[str, str] | None:
    if not interval.received:
        return None
    return {f"t{number}": str(source) for number, source in enumerate(interval.timestamp_sources, start=1)}


def lines(interval: SessionInterval, clock: ClockQuality) -> list[str]:
    """The same for a person."""
    found = document(interval, clock)
    told = [f"{interval.received} of {interval.sent} answered", _loss(interval)]
    for name, label in (
        ("rtt_ns", "round trip"),
        ("forward_delay_ns", "forward"),
        ("reverse_delay_ns", "reverse"),
        ("forward_ipdv_ns", "forward variation"),
        ("reverse_ipdv_ns", "reverse variation"),
    ):
        if name in found:
            figures = found[name]
            values = "  ".join(f"{key} {figures[key] / _MILLISECOND_NS:.3f}" for key in ("min", "p50", "p95", "p99", "max"))
            told.append(f"{label:18} {values}  ms")
    if interval.received:
        told.append(_clock(found))
    if interval.duplicates or interval.reordered or interval.suspect:
        told.append(
            f"{interval.duplicates} duplicates, {interval.reordered} reordered, "
            f"{interval.suspect} samples left out because this host was late"
        )
    return told


def _loss(interval: SessionInterval) -> str:
    bound = loss_upper_bound(interval.lost, interval.sent)
    if bound is None:
        return "loss               nothing was sent"
    if not interval.lost:
        return f"loss               0 % (< {100 * bound:.2g} % at 95 %: 3/{interval.sent})"
    where = f"forward {interval.lost_forward}, reverse {interval.lost_reverse}, direction unknown {interval.lost_unattributed}"
    return f"loss               {100 * interval.lost / interval.sent:.2f} % (< {100 * bound:.3g} % at 95 %): {where}"


def _clock(found: dict[str, Any]) -> str:
    stamps = " ".join(f"{name} {source}" for name, source in found["timestamps"].items())
    clock = found["clock"]
    if "error_ns" not in clock:
        return f"timestamps         {stamps}; the clocks are not synchronised: one-way delays are relative"
    return f"timestamps         {stamps}; clock {clock['class']}, one-way delays ± {clock['error_ns'] / _MILLISECOND_NS:.3f} ms"
