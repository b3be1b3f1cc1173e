"""How much a collector may order: what would make this probe a source of unwanted traffic is refused. Pure.

A collector that was broken into, or erred, can have every probe send to one host. So the sums are bounded whatever the number of
tasks: attempts and traced flows a second, and requests by a bucket of tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network

from faultline.records.terms import SECOND_NS
from probe.control.orders import RefusedOrder, Task
from probe.dials.config import DialConfig

MOST_TASKS = 256
MOST_DIALS_PER_S = 20.0
"""Of all ordered dial tests together: packets of some hundred octets."""
MOST_FLOWS_PER_S = 2.0
"""Of all ordered traces together: each flow is up to a hundred packets of 36 octets."""
_BURST = 64
_REQUESTS_PER_S = 0.5
"""Tokens: one a dial, one a traced flow."""


class Limits:
    """The bounds, and the tokens that are left.

    Args:
        allow: networks that may be sent to; empty: all.
    """

    def __init__(self, allow: Sequence[IPv4Network | IPv6Network] = ()) -> None:
        self._allow = tuple(allow)
        self._tokens = float(_BURST)
        self._at_ns: int | None = None

    def check_target(self, task: Task) -> None:
        """Refuse a task that leads where it must not.

        Raises:
            RefusedOrder: the target is in none of the allowed networks.
        """
        address = task.where.address
        if self._allow and not any(address in network for network in self._allow if network.version == address.version):
            raise RefusedOrder("not_allowed", f"{task.id}: {task.target} is in none of probe.control.allow")

    def check_sum(self, tasks: Sequence[Task]) -> None:
        """Refuse the last of these standing tasks when it makes their sum too much.

        Raises:
            RefusedOrder: too many, or too much a second.
        """
        if len(tasks) > MOST_TASKS:
            raise RefusedOrder("too_many", f"more than {MOST_TASKS} tasks")
        dials_per_s = sum(1 / task.interval_s for task in tasks if isinstance(task, DialConfig))
        flows_per_s = sum(_flows(task) / task.interval_s for task in tasks if not isinstance(task, DialConfig))
        if dials_per_s > MOST_DIALS_PER_S or flows_per_s > MOST_FLOWS_PER_S:
            raise RefusedOrder(
                "rate", f"{tasks[-1].id}: all together {dials_per_s:.1f} dials and {flows_per_s:.2f} traced flows a second"
            )

    def spend(self, task: Task, now_ns: int) -> None:
        """Take the tokens of a request.

        Raises:
            RefusedOrder: there are not enough left.
        """
        if self._at_ns is not None:
            self._tokens = min(_BURST, self._tokens + (now_ns - self._at_ns) * _REQUESTS_PER_S / SECOND_NS)
        self._at_ns = now_ns
        cost = 1 if isinstance(task, DialConfig) else _flows(task)
        if self._tokens < cost:
            raise RefusedOrder("rate", f"{task.id}: more requests than {_REQUESTS_PER_S:g} a second")
        self._tokens -= cost


def _flows(task: Task) -> int:
    return max(1, len(task.flows)) if not isinstance(task, DialConfig) else 0
