"""The demonstration's course: build, learn, injure, wait for the verdict, judge it, account for every batch.

Goes in: a world, the faults, and somebody who tells. Comes out: what happened, as the contract's document has it. Everything
that takes time is a wait for something to be so, with a deadline.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import attrs

from appliance.demo.faults import Fault
from appliance.demo.judging import Correct, Said, judge
from appliance.demo.kinds import Kind
from appliance.demo.world import Answers, Balance, World, WorldError
from faultline.records.terms import SECOND_NS

WHOLE_WINDOWS = 2
"""Windows of undisturbed traffic before a fault: with the one that traffic began in, what the analyzer's baselines ask for."""
_WINDOW_NS = 10 * SECOND_NS
_POLL_S = 0.25
VERDICT_FORMAT = "faultline-verdict/1"


_USUALLY_S = 90.0
_LONGER_S = 120.0
_LONGER = {Kind.MTU, Kind.SITE_DOWN, Kind.SERVER_SLOW, Kind.SERVER_STALLED, Kind.DNS_TIMEOUT, Kind.SERVICE_REFUSED}
"""What is tried once in a while, or noticed by its silence, takes more windows to be sure of."""
_ANOTHER_S = 30.0
"""A second fault may have to wait until the first is explained."""


@attrs.frozen(slots=True, kw_only=True)
class Patience:
    """How long each step may take, in seconds."""

    baseline_s: float = 90.0
    verdict_s: float = _USUALLY_S
    watch_s: float = 30.0
    """How long a network without a fault is watched after its baseline stands."""

    @staticmethod
    def with_faults(faults: Sequence[Fault]) -> Patience:
        """What these faults take."""
        longest = _LONGER_S if any(fault.kind in _LONGER for fault in faults) else _USUALLY_S
        # Traces come round a few times a minute: a path that changed is watched until they have told of it.
        return Patience(verdict_s=longest + _ANOTHER_S * max(0, len(faults) - 1), watch_s=60.0 if faults else 30.0)


class Teller(Protocol):
    """Somebody who tells a person what happens."""

    def event(self, at_s: float, text: str) -> None:
        """Something happened, so many seconds into the run."""

    def waiting(self, text: str) -> None:
        """What is being waited for."""


@attrs.frozen(slots=True, kw_only=True)
class Outcome:
    """A run's end."""

    network: str
    faults: tuple[Fault, ...]
    injected_ns: int
    verdict: Mapping[str, Any]
    said: tuple[Said, ...]
    """The verdict's entries, each with what it was made from."""
    correct: Correct
    seconds: Mapping[str, float]
    balance: Balance
    report: Path

    @property
    def document(self) -> dict[str, Any]:
        """`faultline demo --json`."""
        truths = [fault.document(self.injected_ns) for fault in self.faults] or [_nothing(self.injected_ns)]
        return {
            "network": self.network,
            "fault": truths[0],
            "faults": truths if self.faults else [],
            "verdict": dict(self.verdict),
            "correct": self.correct.document(),
            "reasons": list(self.correct.reasons),
            "seconds": dict(self.seconds),
            "balance": {"lost": self.balance.lost, "doubled": self.balance.doubled},
            "report": str(self.report),
        }


def _nothing(moment_ns: int) -> dict[str, Any]:
    return {"kind": "none", "components": [], "injected_ns": moment_ns}


class Drive:
    """One run over a world that is not set up yet. The caller tears it down."""

    def __init__(
        self,
        world: World,
        *,
        faults: Sequence[Fault],
        teller: Teller,
        report: Path,
        patience: Patience | None = None,
    ) -> None:
        self._world = world
        self._faults = tuple(faults)
        self._expected = sum(1 for fault in faults if fault.is_to_blame)
        self._teller = teller
        self._report = report
        self._patience = patience or Patience.with_faults(faults)
        self._begun_ns = 0
        self._begun_s = time.monotonic()
        self._seconds: dict[str, float] = {}

    def run(self) -> Outcome:
        """From nothing to the judged verdict.

        Raises:
            WorldError: the ground gave way, or the baseline never stood.
        """
        self._begun_ns = self._world.now_ns()
        self._world.set_up(self._say)
        self._seconds["setup"] = self._so_far()
        self._say(f"traffic running: {self._world.traffic()}")
        self._learn(self._world.now_ns())
        injected_ns = self._inject()
        answers = self._await_verdict(injected_ns) if self._expected else self._watch(injected_ns)
        return self._close(answers, injected_ns)

    # ---- steps -----------------------------------------------------------------------------------------------------
    def _learn(self, since_ns: int) -> None:
        first_whole_ns = -(-since_ns // _WINDOW_NS) * _WINDOW_NS

        def stands(answers: Answers) -> bool:
            whole = sum(1 for end_ns in answers.final_ns if end_ns - _WINDOW_NS >= first_whole_ns)
            return (whole >= WHOLE_WINDOWS and not answers.learning) or bool(_blaming(answers.incidents))

        answers = self._until(stands, "learning what is usual", self._patience.baseline_s)
        if answers is None:
            raise WorldError(f"the baseline did not stand within {self._patience.baseline_s:g} s")
        self._say(f"baseline learned: {self._world.traffic()}")

    def _inject(self) -> int:
        moment_ns = self._world.now_ns()
        for fault in self._faults:
            self._world.inject(fault)
        # Which fault it is stays with the driver until the verdict is out.
        self._say("fault injected" if self._faults else "no fault is injected; watching a healthy network")
        return moment_ns

    def _await_verdict(self, injected_ns: int) -> Answers | None:
        def signs(answers: Answers) -> bool:
            if (answers.suspected or answers.incidents) and "to_first_sign" not in self._seconds:
                self._seconds["to_first_sign"] = self._since(injected_ns)
                self._say(f"first sign: the analyzer suspects something ({self._world.traffic()})")
            # Faults are in different places, so each is an incident of its own; the first verdict on each counts.
            return sum(1 for incident in answers.incidents if _blaming([incident])) >= self._expected

        answers = self._until(signs, "waiting for the verdict", self._patience.verdict_s)
        if answers is None:
            self._say(f"no verdict within {self._patience.verdict_s:g} s")
            return self._world.answers()
        self._seconds["to_verdict"] = self._since(injected_ns)
        self._say("verdict")
        return answers

    def _watch(self, since_ns: int) -> Answers:
        until_ns = since_ns + round(self._patience.watch_s * SECOND_NS)

        def seen(answers: Answers) -> bool:
            return bool(_blaming(answers.incidents)) or any(end_ns >= until_ns for end_ns in answers.final_ns)

        answers = self._until(seen, "watching", self._patience.watch_s + self._patience.baseline_s)
        if answers is None:
            raise WorldError("no window became final while the network was watched")
        self._say("the analyzer blames somebody" if _blaming(answers.incidents) else "nothing is blamed")
        return answers

    def _close(self, answers: Answers | None, injected_ns: int) -> Outcome:
        answers = answers or self._world.answers()
        said = self._said(answers.incidents)
        leading = str(answers.incidents[0]["id"]) if answers.incidents else None
        self._world.report(leading, self._report)
        self._seconds["total"] = self._waited_s()
        return Outcome(
            network=self._world.network,
            faults=self._faults,
            injected_ns=injected_ns,
            verdict=_verdict(answers.incidents),
            said=said,
            correct=judge(self._faults, [one for one in said if one.entry.get("blames")]),
            seconds=self._seconds,
            balance=Balance(lost=0, doubled=0, batches=0),
            report=self._report,
        )

    def account(self, outcome: Outcome, *, final: bool) -> Outcome:
        """Say where every batch is; `final` ends the measuring."""
        self._teller.waiting("accounting for every batch")
        balance = self._world.balance(final=final)
        seconds = dict(outcome.seconds) | {"total": self._waited_s()}
        return attrs.evolve(outcome, balance=balance, seconds=seconds)

    def _said(self, incidents: Sequence[Mapping[str, Any]]) -> tuple[Said, ...]:
        found = []
        for incident in incidents:
            evidence = self._world.evidence(str(incident["id"])) or {}
            found += [Said(entry=entry, evidence=evidence) for entry in _entries([incident])]
        return tuple(sorted(found, key=lambda one: -float(one.entry["confidence"])))

    # ---- time ------------------------------------------------------------------------------------------------------
    def _until(self, condition: Callable[[Answers], bool], what: str, patience_s: float) -> Answers | None:
        deadline_ns = self._world.now_ns() + round(patience_s * SECOND_NS)
        while True:
            answers = self._world.answers()
            if condition(answers):
                return answers
            if self._world.now_ns() >= deadline_ns:
                return None
            self._teller.waiting(f"{what}: {self._world.traffic()}")
            self._world.wait(_POLL_S)

    def _since(self, moment_ns: int) -> float:
        return round((self._world.now_ns() - moment_ns) / SECOND_NS, 3)

    def _so_far(self) -> float:
        return self._since(self._begun_ns)

    def _waited_s(self) -> float:
        """What a person has waited: in a simulated world that is less than the time that passed in it."""
        return round(time.monotonic() - self._begun_s, 3)

    def _say(self, text: str) -> None:
        self._teller.event(self._so_far(), text)


def _entries(incidents: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Every entry of the incidents' verdicts, the most certain first."""
    found = [entry for incident in incidents for entry in (incident["verdict"], *incident.get("further", ()))]
    return sorted(found, key=lambda entry: -float(entry["confidence"]))


def _blaming(incidents: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [entry for entry in _entries(incidents) if entry.get("blames")]


def _verdict(incidents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "format": VERDICT_FORMAT,
        "verdicts": [dict(e) for e in _entries(incidents)],
        "insufficient": False,
    }
    for incident in incidents[:1]:
        document |= {key: value for key, value in incident.get("context", {}).items() if key in {"floor", "next_test"}}
    return document
