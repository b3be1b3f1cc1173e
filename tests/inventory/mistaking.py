"""One mistake in the example is one problem: how every table of mistakes in these tests is checked."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from faultline import inventory
from faultline.inventory import InventoryError

Mistakes = Mapping[str, tuple[str, str, str, str, str]]
"""Name: (what is in the example, what stands there instead, key, words of what is wrong, words of what to do)."""


def problems_of(text: str) -> list[inventory.Problem]:
    """What is wrong with a text."""
    with pytest.raises(InventoryError) as caught:
        inventory.parse(text, "inv.yaml")
    return list(caught.value.problems)


def check_told(example_text: str, mistake: tuple[str, str, str, str, str], *, alone: bool) -> None:
    """The problem has its file, line, key, what is wrong and what to do; `alone`: nothing that follows from it is told."""
    before, instead, key, wrong, remedy = mistake
    at = example_text.index(before)
    found = problems_of(example_text.replace(before, instead, 1))
    problem = next((p for p in found if p.key == key), None)
    assert problem is not None, found
    assert wrong in problem.wrong
    assert remedy in problem.remedy
    assert problem.where == "inv.yaml"
    begin = example_text.count("\n", 0, at) + 1
    if key:
        assert problem.line is not None
        if "is missing" not in problem.wrong:  # that is told where the mapping begins
            assert begin <= problem.line
        assert problem.line <= begin + before.count("\n") + 1
    assert len(found) == 1 or not alone, found
