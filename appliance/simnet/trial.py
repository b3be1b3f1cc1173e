"""Faults in the bank's network, simulated and judged: what accuracy tables and tests are made of.

Goes in: faults (or none), a seed, where probes stand. Comes out: what was said first, whether it was right, and after how long.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import attrs

from appliance.demo.drive import Patience
from appliance.demo.faults import Fault, Kind, Way, choose
from appliance.demo.inventory_file import inventory_document
from appliance.demo.judging import Correct, Said, judge
from appliance.demo.kinds import TRAITS
from appliance.demo.network import PLACES
from appliance.demo.probing import Probes
from appliance.simnet.measuring import Pace
from appliance.simnet.run import Blame, Scenario, SimulatedRun
from appliance.simnet.traffic import Traffic
from faultline.inventory import parse
from faultline.records.terms import SECOND_NS, ComponentKind

LEARN_S = 60.0
_OFFSET_S = 7
"""Faults begin anywhere within a window: so many seconds later with each seed, modulo its ten."""


@attrs.frozen(slots=True, kw_only=True)
class Trial:
    """What is tried."""

    faults: tuple[Fault, ...]
    seed: int
    probes: Probes = Probes.FULL
    patience_s: float | None = None
    """How long a verdict is waited for, or health watched; None: as long as the demo does."""

    @property
    def waits_s(self) -> float:
        """How long a verdict is waited for, or health watched."""
        patience = Patience.with_faults(self.faults)
        usual_s = patience.verdict_s if self.blamable else patience.watch_s
        return usual_s if self.patience_s is None else self.patience_s

    @property
    def blamable(self) -> int:
        """Faults that are to be blamed."""
        return sum(fault.is_to_blame for fault in self.faults)


@attrs.frozen(slots=True, kw_only=True)
class Result:
    """How it went."""

    trial: Trial
    correct: Correct
    said: tuple[Mapping[str, Any], ...]
    """Entries that blamed, first those of what was blamed first, each as it was when it first blamed."""
    after_s: float | None
    """Seconds from the faults to the verdict on the last of them; None: there was none."""
    blamed_healthy: bool
    """Something was blamed before the faults began."""


def drawn(kind: Kind, seed: int) -> tuple[Fault, ...]:
    """A fault of a kind at a place, in a direction and as bad as the seed says; nothing for `none`."""
    if kind is Kind.NONE:
        return ()
    (fault,) = choose([kind.value], segment=None, way=None, rate=None, seed=seed)
    is_segment = PLACES[fault.component].kind is ComponentKind.SEGMENT
    way = tuple(Way)[seed % len(Way)] if TRAITS[kind].one_way and is_segment else fault.way
    return (attrs.evolve(fault, way=way),)


class Learned:
    """A healthy network that the analyzer knows by now; every trial of its seed and probes can start from here.

    Args:
        probes: where probes stand.
        seed: of all noise.
        learn_s: how long it has been healthy; each seed's faults then begin at another moment of a window.
        traffic: what customers do.
        pace: how often probes test.
    """

    def __init__(
        self,
        *,
        probes: Probes,
        seed: int,
        learn_s: float = LEARN_S,
        traffic: Traffic | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._probes = probes
        self._seed = seed
        self._learn_s = learn_s
        self._scenario = Scenario(
            inventory=parse(inventory_document(probes), "the bank's network"),
            traffic=traffic or Traffic(),
            pace=pace or Pace(),
            in_band=probes is Probes.ENDS,
            seed=seed,
        )

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="faultline-trial-")
        self._run = SimulatedRun(Path(self._folder.name) / "learned", self._scenario)
        self._run.advance(self._learn_s + self._seed * _OFFSET_S % 10)
        self._tried = 0
        return self

    def __exit__(self, *_: object) -> None:
        self._run.close()
        self._folder.cleanup()

    def result(self, faults: tuple[Fault, ...], *, patience_s: float | None = None) -> Result:
        """Injure, wait for the first blame of each fault, judge it."""
        trial = Trial(faults=faults, seed=self._seed, probes=self._probes, patience_s=patience_s)
        self._tried += 1
        with self._run.branch(Path(self._folder.name) / str(self._tried)) as run:
            early, begin_ns = bool(run.blames), run.now_ns
            for fault in faults:
                run.inject(fault.kind.value, fault.component, rate=fault.rate, directions=fault.way.directions)
            if not early:
                run.until_blamed(max(1, trial.blamable), within_s=trial.waits_s)
            return _result(trial, run.blames, begin_ns, early=early)


def run_trial(trial: Trial) -> Result:
    """One trial alone."""
    with Learned(probes=trial.probes, seed=trial.seed) as learned:
        return learned.result(trial.faults, patience_s=trial.patience_s)


def _result(trial: Trial, blames: Sequence[Blame], begin_ns: int, *, early: bool) -> Result:
    said = [Said(entry=entry, evidence=blame.evidence) for blame in blames for entry in blame.entries]
    return Result(
        trial=trial,
        correct=judge(trial.faults, said),
        said=tuple(one.entry for one in said),
        after_s=(blames[-1].said_ns - begin_ns) / SECOND_NS if blames and not early else None,
        blamed_healthy=early,
    )
