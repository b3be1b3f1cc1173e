"""What an upload is answered: status, JSON document, and when to come again. The probe's side is `probe/export/answers.py`."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import attrs

from faultline.store.ledger import Identity


@attrs.frozen(slots=True, kw_only=True)
class Answer:
    """An answer."""

    status: HTTPStatus
    document: Mapping[str, Any]
    retry_after_s: int | None = None


def acknowledged(identity: Identity, contiguous: int) -> Answer:
    """Everything up to `contiguous` of this stream is durable here."""
    document = {"stream": identity.stream.value, "incarnation": identity.incarnation, "contiguous": contiguous}
    return Answer(status=HTTPStatus.OK, document=document)


def refused(status: HTTPStatus, error: str, hint: str) -> Answer:
    """Not taken, and why."""
    return Answer(status=status, document={"error": error, "hint": hint})


def later(status: HTTPStatus, error: str, *, retry_after_s: int) -> Answer:
    """Not taken now."""
    return Answer(
        status=status, document={"error": error, "hint": "keep the batch and send it again later"}, retry_after_s=retry_after_s
    )
