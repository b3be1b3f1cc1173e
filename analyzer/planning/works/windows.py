"""The `planned` and `freezes` sections of an inventory: entries added, found again and taken out.

Goes in: the plain document beside its records, which are in the same order. Comes out: the changed document. Writes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import tzinfo
from typing import Any

import attrs

from analyzer.planning.works.times import UnusableError, written
from faultline.inventory import Freeze, Inventory, PlannedWork
from faultline.inventory.problems import meant
from faultline.records.incident import Base
from faultline.reports.numbers import zone

Declared = PlannedWork | Freeze
_REFERENCE_DIGITS = 8


def components_of(inventory: Inventory, names: Iterable[str], *, sites: bool = False) -> tuple[Base, ...]:
    """Names as components; a site stands for everything in it.

    Args:
        inventory: where they must be.
        names: of components and sites.
        sites: whether a site stays one name.

    Raises:
        UnusableError: there is neither a component nor a site of that name.
    """
    found: dict[Base, None] = {}
    for name in names:
        if name in inventory.components or (sites and name in inventory.sites):
            found[Base(name)] = None
            continue
        inside = [component.id for component in inventory.components.values() if component.site == name]
        if not inside:
            known = [*inventory.components, *inventory.sites]
            remedy = meant(name, known, otherwise="`faultline inventory show LINE` names what a line crosses")
            wrong = f"nothing is in site {name!r}" if name in inventory.sites else f"no component {name!r}"
            raise UnusableError(wrong, remedy)
        found |= dict.fromkeys(inside)
    return tuple(found)


def zone_of(inventory: Inventory, lines: Collection[str]) -> tzinfo | None:
    """The time zone that all these lines have; None when they have several. Without lines: that of all lines."""
    names = {line.time_zone for code, line in inventory.lines.items() if not lines or code in lines}
    return zone(next(iter(names))) if len(names) == 1 else None


def reference(declared: Declared) -> str:
    """What to call an entry by: it has no name of its own, so eight digits out of what it says."""
    what = declared.components if isinstance(declared, PlannedWork) else (*declared.tenants, *declared.lines)
    text = "\n".join([type(declared).__name__, *sorted(what), str(declared.start_ns), str(declared.end_ns)])
    return hashlib.sha256(text.encode()).hexdigest()[:_REFERENCE_DIGITS]


def with_works(
    document: Mapping[str, Any], inventory: Inventory, works: Sequence[PlannedWork], zones: Sequence[tzinfo]
) -> dict[str, Any]:
    """The document with windows in it that were not there; each written in the clock of its zone."""
    there = {reference(work) for work in inventory.planned}
    added = []
    for work, tz in zip(works, zones, strict=True):
        if reference(work) not in there:
            there.add(reference(work))
            added.append({"components": [str(base) for base in work.components], **_times(work, tz)})
    return {**document, "planned": [*document.get("planned", ()), *added]}


def with_freeze(document: Mapping[str, Any], freeze: Freeze, tz: tzinfo) -> dict[str, Any]:
    """The document with one more freeze."""
    whose = {key: [str(name) for name in names] for key in ("tenants", "lines") if (names := getattr(freeze, key))}
    return {**document, "freezes": [*document.get("freezes", ()), {**whose, **_times(freeze, tz)}]}


def without(
    document: Mapping[str, Any], inventory: Inventory, references: Collection[str]
) -> tuple[dict[str, Any], list[Declared]]:
    """The document without the entries that are called so, and those entries."""
    changed, gone = dict(document), list[Declared]()
    sections: list[tuple[str, Sequence[Declared]]] = [("planned", inventory.planned), ("freezes", inventory.freezes)]
    for section, records in sections:
        kept = []
        for entry, record in zip(document.get(section, ()), records, strict=True):
            if reference(record) in references:
                gone.append(record)
            else:
                kept.append(entry)
        if section in document:
            changed[section] = kept
    return changed, gone


def as_document(declared: Declared) -> dict[str, Any]:
    """As `--json` prints it; instants in nanoseconds."""
    entry = {key: value for key, value in attrs.asdict(declared).items() if value not in ("", ())}
    return {"reference": reference(declared), "kind": "freeze" if isinstance(declared, Freeze) else "window"} | entry


def _times(declared: Declared, tz: tzinfo) -> dict[str, str]:
    times = {"start": written(declared.start_ns, tz), "end": written(declared.end_ns, tz)}
    return times | ({"reason": declared.reason} if declared.reason else {})
