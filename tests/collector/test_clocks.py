"""A probe's wall clock is judged by arrivals alone: ahead, behind, restarted, and waiting in the spool."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collector.clocks import TOLERATED_NS, ProbeClock
from collector.steady_clock import SteadyClock
from faultline.records.terms import SECOND_NS
from faultline.runtime.clock import VirtualClock

BEGIN_NS = 1_800_000_000 * SECOND_NS
TEN_S = 10 * SECOND_NS


def send(clock: ProbeClock, closed_ns: int, *, error_ns: int = 0, late_ns: int = 50_000_000) -> int:
    """A batch closed at a true moment by a wall clock that is off; gives the correction."""
    return clock.correction_ns(
        "flows", wall_ns=closed_ns + error_ns, monotonic_ns=closed_ns - BEGIN_NS + 7, received_ns=closed_ns + late_ns
    )


def test_a_good_clock_is_never_corrected() -> None:
    """Whatever waits in the spool and for how long."""
    clock = ProbeClock()
    found = [
        send(clock, BEGIN_NS + number * TEN_S, late_ns=late_s * SECOND_NS) for number, late_s in enumerate([0, 3600, 3590, 5, 0])
    ]
    assert found == [0, 0, 0, 0, 0]


def test_a_clock_ahead_of_its_own_arrival_is_corrected_at_once() -> None:
    """A batch cannot come before it was closed."""
    assert send(ProbeClock(), BEGIN_NS, error_ns=3600 * SECOND_NS) == -3600 * SECOND_NS + 50_000_000


def test_a_clock_behind_is_known_once_batches_come_at_their_own_pace() -> None:
    """Until then lateness proves nothing."""
    clock = ProbeClock()
    found = [send(clock, BEGIN_NS + number * TEN_S, error_ns=-600 * SECOND_NS) for number in range(6)]
    assert found[:3] == [0, 0, 0]
    assert found[3:] == [600 * SECOND_NS + 50_000_000] * 3


def test_what_is_known_holds_for_batches_that_waited_later() -> None:
    """The tie of the monotonic clock outlasts an outage."""
    clock = ProbeClock()
    for number in range(5):
        send(clock, BEGIN_NS + number * TEN_S, error_ns=-600 * SECOND_NS)
    assert send(clock, BEGIN_NS + 6 * TEN_S, error_ns=-600 * SECOND_NS, late_ns=7200 * SECOND_NS) == 600 * SECOND_NS + 50_000_000


def test_a_restart_of_the_host_forgets_the_tie() -> None:
    """Its monotonic clock has another beginning."""
    clock = ProbeClock()
    for number in range(5):
        send(clock, BEGIN_NS + number * TEN_S)
    wall_ns = BEGIN_NS + 10 * TEN_S
    assert clock.correction_ns("flows", wall_ns=wall_ns, monotonic_ns=1, received_ns=wall_ns + 5) == 0


def test_what_is_known_survives_a_restart_of_the_collector() -> None:
    """By way of its document."""
    clock = ProbeClock()
    for number in range(5):
        send(clock, BEGIN_NS + number * TEN_S, error_ns=-600 * SECOND_NS)
    again = ProbeClock.restored(clock.document())
    assert send(again, BEGIN_NS + 5 * TEN_S, error_ns=-600 * SECOND_NS) == 600 * SECOND_NS + 50_000_000


@given(error_s=st.floats(-1.9, 1.9), waits=st.lists(st.floats(0, 0.09), min_size=1, max_size=12))
def test_within_two_seconds_nothing_is_touched(error_s: float, waits: list[float]) -> None:
    """Ordinary clocks and ordinary networks."""
    clock = ProbeClock()
    for number, wait_s in enumerate(waits):
        moment = BEGIN_NS + number * TEN_S
        assert send(clock, moment, error_ns=int(error_s * SECOND_NS), late_ns=int(wait_s * SECOND_NS)) == 0
    assert TOLERATED_NS == 2 * SECOND_NS


def test_our_own_time_never_goes_back() -> None:
    """Set back by an hour it goes on by the monotonic clock, and says so; set forward it follows."""
    host = VirtualClock(BEGIN_NS)
    steady = SteadyClock(host)
    host.advance(TEN_S)
    assert steady.wall_ns() == BEGIN_NS + TEN_S
    host.step(-3600 * SECOND_NS)
    host.advance(TEN_S)
    assert steady.wall_ns() == BEGIN_NS + 2 * TEN_S
    assert steady.problem is not None
    assert "3600" in steady.problem
    host.step(7200 * SECOND_NS)
    assert steady.wall_ns() == BEGIN_NS + 2 * TEN_S + 3600 * SECOND_NS
    assert steady.problem is None
