"""IPFIX messages out of a stream of octets (RFC 7011, 10.4): each says its own length. Pure; holds one message at most."""

from __future__ import annotations

from collections.abc import Iterator

IPFIX_VERSION = b"\x00\x0a"
HEADER = 16


class FramingError(ValueError):
    """What comes is no IPFIX message; nobody can tell where the next one would begin."""


class Framing:
    """Of one connection."""

    def __init__(self) -> None:
        self._rest = bytearray()

    @property
    def waits_for_more(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._rest)

    def feed(self, octets: bytes) -> Iterator[bytes]:
        """The messages that are whole now.

        Raises:
            FramingError: after the last whole message.
        """
        self._rest += octets
        while len(self._rest) >= HEADER:
            length = int.from_bytes(self._rest[2:4])
            if self._rest[:2] != IPFIX_VERSION:
                raise FramingError(f"version {int.from_bytes(self._rest[:2])} instead of 10")
            if length < HEADER:
                raise FramingError(f"a message of {length} octets")
            if len(self._rest) < length:
                return
            message = bytes(self._rest[:length])
            del self._rest[:length]
            yield message
