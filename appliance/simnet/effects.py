"""What a fault does: the kinds as a table, and a fault's place and time.

A new kind is one more entry of `KINDS`; what it does is said in the few words of `Effect`. Knows nothing of demos and of how a
fault is called when it is found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from faultline.records.terms import Direction

MILLISECOND_NS = 1_000_000
BOTH = (Direction.A_TO_Z, Direction.Z_TO_A)


@attrs.frozen(slots=True, kw_only=True)
class Effect:
    """What packets that cross the place suffer while it lasts, or what the host that is the place does to those who ask it."""

    loss_ratio: float = 0.0
    """Share of packets that are lost there, each for itself."""
    burst_ratio: float = 0.0
    """Share of packets that are lost there in bursts (Gilbert's two states, in time)."""
    delay_ns: int = 0
    """Added to each packet's way."""
    queue_ns: int = 0
    """One packet in ten waits at least so long in a queue that is now empty, now full; what finds it full is dropped."""
    mtu_octets: int | None = None
    """IP packets above this vanish without a word."""
    down: bool = False
    """Nothing passes, and interfaces at both ends see no link."""
    dark: bool = False
    """A site without power: everything in it is dead, probes included."""
    rerouted: bool = False
    """Flows over the bundle take another of its alternatives than they did."""
    slow_factor: float = 1.0
    """The host takes so many times as long to answer."""
    closed_ratio: float = 0.0
    """Share of the time in which the host's receive windows are closed."""
    mute_ratio: float = 0.0
    """Share of queries that the resolver leaves unanswered."""
    refused_ratio: float = 0.0
    """Share of connections that the service refuses."""

    @property
    def kills(self) -> bool:
        """Whether a connection may come to a standstill over it: then its sender's timers must be followed."""
        return self.down or self.dark or self.mtu_octets is not None or self.loss_ratio >= DEAD


DEAD = 0.5
"""Beyond this loss a connection makes no progress worth modelling: its timer doubles and it waits."""


def _milliseconds(value: float) -> int:
    return round(value * MILLISECOND_NS)


KINDS: Mapping[str, Callable[[float], Effect]] = {
    "loss": lambda ratio: Effect(loss_ratio=ratio),
    "burst-loss": lambda ratio: Effect(burst_ratio=ratio),
    "congestion": lambda milliseconds: Effect(queue_ns=_milliseconds(milliseconds)),
    "delay": lambda milliseconds: Effect(delay_ns=_milliseconds(milliseconds)),
    "reroute": lambda _: Effect(rerouted=True),
    "mtu": lambda octets: Effect(mtu_octets=round(octets)),
    "link-down": lambda _: Effect(down=True),
    "site-down": lambda _: Effect(dark=True),
    "server-slow": lambda factor: Effect(slow_factor=factor),
    "server-stalled": lambda share: Effect(closed_ratio=share),
    "dns-timeout": lambda ratio: Effect(mute_ratio=ratio),
    "service-refused": lambda ratio: Effect(refused_ratio=ratio),
}
"""Kind of fault → its effect at a rate in the unit of its mode (ratio, milliseconds, octets, factor, share of time, 1)."""


@attrs.frozen(slots=True, kw_only=True)
class Disturbance:
    """An effect at a place, from a moment on."""

    component: str
    """Id of a component, of one member of a bundle, or of a site."""
    directions: tuple[Direction, ...] = BOTH
    effect: Effect
    begin_ns: int
    end_ns: int | None = None
    """None: it stays."""

    def __attrs_post_init__(self) -> None:
        """Refuse a fault that is over before it began."""
        if self.end_ns is not None and self.end_ns <= self.begin_ns:
            raise ValueError(f"{self.component}: ends at {self.end_ns}, before it begins at {self.begin_ns}")

    def lasts_in(self, start_ns: int, end_ns: int) -> bool:
        """Whether any of it lies in [start, end)."""
        return self.begin_ns < end_ns and (self.end_ns is None or self.end_ns > start_ns)


def disturbance(
    kind: str, component: str, *, rate: float, begin_ns: int, end_ns: int | None = None, directions: tuple[Direction, ...] = BOTH
) -> Disturbance:
    """A fault of a kind.

    Raises:
        ValueError: there is no such kind.
    """
    if kind not in KINDS:
        raise ValueError(f"no fault kind {kind!r}: one of {', '.join(KINDS)}")
    return Disturbance(component=component, directions=directions, effect=KINDS[kind](rate), begin_ns=begin_ns, end_ns=end_ns)
