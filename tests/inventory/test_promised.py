"""What was agreed with customers: levels, grades, contract values, groups of lines."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from faultline import inventory
from faultline.inventory import Contract, Grade, GroupKind, Inventory, InventoryError, Vip
from faultline.records.terms import LineCode, TenantId

from .mistaking import Mistakes, check_told

LINE = LineCode("CN-NB-0017")


def test_the_example_says_what_was_promised(example: Inventory) -> None:
    """As it is written, in the units that everything is reckoned in."""
    line = example.lines[LINE]
    assert (line.grade, example.tenants[line.tenant].vip) == (Grade.AA, Vip.GOLD)
    assert line.contract == Contract(
        availability_ratio=0.9995, loss_ratio=0.001, round_trip_ns=30_000_000, variation_ns=5_000_000
    )
    (group,) = example.groups.values()
    assert (group.kind, group.lines, group.services) == (GroupKind.GROUP, (LINE,), ("teller",))


def test_what_was_not_promised_is_absent(example_text: str) -> None:
    """Neither 0 nor 100 %."""
    text = example_text.replace("contract: {availability_percent: 99.95, ", "contract: {").replace("    grade: AA", "    #")
    line = inventory.parse(text, "x").lines[LINE]
    assert line.contract.availability_ratio is None
    assert (line.grade, line.eir_bps) == (None, None)


MISTAKES: Mistakes = {
    "grade": ("grade: AA ", "grade: gold ", "lines[0].grade", "is not one of AAA, AA, A, ordinary", "choose"),
    "level": ("vip: gold", "vip: golden", "tenants[0].vip", "'golden' is not one of", "did you mean 'gold'"),
    "availability": ("percent: 99.95", "percent: 0.9995", "lines[0].contract.availability_percent", "not between 50", "99.95"),
    "loss": ("loss_percent: 0.1", "loss_percent: 0.1%", "lines[0].contract.loss_percent", "not a number", "without a unit"),
    "time": ("round_trip_ms: 30", "round_trip_ms: 0", "lines[0].contract.round_trip_ms", "not between", "30"),
    "unknown value": ("variation_ms: 5", "jitter_ms: 5", "lines[0].contract.jitter_ms", "unknown key", "known here"),
    "no values": (
        "{availability_percent: 99.95, loss_percent: 0.1, round_trip_ms: 30, variation_ms: 5}",
        "gold",
        "lines[0].contract",
        "a single value where a mapping",
        "availability_percent",
    ),
    "group of nobody": ("lines: [CN-NB-0017], s", "lines: [CN-NB-0071], s", "groups[0].lines[0]", "no line", "did you mean"),
    "a line twice": ("lines: [CN-NB-0017], s", "lines: [CN-NB-0017, CN-NB-0017], s", "groups[0].lines[1]", "twice", "keep one"),
    "a server rides on lines": ("services: [teller]", "services: [server]", "groups[0].services[0]", "is a server", "service"),
    "kind of group": (
        "{id: tellers, name",
        "{id: tellers, kind: pair, name",
        "groups[0].kind",
        "not one of group, bundle",
        "choose",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_its_line_its_key_and_what_to_do(name: str, example_text: str) -> None:
    """One mistake in the file is one problem: where, what is wrong, what to do."""
    check_told(example_text, MISTAKES[name], alone=True)


def wrong(document: dict[str, Any]) -> inventory.Problem:
    """The one thing that is wrong."""
    with pytest.raises(InventoryError) as caught:
        inventory.parse(document, "made")
    (problem,) = caught.value.problems
    return problem


def test_a_group_is_of_one_tenant_and_a_line_in_one_bundle(example_text: str) -> None:
    """Whoever sees a group sees its lines; what a line carries with others is one thing."""
    document = yaml.safe_load(example_text)
    document["tenants"].append({"id": "other"})
    document["lines"].append({**document["lines"][0], "code": "X", "tenant": "bank"})
    document["groups"] = [{"id": name, "kind": "bundle", "lines": [LINE, "X"]} for name in ("one", "two")]
    assert (
        "is in the bundle 'one' already"
        in wrong(document | {"groups": [document["groups"][0], {**document["groups"][1], "lines": ["X"]}]}).wrong
    )
    document["groups"].pop()
    assert inventory.parse(document, "made").groups["one"].lines == (LINE, "X")
    document["lines"][1]["tenant"] = TenantId("other")
    assert "a line of 'bank', and X one of 'other'" in wrong(document).wrong
