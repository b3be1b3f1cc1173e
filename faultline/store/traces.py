"""Traced routes in the state store: of each flow the newest trace, the route it is on, the route before, and every change.

Goes in: traces as probes made them. Comes out: routes. A flow is (trace, probe, 5-tuple). A trace contradicts a route when two
different routers answered at the same distance; a place where nobody answered contradicts nothing and is filled from earlier
traces of the same route. Noting a trace again changes nothing, and an older one than the newest is ignored. It does not know what
the routers are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import attrs

from faultline.store.state import StateStore

SILENT = "*"
"""In stored hops: nobody answered."""
Hops = tuple[str | None, ...]
"""Who answered at each distance from 1; None: nobody."""


@attrs.frozen(slots=True, kw_only=True)
class TracedFlow:
    """What is traced."""

    trace: str
    """Id of the declared path."""
    probe: str
    protocol: int
    source_address: str
    source_port: int
    destination_address: str
    destination_port: int

    @property
    def key(self) -> tuple[str, str, int, str, int, str, int]:
        """As the tables hold it."""
        return (
            self.trace,
            self.probe,
            self.protocol,
            self.source_address,
            self.source_port,
            self.destination_address,
            self.destination_port,
        )


@attrs.frozen(slots=True, kw_only=True)
class Trace:
    """One trace of a flow."""

    flow: TracedFlow
    traced_ns: int
    hops: Hops
    reached: bool


@attrs.frozen(slots=True, kw_only=True)
class TracedRoute:
    """What is known of a flow's way."""

    flow: TracedFlow
    traced_ns: int
    hops: Hops
    """Of the newest trace, as it was."""
    reached: bool
    """Whether the newest trace came to its end."""
    route: Hops
    """The present route: places that were silent in the newest trace are filled from earlier ones."""
    since_ns: int
    """First trace of the present route."""
    previous: Hops | None = None
    """The route before; None while there was none."""
    previous_ns: int | None = None
    """Last trace of the route before."""


@attrs.frozen(slots=True, kw_only=True)
class RouteChange:
    """A flow went another way from one trace to the next."""

    flow: TracedFlow
    changed_ns: int
    before: Hops
    after: Hops


def hops_of(text: str) -> Hops:
    """From the text of a record."""
    return tuple(None if hop == SILENT else hop for hop in text.split(",")) if text else ()


def hops_text(hops: Hops) -> str:
    """As a record has it."""
    return ",".join(hop or SILENT for hop in hops)


def contradict(one: Hops, other: Hops) -> bool:
    """Whether two different routers answered at the same distance."""
    return any(a is not None and b is not None and a != b for a, b in zip(one, other, strict=False))


def filled(newest: Hops, route: Hops) -> Hops:
    """The newest trace, with what earlier traces of the same route know of places where it heard nobody."""
    longest = max(len(newest), len(route))
    padded = [hops + (None,) * (longest - len(hops)) for hops in (newest, route)]
    return tuple(new or old for new, old in zip(*padded, strict=True))


def following(known: TracedRoute | None, trace: Trace) -> TracedRoute:
    """What is known after another trace; of the same flow, if anything is known."""
    fresh = TracedRoute(
        flow=trace.flow,
        traced_ns=trace.traced_ns,
        hops=trace.hops,
        reached=trace.reached,
        route=trace.hops,
        since_ns=trace.traced_ns,
    )
    if known is None:
        return fresh
    if trace.traced_ns <= known.traced_ns:
        return known
    if contradict(known.route, trace.hops):
        return attrs.evolve(fresh, previous=known.route, previous_ns=known.traced_ns)
    return attrs.evolve(
        fresh,
        route=filled(trace.hops, known.route),
        since_ns=known.since_ns,
        previous=known.previous,
        previous_ns=known.previous_ns,
    )


_FLOW = "trace, probe, protocol, source_address, source_port, destination_address, destination_port"
_SAME_FLOW = " AND ".join(f"{name} = ?" for name in _FLOW.split(", "))
_ROUTE = f"{_FLOW}, traced_ns, hops, reached, route, since_ns, previous, previous_ns"


class TraceBook:
    """Over a state store."""

    def __init__(self, state: StateStore) -> None:
        self._state = state

    def note(self, traces: Iterable[Trace]) -> list[bool]:
        """Keep traces, durably on return; tells of each whether it was the first on another route, also when noted before."""
        with self._state.transaction() as db:
            return [_note(db, trace) for trace in traces]

    def routes(self, *, since_ns: int = 0) -> list[TracedRoute]:
        """Every flow traced since a moment, by trace and flow."""
        with self._state.reading() as db:
            rows = db.execute(
                f"SELECT {_ROUTE} FROM traces WHERE traced_ns >= ? ORDER BY {_FLOW}",  # noqa: S608 - constants
                (since_ns,),
            ).fetchall()
        return [_route(row) for row in rows]

    def changes(self, *, start_ns: int, end_ns: int) -> list[RouteChange]:
        """Changes in [start_ns, end_ns), by time."""
        with self._state.reading() as db:
            rows = db.execute(
                f"SELECT {_FLOW}, changed_ns, before, after FROM route_changes WHERE changed_ns >= ? AND changed_ns < ?"  # noqa: S608
                f" ORDER BY changed_ns, {_FLOW}",
                (start_ns, end_ns),
            ).fetchall()
        return [RouteChange(flow=_flow(row), changed_ns=row[7], before=hops_of(row[8]), after=hops_of(row[9])) for row in rows]

    def forget_before(self, traced_ns: int) -> None:
        """Forget flows not traced since a moment, and changes before it."""
        with self._state.transaction() as db:
            db.execute("DELETE FROM traces WHERE traced_ns < ?", (traced_ns,))
            db.execute("DELETE FROM route_changes WHERE changed_ns < ?", (traced_ns,))


def _note(db: sqlite3.Connection, trace: Trace) -> bool:
    key = trace.flow.key
    row = db.execute(f"SELECT {_ROUTE} FROM traces WHERE {_SAME_FLOW}", key).fetchone()  # noqa: S608 - constants
    known = _route(row) if row else None
    found = following(known, trace)
    if known is not None and found is not known and found.since_ns == trace.traced_ns:
        db.execute(
            "INSERT OR IGNORE INTO route_changes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*key, trace.traced_ns, hops_text(known.route), hops_text(found.route)),
        )
    if found is not known:
        db.execute(
            "INSERT OR REPLACE INTO traces VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *key,
                found.traced_ns,
                hops_text(found.hops),
                found.reached,
                hops_text(found.route),
                found.since_ns,
                None if found.previous is None else hops_text(found.previous),
                found.previous_ns,
            ),
        )
    return bool(
        db.execute(
            f"SELECT 1 FROM route_changes WHERE changed_ns = ? AND {_SAME_FLOW}",  # noqa: S608 - constants
            (trace.traced_ns, *key),
        ).fetchone()
    )


def _flow(row: Sequence[str | int]) -> TracedFlow:
    return TracedFlow(
        trace=str(row[0]),
        probe=str(row[1]),
        protocol=int(row[2]),
        source_address=str(row[3]),
        source_port=int(row[4]),
        destination_address=str(row[5]),
        destination_port=int(row[6]),
    )


def _route(row: Sequence[str | int]) -> TracedRoute:
    previous, previous_ns = row[12], row[13]
    return TracedRoute(
        flow=_flow(row),
        traced_ns=int(row[7]),
        hops=hops_of(str(row[8])),
        reached=bool(row[9]),
        route=hops_of(str(row[10])),
        since_ns=int(row[11]),
        previous=None if previous is None else hops_of(str(previous)),
        previous_ns=None if previous_ns is None else int(previous_ns),
    )
