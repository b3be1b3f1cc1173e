"""Vantages: where they stand, and lines that one capture cannot tell apart."""

from __future__ import annotations

from typing import Any

import pytest

from faultline import inventory
from faultline.inventory import InventoryError
from faultline.records.terms import LineCode

from .mistaking import Mistakes, check_told

MISTAKES: Mistakes = {
    "duplicate vantage": ("{id: fw-lan,", "{id: fw-wan,", "vantages[5].id", "a vantage 'fw-wan' is already", "its own name"),
    "not neighbours": (
        "between: [loop-a, pe1]",
        "between: [loop-a, core]",
        "vantages[2].positions[0].between",
        "not neighbours",
        "path is",
    ),
    "not on the path": (
        "between: [loop-a, pe1]",
        "between: [loop-a, teller]",
        "vantages[2].positions[0].between",
        "not on the",
        "path is",
    ),
    "position of nothing": (
        "between: [loop-a, pe1]",
        "between: [loop-a, pe9]",
        "vantages[2].positions[0].between",
        "no component",
        "did",
    ),
    "three neighbours": (
        "between: [loop-a, pe1]",
        "between: [loop-a, pe1, core]",
        "vantages[2].positions[0].between",
        "3 el",
        "two",
    ),
    "two places": (
        "between: [loop-a, pe1]}",
        "between: [loop-a, pe1], at: pe1}",
        "vantages[2].positions[0]",
        "together",
        "one of",
    ),
    "no place": (
        "{line: CN-NB-0017, between: [loop-a, pe1]}",
        "{line: CN-NB-0017}",
        "vantages[2].positions[0]",
        "no place",
        "one of",
    ),
    "dangling line of a position": (
        "{line: CN-NB-0017, between: [loop-a, pe1]}",
        "{line: CN, at: pe1}",
        "vantages[2].positions[0].line",
        "",
        "",
    ),
    "no positions": (
        "positions: [{line: CN-NB-0017, between: [loop-a, pe1]}]",
        "positions: []",
        "vantages[2].positions",
        "empty",
        "say where",
    ),
    "two positions on a line": (
        "{line: CN-NB-0017, between: [loop-a, pe1]}",
        "{line: CN-NB-0017, at: pe1}, {line: CN-NB-0017, at: core}",
        "vantages[2].positions[1].line",
        "a second position",
        "one place",
    ),
    "the same observation point": (
        "observation_point: wan, site: b",
        "observation_point: lan, site: b",
        "vantages[1].observation_point",
        "",
        "",
    ),
    "point without a probe": (
        "probe: pe1, observation",
        "observation",
        "vantages[2].observation_point",
        "without a probe",
        "name the",
    ),
}
NOT_ALONE = frozenset(
    {
        "duplicate vantage",
    }
)
"""What refers to what is gone is told, too."""


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_its_line_its_key_and_what_to_do(name: str, example_text: str) -> None:
    """One mistake in the file is one problem: where, what is wrong, what to do."""
    check_told(example_text, MISTAKES[name], alone=name not in NOT_ALONE)


def two_lines(**second: Any) -> dict[str, Any]:
    """Two lines over one loop, both seen by one capture at PE1."""
    line = {
        "code": "L1",
        "tenant": "bank",
        "a_end": {"name": "A", "prefixes": ["10.1.0.0/24"]},
        "z_end": {"name": "Z", "prefixes": ["10.9.0.0/24"]},
        "path": ["loop", "pe"],
    }
    return {
        "format": "faultline-inventory/1",
        "tenants": [{"id": "bank"}],
        "components": [
            {"id": "loop", "kind": "segment", "owner": "access"},
            {"id": "pe", "kind": "device", "owner": "carrier_core"},
        ],
        "lines": [line, {**line, "code": "L2", **second}],
        "vantages": [
            {
                "id": "v",
                "probe": "p",
                "observation_point": "eth0",
                "positions": [{"line": code, "between": ["loop", "pe"]} for code in ("L1", "L2")],
            },
        ],
    }


def test_lines_that_a_capture_cannot_tell_apart_are_refused() -> None:
    """Two lines that join the same two networks and pass the same observation point are one problem, at the vantage."""
    with pytest.raises(InventoryError, match=r"L1 and L2 both join 10\.1\.0\.0/24 and 10\.9\.0\.0/24") as caught:
        inventory.parse(two_lines(), "made")
    assert [p.key for p in caught.value.problems] == ["vantages[0].positions"]


def test_lines_that_differ_at_one_end_or_are_captured_apart_are_no_mistake() -> None:
    """Branches share the data centre's network; the two lines of a pair share both networks and no capture."""
    branch = two_lines(a_end={"name": "B", "prefixes": ["10.2.0.0/24"]})
    assert len(inventory.parse(branch, "made").lines) == 2
    pair = two_lines(backup="L1")
    pair["vantages"] = [
        {"id": f"v{code}", "probe": "p", "observation_point": code, "positions": [{"line": code, "at": "pe"}]}
        for code in ("L1", "L2")
    ]
    assert inventory.parse(pair, "made").lines[LineCode("L2")].backup == "L1"
