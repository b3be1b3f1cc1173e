"""What the collector's answers mean."""

from __future__ import annotations

import random
from email.utils import formatdate

import pytest

from faultline.records.terms import SECOND_NS, Stream
from probe.export.answers import Accepted, Conflict, Later, Outcome, Poisoned, Unwelcome, read_answer
from probe.export.backoff import Backoff

NOW_S = 1_800_000_000


def read(status: int, body: bytes = b"", **headers: str) -> Outcome:
    """The meaning of an answer to a flows batch of incarnation 7."""
    lowered = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_answer(status, lowered, body, stream=Stream.FLOWS, incarnation=7, now_ns=NOW_S * SECOND_NS)


def test_an_acknowledgement_names_the_contiguous_sequence() -> None:
    """200 with our stream and incarnation is the only thing that releases batches."""
    assert read(200, b'{"stream": "flows", "incarnation": 7, "contiguous": 12}') == Accepted(contiguous=12)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>welcome to the hotel network</html>",
        b"[]",
        b'{"stream": "flows", "incarnation": 7}',
        b'{"stream": "flows", "incarnation": 7, "contiguous": true}',
        b'{"stream": "flows", "incarnation": 7, "contiguous": -1}',
        b'{"stream": "events", "incarnation": 7, "contiguous": 3}',
        b'{"stream": "flows", "incarnation": 8, "contiguous": 3}',
    ],
)
def test_a_200_that_is_not_the_collectors_releases_nothing(body: bytes) -> None:
    """A captive portal answers 200 to everything; no batch is deleted for that."""
    assert isinstance(read(200, body), Later)


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (409, b'{"error": "another batch"}', Conflict),
        (400, b'{"error": "bad seal", "hint": "octet 17"}', Poisoned),
        (413, b'{"error": "too large"}', Poisoned),
        (400, b"proxy says no", Later),
        (401, b'{"error": "unknown token"}', Unwelcome),
        (403, b'{"error": "identity of another probe"}', Unwelcome),
        (404, b"", Unwelcome),
        (407, b"", Unwelcome),
        (429, b"", Later),
        (500, b"boom", Later),
        (502, b"", Later),
        (302, b"", Later),
    ],
)
def test_each_refusal_has_its_meaning(status: int, body: bytes, outcome: type[Outcome]) -> None:
    """Only the collector's own word about the octets condemns them; everything else keeps them."""
    assert isinstance(read(status, body), outcome)


def test_a_refusals_reason_is_kept_with_its_hint() -> None:
    """What the collector says is what the log says."""
    assert read(400, b'{"error": "bad seal", "hint": "octet 17"}') == Poisoned(reason="400: bad seal octet 17")


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [("7", 7.0), ("0", 0.0), ("999999", 3600.0), (formatdate(NOW_S + 30, usegmt=True), 30.0), ("soon", None), ("-3", None)],
)
def test_retry_after_is_honoured_in_seconds_or_as_a_date(text: str, wait_s: float | None) -> None:
    """RFC 9110, 10.2.3; beyond an hour no one is served by waiting."""
    outcome = read(503, retry_after=text)
    assert isinstance(outcome, Later)
    assert outcome.wait_s == wait_s


def test_back_off_doubles_its_limit_is_random_and_forgets_on_success() -> None:
    """Full jitter: uniform between nothing and the limit, never below what the other side asked for."""
    backoff = Backoff(base_s=1.0, cap_s=8.0, source=random.Random(3))
    waits = [backoff.failed() for _ in range(50)]
    assert all(wait <= limit for wait, limit in zip(waits, [1, 2, 4] + [8] * 47, strict=True))
    assert max(waits) > 6
    assert min(waits) < 2
    assert backoff.failed(at_least_s=5.0) >= 5.0
    backoff.succeeded()
    assert backoff.failures == 0
    assert backoff.failed() <= 1.0
