"""The tests that a probe makes because it was asked to: its standing dial tests and traces, and requests, of one interval.

Goes in: a probe's orders, the plant, an interval. Comes out: records of the kinds `dial`, `path` and `task`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from appliance.simnet.dials import DialSource
from appliance.simnet.orders import Document, ProbeOrders
from appliance.simnet.plant import Plant
from appliance.simnet.traces import TraceSource, account
from faultline.inventory import Inventory
from faultline.records.terms import SECOND_NS, DialId, TraceId

_ONCE_S = 3600.0
"""Interval of a request, which is made once."""
_AT_ONCE_NS = SECOND_NS
"""A request is fetched when the interval before is closed, and made at once."""


@attrs.frozen(slots=True, kw_only=True)
class OrderedTests:
    """Makes what probes were asked for; what the inventory does not know is left alone."""

    inventory: Inventory
    plant: Plant
    seed: int

    def records(self, orders: ProbeOrders, start_ns: int, end_ns: int) -> Mapping[str, list[dict[str, Any]]]:
        """Records by kind."""
        found: dict[str, list[dict[str, Any]]] = {"dial": [], "path": [], "task": []}
        for document in orders.tasks.values():
            dial, trace = self._dial(document), self._trace(document)
            if dial is not None:
                found["dial"].append(dial.record(start_ns, end_ns))
            if trace is not None:
                moments = trace.due(start_ns, end_ns)
                traced = [record for at_ns in moments for record in trace.records(at_ns)]
                found["path"] += traced
                runs = len(moments) * len(trace.flows)
                found["task"].append(account(document["id"], runs, len(traced), start_ns=start_ns, end_ns=end_ns))
        for document in orders.take_requests():
            self._answer(document, found, start_ns, end_ns)
        return found

    def _answer(self, document: Document, found: Mapping[str, list[dict[str, Any]]], start_ns: int, end_ns: int) -> None:
        request = str(document["id"])
        dial, trace = self._dial(document), self._trace(document)
        done = 0
        if dial is not None:
            row = dial.answer(request, start_ns, end_ns)
            found["dial"].append(row)
            done = row["done"]
        if trace is not None:
            rows = trace.records(start_ns + _AT_ONCE_NS, request=request)
            found["path"] += rows
            done = min(1, len(rows))
        found["task"].append(account(request, 1, done, start_ns=start_ns, end_ns=end_ns) | {"request_id": request})

    def _dial(self, document: Document) -> DialSource | None:
        dial = self.inventory.dials.get(DialId(str(document.get("of", document["id"]))))
        if dial is None or document["kind"] != "dial":
            return None
        interval_s = float(document.get("interval_s", _ONCE_S))
        return DialSource(inventory=self.inventory, plant=self.plant, dial=dial, interval_s=interval_s, seed=self.seed)

    def _trace(self, document: Document) -> TraceSource | None:
        trace = self.inventory.traces.get(TraceId(str(document.get("of", document["id"]))))
        if trace is None or document["kind"] != "trace":
            return None
        return TraceSource(
            inventory=self.inventory,
            plant=self.plant,
            trace=trace,
            interval_s=float(document.get("interval_s", _ONCE_S)),
            flows=[(int(source), int(destination)) for source, destination in document["flows"]],
            seed=self.seed,
        )
