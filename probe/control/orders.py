"""The collector's answer as the probe reads it: octets in, orders out. Pure, and it trusts nothing in them.

An answer that is none is an `OrdersError`; a single document that cannot be used is a `RefusedOrder` with a word to count by, and
does not touch the others. Keys of a document that we do not know are ignored: the collector may be newer than this probe.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from faultline.runtime.config import ConfigError, structure
from probe.dials.config import DialConfig
from probe.paths.config import TraceConfig
from probe.tasks.target import valid_id

Task = DialConfig | TraceConfig
_KINDS: Mapping[str, type[DialConfig | TraceConfig]] = {"dial": DialConfig, "trace": TraceConfig}
_KEYS = {kind: {field.name for field in attrs.fields(into)} for kind, into in _KINDS.items()}


class OrdersError(ValueError):
    """The answer is not the one of a collector."""


class RefusedOrder(ValueError):  # noqa: N818 - it is what becomes of the order
    """A document that is not followed; `reason` is a word to count by."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@attrs.frozen(slots=True, kw_only=True)
class Orders:
    """One answer."""

    version: int
    whole: bool
    """These are all the tasks there are: others are no more."""
    tasks: Sequence[Any]
    """Documents as they came."""
    removed: Sequence[str]
    requests: Sequence[Any]
    """Documents as they came."""


@attrs.frozen(slots=True, kw_only=True)
class Request:
    """One run that is asked for."""

    id: str
    task: Task
    """Its id is the standing task's that the result belongs to (`of`), else the request's own."""
    expires_ns: int
    """Wall clock."""


def read_orders(body: bytes, *, after: int) -> Orders:
    """The answer to a question for what is new after a version.

    Raises:
        OrdersError: it is something else.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise OrdersError(f"{len(body)} octets are no JSON document") from None
    if not isinstance(document, dict):
        raise OrdersError("a mapping was expected")
    version = _whole_number(document.get("version"))
    if version is None:
        raise OrdersError(f"version {document.get('version')!r} is no number")
    lists = {key: document.get(key, []) for key in ("tasks", "removed", "requests")}
    if not all(isinstance(value, list) for value in lists.values()):
        raise OrdersError("tasks, removed and requests must be lists")
    whole = document.get("whole", after == 0 or version < after)
    return Orders(
        version=version,
        whole=whole is True,
        tasks=lists["tasks"],
        removed=[name for name in lists["removed"] if isinstance(name, str)],
        requests=lists["requests"],
    )


def read_task(document: Any) -> Task:
    """A standing task.

    Raises:
        RefusedOrder: it is none, or of a kind this probe does not know.
    """
    if not isinstance(document, dict):
        raise RefusedOrder("malformed", f"a mapping was expected, got {type(document).__name__}")
    kind = document.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise RefusedOrder("unknown_kind", f"kind {kind!r}: this probe knows {' and '.join(_KINDS)}")
    known = {key: value for key, value in document.items() if key in _KEYS[kind] and value is not None}
    try:
        return structure(known, _KINDS[kind], root=kind, where="task")
    except ConfigError as error:
        raise RefusedOrder("malformed", error.message) from None


def id_of(document: Any) -> str | None:
    """The id of a document, where it has one that can be repeated to others."""
    name = document.get("id") if isinstance(document, dict) else None
    return name if isinstance(name, str) and 0 < len(name) <= 64 and name.isprintable() else None  # noqa: PLR2004 - as `valid_id`


def read_request(document: Any) -> Request:
    """A request: a task without an interval, with an expiry, and perhaps the standing task it repeats (`of`).

    Raises:
        RefusedOrder: it is none.
    """
    task = read_task(document)
    expires_ns, of = _whole_number(document.get("expires_ns")), document.get("of", task.id)
    if expires_ns is None:
        raise RefusedOrder("malformed", f"request {task.id}: expires_ns is no number")
    try:
        valid_id(None, attrs.fields(type(task)).id, of if isinstance(of, str) else "")
    except ValueError as error:
        raise RefusedOrder("malformed", f"request {task.id}: of: {error}") from None
    return Request(id=task.id, task=attrs.evolve(task, id=of), expires_ns=expires_ns)


def _whole_number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63 else None
