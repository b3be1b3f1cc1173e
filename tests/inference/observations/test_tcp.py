"""Evidence of TCP traffic: the two sides of a loss at each vantage, beside what is usual there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultline.inference.observations_tcp import tcp_sides

VANTAGES = ("ce-lan", "ce-wan", "pe1", "pe2", "fw-wan", "fw-lan")
PIECES = (["branch-lan"], ["ce"], ["loop-a"], ["pe1", "core", "pe2"], ["loop-z"], ["fw"], ["dc-lan"])
"""What lies between the vantages, from A to Z."""


def rows_of(ground: Any, lost: list[int], *, direction: str = "a_to_z", segments: int = 6000) -> list[Any]:
    """What the six vantages count when so many segments are lost in each piece between them, in the packets' order."""
    vantages = VANTAGES if direction == "a_to_z" else VANTAGES[::-1]
    rows = []
    for at, vantage in enumerate(vantages):
        upstream, downstream = sum(lost[: at + 1]), sum(lost[at + 1 :])
        counts = {"tcp_segments": segments - upstream, "loss_upstream": upstream, "loss_downstream": downstream}
        rows.append(ground.tcp(vantage, direction, counts))
    return rows


def test_the_two_sides_of_a_vantage(ground: Any) -> None:
    """Lost before it: from the sender to the vantage, of those that came past and those that did not; after it: onwards."""
    counts = {"tcp_segments": 1000, "loss_upstream": 4, "loss_downstream": 9}
    assert ground.observations(ground.tcp("pe1", "a_to_z", counts)) == [
        {"kind": "loss", "source": "passive", "via": ["branch-lan>", "ce", "loop-a>"], "sent": 1004, "lost": 4},
        {
            "kind": "loss",
            "source": "passive",
            "via": ["pe1", "core>", "pe2", "loop-z>", "fw", "dc-lan>", "server"],
            "sent": 1000,
            "lost": 9,
        },
    ]


def test_from_z_to_a_the_sender_is_at_the_z_end(ground: Any) -> None:
    """The same counts of the other direction expose the other slices, backwards."""
    up, down = ground.observations(ground.tcp("pe1", "z_to_a", {"tcp_segments": 1000, "loss_upstream": 4, "loss_downstream": 9}))
    assert up["via"] == ["server", "dc-lan<", "fw", "loop-z<", "pe2", "core<", "pe1"]
    assert down["via"] == ["loop-a<", "ce", "branch-lan<"]


@pytest.mark.parametrize("piece", range(7))
@pytest.mark.parametrize("direction", ["a_to_z", "z_to_a"])
def test_what_all_vantages_accuse_together_is_where_the_loss_was(ground: Any, piece: int, direction: str) -> None:
    """The slices that lost segments meet in the piece of the loss, and nothing of it lies in a slice that lost none."""
    lost = [0] * 7
    lost[piece] = 60
    seen = ground.observations(*rows_of(ground, lost, direction=direction))
    accused = set.intersection(*(set(o["via"]) for o in seen if o["lost"]))
    cleared = set().union(*(set(o["via"]) for o in seen if not o["lost"]))
    place = (PIECES if direction == "a_to_z" else PIECES[::-1])[piece]
    assert {c.rstrip("<>") for c in accused - cleared} - {"server"} == set(place)


def test_what_is_usual_there_is_the_background(ground: Any) -> None:
    """The learned ratio of each side, with half a loss more than was seen; never below a healthy path's."""
    ground.usually_loses("ce-lan", "loss_upstream", ratio=0.002, n=10_000)
    ground.usually_loses("ce-lan", "loss_downstream", ratio=0.0, n=100_000)
    up, down = ground.observations(ground.tcp("ce-lan", "a_to_z", {"tcp_segments": 1000}))
    assert up["background"] == pytest.approx(0.00205, rel=1e-3)
    assert down["background"] == 5e-5


def test_a_short_memory_makes_nothing_impossible(ground: Any) -> None:
    """Two hundred segments without a loss leave a background of a quarter per cent."""
    ground.usually_loses("ce-lan", "loss_upstream", ratio=0.0, n=200)
    up, _ = ground.observations(ground.tcp("ce-lan", "a_to_z", {"tcp_segments": 1000}))
    assert up["background"] == pytest.approx(0.0025, rel=0.01)


def test_inferred_losses_are_upstream_and_spurious_ones_nowhere(ground: Any) -> None:
    """A lost last segment leaves no hole, only a gap in its host's packet numbers; a needless repeat is no loss."""
    more = {"retransmissions_spurious": 30, "loss_upstream_inferred": 20}
    up, down = ground.observations(ground.tcp("ce-lan", "a_to_z", {"tcp_segments": 1000, "loss_upstream": 1, **more}))
    assert (up["sent"], up["lost"]) == (1021, 21)
    assert down["lost"] == 0


@given(segments=st.integers(1, 10_000), up=st.integers(0, 10_000), inferred=st.integers(0, 100), down=st.integers(0, 10_000))
def test_no_side_loses_more_than_was_sent_over_it(
    make_row: Callable[..., Any], *, segments: int, up: int, inferred: int, down: int
) -> None:
    """Whatever a meter counts."""
    counts = {"tcp_segments": segments, "loss_upstream": up, "loss_upstream_inferred": inferred, "loss_downstream": down}
    sides = tcp_sides(make_row(measurement="line_quality", tags={}, fields=counts))
    assert sides is not None
    assert all(0 <= side.lost <= side.sent for side in sides)


def test_a_bad_capture_is_no_witness_beside_good_ones(ground: Any) -> None:
    """A mirror that drops five per cent is left out where others see the line."""
    rows = rows_of(ground, [0, 0, 60, 0, 0, 0, 0])
    bad = ground.tcp("pe1", "a_to_z", {**rows[2].fields, "capture_loss_ratio": 0.05})
    seen = ground.observations(*rows[:2], bad, *rows[3:])
    assert len(seen) == 10
    assert all("quality" not in o for o in seen)


def test_a_bad_capture_alone_is_used_with_its_quality(ground: Any) -> None:
    """What one has is what one uses, and it says how good it is."""
    fields = {"tcp_segments": 1000, "loss_downstream": 9, "capture_loss_ratio": 0.05, "one_sided_ratio": 0.5}
    seen = ground.observations(ground.tcp("ce-lan", "a_to_z", fields))
    assert len(seen) == 2
    assert all(o["quality"] == {"capture_loss_ratio": 0.05, "one_sided_ratio": 0.5} for o in seen)


def test_rows_of_places_the_inventory_does_not_know_are_left_out(ground: Any) -> None:
    """An unknown vantage, or a row in which no segment was judged, is no evidence."""
    assert ground.observations(ground.tcp("nowhere", "a_to_z", {"tcp_segments": 10})) == []
    assert ground.observations(ground.tcp("ce-lan", "a_to_z", {"tcp_segments": 0})) == []
    assert ground.observations(ground.tcp("ce-lan", "a_to_z", {})) == []
