"""Messages of a TCP connection: counted octets (RFC 6587 section 3.4.1) or lines, as each sender likes, told apart by frame.

Goes in: octets as they come. Comes out: whole messages. A sender that is beyond both framings is given up.
"""

from __future__ import annotations

from collections.abc import Iterator

from collector.events.syslog.message import MOST_OCTETS

_MOST_COUNT_DIGITS = 5
_DIGITS = frozenset(b"0123456789")
_ENDS = b"\n\0"
"""Lines end with LF, and of a few senders with NUL."""


class FramingError(ValueError):
    """A connection that cannot be read on."""


class Framing:
    """Of one connection."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, octets: bytes) -> Iterator[bytes]:
        """The messages that are whole now.

        Raises:
            FramingError: what comes is neither counted nor a line of a length that is taken.
        """
        self._held += octets
        while self._held:
            frame = self._counted() if self._held[0] in _DIGITS else self._line()
            if frame is None:
                return
            if frame:
                yield frame

    def rest(self) -> bytes:
        """At the end of a connection: a last line that nothing ended."""
        rest, self._held = bytes(self._held), bytearray()
        return rest if rest.startswith(b"<") else b""

    def _counted(self) -> bytes | None:
        space = self._held.find(b" ", 0, _MOST_COUNT_DIGITS + 1)
        if space < 0:
            if len(self._held) > _MOST_COUNT_DIGITS:
                raise FramingError("a count that does not end")
            return None
        digits = bytes(self._held[:space])
        if not digits.isdigit() or not 0 < int(digits) <= MOST_OCTETS:
            raise FramingError(f"a count of {digits[:_MOST_COUNT_DIGITS]!r}")
        end = space + 1 + int(digits)
        return self._taken(space + 1, end, end) if len(self._held) >= end else None

    def _line(self) -> bytes | None:
        ends = [at for at in (self._held.find(end) for end in _ENDS) if at >= 0]
        if not ends:
            if len(self._held) > MOST_OCTETS:
                raise FramingError("a line that does not end")
            return None
        return self._taken(0, min(ends), min(ends) + 1)

    def _taken(self, start: int, end: int, upto: int) -> bytes:
        frame = bytes(self._held[start:end])
        del self._held[:upto]
        return frame.rstrip(b"\r\n")
