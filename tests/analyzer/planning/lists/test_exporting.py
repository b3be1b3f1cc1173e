"""What is exported comes back: import(export(x)) is x."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from analyzer.planning.lists import plain
from analyzer.planning.lists.applying import Applied, apply
from analyzer.planning.lists.columns import Profile
from analyzer.planning.lists.differences import differences
from analyzer.planning.lists.exporting import text
from analyzer.planning.lists.line_types import LineType, built
from analyzer.planning.lists.rows import read_rows
from analyzer.planning.lists.sheet import table
from faultline import inventory
from faultline.inventory.lines import LineState
from faultline.inventory.promised import Grade, Vip

CODES = ("CN-1", "甬沪0017", "0042", "x.y_z")
WORDS = st.sampled_from(["Ningbo", "上海 浦东", 'O\'Hare, "T3"', "-1", "=A1", "null", "1e3", "No. 5; west"])
OPTIONAL: Mapping[str, st.SearchStrategy[Any]] = {
    "customer": WORDS,
    "grade": st.sampled_from([grade.value for grade in Grade]),
    "cir_bps": st.one_of(st.integers(1, 10**11), st.sampled_from(["100_000_000", "2048000"])),
    "eir_bps": st.integers(1, 10**11),
    "state": st.sampled_from([state.value for state in LineState]),
    "time_zone": st.sampled_from(["Asia/Shanghai", "UTC"]),
    "contract": st.fixed_dictionaries(
        {},
        optional={
            "availability_percent": st.sampled_from(["99.95", "100", "99.950"]),
            "loss_percent": st.sampled_from(["0", "0.1", "0.001"]),
            "round_trip_ms": st.sampled_from(["30", "0.5"]),
            "variation_ms": st.sampled_from(["5", "2.25"]),
        },
    ),
}


@st.composite
def documents(draw: st.DrawFn, *, templated: bool = False) -> dict[str, Any]:
    """Sound inventories: lines of templates and with paths of their own, pairs, groups, tenants with calendars."""
    tenants = [
        {"id": name, "name": f"{name} bank"} | ({"vip": draw(st.sampled_from(list(Vip))).value} if draw(st.booleans()) else {})
        for name in ("t1", "t2")
    ]
    if not templated and draw(st.booleans()):
        tenants[0]["calendar"] = "year"
    components: list[dict[str, Any]] = [{"id": "shared", "kind": "segment", "owner": "carrier_core"}]
    lines: list[dict[str, Any]] = []
    codes = draw(st.lists(st.sampled_from(CODES), min_size=1, unique=True))
    for number, code in enumerate(codes):
        line: dict[str, Any] = {"code": code, "tenant": draw(st.sampled_from(["t1", "t2"]))}
        line |= draw(st.fixed_dictionaries({}, optional=dict(OPTIONAL)))
        if templated:
            line.setdefault("customer", draw(WORDS))
        for end, network in (("a_end", f"10.{number}.0.0/24"), ("z_end", f"10.9.{number}.0/28")):
            prefixes = [network, *draw(st.sets(st.sampled_from([f"2001:db8:{number}:{end == 'a_end':d}::/64"]), max_size=1))]
            line[end] = {"name": draw(WORDS), "prefixes": prefixes}
        if number and draw(st.booleans()):
            line["backup"] = codes[0]
        if templated or draw(st.booleans()):
            kind = draw(st.sampled_from(list(LineType)))
            parts = built(code, kind)
            components += parts
            line |= {"type": kind.value, "path": [part["id"] for part in parts]}
        else:
            line["path"] = ["shared"]
        lines.append(line)
    mine = [line["code"] for line in lines if line["tenant"] == "t1"]
    groups = [{"id": name, "lines": mine} | more for name, more in (("g1", {}), ("b1", {"kind": "bundle"}))] if mine else []
    return {
        "format": inventory.FORMAT,
        "calendars": [{"id": "year", "holidays": ["2026-10-01/2026-10-07"]}],
        "tenants": tenants,
        "components": components,
        "lines": lines,
        "groups": draw(st.lists(st.sampled_from(groups), unique_by=lambda group: group["id"])) if groups else [],
    }


def imported(document: Mapping[str, Any], listed: str) -> Applied:
    """An inventory with a list of CSV text taken in."""
    rows = read_rows(table(csv.reader(io.StringIO(listed, newline="")), "exported"), Profile())
    assert rows.problems == ()
    found = apply(document, rows.changes)
    assert found.problems == []
    return found


@given(document=documents())
def test_a_file_read_back_is_the_same_inventory(document: dict[str, Any]) -> None:
    """YAML as it is written, read by us and by any reader of YAML."""
    known, again = inventory.parse(document, "made"), plain.dump(document)
    assert inventory.parse(again, "again") == known
    assert inventory.parse(yaml.safe_load(again), "read elsewhere") == known


@given(document=documents())
def test_a_list_of_an_inventory_changes_nothing_in_it(document: dict[str, Any]) -> None:
    """Not a key, whatever else the file holds and in whatever digits it says it."""
    inventory.parse(document, "made")
    found = imported(document, text(document))
    assert (found.added, found.changed, found.removed) == ([], [], [])
    assert list(differences(document, found.document)) == []


@given(document=documents(templated=True))
def test_a_list_of_an_inventory_gives_its_lines_again(document: dict[str, Any]) -> None:
    """Where every line has the segments of its type, an empty inventory becomes the same one."""
    found = inventory.parse(imported(plain.empty(), text(document)).document, "again")
    known = inventory.parse(document, "made")
    assert found.lines == known.lines
    assert found.groups == known.groups
    assert {name: tenant.vip for name, tenant in found.tenants.items()} == {
        name: tenant.vip for name, tenant in known.tenants.items() if any(line.tenant == name for line in known.lines.values())
    }
