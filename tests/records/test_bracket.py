"""Two probes on one flow: what was lost between them, by the segments that either saw again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultline.records.bracket import Seen, between, seen_of
from faultline.records.losses import Loss, LossClass, octets_of
from faultline.records.terms import SECOND_NS

SPAN_NS = 20 * SECOND_NS
MIDDLE_NS = SPAN_NS // 2
BEFORE, BETWEEN, BEYOND, NOWHERE = range(4)
"""Where one transmission of a segment is lost."""


def lost(sequence: int, of: LossClass, *, octets: int = 100, at_ns: int = MIDDLE_NS) -> Loss:
    """A retransmission."""
    return Loss(sequence=sequence, octets=octets, at_ns=at_ns, of=of)


def seen(*losses: Loss, segments: int = 1000, left_out: int = 0) -> Seen:
    """A point's view of twenty seconds."""
    blind = ((losses[-1].at_ns, SPAN_NS),) if left_out else ()
    return Seen(start_ns=0, end_ns=SPAN_NS, segments=segments, losses=losses, left_out=left_out, blind=blind)


def watched(fates: Sequence[Sequence[int]], point: int) -> list[Loss]:
    """What a point (0: first, 1: second) says of segments whose transmissions were lost so; later segments show every hole."""
    found = []
    for number, transmissions in enumerate(fates):
        passed, hole = 0, False
        for at, fate in enumerate(transmissions):
            if fate <= (BEFORE if point == 0 else BETWEEN):
                hole = hole or passed == 0
                continue
            passed += 1
            if passed > 1 or hole:
                of = LossClass.UPSTREAM if hole and passed == 1 else LossClass.DOWNSTREAM
                found.append(lost(number * 1000, of, at_ns=MIDDLE_NS + at * 1000 + number))
    return sorted(found, key=lambda loss: loss.at_ns)


@given(st.lists(st.lists(st.sampled_from([BEFORE, BETWEEN, BEYOND]), max_size=4), max_size=10))
def test_every_transmission_lost_between_is_found(fates: list[list[int]]) -> None:
    """Whatever else is lost before and beyond, and however often the same segment is."""
    whole = [[*transmissions, NOWHERE] for transmissions in fates]
    told = between(seen(*watched(whole, 0)), seen(*watched(whole, 1)))
    assert told.lost == sum(transmissions.count(BETWEEN) for transmissions in fates)
    assert (told.unsure, told.contradictions) == (0, 0)


def test_a_lost_tail_leaves_no_hole_and_is_found_all_the_same() -> None:
    """The first point saw it twice, the second once, in order: it says nothing."""
    assert between(seen(lost(5, LossClass.DOWNSTREAM)), seen()).lost == 1


def test_a_lost_acknowledgement_is_no_lost_segment() -> None:
    """Both saw the segment twice; the second had seen it acknowledged as well."""
    told = between(seen(lost(5, LossClass.DOWNSTREAM)), seen(lost(5, LossClass.SPURIOUS)))
    assert (told.lost, told.contradictions) == (0, 0)


def test_what_only_the_second_saw_twice_is_a_contradiction() -> None:
    """The first one's capture missed it, or it came another way: no evidence of a loss between them."""
    told = between(seen(), seen(lost(5, LossClass.DOWNSTREAM)))
    assert (told.lost, told.contradictions) == (0, 1)


def test_a_retransmission_cut_differently_is_the_same_segment() -> None:
    """Octets decide, across the wrap of the numbers."""
    first = seen(lost(2**32 - 50, LossClass.DOWNSTREAM, octets=200))
    second = seen(lost(2**32 - 50, LossClass.UPSTREAM), lost(50, LossClass.UPSTREAM))
    assert between(first, second).lost <= 1


def test_what_is_near_the_end_may_be_in_the_next_interval_of_the_other() -> None:
    """It is in doubt, not lost."""
    told = between(seen(lost(5, LossClass.DOWNSTREAM, at_ns=SPAN_NS - 1)), seen())
    assert (told.lost, told.unsure) == (0, 1)


def test_what_is_on_no_list_is_in_doubt() -> None:
    """Retransmissions beyond those told one by one may be anything, and so may what the other saw while the list was full."""
    early, late = lost(5, LossClass.DOWNSTREAM), lost(900, LossClass.DOWNSTREAM, at_ns=MIDDLE_NS + 9 * SECOND_NS // 2)
    told = between(seen(early, late), seen(lost(5, LossClass.UPSTREAM), left_out=7))
    assert told.lost == 1
    assert told.unsure == 7 + 1
    assert not told.is_usable


def test_a_flow_without_retransmissions_is_clean() -> None:
    """Nothing lost, nothing in doubt."""
    told = between(seen(), seen())
    assert (told.sent, told.lost, told.unsure, told.is_usable) == (1000, 0, 0, True)


def test_records_of_several_intervals_are_one_view() -> None:
    """Counts add up, lists follow one another, and the clock is put right."""
    rows: list[dict[str, Any]] = [
        {"start_ns": 10, "end_ns": 19, "reverse_tcp_segments": 5, "reverse_loss_events_left_out": 2},
        {"start_ns": 0, "end_ns": 9, "reverse_tcp_segments": 7, "reverse_loss_events": octets_of([lost(5, LossClass.UPSTREAM)])},
    ]
    view = seen_of(rows, reverse=True, correction_ns=100)
    assert (view.start_ns, view.end_ns, view.segments, view.left_out) == (100, 119, 12, 2)
    assert [loss.at_ns for loss in view.losses] == [MIDDLE_NS + 100]
    assert view.blind == ()
    with pytest.raises(ValueError, match="no record of the flow"):
        seen_of([], reverse=False)


def test_what_is_counted_and_not_listed_is_in_doubt() -> None:
    """A record without lists counts retransmissions: nobody knows which, so that they clear nothing."""
    told = between(seen_of([{"tcp_segments": 90, "retransmissions": 3}], reverse=False), seen())
    assert (told.lost, told.unsure, told.is_usable) == (0, 3, False)
