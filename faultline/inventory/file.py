"""The inventory file as a running service sees it: read at the start, and again whenever it changes.

Goes in: a path. Comes out: inventories, each already checked. A changed file that cannot be used is logged once and said until it
can; the inventory before it stays. It does not know what an inventory is used for.
"""

from __future__ import annotations

from pathlib import Path

from faultline.inventory.model import Inventory
from faultline.inventory.problems import InventoryError
from faultline.inventory.reading import read
from faultline.runtime.console import BAD_USAGE, CommandError
from faultline.runtime.counters import Counters
from faultline.runtime.log import logger

MOST_LOGGED = 20
Mark = tuple[int, int, int]
"""What changes when a file is written or replaced: its inode, size and time of modification."""


class InventoryFile:
    """One file. `first` once, then `changed` as often as one likes."""

    def __init__(self, path: Path, *, counters: Counters) -> None:
        self._path = path
        self._counters = counters
        self._mark: Mark | None = None
        self._log = logger("inventory")
        self.problem: str | None = None
        """Why the file as it is now is not in use; None while it is."""

    def first(self) -> Inventory:
        """The inventory at the start.

        Raises:
            CommandError: the file cannot be used; the message names every mistake.
        """
        self._mark = self._look()
        try:
            return read(self._path)
        except InventoryError as error:
            raise CommandError(
                str(error),
                hint=f"correct it until `faultline inventory check {self._path}` is content; every service reads the same file",
                code=BAD_USAGE,
            ) from None

    def changed(self) -> Inventory | None:
        """A new inventory when the file has changed and can be used; else None."""
        mark = self._look()
        if mark == self._mark:
            return None
        self._mark = mark
        try:
            found = read(self._path)
        except InventoryError as error:
            self._counters.count("inventory_reads", outcome="refused")
            self.problem = f"inventory: the one before the last change is in use, the file is refused: {_first(error)}"
            self._log.error("inventory refused", problems=[str(problem) for problem in error.problems[:MOST_LOGGED]])
            return None
        self.problem = None
        self._counters.count("inventory_reads", outcome="adopted")
        self._log.info("inventory adopted", lines=len(found.lines), components=len(found.components))
        return found

    def _look(self) -> Mark | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return (found.st_ino, found.st_size, found.st_mtime_ns)


def _first(error: InventoryError) -> str:
    others = len(error.problems) - 1
    return f"{error.problems[0]}" + (f" (and {others} more)" if others else "")
