"""The demo's other ground, where namespaces are refused: the same network simulated; every stage behind the probes is real.

Virtual time runs faster than the clock on the wall. What the analyzer says is read from its own pages and interface, which are
served as in the service.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from analyzer.web.app import make_app
from analyzer.web.server import WebServer
from appliance.demo import remains
from appliance.demo.faults import Fault
from appliance.demo.inventory_file import inventory_document
from appliance.demo.page import Page
from appliance.demo.probing import Probes, dials, looks, probe_names, tests, traces
from appliance.demo.world import Answers, Balance, Say, WorldError
from appliance.simnet.run import Scenario, SimulatedRun
from faultline import inventory
from faultline.reports.words import Language
from faultline.runtime import log
from faultline.runtime.status import Address
from faultline.store.ledger import Ledger

FASTER = 25
"""Virtual seconds in a second: a person can follow the timeline, and it is soon over."""
_FIRST_S = 5.0
"""Traffic runs this long before the run is watched."""


class Simulated:
    """`appliance.demo.world.World` in virtual time."""

    network: Literal["namespaces", "simulated"] = "simulated"

    def __init__(self, *, faults: Sequence[Fault], probes: Probes, seed: int, faster: float = FASTER) -> None:
        del faults  # injected when the driver says so; a simulated network needs no preparation
        self._probes = probes
        self._faster = faster
        self._scenario = Scenario(
            inventory=inventory.parse(inventory_document(probes), "the bank's network"), in_band=probes is Probes.ENDS, seed=seed
        )
        self._folder: Path | None = None
        self._run: SimulatedRun | None = None
        self._web: WebServer | None = None
        self._page: Page | None = None
        self._said: tuple[int, Answers] | None = None

    def set_up(self, say: Say) -> None:
        """Stores, collector, analyzer and its page; then the first traffic."""
        # Collector and analyzer live in this process: what they log must not come between the lines of the timeline.
        log.configure(level="warning", service="demo")
        for told in remains.clean_crashed_runs():
            say(told)
        self._folder = remains.name_folder()
        remains.make_folder(self._folder)
        run = self._run = SimulatedRun(self._folder, self._scenario)
        say(f"simulated network: {len(self._scenario.inventory.components)} components, packet by packet, in virtual time")
        app = make_app(views=run.views, counters=run.counters, problems=tuple, language=Language.EN)
        self._web = WebServer(Address.parse("127.0.0.1:0"), app)
        self._web.start()
        self._page = Page(f"http://{self._web.address}")
        say(
            f"collector and analyzer running; {len(probe_names(self._probes))} simulated probes, "
            f"{len(looks(self._probes))} captures, {len(tests(self._probes))} test sessions, {len(dials())} dial tests, "
            f"{len(traces(self._probes))} traced pairs"
        )
        self.wait(_FIRST_S)

    def now_ns(self) -> int:
        """Virtual time."""
        return self._scenario.begin_ns if self._run is None else self._run.now_ns

    def wait(self, seconds: float) -> None:
        """Let virtual time pass, a little real time with it."""
        time.sleep(seconds / self._faster)
        self._going().advance(seconds)

    def inject(self, fault: Fault) -> None:
        """Make it happen."""
        self._going().inject(fault.kind.value, fault.component, rate=fault.rate, directions=fault.way.directions)

    def answers(self) -> Answers:
        """Over its own interface; it says nothing new between two steps."""
        step = self._going().steps
        if self._said is None or self._said[0] != step:
            self._said = (step, self._asked().answers())
        return self._said[1]

    def evidence(self, incident: str) -> Mapping[str, Any] | None:
        """Over its own interface."""
        return self._asked().evidence(incident)

    def traffic(self) -> str:
        """Requests answered in the newest interval."""
        answered = self._going().requests_per_s
        return f"{answered:.0f} requests/s" if answered else "no request answered"

    def report(self, incident: str | None, path: Path) -> None:
        """The page itself, self-contained."""
        self._asked().save(incident, path)

    def places(self) -> Mapping[str, str]:
        """Page and folder."""
        address = self._web.address if self._web else ""
        return {"status page": f"http://{address}/", "stores": str(self._folder)}

    def balance(self, *, final: bool) -> Balance:
        """What the simulated probes were acknowledged, against the ledger and the archive."""
        run = self._going()
        if final:
            run.settle()
        acknowledged = {(probe, stream, seq) for (probe, stream), last in run.acknowledged.items() for seq in range(1, last + 1)}
        rows = Ledger(run.collector.state).after(0, limit=1 << 30)
        held = [(row.identity.probe, row.identity.stream.value, row.identity.seq) for row in rows]
        return Balance(lost=len(acknowledged - set(held)), doubled=len(held) - len(set(held)), batches=len(acknowledged))

    def tear_down(self) -> None:
        """Server, stores and folder go."""
        web, self._web = self._web, None
        page, self._page = self._page, None
        run, self._run = self._run, None
        folder, self._folder = self._folder, None
        if page is not None:
            page.close()
        with contextlib.ExitStack() as ends:
            if folder is not None:
                ends.callback(remains.remove, folder)
            if run is not None:
                ends.callback(run.close)
            if web is not None:
                ends.callback(web.stop)

    def _going(self) -> SimulatedRun:
        if self._run is None:
            raise WorldError("set_up comes first")
        return self._run

    def _asked(self) -> Page:
        if self._page is None:
            raise WorldError("set_up comes first")
        return self._page
