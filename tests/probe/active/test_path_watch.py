"""When a session's path seems to be another one."""

from __future__ import annotations

from typing import Any

import attrs

from faultline.records.histogram import Histogram
from probe.active.path_watch import PathWatch
from probe.active.result import SessionInterval, summed_up

MS = 1_000_000


def make_interval(rtt_ms: float = 10.0, *, distance: int | None = 5, received: int = 100) -> SessionInterval:
    """An interval of a session."""
    empty = summed_up([], previous=None, start_ns=0, end_ns=1)
    more: dict[str, Any] = {"session": "s", "received": received, "distance": distance}
    return attrs.evolve(empty, rtt=Histogram([round(rtt_ms * MS), round(rtt_ms * MS) + 3 * MS]), **more)


def seen(*intervals: SessionInterval) -> list[bool]:
    """What is said of each in turn."""
    watch = PathWatch()
    return [watch.changed(interval) for interval in intervals]


def test_another_distance_is_a_sign_once() -> None:
    """At the change, not at the first interval and not after it."""
    assert seen(*(make_interval(distance=distance) for distance in (5, 5, 6, 6))) == [False, False, True, False]


def test_a_step_of_the_shortest_round_trip_is_a_sign_both_ways() -> None:
    """By more than half a millisecond and a fifth; less is the host's or a queue's."""
    assert seen(*(make_interval(rtt) for rtt in (10, 11, 14, 10))) == [False, False, True, True]
    assert seen(*(make_interval(rtt) for rtt in (0.1, 0.4, 0.1))) == [False, False, False]


def test_an_interval_without_answers_says_nothing_and_forgets_nothing() -> None:
    """Compared is with the last one that had some; a reflector that does not tell is no change."""
    intervals = [make_interval(), make_interval(received=0), make_interval(distance=None), make_interval(distance=4)]
    assert seen(*intervals) == [False, False, False, True]
