"""What probes can tell apart before any fault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest
from typer.testing import CliRunner

from analyzer.planning.cli import app
from analyzer.planning.coverage.lines import Coverage, LineCoverage, best_boundaries, described
from analyzer.planning.lists import plain
from faultline import inventory
from faultline.records.terms import LineCode

from .conftest import component, line


def vantage(name: str, *places: dict[str, Any], captures: bool = True) -> dict[str, Any]:
    """A vantage on lines."""
    point = {"probe": name, "observation_point": "x"} if captures else {"probe": name}
    return {"id": name, **point, "positions": list(places)}


def network(**sections: list[dict[str, Any]]) -> dict[str, Any]:
    """Two lines of four elements that meet in a router and part before it."""
    owners = {"lan": "customer", "loop": "access", "far": "destination"}
    lines = [line(f"L{n}", "bank", [f"lan{n}", f"loop{n}", "pe", "core", "far"], n) for n in (1, 2)]
    return {
        "format": inventory.FORMAT,
        "tenants": [{"id": "bank"}],
        "components": [
            *(component(f"{name}{n}", owner=owners[name]) for n in (1, 2) for name in ("lan", "loop")),
            component("pe", "device"),
            component("core"),
            component("far", owner="destination"),
        ],
        "lines": lines,
        **sections,
    }


def covered(document: dict[str, Any], code: str = "L1", *, rate: float = 10) -> LineCoverage:
    """The coverage of a line."""
    known = inventory.parse(document, "network")
    return Coverage(known, rate=rate).of(known.lines[LineCode(code)])


def inseparable(found: LineCoverage) -> list[list[str]]:
    """Classes of more than one element, by name."""
    return [[str(element.base) for element in members] for members in found.classes]


BOTH = [
    vantage("a1", {"line": "L1", "between": ["lan1", "loop1"]}),
    vantage("a2", {"line": "L2", "between": ["lan2", "loop2"]}),
]


def test_a_line_that_nobody_looks_at_tells_nothing() -> None:
    """Not one element is seen, no loss would show; a capture in the middle would tell most."""
    found = covered(network())
    assert len(found.unseen) == 5
    assert not found.tells_owners
    assert found.smallest_loss is None
    assert found.best is not None
    assert found.best.before > found.best.after


def test_one_capture_splits_a_line_in_two() -> None:
    """What lies before it is told from what lies behind it, and the other line tells the shared part from the own one."""
    alone = covered(network(vantages=BOTH[:1]))
    assert inseparable(alone) == [["loop1", "pe", "core", "far"]]
    both = covered(network(vantages=BOTH))
    assert inseparable(both) == [["pe", "core", "far"]]
    assert {element.owner.value for element in both.mixed[0]} == {"carrier_core", "destination"}
    assert not both.tells_owners


def test_the_best_vantage_is_at_the_border_of_owners() -> None:
    """Of all boundaries the one behind which fewest owners are mixed up; with it the line's owners are told apart."""
    document = network(vantages=BOTH)
    found = covered(document)
    assert found.best is not None
    assert described(found.line, found.best.position) == "between core and far"
    assert (found.best.before, found.best.after) == (2, 0)
    more = vantage("new", *({"line": code, "between": ["core", "far"]} for code in ("L1", "L2")))
    then = covered(network(vantages=[*BOTH, more]))
    assert then.tells_owners
    assert inseparable(then) == [["pe", "core"]]


def test_where_nothing_is_left_to_tell_no_vantage_is_named() -> None:
    """Each element stands alone."""
    places = [("lan1", "loop1"), ("loop1", "pe"), ("pe", "core"), ("core", "far")]
    found = covered(network(vantages=[vantage(f"v{n}", {"line": "L1", "between": list(p)}) for n, p in enumerate(places)]))
    assert inseparable(found) == []
    assert found.tells_owners
    assert found.best is None


def test_one_probe_for_many_lines_comes_first() -> None:
    """Boundaries are counted over all lines that cross them."""
    known = inventory.parse(network(vantages=BOTH), "network")
    (boundary, pairs, lines), *_ = best_boundaries(Coverage(known, rate=10).lines())
    assert (boundary, pairs, lines) == (("core", "far"), 4, 2)


def with_session(octets: int | None = None) -> dict[str, Any]:
    """The first line with a session from the CE to its far end."""
    session = {"id": "s", "line": "L1", "sender": "a1", "reflector": "end"}
    size = {"packet_octets": octets} if octets else {}
    vantages = [*BOTH[:1], vantage("end", {"line": "L1", "after": "far"}, captures=False)]
    return network(vantages=vantages, sessions=[session | size])


def test_more_test_packets_show_smaller_losses() -> None:
    """The floor falls with the rate of the sessions; what no session crosses is named."""
    slow, fast = covered(with_session(), rate=1), covered(with_session(), rate=100)
    assert slow.smallest_loss is not None
    assert fast.smallest_loss is not None
    assert fast.smallest_loss < slow.smallest_loss / 10
    assert fast.untested == ("lan1",)
    assert covered(with_session(), "L2").smallest_loss is None


def test_full_size_packets_measure_no_losses() -> None:
    """They ask what size gets through."""
    found = covered(with_session(1500))
    assert found.smallest_loss is None
    assert len(found.untested) == 5


def test_members_of_a_bundle_stand_in_its_place() -> None:
    """Without traces equal paths cannot be told apart; the bundle itself is no suspect beside them."""
    document = network(vantages=BOTH)
    document["components"] += [component("up"), component("low")]
    for entry in document["components"]:
        if entry["id"] == "core":
            entry["paths"] = [["up"], ["low"]]
    found = covered(document)
    assert [str(element.base) for element in found.elements] == ["lan1", "loop1", "pe", "up", "low", "far"]
    assert inseparable(found) == [["pe", "far"], ["up", "low"]]


def test_lines_out_of_use_are_left_out() -> None:
    """Nobody is surprised that nothing looks at a line that was taken down."""
    known = inventory.parse(network(vantages=BOTH), "network")
    gone = attrs.evolve(known.lines[LineCode("L2")], state="removed")
    known = attrs.evolve(known, lines={**known.lines, gone.code: gone})
    assert [found.line.code for found in Coverage(known, rate=10).lines()] == ["L1"]


@pytest.fixture
def coverage_file(tmp_path: Path) -> Path:
    """Two lines, one of them tested."""
    path = tmp_path / "inventory.yaml"
    path.write_text(plain.dump(with_session()), encoding="utf-8")
    return path


def run(*words: str) -> str:
    """What the command prints."""
    result = CliRunner().invoke(app, ["coverage", *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_command_sums_up_all_lines(coverage_file: Path) -> None:
    """Lines by what is missing, the best vantage over all, and how long it took."""
    said = run("-i", str(coverage_file)).splitlines()
    assert said[0] == "every owner can be told apart: 0"
    assert said[1] == "owners mixed up somewhere: 2 (L1, L2)"
    assert "parts that nothing looks at: 1 (L2)" in said
    assert "  L1: loop1 (access network), pe (carrier core), core (carrier core), far (destination)" in said
    assert any(text.startswith("a vantage ") for text in said)
    assert said[-1].startswith("2 lines in ")


def test_the_command_tells_of_one_line(coverage_file: Path) -> None:
    """As text and as JSON."""
    said = run("l1", "-i", str(coverage_file))
    assert "cannot be told apart, of different owners: loop1 (access network), pe (carrier core)" in said
    assert "no test crosses: lan1" in said
    told = json.loads(run("L1", "-i", str(coverage_file), "--json"))
    (found,) = told["lines"]
    assert found["tells_owners"] is False
    assert found["inseparable"] == [["loop1", "pe", "core", "far"]]
    assert 0 < found["smallest_loss_ratio"] < 0.1
    assert found["best"]["then"] < found["best"]["mixed_pairs"]
