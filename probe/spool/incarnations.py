"""Which incarnation of a spool counts: one small file points at its directory; everything else beside it is old or strange."""

from __future__ import annotations

import json
from pathlib import Path

import attrs

from probe.spool.files import Files
from probe.spool.reserve import RESERVE_NAME

_QUARANTINE = "quarantine"
_OWN_NAMES = ("incarnation", "incarnation.tmp", _QUARANTINE, RESERVE_NAME)


class PointerError(ValueError):
    """The pointer does not say what it should."""


@attrs.frozen(slots=True, kw_only=True)
class Pointer:
    """The incarnation that counts, and the probe it belongs to."""

    incarnation: int
    probe: str

    @property
    def directory(self) -> str:
        """Name of its directory."""
        return f"{self.incarnation:016x}"


class Incarnations:
    """The top directory of a spool."""

    def __init__(self, directory: Path, files: Files) -> None:
        self._directory = directory
        self._files = files

    def current(self) -> Pointer | None:
        """What the pointer says; None in a new spool.

        Raises:
            PointerError: it is damaged.
        """
        try:
            pointer = json.loads(self._files.read(self._directory / "incarnation"))
            return Pointer(incarnation=int(pointer["incarnation"], 16), probe=str(pointer["probe"]))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError) as error:
            raise PointerError(f"incarnation: {error}") from None

    def point_to(self, pointer: Pointer) -> None:
        """Make an incarnation, complete on disk but for its directory's own name, the one that counts."""
        self._files.sync_directory(self._directory / pointer.directory)
        self._files.sync_directory(self._directory)
        line = json.dumps({"incarnation": pointer.directory, "probe": pointer.probe}).encode() + b"\n"
        self._files.write(self._directory / "incarnation.tmp", line)
        self._files.rename(self._directory / "incarnation.tmp", self._directory / "incarnation")
        self._files.sync_directory(self._directory)

    def set_strangers_aside(self) -> None:
        """Without a pointer no directory can be trusted: what is there goes to quarantine."""
        for name in self._files.names(self._directory):
            if name not in _OWN_NAMES:
                self._files.make_directory(self._directory / _QUARANTINE)
                self._files.rename(self._directory / name, self._directory / _QUARANTINE / name)

    def remove_others(self, pointer: Pointer) -> None:
        """Remove what a crash left of incarnations that do not count, or that were carried over into this one."""
        for name in self._files.names(self._directory):
            if name not in _OWN_NAMES and name != pointer.directory:
                self._files.remove_directory(self._directory / name)
