"""Records of what probes did on order to rows: dial tests, traced paths, accounts of tasks, and answers to requests.

Goes in: rows of the kinds `dial`, `path` and `task` of a batch. Comes out: sums by 10 s window, traces, results of requests, and
runs as the probe accounts for them. A dial or a trace that the inventory does not know belongs to nobody, and is counted.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence

import attrs

from collector.enrich.places import Places
from collector.rollup.measurements import BatchClock, MeasurementSums, Row, present
from faultline.records.points import FieldValue
from faultline.records.terms import LineCode, TenantId
from faultline.store.control import Result
from faultline.store.traces import Trace, TracedFlow, hops_of, hops_text

MOST_HOPS = 255
_FAILURES = ("refused", "timed_out", "unreachable", "error_answers")


@attrs.define(slots=True, kw_only=True)
class Runs:
    """Runs as probes account for them: scheduled = done + failed + skipped."""

    scheduled: int = 0
    done: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, row: Row, *, failed: int) -> None:
        """Take in the account of a task in an interval."""
        self.scheduled += row["scheduled"]
        self.done += row["done"]
        self.failed += failed
        self.skipped += row["skipped"]


class TaskSums:
    """What a batch of one probe says of its tasks, added to the sums of its measurements."""

    def __init__(self, sums: MeasurementSums, *, probe: str, places: Places, clock: BatchClock, latest_ns: int) -> None:
        self._sums = sums
        self._probe = probe
        self._places = places
        self._clock = clock
        self._latest_ns = latest_ns
        self.traces: list[Trace] = []
        self.results: list[Result] = []
        self.runs = Runs()
        self.bad_traces = 0
        self.unknown: dict[str, int] = {}
        """Records of dials and traces that the inventory does not know, by kind."""

    def take(self, tables: Mapping[str, Iterable[Row]]) -> None:
        """Add dials and accounts, and read traces; `add_paths` adds those, once their changes are known."""
        for row in tables.get("dial", ()):
            self._dial(row)
        for row in tables.get("task", ()):
            self._account(row)
        for row in tables.get("path", ()):
            self._trace(row)

    def add_paths(self, changed: Sequence[bool]) -> None:
        """Add the traces: how many flows, on how many different ways, and how many on another way than before (`changed`)."""
        ways: dict[str, set[str]] = {}
        for trace, other in zip(self.traces, changed, strict=True):
            known = ways.setdefault(trace.flow.trace, set())
            known.add(hops_text(trace.hops))
            sums: dict[str, FieldValue] = {
                "flows": 1,
                "reached": int(trace.reached),
                "changes": int(other),
                "distinct": len(known),
            }
            tenant, tags = self._path_of("path", trace.flow.trace)
            self._sums.place_at(trace.traced_ns).add("path", tenant, tags, sums)

    def _dial(self, row: Row) -> None:
        tenant, line = self._known("dial", self._places.dial(row["dial"]))
        histograms = self._sums.distributions("dial", row)
        self._sums.place(row, self._clock).add("dial", tenant, _tags("dial", row["dial"], line), present("dial", row), histograms)
        if row["request_id"] is None:
            self.runs.add(row, failed=sum(row[name] for name in _FAILURES))
        else:
            # Its runs are in the request's own account. That a service refuses is an answer to the question, too.
            self._answer(row, done=row["scheduled"] > row["skipped"])

    def _account(self, row: Row) -> None:
        """Of a standing trace: a part of its path's row; of a request: its answer, for it has no row of its own."""
        self.runs.add(row, failed=row["failed"])
        window = self._sums.place(row, self._clock)
        if row["request_id"] is not None:
            self._answer(row, done=row["done"] > 0)
            return
        tenant, tags = self._path_of("task", row["task"])
        window.add("path", tenant, tags, present("path", row))

    def _trace(self, row: Row) -> None:
        if row["request_id"] is not None:
            self._answer(row, done=True)
        hops = hops_of(row["hops"])
        traced_ns = row["traced_ns"] + self._clock.correction_ns
        is_path = len(hops) <= MOST_HOPS and all(hop is None or _is_address(hop) for hop in hops)
        # One of the future would be the newest for ever.
        if not is_path or traced_ns > self._latest_ns:
            self.bad_traces += 1
            return
        flow = TracedFlow(
            trace=row["trace"],
            probe=self._probe,
            protocol=row["protocol"],
            source_address=row["source_address"],
            source_port=row["source_port"],
            destination_address=row["destination_address"],
            destination_port=row["destination_port"],
        )
        self.traces.append(Trace(flow=flow, traced_ns=traced_ns, hops=hops, reached=bool(row["reached"])))

    def _answer(self, row: Row, *, done: bool) -> None:
        self.results.append(Result(probe=self._probe, request=row["request_id"], done=done))

    def _path_of(self, kind: str, trace: str) -> tuple[TenantId, dict[str, str]]:
        tenant, line = self._known(kind, self._places.trace(trace))
        return tenant, _tags("trace", trace, line)

    def _known(self, kind: str, owned: tuple[TenantId, LineCode | None]) -> tuple[TenantId, LineCode | None]:
        if owned[1] is None:
            self.unknown[kind] = self.unknown.get(kind, 0) + 1
        return owned


def _tags(name: str, value: str, line: LineCode | None) -> dict[str, str]:
    return {name: value, **({"line": line} if line is not None else {})}


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
