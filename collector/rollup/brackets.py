"""Flows that two vantages of a line saw: what was lost between the two, for `line_bracket`.

Goes in: the placed TCP records of a window, of all probes. Comes out: sums for each pair of neighbouring vantages of a line and
each direction of its data. A flow is the same at both by its addresses and ports on the line: where they are rewritten between
the two there is nothing to match. Only vantages whose order on the line is known are matched, and only lines with several such
cost anything. What comes late for a final window is not matched: its other half is gone.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from collector.enrich.flows import Placed
from collector.enrich.places import Place
from collector.rollup.columns import WINDOW_NS, Ints
from faultline.records.bracket import Between, Seen, between, seen_of
from faultline.records.losses import LossError
from faultline.records.terms import Direction, LineCode, TenantId

MOST_RECORDS = 200_000
"""Of a window; of one that has more nothing is matched: a part of the flows would be a part of their losses."""
_KEY = ("source_address", "source_port", "destination_address", "destination_port")
_SEGMENTS = ("tcp_segments", "reverse_tcp_segments")
_SENT_AGAIN = ("retransmissions", "retransmissions_spurious", "loss_events", "loss_events_left_out")
_WHOLE = "start_ns"
"""In records with all their columns."""
_COUNTS = ("flows", *(field.name for field in attrs.fields(Between)))
_TCP = 6

Record = Mapping[str, Any]
End = tuple[str, int]
FlowKey = tuple[LineCode, End, End]
"""The line, and the flow's ends at A and at Z."""


@attrs.frozen(slots=True, kw_only=True)
class Sighting:
    """TCP records of a batch in one window, with their places."""

    table: pa.Table
    places: tuple[Place, ...]
    index: Ints
    correction_ns: int


@attrs.define(slots=True, kw_only=True)
class Sightings:
    """Those of a window."""

    parts: list[Sighting] = attrs.field(factory=list)
    records: int = 0

    @property
    def is_too_many(self) -> bool:
        """Whether some were let go."""
        return self.records > MOST_RECORDS

    def add(self, sighting: Sighting) -> None:
        """Keep one while there is room."""
        self.records += sighting.table.num_rows
        if self.is_too_many:
            self.parts.clear()
        else:
            self.parts.append(sighting)

    def merge(self, other: Sightings) -> None:
        """Keep another's, of the same window."""
        for part in other.parts:
            self.add(part)
        self.records += other.records - sum(part.table.num_rows for part in other.parts)


@attrs.frozen(slots=True, kw_only=True)
class PairSums:
    """One row's part: two vantages, a direction, what became of the segments."""

    tenant: TenantId
    tags: Mapping[str, str]
    sums: dict[str, int]


def sightings_of(placed: Placed, window_index: Ints, *, correction_ns: int) -> Iterator[tuple[int, Sighting]]:
    """(number of the window, its records that may be matched)."""
    ordered = np.array([place.at is not None for place in placed.places], bool)[placed.index]
    if not ordered.any():
        return
    judged = np.asarray(pc.equal(placed.table.column("protocol"), _TCP)) & np.asarray(
        pc.is_valid(placed.table.column("tcp_segments"))
    )
    names = [*_KEY, *_SEGMENTS, *_SENT_AGAIN, *(f"reverse_{name}" for name in _SENT_AGAIN), "start_ns", "end_ns"]
    chosen = ordered & judged
    for window in np.unique(window_index[chosen]).tolist():
        here = chosen & (window_index == window)
        table = placed.table.select(names).filter(pa.array(here))
        yield window, Sighting(table=table, places=placed.places, index=placed.index[here], correction_ns=correction_ns)


def pairs(sightings: Sightings, start_ns: int) -> Iterator[PairSums]:
    """What two neighbouring vantages make of the flows that both saw in the window."""
    found: dict[tuple[_Stand, _Stand, Direction], Counter[str]] = {}
    for views in _by_flow(sightings.parts).values():
        if len(views) < 2:  # noqa: PLR2004 - both ends of a pair
            continue
        for one, other in itertools.pairwise(sorted(views)):
            for direction in Direction if one[0] != other[0] else ():
                first, second = (one, other) if direction is Direction.A_TO_Z else (other, one)
                counts = found.setdefault((first, second, direction), Counter())
                _add(counts, views[first], views[second], direction, start_ns)
    for (first, second, direction), counts in found.items():
        tags = {"line": first[3], "first": first[1], "second": second[1], "direction": direction.value}
        yield PairSums(tenant=first[2], tags=tags, sums={name: counts[name] for name in _COUNTS})


_Stand = tuple[float, str, TenantId, LineCode]
"""Where a vantage is on a line: a tuple, because there is a look-up for every record."""


@attrs.frozen(slots=True)
class _View:
    """A record at a vantage."""

    record: Record
    forward: Direction
    """On the line."""
    correction_ns: int

    @property
    def sent_again(self) -> bool:
        """Whether it may tell of lost segments."""
        return _WHOLE in self.record

    def segments(self, direction: Direction) -> int:
        """Of a direction on the line."""
        count: int = self.record["tcp_segments" if direction is self.forward else "reverse_tcp_segments"] or 0
        return count


def _by_flow(parts: Iterable[Sighting]) -> dict[FlowKey, dict[_Stand, list[_View]]]:
    """Records of each flow by vantage; a flow whose forward side was guessed differently is the same flow."""
    found: dict[FlowKey, dict[_Stand, list[_View]]] = {}
    for part in parts:
        stands = [(place.at or 0.0, place.vantage, place.tenant, place.line or LineCode("")) for place in part.places]
        for (source, sport, target, tport), record, number in zip(_keys(part), _records(part), part.index.tolist(), strict=True):
            forward, stand = part.places[number].forward or Direction.A_TO_Z, stands[number]
            ends = (source, sport), (target, tport)
            a_end, z_end = ends if forward is Direction.A_TO_Z else ends[::-1]
            views = found.setdefault((stand[3], a_end, z_end), {})
            views.setdefault(stand, []).append(_View(record, forward, part.correction_ns))
    return found


def _keys(part: Sighting) -> Iterator[tuple[str, int, str, int]]:
    return zip(*(part.table.column(name).to_pylist() for name in _KEY), strict=True)


def _records(part: Sighting) -> Sequence[Record]:
    """Whole records where a segment was sent again, the numbers of segments elsewhere."""
    there, back = (pc.fill_null(part.table.column(name), 0).to_pylist() for name in _SEGMENTS)
    found: list[Record] = [{"tcp_segments": one, "reverse_tcp_segments": two} for one, two in zip(there, back, strict=True)]
    again = np.zeros(part.table.num_rows, bool)
    for name in ("retransmissions", "retransmissions_spurious"):
        for column in (part.table.column(name), part.table.column(f"reverse_{name}")):
            again |= np.asarray(pc.fill_null(column, 0)) > 0
    for name in ("loss_events", "reverse_loss_events"):
        again |= np.asarray(pc.is_valid(part.table.column(name)))
    for number, record in zip(np.flatnonzero(again).tolist(), part.table.filter(pa.array(again)).to_pylist(), strict=True):
        found[number] = record
    return found


def _add(counts: Counter[str], first: Sequence[_View], second: Sequence[_View], direction: Direction, start_ns: int) -> None:
    """Add one flow. Most lose nothing: their segments are all there is to count."""
    if not any(view.sent_again for view in (*first, *second)):
        counts["flows"] += 1
        counts["sent"] += sum(view.segments(direction) for view in first)
        return
    try:
        became = between(*(_seen(views, direction, start_ns) for views in (first, second)))
    except LossError:
        return
    counts["flows"] += 1
    for name in _COUNTS[1:]:
        counts[name] += getattr(became, name)


def _seen(views: Sequence[_View], direction: Direction, start_ns: int) -> Seen:
    """A direction at a vantage over all of the window, of which the flow may have been a short part."""
    view = views[0]
    seen = seen_of([v.record for v in views], reverse=view.forward is not direction, correction_ns=view.correction_ns)
    return attrs.evolve(seen, start_ns=start_ns, end_ns=start_ns + WINDOW_NS)
