"""Faults a person can ask for: what they are called, where they fit, what the truth about each is.

Goes in: the options of the command and a seed. Comes out: faults to inject. Knows nothing of how they are injected.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import attrs

from appliance.demo.line import ELEMENTS, PATH
from faultline.records.terms import ComponentKind, Direction, Mode, Owner
from faultline.runtime.console import BAD_USAGE, CommandError


class Kind(StrEnum):
    """Kinds of fault that can be injected."""

    NONE = "none"
    LOSS = "loss"
    DELAY = "delay"
    LINK_DOWN = "link-down"


class Way(StrEnum):
    """Which direction of the line is hit."""

    FORWARD = "forward"
    REVERSE = "reverse"
    BOTH = "both"

    @property
    def directions(self) -> tuple[Direction, ...]:
        """Forward is from A to Z."""
        return {
            Way.FORWARD: (Direction.A_TO_Z,),
            Way.REVERSE: (Direction.Z_TO_A,),
            Way.BOTH: (Direction.A_TO_Z, Direction.Z_TO_A),
        }[self]


RANDOM = "random"
"""A kind drawn by the seed."""
_MODES = {Kind.LOSS: Mode.LOSS, Kind.DELAY: Mode.DELAY, Kind.LINK_DOWN: Mode.DOWN}
_FITS = {
    Kind.LOSS: {ComponentKind.SEGMENT, ComponentKind.DEVICE},
    Kind.DELAY: {ComponentKind.SEGMENT},
    Kind.LINK_DOWN: {ComponentKind.SEGMENT},
}
_USUAL_LOSS = (0.01, 0.02, 0.03, 0.05)
"""Seen within two windows at a few hundred packets a second, and mild enough that people call the line slow, not dead."""
_USUAL_DELAY_MS = (5.0, 8.0, 12.0, 20.0)
_MOST_DELAY_MS = 500.0
"""End of the severity grid: beyond it a line is as good as down."""


@attrs.frozen(slots=True, kw_only=True)
class Fault:
    """One fault."""

    kind: Kind
    component: str
    """A component of the path, without direction."""
    way: Way
    rate: float
    """In the mode's unit: a ratio for loss, milliseconds for delay, 1 for down."""

    @property
    def mode(self) -> Mode:
        """How the component fails."""
        return _MODES[self.kind]

    @property
    def owner(self) -> Owner:
        """Who answers for it."""
        return ELEMENTS[self.component].owner

    @property
    def components(self) -> tuple[str, ...]:
        """As verdicts name them: each direction of a segment is one."""
        if ELEMENTS[self.component].kind is not ComponentKind.SEGMENT:
            return (self.component,)
        return tuple(f"{self.component}{direction.mark}" for direction in self.way.directions)

    def document(self, injected_ns: int) -> dict[str, Any]:
        """The truth as the contract tells it."""
        return {
            "kind": self.kind.value,
            "components": list(self.components),
            "owner": self.owner.value,
            "mode": self.mode.value,
            "rate": self.rate,
            "injected_ns": injected_ns,
        }


def choose(
    kinds: Sequence[str],
    *,
    segment: str | None,
    way: Way | None,
    rate: float | None,
    seed: int,
) -> tuple[Fault, ...]:
    """The faults to inject, empty for `none`; whatever is not said comes from the seed.

    Raises:
        CommandError: with exit code 2, when there is no such kind or component, or they do not fit together.
    """
    draw = random.Random(seed)  # noqa: S311 - a repeatable choice, not a secret
    chosen = [_kind(name, draw) for name in kinds]
    if Kind.NONE in chosen:
        _refuse_beside_none(chosen, segment=segment, way=way, rate=rate)
        return ()
    taken: set[str] = set()
    faults = []
    for kind in chosen:
        fault = _fault(kind, segment=segment, way=way, rate=rate, draw=draw, taken=taken)
        taken.add(fault.component)
        faults.append(fault)
    return tuple(faults)


def _kind(name: str, draw: random.Random) -> Kind:
    if name == RANDOM:
        return draw.choice([kind for kind in Kind if kind is not Kind.NONE])
    try:
        return Kind(name)
    except ValueError:
        known = ", ".join([*(kind.value for kind in Kind), RANDOM])
        raise CommandError(f"--fault: no fault kind {name!r}", hint=f"the kinds are {known}", code=BAD_USAGE) from None


def _refuse_beside_none(chosen: Sequence[Kind], *, segment: str | None, way: Way | None, rate: float | None) -> None:
    if len(chosen) > 1:
        raise CommandError("--fault: none cannot stand beside another kind", hint="give none alone", code=BAD_USAGE)
    given = [
        option
        for option, value in (("--segment", segment), ("--direction", way), ("--rate", rate))
        if value not in {None, Way.BOTH}
    ]
    if given:
        raise CommandError(f"{', '.join(given)}: nothing fails with --fault none", hint="leave it out", code=BAD_USAGE)


def _fault(
    kind: Kind,
    *,
    segment: str | None,
    way: Way | None,
    rate: float | None,
    draw: random.Random,
    taken: set[str],
) -> Fault:
    fitting = [element.id for element in PATH if element.kind in _FITS[kind]]
    # Drawn in any case: the same seed gives the same rate whether or not the place was named.
    drawn_place = draw.choice(
        [place for place in fitting if place not in taken and ELEMENTS[place].kind is ComponentKind.SEGMENT]
    )
    drawn_rate = {Kind.LOSS: draw.choice(_USUAL_LOSS), Kind.DELAY: draw.choice(_USUAL_DELAY_MS), Kind.LINK_DOWN: 1.0}[kind]
    place = segment or drawn_place
    if place not in ELEMENTS:
        raise CommandError(f"--segment: no component {place!r}", hint=f"one of {', '.join(fitting)}", code=BAD_USAGE)
    if place not in fitting:
        kind_of = ELEMENTS[place].kind.value
        hint = f"{kind.value} fits {', '.join(fitting)}"
        raise CommandError(f"--segment: {kind.value} does not fit the {kind_of} {place}", hint=hint, code=BAD_USAGE)
    if place in taken:
        raise CommandError("--segment: two faults in one place", hint="leave --segment out, or ask for one kind", code=BAD_USAGE)
    # A cut takes both directions with it: neither end has light.
    hit = Way.BOTH if kind is Kind.LINK_DOWN else way or Way.BOTH
    return Fault(kind=kind, component=place, way=hit, rate=_rate(kind, drawn_rate if rate is None else rate))


def _rate(kind: Kind, rate: float) -> float:
    most = _MOST_DELAY_MS if kind is Kind.DELAY else 1.0
    if not 0 < rate <= most or (kind is Kind.LINK_DOWN and rate != 1):
        allowed = {
            Kind.LOSS: "a ratio above 0, at most 1",
            Kind.DELAY: f"milliseconds above 0, at most {_MOST_DELAY_MS:g}",
            Kind.LINK_DOWN: "1: a link is down or it is not",
        }[kind]
        raise CommandError(f"--rate {rate:g} does not fit {kind.value}", hint=f"it is {allowed}", code=BAD_USAGE)
    return rate
