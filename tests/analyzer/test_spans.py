"""Which span answers, what is over, and since when."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.lasting import WindowEvidence, stretch_of
from analyzer.spans import SpanAnswer, choose, clearer, prior_share
from faultline.records.terms import SECOND_NS


def make_loss(lost: int, sent: int = 2000, via: tuple[str, ...] = ("ce", "loop>", "pe")) -> dict[str, Any]:
    """Test packets over the loop."""
    return {"kind": "loss", "source": "active", "via": list(via), "sent": sent, "lost": lost}


def make_delay(median_us: float, n: int = 20) -> dict[str, Any]:
    """Delays over the loop; usually 5 ms."""
    baseline = {"n": 1000, "min_us": 4900, "median_us": 5000, "mad_us": 40, "p90_us": 5200}
    return {
        "kind": "delay",
        "via": ["loop>"],
        "n": n,
        "min_us": median_us,
        "median_us": median_us,
        "p90_us": median_us,
        "baseline": baseline,
    }


def make_entry(nats: float = 20.0, *, mode: str = "loss", value: float = 0.01, blames: bool = True) -> dict[str, Any]:
    """An entry on the loop, made by observation 0."""
    return {
        "components": ["loop>"],
        "mode": mode,
        "owner": "access",
        "confidence": 0.95,
        "planned": False,
        "blames": blames,
        "severity": {"value": value, "low": value / 2, "high": value * 2},
        "evidence": [{"observation": 0, "nats": nats, "text": ""}],
        "against": [],
    }


def make_answer(seconds: int, observation: dict[str, Any], *entries: dict[str, Any]) -> SpanAnswer:
    """An answer over the last so many seconds."""
    return SpanAnswer(
        length_ns=seconds * SECOND_NS,
        evidence={"observations": [observation]},
        answer={"verdicts": list(entries), "insufficient": False},
    )


def make_windows(lost: list[int], sent: int = 1000) -> list[WindowEvidence]:
    """Windows of 10 s from 0 on."""
    return [
        WindowEvidence(start_ns=n * 10 * SECOND_NS, end_ns=(n + 1) * 10 * SECOND_NS, observations=[make_loss(count, sent=sent)])
        for n, count in enumerate(lost)
    ]


def test_a_fresh_fault_is_not_diluted_by_healthy_history() -> None:
    """The span with the larger net evidence answers, though the longer one blames too."""
    short = make_answer(20, make_loss(20), make_entry(40.0))
    long = make_answer(60, make_loss(20, sent=6000), make_entry(25.0, value=0.003))
    assert choose([long, short], make_windows([0, 0, 0, 0, 10, 10])).span is short


def test_counts_alone_do_not_call_a_queue_loss() -> None:
    """Ten minutes of drops weigh more than a minute of waiting packets, and say less; of another place they are heard."""
    waits = make_answer(60, make_loss(5), make_entry(15.0, mode="congestion", value=20.0))
    drops = attrs.evolve(make_answer(600, make_loss(90, sent=20000), make_entry(60.0, value=0.004)), timed=False)
    windows = make_windows([10, 10, 10, 10, 10, 10])
    assert choose([waits, drops], windows).span is waits
    assert choose([drops], windows).span is drops
    elsewhere = make_entry(60.0, value=0.004) | {"components": ["dc-lan>"]}
    other = attrs.evolve(drops, answer={"verdicts": [elsewhere], "insufficient": False})
    assert choose([waits, other], windows).span is other


def test_a_span_that_reaches_back_before_the_fault_asks_for_the_suffix_without_its_first_window() -> None:
    """Four bad windows: the last three are ill all through. Spans that hold nothing else ask for nothing."""
    windows = make_windows([0, 0, 3, 10, 10, 10])
    long = make_answer(60, make_loss(33, sent=6000), make_entry(25.0, value=0.005))
    short = make_answer(20, make_loss(20), make_entry(40.0))
    assert clearer([long, short], windows) == {60 * SECOND_NS: 30 * SECOND_NS}
    assert clearer([make_answer(60, make_loss(0, sent=6000))], windows) == {}


def test_a_single_bad_window_is_not_asked_alone() -> None:
    """The rumour may have the wrong mode; two windows settle it."""
    long = make_answer(60, make_loss(10, sent=6000), make_entry(25.0, value=0.002))
    assert clearer([long], make_windows([0, 0, 0, 0, 0, 10])) == {}


def test_the_clear_suffix_answers_instead_of_the_mixed_span() -> None:
    """Also when the mixture has the larger evidence; but only when the suffix blames too."""
    windows = make_windows([0, 0, 3, 10, 10, 10])
    mixed = make_answer(60, make_loss(33, sent=6000), make_entry(60.0, value=0.005))
    pure = make_answer(30, make_loss(30, sent=3000), make_entry(50.0))
    found = clearer([mixed], windows)
    assert choose([mixed, pure], windows, found).span is pure
    assert choose([mixed, make_answer(30, make_loss(30, sent=3000))], windows, found).span is mixed


def test_a_small_rate_is_found_by_the_long_memory() -> None:
    """What the short spans cannot see yet does not contradict what ten minutes show."""
    long = make_answer(600, make_loss(60, sent=60_000), make_entry(30.0, value=0.001))
    short = make_answer(20, make_loss(0))
    choice = choose([short, long], make_windows([1, 2, 0, 1, 1, 0, 1, 2, 1, 1] * 6))
    assert choice.span is long
    assert [entry["components"] for entry, _ in choice.entries] == [["loop>"]]


def test_a_fault_that_is_over_is_set_aside_however_long_the_memory() -> None:
    """Three bad windows long ago and two clean ones since: neither the minute nor ten minutes still blame or suspect."""
    windows = make_windows([0] * 50 + [10, 10, 10, 0, 0])
    long = make_answer(600, make_loss(30, sent=55_000), make_entry(60.0, value=0.0005))
    short = make_answer(60, make_loss(30, sent=6000), make_entry(90.0, value=0.005))
    choice = choose([short, long], windows)
    assert (choice.entries, choice.supported, choice.over) == ((), frozenset(), 2)


def test_a_delay_that_is_over_is_set_aside() -> None:
    """Back at the baseline's median means over; still above it does not."""

    def windows(*medians_us: float) -> list[WindowEvidence]:
        ten_s = 10 * SECOND_NS
        return [
            WindowEvidence(start_ns=n * ten_s, end_ns=(n + 1) * ten_s, observations=[make_delay(median)])
            for n, median in enumerate(medians_us)
        ]

    entry = make_entry(mode="delay", value=4.0)
    gone = stretch_of(entry, [make_delay(9000)], windows(5000, 9000, 9100, 5010))
    assert gone is not None
    assert gone.over
    lasting = stretch_of(entry, [make_delay(9000)], windows(5000, 9000, 9100, 8900))
    assert lasting is not None
    assert (lasting.over, lasting.start_ns) == (False, 10 * SECOND_NS)


def test_a_queue_that_dropped_is_dated_by_what_it_dropped() -> None:
    """An outage that ended may look like a queue over the minute that holds it; its clean windows since say that it is over."""
    entry = make_entry(mode="congestion", value=20.0)
    gone = stretch_of(entry, [make_loss(2000, sent=6000)], make_windows([0, 1000, 1000, 0, 0]))
    assert gone is not None
    assert (gone.start_ns, gone.end_ns, gone.over) == (10 * SECOND_NS, 30 * SECOND_NS, True)
    lasting = stretch_of(entry, [make_loss(60, sent=3000)], make_windows([0, 0, 20, 22, 18]))
    assert lasting is not None
    assert not lasting.over


def test_a_queue_that_stands_without_dropping_more_is_not_over() -> None:
    """It dropped while it filled, and test packets have waited in it ever since: clean counts do not contradict that."""
    ten_s = 10 * SECOND_NS
    drops = make_windows([0, 300, 0, 0, 0], sent=20_000)
    windows = [
        attrs.evolve(window, observations=[*window.observations, make_delay(5000 + (20_000 if number else 0))])
        for number, window in enumerate(drops)
    ]
    entry = make_entry(mode="congestion", value=20.0)
    entry["evidence"] = [{"observation": 0, "nats": 20.0}, {"observation": 1, "nats": 20.0}]
    found = stretch_of(entry, [make_loss(300, sent=80_000), make_delay(25_000)], windows)
    assert found is not None
    assert (found.start_ns, found.over) == (ten_s, False)


@pytest.mark.parametrize(
    ("mode", "value", "ill", "well"),
    [
        (
            "failing",
            0.3,
            {"kind": "failure", "protocol": "tcp", "via": ["loop>"], "attempts": 60, "failed": 20},
            {"kind": "failure", "protocol": "tcp", "via": ["loop>"], "attempts": 60, "failed": 0},
        ),
        (
            "stalled",
            0.4,
            {"kind": "zero_window", "endpoint": "srv", "seconds": 100, "closed_seconds": 40},
            {"kind": "zero_window", "endpoint": "srv", "seconds": 100, "closed_seconds": 0},
        ),
        (
            "slow",
            5.0,
            {
                "kind": "response",
                "endpoint": "srv",
                "n": 300,
                "median_us": 40_000,
                "baseline": {"median_us": 8000, "mad_us": 900},
            },
            {"kind": "response", "endpoint": "srv", "n": 300, "median_us": 8100, "baseline": {"median_us": 8000, "mad_us": 900}},
        ),
    ],
)
def test_what_servers_do_is_dated_too(mode: str, value: float, ill: dict[str, Any], well: dict[str, Any]) -> None:
    """Failures, closed windows and slow responses begin and end like losses do."""
    ten_s = 10 * SECOND_NS

    def windows(*seen: dict[str, Any]) -> list[WindowEvidence]:
        return [WindowEvidence(start_ns=n * ten_s, end_ns=(n + 1) * ten_s, observations=[o]) for n, o in enumerate(seen)]

    entry = make_entry(mode=mode, value=value)
    gone = stretch_of(entry, [ill], windows(well, ill, ill, well, well))
    assert gone is not None
    assert (gone.start_ns, gone.end_ns, gone.over) == (ten_s, 3 * ten_s, True)
    lasting = stretch_of(entry, [ill], windows(well, well, ill, ill))
    assert lasting is not None
    assert (lasting.start_ns, lasting.over) == (2 * ten_s, False)


def test_silence_of_the_witnesses_is_no_contradiction() -> None:
    """When the newest windows have no such observation, the entry stands."""
    windows = make_windows([0, 10, 10])
    silent = [
        WindowEvidence(start_ns=w.start_ns + 30 * SECOND_NS, end_ns=w.end_ns + 30 * SECOND_NS, observations=[]) for w in windows
    ]
    stretch = stretch_of(make_entry(), [make_loss(20)], windows + silent)
    assert stretch is not None
    assert not stretch.over


def test_where_nothing_blames_the_longest_span_answers_and_suspicion_is_kept() -> None:
    """A weak entry of any span keeps its place supported without being an entry that counts."""
    weak = make_entry(3.0, blames=False)
    short = make_answer(20, make_loss(3), weak)
    long = make_answer(60, make_loss(3, sent=6000))
    choice = choose([short, long], make_windows([0, 0, 0, 0, 1, 2]))
    assert choice.span is long
    assert choice.entries == ()
    assert choice.supported == {"loop"}


def test_asking_more_often_makes_each_answer_dearer() -> None:
    """Three spans: a third of the prior each. No span at all is a defect."""
    assert prior_share(3) == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="no span"):
        choose([], [])


def test_the_onset_is_the_first_window_of_the_loss() -> None:
    """Five clean windows, then 1 %: the sixth."""
    stretch = stretch_of(make_entry(), [make_loss(30)], make_windows([0] * 5 + [10, 9, 12]))
    assert stretch is not None
    assert (stretch.start_ns, stretch.end_ns) == (50 * SECOND_NS, 80 * SECOND_NS)


def test_one_lost_packet_long_ago_is_not_the_onset() -> None:
    """Background loss before the fault does not pull its beginning back."""
    stretch = stretch_of(make_entry(), [make_loss(30)], make_windows([0, 1, 0, 0, 0, 0, 10, 12]))
    assert stretch is not None
    assert stretch.start_ns == 60 * SECOND_NS


def test_without_windows_that_speak_for_it_there_is_no_onset() -> None:
    """Absent, not zero."""
    assert stretch_of(make_entry(), [make_loss(30)], []) is None
    assert stretch_of(make_entry(), [make_loss(30)], make_windows([0, 0])) is None


@given(st.integers(0, 25), st.integers(1, 10), st.integers(5, 40))
def test_a_clean_step_is_dated_exactly(before: int, after: int, lost: int) -> None:
    """However long the healthy past and the fault, a step without background is found at its window and lasts."""
    stretch = stretch_of(make_entry(value=lost / 1000), [make_loss(30)], make_windows([0] * before + [lost] * after))
    assert stretch is not None
    assert stretch.start_ns == before * 10 * SECOND_NS
    assert not stretch.over


@given(st.integers(0, 2**32), st.sampled_from([0.001, 0.003, 0.01, 0.05]))
def test_a_steady_rate_is_hardly_ever_taken_for_over(seed: int, rate: float) -> None:
    """Random counts of a constant rate: the worst stretch rarely ends so early that the rest contradicts half of it."""
    rng = np.random.default_rng(seed)
    over = 0
    for _ in range(20):
        counts = [int(count) for count in rng.binomial(500, rate, 60)]
        stretch = stretch_of(make_entry(value=rate), [make_loss(30)], make_windows(counts, sent=500))
        over += bool(stretch and stretch.over)
    assert over <= 4
