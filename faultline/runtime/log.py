"""Structured logs: lower-case events with key=value on standard error, JSON where a machine reads them; secrets never get in.

`quiet_bursts` is for input from strangers: a reason is logged at most a few times a period, then only counted and summed up.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

SECRET_WORDS = ("token", "password", "secret", "authorization", "private_key", "hmac")


def _hide_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in event:
        if any(word in key.lower() for word in SECRET_WORDS):
            event[key] = "***"
    return event


def configure(*, level: str = "info", json: bool | None = None, service: str | None = None) -> None:
    """Set up logging of the process once.

    Args:
        level: debug, info, warning or error.
        json: one JSON object a line; None: key=value on a terminal, JSON elsewhere.
        service: bound to every event.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    as_json = (not sys.stderr.isatty()) if json is None else json
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _hide_secrets,
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    if service:
        structlog.contextvars.bind_contextvars(service=service)


def logger(component: str) -> Any:
    """A logger of one component."""
    return structlog.get_logger().bind(component=component)


class QuietBursts:
    """Lets an event through `limit` times a `period_s` a key; tells how many it held back when the next period opens.

    Pure: time is an argument.
    """

    def __init__(self, *, limit: int = 5, period_s: float = 60.0, max_keys: int = 1024) -> None:
        self._limit = limit
        self._period_ns = int(period_s * 1e9)
        self._max_keys = max_keys
        self._seen: dict[str, tuple[int, int]] = {}

    def allow(self, key: str, now_ns: int) -> tuple[bool, int]:
        """Whether to log now, and how many events of this key were held back since it was last logged."""
        start, count = self._seen.get(key, (now_ns, 0))
        if now_ns - start >= self._period_ns:
            held = max(0, count - self._limit)
            self._seen[key] = (now_ns, 1)
            return True, held
        if key not in self._seen and len(self._seen) >= self._max_keys:
            return False, 0
        self._seen[key] = (start, count + 1)
        return count < self._limit, 0
