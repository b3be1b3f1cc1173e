"""Names of interfaces, long and short: one device says `Gi0/1` in a trap and `GigabitEthernet0/1` in a message.

Goes in: two names. Comes out: whether they can be one interface's. Which interfaces a device has is known to the inventory.
"""

from __future__ import annotations

import re

_PARTS = re.compile(r"([^0-9]+)([0-9].*)")
_SHORT = {
    "ge": ("gigabitethernet",),
    "xge": ("xgigabitethernet", "ten-gigabitethernet"),
    "fge": ("fortygige",),
    "hge": ("hundredgige",),
    "be": ("bundle-ether",),
    "bagg": ("bridge-aggregation",),
    "ragg": ("route-aggregation",),
}
"""Kinds whose short form is not the beginning of the long one (Huawei, H3C, Cisco)."""


def parts_of(name: str) -> tuple[str, str]:
    """Kind and numbers, in lower case; the numbers are empty where there are none."""
    found = _PARTS.fullmatch(name.strip().casefold())
    return (found[1].strip(), found[2]) if found else (name.strip().casefold(), "")


def alike(one: str, other: str) -> bool:
    """Whether two kinds, in lower case, are the same, or one is short for the other."""
    short, long = sorted((one, other), key=len)
    return bool(short) and (long.startswith(short) or long in _SHORT.get(short, ()))
