"""What the flows that two vantages saw say of the slice between them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.inference.observations.conftest import LINE, Row

TAGS = {"line": LINE, "first": "ce-wan", "second": "pe1", "direction": "a_to_z"}


def row(**counts: int) -> Row:
    """Sums of a pair of vantages."""
    clean = {"flows": 3, "sent": 2000, "lost": 0, "beyond": 0, "before": 0, "contradictions": 0, "unsure": 0}
    return Row(measurement="line_bracket", tags=TAGS, fields=clean | counts)


def test_the_slice_between_the_vantages_is_blamed(ground: Any) -> None:
    """One observation a pair, with what is in doubt as its quality."""
    assert ground.evidence(row(lost=9, unsure=1))["observations"] == [
        {
            "kind": "loss",
            "source": "bracket",
            "view": f"vantages ce-wan and pe1 {LINE} a_to_z",
            "via": ["loop-a>"],
            "sent": 2000,
            "lost": 9,
            "quality": {"capture_loss_ratio": 0.0005},
        }
    ]


def test_what_was_lost_elsewhere_clears_the_slice(ground: Any) -> None:
    """Both saw all that was sent again: it was lost beyond the second, or before the first."""
    (found,) = ground.evidence(row(beyond=7, before=2))["observations"]
    assert (found["sent"], found["lost"], "quality" in found) == (2000, 0, False)


@pytest.mark.parametrize("counts", [{"lost": 2, "unsure": 3}, {"beyond": 1, "contradictions": 2}, {}])
def test_what_is_mostly_doubt_is_no_evidence(ground: Any, counts: dict[str, int]) -> None:
    """Nor is a row in which nothing was sent again: the vantages' own counts say that."""
    assert ground.evidence(row(**counts))["observations"] == []


@pytest.mark.parametrize("tag", ["line", "first", "second"])
def test_a_row_of_a_stranger_is_left_out(ground: Any, tag: str) -> None:
    """A line or a vantage that the inventory does not know, or no longer."""
    told = row(lost=9)
    assert (
        ground.evidence(Row(measurement=told.measurement, tags={**told.tags, tag: "gone"}, fields=told.fields))["observations"]
        == []
    )
