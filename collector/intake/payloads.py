"""Acknowledged batches on disk: one immutable file a batch, named by its identity and digest."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from faultline.store.disk import Disk
from faultline.store.ledger import Identity


class PayloadStore:
    """A folder."""

    def __init__(self, folder: Path, *, disk: Disk) -> None:
        self._folder = folder
        self._disk = disk

    def put(self, identity: Identity, digest: bytes, octets: bytes, *, suffix: str = "ipfix") -> str:
        """Keep a batch, durably on return; gives its path below the folder. Putting the same again is harmless.

        Raises:
            OSError: nothing was kept.
        """
        probe = quote(identity.probe, safe="").replace(".", "%2E")  # a probe called `..` must not climb
        path = f"{probe}/{identity.incarnation:016x}/{identity.stream.value}/{identity.seq:012d}-{digest[:8].hex()}.{suffix}"
        self._disk.write_whole(self._folder / path, octets)
        return path

    def read(self, path: str) -> bytes:
        """A batch's octets.

        Raises:
            OSError: it cannot be read.
        """
        return self._disk.read(self._folder / path)

    def remove(self, path: str) -> None:
        """Let go of a batch."""
        self._disk.remove(self._folder / path)

    def clean(self, known: set[str]) -> int:
        """At a start: remove files the ledger does not know: their batches were never acknowledged. Gives how many."""
        unknown = [path for path in self._disk.walk(self._folder) if str(path.relative_to(self._folder)) not in known]
        for path in unknown:
            self._disk.remove(path)
        return len(unknown)

    def free_octets(self) -> int:
        """Room on the disk of the folder."""
        return self._disk.free_octets(self._folder if self._folder.exists() else self._folder.parent)
