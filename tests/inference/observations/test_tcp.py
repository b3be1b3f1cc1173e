"""Evidence of TCP traffic: each loss counted once, where it lies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultline.inference.observations_rows import Ground
from faultline.inference.observations_tcp import chains_of, sight_of, tcp_losses
from faultline.inventory import Inventory

VANTAGES = ("ce-lan", "ce-wan", "pe1", "pe2", "fw-wan", "fw-lan")
PIECES = (
    ["branch-lan>"],
    ["ce"],
    ["loop-a>"],
    ["pe1", "core>", "pe2"],
    ["loop-z>"],
    ["fw"],
    ["dc-lan>", "server"],
)
MIRRORED = (
    ["branch-lan<"],
    ["ce"],
    ["loop-a<"],
    ["pe2", "core<", "pe1"],
    ["loop-z<"],
    ["fw"],
    ["server", "dc-lan<"],
)


def nothing_usual(**_: str) -> None:
    """No baseline yet."""


def rows_of(ground: Any, lost: list[int], *, direction: str = "a_to_z", segments: int = 6000, **more: Any) -> list[Any]:
    """What the six vantages count when so many segments are lost in each piece between them, in the packets' order."""
    vantages = VANTAGES if direction == "a_to_z" else VANTAGES[::-1]
    rows = []
    for at, vantage in enumerate(vantages):
        upstream, downstream = sum(lost[: at + 1]), sum(lost[at + 1 :])
        counts = {"tcp_segments": segments - upstream, "loss_upstream": upstream, "loss_downstream": downstream, **more}
        rows.append(ground.tcp(vantage, direction, counts))
    return rows


@pytest.mark.parametrize("piece", range(7))
@pytest.mark.parametrize("direction", ["a_to_z", "z_to_a"])
def test_a_loss_is_counted_once_in_the_piece_where_it_lies(ground: Any, piece: int, direction: str) -> None:
    """Six vantages see sixty lost segments; the evidence has sixty, between the two neighbours of the loss."""
    lost = [0] * 7
    lost[piece] = 60
    seen = ground.observations(*rows_of(ground, lost, direction=direction))
    pieces = PIECES if direction == "a_to_z" else MIRRORED[::-1]
    assert [o["via"] for o in seen] == list(pieces)
    assert [o["lost"] for o in seen] == lost
    assert {o["source"] for o in seen} == {"bracket"}


@given(lost=st.lists(st.integers(0, 100), min_size=7, max_size=7))
def test_the_pieces_lose_what_the_line_loses(known: Inventory, make_row: Callable[..., Any], lost: list[int]) -> None:
    """Whatever is lost wherever, the observations of a direction add up to it, and none lost more than it was sent."""
    rows = []
    for at, vantage in enumerate(VANTAGES):
        up, down = sum(lost[: at + 1]), sum(lost[at + 1 :])
        counts = {"tcp_segments": 6000 - up, "loss_upstream": up, "loss_downstream": down}
        tags = {"line": "CN-NB-0017", "vantage": vantage, "direction": "a_to_z"}
        rows.append(make_row(measurement="line_quality", tags=tags, fields=counts))
    ground = Ground(inventory=known, usual=nothing_usual, seconds=60.0)
    sights = [sight for row in rows if (sight := sight_of(row, known)) is not None]
    (chain,) = chains_of(sights)
    seen = list(tcp_losses(chain, ground))
    assert [o["lost"] for o in seen] == lost
    assert all(o["lost"] <= o["sent"] for o in seen)


def test_two_meters_may_class_the_repeats_of_farther_losses_apart(ground: Any) -> None:
    """The background of a piece is raised by three per cent of what was lost beyond it."""
    seen = ground.observations(*rows_of(ground, [0, 0, 0, 0, 0, 0, 600]))
    assert seen[1]["background"] == pytest.approx(5e-4 + 0.03 * 600 / 6000)
    assert seen[-1]["background"] == 5e-4


def test_the_rest_of_a_line_seen_from_one_end_is_passive(ground: Any) -> None:
    """One vantage: its own side is one segment and certain, the far side is the localiser's passive count."""
    near, far = ground.observations(
        ground.tcp("ce-lan", "a_to_z", {"tcp_segments": 1000, "loss_upstream": 4, "loss_downstream": 9})
    )
    assert near == {"kind": "loss", "source": "bracket", "via": ["branch-lan>"], "sent": 1004, "lost": 4, "background": 5e-4}
    assert far == {
        "kind": "loss",
        "source": "passive",
        "via": ["ce", "loop-a>", "pe1", "core>", "pe2", "loop-z>", "fw", "dc-lan>", "server"],
        "sent": 1000,
        "lost": 9,
    }


def test_spurious_and_inferred_losses_are_not_losses(ground: Any) -> None:
    """Repeats proven needless and losses only guessed at do not count."""
    counts = {"tcp_segments": 1000, "loss_upstream": 0, "loss_downstream": 0}
    more = {"retransmissions_spurious": 30, "loss_upstream_inferred": 20}
    seen = ground.observations(ground.tcp("ce-lan", "a_to_z", {**counts, **more}))
    assert [o["lost"] for o in seen] == [0, 0]


def test_a_capture_that_loses_packets_takes_no_part_where_others_see(ground: Any) -> None:
    """A mirror that drops five per cent is left out of the chain; its neighbours bracket across it."""
    rows = rows_of(ground, [0, 0, 60, 0, 0, 0, 0])
    bad = ground.tcp("pe1", "a_to_z", {**rows[2].fields, "capture_loss_ratio": 0.05})
    seen = ground.observations(*rows[:2], bad, *rows[3:])
    assert ["loop-a>", "pe1", "core>", "pe2"] in [o["via"] for o in seen]
    assert all("quality" not in o for o in seen)


def test_a_bad_capture_alone_is_used_with_its_quality(ground: Any) -> None:
    """What one has is what one uses, and it says how good it is."""
    fields = {"tcp_segments": 1000, "loss_upstream": 0, "loss_downstream": 9, "capture_loss_ratio": 0.05, "one_sided_ratio": 0.5}
    seen = ground.observations(ground.tcp("ce-lan", "a_to_z", fields))
    assert all(o["quality"] == {"capture_loss_ratio": 0.05, "one_sided_ratio": 0.5} for o in seen)


def test_a_vantage_that_sees_other_traffic_is_left_out(ground: Any) -> None:
    """A mirror that sees a tenth of the segments cannot bracket them."""
    rows = rows_of(ground, [0] * 7)
    other = ground.tcp("pe1", "a_to_z", {"tcp_segments": 600, "loss_upstream": 0, "loss_downstream": 0})
    seen = ground.observations(*rows[:2], other, *rows[3:])
    assert ["loop-a>", "pe1", "core>", "pe2"] in [o["via"] for o in seen]


def test_a_line_that_dies_is_seen_from_its_near_side(ground: Any) -> None:
    """Nothing passes the break: the far vantages have no rows, and the repeats are downstream of the near ones."""
    counts = {"tcp_segments": 40, "loss_upstream": 0, "loss_downstream": 33}
    seen = ground.observations(ground.tcp("ce-lan", "a_to_z", counts), ground.tcp("ce-wan", "a_to_z", counts))
    assert [(o["via"][0], o["lost"]) for o in seen] == [("branch-lan>", 0), ("ce", 0), ("loop-a>", 33)]


def test_rows_of_places_the_inventory_does_not_know_are_left_out(ground: Any) -> None:
    """An unknown vantage, or a row in which no segment was judged, is no evidence."""
    assert ground.observations(ground.tcp("nowhere", "a_to_z", {"tcp_segments": 10})) == []
    assert ground.observations(ground.tcp("ce-lan", "a_to_z", {"tcp_segments": 0})) == []
    assert ground.observations(ground.tcp("ce-lan", "a_to_z", {})) == []
