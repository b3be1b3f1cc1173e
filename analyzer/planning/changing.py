"""Changing an inventory file: read it soundly, replace it as a whole, keep what it was.

Every command that writes the file goes this way.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from analyzer.planning.lists import plain
from analyzer.planning.lists.history import History
from faultline import inventory
from faultline.runtime.console import BAD_USAGE, CommandError, say


@attrs.frozen(slots=True, kw_only=True)
class Present:
    """A file as it is now."""

    file: Path
    octets: bytes | None
    """None: there is none."""
    document: plain.Document
    """As plain data, for changing."""
    inventory: inventory.Inventory
    """The same as records, for looking things up."""

    def replace(self, document: dict[str, Any], now_ns: int, *, tell: Callable[[str], None] = say) -> None:
        """Write what it is to be; what it was goes into its history.

        Raises:
            CommandError: somebody else has written it meanwhile, or it cannot be written.
        """
        if _octets(self.file) != self.octets:
            raise CommandError(f"{self.file} was changed meanwhile", hint="nothing was written; do it again")
        replace(self.file, document, now_ns, tell=tell)


def present(file: Path) -> Present:
    """The file, checked.

    Raises:
        CommandError: it cannot be used.
    """
    octets = _octets(file)
    try:
        found, document = inventory.read_with_data(file)
    except inventory.InventoryError as error:
        raise _unusable(file, error) from None
    return Present(file=file, octets=octets, document=document, inventory=found)


def as_data(file: Path) -> plain.Document:
    """The file as plain data, what it means unchecked; an empty inventory where there is none.

    Raises:
        CommandError: it cannot be read.
    """
    try:
        return inventory.read_data(file) if _octets(file) is not None else plain.empty()
    except inventory.InventoryError as error:
        raise _unusable(file, error) from None


def checked(file: Path) -> inventory.Inventory:
    """Its records.

    Raises:
        CommandError: it cannot be used.
    """
    try:
        return inventory.read(file)
    except inventory.InventoryError as error:
        raise _unusable(file, error) from None


def _octets(file: Path) -> bytes | None:
    """None: there is no file."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        hint = "check the path and who may read it"
        raise CommandError(f"{file} cannot be read: {error.strerror or error}", hint=hint, code=BAD_USAGE) from None


def _unusable(file: Path, error: inventory.InventoryError) -> CommandError:
    hint = f"correct it until `faultline inventory check {file}` is content"
    return CommandError(str(error), hint=hint, code=BAD_USAGE)


def leave_alone(file: Path, *, output: Path) -> None:
    """Something of the inventory is to be written elsewhere, and never over the inventory itself: that would keep no history.

    Raises:
        CommandError: it would be.
    """
    if output.resolve() == file.resolve():
        raise CommandError(f"{output} is the inventory itself", hint="choose another file with -o", code=BAD_USAGE)


def replace(file: Path, document: dict[str, Any], now_ns: int, *, tell: Callable[[str], None] = say) -> None:
    """Write the file, and keep the version before it, of which `tell` is told."""
    history = History(file)
    kept = history.keep(now_ns)
    plain.write(file, plain.dump(document))
    history.wrote()
    if kept is not None:
        tell(f"kept what it was: {kept}")
