"""Evidence of test sessions: loss by direction, delay against its baseline, and what size of packets gets through.

**Loss.** A packet's fate is one of: came back, lost on the way out, lost on the way back, lost without anyone knowing where. Each
packet is counted where it speaks: on the way out stand those whose fate is known; on the way back those of them that reached the
reflector; the unattributed ones expose both directions together (`round_trip`), and the device the reflector stands in, which
must live to answer. The product of the three is the likelihood of the session's packets, so a dead line, which attributes
nothing, is seen, and nothing is counted twice. Of a session with unattributed packets the others expose that device too: they
were answered before the replies stopped, and do not tell the way from who answers.

What a session usually loses is learned like everything that is usual: a line that loses one packet in two thousand for years is
known for it, and a fault is what comes on top.

**Size.** A session of full-size packets says what its small twin does not: whether packets of that size get through. It is told
as `mtu` alone; its delays and losses are its twin's, and would count twice. Where most of its packets stopped coming back, those
that did come before are not told.

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
from faultline.inference.observations_stands import device_of
from faultline.inference.observations_ways import Way, beyond, told
from faultline.inventory.model import Inventory, Line, Position, TestSession
from faultline.records.histogram import Histogram
from faultline.records.terms import ComponentId, LineCode, SessionId

FEWEST_SAMPLES = 10
"""Fewer delay samples say nothing: their median is any of them."""
CLOCK_SPREADS = 4.0
"""Opposite movement beyond this many spreads of the baselines is a clock's."""
CLOCK_FLOOR_NS = 100_000
"""Opposite movement below 0.1 ms is nobody's: five times smaller than the smallest delay that is a fault."""
HEALTHY_LOSS = 5e-5
"""Loss ratio of a healthy path: the localiser's default."""
LOSS_WEIGHT = 100_000
"""Packets that the default weighs when a loss is learned: of fewer, a handful of losses is chance."""
CHRONIC = 1.5
"""Times the default from which on what was learned is told."""
MOST_CHRONIC = 1e-3
"""More is nobody's usual: it would hide a fault."""
MOST_SPREAD = 4.0
"""One-way baselines this much wider than the round trip's are of drifting clocks: the round trip sees more."""


@attrs.frozen(slots=True, kw_only=True)
class _Test:
    """A session in its place."""

    session: TestSession
    line: Line
    sender: Position
    reflector: Position

    def there(self, ground: Ground) -> list[Way]:
        return ground.ways.between(self.line, self.sender, self.reflector, self.session)

    def home(self, ground: Ground) -> list[Way]:
        return ground.ways.between(self.line, self.reflector, self.sender, self.session)

    def both(self, ground: Ground) -> list[Way]:
        return ground.ways.round_trip(self.line, self.sender, self.reflector, self.session)

    def reflecting(self, inventory: Inventory) -> ComponentId | None:
        """The device that must live for packets to come back."""
        return device_of(inventory.vantages[self.session.reflector].probe, self.line, inventory)

    def view(self, which: str) -> str:
        return f"session {self.session.id} {which}"


@attrs.frozen(slots=True, kw_only=True)
class _Delay:
    histogram: Histogram
    usual: UsualValues

    @property
    def shift_ns(self) -> float:
        return float((self.histogram.quantile(0.5) or 0) - self.usual.median_ns)


def session_observations(row: SeenRow, ground: Ground) -> Iterator[Observation]:
    """What a `session` row says; nothing when the inventory does not know the session."""
    test = _test(row, ground.inventory)
    if test is None:
        return
    quality = _quality(row)
    for observation in _losses(row, ground, test):
        yield with_quality(observation, quality)
    if not test.session.is_full_size:
        for observation, clock_error_us in _delays(row, ground, test):
            yield with_quality(observation, {"clock_error_us": clock_error_us, **quality})


def _test(row: SeenRow, inventory: Inventory) -> _Test | None:
    session: TestSession | None = inventory.sessions.get(SessionId(row.tags.get("session", "")))
    line = inventory.lines.get(LineCode(session.line)) if session else None
    if session is None or line is None:
        return None
    sender, reflector = inventory.vantages.get(session.sender), inventory.vantages.get(session.reflector)
    if sender is None or reflector is None:
        return None
    return _Test(session=session, line=line, sender=sender.positions[line.code], reflector=reflector.positions[line.code])


def _quality(row: SeenRow) -> dict[str, float | None]:
    sent, suspect = count(row, "sent"), count(row, "suspect")
    gap, mask = count(row, GAP_FIELD), count(row, "unmeasured_mask")
    return {
        "suspect_ratio": min(1.0, suspect / sent) if sent and suspect else None,
        "gap_seconds": gap if gap is not None else (mask.bit_count() if mask else None),
    }


def session_losses(row: SeenRow) -> list[tuple[str, int, int]]:
    """Of the packets whose fate is known, on the way `there` and `back`: how many set out, and how many of them were lost."""
    received, out, back = count(row, "received"), count(row, "lost_forward"), count(row, "lost_reverse")
    if received is None or out is None or back is None:
        return []
    return [("there", received + back + out, out), ("back", received + back, back)]


def _losses(row: SeenRow, ground: Ground, test: _Test) -> Iterator[Observation]:
    received, nowhere = count(row, "received") or 0, count(row, "lost_unattributed")
    # Of full-size packets the small twin's replies say whether it lives.
    reflecting = test.reflecting(ground.inventory) if nowhere and not test.session.is_full_size else None
    way_of = {"there": test.there, "back": test.home}
    for which, sent, lost in session_losses(row):
        if sent > 0 and not _is_before(test, received, nowhere):
            made = _lost(test, which, sent, lost) | _background(row, ground, which)
            yield made | told(beyond(way_of[which](ground), reflecting))
    if nowhere:
        ways = beyond(test.both(ground), reflecting)
        yield {**_lost(test, "nowhere", nowhere, nowhere), **told(ways), "round_trip": True}


def _background(row: SeenRow, ground: Ground, which: str) -> Observation:
    """What a session loses when all is well, where that is more than healthy paths lose: a line may be a little bad for years."""
    usual = ground.usual(line=row.tags.get("line", ""), name=row.tags["session"], direction="", metric=f"lost_{which}")
    if usual is None:
        return {}
    learned = (usual.mean * usual.n + HEALTHY_LOSS * LOSS_WEIGHT) / (usual.n + LOSS_WEIGHT)
    return {"background": round(min(MOST_CHRONIC, learned), 7)} if learned > CHRONIC * HEALTHY_LOSS else {}


def _is_before(test: _Test, received: int, nowhere: int | None) -> bool:
    """Whether full-size packets that passed did so before most of them stopped: the few say nothing of what stops them."""
    return test.session.is_full_size and nowhere is not None and nowhere > received


def _lost(test: _Test, which: str, sent: int, lost: int) -> Observation:
    """Packets lost of packets sent; of a full-size session, packets of a size."""
    size = test.session.packet_octets
    kind: Observation = {"kind": "loss", "source": "active"}
    if test.session.is_full_size and size is not None:
        kind = {"kind": "mtu", "size": size}
    return {**kind, "view": test.view(which), "sent": sent, "lost": lost}


def _delays(row: SeenRow, ground: Ground, test: _Test) -> Iterator[tuple[Observation, float | None]]:
    forward, reverse, whole = (_delay(row, ground, metric) for metric in ("forward_delay", "reverse_delay", "rtt"))
    clock_ns = _clock_movement_ns(forward, reverse)
    if forward and reverse and clock_ns is not None and not _is_wide(forward, reverse, whole):
        error_us = round(clock_ns / US_NS, 3)
        for which, ways, delay in (("there", test.there(ground), forward), ("back", test.home(ground), reverse)):
            numbers = delay_numbers(delay.histogram, delay.usual)
            yield {"kind": "delay", "view": test.view(which), **told(ways), **numbers}, error_us
    elif whole:
        numbers = delay_numbers(whole.histogram, whole.usual)
        view = test.view("round trip")
        yield {"kind": "delay", "view": view, **told(test.both(ground)), **numbers, "round_trip": True}, None


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
