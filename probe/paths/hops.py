"""What one flow's probes found, hop by hop: kept as it came, never averaged, never mixed with another flow's."""

from __future__ import annotations

import attrs

from probe.paths.terms import Answer, Kind, Label


@attrs.frozen(slots=True, kw_only=True)
class Sample:
    """One answer at a hop."""

    address: str
    rtt_ns: int
    labels: tuple[Label, ...] = ()
    rewritten: tuple[str, ...] = ()


@attrs.define(slots=True, kw_only=True)
class Hop:
    """One distance in one flow."""

    flow: int
    ttl: int
    idents: list[int] = attrs.field(factory=list)
    """Of the probes sent."""
    answered: dict[int, Sample] = attrs.field(factory=dict)
    """By probe."""

    @property
    def sent(self) -> int:
        """Probes so far."""
        return len(self.idents)

    @property
    def addresses(self) -> list[str]:
        """Who answered, in the order of the probes; more than one where packets of a flow are spread, or the path changed."""
        return list(dict.fromkeys(self.answered[ident].address for ident in sorted(self.answered)))

    @property
    def address(self) -> str | None:
        """Who answered first; None when nobody did."""
        return next(iter(self.addresses), None)

    def samples(self, address: str) -> list[Sample]:
        """The answers of one router."""
        return [self.answered[ident] for ident in sorted(self.answered) if self.answered[ident].address == address]

    def take(self, ident: int, answer: Answer, rtt_ns: int) -> None:
        """Keep an answer."""
        sample = Sample(address=answer.address, rtt_ns=rtt_ns, labels=answer.labels, rewritten=answer.rewritten)
        self.answered[ident] = sample


@attrs.define(slots=True, kw_only=True)
class Flow:
    """One flow's path as far as it is known."""

    ident: int
    reached_ttl: int | None = None
    """The smallest distance at which the destination spoke."""
    refused_ttl: int | None = None
    refusal: Answer | None = None
    _hops: dict[int, Hop] = attrs.field(factory=dict, alias="hops_by_ttl")

    def hop(self, ttl: int) -> Hop:
        """The hop at a distance."""
        if ttl not in self._hops:
            self._hops[ttl] = Hop(flow=self.ident, ttl=ttl)
        return self._hops[ttl]

    @property
    def hops(self) -> list[Hop]:
        """Those asked so far, nearest first, none beyond the end."""
        return [self._hops[ttl] for ttl in sorted(self._hops) if self._hops[ttl].sent and ttl <= self.end(ttl)]

    @property
    def last_answered(self) -> int:
        """The farthest distance with an answer; 0 when there is none."""
        return max((hop.ttl for hop in self.hops if hop.answered), default=0)

    def end(self, otherwise: int) -> int:
        """Distance beyond which there is nothing."""
        return min(self.reached_ttl or otherwise, self.refused_ttl or otherwise, otherwise)

    def learn(self, ttl: int, answer: Answer) -> None:
        """Draw from an answer where the path ends."""
        if answer.kind is Kind.REACHED:
            self.reached_ttl = min(self.reached_ttl or ttl, ttl)
        elif answer.kind is Kind.REFUSED and (self.refused_ttl is None or ttl < self.refused_ttl):
            self.refused_ttl, self.refusal = ttl, answer
