"""Windows and freezes of the inventory: when something is worked on, and when nothing may be."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from faultline.inventory.entry import Entry
from faultline.inventory.model import Freeze, PlannedWork
from faultline.records.incident import Base
from faultline.records.terms import LineCode, TenantId


def works_of(entries: Iterable[Entry], *, components: Collection[str]) -> Iterator[PlannedWork]:
    """The windows of entries."""
    for entry in entries:
        entry.only("components", "start", "end", "reason")
        named = entry.references("components", components, "component", required=True)
        reason, span = entry.text("reason"), _span(entry)
        if span is not None:
            bases = tuple(Base(text) for _, text in named)
            yield PlannedWork(components=bases, start_ns=span[0], end_ns=span[1], reason=reason or "")


def freezes_of(entries: Iterable[Entry], *, tenants: Collection[str], lines: Collection[str]) -> Iterator[Freeze]:
    """The freezes of entries."""
    for entry in entries:
        entry.only("tenants", "lines", "start", "end", "reason")
        whose = tuple(TenantId(text) for _, text in entry.references("tenants", tenants, "tenant"))
        which = tuple(LineCode(text) for _, text in entry.references("lines", lines, "line"))
        reason, span = entry.text("reason"), _span(entry)
        if span is not None:
            yield Freeze(start_ns=span[0], end_ns=span[1], reason=reason or "", tenants=whose, lines=which)


def _span(entry: Entry) -> tuple[int, int] | None:
    """Start and end; None when they are none, with the reason noted."""
    start_ns, end_ns = entry.instant_ns("start"), entry.instant_ns("end")
    if start_ns is None or end_ns is None:
        return None
    if end_ns <= start_ns:
        entry.wrong("end", "not after its start", "swap them, or correct the date")
        return None
    return start_ns, end_ns
