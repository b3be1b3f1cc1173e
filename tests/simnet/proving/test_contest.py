"""A small contest with fixed seeds: it is kept, it goes on, and the localiser keeps its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from appliance.simnet.proving import scoring
from appliance.simnet.proving.contest import NAMED, OURS, Contest
from appliance.simnet.proving.families import FAMILIES, Cell
from appliance.simnet.proving.methods.table import METHODS

CELLS = (Cell(rate=0.01, faults=1), Cell(rate=0.02, faults=3), Cell(rate=0.05, faults=5))
SEEDS = range(1, 4)
SETTINGS = {
    "007": {"least": 0.03, "packets": 1, "first": 1, "devices": 0},
    "NetBouncer": {"weight": 1e-3, "least": 2e-3, "devices": 1},
    "Flock": {"good": 4e-4, "bad": 4e-3, "price": 8, "rarer": 5, "own": 1, "repair": 1},
}
"""As tuned for leased lines."""


def contest(folder: Path) -> Contest:
    """With settings that need no tuning."""
    chosen = {name: SETTINGS.get(name, dict(next(iter(METHODS[name].settings())))) for name in METHODS}
    for family in FAMILIES:
        (folder / f"{family}.settings.json").write_text(json.dumps(chosen), encoding="utf-8")
    return Contest(folder)


def test_an_interrupted_contest_goes_on_where_it_was(tmp_path: Path) -> None:
    """Time is up after one scenario; the next call runs the rest and nothing twice."""
    contest(tmp_path)
    asked = iter([False, True])
    first = Contest(tmp_path, until=lambda: next(asked))
    assert not first.run(FAMILIES["hub-10"], CELLS[:1], SEEDS, others=("Flock",))
    second = Contest(tmp_path)
    assert len(second.runs) == 3
    assert second.run(FAMILIES["hub-10"], CELLS[:1], SEEDS, others=("Flock",))
    assert sorted((run.seed, run.method) for run in Contest(tmp_path).runs) == sorted(
        (seed, method) for seed in SEEDS for method in (OURS, NAMED, "Flock")
    )


@pytest.mark.parametrize("family", ["hub-10", "fat-tree-4"])
def test_the_localiser_blames_only_what_is_true_and_finds_no_less_than_the_others(tmp_path: Path, family: str) -> None:
    """Of one to five faults of one to five per cent, nine scenarios a network."""
    ground = contest(tmp_path)
    assert ground.run(FAMILIES[family], CELLS, SEEDS, others=tuple(SETTINGS))
    blamed, named = (scoring.worth(ground.marks(family, method)) for method in (OURS, NAMED))
    assert blamed.precision >= 0.95
    assert blamed.f >= 0.93
    assert named.f >= max(scoring.worth(ground.marks(family, other)).f for other in SETTINGS)
