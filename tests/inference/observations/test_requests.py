"""Evidence of services: dial tests, and the traffic of clients endpoint by endpoint."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from faultline.inference import locate
from faultline.inventory import Position, Vantage
from faultline.records.terms import LineCode, SessionId, VantageId

MS = 1_000_000
WAY = {"loop-a>", "core>", "loop-z>", "loop-a<", "fw", "dc-lan<"}


def of_kind(observations: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Those of a kind."""
    return [o for o in observations if o["kind"] == kind]


def test_a_dial_that_nobody_answers_exposes_the_way_and_the_endpoint(ground: Any) -> None:
    """Silence may be either's; a run that was skipped was not made."""
    row = ground.dial("dial-dns", {"scheduled": 22, "done": 10, "timed_out": 9, "unreachable": 1, "skipped": 2})
    (seen,) = ground.observations(row)
    assert (seen["protocol"], seen["outcome"], seen["endpoint"]) == ("dns", "timeout", "dns-1")
    assert (seen["attempts"], seen["failed"]) == (20, 10)
    assert set(seen["via"]) >= WAY


def test_a_refusal_is_an_answer_and_speaks_of_the_endpoint_alone(ground: Any) -> None:
    """The way has just shown that it works, and the endpoint is not held to be well because it answers."""
    row = ground.dial("dial-teller", {"scheduled": 20, "done": 5, "refused": 15})
    answered, refused = ground.observations(row)
    assert (answered["attempts"], answered["failed"]) == (20, 0)
    assert "endpoint" not in answered
    assert "via" in answered
    assert (refused["outcome"], refused["attempts"], refused["failed"]) == ("refused", 20, 15)
    assert refused["endpoint"] == "teller"
    assert "via" not in refused


def test_what_usually_fails_is_learned_but_never_nothing(ground: Any) -> None:
    """A clean thousand lowers the leak, a leaky service raises it; without a baseline it is the default."""

    def leak() -> float:
        (seen,) = ground.observations(ground.dial("dial-teller", {"scheduled": 10, "done": 10}))
        return float(seen["leak"])

    assert leak() == 0.002
    ground.usually_loses("dial-teller", "unanswered", ratio=0.0, n=1000, direction="")
    assert 0 < leak() < 0.0005
    ground.usually_loses("dial-teller", "unanswered", ratio=0.1, n=1000, direction="")
    assert leak() == pytest.approx(0.091, abs=0.001)


def test_the_time_of_an_answer_is_the_resolvers_and_the_ways(ground: Any, steady: Any) -> None:
    """Of a name server it is a response; of a connection the way's delay, told where no session times the line."""
    ground.usually("dial-dns", "response_time", 2 * MS)
    ground.usually("dial-teller", "response_time", 2 * MS)
    times = {"response_time": steady(50 * MS, n=20)}
    rows = [ground.dial(dial, {"scheduled": 20, "done": 20}, **times) for dial in ("dial-dns", "dial-teller")]
    alone = ground.observations(*rows)
    (response,), (delay,) = of_kind(alone, "response"), of_kind(alone, "delay")
    assert response["endpoint"] == "dns-1"
    assert delay["median_us"] == pytest.approx(50_000, rel=0.03)
    counts = {"received": 100, "lost_forward": 0, "lost_reverse": 0}
    assert of_kind(ground.observations(*rows, ground.session("ce-fw", counts)), "delay") == []


def used(ground: Any, vantage: str, steady: Any, *, response_ms: float = 9) -> Any:
    """What a vantage saw of the teller service."""
    fields = {
        "flows": 10,
        "connect_attempts": 20,
        "connect_refused": 5,
        "connect_unanswered": 2,
        "zero_window_events": 3,
        "zero_window_ns": 25_000 * MS,
    }
    return ground.endpoint(vantage, "teller", fields, application_response=steady(int(response_ms * MS), n=50))


def test_an_endpoint_is_looked_at_from_the_nearest_vantage(ground: Any, steady: Any) -> None:
    """Those farther off see the same requests through more of the line."""
    for vantage in ("ce-lan", "fw-lan"):
        ground.usually(vantage, "application_response", 8 * MS, direction="teller")
    seen = ground.observations(*(used(ground, vantage, steady) for vantage in ("ce-lan", "fw-lan")))
    (response,) = of_kind(seen, "response")
    assert set(response["via"]) == {"dc-lan>", "dc-lan<", "server"}
    (closed,) = of_kind(seen, "zero_window")
    assert (closed["endpoint"], closed["seconds"], closed["closed_seconds"]) == ("teller", 100.0, 25.0)
    answered, refused = of_kind(seen, "failure")
    assert (answered["attempts"], answered["failed"], refused["attempts"], refused["failed"]) == (20, 2, 18, 5)


def test_a_line_whose_endpoints_are_known_is_not_told_as_a_whole_again(ground: Any, steady: Any) -> None:
    """The traffic of all servers together would be the same answers once more."""
    ground.usually("fw-lan", "application_response", 8 * MS, direction="a_to_z")
    whole = ground.tcp("fw-lan", "a_to_z", {"tcp_segments": 100}, application_response=steady(9 * MS))
    assert len(of_kind(ground.observations(whole), "response")) == 1
    assert of_kind(ground.observations(whole, used(ground, "fw-lan", steady)), "response") == []


def test_an_endpoint_of_another_line_says_nothing(ground: Any) -> None:
    """What the inventory does not have behind an end of that line is left out."""
    assert ground.observations(ground.endpoint("fw-lan", "ce", {"connect_attempts": 5, "connect_unanswered": 5})) == []
    assert ground.observations(ground.dial("nobody", {"scheduled": 5, "done": 0, "timed_out": 5})) == []


def test_an_acknowledgement_that_waited_for_a_slow_answer_is_not_the_ways(ground: Any, steady: Any) -> None:
    """Where test packets time all of the way, round trips of traffic are not told as its delay."""
    ground.usually("fw-lan", "data_rtt", MS, direction="a_to_z")
    late = ground.tcp("fw-lan", "a_to_z", {"tcp_segments": 100}, data_rtt=steady(40 * MS))
    assert [o.get("source") for o in of_kind(ground.observations(late), "delay")] == ["passive"]
    known = ground.inventory
    host = Vantage(
        id=VantageId("srv"), probe=None, observation_point=None, positions={LineCode("CN-NB-0017"): Position(place=9.5)}
    )
    test = attrs.evolve(known.sessions[SessionId("ce-fw")], id=SessionId("fw-srv"), sender=VantageId("fw-lan"), reflector=host.id)
    ground.inventory = attrs.evolve(known, vantages={**known.vantages, host.id: host}, sessions={**known.sessions, test.id: test})
    for metric in ("forward_delay", "reverse_delay"):
        ground.usually("fw-srv", metric, MS)
    row = ground.session("fw-srv", {}, forward_delay=steady(MS), reverse_delay=steady(MS))
    assert [o.get("source") for o in of_kind(ground.observations(late, row), "delay")] == [None, None]


def starved(ground: Any, vantage: str, lag_ms: float) -> Any:
    """What the probe at a vantage says of its host."""
    return ground.health(ground.inventory.vantages[VantageId(vantage)].probe, loop_lag_ns=int(lag_ms * MS))


def test_a_starved_probe_widens_what_it_timed_itself(ground: Any, steady: Any) -> None:
    """A slow resolver is blamed; not when the only one who says so waited for its own processor as long."""
    ground.usually("dial-dns", "response_time", 2 * MS)
    ground.usually("ce-fw", "rtt", 12 * MS)
    dial = ground.dial("dial-dns", {"scheduled": 60, "done": 60}, response_time=steady(20 * MS, n=60))
    packets = {"sent": 6000, "received": 6000, "lost_forward": 0, "lost_reverse": 0}
    rows = [dial, ground.session("ce-fw", packets, rtt=steady(12 * MS))]
    documents = [ground.evidence(*rows, starved(ground, "ce-lan", lag)) for lag in (2, 80)]
    (well,), (late,) = (of_kind(document["observations"], "response") for document in documents)
    assert "quality" not in well
    assert late == well | {"quality": {"late_us": 80_000.0}}
    blamed = [[(e["components"], e["mode"]) for e in locate(d)["verdicts"] if e["blames"]] for d in documents]
    assert blamed == [[(["server", "dns-1"], "slow")], []]


def test_a_probe_that_waited_half_a_second_may_have_given_up_too_early(ground: Any) -> None:
    """Attempts that nobody answered weigh less; another probe's wait is nothing to them."""
    row = ground.dial("dial-teller", {"scheduled": 10, "done": 8, "timed_out": 2})
    (late,) = ground.observations(row, starved(ground, "ce-lan", 700))
    assert late["quality"] == {"suspect_ratio": 0.5}
    (well,) = ground.observations(row, starved(ground, "fw-lan", 700))
    assert "quality" not in well


def test_captures_of_a_starved_host_are_late_by_a_tenth(ground: Any, steady: Any) -> None:
    """The kernel stamps packets when they come, not when a program wakes up."""
    ground.usually("fw-lan", "application_response", 8 * MS, direction="teller")
    seen = ground.observations(used(ground, "fw-lan", steady), starved(ground, "fw-lan", 300))
    assert of_kind(seen, "response")[0]["quality"] == {"late_us": 30_000.0}


def test_an_answer_that_the_capture_dropped_is_no_failure(ground: Any) -> None:
    """A capture that misses half makes half of the connections look unanswered, and nothing is wrong with the service."""
    row = ground.endpoint("fw-lan", "teller", {"flows": 40, "connect_attempts": 200, "connect_unanswered": 105})
    vantage = ground.inventory.vantages[VantageId("fw-lan")]
    dropped = ground.health(vantage.probe, point=vantage.observation_point, capture_loss_ratio=0.5)
    documents = [ground.evidence(row, *health) for health in ((), (dropped,))]
    leaks = [of_kind(document["observations"], "failure")[0]["leak"] for document in documents]
    assert leaks == [pytest.approx(0.002), pytest.approx(0.501)]
    assert [bool(locate(document)["verdicts"]) for document in documents] == [True, False]
