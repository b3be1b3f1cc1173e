"""The few things stores ask of a file system, each with what survives a power cut. Tests put one in its place that dies."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol


class Disk(Protocol):
    """A file system. Every call may raise OSError."""

    def write_whole(self, path: Path, octets: bytes) -> None:
        """A new file, complete and durable under its name on return; before that, nothing under that name."""

    def read(self, path: Path) -> bytes:
        """The whole file."""

    def remove(self, path: Path) -> None:
        """Remove a file; one that is not there is fine. It may come back after a power cut."""

    def walk(self, folder: Path) -> Iterator[Path]:
        """Every file below a folder; none when it does not exist."""

    def free_octets(self, folder: Path) -> int:
        """Room for an unprivileged writer."""


TEMPORARY = ".part"
"""Suffix of files that are being written; what carries it at a start is a torn tail."""


class SystemDisk:
    """The host's file system. Files are readable by the service's user only: they hold customers' addresses."""

    def __init__(self, *, durable: bool = True) -> None:
        self._durable = durable

    def write_whole(self, path: Path, octets: bytes) -> None:
        """Temporary file, fdatasync, rename, fsync of the folder."""
        self._make_folder(path.parent)
        temporary = path.with_name(path.name + TEMPORARY)
        number = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            rest = memoryview(octets)
            while rest:
                rest = rest[os.write(number, rest) :]
            if self._durable:
                os.fdatasync(number)
        finally:
            os.close(number)
        temporary.replace(path)
        if self._durable:
            _sync_folder(path.parent)

    def read(self, path: Path) -> bytes:
        """The whole file."""
        return path.read_bytes()

    def remove(self, path: Path) -> None:
        """As unlink(2)."""
        path.unlink(missing_ok=True)

    def walk(self, folder: Path) -> Iterator[Path]:
        """Sorted within each folder."""
        if not folder.is_dir():
            return
        for root, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                yield Path(root) / name

    def free_octets(self, folder: Path) -> int:
        """As statvfs(3) says."""
        return shutil.disk_usage(folder).free

    def _make_folder(self, folder: Path) -> None:
        missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
        for made in reversed(missing):
            made.mkdir(mode=0o700, exist_ok=True)
            if self._durable:
                _sync_folder(made.parent)


def _sync_folder(path: Path) -> None:
    number = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)
