"""The line itself: namespaces, links, places to drop, relays; and the faults made on them.

Goes in: which segments need a relay, then faults. Comes out: a network that carries packets, and the counters that are the
truth about it. Knows nothing of probes or traffic.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from appliance.demo.faults import Fault, Kind
from appliance.demo.namespaces import injection, plan
from appliance.demo.namespaces.processes import Processes
from appliance.demo.namespaces.spaces import Spaces
from appliance.demo.world import WorldError


class Ground:
    """Start once, then stop. Relays are among the processes it is given; whoever owns those ends them."""

    def __init__(self, processes: Processes, *, faults: Sequence[Fault], seed: int) -> None:
        self._processes = processes
        self._faults = tuple(faults)
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
        self.spaces.run(plan.WIRE, ("ip", "-batch", "-"), stdin=plan.links(self.spaces.pids))
        self.spaces.run_all(plan.addresses(cable.segment for cable in spliced))
        self.spaces.run_all(injection.counting())
        for cable in spliced:
            command = (sys.executable, "-m", "appliance.demo.namespaces.relay", *cable.ends, "--seed", str(self._seed))
            inside = self.spaces.inside(plan.WIRE, command)
            self._relays[cable.segment] = self._processes.start(f"relay {cable.segment}", inside, log=log, talk=True)
        for relay in self._relays.values():
            _hear(relay, "ready")

    def inject(self, fault: Fault) -> None:
        """Make a fault happen from now on. A delay needs to have been announced, because its relay stands from the beginning."""
        match fault.kind:
            case Kind.LOSS:
                space, rules = injection.loss(fault)
                self.spaces.run(space, ("nft", "-f", "-"), stdin=rules)
            case Kind.LINK_DOWN:
                space, lines = injection.cut(fault)
                self.spaces.run(space, ("ip", "-batch", "-"), stdin=lines)
            case Kind.DELAY:
                for direction in fault.way.directions:
                    _tell(self._relays[fault.component], f"{direction.value} delay {fault.rate}")
            case Kind.NONE:
                return

    def truth(self) -> dict[str, injection.Seen]:
        """What every place with a rule let through and dropped so far."""
        seen: dict[str, injection.Seen] = {}
        for space in (plan.WIRE, *plan.ROUTERS):
            seen |= injection.read_counters(self.spaces.run(space, injection.counters_command()))
        return seen

    def stop(self) -> None:
        """Namespaces and links go. Idempotent."""
        self.spaces.stop()


def _hear(child: subprocess.Popen[str], word: str) -> None:
    heard = child.stdout.readline().strip() if child.stdout else ""
    if heard != word:
        raise WorldError(f"the relay said {heard!r}, not {word!r}")


def _tell(child: subprocess.Popen[str], line: str) -> None:
    if child.stdin is None:
        raise WorldError("the relay does not listen")
    child.stdin.write(line + "\n")
    child.stdin.flush()
    _hear(child, "set")
