"""Evidence of test sessions: loss by direction, and delay against its baseline.

**Loss.** A packet's fate is one of: came back, lost on the way out, lost on the way back, lost without anyone knowing where. Each
packet is counted where it speaks: on the way out stand those whose fate is known; on the way back those of them that reached the
reflector; the unattributed ones expose both directions together (`round_trip`). The product of the three is the likelihood of the
session's packets, so a dead line, which attributes nothing, is seen, and nothing is counted twice.

**Delay.** A change of one-way delay needs no common clock, but a clock that moves looks like one: it moves the two directions
by as much in opposite senses, and the network cannot make one way faster. So opposite movement is the clock's. While it is small
it is told as `clock_error_us`; beyond what the baselines' spread explains only the round trip speaks, which no clock can move.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from faultline.inference.observations_rows import (
    GAP_FIELD,
    US_NS,
    Ground,
    Observation,
    SeenRow,
    UsualValues,
    count,
    delay_numbers,
    with_quality,
)
from faultline.inventory import positions
from faultline.inventory.model import Inventory, Line, Position, TestSession
from faultline.records.histogram import Histogram
from faultline.records.terms import LineCode, SessionId

FEWEST_SAMPLES = 10
"""Fewer delay samples say nothing: their median is any of them."""
CLOCK_SPREADS = 4.0
"""Opposite movement beyond this many spreads of the baselines is a clock's."""
CLOCK_FLOOR_NS = 100_000
"""Opposite movement below 0.1 ms is nobody's: five times smaller than the smallest delay that is a fault."""
MOST_SPREAD = 4.0
"""One-way baselines this much wider than the round trip's are of drifting clocks: the round trip sees more."""


@attrs.frozen(slots=True, kw_only=True)
class _Ends:
    line: Line
    sender: Position
    reflector: Position


@attrs.frozen(slots=True, kw_only=True)
class _Delay:
    histogram: Histogram
    usual: UsualValues

    @property
    def shift_ns(self) -> float:
        return float((self.histogram.quantile(0.5) or 0) - self.usual.median_ns)


def session_observations(row: SeenRow, ground: Ground) -> Iterator[Observation]:
    """What a `session` row says; nothing when the inventory does not know the session."""
    ends = _ends(row, ground.inventory)
    if ends is None:
        return
    for observation, clock_error_us in (*_losses(row, ground, ends), *_delays(row, ground, ends)):
        yield with_quality(observation, {"clock_error_us": clock_error_us, **_quality(row)})


def _ends(row: SeenRow, inventory: Inventory) -> _Ends | None:
    session: TestSession | None = inventory.sessions.get(SessionId(row.tags.get("session", "")))
    line = inventory.lines.get(LineCode(session.line)) if session else None
    if session is None or line is None:
        return None
    sender, reflector = inventory.vantages.get(session.sender), inventory.vantages.get(session.reflector)
    if sender is None or reflector is None:
        return None
    return _Ends(line=line, sender=sender.positions[line.code], reflector=reflector.positions[line.code])


def _quality(row: SeenRow) -> dict[str, float | None]:
    sent, suspect = count(row, "sent"), count(row, "suspect")
    gap, mask = count(row, GAP_FIELD), count(row, "unmeasured_mask")
    return {
        "suspect_ratio": min(1.0, suspect / sent) if sent and suspect else None,
        "gap_seconds": gap if gap is not None else (mask.bit_count() if mask else None),
    }


def _losses(row: SeenRow, ground: Ground, ends: _Ends) -> Iterator[tuple[Observation, None]]:
    received, out, back = count(row, "received"), count(row, "lost_forward"), count(row, "lost_reverse")
    nowhere = count(row, "lost_unattributed")
    if received is not None and out is not None and back is not None:
        there = positions.via(ends.line, ground.inventory, ends.sender, ends.reflector)
        home = positions.via(ends.line, ground.inventory, ends.reflector, ends.sender)
        for slice_, sent, lost in ((there, received + back + out, out), (home, received + back, back)):
            if sent > 0:
                yield {"kind": "loss", "source": "active", "via": list(slice_), "sent": sent, "lost": lost}, None
    if nowhere:
        both = positions.both_ways(ends.line, ground.inventory, ends.sender, ends.reflector)
        yield (
            {
                "kind": "loss",
                "source": "active",
                "via": list(both),
                "sent": nowhere,
                "lost": nowhere,
                "round_trip": True,
            },
            None,
        )


def _delays(row: SeenRow, ground: Ground, ends: _Ends) -> Iterator[tuple[Observation, float | None]]:
    forward, reverse, whole = (_delay(row, ground, metric) for metric in ("forward_delay", "reverse_delay", "rtt"))
    clock_ns = _clock_movement_ns(forward, reverse)
    if forward and reverse and clock_ns is not None and not _is_wide(forward, reverse, whole):
        error_us = round(clock_ns / US_NS, 3)
        there = positions.via(ends.line, ground.inventory, ends.sender, ends.reflector)
        home = positions.via(ends.line, ground.inventory, ends.reflector, ends.sender)
        yield {"kind": "delay", "via": list(there), **delay_numbers(forward.histogram, forward.usual)}, error_us
        yield {"kind": "delay", "via": list(home), **delay_numbers(reverse.histogram, reverse.usual)}, error_us
    elif whole:
        both = positions.both_ways(ends.line, ground.inventory, ends.sender, ends.reflector)
        numbers = delay_numbers(whole.histogram, whole.usual)
        yield {"kind": "delay", "via": list(both), **numbers, "round_trip": True}, None


def _delay(row: SeenRow, ground: Ground, metric: str) -> _Delay | None:
    """The distribution and its baseline; None when either is missing: without a baseline a delay is no evidence."""
    histogram = row.histograms.get(metric)
    if histogram is None or histogram.n < FEWEST_SAMPLES:
        return None
    usual = ground.usual(line=row.tags.get("line", ""), name=row.tags["session"], direction="", metric=metric)
    return _Delay(histogram=histogram, usual=usual) if usual else None


def _clock_movement_ns(forward: _Delay | None, reverse: _Delay | None) -> float | None:
    """How far the two clocks moved against each other since the baselines; None when too far for one-way delays to speak."""
    if forward is None or reverse is None:
        return None
    opposite = forward.shift_ns * reverse.shift_ns < 0
    moved = min(abs(forward.shift_ns), abs(reverse.shift_ns)) if opposite else 0.0
    spread = max(forward.usual.mad_ns, reverse.usual.mad_ns)
    return moved if moved <= max(CLOCK_FLOOR_NS, CLOCK_SPREADS * spread) else None


def _is_wide(forward: _Delay, reverse: _Delay, whole: _Delay | None) -> bool:
    """Whether the one-way baselines are so spread by their clocks that the round trip sees more."""
    if whole is None:
        return False
    spread = max(forward.usual.mad_ns, reverse.usual.mad_ns)
    return spread > max(CLOCK_FLOOR_NS, MOST_SPREAD * whole.usual.mad_ns)
