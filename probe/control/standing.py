"""What stands of the collector's orders: answers go in, what is to run comes out, and a document that outlives a restart. Pure.

Versions are the collector's. Tasks that a later answer does not name stay as they are; a request's id is followed once, however
often it comes, also across a restart: it is noted before it is run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import attrs

from faultline.records.terms import SECOND_NS
from probe.control.limits import Limits
from probe.control.orders import Orders, RefusedOrder, Request, Task, id_of, read_request, read_task

_REMEMBERED_NS = 600 * SECOND_NS
"""How long after its expiry a request is known as one that came already; later it is refused as expired."""
_MOST_REMEMBERED = 4096
_LATEST_NS = 24 * 3600 * SECOND_NS


@attrs.frozen(slots=True, kw_only=True)
class Refusal:
    """A document that is not followed."""

    reason: str
    why: str
    request_id: str | None = None
    """Whom to tell, where it was a request with a readable id."""


@attrs.frozen(slots=True, kw_only=True)
class Change:
    """What an answer amounts to."""

    taken: int
    """Documents."""
    tasks_changed: bool
    requests: Sequence[Request]
    repeated: int
    """Requests that came before."""
    refused: Sequence[Refusal]


class StandingOrders:
    """Tasks in force, and requests that were followed.

    Args:
        limits: how much may be ordered.
        own: ids of the tasks of the probe's own configuration, which the collector cannot take.
    """

    def __init__(self, limits: Limits, *, own: Collection[str] = ()) -> None:
        self._limits = limits
        self._own = frozenset(own)
        self.version = 0
        self._documents: dict[str, Any] = {}
        self._tasks: dict[str, Task] = {}
        self._followed: dict[str, int] = {}

    @property
    def tasks(self) -> Sequence[Task]:
        """Those in force."""
        return list(self._tasks.values())

    def take(self, orders: Orders, *, now_ns: int, wall_ns: int) -> Change:
        """Follow an answer."""
        before = dict(self._tasks)
        if orders.whole:
            self._documents.clear()
            self._tasks.clear()
        # All that changes goes first, so that sums are of what is wanted and not of old and new side by side.
        for name in (*orders.removed, *map(id_of, orders.tasks)):
            if name is not None:
                self._documents.pop(name, None)
                self._tasks.pop(name, None)
        refused = [refusal for document in orders.tasks if (refusal := self._take_task(document)) is not None]
        requests, repeated = [], 0
        for document in orders.requests:
            asked = id_of(document)
            if asked is not None and asked in self._followed:
                repeated += 1
                continue
            try:
                requests.append(self._follow(document, now_ns, wall_ns))
            except RefusedOrder as error:
                refused.append(Refusal(reason=error.reason, why=str(error), request_id=asked))
                if asked is not None:
                    self._followed[asked] = wall_ns
        self.version = orders.version
        self._forget(wall_ns)
        return Change(
            taken=len(orders.tasks) + len(orders.requests),
            tasks_changed=before != self._tasks,
            requests=requests,
            repeated=repeated,
            refused=refused,
        )

    def _take_task(self, document: Any) -> Refusal | None:
        try:
            task = read_task(document)
            self._check(task)
        except RefusedOrder as error:
            return Refusal(reason=error.reason, why=str(error))
        self._documents[task.id], self._tasks[task.id] = document, task
        return None

    def _check(self, task: Task) -> None:
        if task.id in self._own:
            raise RefusedOrder("id_taken", f"{task.id}: the probe's own configuration has a task of that name")
        self._limits.check_target(task)
        self._limits.check_sum([*self._tasks.values(), task])

    def _follow(self, document: Any, now_ns: int, wall_ns: int) -> Request:
        request = read_request(document)
        if not wall_ns < request.expires_ns <= wall_ns + _LATEST_NS:
            late = request.expires_ns <= wall_ns
            raise RefusedOrder("expired" if late else "malformed", f"{request.id}: expires_ns {request.expires_ns}")
        self._limits.check_target(request.task)
        self._limits.spend(request.task, now_ns)
        self._followed[request.id] = request.expires_ns
        return request

    def _forget(self, wall_ns: int) -> None:
        self._followed = {name: until for name, until in self._followed.items() if until > wall_ns - _REMEMBERED_NS}
        for name in list(self._followed)[: max(0, len(self._followed) - _MOST_REMEMBERED)]:
            del self._followed[name]

    # ---- across restarts -----------------------------------------------------------------------------------------
    def document(self) -> dict[str, Any]:
        """What a later process needs."""
        return {"version": self.version, "tasks": list(self._documents.values()), "followed": self._followed}

    def restore(self, document: Mapping[str, Any]) -> Sequence[Refusal]:
        """Go on from a document of `document`; a task that is refused now says why, and the collector is asked for everything.

        Raises:
            ValueError: it is none.
        """
        version, tasks, followed = document.get("version"), document.get("tasks"), document.get("followed")
        if not isinstance(version, int) or not isinstance(tasks, list) or not isinstance(followed, dict):
            raise ValueError("version, tasks and followed were expected")  # noqa: TRY004 - malformed input is a ValueError here
        if not all(isinstance(until, int) for until in followed.values()):
            raise ValueError("followed must hold times")
        refused = [refusal for task in tasks if (refusal := self._take_task(task)) is not None]
        self._followed = {str(name): until for name, until in followed.items()}
        self.version = 0 if refused else version
        return refused
