"""The basic encoding rules as far as SNMP uses them (RFC 3417 section 8): definite lengths, low tag numbers, a handful of types.

Goes in: octets. Comes out: values with their places, so that a digest can be taken around them; or a `BerError` that says where
and why. Every length is checked against its container before anything is read: what strangers send costs no more than its octets.
"""

from __future__ import annotations

import ipaddress

INTEGER, OCTET_STRING, NULL, OBJECT_ID, SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
IP_ADDRESS, COUNTER32, GAUGE32, TIME_TICKS, OPAQUE, COUNTER64 = 0x40, 0x41, 0x42, 0x43, 0x44, 0x46
_ABSENT = frozenset({NULL, 0x80, 0x81, 0x82})
"""Null, and the three ways to say that an object has no value."""
_NUMBERS = frozenset({INTEGER, COUNTER32, GAUGE32, TIME_TICKS, COUNTER64})

_MOST_INTEGER_OCTETS = 9
"""A Counter64 above 2^63 needs a leading zero."""
_MOST_SUBIDENTIFIERS = 128
"""RFC 2578 section 3.5."""
_MOST_SUBIDENTIFIER = 0xFFFF_FFFF
_LENGTH_OCTETS = 4
_IPV4_OCTETS = 4
_CONTINUES = 0x80
_ROOTS = 40
"""The first two numbers of an identifier share an octet: first * 40 + second (X.690, 8.19.4)."""

Value = int | bytes | str | None
"""An INTEGER or counter; an OCTET STRING; an OBJECT IDENTIFIER or address as text; no value."""


class BerError(ValueError):
    """Octets that are no BER of SNMP; the message has the offset."""


class Reader:
    """Reads one value after the other between two places of the octets."""

    def __init__(self, octets: bytes, start: int = 0, end: int | None = None) -> None:
        self.octets = octets
        self.at = start
        self.end = len(octets) if end is None else end

    @property
    def more(self) -> bool:
        """Whether anything is left."""
        return self.at < self.end

    def next(self) -> tuple[int, int, int]:
        """Tag, start and end of the next value; the reader stands behind it.

        Raises:
            BerError: it is cut short, or longer than its container.
        """
        if self.at + 2 > self.end:
            raise BerError(f"octet {self.at}: cut short")
        tag, length, start = self.octets[self.at], self.octets[self.at + 1], self.at + 2
        if length & _CONTINUES:
            count = length & ~_CONTINUES
            if not 1 <= count <= _LENGTH_OCTETS or start + count > self.end:
                raise BerError(f"octet {self.at}: a length of {count} octets")
            length = int.from_bytes(self.octets[start : start + count], "big")
            start += count
        if start + length > self.end:
            raise BerError(f"octet {self.at}: {length} octets announced, {self.end - start} there")
        self.at = start + length
        return tag, start, self.at

    def enter(self, expected: int = SEQUENCE) -> Reader:
        """A reader of what is inside the next value.

        Raises:
            BerError: it has another tag.
        """
        place = self.at
        tag, start, end = self.next()
        if tag != expected:
            raise BerError(f"octet {place}: tag {tag:#04x} instead of {expected:#04x}")
        return Reader(self.octets, start, end)

    def integer(self) -> int:
        """The next value, a number.

        Raises:
            BerError: it is none.
        """
        inside = self.enter(INTEGER)
        return _integer(inside.octets, inside.at, inside.end)

    def string(self) -> bytes:
        """The next value, octets.

        Raises:
            BerError: it is none.
        """
        inside = self.enter(OCTET_STRING)
        return inside.octets[inside.at : inside.end]

    def object_id(self) -> str:
        """The next value, an object identifier in dotted text.

        Raises:
            BerError: it is none.
        """
        inside = self.enter(OBJECT_ID)
        return _object_id(inside.octets, inside.at, inside.end)

    def value(self) -> Value:
        """The next value of any type that a variable can have.

        Raises:
            BerError: it is of no such type.
        """
        place = self.at
        tag, start, end = self.next()
        if tag in _NUMBERS:
            return _integer(self.octets, start, end)
        if tag in {OCTET_STRING, OPAQUE}:
            return self.octets[start:end]
        if tag == OBJECT_ID:
            return _object_id(self.octets, start, end)
        if tag == IP_ADDRESS and end - start == _IPV4_OCTETS:
            return str(ipaddress.IPv4Address(self.octets[start:end]))
        if tag in _ABSENT:
            return None
        raise BerError(f"octet {place}: tag {tag:#04x} is no type of SNMP")


def _integer(octets: bytes, start: int, end: int) -> int:
    if not 1 <= end - start <= _MOST_INTEGER_OCTETS:
        raise BerError(f"octet {start}: a number of {end - start} octets")
    return int.from_bytes(octets[start:end], "big", signed=True)


def _object_id(octets: bytes, start: int, end: int) -> str:
    numbers: list[int] = []
    number = 0
    for at in range(start, end):
        number = number << 7 | octets[at] & 0x7F
        if number > _MOST_SUBIDENTIFIER:
            raise BerError(f"octet {at}: an object identifier with a number above 32 bits")
        if not octets[at] & _CONTINUES:
            numbers.append(number)
            number = 0
    if not numbers or len(numbers) >= _MOST_SUBIDENTIFIERS or octets[end - 1] & _CONTINUES:
        raise BerError(f"octet {start}: no object identifier")
    first = min(numbers[0] // _ROOTS, 2)
    return ".".join(map(str, (first, numbers[0] - first * _ROOTS, *numbers[1:])))


def encoded(tag: int, *contents: bytes) -> bytes:
    """A value of a tag around contents."""
    content = b"".join(contents)
    length = len(content)
    if length < _CONTINUES:
        return bytes((tag, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, _CONTINUES | len(octets))) + octets + content


def encoded_integer(number: int, tag: int = INTEGER) -> bytes:
    """A number."""
    return encoded(tag, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def encoded_object_id(text: str) -> bytes:
    """An object identifier from dotted text."""
    first, second, *rest = (int(part) for part in text.split("."))
    octets = bytearray()
    for number in (first * _ROOTS + second, *rest):
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(number & 0x7F | _CONTINUES)
        octets += bytes(reversed(groups))
    return encoded(OBJECT_ID, bytes(octets))
