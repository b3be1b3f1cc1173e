"""Runs test sessions and standing traces in the namespace it is started in, joined as the service joins them.

Given on standard input: `{"sessions": [...], "traces": [...], "seconds": N}`, keys as in probe.yaml. Standard output: one JSON
document with the records of every second and the counters at the end.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from faultline.records.terms import SECOND_NS
from faultline.runtime.config import structure
from faultline.runtime.counters import Counters
from probe.active.active_tests import ActiveTests
from probe.active.config import SessionConfig
from probe.paths.config import TraceConfig
from probe.paths.tracer import Tracer
from probe.service import own_flows, watched_by

_SETTLE_NS = SECOND_NS + SECOND_NS // 20


def main() -> None:
    """Measure for so many seconds."""
    asked = json.load(sys.stdin)
    sessions = [structure(session, SessionConfig, root="session", where="input") for session in asked["sessions"]]
    traces = [structure(trace, TraceConfig, root="trace", where="input") for trace in asked["traces"]]
    counters = Counters()
    tracer = Tracer(traces, own_flows(sessions), counters=counters)
    tests = ActiveTests(sessions, None, counters=counters, watch=watched_by(tracer))
    records: dict[str, list[dict[str, Any]]] = {}
    start_ns = time.time_ns()
    tests.start()
    tracer.start()
    for _ in range(asked["seconds"]):
        end_ns = start_ns + SECOND_NS
        time.sleep(max(0, end_ns + _SETTLE_NS - time.time_ns()) / SECOND_NS)
        for kind, rows in {**tests.collect(start_ns, end_ns), **tracer.collect(start_ns, end_ns)}.items():
            records.setdefault(kind, []).extend(
                {key: value for key, value in row.items() if not isinstance(value, bytes)} for row in rows
            )
        start_ns = end_ns
    tracer.stop()
    tests.stop()
    stages = {shot.name: shot.document() for shot in counters.snapshots()}
    json.dump({"records": records, "stages": stages}, sys.stdout)


if __name__ == "__main__":
    main()
