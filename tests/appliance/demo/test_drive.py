"""The course of a run, on a ground that only pretends: when a fault is injected, what is waited for, what ends the wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import pytest

from appliance.demo.drive import Drive, Outcome, Patience
from appliance.demo.faults import Fault, Way
from appliance.demo.kinds import Kind
from appliance.demo.world import Answers, Balance, Say, WorldError
from faultline.records.terms import SECOND_NS

EVIDENCE = {
    "components": [
        {"id": "loop-1>", "kind": "segment", "owner": "access"},
        {"id": "svc-web", "kind": "service", "owner": "destination"},
    ],
    "observations": [{"kind": "loss", "via": ["loop-1>"]}, {"kind": "response", "endpoint": "svc-web"}],
}
LOSS = Fault(kind=Kind.LOSS, component="loop-1", way=Way.FORWARD, rate=0.02)
SLOW = Fault(kind=Kind.SERVER_SLOW, component="svc-web", way=Way.BOTH, rate=6)
CHANGE = Fault(kind=Kind.REROUTE, component="core-1", way=Way.BOTH, rate=1)


def incident(component: str, mode: str, owner: str, *, blames: bool = True) -> dict[str, Any]:
    """An incident with one entry."""
    entry = {"components": [component], "mode": mode, "owner": owner, "confidence": 0.97, "blames": blames, "text": ""}
    return {"id": f"incident-{component}", "verdict": entry, "further": [], "context": {}}


LOOP = incident("loop-1>", "loss", "access")
INJECTED_S = 32.0
"""Three seconds of set-up, what is left of that window, two whole ones, and two seconds until the last is final."""
WEB = incident("svc-web", "slow", "destination")


class Pretended:
    """A ground whose clock is moved by waiting, and whose analyzer says incidents at moments of that clock."""

    network: Literal["namespaces", "simulated"] = "simulated"

    def __init__(self, said: dict[float, dict[str, Any]] | None = None, *, learns_after_s: float = 20.0) -> None:
        self._said = said or {}
        self._learns_after_s = learns_after_s
        self._now_s = 0.0
        self.injected: list[tuple[float, Fault]] = []

    def set_up(self, say: Say) -> None:
        """Takes three seconds."""
        self._now_s += 3
        say("network up")

    def now_ns(self) -> int:
        """Its clock."""
        return round(self._now_s * SECOND_NS)

    def wait(self, seconds: float) -> None:
        """Moves its clock."""
        self._now_s += seconds

    def inject(self, fault: Fault) -> None:
        """Writes it down."""
        self.injected.append((self._now_s, fault))

    def answers(self) -> Answers:
        """What is due by now; windows are final two seconds after their end."""
        due = [one for at_s, one in self._said.items() if self._now_s >= at_s]
        final = tuple(at * 10 * SECOND_NS for at in range(int((self._now_s - 2) // 10), 0, -1))
        return Answers(
            final_ns=final, suspected=bool(due), learning=self._now_s < self._learns_after_s, incidents=tuple(reversed(due))
        )

    def evidence(self, incident: str) -> Mapping[str, Any]:
        """The same behind each."""
        del incident
        return EVIDENCE

    def traffic(self) -> str:
        """In words."""
        return "200 requests/s"

    def report(self, incident: str | None, path: Path) -> None:
        """Which incident it was about."""
        path.write_text(str(incident))

    def places(self) -> Mapping[str, str]:
        """None."""
        return {}

    def balance(self, *, final: bool) -> Balance:
        """Everything is there."""
        del final
        return Balance(lost=0, doubled=0, batches=12)

    def tear_down(self) -> None:
        """Nothing to do."""


class Listening:
    """Keeps what was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def event(self, at_s: float, text: str) -> None:
        """A line of the timeline."""
        del at_s
        self.told.append(text)

    def waiting(self, text: str) -> None:
        """Nothing."""


@pytest.fixture
def drive(tmp_path: Path) -> Callable[..., tuple[Outcome, Listening]]:
    """Runs faults over a ground."""

    def run(world: Pretended, *faults: Fault) -> tuple[Outcome, Listening]:
        listening = Listening()
        return Drive(world, faults=faults, teller=listening, report=tmp_path / "report.html").run(), listening

    return run


def test_the_first_verdict_that_blames_ends_the_run(drive: Callable[..., tuple[Outcome, Listening]]) -> None:
    """The fault is injected when the baseline stands, and judged when somebody is blamed."""
    world = Pretended({INJECTED_S + 20: LOOP})
    outcome, listening = drive(world, LOSS)
    assert world.injected == [(pytest.approx(INJECTED_S, abs=0.5), LOSS)]
    assert outcome.correct.everything
    assert outcome.seconds["to_verdict"] == pytest.approx(20, abs=0.5)
    assert outcome.document["faults"][0]["components"] == ["loop-1>"]
    assert outcome.report.read_text() == "incident-loop-1>"
    assert not [line for line in listening.told if "loop" in line]


def test_of_two_faults_both_are_waited_for(drive: Callable[..., tuple[Outcome, Listening]]) -> None:
    """The first verdict does not end the run when two faults were injected."""
    outcome, _ = drive(Pretended({INJECTED_S + 15: LOOP, INJECTED_S + 40: WEB}), LOSS, SLOW)
    assert outcome.correct.everything
    assert outcome.seconds["to_verdict"] == pytest.approx(40, abs=0.5)


def test_what_is_never_found_is_told_with_the_reason(drive: Callable[..., tuple[Outcome, Listening]]) -> None:
    """Patience ends; nothing was said, so nothing is right."""
    outcome, listening = drive(Pretended(), LOSS)
    assert outcome.correct.document() == {"component": False, "owner": False, "mode": False}
    assert outcome.document["reasons"] == ["loss on loop-1: nothing is blamed"]
    assert "to_verdict" not in outcome.seconds
    assert "no verdict within 90 s" in listening.told


@pytest.mark.parametrize("faults", [(), (CHANGE,)], ids=["none", "reroute"])
def test_where_nothing_is_wrong_the_network_is_only_watched(
    drive: Callable[..., tuple[Outcome, Listening]], faults: tuple[Fault, ...]
) -> None:
    """Nobody is blamed until the watch is over: right. Somebody is: wrong, and the run ends there."""
    quiet, _ = drive(Pretended({INJECTED_S + 10: incident("core-1>", "route", "carrier_core", blames=False)}), *faults)
    assert quiet.correct.everything
    hasty, _ = drive(Pretended({INJECTED_S + 5: LOOP}), *faults)
    assert not hasty.correct.component
    assert hasty.document["reasons"] == ["blames loop-1> (loss), and nothing is wrong"]


def test_a_baseline_that_never_stands_ends_the_run(drive: Callable[..., tuple[Outcome, Listening]]) -> None:
    """Without knowing what is usual nothing can be judged: the ground is at fault, and says so."""
    with pytest.raises(WorldError, match="the baseline did not stand"):
        drive(Pretended(learns_after_s=1e6), LOSS)


def test_patience_grows_with_what_is_tried_seldom_and_with_a_second_fault() -> None:
    """Services and sites take more windows than a lossy link, two faults more than one."""
    loss, slow, both = (Patience.with_faults(faults).verdict_s for faults in ([LOSS], [SLOW], [LOSS, SLOW]))
    assert loss < slow < both
    assert Patience.with_faults([CHANGE]).watch_s > Patience.with_faults([]).watch_s
