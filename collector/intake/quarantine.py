"""What was refused, kept for a person to look at: the octets and beside them why, who and when. Bounded: the oldest go first."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path
from typing import Any

from faultline.runtime.counters import Counters
from faultline.runtime.log import logger
from faultline.store.disk import Disk

_LARGEST = 1 << 20
"""Of one body at most so much is kept; the sidecar tells its whole length."""


class Quarantine:
    """A folder of at most `max_octets`. Never fails its caller: a full disk costs the copy, not the answer."""

    def __init__(self, folder: Path, *, disk: Disk, max_octets: int, counters: Counters) -> None:
        self._folder = folder
        self._disk = disk
        self._max_octets = max_octets
        self._counters = counters
        self._lock = threading.Lock()
        self._sizes: dict[Path, int] | None = None
        self._log = logger("quarantine")

    def put(self, octets: bytes, *, reason: str, now_ns: int, **facts: Any) -> None:
        """Keep a body with its reason."""
        self._counters.count("quarantined", reason=reason)
        digest = hashlib.sha256(octets).hexdigest()
        stem = f"{now_ns:020d}-{digest[:12]}"
        sidecar = {"reason": reason, "received_ns": now_ns, "octets": len(octets), "sha256": digest, **facts}
        with self._lock:
            try:
                self._keep(self._folder / f"{stem}.bin", octets[:_LARGEST])
                self._keep(self._folder / f"{stem}.json", json.dumps(sidecar, ensure_ascii=False, indent=1).encode())
                self._bound()
            except OSError as error:
                self._counters.count("quarantine_failures")
                self._log.warning("not quarantined", error=str(error), reason=reason)

    def _known(self) -> dict[Path, int]:
        if self._sizes is None:
            self._sizes = {path: path.stat().st_size for path in sorted(self._disk.walk(self._folder))}
        return self._sizes

    def _keep(self, path: Path, octets: bytes) -> None:
        known = self._known()
        self._disk.write_whole(path, octets)
        known[path] = len(octets)

    def _bound(self) -> None:
        sizes = self._known()
        total = sum(sizes.values())
        for path in sorted(sizes):
            if total <= self._max_octets:
                break
            self._disk.remove(path)
            total -= sizes.pop(path)
