"""Where large packets vanish, on paths that are functions."""

from __future__ import annotations

from collections.abc import Callable

from faultline.records.terms import SECOND_NS
from probe.paths.black_hole import HoleSearch
from probe.paths.terms import MILLISECOND_NS, Answer, Arrival, Kind, Method, Probe

ROUTERS = {1: "r1", 2: "r2", 4: "r4", 5: "end"}
"""The third hop is silent."""


def run(answers: Callable[[Probe, int], bool]) -> tuple[HoleSearch, list[Probe]]:
    """Search to the end: the search, and what was sent."""
    search = HoleSearch(method=Method.UDP, routers=ROUTERS, size=1401, timeout_ns=300 * MILLISECOND_NS, first_ident=1)
    now_ns, sent = 1, []
    for _ in range(1000):
        probe = search.next_probe(now_ns)
        if probe is not None:
            sent.append(probe)
            if answers(probe, now_ns):
                kind = Kind.REACHED if probe.ttl == 5 else Kind.HOP
                answer = Answer(kind=kind, address=ROUTERS[probe.ttl], ident=probe.ident)
                search.receive(Arrival(answer=answer, received_ns=now_ns))
        if search.finished:
            return search, sent
        now_ns = max(now_ns + 1, search.next_ns(now_ns))
    raise AssertionError("the search does not end")


def test_the_last_router_that_large_packets_reach_is_named() -> None:
    """What loses them comes after it; routers beyond are not asked, silent ones never."""
    search, sent = run(lambda probe, _: probe.size is None or probe.ttl <= 2)
    assert search.found
    assert search.last_reached == (2, "r2")
    assert [probe.ttl for probe in sent if probe.size is not None] == [1, 2, 4, 4]


def test_before_the_first_router() -> None:
    """Not even that one gets them: there is a hole and no last router."""
    search, _ = run(lambda probe, _: probe.size is None)
    assert search.found
    assert search.last_reached is None


def test_a_router_that_limits_itself_is_not_taken_for_unreached() -> None:
    """It answers once a second, large or small: slower, and then it has answered."""
    last_ns = {2: -SECOND_NS}

    def answers(probe: Probe, now_ns: int) -> bool:
        if probe.ttl != 2:
            return probe.size is None or probe.ttl < 4
        fits = now_ns - last_ns[2] >= SECOND_NS
        if fits:
            last_ns[2] = now_ns
        return fits

    search, _ = run(answers)
    assert search.last_reached == (2, "r2")
    assert search.found


def test_a_path_without_a_hole_has_none() -> None:
    """Large packets come to the destination: this flow does not pass the narrow link."""
    search, _ = run(lambda *_: True)
    assert not search.found
    assert search.last_reached == (5, "end")
