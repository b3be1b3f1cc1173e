"""Which way a packet was lost: compared with a simulated path that knows what it did."""

from __future__ import annotations

import attrs
from hypothesis import assume, given
from hypothesis import strategies as st

from probe.active.attribution import Attribution, Fate, wire_number
from tests.probe.active.virtual_path import MS, SECOND_NS, START_NS, Line, Treatment

LOST_OUT = Treatment(out=())
LOST_BACK = Treatment(back=())
FINE = Treatment()
COPIED = Treatment(out=(5 * MS, 6 * MS), back=())


def totals(line: Line, packets: int, *, cuts: int) -> tuple[int, int, int]:
    """Lost forward, reverse, unattributed over the given number of equal intervals that hold all packets."""
    length_ns = packets * line.session.interval_ns // cuts
    sums = [0, 0, 0]
    for cut in range(cuts):
        end_ns = START_NS + (cut + 1) * length_ns if cut < cuts - 1 else START_NS + packets * line.session.interval_ns
        interval = line.cut(START_NS + cut * length_ns, end_ns)
        assert interval.sent - interval.received == interval.lost
        sums[0] += interval.lost_forward
        sums[1] += interval.lost_reverse
        sums[2] += interval.lost_unattributed
    return sums[0], sums[1], sums[2]


def through(treatments: list[Treatment], **more: object) -> Line:
    """A line that treats its packets as listed, and the tail of good ones that says what became of the last."""
    line = Line(treat=lambda ordinal: treatments[ordinal] if ordinal < len(treatments) else FINE, **more)  # type: ignore[arg-type]
    line.send(len(treatments) + 10)
    line.run_until(line.now_ns + SECOND_NS)
    return line


@given(st.lists(st.sampled_from([FINE, FINE, FINE, LOST_OUT, LOST_BACK]), min_size=1, max_size=200))
def test_losses_of_both_directions_are_told_apart_exactly(treatments: list[Treatment]) -> None:
    """Whatever the pattern, and in whatever runs: both counts are right, and each packet's interval has the right sum."""
    line = through(treatments)
    lost = totals(line, len(treatments) + 10, cuts=1)
    assert lost == (len(line.truth.lost_out), len(line.truth.lost_back), 0)


@given(
    st.lists(st.sampled_from([FINE, FINE, LOST_OUT, LOST_BACK]), min_size=20, max_size=300),
    st.integers(min_value=2, max_value=7),
)
def test_cutting_into_intervals_changes_no_total(treatments: list[Treatment], cuts: int) -> None:
    """A stretch of losses across a boundary is shared out between the intervals; the sums stay exact."""
    line = through(treatments)
    lost = totals(line, len(treatments) + 10, cuts=cuts)
    assert lost == (len(line.truth.lost_out), len(line.truth.lost_back), 0)


delays = st.integers(min_value=1 * MS, max_value=250 * MS)


@given(
    st.lists(
        st.one_of(
            st.builds(lambda out, back: Treatment(out=(out,), back=(back,)), delays, delays),
            st.builds(lambda out: Treatment(out=(out,), back=()), delays),
            st.just(LOST_OUT),
        ),
        max_size=120,
    )
)
def test_reordering_on_both_ways_hides_no_direction(treatments: list[Treatment]) -> None:
    """Packets and replies overtake each other by 25 places: the missing number shows elsewhere, the counts stay right."""
    settled = [*treatments, *[FINE] * 60]
    line = through(settled)
    lost = totals(line, len(settled) + 10, cuts=1)
    assert lost == (len(line.truth.lost_out), len(line.truth.lost_back), 0)


@given(
    st.lists(
        st.one_of(
            st.sampled_from([FINE, LOST_OUT, LOST_BACK]),
            st.builds(lambda copies: Treatment(back=(5 * MS,) * copies), st.integers(min_value=2, max_value=4)),
        ),
        max_size=120,
    )
)
def test_copies_on_the_way_back_change_nothing(treatments: list[Treatment]) -> None:
    """A copied reply has the number of its original."""
    line = through(treatments)
    lost = totals(line, len(treatments) + 10, cuts=1)
    assert lost == (len(line.truth.lost_out), len(line.truth.lost_back), 0)
    assert line.answers.count("duplicate") == sum(max(0, len(treatment.back) - 1) for treatment in treatments)


@given(
    st.lists(
        st.sampled_from([FINE, FINE, LOST_OUT, LOST_BACK, attrs.evolve(COPIED, back=(5 * MS,)), COPIED]),
        max_size=150,
    )
)
def test_a_copy_on_the_way_out_misleads_by_no_more_than_itself(treatments: list[Treatment]) -> None:
    """A silent copy uses a number of the reflector's: at most that many losses out are told as losses back.

    Where a copy makes its numbers the same as ours from the first on, it passes for a stateless one and nothing is told.
    """
    line = through(treatments)
    forward, reverse, unattributed = totals(line, len(treatments) + 10, cuts=1)
    assert forward + reverse + unattributed == len(line.truth.lost_out | line.truth.lost_back)
    if unattributed:
        assert (forward, reverse) == (0, 0)
    else:
        assert 0 <= reverse - len(line.truth.lost_back) <= line.truth.silent_copies


@given(st.integers(min_value=1, max_value=150), st.sampled_from([LOST_OUT, LOST_BACK]), st.integers(min_value=0, max_value=80))
def test_after_the_last_reply_nothing_is_claimed(outage: int, lost: Treatment, before: int) -> None:
    """An outage that has not ended: sent is counted, all of it is lost, no direction is named."""
    line = Line(treat=lambda ordinal: FINE if ordinal < before else lost)
    line.send(before + outage)
    line.run_until(line.now_ns + SECOND_NS)
    interval = line.cut(START_NS, line.now_ns)
    assert (interval.sent, interval.received) == (before + outage, before)
    assert (interval.lost_forward, interval.lost_reverse, interval.lost_unattributed) == (0, 0, outage)


@given(st.sampled_from([LOST_OUT, LOST_BACK]), st.integers(min_value=205, max_value=400))
def test_what_was_given_up_stays_so_and_the_rest_of_the_outage_is_attributed(lost: Treatment, outage: int) -> None:
    """The outage crosses final intervals, which said unattributed; when a reply comes, the open intervals are told right."""
    line = Line(treat=lambda ordinal: lost if 50 <= ordinal < 50 + outage else FINE)
    line.send(250)
    first = line.cut(START_NS, START_NS + SECOND_NS)
    line.send(outage)
    line.run_until(line.now_ns + SECOND_NS)
    rest = line.cut(START_NS + SECOND_NS, line.now_ns)
    assert first.lost_unattributed == first.lost == 50
    assert rest.lost == outage - 50
    assert (rest.lost_forward, rest.lost_reverse) == ((rest.lost, 0) if lost is LOST_OUT else (0, rest.lost))


@given(
    st.lists(st.sampled_from([FINE, FINE, FINE, LOST_OUT, LOST_BACK]), min_size=30, max_size=300),
    st.sets(st.sampled_from([90, 180, 270]), max_size=3),
)
def test_a_restart_of_the_reflector_invents_no_loss(treatments: list[Treatment], restarts: set[int]) -> None:
    """Its count begins anew: what lies across is told only as far as the new count proves it, and never in a wrong direction."""
    line = through(treatments, restarts=frozenset(restarts))
    forward, reverse, unattributed = totals(line, len(treatments) + 10, cuts=1)
    assert forward + reverse + unattributed == len(line.truth.lost_out) + len(line.truth.lost_back)
    assert forward <= len(line.truth.lost_out)
    assert reverse <= len(line.truth.lost_back)
    if not restarts:
        assert unattributed == 0


def test_a_restart_in_a_quiet_path_costs_nothing() -> None:
    """No packet lost, three restarts: no loss of any kind."""
    line = through([FINE] * 100, restarts=frozenset({20, 21, 70}))
    assert totals(line, 110, cuts=3) == (0, 0, 0)


def test_an_outage_longer_than_the_reflectors_memory_is_a_restart() -> None:
    """It forgot the session meanwhile: its new count says nothing of what came before, and later losses are told as ever."""
    line = Line(treat=lambda ordinal: LOST_OUT if 50 <= ordinal < 350 or ordinal == 380 else FINE, idle_ns=2 * SECOND_NS)
    line.send(400)
    line.run_until(line.now_ns + SECOND_NS)
    interval = line.cut(START_NS, line.now_ns)
    assert (interval.lost_forward, interval.lost_reverse, interval.lost_unattributed) == (1, 0, 300)


@given(st.lists(st.sampled_from([FINE, LOST_OUT, LOST_BACK]), min_size=2, max_size=100))
def test_a_stateless_reflector_tells_no_direction(treatments: list[Treatment]) -> None:
    """It repeats our numbers, which would look like losses on the way back alone: nothing is attributed."""
    line = through(treatments, stateless=True)
    forward, reverse, unattributed = totals(line, len(treatments) + 10, cuts=1)
    assert (forward, reverse) == (0, 0)
    assert unattributed == len(line.truth.lost_out) + len(line.truth.lost_back)


def test_loss_on_the_way_back_alone_is_told_from_a_stateless_reflector() -> None:
    """The number that the sender leaves out makes a counting reflector's numbers differ from ours at once."""
    line = through([FINE if ordinal % 3 else LOST_BACK for ordinal in range(90)])
    assert totals(line, 100, cuts=2) == (0, 30, 0)


@given(st.integers(min_value=0, max_value=(1 << 32) - 1), st.integers(min_value=2, max_value=60))
def test_a_count_taken_up_in_the_middle_is_followed(first: int, length: int) -> None:
    """The reflector knew the session already, or its 32 bits overflow: what follows the first reply is exact."""
    assume(first > 200)
    attribution = Attribution()
    arrived = [ordinal for ordinal in range(length) if ordinal % 4 != 1]
    for number, ordinal in enumerate(arrived):
        if ordinal % 4 != 2:
            attribution.answered(ordinal, (first + number) % (1 << 32))
    missing = [ordinal for ordinal in range(length) if ordinal % 4 in {1, 2}]
    fates = attribution.settle(missing, [], before=length)
    newest = max(ordinal for ordinal in arrived if ordinal % 4 != 2)
    for ordinal in missing:
        expected = {1: Fate.FORWARD, 2: Fate.REVERSE}[ordinal % 4] if ordinal < newest else Fate.UNATTRIBUTED
        if ordinal + 1 in missing or ordinal - 1 in missing:  # two in one stretch: which is which cannot be known
            expected = fates[ordinal]
        assert fates[ordinal] is expected


def test_the_senders_numbers_leave_one_out() -> None:
    """0, 2, 3, ...: it begins at zero, as RFC 8762 says, and wraps at 32 bits."""
    assert [wire_number(ordinal) for ordinal in (0, 1, 2, (1 << 32) - 2, (1 << 32) - 1)] == [0, 2, 3, (1 << 32) - 1, 0]


def test_an_outage_of_days_takes_no_memory() -> None:
    """What was given up is kept as ranges."""
    attribution = Attribution()
    attribution.answered(0, 0)
    attribution.answered(1, 1)
    for hour in range(200):
        low = 2 + hour * 1000
        attribution.settle(range(low, low + 1000), [], before=low + 1000)
    assert len(attribution._given_up) == 1
    assert len(attribution._ordinals) <= 3
