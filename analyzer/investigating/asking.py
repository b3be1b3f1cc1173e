"""Orders tests and waits for what comes of them, within a bound.

Goes in: a plan, the control plane's book, a clock. Comes out: where each test stands in the end, and the verdict on what was
measured before and meanwhile. Test sessions go on all the while: what they tell is in the verdict after, too. Whoever calls gives
the clock and the pause, so that virtual time works as well; nothing here sleeps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import attrs

from analyzer.baselines import Baselines
from analyzer.engine import Judge
from analyzer.history import Row
from analyzer.investigating.choosing import PlannedTest
from analyzer.stored import StoredWindows
from faultline.records.terms import SECOND_NS, LineCode
from faultline.store.control import ControlBook, Request, RequestState

LOOK_NS = 60 * SECOND_NS
"""How far back the verdict before looks: the sliding minute of localisation."""
WINDOW_NS = 10 * SECOND_NS
OPEN = frozenset({RequestState.WAITING, RequestState.SERVED})
POLL_S = 0.5


@attrs.frozen(slots=True, kw_only=True)
class Belief:
    """What is believed of a stretch of time."""

    evidence: Mapping[str, Any]
    verdict: Mapping[str, Any]
    end_ns: int
    """Of the newest window."""


@attrs.frozen(slots=True, kw_only=True)
class Watch:
    """Whose time passes, and who is told."""

    now_ns: Callable[[], int]
    pause: Callable[[float], None]
    """Lets so many seconds pass."""
    tell: Callable[[str], None]
    """Takes a line for the person who waits."""


def believed(
    stored: StoredWindows,
    judge: Judge,
    baselines: Baselines,
    *,
    lines: Collection[LineCode],
    since_ns: int,
) -> Belief | None:
    """The verdict on the windows that end after a moment, by the rows of these lines and of no line; None when there is none."""
    notes = stored.final_after(since_ns)
    if not notes:
        return None
    windows = [attrs.evolve(window, rows=_of(window.rows, lines)) for window in map(stored.window, notes)]
    evidence = judge.evidence(windows, baselines, distributions=True, prior_share=1.0)
    return Belief(evidence=evidence, verdict=judge.locate(evidence), end_ns=windows[-1].end_ns)


def _of(rows: Sequence[Row], lines: Collection[LineCode]) -> tuple[Row, ...]:
    return tuple(row for row in rows if row.tags.get("line") is None or row.tags["line"] in lines)


def requests_of(tests: Sequence[PlannedTest], *, now_ns: int, expire_ns: int) -> dict[str, list[Request]]:
    """One request a run, by the test's id."""
    found: dict[str, list[Request]] = {}
    for test in tests:
        errand, expires_ns = test.errand, now_ns + expire_ns
        for run in range(test.runs):
            name = f"ask{now_ns // SECOND_NS:x}.{len(found)}.{run}"
            document = {"id": name, "of": errand.id, **errand.document, "expires_ns": expires_ns}
            made = Request(probe=errand.probe, id=name, kind=errand.kind, document=document, expires_ns=expires_ns)
            found.setdefault(errand.id, []).append(made)
    return found


def ask(
    tests: Sequence[PlannedTest], control: ControlBook, stored: StoredWindows, watch: Watch, *, expire_ns: int, bound_s: float
) -> dict[str, Counter[RequestState]]:
    """Order the tests, and wait until each has its result in a final window or the time is up; how each ended, by its id."""
    ordered_ns = watch.now_ns()
    requests = requests_of(tests, now_ns=ordered_ns, expire_ns=expire_ns)
    control.order([request for some in requests.values() for request in some], now_ns=ordered_ns)
    told = ""
    decided_ns: int | None = None
    while True:
        now_ns = watch.now_ns()
        states = {name: Counter(control.states(r.id for r in some).values()) for name, some in requests.items()}
        still = sum(count for found in states.values() for state, count in found.items() if state in OPEN)
        if not still and decided_ns is None:
            decided_ns = now_ns
        line = f"{sum(map(len, requests.values())) - still} of {sum(map(len, requests.values()))} runs have ended"
        line += "" if still else ", waiting for their window"
        if line != told:
            told = line
            watch.tell(line)
        # A result arrives when the interval it is of has closed; the window is final some seconds later.
        if decided_ns is not None and stored.final_after(decided_ns - decided_ns % WINDOW_NS - 1):
            return states
        if now_ns - ordered_ns >= bound_s * SECOND_NS:
            return states
        watch.pause(POLL_S)
