"""Room on the disk that only positions may use.

Without it the last batch of a stream could not be given up on a full disk: its file would be all that remembers which numbers
were used, as the position that says so needs a page of its own until it has replaced the old one. The content means nothing; a
crash may leave any of it. It knows nothing of streams.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path

from probe.spool.files import NO_ROOM, Files

RESERVE_NAME = "reserve"
RESERVE_OCTETS = 16 << 10
"""A page for the position of each stream and one more, on file systems with pages of 4 KiB."""


class Reserve:
    """One file that is given away when a position needs its room, and made again when there is room."""

    def __init__(self, directory: Path, files: Files) -> None:
        self._path = directory / RESERVE_NAME
        self._files = files
        self._whole = False

    def restore(self) -> None:
        """Make it where it is missing; without room for it, without it for now."""
        if self._whole:
            return
        try:
            # Not zeros, which some file systems store without taking room.
            self._files.write(self._path, secrets.token_bytes(RESERVE_OCTETS))
        except OSError:
            with suppress(OSError):
                self._files.remove(self._path)
        else:
            self._whole = True

    def write(self, path: Path, octets: bytes) -> None:
        """As `Files.write`, with the reserve given away where there is no other room.

        Raises:
            OSError: no room even so, or the disk failed.
        """
        try:
            self._files.write(path, octets)
        except OSError as error:
            if error.errno not in NO_ROOM or not self._whole:
                raise
            self._whole = False
            self._files.remove(self._path)
            self._files.write(path, octets)
