"""What a verdict cannot tell, in plain words, and what would tell."""

from __future__ import annotations

from typing import Any

import pytest

from faultline.reports.sentences import Speaker, doubt_sentences
from faultline.reports.words import Language


def make_entry(*components: str, **more: Any) -> dict[str, Any]:
    """A loss somewhere among these."""
    return {"components": list(components), "mode": "loss", "owner": "access", "confidence": 0.9, **more}


def test_a_clear_verdict_has_no_doubt(speaker: Speaker) -> None:
    """One place, no likely rival: nothing is added, whatever test would be best."""
    entry = make_entry("loop>", candidates=[{"id": "loop>", "probability": 0.97}, {"id": "ce", "probability": 0.02}])
    assert doubt_sentences(speaker, entry, next_test={"from": "ce", "to": "pe1"}) == []


def test_both_directions_of_one_place_are_one_place(speaker: Speaker) -> None:
    """Nobody has to choose between a cable and itself."""
    assert doubt_sentences(speaker, make_entry("loop>", "loop<")) == []
    assert doubt_sentences(speaker, make_entry("loop>"), further=[make_entry("loop<")]) == []


def test_one_of_two_is_said_with_the_probe_that_would_tell(speaker: Speaker) -> None:
    """Without a test worked out, a probe between them."""
    assert doubt_sentences(speaker, make_entry("ce", "loop>")) == [
        "It is one of these two: Ce or Loop. What was measured cannot tell them apart.",
        "A probe between Ce and Loop would tell.",
    ]


def test_the_test_that_was_worked_out_comes_first(speaker: Speaker) -> None:
    """And a class of several is counted."""
    said = doubt_sentences(speaker, make_entry("ce", "loop>", "pe1"), next_test={"from": "ce", "to": "pe1"})
    assert said == [
        "It is one of these 3: Ce, Loop or Pe1. What was measured cannot tell them apart.",
        "A test from Ce to Pe1 would tell.",
    ]


def test_a_test_from_a_place_to_itself_is_a_probe_there(speaker: Speaker) -> None:
    """Both directions of a segment are one place to stand at."""
    said = doubt_sentences(speaker, make_entry("ce", "loop>"), next_test={"from": "loop>", "to": "loop<"})
    assert said[-1] == "A probe at Loop would tell."


@pytest.mark.parametrize("language", sorted(Language))
def test_rivals_and_owners_that_cannot_be_told_are_named_with_their_shares(speaker: Speaker, language: Language) -> None:
    """In either language."""
    entry = make_entry(
        "loop>", owner="unknown", owners={"access": 0.6, "customer": 0.4}, candidates=[{"id": "ce", "probability": 0.4}]
    )
    said = " ".join(doubt_sentences(Speaker(language=language, names=speaker.names), entry))
    assert "Ce" in said
    assert "40 %" in said
    assert "60 %" in said
