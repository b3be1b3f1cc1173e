"""Questions and answers of a dial test, octet by octet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.dials.dns import AnswerError, QueryError, encoded_name, question, response_code

ASKED = question("www.bank.example", 0x1234)


def answer(*, ident: int = 0x1234, flags: int = 0x8180, questions: int = 1, repeated: bytes = ASKED[12:]) -> bytes:
    """An answer as a resolver gives it, without records."""
    return ident.to_bytes(2) + flags.to_bytes(2) + questions.to_bytes(2) + bytes(6) + repeated


def test_the_question_is_the_one_of_rfc_1035() -> None:
    """Number, recursion desired, one question: labels with their lengths, type A, class IN."""
    assert (
        bytes.fromhex("1234 0100 0001 0000 0000 0000") + b"\x03www\x04bank\x07example\x00" + bytes.fromhex("0001 0001") == ASKED
    )


@pytest.mark.parametrize(
    ("flags", "code"), [(0x8180, "noerror"), (0x8182, "servfail"), (0x8183, "nxdomain"), (0x8185, "refused"), (0x818B, "rcode11")]
)
def test_the_response_code_is_read(flags: int, code: str) -> None:
    """Each code by its name, others by their number; capitals in the repeated question do not matter (0x20 bits)."""
    assert response_code(answer(flags=flags, repeated=ASKED[12:].upper()), ASKED) == code


def test_a_resolver_that_could_not_read_the_question_may_leave_it_out() -> None:
    """An error without a question is an answer; a success without one is not."""
    assert response_code(answer(flags=0x8181, questions=0, repeated=b""), ASKED) == "formerr"
    with pytest.raises(AnswerError):
        response_code(answer(questions=0, repeated=b""), ASKED)


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        ASKED,
        answer(ident=0x1235),
        answer(flags=0xA180),
        answer(repeated=question("www.other.example", 1)[12:]),
        answer(repeated=ASKED[12:-1]),
    ],
)
def test_what_answers_another_question_is_none(datagram: bytes) -> None:
    """Too short, our own question come back, another number, another kind, another name, a question that is cut."""
    with pytest.raises(AnswerError):
        response_code(datagram, ASKED)


@given(st.binary(max_size=80))
def test_no_octets_do_harm(datagram: bytes) -> None:
    """A code, or an AnswerError, never anything else."""
    try:
        response_code(datagram, ASKED)
    except AnswerError:
        return


@pytest.mark.parametrize("name", ["", "a..b", "x" * 64, ".".join(["x" * 50] * 6), "bänk.example", "two words"])
def test_names_that_cannot_be_asked_for(name: str) -> None:
    """Empty and too long labels, too long names, other scripts in plain."""
    with pytest.raises(QueryError):
        encoded_name(name)
