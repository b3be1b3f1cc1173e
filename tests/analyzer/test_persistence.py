"""A fault smaller than a window shows: it accumulates over windows, stays said, and is over when it ends.

The engine over windows of evidence, as the service has it; 50 test packets a second on each part of a line, nothing else.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import numpy as np
import pytest

from analyzer.locating.windows import WindowByWindow
from tests.inference.scenes import document, loss

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
PARTS = ("branch-lan", "loop-a", "core", "loop-z", "dc-lan")
PACKETS = 500
"""Of a session in a window of ten seconds."""
HEALTHY = 5e-5


@attrs.frozen(kw_only=True)
class Story:
    """What was said, window by window."""

    blamed: tuple[frozenset[str], ...]
    events: tuple[tuple[int, str, tuple[str, ...]], ...]
    """Seconds since the begin, event, components."""


def told(seed: int, *, windows: int, rate: float, until: int | None = None, begin: int = 0) -> Story:
    """A loss rate on the access loop, towards the data centre, from window to window."""
    rng = np.random.default_rng(seed)
    remembering = WindowByWindow()
    blamed, events = [], []
    for number in range(windows):
        start = BEGIN + timedelta(seconds=10 * number)
        ill = begin <= number < (windows if until is None else until)
        observations = [
            loss([part + mark], PACKETS, int(rng.binomial(PACKETS, HEALTHY + (rate if ill and part + mark == "loop-a>" else 0))))
            for part in PARTS
            for mark in "><"
        ]
        window = {"start": start.isoformat(), "end": (start + timedelta(seconds=10)).isoformat()}
        answer: dict[str, Any] = remembering.answer(document(observations, window=window))
        blamed.append(frozenset(str(c) for entry in answer["verdicts"] if entry["blames"] for c in entry["components"]))
        events += [(10 * number + 10, event["event"], tuple(event["components"])) for event in answer["events"]]
    return Story(blamed=tuple(blamed), events=tuple(events))


@pytest.mark.parametrize("seed", range(4))
def test_one_in_a_thousand_is_found_within_ten_minutes_and_then_stays_said(seed: int) -> None:
    """No window of ten seconds shows half a lost packet. It is raised once, of the right place, and never revised or cleared."""
    story = told(seed, windows=75, rate=0.001)
    (raised,) = story.events
    assert raised[1:] == ("raise", ("loop-a>",))
    assert 60 <= raised[0] <= 600
    assert all(found <= {"loop-a>"} for found in story.blamed)
    since = story.blamed[raised[0] // 10 :]
    assert sum(not found for found in since) <= len(since) // 4


@pytest.mark.parametrize("seed", range(3))
def test_a_fault_that_ended_is_cleared_once_health_is_measured(seed: int) -> None:
    """Five minutes of 0.5 %, then health: raised once, cleared once, and not before the hold-down of five minutes."""
    story = told(seed, windows=100, rate=0.005, until=30)
    assert [event for _, event, _ in story.events] == ["raise", "clear"]
    raised, cleared = (at for at, _, _ in story.events)
    assert raised <= 150
    assert 600 <= cleared <= 900
    assert not any(story.blamed[45:])


@pytest.mark.parametrize("seed", range(2))
def test_a_healthy_line_stays_unsaid(seed: int) -> None:
    """Background loss adds up over ten minutes, too, and is nothing."""
    story = told(seed, windows=90, rate=0.0)
    assert story.events == ()
    assert not any(story.blamed)
