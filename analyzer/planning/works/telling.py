"""An impact as the planner reads it, and as a program does. Here every customer's name may stand; in notices it may not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any

from analyzer.planning.works.affected import Backup, Effect, Hit, Impact, Period
from analyzer.planning.works.notices import Notice, by_customer
from analyzer.planning.works.windows import Declared, as_document, reference
from faultline.inventory import Freeze, Inventory
from faultline.reports.numbers import moment

_EFFECTS = {
    Effect.INTERRUPTED: "interrupted",
    Effect.DIVERTED: "moves to an equal path",
    Effect.SERVICES: "up, services behind it down",
}


def told(found: Impact, inventory: Inventory, tz: tzinfo) -> list[str]:
    """The impact as lines of text, times by that clock."""
    customers = by_customer(found.hits)
    whom = f"{many(len(found.hits), 'line')} of {many(len(customers), 'customer')}" if found.hits else "no line crosses it"
    lines = [f"{', '.join(found.named)}, {_when(found.period, tz)}: {whom}"]
    for customer, hits in customers.items():
        lines += ["", customer]
        for hit in hits:
            lines += [f"  {text}" for text in _hit(hit, inventory, tz)]
    if found.works:
        lines += ["", "other windows at that time", *(f"  {told_declared(work, tz)}" for work in found.works)]
    if found.freezes:
        lines += ["", "freezes at that time", *(f"  {told_declared(freeze, tz)}" for freeze in found.freezes)]
    return lines


def told_declared(declared: Declared, tz: tzinfo) -> str:
    """A window or a freeze in one line."""
    if isinstance(declared, Freeze):
        what = f"freeze of {', '.join([*declared.tenants, *declared.lines]) or 'all lines'}"
    else:
        what = ", ".join(declared.components)
    times = f"{moment(declared.start_ns, tz)} to {moment(declared.end_ns, tz)}"
    return f"{reference(declared)}  {times}  {what}" + (f": {declared.reason}" if declared.reason else "")


def document(found: Impact, notices: Sequence[Notice]) -> dict[str, Any]:
    """The impact as plain data; instants in nanoseconds, what is not known left out."""
    end = {} if found.period.end_ns is None else {"end_ns": found.period.end_ns}
    return {
        "components": list(found.named),
        "start_ns": found.period.start_ns,
        **end,
        "lines": [_entry(hit) for hit in found.hits],
        "windows": [as_document(work) for work in found.works],
        "freezes": [as_document(freeze) for freeze in found.freezes],
        "notices": [{"tenant": n.tenant, "customer": n.customer, "text": n.text} for n in notices],
    }


def _entry(hit: Hit) -> dict[str, Any]:
    line = hit.line
    entry = {
        "line": line.code,
        "tenant": line.tenant,
        "customer": line.customer,
        "a_end": line.a_end.name,
        "z_end": line.z_end.name,
        "effect": hit.effect.value,
        "services": list(hit.services),
        "backups": [
            {"line": b.line.code, "takes_over": b.takes_over, "shared": list(b.shared)}
            | ({"window": reference(b.at_work)} if b.at_work else {})
            for b in hit.backups
        ],
    }
    return entry | ({"grade": line.grade} if line.grade else {})


def _hit(hit: Hit, inventory: Inventory, tz: tzinfo) -> list[str]:
    line = hit.line
    facts = [line.code, line.grade or "-", f"{line.a_end.name} - {line.z_end.name}", _EFFECTS[hit.effect]]
    told_hit = ["  ".join(facts)]
    if hit.services:
        told_hit.append(f"  behind it: {', '.join(inventory.components[base].name for base in hit.services)}")
    return told_hit + [f"  {_backup(backup, tz)}" for backup in hit.backups]


def _backup(backup: Backup, tz: tzinfo) -> str:
    if backup.takes_over:
        return f"backup {backup.line.code} takes over"
    if backup.shared:
        return f"backup {backup.line.code} goes down too: it shares {', '.join(backup.shared)}"
    assert backup.at_work is not None  # noqa: S101 - otherwise it takes over
    return f"backup {backup.line.code} is down then: {told_declared(backup.at_work, tz)}"


def many(number: int, what: str) -> str:
    """`1 line`, `2 lines`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _when(period: Period, tz: tzinfo) -> str:
    start = moment(period.start_ns, tz)
    return f"at {start}" if period.end_ns is None else f"{start} to {moment(period.end_ns, tz)}"
