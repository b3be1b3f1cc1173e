"""One probe a state directory: two would take each other's sequence numbers."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from faultline.runtime.console import BAD_USAGE, CommandError


class StateLock:
    """A component that holds the state directory; it starts first. The kernel lets go of it when the process dies."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._number: int | None = None

    def start(self) -> None:
        """Make the directory and take it.

        Raises:
            CommandError: it cannot be made, or another process holds it.
        """
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            number = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CommandError(
                f"probe.state_dir: {self._directory}: {error.strerror}",
                hint="give the directory to the probe's user, or choose another one",
                code=BAD_USAGE,
            ) from None
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(number)
            raise CommandError(
                f"probe.state_dir: {self._directory} is in use by another probe",
                hint="stop it, or give this one a state_dir of its own",
                code=BAD_USAGE,
            ) from None
        self._number = number

    def stop(self) -> None:
        """Let go."""
        number, self._number = self._number, None
        if number is not None:
            os.close(number)
