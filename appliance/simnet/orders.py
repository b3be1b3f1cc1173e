"""What simulated probes were asked to do: standing tests and requests, fetched from the state store as probes fetch them.

Goes in: the control plane's book, or an inventory where there is no analyzer. Comes out: for each probe its standing tests, and
the requests it has not answered yet. A probe that cannot reach the collector goes on with what stood.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from analyzer.orders.rules import OrderRules
from analyzer.orders.tasks import errands, standing
from faultline.inventory import Inventory
from faultline.store.control import ControlBook

Document = Mapping[str, Any]


@attrs.define(slots=True, kw_only=True)
class ProbeOrders:
    """One probe's."""

    tasks: dict[str, Document] = attrs.field(factory=dict)
    """By id."""
    requests: list[Document] = attrs.field(factory=list)
    """Not answered yet."""
    _version: int = 0
    _taken: set[str] = attrs.field(factory=set)

    def fetch(self, control: ControlBook, probe: str, now_ns: int) -> None:
        """Ask for what is new."""
        found = control.orders(probe, after=self._version, now_ns=now_ns)
        if found.whole:
            self.tasks.clear()
        for task in map(json.loads, found.tasks):
            self.tasks[task["id"]] = task
        for removed in found.removed:
            self.tasks.pop(removed, None)
        for request in map(json.loads, found.requests):
            if request["id"] not in self._taken:
                self._taken.add(request["id"])
                self.requests.append(request)
        self._version = found.version

    def take_requests(self) -> Sequence[Document]:
        """The requests to answer now."""
        taken, self.requests = self.requests, []
        return taken


def standing_orders(inventory: Inventory) -> dict[str, ProbeOrders]:
    """What the analyzer would ask of every probe, at the usual pace, without asking one."""
    found = {str(vantage.probe): ProbeOrders() for vantage in inventory.vantages.values() if vantage.probe is not None}
    rules = OrderRules()
    for task in standing(errands(inventory, rules), inventory, rules):
        found[task.probe].tasks[task.id] = task.document
    return found
