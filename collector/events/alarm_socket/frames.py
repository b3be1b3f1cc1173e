"""Frames of the carrier's alarm socket: `FF FF`, type, seconds, length, a body of text.

Goes in: octets as they come. Comes out: whole frames; the other way round octets. What a type means is known to the session.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from enum import IntEnum

import attrs

_HEAD = struct.Struct(">2sBIH")
_MAGIC = b"\xff\xff"
MOST_BODY = 32_767
"""Octets: there are receivers that read the length as a signed number."""


class FrameType(IntEnum):
    """What a frame is."""

    ALARM = 0
    LOGIN = 1
    LOGIN_ACK = 2
    SYNC = 3
    SYNC_ACK = 4
    SYNC_FILE = 5
    SYNC_FILE_ACK = 6
    SYNC_FILE_RESULT = 7
    HEARTBEAT = 8
    HEARTBEAT_ACK = 9
    CLOSE = 10


class FrameError(ValueError):
    """Octets that are no frame: the connection cannot be read on."""


@attrs.frozen(slots=True, kw_only=True)
class Frame:
    """One frame."""

    type: int
    sent_s: int
    """By the clock of whoever sent it, Unix seconds."""
    body: str

    @property
    def values(self) -> Mapping[str, str]:
        """Of a body as `reqLoginAlarm;user=..;key=..`: what stands behind the first word."""
        parts = (part.partition("=") for part in self.body.split(";")[1:])
        return {name.strip(): value.strip() for name, _, value in parts}


def encoded(kind: FrameType, body: str, *, now_s: int) -> bytes:
    """A frame's octets.

    Raises:
        FrameError: the body is too long.
    """
    octets = body.encode()
    if len(octets) > MOST_BODY:
        raise FrameError(f"a body of {len(octets)} octets")
    return _HEAD.pack(_MAGIC, kind, now_s & 0xFFFF_FFFF, len(octets)) + octets


class Frames:
    """Of one connection."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, octets: bytes) -> Iterator[Frame]:
        """The frames that are whole now.

        Raises:
            FrameError: what comes is none.
        """
        self._held += octets
        while len(self._held) >= _HEAD.size:
            magic, kind, sent_s, length = _HEAD.unpack_from(self._held)
            if magic != _MAGIC or length > MOST_BODY:
                raise FrameError(f"a frame that begins with {magic.hex()} and has {length} octets")
            end = _HEAD.size + length
            if len(self._held) < end:
                return
            body = bytes(self._held[_HEAD.size : end])
            del self._held[:end]
            yield Frame(type=kind, sent_s=sent_s, body=body.decode(errors="replace"))
