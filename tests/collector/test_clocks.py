"""A probe's wall clock is judged by what its exchanges prove: ahead, behind, restarted, waiting in the spool, on a bad line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collector.clocks import TOLERATED_NS, Exchange, ProbeClock
from collector.steady_clock import SteadyClock
from faultline.records.terms import SECOND_NS
from faultline.runtime.clock import VirtualClock

BEGIN_NS = 1_800_000_000 * SECOND_NS
TEN_S = 10 * SECOND_NS


MS_NS = 1_000_000


class Branch:
    """A probe whose monotonic clock began a little before `BEGIN_NS`, and its requests."""

    def __init__(self, clock: ProbeClock, *, error_ns: int = 0) -> None:
        self.clock = clock
        self.error_ns = error_ns
        self.floor_ns: int | None = None

    def monotonic_ns(self, true_ns: int) -> int:
        """What its monotonic clock shows."""
        return true_ns - BEGIN_NS + 7

    def send(self, closed_ns: int, *, waited_ns: int = 0, out_ns: int = 50 * MS_NS, back_ns: int = 50 * MS_NS) -> int:
        """A batch closed at a true moment, sent later; gives the correction."""
        sent_ns = closed_ns + waited_ns
        arrived_ns = sent_ns + out_ns
        told = f"{self.monotonic_ns(sent_ns)} {'' if self.floor_ns is None else self.floor_ns}"
        self.clock.hear(Exchange.told(told, arrived_ns=arrived_ns))
        self.floor_ns = arrived_ns - self.monotonic_ns(arrived_ns + back_ns)
        monotonic_ns = self.monotonic_ns(closed_ns)
        return self.clock.correction_ns(wall_ns=closed_ns + self.error_ns, monotonic_ns=monotonic_ns, received_ns=arrived_ns)


def test_a_good_clock_is_never_corrected() -> None:
    """Whatever waits in the spool and for how long, and in whatever pace it then comes."""
    branch = Branch(ProbeClock())
    waits_s = [0, 3600, 3590, 5, 0, 45, 45, 45, 45, 45]
    found = [branch.send(BEGIN_NS + number * TEN_S, waited_ns=wait_s * SECOND_NS) for number, wait_s in enumerate(waits_s)]
    assert found == [0] * len(waits_s)


def test_a_line_on_which_every_request_takes_long_says_nothing_about_the_clock() -> None:
    """A branch behind a failing line connects for seconds, every time: the answers take long as well, and nothing is proven."""
    branch = Branch(ProbeClock())
    found = [branch.send(BEGIN_NS + number * TEN_S, out_ns=7 * SECOND_NS, back_ns=3 * SECOND_NS) for number in range(40)]
    assert found == [0] * 40


def test_a_clock_ahead_of_its_own_arrival_is_corrected_at_once() -> None:
    """A batch cannot come before it was closed; also of a sender that tells nothing."""
    expected_ns = -3600 * SECOND_NS + 50 * MS_NS
    assert Branch(ProbeClock(), error_ns=3600 * SECOND_NS).send(BEGIN_NS) == expected_ns
    silent = ProbeClock().correction_ns(wall_ns=BEGIN_NS + 3600 * SECOND_NS, monotonic_ns=5, received_ns=BEGIN_NS + 50 * MS_NS)
    assert silent == expected_ns


def test_a_clock_behind_is_known_from_the_second_request() -> None:
    """The first may only have waited; the answer to it is the proof that the second brings."""
    branch = Branch(ProbeClock(), error_ns=-600 * SECOND_NS)
    found = [branch.send(BEGIN_NS + number * TEN_S) for number in range(4)]
    assert found == [0, *[600 * SECOND_NS + 50 * MS_NS] * 3]


def test_what_is_known_holds_for_batches_that_waited() -> None:
    """The monotonic clock is tied to ours, not the arrival."""
    branch = Branch(ProbeClock(), error_ns=-600 * SECOND_NS)
    for number in range(5):
        branch.send(BEGIN_NS + number * TEN_S)
    assert branch.send(BEGIN_NS + 6 * TEN_S, waited_ns=7200 * SECOND_NS) == 600 * SECOND_NS + 50 * MS_NS


def test_a_restart_of_the_host_forgets_what_was_known() -> None:
    """Its monotonic clock has another beginning; batches of the life before are taken at their own time."""
    clock = ProbeClock()
    branch = Branch(clock)
    for number in range(5):
        branch.send(BEGIN_NS + number * TEN_S)
    arrived_ns = BEGIN_NS + 10 * TEN_S
    clock.hear(Exchange.told("20000000000", arrived_ns=arrived_ns))
    before_ns = branch.monotonic_ns(BEGIN_NS + 6 * TEN_S)
    assert clock.correction_ns(wall_ns=BEGIN_NS + 6 * TEN_S, monotonic_ns=before_ns, received_ns=arrived_ns) == 0
    assert clock.correction_ns(wall_ns=arrived_ns - SECOND_NS, monotonic_ns=19 * SECOND_NS, received_ns=arrived_ns) == 0


def test_what_is_known_survives_a_restart_of_the_collector() -> None:
    """By way of its document."""
    clock = ProbeClock()
    branch = Branch(clock, error_ns=-600 * SECOND_NS)
    for number in range(3):
        branch.send(BEGIN_NS + number * TEN_S)
    again = ProbeClock.restored(clock.document())
    closed_ns = BEGIN_NS + TEN_S
    found = again.correction_ns(
        wall_ns=closed_ns + branch.error_ns, monotonic_ns=branch.monotonic_ns(closed_ns), received_ns=closed_ns + TEN_S
    )
    assert found == 600 * SECOND_NS + 50 * MS_NS


def test_the_document_of_an_earlier_release_begins_anew() -> None:
    """It held samples of another kind."""
    assert ProbeClock.restored('{"ties":[5],"last":{"flows":[1,2,3]}}').document() == ProbeClock().document()


@given(header=st.one_of(st.none(), st.text(max_size=60), st.from_regex(r"[0-9]{1,24}( [0-9]{1,24}){0,3}", fullmatch=True)))
def test_any_header_is_read_or_tells_nothing(header: str | None) -> None:
    """A stranger's header corrects no sane clock by more than it can prove, and never fails."""
    clock = ProbeClock()
    clock.hear(Exchange.told(header, arrived_ns=BEGIN_NS))
    clock.correction_ns(wall_ns=BEGIN_NS, monotonic_ns=7, received_ns=BEGIN_NS)
    assert ProbeClock.restored(clock.document()).document() == clock.document()


@given(
    error_s=st.floats(-1.9, 1.9),
    ways=st.lists(st.tuples(st.floats(0, 7200), st.floats(0, 0.09), st.floats(0, 20)), min_size=1, max_size=12),
)
def test_within_two_seconds_nothing_is_touched(error_s: float, ways: list[tuple[float, float, float]]) -> None:
    """Ordinary clocks, whatever waits and however long answers take."""
    branch = Branch(ProbeClock(), error_ns=int(error_s * SECOND_NS))
    for number, way in enumerate(ways):
        waited_ns, out_ns, back_ns = (int(part * SECOND_NS) for part in way)
        assert branch.send(BEGIN_NS + number * TEN_S, waited_ns=waited_ns, out_ns=out_ns, back_ns=back_ns) == 0
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
