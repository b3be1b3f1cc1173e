"""The order of a trace, and what it makes of answers: a network that is a function, and a clock that is a number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import attrs
import pytest

from faultline.records.terms import SECOND_NS
from probe.paths.discovery import GAP_HOPS, Discovery
from probe.paths.terms import MILLISECOND_NS, Answer, Arrival, Kind, Method, Probe

Route = Callable[[Probe], tuple[Kind, str] | None]
RTT_NS = 4 * MILLISECOND_NS
TIMEOUT_NS = SECOND_NS


@attrs.define(kw_only=True)
class Ran:
    """What a trace did."""

    discovery: Discovery
    sent: list[tuple[int, Probe]]
    ended_ns: int

    def addresses(self, flow: int = 0) -> list[str | None]:
        """Who answered, hop by hop."""
        return [hop.address for hop in self.discovery.flows[flow].hops]

    def asked(self, ttl: int, flow: int | None = None) -> list[int]:
        """When a distance was asked."""
        return [at for at, probe in self.sent if probe.ttl == ttl and flow in {None, probe.flow}]


def run(route: Route, *, rtt_ns: int = RTT_NS, serial: bool = False, named: bool = True, **options: object) -> Ran:
    """Trace a network to the end."""
    settings: dict[str, object] = {"flows": 1, "samples": 1, "max_hops": 30, "timeout_ns": TIMEOUT_NS} | options
    discovery = Discovery(method=Method.UDP, serial=serial, **settings)  # type: ignore[arg-type]
    now_ns = 1
    sent: list[tuple[int, Probe]] = []
    under_way: list[Arrival] = []
    for _ in range(20_000):
        for arrival in [arrival for arrival in under_way if arrival.received_ns <= now_ns]:
            under_way.remove(arrival)
            discovery.receive(arrival)
        while (probe := discovery.next_probe(now_ns)) is not None:
            sent.append((now_ns, probe))
            if said := route(probe):
                answer = Answer(kind=said[0], address=said[1], ident=probe.ident if named else None, flow=probe.flow)
                under_way.append(Arrival(answer=answer, received_ns=now_ns + rtt_ns))
        if discovery.finished:
            return Ran(discovery=discovery, sent=sent, ended_ns=now_ns)
        now_ns = max(now_ns + 1, min([discovery.next_ns(now_ns), *(arrival.received_ns for arrival in under_way)]))
    raise AssertionError("the trace does not end")


def chain(*hops: str | None) -> Route:
    """One path; None is a silent hop, the last one is the destination."""

    def route(probe: Probe) -> tuple[Kind, str] | None:
        if probe.ttl >= len(hops):
            return (Kind.REACHED, hops[-1]) if hops[-1] else None
        address = hops[probe.ttl - 1]
        return (Kind.HOP, address) if address else None

    return route


def test_a_path_is_followed_to_its_destination() -> None:
    """Every hop in order, with its round trip; nothing is kept of what was sent beyond the destination."""
    ran = run(chain("r1", "r2", "r3", "end"), samples=3)
    assert ran.addresses() == ["r1", "r2", "r3", "end"]
    assert ran.discovery.flows[0].reached_ttl == 4
    assert next([sample.rtt_ns for sample in hop.samples("r1")] for hop in ran.discovery.flows[0].hops) == [RTT_NS] * 3
    assert max(probe.ttl for _, probe in ran.sent) <= 7
    assert ran.discovery.reached()


def test_probes_are_paced() -> None:
    """Never two within 10 ms, never two for one distance within 40 ms: routers answer only so many."""
    ran = run(chain("r1", "r2", "end"), samples=5, flows=3, rtt_ns=MILLISECOND_NS)
    times = [at for at, _ in ran.sent]
    assert min(later - earlier for earlier, later in pairwise(times)) >= 10 * MILLISECOND_NS
    for ttl in (1, 2, 3):
        asked = ran.asked(ttl)
        assert min(later - earlier for earlier, later in pairwise(asked)) >= 40 * MILLISECOND_NS


def test_a_silent_hop_is_asked_three_times_and_has_no_address() -> None:
    """What is behind it is found; the trace goes on meanwhile."""
    ran = run(chain("r1", None, "r3", "end"))
    assert ran.addresses() == ["r1", None, "r3", "end"]
    assert len(ran.asked(2)) == 3
    assert ran.ended_ns < 3.5 * SECOND_NS


def test_later_flows_wait_as_long_as_answers_take_here() -> None:
    """Where answers come in milliseconds a silent hop costs a further flow less than the first; a slow one is waited for."""
    alone, three = run(chain("r1", None, "end")), run(chain("r1", None, "end"), flows=3)
    assert three.ended_ns - alone.ended_ns < 1.5 * SECOND_NS
    slow = run(chain("r1", None, "end"), flows=2, rtt_ns=SECOND_NS - 1)
    assert slow.ended_ns > 5.9 * SECOND_NS


def test_after_a_long_silence_it_ends() -> None:
    """Eight silent hops in a row: nothing is expected any more, long before the farthest distance that is allowed."""
    ran = run(chain("r1", "r2", *[None] * 28))
    assert ran.addresses()[:2] == ["r1", "r2"]
    assert not ran.discovery.reached()
    assert max(probe.ttl for _, probe in ran.sent) <= 2 + GAP_HOPS + 3
    assert ran.ended_ns < 14 * SECOND_NS


def test_a_hop_that_answered_and_falls_silent_is_asked_more_slowly() -> None:
    """A router that limits itself to one answer a second still gives every flow its address."""
    last_ns = {"at": -SECOND_NS, "tokens": 3}
    moment = {"now": 0}

    def route(probe: Probe) -> tuple[Kind, str] | None:
        if probe.ttl != 1:
            return Kind.REACHED, "end"
        moment["now"] += 1
        if last_ns["tokens"]:
            last_ns["tokens"] -= 1
            return Kind.HOP, "r1"
        last_ns["tokens"] = 1 if moment["now"] % 2 else 0
        return None

    ran = run(route, flows=6)
    assert all(ran.addresses(flow) == ["r1", "end"] for flow in range(6))
    asked = ran.asked(1)
    assert max(later - earlier for earlier, later in pairwise(asked)) >= SECOND_NS


def balanced(branches: int) -> Route:
    """The second hop has equal branches, by flow."""

    def route(probe: Probe) -> tuple[Kind, str] | None:
        if probe.ttl == 2:
            return Kind.HOP, f"b{probe.flow % branches}"
        return (Kind.HOP, "r1") if probe.ttl == 1 else (Kind.REACHED, "end")

    return route


@pytest.mark.parametrize(("branches", "flows"), [(1, 6), (2, 11), (3, 16), (4, 21)])
def test_flows_are_added_until_no_branch_is_missed(branches: int, flows: int) -> None:
    """The stopping rule at 95 %: with one branch 6 flows, with two 11, and so on; the confidence is stated."""
    ran = run(balanced(branches), flows=None)
    assert len(ran.discovery.flows) == flows
    assert {ran.addresses(flow)[1] for flow in range(flows)} == {f"b{number}" for number in range(branches)}
    assert 0.95 <= (ran.discovery.confidence or 0) < 1


def test_enumeration_ends_at_its_bound() -> None:
    """A hop with ever new addresses does not make it go on for ever; the confidence says what is left open."""
    ran = run(balanced(1000), flows=None)
    assert len(ran.discovery.flows) == 64
    assert (ran.discovery.confidence or 0) < 0.95


def test_so_many_flows_as_were_asked_for() -> None:
    """A number is kept to, and a single flow proves nothing of branches."""
    assert len(run(balanced(2), flows=3).discovery.flows) == 3
    assert run(balanced(2), flows=1).discovery.confidence == 0


def test_two_addresses_at_one_distance_of_one_flow_are_both_kept() -> None:
    """Packets of one flow that are spread, or a path that changed: in the order of the probes, each with its own times."""
    count: Iterator[str] = iter(["x", "y", "x", "x", "x"])
    ran = run(lambda probe: (Kind.HOP, next(count)) if probe.ttl == 1 else (Kind.REACHED, "end"), samples=3)
    hop = ran.discovery.flows[0].hop(1)
    assert hop.addresses == ["x", "y"]
    assert [len(hop.samples(address)) for address in hop.addresses] == [2, 1]


def test_a_refusal_ends_the_path() -> None:
    """Where a router carries packets no further, nothing beyond is asked for long, and the reason is kept."""

    def route(probe: Probe) -> tuple[Kind, str] | None:
        return (Kind.HOP, "r1") if probe.ttl == 1 else (Kind.REFUSED, "r1")

    ran = run(route)
    assert [answer.address for answer in ran.discovery.refusals()] == ["r1"]
    assert not ran.discovery.reached()
    assert [hop.ttl for hop in ran.discovery.flows[0].hops] == [1, 2]


def test_answers_that_do_not_tell_their_probe_belong_to_the_one_under_way() -> None:
    """With one probe a flow under way at a time, paths are the same as with numbered answers."""
    ran = run(balanced(2), flows=4, serial=True, named=False)
    assert [ran.addresses(flow) for flow in range(4)] == [["r1", f"b{flow % 2}", "end"] for flow in range(4)]


def test_a_late_answer_counts_and_a_doubled_one_does_not() -> None:
    """An answer after its time is still where the packet was; the same one again is refused."""
    discovery = Discovery(method=Method.UDP, flows=1, samples=2, max_hops=1, timeout_ns=TIMEOUT_NS)
    first = discovery.next_probe(0)
    assert first is not None
    second = discovery.next_probe(2 * TIMEOUT_NS)
    assert second is not None
    late = Arrival(answer=Answer(kind=Kind.HOP, address="r1", ident=first.ident), received_ns=2 * TIMEOUT_NS + 1)
    assert discovery.receive(late)
    assert not discovery.receive(late)
    assert not discovery.receive(attrs.evolve(late, answer=attrs.evolve(late.answer, ident=4711)))
    assert [sample.rtt_ns for sample in discovery.flows[0].hop(1).samples("r1")] == [2 * TIMEOUT_NS + 1]


def test_a_host_that_is_its_own_destination_is_one_hop() -> None:
    """The first probe is answered by the destination."""
    ran = run(chain("end"), flows=2)
    assert ran.addresses() == ["end"]
    assert len(ran.sent) <= 4
