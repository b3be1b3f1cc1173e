"""The network as it was: what a report of March says of lines, owners and names is March's.

Goes in: the inventory file, a moment. Comes out: the network that held then, or None where that is the present one. The file's
history is written by whoever changes it (`analyzer.planning.changing`).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from analyzer.network import Network, network_of
from analyzer.planning.lists.history import History
from faultline import inventory
from faultline.runtime.console import CommandError
from faultline.runtime.log import logger

MOST_KEPT = 2
"""Networks of a city that are in memory at the same time: pages ask for the same one again."""


class EarlierNetworks:
    """The networks that an inventory file was. Safe from several threads.

    Args:
        file: the inventory file.
    """

    def __init__(self, file: Path) -> None:
        self._history = History(file)
        self._kept: OrderedDict[Path, Network | None] = OrderedDict()
        self._lock = threading.Lock()
        self._log = logger("history")

    def at(self, moment_ns: int) -> Network | None:
        """The network of a moment; None: the present one, also where the version that held cannot be read any more."""
        try:
            version = self._history.version_at(moment_ns)
        except CommandError as error:
            self._log.warning("history refused", problem=str(error))
            return None
        if version is None:
            return None
        with self._lock:
            if version not in self._kept:
                self._kept[version] = self._read(version, moment_ns)
            self._kept.move_to_end(version)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
            return self._kept[version]

    def _read(self, version: Path, moment_ns: int) -> Network | None:
        try:
            return network_of(inventory.parse(self._history.at(moment_ns) or b"", str(version)))
        except (inventory.InventoryError, CommandError) as error:
            self._log.warning("version refused", version=str(version), problem=str(error).partition("\n")[0])
            return None
