"""A question to a resolver and what its answer says (RFC 1035, sections 4.1 and 3.1). Octets in, octets out; pure.

Only so much of the protocol as a dial test needs: one question for an A record, and from the answer its response code. No octets
raise anything but `AnswerError`.
"""

from __future__ import annotations

import struct

_HEADER = struct.Struct("!HHHHHH")
_QUESTION = struct.Struct("!HH")
_RECURSION_DESIRED = 0x0100
_RESPONSE = 0x8000
_OPCODE = 0x7800
_TYPE_A, _CLASS_IN = 1, 1
_LONGEST_LABEL, _LONGEST_NAME = 63, 255
NO_ERROR = "noerror"
_CODES = {0: NO_ERROR, 1: "formerr", 2: "servfail", 3: "nxdomain", 4: "notimp", 5: "refused"}


class QueryError(ValueError):
    """The name cannot be asked for."""


class AnswerError(ValueError):
    """The datagram is no answer to the question: why."""


def encoded_name(name: str) -> bytes:
    """A domain name in wire format.

    Raises:
        QueryError: an empty or too long label, too long in all, or not ASCII.
    """
    if not name.isascii() or not name.isprintable() or " " in name:
        raise QueryError(f"{name!r} is no domain name in ASCII (xn--... for others)")
    labels = [label.encode("ascii") for label in name.removesuffix(".").split(".")]
    if not all(0 < len(label) <= _LONGEST_LABEL for label in labels):
        raise QueryError(f"{name!r} has a label that is empty or longer than {_LONGEST_LABEL} octets")
    encoded = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
    if len(encoded) > _LONGEST_NAME:
        raise QueryError(f"{name!r} is longer than {_LONGEST_NAME} octets")
    return encoded


def question(name: str, ident: int) -> bytes:
    """The datagram that asks for the A record of a name; `ident` is 16 random bits."""
    return _HEADER.pack(ident, _RECURSION_DESIRED, 1, 0, 0, 0) + encoded_name(name) + _QUESTION.pack(_TYPE_A, _CLASS_IN)


def response_code(datagram: bytes, asked: bytes) -> str:
    """The response code in an answer, as a lower-case word.

    Args:
        datagram: what came from the resolver.
        asked: the question as it was sent.

    Raises:
        AnswerError: it is about something else, or about nothing.
    """
    if len(datagram) < _HEADER.size:
        raise AnswerError(f"{len(datagram)} octets are no header")
    ident, flags, questions, _, _, _ = _HEADER.unpack_from(datagram)
    if ident != _HEADER.unpack_from(asked)[0]:
        raise AnswerError("another question's number")
    if not flags & _RESPONSE or flags & _OPCODE:
        raise AnswerError(f"flags {flags:#06x} are not those of an answer")
    code = flags & 0xF
    # A resolver that could not even read the question may leave it out (RFC 1035 does not say so, and it is seen).
    repeated = datagram[_HEADER.size : len(asked)]
    if not (questions == 0 and code) and (questions != 1 or repeated.lower() != asked[_HEADER.size :].lower()):
        raise AnswerError(f"octet {_HEADER.size}: repeats another question")
    return _CODES.get(code, f"rcode{code}")
