"""Changes of lines applied to an inventory: all of them, or none.

Goes in: the inventory as plain data, changes. Comes out: the inventory with them, what changed, and problems. A line from a list
gets the components of its type's template; a line that somebody described with a path of its own keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from analyzer.planning.lists.columns import Attribute
from analyzer.planning.lists.differences import texts
from analyzer.planning.lists.grouping import Groups
from analyzer.planning.lists.line_types import LineType, built
from analyzer.planning.lists.plain import Document
from analyzer.planning.lists.rows import LineChange, Origin
from analyzer.planning.lists.same import unless_same
from analyzer.planning.lists.values import Action
from faultline.inventory.problems import Problem, meant

_SAME = {
    Attribute.CUSTOMER: "customer",
    Attribute.GRADE: "grade",
    Attribute.CIR: "cir_bps",
    Attribute.EIR: "eir_bps",
    Attribute.STATE: "state",
    Attribute.TIME_ZONE: "time_zone",
    Attribute.BACKUP: "backup",
}
"""Attributes that are keys of a line."""
_ENDS = {
    "a_end": (Attribute.A_NAME, Attribute.A_SITE, Attribute.A_PREFIXES),
    "z_end": (Attribute.Z_NAME, Attribute.Z_SITE, Attribute.Z_PREFIXES),
}
_CONTRACT = {
    Attribute.AVAILABILITY: "availability_percent",
    Attribute.LOSS: "loss_percent",
    Attribute.ROUND_TRIP: "round_trip_ms",
    Attribute.VARIATION: "variation_ms",
}
_OF_TENANT = {Attribute.VIP: "vip", Attribute.CALENDAR: "calendar"}
"""Attributes of the customer, said in the rows of its lines."""
_WHAT_REFERS = ("vantages", "sessions", "dials", "traces")
_WHAT_NAMES = {"planned": ("components",), "freezes": ("lines", "tenants"), "groups": ("lines",)}
"""Entries that name several things, and go with the last of them."""


@attrs.define(slots=True, kw_only=True)
class Applied:
    """An inventory with changes."""

    document: Document
    added: list[str] = attrs.field(factory=list)
    changed: list[str] = attrs.field(factory=list)
    removed: list[str] = attrs.field(factory=list)
    unchanged: int = 0
    missing: list[str] = attrs.field(factory=list)
    """Lines of the inventory that a whole list does not have."""
    origins: dict[str, Origin] = attrs.field(factory=dict)
    """Code → where the list says it."""
    problems: list[Problem] = attrs.field(factory=list)


def apply(
    document: Mapping[str, Any], changes: Iterable[LineChange], *, remove_missing: bool = False, is_delta: bool = False
) -> Applied:
    """Apply changes in their order.

    Args:
        document: the inventory as plain data; it is left as it is.
        changes: of lines.
        remove_missing: lines that a whole list does not have go.
        is_delta: the list says what changed, not what is.
    """
    applying = _Applying(document)
    for change in changes:
        applying.take(change)
    return applying.finish(remove_missing=remove_missing, is_delta=is_delta)


class _Applying:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document: Document = dict(document)
        self._tenants = {str(entry["id"]): dict(entry) for entry in document.get("tenants", ())}
        self._by_name = {str(entry.get("name", entry["id"])): key for key, entry in self._tenants.items()}
        self._sites = {str(entry["id"]): dict(entry) for entry in document.get("sites", ())}
        self._components = {str(entry["id"]): dict(entry) for entry in document.get("components", ())}
        self._lines = {str(entry["code"]): dict(entry) for entry in document.get("lines", ())}
        self._groups = Groups(document)
        self._of_tenants: dict[tuple[str, Attribute], tuple[str, Origin]] = {}
        self._said: set[str] = set()
        self._found = Applied(document=self._document)

    def take(self, change: LineChange) -> None:
        known = self._lines.get(change.code)
        wrong = _misplaced(change, known is not None)
        if wrong:
            remedy = meant(change.code, self._lines, otherwise="check the order of the files, or correct the action")
            self._found.problems.append(change.origin.problem(Attribute.ACTION, wrong, remedy))
            return
        self._said.add(change.code)
        self._found.origins[change.code] = change.origin
        if change.action is Action.REMOVE:
            self._remove(change.code)
        else:
            self._put(change, known)

    def _put(self, change: LineChange, known: Mapping[str, Any] | None) -> None:
        values = change.values
        line: dict[str, Any] = dict(known or {"code": change.code})
        said = {key: values[attribute] for attribute, key in _SAME.items() if attribute in values}
        if known is not None and "customer" not in known and said.get("customer") == self._name_of(known["tenant"]):
            del said["customer"]  # the tenant's name is the customer's, where a line says none
        line |= {key: unless_same(line.get(key), value) for key, value in said.items()}
        if any(attribute in values for attribute in _CONTRACT):
            agreed = dict(line.get("contract", {}))
            found = {key: values[attribute] for attribute, key in _CONTRACT.items() if attribute in values}
            line["contract"] = agreed | {key: unless_same(agreed.get(key), value) for key, value in found.items()}
        line["tenant"] = self._tenant(change, known)
        self._say_of_tenant(line["tenant"], change)
        self._found.problems += self._groups.put(line, change)
        for key, (name, site, prefixes) in _ENDS.items():
            end = dict(line.get(key, {}))
            end |= {
                inner: unless_same(end.get(inner), values[attribute])
                for inner, attribute in (("name", name), ("site", site), ("prefixes", prefixes))
                if attribute in values
            }
            end.setdefault("name", _nameless(end))
            line[key] = end
            if site in values:
                self._sites.setdefault(values[site], {"id": values[site]})
        self._build(line, change, known)
        if known is None:
            self._found.added.append(change.code)
        elif texts(known) == texts(line):
            self._found.unchanged += 1
        else:
            self._found.changed.append(change.code)
        self._lines[change.code] = line

    def _tenant(self, change: LineChange, known: Mapping[str, Any] | None) -> str:
        """The tenant a row names; else the one with the customer's name, made when there is none."""
        named = change.values.get(Attribute.TENANT)
        customer = str(change.values.get(Attribute.CUSTOMER, (known or {}).get("customer", "")))
        if named is None and known is not None and Attribute.CUSTOMER not in change.values:
            return str(known["tenant"])
        found = str(named) if named is not None else self._by_name.get(customer) or _id_of(customer)
        if found not in self._tenants:
            self._tenants[found] = {"id": found, "name": customer or found}
            self._by_name[customer] = found
        return found

    def _name_of(self, tenant: object) -> str:
        return str(self._tenants[str(tenant)].get("name", tenant))

    def _say_of_tenant(self, tenant: str, change: LineChange) -> None:
        """What a row says of the customer; another row must not say otherwise."""
        for attribute, key in _OF_TENANT.items():
            value = change.values.get(attribute)
            if value is None:
                continue
            first, origin = self._of_tenants.setdefault((tenant, attribute), (value, change.origin))
            if value != first:
                wrong = f"{value!r} for {tenant!r}, and row {origin.row} says {first!r}"
                self._found.problems.append(
                    change.origin.problem(attribute, wrong, "a customer has one: correct one of the rows")
                )
            self._tenants[tenant][key] = first

    def _build(self, line: dict[str, Any], change: LineChange, known: Mapping[str, Any] | None) -> None:
        """Give it the components of its type, unless somebody has described its path."""
        own = known is not None and not self._is_templated(known)
        if own and Attribute.TYPE not in change.values:
            return
        wanted = change.values.get(Attribute.TYPE, line.get("type", LineType.MPLS_VPN))
        line["type"] = str(wanted)
        if own or (known is not None and str(known.get("type")) == str(wanted)):
            return
        if known is not None:
            self._drop_components(known)
        made = built(str(line["code"]), LineType(str(wanted)))
        self._components |= {str(part["id"]): part for part in made}
        line["path"] = [part["id"] for part in made]

    def _is_templated(self, line: Mapping[str, Any]) -> bool:
        prefix = f"{line['code']}."
        return all(str(base).startswith(prefix) for base in line["path"])

    def _remove(self, code: str) -> None:
        """The line goes with its own components and with everything that looks at it alone."""
        line = self._lines.pop(code)
        if self._is_templated(line):
            self._drop_components(line)
        for section in _WHAT_REFERS:
            kept = [entry for entry in self._document.get(section, ()) if entry.get("line") != code]
            if section in self._document:
                self._document[section] = [left for entry in kept if (left := _without(entry, code)) is not None]
        self._found.removed.append(code)

    def _drop_components(self, line: Mapping[str, Any]) -> None:
        for base in line["path"]:
            self._components.pop(str(base), None)

    def _forget(self) -> None:
        """Windows, freezes and groups of what is gone go with it; a freeze of nobody left would be one of everybody."""
        for section, keys in _WHAT_NAMES.items():
            known = {"components": self._components, "lines": self._lines, "tenants": self._tenants}
            left = []
            for entry in self._document.get(section, ()):
                kept = {key: [name for name in entry[key] if str(name) in known[key]] for key in keys if key in entry}
                others = {key: value for key, value in entry.items() if key not in keys}
                if not kept or any(kept.values()):
                    left.append({key: names for key, names in kept.items() if names} | others)
            if section in self._document:
                self._document[section] = left

    def finish(self, *, remove_missing: bool, is_delta: bool) -> Applied:
        found = self._found
        if not is_delta:
            found.missing = [code for code in self._lines if code not in self._said]
            if remove_missing:
                for code in found.missing:
                    self._remove(code)
                found.missing = []
        self._groups.write(self._document)
        if found.removed:
            self._forget()
        self._document |= {
            "tenants": list(self._tenants.values()),
            "sites": list(self._sites.values()),
            "components": list(self._components.values()),
            "lines": list(self._lines.values()),
        }
        return found


def _misplaced(change: LineChange, is_known: bool) -> str | None:  # noqa: FBT001 - private, and read beside its name
    if change.action is Action.ADD and is_known:
        return f"{change.code!r} is to be added and is there already"
    if change.action in {Action.CHANGE, Action.REMOVE} and not is_known:
        return f"{change.code!r} is to be {'changed' if change.action is Action.CHANGE else 'removed'} and is not there"
    return None


def _without(entry: Mapping[str, Any], code: str) -> dict[str, Any] | None:
    """A vantage without its place on a line; None when it had no other."""
    if "positions" not in entry:
        return dict(entry)
    places = [place for place in entry["positions"] if place.get("line") != code]
    return {**entry, "positions": places} if places else None


def _nameless(end: Mapping[str, Any]) -> str:
    """What to call an end of which only its network is known."""
    return str(end["prefixes"][0]) if end.get("prefixes") else "unknown"


def _id_of(name: str) -> str:
    """A tenant's id out of its name: what an id may hold."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name).strip("-") or "unknown"
