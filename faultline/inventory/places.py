"""Where in its file an entry of the inventory is, for whoever finds something wrong with it later.

Goes in: the tree of the file. Comes out: problems with the line number and the path of a key. Knows nothing of what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from faultline.inventory.document import Items, Node, Table
from faultline.inventory.entry import Entry
from faultline.inventory.problems import Problem, Problems

KEYS: Mapping[str, str] = {
    "calendars": "id",
    "tenants": "id",
    "sites": "id",
    "components": "id",
    "lines": "code",
    "groups": "id",
    "vantages": "id",
    "sessions": "id",
    "dials": "id",
    "traces": "id",
}
"""Sections whose entries have a name, and the key it is under."""


class Places:
    """Entries of a file.

    Args:
        where: the file, or what the document was called.
        root: its tree.
    """

    def __init__(self, where: str, root: Node | None) -> None:
        self._where = where
        self._root = root if isinstance(root, Table) else None

    def problem(self, section: str, name: str, key: str | None, wrong: str, remedy: str) -> Problem:
        """What is wrong with a key of an entry, or with the entry as a whole.

        Args:
            section: e.g. `lines`.
            name: the entry's, or its number from 0 in a section whose entries have none.
            key: of the entry; None, or one that it does not have: the entry.
            wrong: what is wrong.
            remedy: what to do.
        """
        found = self._entries.get((section, name))
        if found is None:
            return Problem(where=self._where, line=None, key=section, wrong=wrong, remedy=remedy)
        line = found.line_of(key if key is not None and found.has(key) else None)
        return Problem(where=self._where, line=line, key=found.path_of(key) if key else found.path, wrong=wrong, remedy=remedy)

    @cached_property
    def _entries(self) -> dict[tuple[str, str], Entry]:
        found: dict[tuple[str, str], Entry] = {}
        unheard = Problems(self._where)
        for section, items in self._root.entries.items() if self._root else ():
            for at, node in enumerate(items.nodes if isinstance(items, Items) else ()):
                if isinstance(node, Table):
                    entry = Entry(node, f"{section}[{at}]", unheard)
                    name = entry.text(KEYS[section]) if section in KEYS else str(at)
                    found.setdefault((section, name or ""), entry)
        return found
