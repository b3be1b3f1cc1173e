"""The network itself: namespaces, links, routes, places to drop, relays; and the faults made on them.

Goes in: where probes stand, which segments need a relay, then faults. Comes out: a network that carries packets, the ports with
which flows take a path of one's choice, and the counters that are the truth. Knows nothing of what runs on its hosts.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs

from appliance.demo.faults import Fault, Kind
from appliance.demo.namespaces import crossings, injection, plan, routing
from appliance.demo.namespaces.crossings import Crossing
from appliance.demo.namespaces.processes import Processes, ask, hear, tell
from appliance.demo.namespaces.spaces import Spaces
from appliance.demo.network import ROUTERS
from appliance.demo.probing import Probes
from appliance.demo.world import WorldError
from faultline.records.terms import Direction

_RELAYS_WORDS = {Kind.DELAY: "delay", Kind.BURST_LOSS: "burst"}


class Ground:
    """Start once, then stop. Relays are among the processes it is given; whoever owns those ends them."""

    def __init__(self, processes: Processes, *, faults: Sequence[Fault], probes: Probes, seed: int) -> None:
        self._processes = processes
        self._faults = tuple(faults)
        self._probes = probes
        self._seed = seed
        self._relays: dict[str, subprocess.Popen[str]] = {}
        self.spaces = Spaces(plan.SPACES)

    def start(self, log: Path) -> None:
        """Build everything; relays write their messages to the log.

        Raises:
            WorldError: a step failed.
        """
        spliced = injection.relayed(self._faults)
        self.spaces.start()
        self.spaces.run_all(plan.prologue())
        self.spaces.run_all(plan.links(self.spaces.pids, self._probes))
        self.spaces.run_all(plan.addresses(self._probes, spliced))
        self.spaces.run_all({node: [plan.ip_batch(lines)] for node, lines in routing.routes(self._probes).items()})
        self.spaces.run_all(injection.counting())
        for segment in spliced:
            ends = plan.ends(plan.SEGMENT[segment])
            command = (sys.executable, "-m", "appliance.demo.namespaces.relay", *ends, "--seed", str(self._seed))
            inside = self.spaces.inside(plan.MIDDLE, command)
            self._relays[segment] = self._processes.start(f"relay {segment}", inside, log=log, talk=True)
        for relay in self._relays.values():
            hear(relay, "ready")

    def source_ports(self, flows: Iterable[Crossing]) -> dict[str, int]:
        """For each flow a port with which the edges send it over the path it asks for, there and back.

        Raises:
            WorldError: an edge does not route across the core.
        """
        flows = tuple(flows)
        printed = {}
        for edge, lines in crossings.questions(flows).items():
            command, stdin = plan.ip_batch(lines)
            printed[edge] = self.spaces.run(edge, command, stdin=stdin)
        try:
            return crossings.source_ports(flows, printed)
        except ValueError as error:
            raise WorldError(str(error)) from None

    def inject(self, fault: Fault) -> None:
        """Make a fault of the network happen from now on; a relay's was announced, because it stands from the beginning."""
        self.spaces.run_all(injection.commands(fault))
        if fault.kind in _RELAYS_WORDS:
            for direction in fault.way.directions:
                tell(self._relays[fault.component], f"{direction.value} {_RELAYS_WORDS[fault.kind]} {fault.rate}")

    def truth(self) -> dict[str, injection.Seen]:
        """What every place that can drop let through and dropped so far."""
        seen: dict[str, injection.Seen] = {}
        for space in (plan.MIDDLE, plan.SWITCH, *ROUTERS):
            seen |= injection.read_counters(self.spaces.run(space, injection.counters_command()))
        taken = injection.read_queues(self.spaces.run(plan.MIDDLE, injection.queues_command()))
        for segment, relay in self._relays.items():
            counts = json.loads(ask(relay, "count"))
            taken |= {injection.segment_chain(segment, direction): counts[direction.value]["lost"] for direction in Direction}
        for chain, dropped in taken.items():
            seen[chain] = attrs.evolve(seen[chain], dropped=seen[chain].dropped + dropped)
        return seen

    def stop(self) -> None:
        """Namespaces and links go. Idempotent."""
        self.spaces.stop()
