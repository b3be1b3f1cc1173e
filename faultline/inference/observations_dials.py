"""Evidence of dial tests: connections and queries a probe makes as clients do; which of them fail, and how long the others take.

A run that was skipped was not made and says nothing, and what a starved probe timed is told as late as that. The time a name
server takes is its answer's, and the way's. The time a connection takes is the way's alone, as kernels open connections: it is
told where no test session times the line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from faultline.inference.observations_failures import Outcome, Requests, failures
from faultline.inference.observations_lateness import of_attempts, of_times
from faultline.inference.observations_rows import (
    Ground,
    Observation,
    SeenRow,
    UsualValues,
    count,
    delay_numbers,
    response_numbers,
    with_quality,
)
from faultline.inference.observations_ways import Way, told
from faultline.inventory.endpoints import end_of, host_of
from faultline.inventory.model import Dial, DialProtocol, Line
from faultline.records.terms import DialId, LineCode

FEWEST_SAMPLES = 5
"""Answers in the span: fewer are any of them."""
UNANSWERED = ("timed_out", "unreachable")
DECLINED = {"refused": "refused", "error_answers": "error"}
"""Field of the row, and what evidence calls the outcome."""


@attrs.frozen(slots=True, kw_only=True)
class _Test:
    dial: Dial
    line: Line
    ways: list[Way]
    """To the endpoint and back."""

    def view(self, metric: str) -> str:
        return f"dial {self.dial.id} {metric}"


def dial_observations(rows: Iterable[SeenRow], ground: Ground, *, tested: frozenset[LineCode]) -> Iterator[Observation]:
    """What `dial` rows say; nothing of dials the inventory does not know. `tested` are lines that test sessions time."""
    for row in rows:
        test = _test(row, ground)
        if test is not None:
            late_us = ground.late(test.dial.sender)
            yield from (with_quality(o, of_attempts(late_us)) for o in _failures(row, ground, test))
            yield from (with_quality(o, of_times(late_us)) for o in _time(row, ground, test, timed=test.line.code in tested))


def _test(row: SeenRow, ground: Ground) -> _Test | None:
    inventory = ground.inventory
    dial = inventory.dials.get(DialId(row.tags.get("dial", "")))
    line = inventory.lines.get(dial.line) if dial else None
    host = host_of(line, dial.endpoint, inventory.components) if dial and line else None
    towards = end_of(line, host.id) if line and host else None
    if dial is None or line is None or towards is None:
        return None
    position = inventory.vantages[dial.sender].positions[line.code]
    return _Test(dial=dial, line=line, ways=ground.ways.to_end_and_back(line, position, towards))


def _failures(row: SeenRow, ground: Ground, test: _Test) -> list[Observation]:
    scheduled = count(row, "scheduled")
    if scheduled is None:
        return []
    attempts = scheduled - (count(row, "skipped") or 0)
    if attempts <= 0:
        return []
    lost = {name: count(row, name) or 0 for name in UNANSWERED}
    # Both are silence to whoever asked; what there was more of gives it its name.
    unanswered = "unreachable" if lost["unreachable"] > lost["timed_out"] else "timeout"
    requests = Requests(
        view=test.view("answers"),
        protocol=test.dial.protocol.value,
        endpoint=test.dial.endpoint,
        ways=test.ways,
        attempts=attempts,
        unanswered=Outcome(name=unanswered, failed=sum(lost.values()), usual=_usual(ground, test, "unanswered")),
        declined=[
            Outcome(name=name, failed=count(row, field) or 0, usual=_usual(ground, test, field))
            for field, name in DECLINED.items()
        ],
    )
    return failures(requests)


def _time(row: SeenRow, ground: Ground, test: _Test, *, timed: bool) -> Iterator[Observation]:
    histogram = row.histograms.get("response_time")
    usual = _usual(ground, test, "response_time")
    if histogram is None or histogram.n < FEWEST_SAMPLES or usual is None:
        return
    crossed = told(test.ways)
    way: Observation = {**crossed, "round_trip": True} if crossed else {}
    view = {"view": test.view("response_time")}
    if test.dial.protocol is DialProtocol.DNS:
        yield {"kind": "response", **view, "endpoint": test.dial.endpoint, **way, **response_numbers(histogram, usual)}
    elif crossed and not timed:
        yield {"kind": "delay", "source": "passive", **view, **way, **delay_numbers(histogram, usual)}


def _usual(ground: Ground, test: _Test, metric: str) -> UsualValues | None:
    return ground.usual(line=test.line.code, name=test.dial.id, direction="", metric=metric)
