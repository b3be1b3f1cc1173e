"""Which flow to trace next, and what became of those traced: times and routes go in, runs and rows come out. Pure.

One run is one flow, and runs come one after the other. What was asked for goes before what is due; a path that seems to have
changed is traced at once, but not more often than every 20 s. A trace whose turn comes while its last runs still wait is skipped.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from faultline.records.terms import SECOND_NS
from probe.paths.config import TraceConfig
from probe.tasks.accounts import DONE, SKIPPED, Accounts, Ended, task_row
from probe.tasks.timetable import Timetable

AGAIN_NS = 20 * SECOND_NS
"""A path that flaps, or a line whose delay swings, must not keep the tracer busy."""
DEFAULT_SOURCE_PORT = 33_434
"""Of a trace that states no flow, where no session has one: traceroute's own port."""
_FAILED = "failed"

Flow = tuple[int, int]
"""Source and destination port."""


@attrs.frozen(slots=True, kw_only=True)
class Run:
    """One flow to trace."""

    trace: TraceConfig
    flow: Flow
    due_ns: int
    """Wall clock."""
    request_id: str | None = None
    expires_ns: int | None = None


@attrs.frozen(slots=True, kw_only=True)
class Route:
    """What a run found."""

    traced_ns: int
    protocol: int
    source: str
    destination: str
    flow: Flow
    hops: tuple[str | None, ...]
    """Who answered at each distance from 1; None where nobody did. The last one answered."""
    reached: bool
    """Whether the destination, or the last router before it, is among them."""


class TraceBook:
    """Standing traces and requests.

    Args:
        own_flows: the flows of a trace for which none are stated.
    """

    def __init__(self, own_flows: Mapping[str, Sequence[Flow]] | None = None) -> None:
        self._own_flows = own_flows or {}
        self._timetable = Timetable()
        self._traces: dict[str, TraceConfig] = {}
        self._waiting: deque[Run] = deque()
        self._asked: deque[Run] = deque()
        self._looked_ns: dict[str, int] = {}
        self._accounts = Accounts()
        self._rows: list[dict[str, Any]] = []
        self.skipped: Counter[str] = Counter()
        """Runs that will not be made, by reason, since somebody took them."""

    # ---- what is to be traced ------------------------------------------------------------------------------------
    def replace(self, traces: Iterable[TraceConfig], *, now_ns: int, wall_ns: int) -> int:
        """Have these standing traces and no others; new ones are traced at once. Returns how many runs that makes."""
        self._traces = {trace.id: trace for trace in traces}
        intervals_ns = {trace.id: trace.interval_ns for trace in self._traces.values()}
        new = self._timetable.replace(intervals_ns, now_ns=now_ns, wall_ns=wall_ns)
        gone = [run for run in self._waiting if run.trace.id not in self._traces]
        for run in gone:
            self._waiting.remove(run)
            self._skip(run, "withdrawn")
        return sum(self._queue(self._traces[name], wall_ns) for name in self._traces if name in new)

    def request(self, request_id: str, trace: TraceConfig, expires_ns: int, *, wall_ns: int) -> int:
        """Trace the flows once, before anything else and before it expires (wall clock). Returns how many runs that makes."""
        flows = self._flows(trace)
        for flow in flows:
            self._asked.append(Run(trace=trace, flow=flow, due_ns=wall_ns, request_id=request_id, expires_ns=expires_ns))
        return len(flows)

    def look_again(self, target: str, flow: Flow, *, now_ns: int, wall_ns: int) -> int:
        """The path of a flow to an address seems to have changed: have those traces anew. Returns how many runs that makes.

        All of their flows, for what moved one may have moved the others.
        """
        runs = 0
        for trace in self._traces.values():
            fits = str(trace.where.address) == target and flow in self._flows(trace)
            if fits and now_ns >= self._looked_ns.get(trace.id, now_ns):
                self._looked_ns[trace.id] = now_ns + AGAIN_NS
                runs += self._queue(trace, wall_ns)
        return runs

    def due(self, *, now_ns: int, wall_ns: int) -> int:
        """Line up the traces whose turn has come. Returns how many runs that makes, skipped ones included."""
        runs = 0
        for due in self._timetable.due(now_ns):
            trace = self._traces[due.id]
            flows = self._flows(trace)
            busy = any(run.trace.id == trace.id for run in self._waiting)
            if not busy:
                runs += self._queue(trace, wall_ns)
            for reason, turns in (("starved", due.missed), ("busy", int(busy))):
                if turns:
                    self.skipped[reason] += turns * len(flows)
                    self._accounts.note(Ended(task=trace.id, due_ns=wall_ns, outcome=SKIPPED, times=turns * len(flows)))
                    runs += turns * len(flows)
        return runs

    def next_ns(self) -> int | None:
        """When the next turn is (monotonic); None without standing traces."""
        return self._timetable.next_ns()

    def next_run(self, *, wall_ns: int) -> Run | None:
        """The flow to trace now; None: none."""
        while self._asked:
            run = self._asked.popleft()
            if run.expires_ns is None or wall_ns < run.expires_ns:
                return run
            self._skip(run, "expired")
        return self._waiting.popleft() if self._waiting else None

    # ---- what became of it ---------------------------------------------------------------------------------------
    def done(self, run: Run, route: Route) -> None:
        """A run found a route."""
        row = {
            "trace": run.trace.id,
            "traced_ns": route.traced_ns,
            "protocol": route.protocol,
            "source_address": route.source,
            "source_port": route.flow[0],
            "destination_address": route.destination,
            "destination_port": route.flow[1],
            "hops": ",".join(hop or "*" for hop in route.hops),
            "reached": route.reached,
        }
        self._rows.append(row if run.request_id is None else {**row, "request_id": run.request_id})
        self._note(run, DONE)

    def failed(self, run: Run) -> None:
        """A run found nothing."""
        self._note(run, _FAILED)

    def cut(self, start_ns: int, end_ns: int) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """The `path` records since the last cut, and the `task` records of an interval."""
        rows, self._rows = self._rows, []
        groups = self._accounts.take(end_ns, self._traces)
        return {
            "path": rows,
            "task": [task_row(owner, found, start_ns=start_ns, end_ns=end_ns) for owner, found in groups.items()],
        }

    def _flows(self, trace: TraceConfig) -> Sequence[Flow]:
        stated = [(source, destination) for source, destination in trace.flows]
        return stated or self._own_flows.get(str(trace.where.address)) or [(DEFAULT_SOURCE_PORT, trace.where.port)]

    def _queue(self, trace: TraceConfig, wall_ns: int) -> int:
        waiting = {run.flow for run in self._waiting if run.trace.id == trace.id}
        flows = [flow for flow in self._flows(trace) if flow not in waiting]
        self._waiting.extend(Run(trace=trace, flow=flow, due_ns=wall_ns) for flow in flows)
        return len(flows)

    def _note(self, run: Run, outcome: str) -> None:
        self._accounts.note(Ended(task=run.trace.id, request_id=run.request_id, due_ns=run.due_ns, outcome=outcome))

    def _skip(self, run: Run, reason: str) -> None:
        self.skipped[reason] += 1
        self._note(run, SKIPPED)
