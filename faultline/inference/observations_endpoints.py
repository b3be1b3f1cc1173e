"""Evidence about each service and host by itself, out of the traffic that used it: response, closed windows, failed connections.

Each endpoint is looked at from the one vantage nearest to it that saw it used: those farther off see the same requests through
more of the line. A connection attempt that nobody answered exposes the way there and back and the endpoint; one that was refused
was answered, and speaks of the endpoint alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from faultline.inference.observations_failures import Outcome, Requests, failures
from faultline.inference.observations_lateness import of_stamps
from faultline.inference.observations_rows import (
    Ground,
    Observation,
    SeenRow,
    count,
    response_numbers,
    seconds,
    with_quality,
)
from faultline.inference.observations_ways import Way, told
from faultline.inventory.endpoints import end_of, host_of
from faultline.inventory.model import Line, Position
from faultline.records.incident import Base
from faultline.records.terms import SECOND_NS, Direction, LineCode, VantageId

FEWEST_SAMPLES = 5
"""Answers in the span: fewer are any of them."""
INTERVAL_S = 10
"""A flow record, and so each flow counted, stands for one interval."""


@attrs.frozen(slots=True, kw_only=True)
class _Use:
    """What one vantage saw of one endpoint of a line."""

    row: SeenRow
    line: Line
    vantage: VantageId
    position: Position
    endpoint: Base
    towards: Direction
    """Of packets to it."""

    @property
    def distance(self) -> float:
        """From the end the endpoint lives behind: rises with what lies between."""
        return -self.position.place if self.towards is Direction.A_TO_Z else self.position.place

    def ways(self, ground: Ground) -> list[Way]:
        """To it and back."""
        return ground.ways.to_end_and_back(self.line, self.position, self.towards)

    def view(self, metric: str) -> str:
        return f"vantage {self.vantage} {self.line.code} {self.endpoint} {metric}"


def endpoint_observations(rows: Iterable[SeenRow], ground: Ground) -> Iterator[Observation]:
    """What `endpoint_quality` rows say; nothing of endpoints and vantages the inventory does not have on that line."""
    groups: dict[tuple[LineCode, Base], list[_Use]] = {}
    for row in rows:
        use = _use(row, ground)
        if use is not None:
            groups.setdefault((use.line.code, use.endpoint), []).append(use)
    for _, uses in sorted(groups.items()):
        nearest = sorted(uses, key=lambda use: (use.distance, use.vantage))
        yield from _first(_response(use, ground) for use in nearest)
        yield from _first(_closed_windows(use) for use in nearest)
        yield from next((made for use in nearest if (made := _connections(use, ground))), [])


def _use(row: SeenRow, ground: Ground) -> _Use | None:
    inventory = ground.inventory
    line = inventory.lines.get(LineCode(row.tags.get("line", "")))
    vantage = inventory.vantages.get(VantageId(row.tags.get("vantage", "")))
    endpoint = Base(row.tags.get("endpoint", ""))
    position = vantage.positions.get(line.code) if line and vantage else None
    host = host_of(line, endpoint, inventory.components) if line else None
    towards = end_of(line, host.id) if line and host else None
    if line is None or vantage is None or position is None or towards is None:
        return None
    return _Use(row=row, line=line, vantage=vantage.id, position=position, endpoint=endpoint, towards=towards)


def _first(found: Iterable[Observation | None]) -> Iterator[Observation]:
    yield from [observation for observation in found if observation is not None][:1]


def _response(use: _Use, ground: Ground) -> Observation | None:
    histogram = use.row.histograms.get("application_response")
    usual = ground.usual(line=use.line.code, name=use.vantage, direction="", metric="application_response", endpoint=use.endpoint)
    if histogram is None or histogram.n < FEWEST_SAMPLES or usual is None:
        return None
    crossed = told(use.ways(ground))
    way: Observation = {**crossed, "round_trip": True} if crossed else {}
    made = {
        "kind": "response",
        "view": use.view("application_response"),
        "endpoint": use.endpoint,
        **way,
        **response_numbers(histogram, usual),
    }
    return with_quality(made, of_stamps(ground.late(use.vantage)))


def _closed_windows(use: _Use) -> Observation | None:
    """How long it kept its receive windows closed, of the time its flows lasted."""
    closed_ns, flows = count(use.row, "zero_window_ns"), count(use.row, "flows")
    if closed_ns is None or not flows:
        return None
    whole_ns = flows * INTERVAL_S * SECOND_NS
    return {
        "kind": "zero_window",
        "view": use.view("zero_window"),
        "endpoint": use.endpoint,
        "seconds": seconds(whole_ns),
        "closed_seconds": seconds(min(closed_ns, whole_ns)),
    }


def _connections(use: _Use, ground: Ground) -> list[Observation]:
    attempts = count(use.row, "connect_attempts")
    if not attempts:
        return []
    refused, unanswered = (min(attempts, count(use.row, f"connect_{name}") or 0) for name in ("refused", "unanswered"))

    def outcome(name: str, metric: str, failed: int, missed: float = 0.0) -> Outcome:
        usual = ground.usual(line=use.line.code, name=use.vantage, direction="", metric=metric, endpoint=use.endpoint)
        return Outcome(name=name, failed=failed, usual=usual, missed=missed)

    return failures(
        Requests(
            view=use.view("connections"),
            protocol="tcp",
            endpoint=use.endpoint,
            ways=use.ways(ground),
            attempts=attempts,
            unanswered=outcome("timeout", "unanswered", unanswered, ground.missed_at(use.vantage)),
            declined=[outcome("refused", "refused", min(refused, attempts - unanswered))],
        )
    )
