"""Which probe to send next, and what the answers say of the paths: arrivals and the time go in, probes come out. Pure.

The first flow is traced alone and tells how far it is; the others follow, so many as it takes to have met every branch (see
`enumeration`) or as were asked for. Routers answer only so many packets a second: probes are paced, those for one distance more
so, and a hop that answered before and falls silent is asked more slowly, not given up. An answer that comes late still counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from faultline.records.terms import SECOND_NS
from probe.paths.enumeration import confidence_of, further_flows
from probe.paths.hops import Flow, Hop
from probe.paths.terms import LAST_IDENT, MILLISECOND_NS, Answer, Arrival, Kind, Method, Probe

GAP_HOPS = 8
"""Silent hops in a row after which nothing further is expected: a firewall lets nothing come back."""
MOST_FLOWS = 64
"""What an enumeration may use where no number is given: enough for eleven branches at 95 %."""
_AHEAD_HOPS = 3
"""Distances asked at the same time beyond the last one that is known; what is sent past the destination is wasted on it."""
_PACE_NS = 10 * MILLISECOND_NS
_HOP_PACE_NS = 40 * MILLISECOND_NS
_SLOWEST_PACE_NS = SECOND_NS + SECOND_NS // 20
"""Linux answers each asker once a second after a burst of six (icmp_ratelimit, icmp_ratemask)."""
_SHORTEST_TIMEOUT_NS = 300 * MILLISECOND_NS
_ROUND_TRIPS = 5
_SILENT_ATTEMPTS = 3
_MORE_ATTEMPTS = 3
"""Beyond the answers that are wanted, for a hop that is known to answer."""


@attrs.define(slots=True, kw_only=True)
class _Pending:
    probe: Probe
    sent_ns: int
    expired: bool = False


class Discovery:
    """One trace.

    Args:
        method: of its probes.
        flows: how many to trace; None: until every branch is found with 95 % confidence.
        samples: answers wanted of each hop in the first flow; of the others one is enough to know the path.
        max_hops: distance that is not gone beyond.
        timeout_ns: after which a probe is taken for unanswered.
        serial: answers may not tell which probe of a flow they are for, so each flow has one under way.
        gap_hops: silent hops in a row after which nothing further is expected.
    """

    def __init__(
        self,
        *,
        method: Method,
        flows: int | None,
        samples: int,
        max_hops: int,
        timeout_ns: int,
        serial: bool = False,
        gap_hops: int = GAP_HOPS,
    ) -> None:
        self._method = method
        self._asked_flows = flows
        self._samples = samples
        self._max_hops = max_hops
        self._timeout_ns = timeout_ns
        self._serial = serial
        self._gap_hops = gap_hops
        self._next_ident = 1
        self._pending: dict[int, _Pending] = {}
        self._paced_ns = 0
        self._hop_pace: dict[int, int] = {}
        self._hop_paced_ns: dict[int, int] = {}
        self._answered_ttls: set[int] = set()
        self._flows: dict[int, Flow] = {}
        self._done_flows: set[int] = set()
        self._slowest_ns = 0
        self._begin(1)

    # ---- what the edge asks --------------------------------------------------------------------------------------
    @property
    def finished(self) -> bool:
        """Whether nothing is left to send or to wait for."""
        return all(self._done(flow) for flow in self._flows.values()) and not self._lacking()

    @property
    def flows(self) -> Mapping[int, Flow]:
        """Each flow with its hops."""
        return self._flows

    @property
    def sent(self) -> int:
        """Probes so far."""
        return self._next_ident - 1

    @property
    def confidence(self) -> float | None:
        """That no hop has a branch more than was found."""
        return confidence_of(self._branches())

    @property
    def farthest(self) -> int:
        """Distance of the farthest answer."""
        return max(self._answered_ttls, default=0)

    @property
    def rtt_ns(self) -> int:
        """Of the slowest hop, by its fastest answer (the first one may have waited for ARP); 0 when there was none."""
        hops = [hop for flow in self._flows.values() for hop in flow.hops if hop.answered]
        return max((min(sample.rtt_ns for sample in hop.answered.values()) for hop in hops), default=0)

    def probe(self, ident: int) -> Probe | None:
        """The probe with a number."""
        pending = self._pending.get(ident)
        return pending.probe if pending else None

    def next_probe(self, now_ns: int) -> Probe | None:
        """What to send now; None: nothing yet, or nothing more."""
        self._expire(now_ns)
        if all(self._done(flow) for flow in self._flows.values()):
            self._begin(self._lacking())
        if now_ns < self._paced_ns or self._next_ident > LAST_IDENT:
            return None
        hop = next((hop for hop in self._candidates() if self._hop_paced_ns.get(hop.ttl, 0) <= now_ns), None)
        return None if hop is None else self._send(hop, now_ns)

    def next_ns(self, now_ns: int) -> int:
        """When to ask again, at the latest."""
        times = [self._end_ns(pending) for pending in self._pending.values() if not pending.expired]
        times += [max(self._paced_ns, self._hop_paced_ns.get(hop.ttl, 0)) for hop in self._candidates()]
        return max(now_ns, min(times, default=now_ns))

    def receive(self, arrival: Arrival) -> bool:
        """Take an answer; False when it answers nothing, or something that was answered already."""
        pending = self._pending_of(arrival.answer)
        if pending is None:
            return False
        flow, ttl = self._flows[pending.probe.flow], pending.probe.ttl
        hop = flow.hop(ttl)
        if pending.probe.ident in hop.answered:
            return False
        rtt_ns = max(0, arrival.received_ns - pending.sent_ns)
        hop.take(pending.probe.ident, arrival.answer, rtt_ns)
        self._slowest_ns = max(self._slowest_ns, rtt_ns)
        pending.expired = True
        self._answered_ttls.add(ttl)
        flow.learn(ttl, arrival.answer)
        return True

    # ---- flows ---------------------------------------------------------------------------------------------------
    def _begin(self, count: int) -> None:
        for ident in range(len(self._flows), len(self._flows) + count):
            self._flows[ident] = Flow(ident=ident)

    def _lacking(self) -> int:
        """Flows to begin when those under way are done."""
        known = len(self._flows)
        if self._asked_flows is not None:
            return max(0, self._asked_flows - known)
        return min(MOST_FLOWS - known, further_flows(self._branches()))

    def _branches(self) -> dict[int, dict[int, set[str]]]:
        found: dict[int, dict[int, set[str]]] = {}
        for flow in self._flows.values():
            for hop in flow.hops:
                if hop.addresses:
                    found.setdefault(hop.ttl, {})[flow.ident] = set(hop.addresses)
        return found

    def _done(self, flow: Flow) -> bool:
        if flow.ident in self._done_flows:
            return True
        if self._nothing_left(flow):
            self._done_flows.add(flow.ident)
        return flow.ident in self._done_flows

    def _nothing_left(self, flow: Flow) -> bool:
        settled = [self._settled(flow, ttl) for ttl in range(1, flow.end(self._max_hops) + 1)]
        if all(settled):
            return True
        # What comes after a long silence is not waited for, but what came before it is.
        last = flow.last_answered
        silent = settled[last : last + self._gap_hops]
        return flow.reached_ttl is None and len(silent) == self._gap_hops and all(settled[: last + self._gap_hops])

    def _settled(self, flow: Flow, ttl: int) -> bool:
        hop = flow.hop(ttl)
        return len(hop.answered) >= self._wanted(flow) or (hop.sent >= self._most(hop, flow) and not self._under_way(hop))

    def _wanted(self, flow: Flow) -> int:
        return self._samples if flow.ident == 0 else 1

    def _most(self, hop: Hop, flow: Flow) -> int:
        known = hop.answered or (flow.ident and hop.ttl in self._answered_ttls)
        return self._wanted(flow) + _MORE_ATTEMPTS if known else _SILENT_ATTEMPTS

    # ---- probes --------------------------------------------------------------------------------------------------
    def _candidates(self) -> Iterator[Hop]:
        """Hops that may be asked, apart from pacing: nearer ones of earlier flows first."""
        for flow in self._flows.values():
            if self._done(flow) or (self._serial and any(self._under_way(hop) for hop in flow.hops)):
                continue
            for ttl in range(1, self._horizon(flow) + 1):
                hop = flow.hop(ttl)
                wanted = len(hop.answered) < self._wanted(flow) and hop.sent < self._most(hop, flow)
                if wanted and not self._under_way(hop):
                    yield hop

    def _horizon(self, flow: Flow) -> int:
        """How far this flow is asked now."""
        end = flow.end(self._max_hops)
        known = 0
        while known < end and (flow.hop(known + 1).answered or self._settled(flow, known + 1)):
            known += 1
        distance = min((other.reached_ttl for other in self._flows.values() if other.reached_ttl), default=0)
        return min(end, distance if distance > known else known + _AHEAD_HOPS)

    def _under_way(self, hop: Hop) -> bool:
        return any(not self._pending[ident].expired for ident in hop.idents if ident in self._pending)

    def _send(self, hop: Hop, now_ns: int) -> Probe:
        probe = Probe(ident=self._next_ident, flow=hop.flow, ttl=hop.ttl, method=self._method)
        self._next_ident += 1
        self._pending[probe.ident] = _Pending(probe=probe, sent_ns=now_ns)
        hop.idents.append(probe.ident)
        self._paced_ns = now_ns + _PACE_NS
        self._hop_paced_ns[hop.ttl] = now_ns + self._hop_pace.get(hop.ttl, _HOP_PACE_NS)
        return probe

    def _end_ns(self, pending: _Pending) -> int:
        """When a probe is taken for unanswered: in later flows sooner, as the first one showed how long answers take here."""
        timeout_ns = self._timeout_ns
        if pending.probe.flow and self._slowest_ns:
            timeout_ns = min(timeout_ns, max(_SHORTEST_TIMEOUT_NS, _ROUND_TRIPS * self._slowest_ns))
        return pending.sent_ns + timeout_ns

    def _expire(self, now_ns: int) -> None:
        for pending in self._pending.values():
            if not pending.expired and now_ns >= self._end_ns(pending):
                pending.expired = True
                ttl = pending.probe.ttl
                if ttl in self._answered_ttls:
                    self._hop_pace[ttl] = min(_SLOWEST_PACE_NS, 5 * self._hop_pace.get(ttl, _HOP_PACE_NS))
                    self._hop_paced_ns[ttl] = now_ns + self._hop_pace[ttl]

    def _pending_of(self, answer: Answer) -> _Pending | None:
        if answer.ident is not None:
            return self._pending.get(answer.ident)
        waiting = [pending for pending in self._pending.values() if pending.probe.flow == answer.flow and not pending.expired]
        return waiting[0] if len(waiting) == 1 else None

    def reached(self) -> bool:
        """Whether every flow came to the destination."""
        return all(flow.reached_ttl is not None for flow in self._flows.values())

    def refusals(self) -> list[Answer]:
        """Where packets were carried no further, once each."""
        found = {flow.refusal.address: flow.refusal for flow in self._flows.values() if flow.refusal}
        return [answer for answer in found.values() if answer.kind is Kind.REFUSED]
