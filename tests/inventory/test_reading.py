"""The inventory file as a whole: what it becomes, and how its mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from faultline import inventory
from faultline.inventory import InventoryError
from faultline.inventory.problems import MOST_SHOWN
from faultline.records.terms import ComponentKind, LineCode, Owner

from .conftest import EXAMPLE
from .mistaking import Mistakes, check_told


def test_the_example_is_an_inventory(example: inventory.Inventory) -> None:
    """The annotated example reads into records that refer to each other."""
    line = example.lines[LineCode("CN-NB-0017")]
    assert line.customer == "First Bank"
    assert line.cir_bps == 100_000_000
    assert line.state == "in_service"
    assert [example.components[base].owner for base in line.path[:4]] == [
        Owner.CUSTOMER,
        Owner.CUSTOMER,
        Owner.ACCESS,
        Owner.CARRIER_CORE,
    ]
    assert example.components[line.path[-1]].kind is ComponentKind.SERVER
    assert {name: vantage.positions[line.code].place for name, vantage in example.vantages.items()} == {
        "ce-lan": 0.5,
        "ce-wan": 1.5,
        "pe1": 2.5,
        "pe2": 5.5,
        "fw-wan": 6.5,
        "fw-lan": 7.5,
    }
    assert example.planned[0].end_ns - example.planned[0].start_ns == 2 * 3600 * 10**9


def test_a_program_may_give_the_same_structure_as_plain_data(example: inventory.Inventory, example_text: str) -> None:
    """Plain mappings and lists give the same inventory as their YAML text."""
    assert inventory.parse(yaml.safe_load(example_text), "made") == example


def test_the_tenants_name_is_the_customer_when_none_is_given(example_text: str) -> None:
    """A line without a customer is its tenant's."""
    text = example_text.replace("    customer: First Bank ", "    # ")
    assert inventory.parse(text, "x").lines[LineCode("CN-NB-0017")].customer == "First Bank"


def test_ids_are_taken_as_they_are_written(example_text: str) -> None:
    """A code of digits keeps its zeros, and one in Chinese is a code like any other."""
    for code in ("0017", "1e3", "no", "甬沪0017"):
        text = example_text.replace("CN-NB-0017", code)
        assert list(inventory.parse(text, "x").lines) == [code]


MISTAKES: Mistakes = {
    "unknown format": ("faultline-inventory/1", "faultline-inventory/9", "format", "is not", "no other"),
    "no format": ("format: faultline-inventory/1", "", "", "'format' is missing", "add `format"),
    "unknown section": ("tenants:", "tenantz:", "tenantz", "unknown key", "did you mean 'tenants'"),
    "missing section": (
        "tenants:\n  - {id: bank, name: First Bank, vip: gold, calendar: china}",
        "",
        "",
        "'tenants' is missing",
        "list whose",
    ),
    "empty section": (
        "tenants:\n  - {id: bank, name: First Bank, vip: gold, calendar: china}",
        "tenants: []",
        "tenants",
        "empty",
        "list whose",
    ),
    "a section that is no list": (
        "tenants:\n  - {id: bank, name: First Bank, vip: gold, calendar: china}",
        "tenants: bank",
        "tenants",
        "a single value where a list belongs",
        "begin each entry",
    ),
    "an entry that is no mapping": (
        "  - {id: bank, name: First Bank, vip: gold, calendar: china}",
        "  - bank",
        "tenants[0]",
        "where a mapping",
        "key: value",
    ),
    "unknown key": ("grade: AA", "grad: AA", "lines[0].grad", "unknown key", "did you mean 'grade'"),
    "missing id": (
        "{id: bank, name: First Bank, vip: gold, calendar: china}",
        "{name: First Bank}",
        "tenants[0]",
        "'id' is missing",
        "others refer to",
    ),
    "empty id": (
        "{id: bank, name: First Bank, vip: gold, calendar: china}",
        "{id: , name: First Bank}",
        "tenants[0].id",
        "empty",
        "others refer to",
    ),
    "reserved tenant": ("{id: bank,", "{id: _bank,", "tenants[0].id", "begins with `_`", "Faultline's own"),
    "duplicate yaml key": ("    grade: AA", "    code: other", "lines[0].code", "is already in line", "keep one"),
}
NOT_ALONE = frozenset(
    {
        "unknown format",
        "unknown section",
        "missing section",
        "empty section",
        "a section that is no list",
        "an entry that is no mapping",
        "missing id",
        "empty id",
        "reserved tenant",
        "duplicate yaml key",
    }
)
"""What refers to what is gone is told, too."""


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_its_line_its_key_and_what_to_do(name: str, example_text: str) -> None:
    """One mistake in the file is one problem: where, what is wrong, what to do."""
    check_told(example_text, MISTAKES[name], alone=name not in NOT_ALONE)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(example_text: str) -> None:
    """Three mistakes in one reading are three problems, each with its line in front."""
    text = example_text.replace("owner: access, name: Acc", "owner: accezs, name: Acc").replace("grade: AA", "grad: AA")
    text = text.replace("reflector: pe1}", "reflector: pe7}")
    with pytest.raises(InventoryError) as caught:
        inventory.parse(text, "inv.yaml")
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[1] for line in lines] == ["components[2].owner", "lines[0].grad", "sessions[0].reflector"]
    assert all(line.startswith("inv.yaml:") for line in lines)


def test_one_systematic_mistake_does_not_fill_the_terminal(example_text: str) -> None:
    """The message shows the first problems and the number of the others; `problems` has them all."""
    broken = "".join(f"  - {{id: c{n}, kind: device, owner: nobody}}\n" for n in range(200))
    text = example_text.replace("components:\n", "components:\n" + broken, 1)
    with pytest.raises(InventoryError) as caught:
        inventory.parse(text, "inv.yaml")
    assert len(caught.value.problems) == 200
    assert str(caught.value).count("\n") == MOST_SHOWN
    assert str(caught.value).endswith("and 150 more")


def test_a_file_that_cannot_be_opened_is_a_problem_of_its_own(tmp_path: Path) -> None:
    """A missing file and a folder give one problem each, not a traceback."""
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(InventoryError, match="cannot be read") as caught:
            inventory.read(path)
        assert len(caught.value.problems) == 1


def test_a_file_is_read_as_records_and_as_plain_data_at_once(example: inventory.Inventory, tmp_path: Path) -> None:
    """The data gives the same records; values stay as they were written."""
    found, data = inventory.read_with_data(EXAMPLE)
    assert inventory.parse(data, "made") == found
    assert data["lines"][0]["cir_bps"] == "100_000_000"
    assert found == example
    path = tmp_path / "inventory.yaml"
    path.write_text("format: 7", encoding="utf-8")
    with pytest.raises(InventoryError):
        inventory.read_with_data(path)
