"""The little DNS of the demo's branches, against a real implementation."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from scapy.layers.dns import DNS, DNSQR

from appliance.demo.namespaces import names

NAME, ADDRESS = "teller.bank.example", IPv4Address("10.9.0.11")


def test_a_query_is_one_that_others_read() -> None:
    """One question for an address, recursion wanted."""
    query = DNS(names.ask(NAME))
    assert (query.qdcount, query.rd, query.qr) == (1, 1, 0)
    assert query.qd[0].qname == f"{NAME}.".encode()
    assert (query.qd[0].qtype, query.qd[0].qclass) == (1, 1)


def test_an_answer_is_one_that_others_read() -> None:
    """The question again, the address, the same number, no error."""
    query = names.ask(NAME)
    response = names.answer(query, ADDRESS)
    assert response is not None
    read = DNS(response)
    assert (read.id, read.qr, read.rcode, read.ancount) == (DNS(query).id, 1, 0, 1)
    assert read.an[0].rdata == str(ADDRESS)
    assert names.answers(query, response)
    assert not names.answers(names.ask(NAME)[:-1] + b"\x02", response[2:])


def test_a_question_for_something_else_has_an_empty_answer() -> None:
    """The name exists, and has no such record."""
    response = names.answer(bytes(DNS(id=7, rd=1, qd=DNSQR(qname=NAME, qtype="AAAA"))), ADDRESS)
    assert response is not None
    read = DNS(response)
    assert (read.id, read.rcode, read.ancount) == (7, 0, 0)


@pytest.mark.parametrize("octets", [b"", b"short", bytes(12), names.ask(NAME)[:-3]], ids=["empty", "short", "no question", "cut"])
def test_what_is_no_query_has_no_answer(octets: bytes) -> None:
    """Noise on the port is left alone."""
    assert names.answer(octets, ADDRESS) is None


def test_a_response_is_not_answered() -> None:
    """Two name servers never talk to each other for ever."""
    response = names.answer(names.ask(NAME), ADDRESS)
    assert response is not None
    assert names.answer(response, ADDRESS) is None
