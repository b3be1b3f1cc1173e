"""What probes are asked to do: standing tasks and one-off requests in the state store, and what became of each request.

Goes in: from the analyzer tasks and requests, from the collector who was served and what came back. Comes out: what is new for a
probe since a version, and accounts: created = served + expired + waiting, served = done + failed + unanswered + under way.
Documents are texts here; what they mean is known to those who write and run them.

The version rises with each change and never falls. A request is served at least once: a probe that asks again with the version of
before did not get the answer, so it gets the request again, until it expires or is answered.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import attrs

from faultline.records.terms import SECOND_NS
from faultline.runtime.counters import StageSnapshot
from faultline.store.state import StateStore

ANSWER_NS = 120 * SECOND_NS
"""Results travel with the interval they belong to, and may wait in a spool: until so long after its expiry a request is open."""


class RequestState(StrEnum):
    """Where a request stands."""

    WAITING = "waiting"
    SERVED = "served"
    EXPIRED = "expired"
    """Nobody asked in time; it was never served."""
    DONE = "done"
    FAILED = "failed"
    """It was tried, or skipped, without a result."""
    UNANSWERED = "unanswered"
    """It was served, and nothing came back in time."""


CREATED = "created"
"""The fate all requests share."""


@attrs.frozen(slots=True, kw_only=True)
class Task:
    """A standing task of a probe."""

    probe: str
    id: str
    document: Mapping[str, Any]
    """As the probe gets it; its `id` is the task's."""


@attrs.frozen(slots=True, kw_only=True)
class Request:
    """A one-off order."""

    probe: str
    id: str
    kind: str
    document: Mapping[str, Any]
    """As the probe gets it; its `id` is the request's."""
    expires_ns: int


@attrs.frozen(slots=True, kw_only=True)
class Orders:
    """What is new for a probe since a version."""

    version: int
    whole: bool
    """Whether this is all there is, because the probe knew nothing, or something of another store."""
    tasks: tuple[str, ...]
    """Documents of new and changed ones."""
    removed: tuple[str, ...]
    """Ids of those that are no more."""
    requests: tuple[str, ...]
    """Documents."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing new."""
        return not (self.tasks or self.removed or self.requests)


@attrs.frozen(slots=True, kw_only=True)
class Result:
    """A probe's answer to a request."""

    probe: str
    request: str
    done: bool


class ControlBook:
    """Over a state store."""

    def __init__(self, state: StateStore) -> None:
        self._state = state

    # ---- what the analyzer writes
    def replace_tasks(self, wanted: Iterable[Task]) -> int:
        """Make these the standing tasks of all probes. Only differences are written; gives how many there were."""
        texts = {(task.probe, task.id): _json(task.document) for task in wanted}
        with self._state.reading() as db:
            there = {(row[0], row[1]): row[2] for row in db.execute("SELECT probe, id, document FROM tasks WHERE removed = 0")}
        changed = {key: text for key, text in texts.items() if there.get(key) != text}
        gone = [key for key in there if key not in texts]
        if not changed and not gone:
            return 0
        with self._state.transaction() as db:
            version = _next_version(db)
            db.executemany(
                "INSERT OR REPLACE INTO tasks (probe, id, version, document, removed) VALUES (?, ?, ?, ?, 0)",
                [(*key, version, text) for key, text in changed.items()],
            )
            db.executemany(
                "UPDATE tasks SET removed = 1, version = ? WHERE probe = ? AND id = ?", [(version, *key) for key in gone]
            )
        return len(changed) + len(gone)

    def order(self, requests: Sequence[Request], *, now_ns: int) -> None:
        """Take requests, durably on return; one whose id is known is left as it is."""
        with self._state.transaction() as db:
            version = _next_version(db)
            taken = db.executemany(
                "INSERT OR IGNORE INTO requests (id, probe, kind, version, document, created_ns, expires_ns, state)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting')",
                [(r.id, r.probe, r.kind, version, _json(r.document), now_ns, r.expires_ns) for r in requests],
            ).rowcount
            _count(db, CREATED, taken)

    # ---- what the collector serves and takes
    def version(self) -> int:
        """Of the newest change of anything."""
        with self._state.reading() as db:
            return _version(db)

    def orders(self, probe: str, *, after: int, now_ns: int) -> Orders:
        """What changed for a probe after a version, its requests now counted as served.

        A version that this store never gave out is of one that is lost: then the answer holds everything.
        """
        with self._state.reading() as db:
            found = _orders(db, probe, after, now_ns)
        if not found.requests:
            return found
        with self._state.transaction() as db:
            found = _orders(db, probe, after, now_ns)
            served = db.execute(
                "UPDATE requests SET state = 'served' WHERE probe = ? AND version > ? AND state = 'waiting' AND expires_ns > ?",
                (probe, _known(db, after), now_ns),
            ).rowcount
            _count(db, RequestState.SERVED, served)
        return found

    def conclude(self, results: Iterable[Result], *, now_ns: int) -> int:
        """Note results; gives how many belong to no request of that probe that is open. The first result of a request counts."""
        stray = 0
        with self._state.transaction() as db:
            for result in results:
                state = RequestState.DONE if result.done else RequestState.FAILED
                decided = db.execute(
                    "UPDATE requests SET state = ?, decided_ns = ? WHERE id = ? AND probe = ? AND state = 'served'",
                    (state.value, now_ns, result.request, result.probe),
                ).rowcount
                _count(db, state, decided)
                stray += 0 if decided or _is_decided(db, result) else 1
        return stray

    def sweep(self, now_ns: int) -> None:
        """Requests whose time is over: expired when never served, unanswered when nothing came back."""
        with self._state.reading() as db:
            due = db.execute("SELECT 1 FROM requests WHERE decided_ns IS NULL AND expires_ns <= ? LIMIT 1", (now_ns,)).fetchone()
        if due is None:
            return
        with self._state.transaction() as db:
            for before, after, limit_ns in (
                (RequestState.WAITING, RequestState.EXPIRED, now_ns),
                (RequestState.SERVED, RequestState.UNANSWERED, now_ns - ANSWER_NS),
            ):
                decided = db.execute(
                    "UPDATE requests SET state = ?, decided_ns = ? WHERE state = ? AND expires_ns <= ?",
                    (after.value, now_ns, before.value, limit_ns),
                ).rowcount
                _count(db, after, decided)

    def forget_before(self, decided_ns: int) -> None:
        """Forget requests that were decided before a moment; their counts stay."""
        with self._state.transaction() as db:
            db.execute("DELETE FROM requests WHERE decided_ns < ?", (decided_ns,))

    def states(self, requests: Iterable[str]) -> dict[str, RequestState]:
        """Where requests stand, by id; what is forgotten or was never ordered is left out."""
        with self._state.reading() as db:
            found = {name: db.execute("SELECT state FROM requests WHERE id = ?", (name,)).fetchone() for name in requests}
        return {name: RequestState(row[0]) for name, row in found.items() if row is not None}

    # ---- accounts
    def fates(self) -> dict[str, int]:
        """How many requests ever came into each state, and how many were ever created."""
        with self._state.reading() as db:
            counted = {str(row[0]): int(row[1]) for row in db.execute("SELECT fate, requests FROM request_fates")}
        return {
            fate: counted.get(fate, 0)
            for fate in (CREATED, *(state for state in RequestState if state is not RequestState.WAITING))
        }

    def accounts(self) -> tuple[StageSnapshot, StageSnapshot]:
        """Requests until they are served, and from there to their end: what was counted against the rows that are open."""
        with self._state.reading() as db:
            fates = self.fates()
            held = {str(row[0]): int(row[1]) for row in db.execute("SELECT state, count(*) FROM requests GROUP BY state")}
        return (
            StageSnapshot(
                name="requests",
                taken_in=fates[CREATED],
                out=fates[RequestState.SERVED],
                dropped={"expired": fates[RequestState.EXPIRED]},
                held=held.get(RequestState.WAITING, 0),
            ),
            StageSnapshot(
                name="results",
                taken_in=fates[RequestState.SERVED],
                out=fates[RequestState.DONE],
                dropped={state.value: fates[state] for state in (RequestState.FAILED, RequestState.UNANSWERED)},
                held=held.get(RequestState.SERVED, 0),
            ),
        )


def _version(db: sqlite3.Connection) -> int:
    (version,) = db.execute("SELECT version FROM task_version").fetchone()
    return int(version)


def _next_version(db: sqlite3.Connection) -> int:
    db.execute("UPDATE task_version SET version = version + 1")
    return _version(db)


def _known(db: sqlite3.Connection, after: int) -> int:
    """A probe's version, if it can come from this store; else 0."""
    first, newest = db.execute("SELECT first, version FROM task_version").fetchone()
    return after if first <= after <= newest else 0


def _orders(db: sqlite3.Connection, probe: str, after: int, now_ns: int) -> Orders:
    known = _known(db, after)
    tasks = db.execute(
        "SELECT id, document, removed FROM tasks WHERE probe = ? AND version > ? ORDER BY id", (probe, known)
    ).fetchall()
    requests = db.execute(
        "SELECT document FROM requests WHERE probe = ? AND version > ? AND decided_ns IS NULL AND expires_ns > ?"
        " ORDER BY version, id",
        (probe, known, now_ns),
    ).fetchall()
    return Orders(
        version=_version(db),
        whole=not known,
        tasks=tuple(str(document) for _, document, removed in tasks if not removed),
        # Who knows nothing yet has nothing to stop.
        removed=tuple(str(name) for name, _, removed in tasks if removed and known),
        requests=tuple(str(document) for (document,) in requests),
    )


def _is_decided(db: sqlite3.Connection, result: Result) -> bool:
    """Whether the request was answered before: the same result again, or another part of it."""
    return (
        db.execute(
            "SELECT 1 FROM requests WHERE id = ? AND probe = ? AND state IN ('done', 'failed')", (result.request, result.probe)
        ).fetchone()
        is not None
    )


def _count(db: sqlite3.Connection, fate: str, requests: int) -> None:
    if requests > 0:
        db.execute(
            "INSERT INTO request_fates VALUES (?, ?) ON CONFLICT (fate) DO UPDATE SET requests = requests + excluded.requests",
            (str(fate), requests),
        )


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(dict(document), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
