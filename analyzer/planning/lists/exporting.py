"""The lines of an inventory as a list: the columns that an import reads, one row a line.

Goes in: the inventory as plain data. Comes out: titles and rows of texts. What a list cannot say (paths, vantages, tests) is not
in it: imported into the same inventory it changes nothing, and into an empty one it gives lines the segments of their types.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from analyzer.planning.lists.columns import Attribute
from analyzer.planning.lists.line_types import LineType
from faultline.inventory import GroupKind

COLUMNS = tuple(attribute for attribute in Attribute if attribute not in {Attribute.ACTION, Attribute.IGNORED})
_UNITS = ((10**9, "G"), (10**6, "M"), (10**3, "k"))
_PERCENT = {Attribute.AVAILABILITY: "availability_percent", Attribute.LOSS: "loss_percent"}
_MS = {Attribute.ROUND_TRIP: "round_trip_ms", Attribute.VARIATION: "variation_ms"}


def rows(document: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    """A row for each line, in the order of the file; before them the titles."""
    tenants = {str(entry["id"]): entry for entry in document.get("tenants") or ()}
    groups = _groups(document)
    yield [attribute.value for attribute in COLUMNS]
    for line in document.get("lines") or ():
        cells = _cells(line, tenants[str(line["tenant"])]) | groups.get(str(line["code"]), {})
        yield [cells.get(attribute, "") for attribute in COLUMNS]


def text(document: Mapping[str, Any]) -> str:
    """The list as CSV."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows(document))
    return out.getvalue()


def _cells(line: Mapping[str, Any], tenant: Mapping[str, Any]) -> dict[Attribute, str]:
    contract = line.get("contract") or {}
    found = {
        Attribute.CODE: line["code"],
        Attribute.CUSTOMER: line.get("customer") or tenant.get("name") or tenant["id"],
        Attribute.TENANT: line["tenant"],
        Attribute.GRADE: line.get("grade"),
        Attribute.TYPE: _known_type(line.get("type")),
        Attribute.CIR: _rate(line.get("cir_bps")),
        Attribute.EIR: _rate(line.get("eir_bps")),
        Attribute.STATE: line.get("state"),
        Attribute.TIME_ZONE: line.get("time_zone"),
        Attribute.BACKUP: line.get("backup"),
        Attribute.VIP: tenant.get("vip"),
        Attribute.CALENDAR: tenant.get("calendar"),
        **{attribute: f"{contract[key]}%" for attribute, key in _PERCENT.items() if key in contract},
        **{attribute: contract[key] for attribute, key in _MS.items() if key in contract},
        Attribute.A_NAME: line["a_end"]["name"],
        Attribute.A_SITE: line["a_end"].get("site"),
        Attribute.A_PREFIXES: " ".join(map(str, line["a_end"]["prefixes"])),
        Attribute.Z_NAME: line["z_end"]["name"],
        Attribute.Z_SITE: line["z_end"].get("site"),
        Attribute.Z_PREFIXES: " ".join(map(str, line["z_end"]["prefixes"])),
    }
    return {attribute: str(value) for attribute, value in found.items() if value is not None}


def _groups(document: Mapping[str, Any]) -> dict[str, dict[Attribute, str]]:
    """Of each line the names of its groups."""
    found: dict[str, dict[Attribute, list[str]]] = {}
    for entry in document.get("groups") or ():
        is_bundle = entry.get("kind") == GroupKind.BUNDLE.value
        attribute = Attribute.BUNDLE if is_bundle else Attribute.GROUPS
        for code in entry["lines"]:
            found.setdefault(str(code), {}).setdefault(attribute, []).append(str(entry["id"]))
    return {code: {attribute: " ".join(names) for attribute, names in of.items()} for code, of in found.items()}


def _known_type(name: Any) -> str | None:
    """Of a type that has a template; a type in words of one's own stays in the file."""
    return str(name) if name in set(LineType) else None


def _rate(value: Any) -> str | None:
    if value is None:
        return None
    bps = int(str(value).replace("_", ""))
    return next((f"{bps // size}{unit}" for size, unit in _UNITS if bps % size == 0), f"{bps} bit/s")
