"""The demo line as an inventory and as what probes can tell apart."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from appliance.demo.line import ELEMENTS, PATH, Probes, inventory_document, listing, looks, separable
from appliance.demo.picture import draw
from faultline.inventory import read


@pytest.mark.parametrize("probes", list(Probes))
def test_the_inventory_of_the_demo_line_is_one_an_operator_could_have_written(probes: Probes, tmp_path: Path) -> None:
    """The inventory's own reader takes it without a complaint, with every component, look and session."""
    file = tmp_path / "inventory.yaml"
    file.write_text(yaml.safe_dump(inventory_document(probes), sort_keys=False))
    inventory = read(file)
    (line,) = inventory.lines.values()
    assert line.path == tuple(element.id for element in PATH)
    assert list(inventory.vantages) == [*(look.id for look in looks(probes)), "branch-host", "server-host"]
    assert len(inventory.sessions) == (6 if probes is Probes.FULL else 3)


def test_full_probes_tell_every_owner_apart() -> None:
    """With mirrors at the provider edges no piece of the line has two owners."""
    for piece in separable(Probes.FULL):
        assert len({ELEMENTS[component].owner for component in piece}) == 1


def test_probes_at_the_ends_leave_the_carriers_in_one_piece() -> None:
    """Without mirrors everything between the CE and the firewall is one piece, and the customer's own parts still stand alone."""
    pieces = separable(Probes.ENDS)
    assert ("loop-a", "pe1", "core", "pe2", "loop-z") in pieces
    assert ("ce",) in pieces
    assert ("branch-lan",) in pieces


def test_the_listing_holds_every_component_with_its_classes() -> None:
    """`--list` has each component of the path with a class that contains it, for both sets of probes."""
    rows = listing()["segments"]
    assert [row["id"] for row in rows] == [element.id for element in PATH]
    for row in rows:
        assert set(row["class"]) == {"full", "ends"}
        assert all(row["id"] in members for members in row["class"].values())


def test_the_picture_shows_every_part_and_marks_the_suspect() -> None:
    """Boxes, owners and probes are drawn in order, and the suspect is underlined where it is drawn."""
    rows = draw(Probes.FULL, ["loop-a"])
    path = rows[1]
    for word in ("host", "CE", "loop A", "PE1", "core", "PE2", "loop Z", "FW", "server"):
        assert word in path
    assert "access" in rows[0]
    start = rows[2].index("~")
    assert "loop A" in path[start : rows[2].rindex("~") + 1]
    assert "probe pe1" in rows[-1]
    assert "probe pe1" not in draw(Probes.ENDS)[-1]
