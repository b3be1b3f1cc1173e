"""The field table as Python reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from faultline.records.fields import FieldType, parse, table
from faultline.records.reference import fields_page

ROOT = Path(__file__).resolve().parents[2]


def test_a_reverse_twin_follows_its_field_in_every_record() -> None:
    """Columns are in the table's order, each twin right after its forward field, under its own element."""
    flow = table().records["flow"]
    names = [column.name for column in flow.columns]
    assert names[names.index("packets") + 1] == "reverse_packets"
    assert flow.column("reverse_packets").element(32473) == (29305, 2)
    assert flow.column("reverse_loss_upstream").element(32473) == (32473, 32 | 0x4000)
    assert flow.column("packets").required
    assert not flow.column("application").required


def test_elements_are_unique_within_a_record() -> None:
    """No two columns of a record travel under one element."""
    for record in table().records.values():
        elements = [column.element(table().enterprise_number) for column in record.columns]
        assert len(elements) == len(set(elements)), record.name


def test_record_kinds_are_unique_and_have_a_range_of_template_ids() -> None:
    """Template ids are kind << 12 and up, so kinds are 1 to 15."""
    kinds = [record.kind for record in table().records.values()]
    assert len(kinds) == len(set(kinds))
    assert all(1 <= kind <= 15 for kind in kinds)


def test_only_addresses_have_a_second_element() -> None:
    """`ie6` is the IPv6 form of an address."""
    for field in table().fields.values():
        assert (field.ie6 is not None) == (field.type is FieldType.ADDRESS), field.name


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[[field]]\nname='a'\ntype='u8'\nen=''\nzh=''", "field a: exactly one of ie and own"),
        ("[[field]]\nname='a'\ntype='u8'\nie=1\nown=1\nen=''\nzh=''", "field a: exactly one of ie and own"),
        (
            "[[field]]\nname='a'\ntype='u8'\nown=1\nen=''\nzh=''\n[[record]]\nname='r'\nkind=1\nfields=['b?']",
            "record r: no field b",
        ),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(text: str, reason: str) -> None:
    """The message names the field or record."""
    with pytest.raises(ValueError, match=reason):
        parse("enterprise_number = 1\nrecord = []\n" + text if "[[record]]" not in text else "enterprise_number = 1\n" + text)


def test_a_missing_column_is_named() -> None:
    """A look-up says which record lacks which column."""
    with pytest.raises(KeyError, match="record seal has no column packets"):
        table().records["seal"].column("packets")


def test_the_reference_page_is_current() -> None:
    """docs/reference/fields.md is what `make docs` would write."""
    assert (ROOT / "docs/reference/fields.md").read_text(encoding="utf-8") == fields_page(table())
