"""As much of DNS as a branch and its resolver need: one question, one address (RFC 1035).

Goes in: octets. Comes out: octets. Pure.
"""

from __future__ import annotations

import secrets
import struct
from ipaddress import IPv4Address

_HEADER = struct.Struct("!6H")
_QUESTION = struct.Struct("!HH")
_RECORD = struct.Struct("!HHHIH")
"""Name, type, class, time to live, octets that follow."""
_A, _IN = 1, 1
_ASKED, _ANSWERED = 0x0100, 0x8580
"""Recursion wanted; a response with authority, recursion wanted and available."""
_SAME_NAME = 0xC00C
"""A pointer to the question's name."""
_TTL_S = 30


def ask(name: str) -> bytes:
    """A query for a name's address, with a number nobody can guess."""
    labels = b"".join(bytes([len(label)]) + label for label in name.encode("ascii").split(b"."))
    return _HEADER.pack(secrets.randbits(16), _ASKED, 1, 0, 0, 0) + labels + b"\0" + _QUESTION.pack(_A, _IN)


def answer(query: bytes, address: IPv4Address) -> bytes | None:
    """The response: this address for whatever name is asked for. None: no query that could be answered."""
    if len(query) < _HEADER.size:
        return None
    number, flags, questions, *_ = _HEADER.unpack_from(query)
    end = query.find(b"\0", _HEADER.size) + 1 + _QUESTION.size
    if flags & 0x8000 or questions != 1 or not _HEADER.size < end <= len(query):
        return None
    kind, _ = _QUESTION.unpack_from(query, end - _QUESTION.size)
    # An answer for addresses of version 4; for anything else an empty one: the name exists, and has no such record.
    record = _RECORD.pack(_SAME_NAME, _A, _IN, _TTL_S, len(address.packed)) + address.packed if kind == _A else b""
    return _HEADER.pack(number, _ANSWERED, 1, int(kind == _A), 0, 0) + query[_HEADER.size : end] + record


def answers(query: bytes, response: bytes) -> bool:
    """Whether a response belongs to a query and holds an answer."""
    return response[:2] == query[:2] and len(response) > len(query)
