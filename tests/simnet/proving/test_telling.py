"""What the proving ground tells, and how it errs where it is asked to."""

from __future__ import annotations

import attrs
import pytest

from appliance.simnet.proving.families import FAMILIES, Cell
from appliance.simnet.proving.telling import Errors
from appliance.simnet.proving.view import view_of
from faultline.inference.document import read

FAMILY = FAMILIES["hub-10"]
CELL = Cell(rate=0.01, faults=1)


@pytest.mark.parametrize("name", ["hub-10", "fat-tree-4"])
def test_a_scenario_is_evidence_that_the_localiser_reads(name: str) -> None:
    """Every component listed, every count in order, the truth among the components."""
    scenario = FAMILIES[name].scenario(CELL, 3)
    evidence = read(scenario.evidence)
    assert len(evidence.observations) == len(scenario.evidence["observations"])
    assert {fault.component for fault in scenario.faults} <= {c.id for c in evidence.components}


def test_a_scenario_is_the_same_each_time() -> None:
    """Of family, cell and seed."""
    assert FAMILY.scenario(CELL, 5).evidence == FAMILY.scenario(CELL, 5).evidence
    assert FAMILY.scenario(CELL, 5).evidence != FAMILY.scenario(CELL, 6).evidence


def test_wrong_labels_exchange_the_names_of_segments_with_both_directions() -> None:
    """The counts stay, the ways are told with others' names."""
    exact = FAMILY.scenario(CELL, 2).evidence["observations"]
    wrong = attrs.evolve(FAMILY, errors=Errors(labels=0.2)).scenario(CELL, 2).evidence["observations"]
    assert [o["lost"] for o in exact] == [o["lost"] for o in wrong]
    changed = {(a, b) for e, w in zip(exact, wrong, strict=True) for a, b in zip(e["via"], w["via"], strict=True) if a != b}
    assert changed
    assert {(b, a) for a, b in changed} == changed


def test_of_missing_probes_nothing_is_told() -> None:
    """A fifth of the vantages is in no row."""
    rows = attrs.evolve(FAMILY, errors=Errors(probes=0.2)).scenario(CELL, 2).evidence["observations"]
    assert 0 < len(rows) < len(FAMILY.scenario(CELL, 2).evidence["observations"])


def test_untraced_flows_are_told_with_up_to_four_ways_as_likely() -> None:
    """Weights add up to one."""
    family = attrs.evolve(FAMILIES["fat-tree-4"], errors=Errors(untraced=True))
    mixtures = [o["paths"] for o in family.scenario(CELL, 1).evidence["observations"] if "paths" in o]
    assert mixtures
    assert {len(paths) for paths in mixtures} <= {2, 3, 4}
    assert all(sum(path["weight"] for path in paths) == pytest.approx(1.0) for paths in mixtures)


def test_components_that_stand_in_the_same_rows_are_one_class() -> None:
    """The switch and the segment behind it in the same direction are told apart only by the other direction."""
    view = view_of(FAMILY.scenario(CELL, 1).evidence)
    alike = next(members for members in view.classes if "loop-hub>" in members)
    assert "loop-hub<" not in alike
