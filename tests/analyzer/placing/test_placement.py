"""Where one more probe would tell most."""

from __future__ import annotations

import json
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from analyzer.cli import app
from analyzer.placing.part import part_of, with_probe
from analyzer.placing.places import best_places, placed
from analyzer.placing.words import WORDS
from faultline import inventory
from faultline.records.terms import LineCode, VantageId


def segment(name: str, owner: str) -> dict[str, Any]:
    """A part of a line."""
    return {"id": name, "kind": "segment", "owner": owner}


def network() -> dict[str, Any]:
    """Three lines from branches to one data centre; they share a core, and what is behind it belongs to another."""
    codes = (1, 2, 3)
    own = [segment(f"{name}{n}", owner) for n in codes for name, owner in (("lan", "customer"), ("loop", "access"))]
    place = [{"line": f"L{n}", "between": [f"lan{n}", f"loop{n}"]} for n in codes]
    end = [{"line": f"L{n}", "after": "dc"} for n in codes]
    return {
        "format": inventory.FORMAT,
        "tenants": [{"id": "bank"}],
        "components": [*own, segment("core", "carrier_core"), segment("tail", "access"), segment("dc", "destination")],
        "lines": [
            {
                "code": f"L{n}",
                "tenant": "bank",
                "a_end": {"name": f"branch {n}", "prefixes": [f"10.1.{n}.0/24"]},
                "z_end": {"name": "data centre", "prefixes": [f"10.9.{n}.0/24"]},
                "path": [f"lan{n}", f"loop{n}", "core", "tail", "dc"],
            }
            for n in codes
        ],
        "vantages": [
            *({"id": f"ce{n}", "probe": f"ce{n}", "observation_point": "wan", "positions": [place[n - 1]]} for n in codes),
            {"id": "far", "probe": "far", "positions": end},
        ],
        "sessions": [{"id": f"s{n}", "line": f"L{n}", "sender": f"ce{n}", "reflector": "far"} for n in codes],
    }


def test_a_probe_that_serves_all_lines_comes_first_and_is_reckoned_in_full() -> None:
    """Core, tail and data centre look alike to all three; a probe at the border of most owners tells most pairs."""
    known = inventory.parse(network(), "network")
    best, *others = best_places(known, rate=10)
    assert set(best.boundary) in ({"core", "tail"}, {"tail", "dc"})
    assert len(best.lines) == 3
    assert best.today.mixed_pairs > best.then.mixed_pairs
    assert best.owner_pairs == best.today.mixed_pairs - best.then.mixed_pairs
    assert all(best.worth >= other.worth for other in others)


def test_with_a_probe_there_the_next_place_is_another() -> None:
    """One after the other, until every owner can be told apart."""
    known = inventory.parse(network(), "network")
    seen = []
    for number in range(2):
        place = best_places(known, rate=10)[0]
        seen.append(frozenset(place.boundary))
        known = placed(known, place, f"new {number}")
    assert set(seen) == {frozenset({"core", "tail"}), frozenset({"tail", "dc"})}
    assert place.then.owners_apart == 3


def test_for_one_line_only_its_own_boundaries_are_asked() -> None:
    """The lines it shares elements with still tell its parts apart."""
    known = inventory.parse(network(), "network")
    boundaries = {base for place in best_places(known, rate=10, only=LineCode("L1")) for base in place.boundary if base}
    assert boundaries <= {"lan1", "loop1", "core", "tail", "dc"}
    assert boundaries


def test_a_part_of_the_inventory_holds_nothing_of_other_lines() -> None:
    """Vantages keep their places on the lines that are left; those without one are gone."""
    part = part_of(inventory.parse(network(), "network"), ["L2"])  # type: ignore[list-item] # codes are strings
    assert set(part.vantages) == {"ce2", "far"}
    assert set(part.vantages[VantageId("far")].positions) == {"L2"}
    assert set(part.sessions) == {"s2"}
    more = with_probe(part, {LineCode("L2"): part.vantages[VantageId("far")].positions[LineCode("L2")]}, "new")
    assert [s.reflector for s in more.sessions.values() if s.sender == "new"] == ["ce2"]


def test_the_command_tells_both_languages_and_programs(tmp_path: Path) -> None:
    """The same figures in English, in Chinese and in JSON; then the next probe."""
    file = tmp_path / "inventory.yaml"
    file.write_text(yaml.safe_dump(network()))
    call = ["placement", "-i", str(file), "--probes", "2"]
    told = json.loads(CliRunner().invoke(app, [*call, "--json"]).stdout)
    first = told["places"][0]
    assert first["then"]["mixed_owner_pairs"] < first["today"]["mixed_owner_pairs"]
    assert first["then"]["smallest_loss_ratio"] <= first["today"]["smallest_loss_ratio"]
    assert len(told["next"]) == 1
    english, chinese = (CliRunner().invoke(app, [*call, "--lang", lang]).stdout for lang in ("en", "zh"))
    assert english.startswith(f"1. a probe between {first['after']} and {first['before']}, on 3 lines")
    assert chinese.startswith(f"1. 在 {first['after']} 与 {first['before']} 之间设探针")
    assert english.count("\n") == chinese.count("\n")


@pytest.mark.parametrize("key", WORDS)
def test_every_word_is_there_in_both_languages_with_the_same_values(key: str) -> None:
    """What one language names, the other names."""
    names = [{field for _, field, _, _ in Formatter().parse(text) if field} for text in WORDS[key]]
    assert names[0] == names[1]
    assert all(WORDS[key])
