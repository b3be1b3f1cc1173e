"""The demo's world of real packets: network, traffic, services; built, watched, and removed without a trace."""

from __future__ import annotations

import os
import shlex
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from appliance.demo import remains
from appliance.demo.equipment import link_down
from appliance.demo.faults import Fault
from appliance.demo.kinds import Kind
from appliance.demo.namespaces import crossings, plan
from appliance.demo.namespaces.accounts import balance
from appliance.demo.namespaces.ground import Ground
from appliance.demo.namespaces.injection import Seen
from appliance.demo.namespaces.processes import Processes
from appliance.demo.namespaces.settings import COLLECTOR_PORT, Files, write_all
from appliance.demo.namespaces.spaces import ENDS_WITH_US
from appliance.demo.namespaces.traffic import SPOILS, Traffic, people
from appliance.demo.network import BRANCHES, NODES
from appliance.demo.page import Page
from appliance.demo.probing import PROBE_NODES, RESPONDERS, STAMP_PORT, Probes, probe_names
from appliance.demo.world import Answers, Balance, Say, WorldError

_COLLECTOR, _ANALYZER = "collector", "analyzer"
_START_S = 60.0
"""A service's start on a busy machine; two seconds are usual."""
_GRACE_S = 8.0
"""Longer than a probe's drain_s."""
_STATUS_PORT = 9464
_PORTS = range(8480, 8580)
_MODULE = (sys.executable, "-m")


class Namespaces:
    """`appliance.demo.world.World` with real packets."""

    network: Literal["namespaces", "simulated"] = "namespaces"

    def __init__(self, *, faults: Sequence[Fault], probes: Probes, seed: int, influx: str | None = None) -> None:
        """`influx`: an address at which collector and analyzer find an InfluxDB; None: they keep their roll-ups themselves."""
        self._probes = probes
        self._influx = influx
        self._seed = seed
        self.processes = Processes()
        """What runs, by label; whoever wants to see a crash ends one and starts it again."""
        self._ground = Ground(self.processes, faults=faults, probes=probes, seed=seed)
        self._traffic = Traffic(self.processes, self._ground, seed=seed, log=self._log)
        self._folder: Path | None = None
        self._files: Files | None = None
        self._claim: socket.socket | None = None
        self._page: Page | None = None

    # ---- set-up ----------------------------------------------------------------------------------------------------
    def set_up(self, say: Say) -> None:
        """Network, collector and analyzer, probes, traffic."""
        for told in remains.clean_crashed_runs():
            say(told)
        self._folder = remains.name_folder()
        remains.make_folder(self._folder)
        port, self._claim = _reserve_port()
        files = self._files = Files(folder=self._folder, listen=f"127.0.0.1:{port}", influx=self._influx)
        self._page = Page(f"http://{files.listen}")
        files.log("relay").parent.mkdir(mode=0o700)
        self._ground.start(files.log("relay"))
        self._write_down()
        say(f"network up: {len(NODES)} hosts, routers and switches, {len(plan.SEGMENTS)} segments")
        write_all(files, self._probes, self._ground.source_ports(crossings.of_sessions(self._probes)))
        self._start_service(_COLLECTOR, plan.OPERATIONS, files.collector)
        self._start_service(_ANALYZER, None, files.analyzer)
        self._traffic.serve()
        self._start_responders()
        self.processes.await_listening(_COLLECTOR, COLLECTOR_PORT, timeout_s=_START_S)
        for name in probe_names(self._probes):
            self._start_service(probe(name), PROBE_NODES[name], files.probe(name))
        for name in probe_names(self._probes):
            # Its status page is the last part to start.
            self.processes.await_listening(probe(name), _STATUS_PORT, timeout_s=_START_S)
        self._write_down()
        self.processes.await_that(self._page.answers_at_all, "the analyzer does not answer", timeout_s=_START_S)
        say(f"collector, analyzer and {len(probe_names(self._probes))} probes running")
        self._traffic.use(timeout_s=_START_S)
        self._write_down()

    def _start_service(self, label: str, space: str | None, config: Path) -> None:
        command = [*_MODULE, "appliance.cli", label.split(maxsplit=1)[0], "run", "-c", str(config)]
        inside = self._ground.spaces.inside(space, command) if space is not None else [*ENDS_WITH_US, "--", *command]
        self.processes.start(label, inside, log=self.files.log(label.replace(" ", "-")))

    def _start_responders(self) -> None:
        """They answer the sessions of the probes beside them."""
        for one in RESPONDERS:
            command = (
                *_MODULE,
                "appliance.cli",
                "probe",
                "reflector",
                "--listen",
                f"0.0.0.0:{STAMP_PORT}",
                "--allow",
                "10.0.0.0/8",
            )
            self.processes.start(one.id, self._ground.spaces.inside(one.node, command), log=self.files.log(one.id))

    def _write_down(self) -> None:
        if self._folder is not None:
            remains.write_down(self._folder, [*self._ground.spaces.pids.values(), *self.processes.pids.values()])

    @property
    def ground(self) -> Ground:
        """The network; whoever wants to run something on one of its hosts asks here."""
        return self._ground

    @property
    def files(self) -> Files:
        """Where everything of this run is."""
        if self._files is None:
            raise WorldError("set_up comes first")
        return self._files

    def _log(self, label: str) -> Path:
        return self.files.log(label)

    # ---- what the driver does --------------------------------------------------------------------------------------
    def now_ns(self) -> int:
        """The clock of this machine: every namespace shares it."""
        return time.time_ns()

    def wait(self, seconds: float) -> None:
        """Sleep, and notice when something has died."""
        time.sleep(seconds)
        self.processes.check()

    def inject(self, fault: Fault) -> None:
        """Make it happen."""
        self._ground.inject(fault)
        match fault.kind:
            case Kind.CONGESTION:
                self._traffic.fill(fault)
            case Kind.SITE_DOWN:
                self._darken(fault.component)
            case kind if kind in SPOILS:
                self._traffic.spoil(fault)
            case _:
                pass

    def _darken(self, site: str) -> None:
        """Whatever hangs on a branch's power ends with it, without a farewell."""
        for branch in BRANCHES:
            if branch.site == site:
                for label in (people(branch), probe(f"ce-{branch.number}"), f"host-{branch.number}"):
                    self.processes.kill(label)

    def truth(self) -> dict[str, Seen]:
        """What every place that can drop let through and dropped so far."""
        return self._ground.truth()

    def traffic(self) -> str:
        """Requests answered in the newest second."""
        seen = self._traffic.tally()
        if seen.mean_ms is None:
            return "no request answered"
        failed = f", {seen.failed} failed" if seen.failed else ""
        return f"{seen.answered} requests/s, {seen.mean_ms:.1f} ms on average{failed}"

    # ---- what the analyzer says ------------------------------------------------------------------------------------
    def _asked(self) -> Page:
        if self._page is None:
            raise WorldError("set_up comes first")
        return self._page

    def answers(self) -> Answers:
        """Over its own interface."""
        return self._asked().answers()

    def evidence(self, incident: str) -> Mapping[str, object] | None:
        """Over its own interface."""
        return self._asked().evidence(incident)

    def report(self, incident: str | None, path: Path) -> None:
        """The page itself, self-contained."""
        self._asked().save(incident, path)

    def places(self) -> Mapping[str, str]:
        """Page, folder, and a shell inside."""
        files = self.files
        user = " -U --preserve-credentials" if os.geteuid() != 0 else ""
        trap = shlex.join(link_down("ce-3", "loop-3"))
        shell = shlex.quote(os.environ.get("SHELL", "sh"))
        return {
            "status page": f"http://{files.listen}/",
            "configuration, logs, stores": str(files.folder),
            "a shell on a CE router": f"nsenter -t {self._ground.spaces.pids['ce-1']}{user} -n {shell}",
            "a trap of a CE router": f"nsenter -t {self._ground.spaces.pids[plan.OPERATIONS]}{user} -n {trap}",
        }

    # ---- the end ---------------------------------------------------------------------------------------------------
    def balance(self, *, final: bool) -> Balance:
        """Spools against the ledger: read in this order, what a spool calls acknowledged must be in the ledger already."""
        files = self.files
        if final:  # what the probes still have reaches the collector at their stop
            self.processes.stop([probe(name) for name in probe_names(self._probes)], grace_s=_GRACE_S)
        return balance([files.spool(name) for name in probe_names(self._probes)], files.store / "state.db")

    def tear_down(self) -> None:
        """Everything goes: processes, namespaces, links, files."""
        self.processes.stop_all(grace_s=_GRACE_S)
        self._ground.stop()
        for held in (self._page, self._claim):
            if held is not None:
                held.close()
        if self._folder is not None:
            remains.remove(self._folder)
            self._folder = None


def probe(name: str) -> str:
    """Label of a probe among the processes."""
    return f"probe {name}"


def _reserve_port() -> tuple[int, socket.socket]:
    """A port nobody listens on, and the claim to it: a name in the kernel that other runs respect and that ends with us."""
    for port in _PORTS:
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            claim.bind(f"\0faultline-demo-{port}")
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                trial.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        return port, claim
    raise WorldError(f"no free port for the status page from {_PORTS.start} to {_PORTS.stop - 1}")
