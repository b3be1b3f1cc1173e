"""The product's own answer to what the bank's probes can tell apart, beside the one that the demo is judged by."""

from __future__ import annotations

from analyzer.planning.coverage.lines import Coverage
from appliance.demo.inventory_file import inventory_document
from appliance.demo.network import ELEMENTS
from appliance.demo.probing import Probes
from appliance.demo.separable import separable
from faultline import inventory
from faultline.records.terms import ComponentKind

CROSSED = {ComponentKind.SEGMENT, ComponentKind.DEVICE}


def test_coverage_and_the_judge_agree_on_probes_at_the_ends() -> None:
    """Both come from the same probes by ways of their own: the inventory here, the drawn network there."""
    known = inventory.parse(inventory_document(Probes.ENDS), "bank")
    judged = separable(Probes.ENDS)
    for found in Coverage(known, rate=10).lines():
        for element in found.elements:
            mine = {str(other.base) for other in found.elements if other.alike == element.alike}
            here = {str(other.base) for other in found.elements}
            theirs = {name for name in judged[element.base] if ELEMENTS[name].kind in CROSSED}
            assert mine == theirs & here
