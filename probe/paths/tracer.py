"""Standing traces as a component: one flow after the other in a thread of its own, records when the cutter asks.

Edge around `trace_book`. A flow that a test session uses is traced with its very ports, by whole packets through a raw socket,
so its path is the session's. That must not touch the session: the ports are not taken; a probe's payload of eight octets is
shorter than the shortest test packet, so a reflector that it reaches drops it without a change of its state; the session's
socket takes what routers say of these packets for what it is (`active.sockets`); and where the session tells how far the
reflector is, no packet goes further than the last router before it. Where no session tells, a port at which nobody listens does.

Counter stage `traces`, in runs (one flow traced once): out are those that found a route; dropped are `failed_` and `skipped_`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from faultline.records.terms import SECOND_NS
from faultline.runtime.console import CommandError
from faultline.runtime.counters import Counters
from faultline.runtime.log import QuietBursts, logger
from probe.paths.config import TraceConfig
from probe.paths.local import find_ends
from probe.paths.terms import Method
from probe.paths.trace_book import DEFAULT_SOURCE_PORT, Flow, Route, Run, TraceBook
from probe.paths.tracing import Traced, Wanted, trace
from probe.paths.wire import PROTOCOLS

_GAP_HOPS = 4
"""Silent hops in a row after which nothing more is expected; fewer than a person waits for, for this is done again and again."""
_RUN_S = 8.0
"""What one flow may take."""
_PAUSE_S = 0.05
"""Between two flows: a trace is never in a hurry, and the sessions are."""
_NOBODYS_PORT = 33_434
"""Traceroute's own: a host that is asked there says that nobody listens, and so how far it is."""
_RANGED_S, _NOT_RANGED_S = 300.0, 60.0
"""How long a distance that was asked for is believed, and how long a host that did not answer is left alone."""
_LONGEST_WAIT_S = 60.0
_JOIN_S = 5.0


class _Stopped(Exception):  # noqa: N818 - nothing failed: the probe ends
    """The trace is given up."""


@attrs.frozen(slots=True, kw_only=True)
class SessionFlow:
    """The flow of a test session of this probe."""

    session: str
    address: str
    """Of its target."""
    flow: Flow
    source: str | None = None
    """Local address that it is bound to; None: none."""


@attrs.frozen(slots=True, kw_only=True)
class Known:
    """What sessions tell of a run's flow before it is traced."""

    distance: int | None = None
    """Hops to the destination: then no packet goes as far as that."""
    source: str | None = None
    bound: bool = True
    """Whether its packets come from a socket with an address; one of a session without has them from the way they take."""


class Tracer:
    """A component, and the cutter's source of `path` records and of the standing traces' `task` records.

    Args:
        traces: of the probe's own configuration; they are always there.
        sessions: whose flows are traced where a trace states none, and whose distance is known.
        follow: makes one run; for tests.
    """

    def __init__(
        self,
        traces: Sequence[TraceConfig],
        sessions: Sequence[SessionFlow] = (),
        *,
        counters: Counters,
        follow: Callable[[Run, Known, Callable[[str], None]], Route] | None = None,
    ) -> None:
        self._configured = list(traces)
        self._sessions = {flow.session: flow for flow in sessions}
        self._by_flow = {(flow.address, flow.flow): flow for flow in sessions}
        own: dict[str, list[Flow]] = {}
        for session in sessions:
            own.setdefault(session.address, []).append(session.flow)
        self._book = TraceBook(own)
        self._distance: dict[tuple[str, Flow], int] = {}
        self._ranged: dict[str, tuple[int | None, float]] = {}
        """By address: hops, and until when that is believed."""
        self._counters = counters
        self._stage = counters.stage("traces")
        self._follow = follow or follow_flow
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._failure: str | None = None
        self._log = logger("traces")
        self._quiet = QuietBursts()

    # ---- what others ask -----------------------------------------------------------------------------------------
    def start(self) -> None:
        """Begin."""
        self.order([])
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; what is under way is given up, and is in no record."""
        self._stopping = True
        self._wake.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(_JOIN_S)

    def problems(self) -> list[str]:
        """Why nothing is traced; empty while it is."""
        return [f"traces: {self._failure}"] if self._failure else []

    def order(self, traces: Iterable[TraceConfig]) -> None:
        """Have these standing traces beside the configured ones; those that stay keep their turns."""
        self._change(lambda: self._book.replace([*self._configured, *traces], now_ns=time.monotonic_ns(), wall_ns=time.time_ns()))

    def request(self, request_id: str, wanted: TraceConfig, expires_ns: int) -> None:
        """Trace once, before anything that is only due."""
        self._change(lambda: self._book.request(request_id, wanted, expires_ns, wall_ns=time.time_ns()))

    def look_again(self, session: str) -> None:
        """The path of a session seems to have changed."""
        found = self._sessions.get(session)
        if found is not None:
            self._ranged.pop(found.address, None)
            self._change(
                lambda: self._book.look_again(found.address, found.flow, now_ns=time.monotonic_ns(), wall_ns=time.time_ns())
            )

    def learn_distance(self, session: str, hops: int | None) -> None:
        """How far a session's reflector is, or that it is not known now. When it becomes known, its path is traced again."""
        found = self._sessions.get(session)
        if found is None:
            return
        key = (found.address, found.flow)
        with self._lock:
            known = key in self._distance
            if hops is None:
                self._distance.pop(key, None)
            else:
                self._distance[key] = hops
        if hops is not None and not known:
            self.look_again(session)

    def collect(self, start_ns: int, end_ns: int) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """The records of an interval."""
        with self._lock:
            return self._book.cut(start_ns, end_ns)

    def _change(self, change: Callable[[], int]) -> None:
        with self._lock:
            self._stage.take(change())
            self._count_skipped()
        self._wake.set()

    def _count_skipped(self) -> None:
        for reason, count in self._book.skipped.items():
            self._stage.drop(f"skipped_{reason}", count)
        self._book.skipped.clear()

    # ---- work ----------------------------------------------------------------------------------------------------
    def _run(self) -> None:
        try:
            while not self._stopping:
                self._wake.clear()
                run, known, wait_s = self._next()
                if run is None:
                    self._wake.wait(wait_s)
                else:
                    self._make(run, known)
                    time.sleep(_PAUSE_S)
        except _Stopped:
            return
        except Exception as error:  # noqa: BLE001 - traces that stop yielding must be seen, and the other parts go on
            self._failure = str(error) or type(error).__name__
            self._log.error("the standing traces ended", exc_info=True)

    def _next(self) -> tuple[Run | None, Known, float]:
        with self._lock:
            now_ns, wall_ns = time.monotonic_ns(), time.time_ns()
            self._stage.take(self._book.due(now_ns=now_ns, wall_ns=wall_ns))
            run = self._book.next_run(wall_ns=wall_ns)
            self._count_skipped()
            if run is not None:
                return run, self._known(run), 0
            next_ns = self._book.next_ns()
        wait_s = _LONGEST_WAIT_S if next_ns is None else max(0, next_ns - now_ns) / SECOND_NS
        return None, Known(), min(_LONGEST_WAIT_S, wait_s)

    def _known(self, run: Run) -> Known:
        address = str(run.trace.where.address)
        session = self._by_flow.get((address, run.flow))
        # Flows of no session have the distance of those that have one: equal paths are as good as always equally long.
        others = [hops for (there, _), hops in self._distance.items() if there == address]
        distance = self._distance.get((address, run.flow), max(others, default=None) if session is None else None)
        if session is None or run.trace.protocol != Method.UDP:
            return Known(distance=distance, source=run.trace.source)
        return Known(distance=distance, source=session.source, bound=session.source is not None)

    def _ranged_for(self, run: Run, known: Known) -> Known:
        """With the distance, when only the host itself can tell it: else every flow waits for a reflector that is silent."""
        if known.distance is not None or run.trace.protocol != Method.UDP or run.flow[1] == _NOBODYS_PORT:
            return known
        address, now_s = str(run.trace.where.address), time.monotonic()
        distance, until_s = self._ranged.get(address, (None, 0.0))
        if now_s >= until_s:
            asked = attrs.evolve(run, flow=(DEFAULT_SOURCE_PORT, _NOBODYS_PORT))
            route = self._follow(asked, attrs.evolve(known, bound=True), self._look_up)
            distance = len(route.hops) if route.reached else None
            self._ranged[address] = (distance, now_s + (_NOT_RANGED_S if distance is None else _RANGED_S))
        return attrs.evolve(known, distance=distance)

    def _make(self, run: Run, known: Known) -> None:
        try:
            route = self._follow(run, self._ranged_for(run, known), self._look_up)
        except CommandError as error:
            self._fail(run, "refused", error.message)
            return
        except OSError as error:
            self._fail(run, "socket", error.strerror or str(error))
            return
        except _Stopped:
            self._stage.drop("skipped_stopping")
            raise
        if not route.hops and not route.reached:
            self._fail(run, "silent", "nobody on the way answers")
            return
        with self._lock:
            self._book.done(run, route)
        self._stage.done()

    def _fail(self, run: Run, reason: str, why: str) -> None:
        with self._lock:
            self._book.failed(run)
        self._stage.drop(f"failed_{reason}")
        allowed, held_back = self._quiet.allow(run.trace.id, time.monotonic_ns())
        if allowed:
            self._log.warning("a path could not be traced", trace=run.trace.id, why=why, held_back=held_back or None)

    def _look_up(self, _: str) -> None:
        """Called at every turn of a trace."""
        if self._stopping:
            raise _Stopped


def follow_flow(run: Run, known: Known, progress: Callable[[str], None]) -> Route:
    """Trace one flow.

    Args:
        run: which one.
        known: of its flow.
        progress: called at every turn.

    Raises:
        CommandError: no route, raw sockets or packets of ours are refused by this host.
        OSError: no socket.
    """
    config, distance = run.trace, known.distance
    if distance == 1:  # a neighbour: there is no router in between, and nothing to send
        return _neighbour(config, known, run.flow)
    wanted = Wanted(
        method=Method(config.protocol),
        flows=1,
        samples=1,
        max_hops=30 if distance is None else distance - 1,
        timeout_s=config.timeout_s,
        limit_s=_RUN_S,
        source=known.source,
        bound=known.bound,
        source_port=run.flow[0],
        destination_port=run.flow[1],
        path_mtu=False,
        borrowed_ports=True,
        gap_hops=_GAP_HOPS,
    )
    return route_of(trace(str(config.where.address), wanted, progress=progress), run.flow, distance)


def _neighbour(config: TraceConfig, known: Known, flow: Flow) -> Route:
    ends = find_ends(str(config.where.address), source=known.source)
    return Route(
        traced_ns=time.time_ns(),
        protocol=PROTOCOLS[ends.destination.version][Method(config.protocol)],
        source=str(ends.source),
        destination=str(ends.destination),
        flow=flow,
        hops=(),
        reached=True,
    )


def route_of(traced: Traced, flow: Flow, distance: int | None) -> Route:
    """What the one flow of a trace found."""
    (found,) = traced.discovery.flows.values()
    last = found.last_answered
    return Route(
        traced_ns=time.time_ns(),
        protocol=PROTOCOLS[traced.ends.destination.version][traced.method],
        source=str(traced.ends.source),
        destination=str(traced.ends.destination),
        flow=flow,
        hops=tuple(found.hop(ttl).address for ttl in range(1, last + 1)),
        reached=found.reached_ttl is not None or (distance is not None and last == distance - 1),
    )
