"""A whole installation in virtual time: probes that do not exist, the real collector, the real analyzer.

    with SimulatedRun(folder, Scenario(inventory=inventory, seed=7)) as run:
        run.advance(60)                                     # the baseline is learned
        run.inject("loss", "loop-1", rate=0.01, directions=(Direction.A_TO_Z,))
        blame = run.until_blame(within_s=60)

Nothing sleeps. The analyzer sees the inventory and the stores, as in the service; what was injected stays here.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

import attrs

from analyzer.config import AnalyzerConfig
from analyzer.network import network_of
from analyzer.orders.ordering import Ordering
from analyzer.reading import StoredData
from analyzer.runner import StepReport
from analyzer.service import open_analyzer
from analyzer.views import StoredViews
from appliance.simnet.effects import BOTH, Disturbance, disturbance
from appliance.simnet.measuring import Measuring, Pace, Upload
from appliance.simnet.orders import standing_orders
from appliance.simnet.plant import Plant
from appliance.simnet.reporting import Reporting
from appliance.simnet.traffic import Traffic
from collector.collector import Collector, open_collector
from collector.config import CollectorConfig
from collector.enrich.from_inventory import places_of
from faultline.inventory import Inventory
from faultline.records.incident import Incident
from faultline.records.terms import SECOND_NS, Direction
from faultline.runtime.clock import VirtualClock
from faultline.runtime.counters import Counters
from faultline.store.config import StoreConfig
from faultline.store.control import ControlBook
from faultline.store.reader import StoreReader

INTERVAL_NS = 10 * SECOND_NS
SETTLE_NS = 1_200_000_000
"""A probe closes an interval about a second after its end: replies to its last test packets may still come."""
_STEP_S = 5
BEGIN_NS = 1_767_577_600 // 3600 * 3600 * SECOND_NS
"""An hour of an ordinary Monday in January 2026."""


@attrs.frozen(slots=True, kw_only=True)
class Scenario:
    """What is simulated, faults left out."""

    inventory: Inventory
    traffic: Traffic = attrs.field(factory=Traffic)
    pace: Pace = attrs.field(factory=Pace)
    in_band: bool = False
    """Reports travel over the lines to the collector behind their Z end; else a network of their own carries them."""
    seed: int = 1
    begin_ns: int = BEGIN_NS


@attrs.frozen(slots=True, kw_only=True)
class Blame:
    """The first thing that was said of an incident with `blames` true, and when."""

    incident: Incident
    said_ns: int
    """Virtual time at which the analyzer said so."""
    evidence: Mapping[str, Any]
    """What it was made from."""

    @property
    def entries(self) -> tuple[Mapping[str, Any], ...]:
        """What it blames."""
        return tuple(entry for entry in (self.incident.verdict, *self.incident.further) if entry.get("blames"))


class SimulatedRun:
    """One installation. `folder` holds its stores; nothing in it is forced to the disk.

    Args:
        folder: where stores go; made when missing.
        scenario: what is simulated.
        config: the analyzer's rules; its folders and stores are replaced.
        answer: False leaves windows unanswered: for questions about the collector alone.
        on_upload: asked before each batch is handed to the collector; False loses it on its way (it comes again with the next).
    """

    def __init__(
        self,
        folder: Path,
        scenario: Scenario,
        *,
        config: AnalyzerConfig | None = None,
        on_upload: Callable[[Upload], bool] = lambda _: True,
        answer: bool = True,
    ) -> None:
        self.scenario = scenario
        self.plant = Plant(scenario.inventory, seed=scenario.seed)
        self.clock = VirtualClock(scenario.begin_ns)
        self._on_upload = on_upload
        self._answer = answer
        self.orders = standing_orders(scenario.inventory)
        """What each probe was asked to do."""
        self._measuring = Measuring(
            inventory=scenario.inventory,
            plant=self.plant,
            traffic=scenario.traffic,
            pace=scenario.pace,
            orders=self.orders,
            seed=scenario.seed,
            begin_ns=scenario.begin_ns,
        )
        self._reporting = Reporting(inventory=scenario.inventory, plant=self.plant, in_band=scenario.in_band)
        self._config = config or AnalyzerConfig()
        self._place(folder)
        self._next_ns = scenario.begin_ns
        self._waiting: list[Upload] = []
        self.acknowledged: dict[tuple[str, str], int] = {}
        """Batches acknowledged, by probe and stream."""
        self.steps = 0
        """Intervals measured and answered so far."""
        self.blames: list[Blame] = []
        """What was blamed so far, one an incident."""
        self.first_sign_ns: int | None = None
        """When a component was first suspected after the newest injection."""
        self.collector: Collector
        self._open()

    def _place(self, folder: Path) -> None:
        self._folder = folder
        self._store = StoreConfig(data=folder / "store", durable=False)
        self._config = attrs.evolve(self._config, data=folder / "analyzer", store=self._store)

    def _open(self) -> None:
        inventory = self.scenario.inventory
        self.collector = open_collector(
            CollectorConfig(data=self._folder / "collector", store=self._store), places=places_of(inventory)
        )
        self.collector.advance(self.clock.wall_ns())
        self.counters = Counters()
        self.stored = StoredData(StoreReader(state=self.collector.state, metrics=self.collector.metrics))
        network = network_of(inventory)
        self._control = ControlBook(self.collector.state)
        ordering = Ordering(inventory, network, rules=self._config.orders, control=self._control, counters=self.counters)
        ordering.keep_standing()
        self.analyzer = open_analyzer(
            self._config, inventory=inventory, stored=self.stored, counters=self.counters, ordering=ordering
        )
        self.views = StoredViews(network=network, stored=self.stored, belief=lambda: self.analyzer.belief, clock=self.clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the stores."""
        self.collector.close()

    def restart(self) -> None:
        """As after kill -9 of collector and analyzer: what they had in memory is gone."""
        self.collector.close()
        self._open()

    def branch(self, folder: Path) -> SimulatedRun:
        """Another run that goes on from here, with stores of its own in `folder`; this one stays as it is.

        Its collector and analyzer begin as after a stop and a start: from what the stores hold.
        """
        self.analyzer.keep()
        shutil.copytree(self._folder, folder)
        other = SimulatedRun.__new__(SimulatedRun)
        mine = (self.collector, self.analyzer, self.views, self.stored, self.counters, self._control)
        # What is real is opened anew; what is shared and never changes is not copied.
        memo: dict[int, Any] = {id(part): None for part in mine} | {id(self.scenario): self.scenario}
        memo |= {id(self.scenario.inventory): self.scenario.inventory, id(self._on_upload): self._on_upload}
        vars(other).update(copy.deepcopy(vars(self), memo))
        other._place(folder)  # noqa: SLF001 - it is of this class
        other._open()  # noqa: SLF001
        return other

    @property
    def requests_per_s(self) -> float:
        """Requests that were answered in the newest interval, of all lines."""
        return self._measuring.answered * SECOND_NS / INTERVAL_NS

    @property
    def now_ns(self) -> int:
        """Virtual wall time."""
        return self.clock.wall_ns()

    def inject(
        self,
        kind: str,
        component: str,
        *,
        rate: float,
        directions: tuple[Direction, ...] = BOTH,
        lasts_s: float | None = None,
    ) -> Disturbance:
        """Make a fault happen from now on.

        Raises:
            ValueError: there is no such kind.
        """
        begin_ns = self.now_ns
        end_ns = None if lasts_s is None else begin_ns + int(lasts_s * SECOND_NS)
        made = disturbance(kind, component, rate=rate, directions=directions, begin_ns=begin_ns, end_ns=end_ns)
        self.plant.disturbances.append(made)
        self.first_sign_ns = None
        return made

    def mend(self) -> None:
        """End every fault now."""
        self.plant.disturbances = [
            attrs.evolve(d, end_ns=self.now_ns) if d.end_ns is None or d.end_ns > self.now_ns else d
            for d in self.plant.disturbances
            if d.begin_ns < self.now_ns
        ]

    def advance(self, seconds: float) -> list[StepReport]:
        """Let time pass; whatever becomes due meanwhile is measured, uploaded, rolled up and answered."""
        until_ns = self.now_ns + int(seconds * SECOND_NS)
        reports = []
        while self._next_ns + INTERVAL_NS + SETTLE_NS <= until_ns:
            end_ns = self._next_ns + INTERVAL_NS
            self._fetch_orders()
            self.clock.advance(end_ns + SETTLE_NS - self.now_ns)
            self._waiting += self._measuring.batches(self._next_ns, end_ns, closed_ns=end_ns + SETTLE_NS - SECOND_NS // 10)
            self._next_ns = end_ns
            report = self._work()
            reports += [report] if report is not None else []
            self.steps += 1
        self.clock.advance(until_ns - self.now_ns)
        return reports

    @property
    def blame(self) -> Blame | None:
        """What was blamed first."""
        return self.blames[0] if self.blames else None

    def until_blame(self, *, within_s: float) -> Blame | None:
        """Let time pass until something is blamed, at most so long."""
        self.until_blamed(1, within_s=within_s)
        return self.blame

    def until_blamed(self, incidents: int, *, within_s: float) -> None:
        """Let time pass until so many incidents are blamed on something, at most so long."""
        until_ns = self.now_ns + int(within_s * SECOND_NS)
        while len(self.blames) < incidents and self.now_ns < until_ns:
            self.advance(min(10.0, (until_ns - self.now_ns) / SECOND_NS))

    def settle(self, seconds: float = 60.0) -> None:
        """Let the collector finish what is open, without new measurements."""
        for _ in range(int(seconds / _STEP_S)):
            self.clock.advance(_STEP_S * SECOND_NS)
            self._work()
        self.collector.finish(self.now_ns)

    def _fetch_orders(self) -> None:
        """Every probe that can reach the collector asks what it is to do."""
        if self._answer:
            for probe, orders in self.orders.items():
                if self._reporting.reaches(probe, self.now_ns):
                    orders.fetch(self._control, probe, self.now_ns)

    def _work(self) -> StepReport | None:
        self._upload()
        while self.collector.advance(self.now_ns):
            pass
        if not self._answer:
            return None
        report = self.analyzer.step(self.now_ns)
        belief = self.analyzer.belief
        if self.first_sign_ns is None and (belief.suspected or report.events):
            self.first_sign_ns = self.now_ns
        known = {blame.incident.id for blame in self.blames}
        for incident in dict.fromkeys(event.incident.id for event in report.events):
            newest = next(event.incident for event in reversed(report.events) if event.incident.id == incident)
            if incident not in known and newest.verdict.get("blames"):
                evidence = self.stored.evidence(incident) or {}
                self.blames.append(Blame(incident=newest, said_ns=self.now_ns, evidence=evidence))
        return report

    def _upload(self) -> None:
        """In order; a batch that was lost on its way holds back what is behind it in its stream, as at a probe."""
        held: list[Upload] = []
        for upload in self._waiting:
            behind = any((other.probe, other.stream) == (upload.probe, upload.stream) for other in held)
            if behind or not self._reporting.reaches(upload.probe, self.now_ns) or not self._on_upload(upload):
                held.append(upload)
                continue
            answer = self.collector.ingest(upload.octets, upload.probe, self.now_ns)
            if answer.status is not HTTPStatus.OK:
                raise RuntimeError(f"{upload.probe} {upload.stream} {upload.seq}: {answer.status} {dict(answer.document)}")
            self.acknowledged[upload.probe, upload.stream.value] = upload.seq
        self._waiting = held
