"""The contest: every method on the same scenarios, each of the others tuned for the family on seeds of its own.

Goes in: families, cells, seeds, a folder. Comes out: marks by family, cell, method and seed, kept in that folder line by
line, so that an interrupted contest goes on where it was. Our own localiser has one setting for everything; the settings of
the others are those with the highest mean F over all cells of the family on the tuning seeds.
"""

from __future__ import annotations

import functools
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from appliance.simnet.proving import scoring
from appliance.simnet.proving.families import Cell, Family, Scenario
from appliance.simnet.proving.methods.table import METHODS, Setting
from appliance.simnet.proving.ours import OWN
from appliance.simnet.proving.scoring import Marks
from appliance.simnet.proving.telling import EXACT
from appliance.simnet.proving.view import View, view_of

TUNING_SEEDS = (9001, 9002)
TUNING_CELLS = tuple(Cell(rate=rate, faults=faults) for rate in (0.001, 0.002, 0.004, 0.01, 0.02, 0.05) for faults in (1, 5))
ROUND, KEPT = 4, 0.15
"""All settings are tried on each fourth scenario, and the best of them on all."""
OURS, NAMED = "ours", "ours, named"


@attrs.frozen(slots=True, kw_only=True)
class Run:
    """One method on one scenario."""

    family: str
    variant: str
    cell: Cell
    seed: int
    method: str
    marks: Marks
    seconds: float

    def line(self) -> str:
        """As it is kept."""
        told = attrs.asdict(self, recurse=True)
        return json.dumps({**told, "cell": [self.cell.rate, self.cell.faults]})

    @classmethod
    def of(cls, line: str) -> Run:
        """As it was kept."""
        told = json.loads(line)
        rate, faults = told.pop("cell")
        marks = told.pop("marks")
        for key in ("sure", "sets"):
            marks[key] = tuple((float(s), bool(r)) for s, r in marks[key])
        return cls(**told, cell=Cell(rate=rate, faults=faults), marks=Marks(**marks))


class Contest:
    """Runs what was not run yet."""

    def __init__(self, folder: Path, *, until: Callable[[], bool] = lambda: False) -> None:
        """Go on with what a folder has.

        Args:
            folder: where runs and settings are kept.
            until: asked before each scenario whether time is up.
        """
        self._folder = folder
        self._until = until
        folder.mkdir(parents=True, exist_ok=True)
        self.runs: list[Run] = []
        for path in sorted(folder.glob("*.jsonl")):
            self.runs += [Run.of(line) for line in path.read_text(encoding="utf-8").splitlines()]
        self._done = {_key(run.family, run.variant, run.cell, run.seed, run.method) for run in self.runs}

    # ---- tuning ---------------------------------------------------------------------------------------------------
    def settings(self, family: Family) -> Mapping[str, Setting] | None:
        """For each method the best setting on the tuning seeds, kept from then on; None where time was up before."""
        path = self._folder / f"{family.tuned_as or family.name}.settings.json"
        chosen: dict[str, Setting] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        missing = [name for name in METHODS if name not in chosen]
        if missing and family.tuned_as:
            raise ValueError(f"{family.name} has the settings of {family.tuned_as}, which has none yet: run that first")
        scenarios: list[tuple[Cell, Scenario, View]] = []
        for cell in TUNING_CELLS if missing else ():
            for seed in TUNING_SEEDS:
                if self._until():
                    return None
                scenario = family.scenario(cell, seed)
                scenarios.append((cell, scenario, view_of(scenario.evidence)))
        for name in missing:
            if self._until():
                return None
            chosen[name] = _tuned(name, scenarios)
            path.write_text(json.dumps(chosen, indent=1) + "\n", encoding="utf-8")
        return chosen

    # ---- running --------------------------------------------------------------------------------------------------
    def run(
        self,
        family: Family,
        cells: Iterable[Cell],
        seeds: Sequence[int],
        *,
        variant: str = "exact",
        own: Sequence[str] = (OURS, NAMED),
        others: Sequence[str] = tuple(METHODS),
    ) -> bool:
        """Run all that is missing; False when time was up before the end."""
        settings = self.settings(attrs.evolve(family, errors=EXACT, chronic=0.0, burst=1.0)) if others else {}
        if settings is None:
            return False
        cells = tuple(cells)
        # Seed by seed, so that every cell has as many when time is up.
        for seed in seeds:
            for cell in cells:
                missing = [m for m in (*own, *others) if _key(family.name, variant, cell, seed, m) not in self._done]
                if not missing:
                    continue
                if self._until():
                    return False
                self._one(family, cell, seed, variant=variant, methods=missing, settings=settings)
        return True

    def _one(
        self,
        family: Family,
        cell: Cell,
        seed: int,
        *,
        variant: str,
        methods: Sequence[str],
        settings: Mapping[str, Setting],
    ) -> None:
        scenario = family.scenario(cell, seed)
        view = view_of(scenario.evidence)
        owner_of = scoring.owners_of(scenario.evidence)
        verdicts: dict[Callable[..., Any], tuple[dict[str, Any], float]] = {}
        with (self._folder / f"{family.name}.jsonl").open("a", encoding="utf-8") as kept:
            for method in methods:
                if method in METHODS:
                    classes, seconds = _timed(functools.partial(METHODS[method].answer, view, settings[method]))
                    groups = scoring.groups_of_classes(view, classes, owner_of)
                else:
                    own = OWN[method]
                    if own.verdict not in verdicts:
                        verdicts[own.verdict] = _timed(functools.partial(own.verdict, scenario.evidence))
                    verdict, seconds = verdicts[own.verdict]
                    groups = scoring.groups_of_verdict(verdict, named=own.named)
                run = Run(
                    family=family.name,
                    variant=variant,
                    cell=cell,
                    seed=seed,
                    method=method,
                    marks=scoring.mark(scenario, view, groups),
                    seconds=round(seconds, 4),
                )
                kept.write(run.line() + "\n")
                self.runs.append(run)
                self._done.add(_key(family.name, variant, cell, seed, method))

    def marks(self, family: str, method: str, *, variant: str = "exact", cells: Sequence[Cell] | None = None) -> list[Marks]:
        """Of all runs of a method, in the order of cells and seeds, so that those of two methods are pairs."""
        runs = [
            run
            for run in self.runs
            if (run.family, run.variant, run.method) == (family, variant, method) and (cells is None or run.cell in cells)
        ]
        return [run.marks for run in sorted(runs, key=lambda run: (run.cell.faults, run.cell.rate, run.seed))]


def _key(family: str, variant: str, cell: Cell, seed: int, method: str) -> tuple[str, str, float, int, int, str]:
    return (family, variant, cell.rate, cell.faults, seed, method)


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What comes out, and the process's own seconds."""
    begun = time.process_time()
    return work(), time.process_time() - begun


def _tuned(name: str, scenarios: Sequence[tuple[Cell, Scenario, View]]) -> Setting:
    """The setting with the highest mean F over the cells."""
    settings = list(METHODS[name].settings())
    if len(settings) > ROUND / KEPT:
        tried = [(_mean_f(name, setting, scenarios[::ROUND]), number) for number, setting in enumerate(settings)]
        settings = [settings[number] for _, number in sorted(tried, reverse=True)[: round(KEPT * len(settings))]]
    return max(settings, key=lambda setting: _mean_f(name, setting, scenarios))


def _mean_f(name: str, setting: Setting, scenarios: Sequence[tuple[Cell, Scenario, View]]) -> float:
    by_cell: dict[Cell, list[Marks]] = defaultdict(list)
    for cell, scenario, view in scenarios:
        classes = METHODS[name].answer(view, setting)
        groups = scoring.groups_of_classes(view, classes, scoring.owners_of(scenario.evidence))
        by_cell[cell].append(scoring.mark(scenario, view, groups))
    return sum(scoring.worth(marks).f for marks in by_cell.values()) / len(by_cell)
