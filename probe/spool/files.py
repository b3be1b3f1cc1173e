"""The few things a spool asks of a file system, each with what survives a crash stated.

Tests put a disk in its place that dies at any step.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Protocol

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class Files(Protocol):
    """A file system. Every call may raise OSError.

    A name made, replaced or removed is durable only after `sync_directory`; content is durable when `write` has returned.
    """

    def make_directory(self, path: Path) -> None:
        """Make the directory and its parents where missing."""

    def write(self, path: Path, octets: bytes) -> None:
        """Create or overwrite a file; the content is durable on return, the name is not."""

    def read(self, path: Path) -> bytes:
        """The whole file."""

    def rename(self, source: Path, target: Path) -> None:
        """Give the file another name in one step, replacing what had it."""

    def remove(self, path: Path) -> None:
        """Remove the name; one that does not exist is fine."""

    def sync_directory(self, path: Path) -> None:
        """Make the names in this directory durable."""

    def names(self, path: Path) -> list[str]:
        """Names in the directory; empty when it does not exist."""

    def remove_directory(self, path: Path) -> None:
        """Remove the directory and what is in it; one that does not exist is fine."""


class Disk:
    """The host's file system."""

    def make_directory(self, path: Path) -> None:
        """Make it readable by the probe's user only: batches hold customers' addresses."""
        for made in [parent for parent in reversed(path.parents) if not parent.exists()]:
            made.mkdir(mode=0o700, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)

    def write(self, path: Path, octets: bytes) -> None:
        """Write all, then fdatasync."""
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            rest = memoryview(octets)
            while rest:
                rest = rest[os.write(number, rest) :]
            os.fdatasync(number)
        finally:
            os.close(number)

    def read(self, path: Path) -> bytes:
        """The whole file."""
        return path.read_bytes()

    def rename(self, source: Path, target: Path) -> None:
        """Atomic."""
        source.rename(target)

    def remove(self, path: Path) -> None:
        """As unlink(2)."""
        path.unlink(missing_ok=True)

    def sync_directory(self, path: Path) -> None:
        """Fsync of the directory itself."""
        number = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(number)
        finally:
            os.close(number)

    def names(self, path: Path) -> list[str]:
        """Names in the directory."""
        with suppress(FileNotFoundError):
            return sorted(child.name for child in path.iterdir())
        return []

    def remove_directory(self, path: Path) -> None:
        """Depth first."""
        if not path.is_dir():
            return
        for child in path.iterdir():
            if child.is_dir() and not child.is_symlink():
                self.remove_directory(child)
            else:
                child.unlink(missing_ok=True)
        path.rmdir()
