"""One collector a folder: a second would remove the first one's payloads as leftovers, and roll up over its windows."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from faultline.runtime.console import BAD_USAGE, CommandError


class FolderLock:
    """Holds a folder from its construction until `release`; the kernel lets go of it when the process dies.

    Raises:
        CommandError: the folder cannot be made, or another collector holds it.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._number: int | None = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CommandError(
                f"collector.data: {folder}: {error.strerror or error}",
                hint="give the folder to the collector's user, or choose another one",
                code=BAD_USAGE,
            ) from None
        try:
            fcntl.flock(self._number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.release()
            raise CommandError(
                f"collector.data: {folder} is in use by another collector",
                hint="stop it, or give this one folders of its own",
                code=BAD_USAGE,
            ) from None

    def release(self) -> None:
        """Let go; idempotent."""
        number, self._number = self._number, None
        if number is not None:
            os.close(number)
