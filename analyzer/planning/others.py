"""Whose names occur in a text: what leaves the house for one customer must not tell of another.

Goes in: free text, the line it is for. Comes out: whether it names somebody else. Names are those of the inventory: customers,
tenants, codes of lines; of a nickname nothing is known here.
"""

from __future__ import annotations

from faultline.inventory import Inventory, Line
from faultline.records.terms import TenantId

_SHORTEST_NAME = 2
"""A name of one letter occurs in every text."""


class OthersNames:
    """Which customers a text speaks of."""

    def __init__(self, inventory: Inventory) -> None:
        self._whose: dict[str, set[TenantId]] = {}
        for tenant in inventory.tenants.values():
            for name in (tenant.name, str(tenant.id)):
                self._whose.setdefault(name, set()).add(tenant.id)
        for line in inventory.lines.values():
            for name in (line.customer, str(line.code)):
                self._whose.setdefault(name, set()).add(line.tenant)
        self._customers = {(line.tenant, line.customer) for line in inventory.lines.values()}

    def are_in(self, text: str, line: Line) -> bool:
        """Whether it has a name in it that belongs to others than the line's customer."""
        own = [line.customer, str(line.tenant)]
        for name in sorted(own, key=len, reverse=True):
            text = text.replace(name, "")
        folded = text.casefold()
        return any(
            len(name) >= _SHORTEST_NAME and name.casefold() in folded and self._is_foreign(name, tenants, line)
            for name, tenants in self._whose.items()
        )

    def _is_foreign(self, name: str, tenants: set[TenantId], line: Line) -> bool:
        """Another tenant's, or that of another customer whose lines the same tenant keeps."""
        return line.tenant not in tenants or (name != line.customer and (line.tenant, name) in self._customers)
