"""The kinds of fault: what each is called, what it does, how the component fails, where it fits, and how bad it can be.

A table. Goes in: nothing but the network. Comes out: a kind's traits. Knows nothing of how a fault is drawn or injected.
"""

from __future__ import annotations

from enum import StrEnum

import attrs

from appliance.demo.network import BRANCHES, ELEMENTS, PLACES, REDUNDANT, SPANS
from faultline.records.terms import ComponentKind, Mode


class Kind(StrEnum):
    """Kinds of fault that can be injected."""

    NONE = "none"
    LOSS = "loss"
    BURST_LOSS = "burst-loss"
    CONGESTION = "congestion"
    DELAY = "delay"
    REROUTE = "reroute"
    MTU = "mtu"
    LINK_DOWN = "link-down"
    SITE_DOWN = "site-down"
    SERVER_SLOW = "server-slow"
    SERVER_STALLED = "server-stalled"
    DNS_TIMEOUT = "dns-timeout"
    SERVICE_REFUSED = "service-refused"


@attrs.frozen(slots=True, kw_only=True)
class Scale:
    """How bad a kind can be, in the unit of its mode."""

    usual: tuple[float, ...]
    """What the seed draws from."""
    least: float
    most: float
    allowed: str
    """What may be asked for, in words."""

    def holds(self, rate: float) -> bool:
        """Whether a rate may be asked for."""
        return self.least <= rate <= self.most


@attrs.frozen(slots=True, kw_only=True)
class Traits:
    """What there is to know about a kind."""

    does: str
    """One clause for people: what happens."""
    mode: Mode
    places: tuple[str, ...]
    """Components it fits."""
    scale: Scale
    one_way: bool = False
    """It can hit one direction alone."""
    darkens: bool = False
    """Nothing passes any more: what lies behind it can no longer be seen."""


_EITHER = Scale(usual=(1.0,), least=1.0, most=1.0, allowed="1: it is so or it is not")
_LEAST_RATIO = 1e-6
"""One packet in a million: what the dice of nftables resolve."""
_LOSS = Scale(usual=(0.01, 0.02, 0.03, 0.05), least=_LEAST_RATIO, most=1.0, allowed="a ratio above 0, at most 1")
"""Seen within two windows at a few hundred packets a second, and mild enough that people call the line slow, not dead."""
_BURSTS = attrs.evolve(_LOSS, usual=(0.03, 0.05, 0.08))
"""Ten packets lost in a row say little more than one: it takes a higher share to be as sure."""
_MILLISECONDS = "milliseconds above 0, at most 500"
_DELAY = Scale(usual=(5.0, 8.0, 12.0, 20.0), least=0.01, most=500.0, allowed=_MILLISECONDS)
"""Beyond 500 ms, the end of the severity grid, a line is as good as down."""
_QUEUE = Scale(usual=(10.0, 20.0, 40.0), least=1.0, most=500.0, allowed="milliseconds of queue from 1 to 500")
_OCTETS = Scale(usual=(1280.0, 1400.0, 1452.0, 1492.0), least=576.0, most=1499.0, allowed="octets of an IP packet, 576 to 1499")
"""A tunnel too many, a label too many, PPPoE under TCP options, PPPoE: what breaks in practice."""
_FACTOR = Scale(usual=(4.0, 6.0, 10.0), least=1.1, most=100.0, allowed="a factor from 1.1 to 100")
_SHARE = Scale(usual=(0.4, 0.6, 0.8), least=0.01, most=1.0, allowed="a share of time from 0.01 to 1")
_FAILING = Scale(usual=(0.3, 0.5, 1.0), least=0.01, most=1.0, allowed="a ratio from 0.01 to 1")


def _of(*kinds: ComponentKind) -> tuple[str, ...]:
    return tuple(element.id for element in ELEMENTS.values() if element.kind in kinds and element.id not in SPANS)


_SEGMENTS = _of(ComponentKind.SEGMENT)
_ANSWERING = ("srv-1", "srv-2", "svc-teller", "svc-web")
"""What requests wait for; the file service streams, and nobody can tell a slow answer in it from a short file."""

TRAITS: dict[Kind, Traits] = {
    Kind.LOSS: Traits(
        does="packets are lost at random",
        mode=Mode.LOSS,
        places=_of(ComponentKind.SEGMENT, ComponentKind.DEVICE),
        scale=_LOSS,
        one_way=True,
    ),
    Kind.BURST_LOSS: Traits(
        does="packets are lost, several in a row", mode=Mode.LOSS, places=_SEGMENTS, scale=_BURSTS, one_way=True
    ),
    Kind.CONGESTION: Traits(
        does="a queue fills: packets wait, some are dropped",
        mode=Mode.CONGESTION,
        places=_SEGMENTS,
        scale=_QUEUE,
        one_way=True,
    ),
    Kind.DELAY: Traits(
        does="every packet takes longer, as on a detour", mode=Mode.DELAY, places=_SEGMENTS, scale=_DELAY, one_way=True
    ),
    Kind.REROUTE: Traits(
        does=f"the core takes another path; nothing is wrong with it ({', '.join(SPANS)})",
        mode=Mode.ROUTE,
        places=tuple(SPANS),
        scale=_EITHER,
    ),
    Kind.MTU: Traits(does="large packets vanish without a word", mode=Mode.MTU, places=_SEGMENTS, scale=_OCTETS, one_way=True),
    Kind.LINK_DOWN: Traits(
        does="both ends lose their light",
        mode=Mode.DOWN,
        places=tuple(segment for segment in _SEGMENTS if segment not in REDUNDANT),
        scale=_EITHER,
        darkens=True,
    ),
    Kind.SITE_DOWN: Traits(
        does="a branch loses its power, probes included",
        mode=Mode.DOWN,
        places=tuple(branch.site for branch in BRANCHES),
        scale=_EITHER,
        darkens=True,
    ),
    Kind.SERVER_SLOW: Traits(does="answers take a multiple of their time", mode=Mode.SLOW, places=_ANSWERING, scale=_FACTOR),
    Kind.SERVER_STALLED: Traits(
        does="the application stops reading: its window is closed", mode=Mode.STALLED, places=("svc-file",), scale=_SHARE
    ),
    Kind.DNS_TIMEOUT: Traits(
        does="queries stay unanswered", mode=Mode.FAILING, places=_of(ComponentKind.RESOLVER), scale=_FAILING
    ),
    Kind.SERVICE_REFUSED: Traits(
        does="connections are refused", mode=Mode.FAILING, places=_of(ComponentKind.SERVICE), scale=_FAILING
    ),
}
"""Every kind but `none`, of which there is nothing to know."""

RANDOM = "random"
"""A kind drawn by the seed."""
_UNITS = {
    Mode.LOSS: "ratio",
    Mode.FAILING: "ratio",
    Mode.DELAY: "ms",
    Mode.CONGESTION: "ms of queue",
    Mode.MTU: "octets",
    Mode.SLOW: "factor",
    Mode.STALLED: "share of time",
}


def kinds_text() -> list[str]:
    """Every kind with what it does and the unit of its rate, one a line, for the command's help."""
    told = [f"{Kind.NONE}: nothing happens"]
    for kind, traits in TRAITS.items():
        unit = _UNITS.get(traits.mode)
        told.append(f"{kind}: {traits.does}" + (f"; --rate: {unit}" if unit else ""))
    return told


def why_not(kind: Kind, place: str) -> str | None:
    """Why a kind does not fit a component, in words; None: it fits."""
    if place in TRAITS[kind].places:
        return None
    if place in SPANS:
        members = ", ".join(member for path in SPANS[place].paths for member in path)
        return f"{place} is a span of alternatives: its members are {members}"
    if kind is Kind.LINK_DOWN and place in REDUNDANT:
        return f"without {place} traffic takes the other path: that is a {Kind.REROUTE}, not a fault"
    return f"{kind} does not fit the {PLACES[place].kind} {place}"
