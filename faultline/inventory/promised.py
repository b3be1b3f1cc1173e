"""What was agreed with a customer: how much it matters, the grade of a line, and the values of its contract.

Goes in: an entry. Comes out: the record. What is done when a value is not kept is not known here.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import attrs

from faultline.inventory.entry import Entry

MS_NS = 1_000_000
MOST_MS = 60_000


class Vip(StrEnum):
    """How much a customer matters; separate from the grade of a line."""

    SUPREME = "supreme"
    DIAMOND = "diamond"
    GOLD = "gold"
    SILVER = "silver"
    VIP = "vip"


class Grade(StrEnum):
    """Grades of lines."""

    AAA = "AAA"
    AA = "AA"
    A = "A"
    ORDINARY = "ordinary"


@attrs.frozen(slots=True, kw_only=True)
class Contract:
    """Values that a line is to keep; None: the contract does not say. Its rates are the line's."""

    availability_ratio: float | None = None
    loss_ratio: float | None = None
    round_trip_ns: int | None = None
    variation_ns: int | None = None
    """Of the delay, one way."""


def contract_of(entry: Entry) -> Contract:
    """The contract of an entry."""
    entry.only("availability_percent", "loss_percent", "round_trip_ms", "variation_ms")
    availability = entry.decimal("availability_percent", least="50", most="100", example="99.95")
    loss = entry.decimal("loss_percent", least="0", most="50", example="0.1")
    round_trip = entry.decimal("round_trip_ms", least="0.001", most=str(MOST_MS), example="30")
    variation = entry.decimal("variation_ms", least="0.001", most=str(MOST_MS), example="5")
    return Contract(
        availability_ratio=_ratio(availability),
        loss_ratio=_ratio(loss),
        round_trip_ns=_nanoseconds(round_trip),
        variation_ns=_nanoseconds(variation),
    )


def _ratio(percent: Decimal | None) -> float | None:
    return float(percent / 100) if percent is not None else None


def _nanoseconds(milliseconds: Decimal | None) -> int | None:
    return int(milliseconds * MS_NS) if milliseconds is not None else None
