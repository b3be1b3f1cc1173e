"""Evidence of test sessions, from rows to observations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultline.inference import locate
from faultline.inference.observations_rows import Ground
from faultline.inference.observations_sessions import session_observations
from faultline.inference.observations_ways import Ways
from faultline.inventory import Inventory
from faultline.records.histogram import Histogram
from faultline.records.terms import SessionId

MS = 1_000_000
Steady = Callable[..., Histogram]


def nothing_usual(**_: str) -> None:
    """No baseline yet."""


COUNTS = {"sent": 1000, "received": 980, "lost_forward": 12, "lost_reverse": 3, "lost_unattributed": 5}


def test_each_direction_counts_the_packets_that_speak_for_it(ground: Any) -> None:
    """Out stand those whose fate is known, back those that reached the reflector, the rest expose both ways together."""
    assert ground.observations(ground.session("ce-pe1", COUNTS)) == [
        {"kind": "loss", "source": "active", "via": ["loop-a>"], "sent": 995, "lost": 12},
        {"kind": "loss", "source": "active", "via": ["loop-a<"], "sent": 983, "lost": 3},
        {"kind": "loss", "source": "active", "via": ["loop-a>", "loop-a<"], "sent": 5, "lost": 5, "round_trip": True},
    ]


@given(fates=st.tuples(st.integers(0, 1000), st.integers(0, 100), st.integers(0, 100), st.integers(0, 100)))
def test_every_packet_is_counted_once_a_direction(
    known: Inventory, make_row: Callable[..., Any], fates: tuple[int, int, int, int]
) -> None:
    """What the observations lost is what was lost; out and unattributed together are all that were sent."""
    received, forward, reverse, nowhere = fates
    counts = {"received": received, "lost_forward": forward, "lost_reverse": reverse, "lost_unattributed": nowhere}
    row = make_row(measurement="session", tags={"line": "CN-NB-0017", "session": "ce-pe1"}, fields=counts)
    seen = list(session_observations(row, Ground(inventory=known, usual=nothing_usual, seconds=60.0, ways=Ways(known))))
    assert sum(o["lost"] for o in seen) == forward + reverse + nowhere
    out = [o["sent"] for o in seen if o["via"] == ["loop-a>"] or o.get("round_trip")]
    assert sum(out) == received + forward + reverse + nowhere
    assert all(0 <= o["lost"] <= o["sent"] for o in seen)


def test_a_dead_line_is_seen(ground: Any) -> None:
    """When nothing comes back, nothing is attributed; both directions stand accused, and the device that should answer."""
    dead = {"sent": 600, "received": 0, "lost_forward": 0, "lost_reverse": 0, "lost_unattributed": 600}
    (seen,) = ground.observations(ground.session("ce-fw", dead))
    assert seen["round_trip"] is True
    assert (seen["sent"], seen["lost"]) == (600, 600)
    assert seen["via"] == ["loop-a>", "loop-a<", "pe1", "core>", "core<", "pe2", "loop-z>", "loop-z<", "fw"]


def test_what_was_answered_before_the_replies_stopped_exposes_who_answered(ground: Any) -> None:
    """The way and the device at its end stand in the same observations; while all is attributed, the device is in none."""
    fates = {"sent": 600, "received": 100, "lost_forward": 0, "lost_reverse": 0, "lost_unattributed": 500}
    seen = ground.observations(ground.session("ce-fw", fates))
    assert [o["sent"] for o in seen] == [100, 100, 500]
    assert all("fw" in o["via"] for o in seen)
    for observation in ground.observations(ground.session("ce-fw", {**fates, "received": 600, "lost_unattributed": 0})):
        assert "fw" not in observation["via"]


def test_full_size_packets_from_before_most_stopped_are_not_told(known: Inventory, make_row: Callable[..., Any]) -> None:
    """Five that passed would speak against whatever stopped ninety-five; one that is still on its way stops nothing."""
    session = attrs.evolve(known.sessions[SessionId("ce-fw")], packet_octets=1500)
    full_size = attrs.evolve(known, sessions={**known.sessions, session.id: session})
    ground = Ground(inventory=full_size, usual=nothing_usual, seconds=20.0, ways=Ways(full_size))
    for received, nowhere, expected in ((5, 95, [95]), (99, 1, [99, 99, 1])):
        counts = {"received": received, "lost_forward": 0, "lost_reverse": 0, "lost_unattributed": nowhere}
        row = make_row(measurement="session", tags={"line": "CN-NB-0017", "session": "ce-fw"}, fields=counts)
        seen = list(session_observations(row, ground))
        assert {o["kind"] for o in seen} == {"mtu"}
        assert [o["sent"] for o in seen] == expected


def test_the_instruments_troubles_travel_along(ground: Any) -> None:
    """Starved samples and unmeasured seconds are the observation's quality, from a window's mask or a span's sum."""
    window = ground.session("ce-pe1", {**COUNTS, "suspect": 20, "unmeasured_mask": 0b110})
    assert ground.observations(window)[0]["quality"] == {"suspect_ratio": 0.02, "gap_seconds": 2}
    span = ground.session("ce-pe1", {**COUNTS, "gap_seconds": 7})
    assert ground.observations(span)[0]["quality"] == {"gap_seconds": 7}


def test_what_was_not_measured_is_not_there(ground: Any) -> None:
    """No counts, no loss; an unknown session, nothing."""
    assert ground.observations(ground.session("ce-pe1", {"sent": 100})) == []
    assert ground.observations(ground.session("nobody", COUNTS)) == []


def with_delays(ground: Any, steady: Steady, *, forward_ms: float, reverse_ms: float) -> list[dict[str, Any]]:
    """Delay observations of a session that usually takes 5 ms each way."""
    ground.usually("ce-pe1", "forward_delay", 5 * MS)
    ground.usually("ce-pe1", "reverse_delay", 5 * MS)
    ground.usually("ce-pe1", "rtt", 10 * MS)
    row = ground.session(
        "ce-pe1",
        {},
        forward_delay=steady(int(forward_ms * MS)),
        reverse_delay=steady(int(reverse_ms * MS)),
        rtt=steady(int((forward_ms + reverse_ms) * MS)),
    )
    seen: list[dict[str, Any]] = ground.observations(row)
    return seen


def test_delay_is_told_by_direction_beside_its_baseline(ground: Any, steady: Steady) -> None:
    """Each direction is an observation with the minimum, median and p90 of now and of usual, in microseconds."""
    out, back = with_delays(ground, steady, forward_ms=9, reverse_ms=5)
    assert (out["via"], back["via"]) == (["loop-a>"], ["loop-a<"])
    assert out["median_us"] == pytest.approx(9000, rel=1 / 64)
    assert out["baseline"] == {"n": 9000, "min_us": 4980.0, "median_us": 5000.0, "mad_us": 10.0, "p90_us": 5020.0}
    assert out["n"] == 200
    assert "round_trip" not in out


@pytest.mark.parametrize("step_ms", [3.0, -3.0, 400.0])
def test_a_clocks_step_is_never_the_networks(ground: Any, steady: Steady, step_ms: float) -> None:
    """Opposite steps of the two directions leave the round trip to speak, and that has not moved."""
    (seen,) = with_delays(ground, steady, forward_ms=5 + step_ms, reverse_ms=5 - step_ms)
    assert seen["round_trip"] is True
    assert seen["via"] == ["loop-a>", "loop-a<"]
    assert seen["median_us"] == pytest.approx(10_000, rel=1 / 64)


def test_a_fault_under_a_clocks_step_is_still_seen(ground: Any, steady: Steady) -> None:
    """8 ms more on one way while the clock steps by 3 ms: the round trip shows the 8 ms."""
    (seen,) = with_delays(ground, steady, forward_ms=5 + 8 - 3 - 8, reverse_ms=5 + 3 + 8)
    assert seen["round_trip"] is True
    assert seen["median_us"] - seen["baseline"]["median_us"] == pytest.approx(8000, rel=0.05)


def test_small_opposite_movement_is_told_as_the_clocks_error(ground: Any, steady: Steady) -> None:
    """Below a tenth of a millisecond one-way delays still speak, with the movement as their error."""
    out, back = with_delays(ground, steady, forward_ms=5.09, reverse_ms=4.91)
    error = out["quality"]["clock_error_us"]
    assert 0 < error <= 100
    assert back["quality"]["clock_error_us"] == error


def test_negative_one_way_delays_are_shown(ground: Any, steady: Steady) -> None:
    """Clocks that differ make delays negative; they are compared with their own baseline, never clamped."""
    ground.usually("ce-pe1", "forward_delay", -5 * MS)
    ground.usually("ce-pe1", "reverse_delay", 15 * MS)
    row = ground.session("ce-pe1", {}, forward_delay=steady(-5 * MS), reverse_delay=steady(15 * MS))
    out, _ = ground.observations(row)
    assert out["median_us"] == pytest.approx(-5000, rel=1 / 64)


def test_one_way_baselines_of_drifting_clocks_leave_the_round_trip_to_speak(ground: Any, steady: Steady) -> None:
    """Where one-way baselines are far more spread than the round trip's, the round trip sees more."""
    ground.usually("ce-pe1", "forward_delay", 5 * MS, mad_ns=2e6)
    ground.usually("ce-pe1", "reverse_delay", 5 * MS, mad_ns=2e6)
    ground.usually("ce-pe1", "rtt", 10 * MS)
    row = ground.session("ce-pe1", {}, forward_delay=steady(5 * MS), reverse_delay=steady(5 * MS), rtt=steady(10 * MS))
    (seen,) = ground.observations(row)
    assert seen["round_trip"] is True


def test_a_delay_without_baseline_or_of_few_samples_is_no_evidence(ground: Any, steady: Steady) -> None:
    """Nothing to compare with, or a median of nine samples: left out."""
    delays = {"forward_delay": steady(5 * MS), "reverse_delay": steady(5 * MS), "rtt": steady(10 * MS)}
    assert ground.observations(ground.session("ce-pe1", {}, **delays)) == []
    ground.usually("ce-pe1", "rtt", 10 * MS)
    assert ground.observations(ground.session("ce-pe1", {}, rtt=steady(10 * MS, n=9))) == []
    assert len(ground.observations(ground.session("ce-pe1", {}, **delays))) == 1


def test_counts_alone_when_distributions_are_not_asked(ground: Any, steady: Steady) -> None:
    """Long memories add counts and leave delays out, though the rows have them."""
    ground.usually("ce-pe1", "rtt", 10 * MS)
    row = ground.session("ce-pe1", COUNTS, rtt=steady(10 * MS))
    assert {o["kind"] for o in ground.observations(row, distributions=False)} == {"loss"}
    assert {o["kind"] for o in ground.observations(row)} == {"loss", "delay"}


def test_what_a_line_always_loses_is_its_background(ground: Any) -> None:
    """Learned by direction; told only where it is more than a healthy path loses, and never so much that it hides a fault."""
    row = ground.session("ce-fw", {"received": 5000, "lost_forward": 3, "lost_reverse": 0})

    def backgrounds(ratio: float, n: int) -> list[float | None]:
        ground.usually_loses("ce-fw", "lost_there", ratio=ratio, n=n, direction="")
        return [o.get("background") for o in ground.observations(row) if o["kind"] == "loss"]

    assert backgrounds(5e-4, 1_000_000) == [pytest.approx(4.59e-4, rel=0.01), None]
    assert backgrounds(5e-4, 10_000) == [pytest.approx(9.1e-5, rel=0.01), None]
    assert backgrounds(6e-5, 1_000_000) == [None, None]
    assert backgrounds(0.0, 1_000_000) == [None, None]
    assert backgrounds(0.05, 1_000_000) == [1e-3, None]


def test_a_chronic_loss_is_not_blamed_and_what_comes_on_top_is(ground: Any) -> None:
    """0.05 % for years, ten minutes of it again: nothing new. 0.3 % instead: a fault."""
    blamed = []
    ground.usually_loses("ce-fw", "lost_there", ratio=5e-4, n=1_000_000, direction="")
    for lost in (17, 90):
        evidence = ground.evidence(ground.session("ce-fw", {"received": 30_000, "lost_forward": lost, "lost_reverse": 1}))
        blamed.append(any(entry["blames"] for entry in locate(evidence)["verdicts"]))
    assert blamed == [False, True]
    ground.baselines.clear()
    new = ground.evidence(ground.session("ce-fw", {"received": 30_000, "lost_forward": 17, "lost_reverse": 1}))
    assert any(entry["blames"] for entry in locate(new)["verdicts"])
