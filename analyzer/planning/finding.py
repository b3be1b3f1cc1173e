"""A line from what a caller says: the customer's name, the code, the cities it connects."""

from __future__ import annotations

import difflib
from pathlib import Path

from faultline.inventory import Inventory, Line
from faultline.records.terms import LineCode
from faultline.runtime.console import BAD_USAGE, CommandError


def find_lines(inventory: Inventory, text: str) -> list[Line]:
    """Lines in which every word of the text occurs, upper and lower case alike; those whose code is the text come first."""
    words = text.casefold().split()
    groups: dict[LineCode, list[str]] = {}
    for group in inventory.groups.values():
        for code in group.lines:
            groups.setdefault(code, []).append(group.name)
    found = [
        line
        for line in inventory.lines.values()
        for said in [_said(inventory, line, groups.get(line.code, []))]
        if all(word in said for word in words)
    ]
    return sorted(found, key=lambda line: (line.code.casefold() != text.casefold().strip(), line.code))


def _said(inventory: Inventory, line: Line, groups: list[str]) -> str:
    """Everything people call a line by."""
    tenant = inventory.tenants[line.tenant]
    sites = [inventory.sites[end.site].name for end in (line.a_end, line.z_end) if end.site]
    ends = [line.a_end.name, line.z_end.name, *line.a_end.prefixes, *line.z_end.prefixes]
    return "\n".join([line.code, line.customer, tenant.id, tenant.name, *ends, *sites, *groups]).casefold()


def line_of(inventory: Inventory, code: str, file: Path) -> Line:
    """The line of a code, upper and lower case alike.

    Raises:
        CommandError: there is none.
    """
    found = next((line for known, line in inventory.lines.items() if known.casefold() == code.casefold()), None)
    if found is None:
        near = ", ".join(nearest_codes(inventory, code))
        raise CommandError(f"no line {code!r} in {file}", hint=f"there is {near}; `find` looks by name and city", code=BAD_USAGE)
    return found


def nearest_codes(inventory: Inventory, code: str) -> list[str]:
    """Codes that look like a mistyped one; failing that, a few that exist."""
    by_folded = {known.casefold(): known for known in inventory.lines}
    close = difflib.get_close_matches(code.casefold(), by_folded, n=3, cutoff=0.5) or list(by_folded)[:3]
    return [by_folded[near] for near in close]
