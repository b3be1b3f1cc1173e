"""What the collector's answer means for the batch that was sent.

Pure: in come status, headers and body, out comes one of the closed set of outcomes. It knows nothing of sockets and of the spool.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import attrs

from faultline.records.terms import SECOND_NS, Stream

_LONGEST_REASON = 300
_LONGEST_WAIT_S = 3600.0


@attrs.frozen(slots=True, kw_only=True)
class Accepted:
    """The collector holds the batch durably, and of its stream everything up to `contiguous`."""

    contiguous: int


@attrs.frozen(slots=True, kw_only=True)
class Conflict:
    """The collector holds other octets under this identity: a new incarnation must begin."""

    reason: str


@attrs.frozen(slots=True, kw_only=True)
class Poisoned:
    """The collector will never take these octets; what waits behind them must not wait for them."""

    reason: str


@attrs.frozen(slots=True, kw_only=True)
class Unwelcome:
    """The collector does not know or allow this probe: a person must act, and nothing is lost meanwhile."""

    reason: str


@attrs.frozen(slots=True, kw_only=True)
class Later:
    """The collector cannot take it now."""

    reason: str
    wait_s: float | None = None
    """What it asked for; None when it said nothing."""


Outcome = Accepted | Conflict | Poisoned | Unwelcome | Later

_POISONED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY})
"""Only answers about the octets themselves. Any other 4xx is about the way there (a proxy, a wrong path) and destroys nothing."""
_UNWELCOME = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    }
)


def read_answer(
    status: int, headers: Mapping[str, str], body: bytes, *, stream: Stream, incarnation: int, now_ns: int
) -> Outcome:
    """The meaning of an answer to a batch of `stream` under `incarnation`.

    `headers` have lower-case names; `now_ns` is the wall clock.
    """
    document = _document(body)
    if status == HTTPStatus.OK:
        return _accepted(document, stream, incarnation)
    reason = f"{status}: {_reason(document)}"
    if status == HTTPStatus.CONFLICT:
        return Conflict(reason=reason)
    if status in _POISONED and "error" in document:
        return Poisoned(reason=reason)
    if status in _UNWELCOME:
        return Unwelcome(reason=reason)
    return Later(reason=reason, wait_s=_retry_after_s(headers.get("retry-after"), now_ns))


def _accepted(document: Mapping[str, Any], stream: Stream, incarnation: int) -> Outcome:
    contiguous = document.get("contiguous")
    if not isinstance(contiguous, int) or isinstance(contiguous, bool) or contiguous < 0:
        return Later(reason="200 without a sequence: something else than a collector answers")
    if document.get("stream") != stream or str(document.get("incarnation")) != str(incarnation):
        return Later(reason="200 for another stream or incarnation")
    return Accepted(contiguous=contiguous)


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _reason(document: Mapping[str, Any]) -> str:
    text = " ".join(str(document[key]) for key in ("error", "hint") if key in document) or "no reason given"
    return text[:_LONGEST_REASON]


def _retry_after_s(text: str | None, now_ns: int) -> float | None:
    """RFC 9110, 10.2.3: seconds, or a date."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return min(float(text), _LONGEST_WAIT_S)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(0.0, moment.timestamp() - now_ns / SECOND_NS), _LONGEST_WAIT_S)
