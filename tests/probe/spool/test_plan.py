"""The spool's decisions, without a disk."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultline.records.terms import Stream
from probe.spool.plan import (
    Gap,
    Held,
    Position,
    PositionError,
    forget_gaps,
    makes_room_for,
    missing,
    over_quota,
    renumber,
    retell,
)

gaps = st.builds(
    lambda first, more, reason, told: Gap(first=first, last=first + more, reason=reason, told=told),
    st.integers(1, 40),
    st.integers(0, 5),
    st.sampled_from(["quota", "corrupt", "missing"]),
    st.none() | st.integers(1, 9),
)
positions = st.builds(
    lambda released, more, held_gaps: Position(released=released, last=released + more, gaps=tuple(held_gaps)),
    st.integers(0, 30),
    st.integers(0, 20),
    st.lists(gaps, max_size=4),
)


@given(positions)
def test_a_position_reads_back_as_written(position: Position) -> None:
    """Encoding loses nothing."""
    assert Position.decode(position.encode()) == position


@pytest.mark.parametrize(
    "octets", [b"", b"{}", b"null", b"[1,2]", b'{"released": "x", "last": 1, "watermark_ns": 0, "gaps": []}', b"\xff"]
)
def test_a_damaged_position_is_recognised(octets: bytes) -> None:
    """A position that does not say everything is refused, not guessed."""
    with pytest.raises(PositionError):
        Position.decode(octets)


@given(positions, st.sets(st.integers(1, 60), max_size=20))
def test_what_is_missing_is_exactly_what_nothing_explains(position: Position, found: set[int]) -> None:
    """Every sequence up to the highest known is a file, released, in a gap, or named missing: one of them and nothing else."""
    named = {seq for first, last in missing(position, found) for seq in range(first, last + 1)}
    highest = max([position.last, *found, *(gap.last for gap in position.gaps)])
    for seq in range(1, highest + 1):
        explained = position.covers(seq) or seq in found
        assert (seq in named) != explained, seq
    assert not {seq for seq in named if seq > highest}


def test_a_stray_file_with_an_enormous_number_costs_nothing() -> None:
    """Ranges are computed, not counted."""
    assert missing(Position(released=3, last=3), [10**19]) == [(4, 10**19 - 1)]


held_lists = st.lists(st.builds(Held, octets=st.integers(1, 50), since_ns=st.integers(0, 100)), max_size=6).map(
    lambda batches: list(enumerate(batches, start=1))
)


@given(
    st.fixed_dictionaries(dict.fromkeys(Stream, held_lists)),
    st.integers(0, 60),
    st.integers(1, 300),
    st.integers(1, 100),
    st.integers(0, 150),
)
def test_the_quota_holds_and_takes_no_more_than_it_must(
    held: dict[Stream, list[tuple[int, Held]]], incoming: int, limit: int, age: int, now: int
) -> None:
    """After the drops everything fits or nothing is left; each drop is its stream's oldest, and the less valuable go first."""
    drops = over_quota(held, incoming_octets=incoming, max_octets=limit, max_age_ns=age, now_ns=now)
    left = {stream: list(batches) for stream, batches in held.items()}
    total = incoming + sum(batch.octets for batches in held.values() for _, batch in batches)
    for drop in drops:
        seq, batch = left[drop.stream].pop(0)
        assert seq == drop.seq
        if drop.reason == "age":
            assert now - batch.since_ns > age
        else:
            assert total > limit
            earlier = list(Stream)[: list(Stream).index(drop.stream)]
            assert not any(left[stream] for stream in earlier)
        total -= batch.octets
    assert total <= limit or not any(left.values())


def test_a_full_disk_never_takes_a_more_valuable_batch() -> None:
    """For a new flow batch no event is given up; for an event a flow is."""
    assert makes_room_for(Stream.FLOWS, {Stream.EVENTS: [1], Stream.MEASUREMENTS: [1]}) is None
    drop = makes_room_for(Stream.EVENTS, {Stream.EVENTS: [1], Stream.MEASUREMENTS: [4, 5]})
    assert drop
    assert (drop.stream, drop.seq) == (Stream.MEASUREMENTS, 4)


def test_neighbouring_gaps_of_one_reason_are_one() -> None:
    """Ten dropped batches are one record, unless someone was told of the first already."""
    position = Position().with_gap(Gap(first=1, last=1, reason="quota")).with_gap(Gap(first=2, last=2, reason="quota"))
    assert position.gaps == (Gap(first=1, last=2, reason="quota"),)
    told = attrs.evolve(position, gaps=(Gap(first=1, last=2, reason="quota", told=1),)).with_gap(
        Gap(first=3, last=3, reason="quota")
    )
    assert len(told.gaps) == 2


@given(positions, st.integers(0, 12), st.sets(st.integers(1, 12)))
def test_a_gap_is_forgotten_only_when_acknowledged_and_told_again_only_when_lost(
    position: Position, released: int, held: set[int]
) -> None:
    """Forgetting needs the acknowledgement of its record; a record that neither waits nor was acknowledged is written again."""
    for gap in position.gaps:
        kept = gap in forget_gaps(position, released).gaps
        assert kept == (gap.told is None or gap.told > released or gap.last > position.released)
    for before, after in zip(position.gaps, retell(position, Position(released=released), held).gaps, strict=True):
        lost = before.told is not None and before.told > released and before.told not in held
        assert after.told == (None if lost else before.told)


@given(st.lists(st.integers(1, 40), unique=True), st.lists(gaps, max_size=3), st.integers(0, 40))
def test_a_new_incarnation_is_dense_and_keeps_the_order(held: list[int], lost: list[Gap], accepted: int) -> None:
    """New numbers run from 1; what was taken does not come again; every other batch and every gap has its place."""
    items = renumber(sorted(held), lost, accepted=accepted)
    assert [item.new for item in items] == list(range(1, len(items) + 1))
    kept = [item.old for item in items if item.old is not None]
    assert kept == sorted(seq for seq in held if seq > accepted)
    assert sum(item.gap_reason is not None for item in items) == len(lost)


def test_a_gap_whose_record_was_itself_given_up_is_told_again_after_a_crash() -> None:
    """The events batch with the record was dropped for room, and the crash came before that was noted with the gap."""
    position = Position(released=1, last=1, gaps=(Gap(first=1, last=1, reason="corrupt", told=3),))
    events = Position(released=3, last=4, gaps=(Gap(first=3, last=3, reason="disk_full"),))
    assert retell(position, events, [4]).gaps[0].told is None
    assert retell(position, attrs.evolve(events, gaps=()), [4]).gaps[0].told == 3
