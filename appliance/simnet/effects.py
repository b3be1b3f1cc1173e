"""What a fault does to packets: the kinds as a table, and a fault's place and time.

A new kind is one more entry of `KINDS`; what it does is said in the few words of `Effect`. Knows nothing of demos and of how a
fault is called when it is found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from faultline.records.incident import Base
from faultline.records.terms import Direction

MILLISECOND_NS = 1_000_000
BOTH = (Direction.A_TO_Z, Direction.Z_TO_A)


@attrs.frozen(slots=True, kw_only=True)
class Effect:
    """What packets that cross the place suffer while it lasts."""

    loss_ratio: float = 0.0
    """Share of packets that are lost there."""
    delay_ns: int = 0
    """Added to each packet's way."""
    down: bool = False
    """Nothing passes, and interfaces at both ends see no link."""


KINDS: Mapping[str, Callable[[float], Effect]] = {
    "loss": lambda ratio: Effect(loss_ratio=ratio),
    "delay": lambda milliseconds: Effect(delay_ns=round(milliseconds * MILLISECOND_NS)),
    "link-down": lambda _: Effect(loss_ratio=1.0, down=True),
}
"""Kind of fault → its effect at a rate in the unit of its mode (ratio, milliseconds, 1)."""


@attrs.frozen(slots=True, kw_only=True)
class Disturbance:
    """An effect at a place, from a moment on."""

    component: Base
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
    kind: str, component: Base, *, rate: float, begin_ns: int, end_ns: int | None = None, directions: tuple[Direction, ...] = BOTH
) -> Disturbance:
    """A fault of a kind.

    Raises:
        ValueError: there is no such kind.
    """
    if kind not in KINDS:
        raise ValueError(f"no fault kind {kind!r}: one of {', '.join(KINDS)}")
    return Disturbance(component=component, directions=directions, effect=KINDS[kind](rate), begin_ns=begin_ns, end_ns=end_ns)
