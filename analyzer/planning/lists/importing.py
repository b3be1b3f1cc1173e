"""An import from beginning to end: files to a checked inventory, with every mistake named where a person can correct it.

Goes in: files, the present inventory. Comes out: the inventory that would be, and what is wrong. A file with one mistake is
refused as a whole: half a list is worse than yesterday's. Writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from analyzer.planning.lists import plain
from analyzer.planning.lists.applying import Applied, apply
from analyzer.planning.lists.columns import Attribute, Profile
from analyzer.planning.lists.differences import texts
from analyzer.planning.lists.rows import Origin, read_rows
from analyzer.planning.lists.sheet import SheetError, read_sheet
from faultline import inventory
from faultline.inventory.places import KEYS
from faultline.inventory.problems import Problem

WHOLE = "the inventory"
"""Where a mistake is that no file given has made."""
_YAML = frozenset({".yaml", ".yml"})
_LINE_KEY = re.compile(r"lines\[(\d+)\](?:\.(\w+))?(?:\.(\w+))?")
_TENANT_KEY = re.compile(r"tenants\[(\d+)\]\.(\w+)")
_TENANT_COLUMN_OF = {"id": Attribute.TENANT, "name": Attribute.CUSTOMER, "vip": Attribute.VIP, "calendar": Attribute.CALENDAR}
_COLUMN_OF = {
    ("tenant", None): Attribute.TENANT,
    ("customer", None): Attribute.CUSTOMER,
    ("grade", None): Attribute.GRADE,
    ("type", None): Attribute.TYPE,
    ("cir_bps", None): Attribute.CIR,
    ("eir_bps", None): Attribute.EIR,
    ("contract", "availability_percent"): Attribute.AVAILABILITY,
    ("contract", "loss_percent"): Attribute.LOSS,
    ("contract", "round_trip_ms"): Attribute.ROUND_TRIP,
    ("contract", "variation_ms"): Attribute.VARIATION,
    ("state", None): Attribute.STATE,
    ("time_zone", None): Attribute.TIME_ZONE,
    ("backup", None): Attribute.BACKUP,
    ("code", None): Attribute.CODE,
    ("a_end", "name"): Attribute.A_NAME,
    ("a_end", "site"): Attribute.A_SITE,
    ("a_end", "prefixes"): Attribute.A_PREFIXES,
    ("z_end", "name"): Attribute.Z_NAME,
    ("z_end", "site"): Attribute.Z_SITE,
    ("z_end", "prefixes"): Attribute.Z_PREFIXES,
    ("z_end", None): Attribute.Z_PREFIXES,
}
"""Where a key of a line stands in a list."""


@attrs.define(slots=True, kw_only=True)
class Imported:
    """What an import comes to."""

    document: plain.Document
    problems: list[Problem] = attrs.field(factory=list)
    applied: list[tuple[str, Applied]] = attrs.field(factory=list)
    """File → what it changes."""
    unknown_columns: dict[str, tuple[str, ...]] = attrs.field(factory=dict)
    """File → titles that nobody knows; they were left out."""


def run_import(
    files: Iterable[Path],
    present: Mapping[str, Any],
    *,
    profile: Profile,
    remove_missing: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Imported:
    """Apply files one after the other and check what comes of it."""
    found = Imported(document=dict(present))
    origins: dict[str, Origin] = {}
    for path in files:
        progress(f"reading {path}")
        if path.suffix.lower() in _YAML:
            _take_yaml(found, path, remove_missing=remove_missing)
        else:
            _take_list(found, path, profile, origins, remove_missing=remove_missing)
    if not found.problems:
        progress("checking the whole inventory")
        found.problems += _checked(found.document, origins)
    return found


def _take_yaml(found: Imported, path: Path, *, remove_missing: bool) -> None:
    """An inventory file: its entries replace those of the same name; where it is whole it replaces everything."""
    try:
        _, came = inventory.read_with_data(path)
    except inventory.InventoryError as error:
        found.problems += error.problems
        return
    before = {str(line["code"]): line for line in found.document.get("lines", ())}
    after = {str(line["code"]): line for line in came.get("lines", ())}
    applied = Applied(document=found.document)
    for code, line in after.items():
        if code not in before:
            applied.added.append(code)
        elif texts(before[code]) == texts(line):
            applied.unchanged += 1
        else:
            applied.changed.append(code)
    missing = [code for code in before if code not in after]
    applied.removed, applied.missing = (missing, []) if remove_missing else ([], missing)
    applied.document = found.document = came if remove_missing else _united(found.document, came)
    found.applied.append((str(path), applied))


def _united(document: plain.Document, came: plain.Document) -> plain.Document:
    """An inventory with what another one has, too: of entries of one name the other's."""
    made = dict(document)
    for section, key in KEYS.items():
        entries = {str(entry[key]): entry for entry in (*document.get(section, ()), *came.get(section, ()))}
        if entries or section in document:
            made[section] = list(entries.values())
    for section in ("interfaces", "planned", "freezes"):
        known = list(document.get(section, ()))
        made[section] = known + [entry for entry in came.get(section, ()) if entry not in known]
    return made


def _take_list(found: Imported, path: Path, profile: Profile, origins: dict[str, Origin], *, remove_missing: bool) -> None:
    try:
        listed = read_rows(read_sheet(path, name=profile.sheet), profile)
    except SheetError as error:
        wrong, _, remedy = str(error).partition("; ")
        found.problems.append(Problem(where="", line=None, key="", wrong=wrong, remedy=remedy))
        return
    found.unknown_columns |= {str(path): listed.unknown_columns} if listed.unknown_columns else {}
    found.problems += listed.problems
    applied = apply(found.document, listed.changes, remove_missing=remove_missing, is_delta=listed.is_delta)
    found.problems += applied.problems
    found.document = applied.document
    found.applied.append((str(path), applied))
    origins |= applied.origins


def _checked(document: plain.Document, origins: Mapping[str, Origin]) -> list[Problem]:
    """What the inventory's own check says, told in rows and columns where a list is the cause."""
    try:
        inventory.parse(document, WHOLE)
    except inventory.InventoryError as error:
        return [_translated(problem, document, origins) for problem in error.problems]
    return []


def _translated(problem: Problem, document: plain.Document, origins: Mapping[str, Origin]) -> Problem:
    of_tenant = _TENANT_KEY.match(problem.key)
    if of_tenant is not None:
        tenant = document["tenants"][int(of_tenant[1])]["id"]
        codes = (str(line["code"]) for line in document["lines"] if line["tenant"] == tenant)
        origin = next((origins[code] for code in codes if code in origins), None)
        attribute = _TENANT_COLUMN_OF.get(of_tenant[2])
        return origin.problem(attribute, problem.wrong, problem.remedy) if origin is not None else problem
    match = _LINE_KEY.match(problem.key)
    if match is None:
        return problem
    origin = origins.get(str(document["lines"][int(match[1])]["code"]))
    if origin is None:
        return problem
    attribute = _COLUMN_OF.get((match[2], match[3])) or _COLUMN_OF.get((match[2], None))
    return origin.problem(attribute, problem.wrong, problem.remedy)
