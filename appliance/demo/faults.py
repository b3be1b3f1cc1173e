"""Faults a person asked for: which kind, where, in which direction, how bad; whatever was not said is drawn by a seed.

Goes in: the options of the command. Comes out: faults to inject, each with the truth about it. Knows nothing of how they are
injected; what a kind is stands in `kinds`.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import attrs

from appliance.demo.kinds import RANDOM, TRAITS, Kind, Traits, why_not
from appliance.demo.network import BRANCHES, PLACES, SPANS
from faultline.records.terms import ComponentKind, Direction, Mode, Owner
from faultline.runtime.console import BAD_USAGE, CommandError

__all__ = ["RANDOM", "Fault", "Kind", "Way", "choose"]


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


@attrs.frozen(slots=True, kw_only=True)
class Fault:
    """One fault."""

    kind: Kind
    component: str
    """A component without direction."""
    way: Way
    rate: float
    """In the mode's unit: ratios of loss and failures, milliseconds of delay and queue, octets that still pass, a factor of
    slowness, a share of time; 1 where there is nothing to grade."""

    @property
    def mode(self) -> Mode:
        """How the component fails."""
        return TRAITS[self.kind].mode

    @property
    def owner(self) -> Owner:
        """Who answers for it."""
        return PLACES[self.component].owner

    @property
    def components(self) -> tuple[str, ...]:
        """As verdicts name them: each direction of a segment is one."""
        if PLACES[self.component].kind is not ComponentKind.SEGMENT:
            return (self.component,)
        return tuple(f"{self.component}{direction.mark}" for direction in self.way.directions)

    @property
    def is_to_blame(self) -> bool:
        """A path that changed is nobody's fault."""
        return self.mode is not Mode.ROUTE

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

    With several kinds a segment and a rate belong to the first kind they fit; `a,b` names one segment for each.

    Raises:
        CommandError: with exit code 2, when there is no such kind or component, or they do not fit together.
    """
    chosen = [_kind(name, _draw(seed, at, "kind")) for at, name in enumerate(kinds)]
    if Kind.NONE in chosen:
        _refuse_beside_none(chosen, segment=segment, way=way, rate=rate)
        return ()
    segments, rates = _segments(chosen, segment), _rates(chosen, rate)
    faults: list[Fault] = []
    for at, kind in enumerate(chosen):
        traits = TRAITS[kind]
        place = segments[at] or _drawn_place(kind, seed, at, faults, last=at == len(chosen) - 1)
        if any(place == other.component for other in faults):
            hint = "leave --segment out, or name one for each kind: a,b"
            raise CommandError("--segment: two faults in one place", hint=hint, code=BAD_USAGE)
        drawn_rate = _draw(seed, at, f"{kind} rate").choice(traits.scale.usual)
        asked = rates[at]
        hit = _way(traits, place, way, drawn=_draw(seed, at, f"{kind} way") if kinds[at] == RANDOM else None)
        faults.append(Fault(kind=kind, component=place, way=hit, rate=drawn_rate if asked is None else asked))
    return tuple(faults)


def _draw(seed: int, at: int, what: str) -> random.Random:
    """Dice of their own for every choice: naming the place leaves the seed's rate as it was."""
    return random.Random(f"{seed}/{at}/{what}")  # noqa: S311 - a repeatable choice, not a secret


def _kind(name: str, draw: random.Random) -> Kind:
    if name == RANDOM:
        return draw.choice(list(TRAITS))
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


def _segments(kinds: Sequence[Kind], segment: str | None) -> list[str | None]:
    """The place that was named for each kind."""
    if segment is None:
        return [None] * len(kinds)
    named = [name.strip() for name in segment.split(",")]
    for name in named:
        if name not in PLACES:
            fitting = ", ".join(dict.fromkeys(place for kind in kinds for place in TRAITS[kind].places))
            raise CommandError(f"--segment: no component {name!r}", hint=f"one of {fitting}", code=BAD_USAGE)
    if len(named) == len(kinds):
        for kind, name in zip(kinds, named, strict=True):
            _refuse_misfit(kind, name)
        return list(named)
    if len(named) > 1:
        wrong = f"--segment: {len(named)} places for {len(kinds)} kinds"
        raise CommandError(wrong, hint="name one for each kind, or one alone", code=BAD_USAGE)
    found = next((at for at, kind in enumerate(kinds) if why_not(kind, named[0]) is None), None)
    if found is None:
        _refuse_misfit(kinds[0], named[0])
    return [named[0] if at == found else None for at in range(len(kinds))]


def _refuse_misfit(kind: Kind, place: str) -> None:
    reason = why_not(kind, place)
    if reason is not None:
        hint = f"{kind} fits {', '.join(TRAITS[kind].places)}"
        raise CommandError(f"--segment: {reason}", hint=hint, code=BAD_USAGE)


def _rates(kinds: Sequence[Kind], rate: float | None) -> list[float | None]:
    """The rate that was asked for of each kind."""
    if rate is None:
        return [None] * len(kinds)
    found = next((at for at, kind in enumerate(kinds) if TRAITS[kind].scale.holds(rate)), None)
    if found is None:
        allowed = "; ".join(f"{kind}: {TRAITS[kind].scale.allowed}" for kind in kinds)
        raise CommandError(f"--rate {rate:g} does not fit {', '.join(kinds)}", hint=allowed, code=BAD_USAGE)
    return [rate if at == found else None for at in range(len(kinds))]


def _drawn_place(kind: Kind, seed: int, at: int, beside: Sequence[Fault], *, last: bool) -> str:
    taken = {fault.component for fault in beside}
    fitting = [place for place in TRAITS[kind].places if place not in taken and _can_be_seen(kind, place, beside)]
    if TRAITS[kind].darkens and not last:
        # Some line must stay in the light for the faults that are still to come.
        fitting = [place for place in fitting if len(_lines_over(place)) < len(BRANCHES)]
    if not fitting:
        others = ", ".join(f"{fault.kind} at {fault.component}" for fault in beside)
        wrong = f"--fault: {kind} could not be told beside {others}"
        raise CommandError(wrong, hint="ask for one of them alone, or name the places", code=BAD_USAGE)
    return _draw(seed, at, f"{kind} place").choice(fitting)


def _can_be_seen(kind: Kind, place: str, beside: Sequence[Fault]) -> bool:
    """Neither in the dark of another fault nor darkening one: somebody's traffic still reaches both."""
    mine = _lines_over(place)
    for fault in beside:
        theirs = _lines_over(fault.component)
        if TRAITS[fault.kind].darkens and mine <= theirs:
            return False
        if TRAITS[kind].darkens and theirs <= mine:
            return False
    return True


def _lines_over(place: str) -> frozenset[str]:
    """Lines whose traffic crosses a place; all of them for what lies behind the data centre's switch."""
    spans = {span.id for span in SPANS.values() if any(place in path for path in span.paths)}
    crossing = [b.line for b in BRANCHES if place == b.site or place in b.path or spans & set(b.path)]
    return frozenset(crossing or (branch.line for branch in BRANCHES))


def _way(traits: Traits, place: str, way: Way | None, *, drawn: random.Random | None) -> Way:
    """As asked; drawn when the kind is; both where there is no direction: no link goes dark in one only."""
    if not traits.one_way:
        return Way.BOTH
    if way is not None or drawn is None:
        return way or Way.BOTH
    return drawn.choice(list(Way)) if PLACES[place].kind is ComponentKind.SEGMENT else Way.BOTH
