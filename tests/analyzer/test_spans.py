"""Which span answers, what is over, and since when."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.onset import WindowEvidence, onset_ns
from analyzer.spans import SpanAnswer, choose, is_over, prior_share
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


def test_a_fresh_fault_is_not_diluted_by_healthy_history() -> None:
    """The span with the larger net evidence answers, though the longer one blames too."""
    short = make_answer(20, make_loss(20), make_entry(40.0))
    long = make_answer(60, make_loss(20, sent=6000), make_entry(25.0, value=0.003))
    assert choose([long, short]).span is short


def test_a_small_rate_is_found_by_the_long_memory() -> None:
    """What the short spans cannot see yet does not contradict what ten minutes show."""
    long = make_answer(600, make_loss(60, sent=60_000), make_entry(30.0, value=0.001))
    short = make_answer(20, make_loss(0))
    choice = choose([short, long])
    assert choice.span is long
    assert [entry["components"] for entry in choice.entries] == [["loop>"]]


def test_a_fault_that_is_over_is_set_aside() -> None:
    """Ten minutes still show 5 % loss, the last 20 s show none of 2,000: nothing is blamed or suspected any more."""
    long = make_answer(600, make_loss(3000, sent=60_000), make_entry(900.0, value=0.05))
    short = make_answer(20, make_loss(0))
    choice = choose([short, long])
    assert (choice.entries, choice.supported, choice.over) == ((), frozenset(), 1)


def test_a_delay_that_is_over_is_set_aside() -> None:
    """Back at the baseline's median means over; still above it does not."""
    entry = make_entry(mode="delay", value=4.0)
    answer = make_answer(60, make_delay(9000), entry)
    assert is_over(entry, answer, [make_delay(5010)])
    assert not is_over(entry, answer, [make_delay(8900)])


def test_silence_of_the_witnesses_is_no_contradiction() -> None:
    """When the newest span has no such observation, the entry stands."""
    entry = make_entry()
    assert not is_over(entry, make_answer(60, make_loss(60), entry), [])


def test_where_nothing_blames_the_longest_span_answers_and_suspicion_is_kept() -> None:
    """A weak entry of any span keeps its place supported without being an entry that counts."""
    weak = make_entry(3.0, blames=False)
    short = make_answer(20, make_loss(3), weak)
    long = make_answer(60, make_loss(3, sent=6000))
    choice = choose([short, long])
    assert choice.span is long
    assert choice.entries == ()
    assert choice.supported == {"loop"}


def test_asking_more_often_makes_each_answer_dearer() -> None:
    """Three spans: a third of the prior each. No span at all is a defect."""
    assert prior_share(3) == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="no span"):
        choose([])


def make_windows(lost: list[int]) -> list[WindowEvidence]:
    """Windows of 10 s from 0 on."""
    return [
        WindowEvidence(start_ns=n * 10 * SECOND_NS, end_ns=(n + 1) * 10 * SECOND_NS, observations=[make_loss(count, sent=1000)])
        for n, count in enumerate(lost)
    ]


def test_the_onset_is_the_first_window_of_the_loss() -> None:
    """Five clean windows, then 1 %: the sixth."""
    assert onset_ns(make_entry(), [make_loss(30)], make_windows([0] * 5 + [10, 9, 12])) == 50 * SECOND_NS


def test_one_lost_packet_long_ago_is_not_the_onset() -> None:
    """Background loss before the fault does not pull its beginning back."""
    assert onset_ns(make_entry(), [make_loss(30)], make_windows([0, 1, 0, 0, 0, 0, 10, 12])) == 60 * SECOND_NS


def test_without_windows_there_is_no_onset() -> None:
    """Absent, not zero."""
    assert onset_ns(make_entry(), [make_loss(30)], []) is None


@given(st.integers(0, 25), st.integers(1, 10), st.integers(5, 40))
def test_a_clean_step_is_dated_exactly(before: int, after: int, lost: int) -> None:
    """However long the healthy past and the fault, a step without background is found at its window."""
    windows = make_windows([0] * before + [lost] * after)
    entry = make_entry(value=lost / 1000)
    assert onset_ns(entry, [make_loss(30)], windows) == before * 10 * SECOND_NS
