"""Values of a list that say the same as the file, in other digits: 100M and 100_000_000 are no change."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any


def unless_same(known: Any, said: Any) -> Any:
    """What a list says, or what the file has where that means the same."""
    return known if known is not None and _plain(known) == _plain(said) else said


def _plain(value: Any) -> Any:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_network(str(item)) for item in value]
    text = str(value).replace("_", "")
    try:
        return Decimal(text) if text[:1].isdecimal() else str(value)
    except InvalidOperation:
        return str(value)


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        return text
