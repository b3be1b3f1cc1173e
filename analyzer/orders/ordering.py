"""Keeps the state store's tasks as the inventory wants them, and orders closer looks: the edge of `analyzer.orders`.

Goes in: inventories, and what each step suspects. Comes out: rows of tasks and requests, which the collector serves. Without dial
tests and traces in the inventory nothing is written and nothing is asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from analyzer.network import Network
from analyzer.orders.closer_look import CloserLook
from analyzer.orders.rules import OrderRules
from analyzer.orders.tasks import errands, standing
from faultline.inventory import Inventory
from faultline.records.incident import Base
from faultline.records.terms import LineCode
from faultline.runtime.counters import Counters
from faultline.runtime.log import logger
from faultline.store.control import ControlBook


class Ordering:
    """Used by the thread that steps."""

    def __init__(
        self, inventory: Inventory, network: Network, *, rules: OrderRules, control: ControlBook, counters: Counters
    ) -> None:
        self._rules = rules
        self._control = control
        self._counters = counters
        self._log = logger("orders")
        self._look = CloserLook((), rules)
        self.adopt(inventory, network)

    def adopt(self, inventory: Inventory, network: Network) -> None:
        """Go on with another inventory; `keep_standing` writes what that changes."""
        found = errands(inventory, self._rules) if self._rules.enabled else []
        self._wanted = standing(found, inventory, self._rules)
        self._counters.gauge("standing_tasks_left_out", len(found) - len(self._wanted))
        self._written = False
        self._look.adopt(found)
        self._lines_of: dict[Base, list[LineCode]] = {}
        for line in self._look.lines:
            for base in network.bases_of(line):
                self._lines_of.setdefault(base, []).append(line)

    def keep_standing(self) -> None:
        """Write the differences, once an inventory; called again after an error."""
        if self._written:
            return
        changes = self._control.replace_tasks(self._wanted)
        self._written = True
        kinds = Counter(str(task.document["kind"]) for task in self._wanted)
        for kind in ("dial", "trace"):
            self._counters.gauge("standing_tasks", kinds[kind], kind=kind)
        if changes:
            self._counters.count("standing_task_changes", changes)
            self._log.info("tasks changed", changes=changes, dials=kinds["dial"], traces=kinds["trace"])

    def suspect(self, bases: Collection[Base], *, end_ns: int, now_ns: int) -> None:
        """Places that are suspected at the end of a window."""
        lines = {line for base in bases for line in self._lines_of.get(base, ())}
        look = self._look.observe(lines, end_ns=end_ns, now_ns=now_ns)
        if look.held_back:
            self._counters.count("requests_held_back", look.held_back, reason="rate")
        if not look.requests:
            return
        self._control.order(look.requests, now_ns=now_ns)
        for request in look.requests:
            self._counters.count("requests_ordered", kind=request.kind)
        self._log.info("closer look ordered", requests=len(look.requests), probes=len({r.probe for r in look.requests}))
