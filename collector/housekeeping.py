"""What goes when nobody needs it any more: payloads, rows and histograms of the state store, traces, requests, points and flows.

Compaction too. Each turn does a bounded part, so that no batch waits for it.
"""

from __future__ import annotations

import attrs

from collector.intake.payloads import PayloadStore
from collector.pipeline import MEMORY_NS
from collector.rollup.sealing import PARENT
from faultline.records.terms import SECOND_NS, Level
from faultline.runtime.counters import Counters
from faultline.store.archive import FlowArchive
from faultline.store.compaction import Compaction
from faultline.store.control import ControlBook
from faultline.store.device_events import DeviceEventBook
from faultline.store.ledger import Ledger
from faultline.store.metrics import MetricsStore
from faultline.store.traces import TraceBook
from faultline.store.windows import WindowBook

ROWS_KEPT_NS = {Level.TEN_SECONDS: 7200 * SECOND_NS, Level.MINUTE: 2 * 86_400 * SECOND_NS}
"""Rows and distributions in the state store, after their window last changed. Hours stay: baselines are rebuilt from them."""
EVENTS_KEPT_NS = 90 * 86_400 * SECOND_NS
"""What devices told: long enough to learn how often they are right."""
MOST_EVENTS = 1_000_000
"""And no more than this: about 300 MB."""
OFTEN_NS = 10 * SECOND_NS
SELDOM_NS = 600 * SECOND_NS


@attrs.define(kw_only=True)
class Housekeeping:
    """Call `run` as often as one likes."""

    ledger: Ledger
    payloads: PayloadStore
    windows: WindowBook
    traces: TraceBook
    control: ControlBook
    events: DeviceEventBook
    archive: FlowArchive
    compaction: Compaction
    metrics: MetricsStore
    payload_ns: int
    flows_ns: int
    """How long flows are kept; 0: for ever."""
    counters: Counters
    _often_ns: int = 0
    _seldom_ns: int = 0

    def run(self, now_ns: int) -> None:
        """Do what is due."""
        if now_ns - self._often_ns >= OFTEN_NS:
            self._often_ns = now_ns
            self._remove_payloads(now_ns)
            self._account_for_requests(now_ns)
            for level, kept_ns in ROWS_KEPT_NS.items():
                self.windows.prune(level, PARENT.get(level), final_before_ns=now_ns - kept_ns, now_ns=now_ns)
        if now_ns - self._seldom_ns >= SELDOM_NS:
            self._seldom_ns = now_ns
            self.ledger.forget_before(now_ns - MEMORY_NS)
            self.traces.forget_before(now_ns - MEMORY_NS)
            self.control.forget_before(now_ns - MEMORY_NS)
            self.events.forget_before(now_ns - EVENTS_KEPT_NS, most=MOST_EVENTS)
            self.metrics.expire(now_ns)
            if self.flows_ns:
                self.archive.expire(before_ns=now_ns - self.flows_ns, now_ns=now_ns)
            self.counters.count("archive_hours_compacted", self.compaction.run(now_ns))
            self.archive.clean(now_ns)

    def _account_for_requests(self, now_ns: int) -> None:
        self.control.sweep(now_ns)
        for fate, requests in self.control.fates().items():
            self.counters.gauge("requests", requests, fate=fate)

    def _remove_payloads(self, now_ns: int) -> None:
        """Forgotten first, removed then: a crash in between leaves a file that the next start removes."""
        old = self.ledger.removable_payloads(
            received_before_ns=now_ns - self.payload_ns, archived_upto=self.archive.archived_upto()
        )
        self.ledger.forget_payloads(batch for batch, _ in old)
        for _, path in old:
            self.payloads.remove(path)
        self.counters.count("payloads_removed", len(old))
