"""The collector's answer, read with distrust: what is no answer, what is no task, and what is followed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.control.orders import OrdersError, RefusedOrder, read_orders, read_request, read_task
from probe.dials.config import DialConfig
from probe.paths.config import TraceConfig

DIAL = {"id": "svc-web", "kind": "dial", "protocol": "tcp", "target": "10.9.0.12:8080", "interval_s": 2, "timeout_s": 1.5}
TRACE = {"id": "ce-1-fw", "kind": "trace", "protocol": "udp", "target": "10.9.0.1:862", "interval_s": 30, "flows": [[5001, 862]]}


def test_an_answer_is_read() -> None:
    """Version, documents, ids; everything stated as whole is whole."""
    body = json.dumps({"version": 7, "tasks": [DIAL], "removed": ["old", 3], "requests": []}).encode()
    orders = read_orders(body, after=5)
    assert (orders.version, orders.whole, list(orders.tasks), list(orders.removed)) == (7, False, [DIAL], ["old"])
    assert read_orders(body, after=0).whole
    assert read_orders(body, after=8).whole, "the collector lost what it knew"
    assert read_orders(b'{"version": 9, "whole": true}', after=8).whole


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"version": "7"}', b'{"version": true}', b'{"version": -1}', b'{"version": 1, "tasks": {}}']
)
def test_what_is_no_answer(body: bytes) -> None:
    """A proxy's page, a list, a version that is none, tasks that are no list."""
    with pytest.raises(OrdersError):
        read_orders(body, after=0)


@given(st.binary(max_size=60))
def test_no_octets_do_harm(body: bytes) -> None:
    """Orders, or an OrdersError, never anything else."""
    try:
        read_orders(body, after=3)
    except OrdersError:
        return


def test_both_kinds_of_task_are_read_and_keys_of_later_collectors_ignored() -> None:
    """A dial test and a trace as the configuration would hold them; null is as if it were not there."""
    dial = read_task({**DIAL, "query": None, "priority": 3})
    assert dial == DialConfig(id="svc-web", protocol="tcp", target="10.9.0.12:8080", interval_s=2.0, timeout_s=1.5)
    trace = read_task(TRACE)
    assert isinstance(trace, TraceConfig)
    assert trace.flows == [[5001, 862]]


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("svc-web", "malformed"),
        ({**DIAL, "kind": "flood"}, "unknown_kind"),
        ({**DIAL, "kind": ["dial"]}, "unknown_kind"),
        ({**DIAL, "target": "239.1.1.1:80"}, "malformed"),
        ({**DIAL, "target": "www.bank.example:80"}, "malformed"),
        ({**DIAL, "interval_s": 0.001}, "malformed"),
        ({**DIAL, "interval_s": "1"}, "malformed"),
        ({**DIAL, "interval_s": float("nan")}, "malformed"),
        ({**DIAL, "id": "x" * 65}, "malformed"),
        ({**TRACE, "flows": [[1, 2]] * 17}, "malformed"),
        ({**TRACE, "flows": "all"}, "malformed"),
        ({key: value for key, value in DIAL.items() if key != "id"}, "malformed"),
    ],
)
def test_a_document_that_cannot_be_used_is_refused_with_a_word(document: Any, reason: str) -> None:
    """The word is what is counted; the text says more."""
    with pytest.raises(RefusedOrder) as caught:
        read_task(document)
    assert caught.value.reason == reason


def test_a_request_names_the_task_it_repeats() -> None:
    """Its result belongs to that task; without one, to itself."""
    request = read_request({**TRACE, "id": "r-1", "of": "ce-1-fw", "expires_ns": 5})
    assert (request.id, request.task.id, request.expires_ns) == ("r-1", "ce-1-fw", 5)
    assert read_request({**DIAL, "id": "r-2", "expires_ns": 5}).task.id == "r-2"


@pytest.mark.parametrize(
    "more", [{}, {"expires_ns": None}, {"expires_ns": "soon"}, {"expires_ns": 5, "of": ""}, {"expires_ns": 5, "of": 7}]
)
def test_a_request_without_expiry_or_of_nothing_is_refused(more: dict[str, Any]) -> None:
    """What does not expire would be run whenever it comes."""
    with pytest.raises(RefusedOrder):
        read_request({**DIAL, **more})
