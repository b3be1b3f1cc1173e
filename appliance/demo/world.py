"""What the driver needs of the ground a demo runs on. Two grounds exist: network namespaces with real packets, and the simulator.

The driver decides what happens and when; a world makes it happen and hands on what the analyzer has said. What the analyzer
says comes from its own interface (`/api/v1` or the views behind it): a world never tells it what was injected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

import attrs

from appliance.demo.faults import Fault

Say = Callable[[str], None]
"""Takes one line of the timeline, in words."""


class WorldError(Exception):
    """The ground gave way: a process died or a step of the set-up failed. The message says which, and why."""


@attrs.frozen(slots=True, kw_only=True)
class Answers:
    """What the analyzer has said so far."""

    final_ns: tuple[int, ...] = ()
    """Ends of the windows it has read, newest first."""
    suspected: bool = False
    """A line is suspected or at fault."""
    learning: bool = True
    """A line's baseline does not stand yet."""
    incidents: tuple[Mapping[str, Any], ...] = ()
    """`faultline-incident/1` documents, newest first."""


@attrs.frozen(slots=True, kw_only=True)
class Balance:
    """Batches of the probes against the collector's ledger."""

    lost: int
    """Acknowledged, and not in the ledger."""
    doubled: int
    """In the ledger more than once."""
    batches: int
    """All that were acknowledged."""


class World(Protocol):
    """One run's ground. Used in this order; `tear_down` always, once `set_up` was called, and it may be called twice."""

    network: Literal["namespaces", "simulated"]

    def set_up(self, say: Say) -> None:
        """Build everything and start traffic; returns when requests are being answered.

        Raises:
            WorldError: it cannot be built.
        """

    def now_ns(self) -> int:
        """Wall clock of this world, real or virtual; records are stamped by it."""

    def wait(self, seconds: float) -> None:
        """Let time pass: sleep, or move the virtual clock.

        Raises:
            WorldError: something that should run has died.
        """

    def inject(self, fault: Fault) -> None:
        """Make the fault happen from now on."""

    def answers(self) -> Answers:
        """What the analyzer says now."""

    def evidence(self, incident: str) -> Mapping[str, Any] | None:
        """The `faultline-evidence/1` behind an incident's verdict."""

    def traffic(self) -> str:
        """What crosses the line now, in words, e.g. `212 requests/s`."""

    def report(self, incident: str | None, path: Path) -> None:
        """Write a self-contained page: the incident's report, or the line's page when there is no incident."""

    def places(self) -> Mapping[str, str]:
        """What a person can look at while it stays up: what it is → an address or a command."""

    def balance(self, *, final: bool) -> Balance:
        """Account for every batch; `final` first stops the probes, so that their last batches count, too."""

    def tear_down(self) -> None:
        """End every process and remove every link, namespace and file of this run."""
