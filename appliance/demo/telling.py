"""What a person sees of a run: the network drawn, a timeline as it happens, the verdict with its reasons, the truth beside it.

Goes in: events and the outcome. Comes out: lines of text. Decides nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from appliance.demo.drive import Outcome
from appliance.demo.faults import Fault
from appliance.demo.kinds import Kind
from appliance.demo.network import BRANCHES, CUSTOMER, DC_CITY, PLACES
from appliance.demo.picture import draw
from appliance.demo.probing import Probes
from faultline.records.incident import base_of
from faultline.records.terms import Mode
from faultline.reports.instruments import floor_sentence
from faultline.reports.numbers import confidence
from faultline.reports.observed import observation_sentence
from faultline.reports.sentences import Speaker, direction_words, doubt_sentences, owner_words, verdict_sentence
from faultline.reports.words import Language

_MOST_ROWS = 4
_LEAST_PROBABILITY = 0.01
SPEAKER = Speaker(language=Language.EN, names={element.id: element.name for element in PLACES.values()})


class Timeline:
    """`appliance.demo.drive.Teller` on a terminal or in a file."""

    def __init__(self, stream: TextIO | None = None, *, console: Console | None = None) -> None:
        self._console = console or Console(file=stream or sys.stdout, highlight=False, soft_wrap=True)
        self._status: Status | None = None

    def text(self, lines: Iterable[str]) -> None:
        """Lines as they are."""
        self.quiet()
        for line in lines:
            self._console.print(line)

    def opening(self, probes: Probes) -> None:
        """The network, drawn."""
        self.text(["", f"[bold]{CUSTOMER}[/]: four branches, each with a leased line to {DC_CITY}"])
        self.text([f"  {branch.number}  {branch.city:9} {branch.line}" for branch in BRANCHES] + [""])
        self.text([*(f"  {escape(row)}" for row in draw(probes)), ""])

    def event(self, at_s: float, text: str) -> None:
        """One line of the timeline."""
        self.quiet()
        self._console.print(f"[dim]{at_s:6.1f} s[/]  {escape(text)}")

    def waiting(self, text: str) -> None:
        """On a terminal only: the line at the bottom."""
        if not self._console.is_terminal:
            return
        if self._status is None:
            self._status = self._console.status(escape(text))
            self._status.start()
        else:
            self._status.update(escape(text))

    def quiet(self) -> None:
        """Take the line at the bottom away."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def verdict(self, outcome: Outcome, probes: Probes) -> None:
        """What the analyzer says, with its reasons."""
        self.text([""])
        if not outcome.said:
            self.text(["[bold]VERDICT  no fault found[/]"])
        for number, one in enumerate(outcome.said):
            next_test = outcome.verdict.get("next_test") if number == 0 else None
            self.text(verdict_lines(one.entry, one.evidence, first=number == 0, next_test=next_test))
        self.text(closing_lines(outcome))
        if outcome.said:
            suspects = {base_of(component) for one in outcome.said for component in one.entry["components"]}
            self.text(["", *(f"  {escape(row)}" for row in draw(probes, suspects))])
        self.text([""])

    def truth(self, outcome: Outcome) -> None:
        """What was so, beside it."""
        self.text([*truth_lines(outcome), ""])


def verdict_lines(
    entry: Mapping[str, Any], evidence: Mapping[str, Any], *, first: bool, next_test: Mapping[str, Any] | None = None
) -> list[str]:
    """An entry in words: what, whose, how sure, what it cannot tell, why, why not, what else, what next."""
    head = "VERDICT" if first else "ALSO   "
    doubts = doubt_sentences(SPEAKER, entry, next_test=next_test)
    lines = [
        f"[bold]{head}  {escape(verdict_sentence(SPEAKER, entry))}[/]",
        f"  owner        {escape(owner_words(SPEAKER, entry))}",
        f"  confidence   {confidence(float(entry['confidence']))}",
        *(f"  {'' if number else 'not told':12} {escape(text)}" for number, text in enumerate(doubts)),
        *_reasons("speaks for", entry.get("evidence", ()), evidence),
        *_reasons("against", entry.get("against", ()), evidence),
        *_others(entry),
    ]
    if entry.get("next_step"):
        lines.append(f"  next step    {escape(SPEAKER.spell(str(entry['next_step'])))}")
    return lines


def _reasons(title: str, rows: Sequence[Mapping[str, Any]], evidence: Mapping[str, Any]) -> list[str]:
    observations = evidence.get("observations", ())
    lines: list[str] = []
    for row in rows[:_MOST_ROWS]:
        number = row.get("observation")
        known = isinstance(number, int) and 0 <= number < len(observations)
        text = observation_sentence(SPEAKER, observations[number]) if known else str(row.get("text", ""))
        lines.append(f"  {title if not lines else '':12} {row['nats']:+8.1f} nats  {escape(text)}")
    if len(rows) > _MOST_ROWS:
        lines.append(f"  {'':12} and {len(rows) - _MOST_ROWS} more, see the report")
    return lines


def _others(entry: Mapping[str, Any]) -> list[str]:
    reported = set(entry["components"])
    others = [
        f"{SPEAKER.name(str(candidate['id']))}{direction_words(SPEAKER, [str(candidate['id'])])}"
        f" {confidence(float(candidate['probability']))}"
        for candidate in entry.get("candidates", ())
        if candidate["id"] not in reported and float(candidate["probability"]) >= _LEAST_PROBABILITY
    ]
    return [f"  or else      {escape('; '.join(others) if others else 'nothing else holds one per cent')}"]


def closing_lines(outcome: Outcome) -> list[str]:
    """The detection floor."""
    lines = []
    floors = [row for row in outcome.verdict.get("floor", ()) if row["mode"] != Mode.DOWN]  # an outage has no size
    for number, row in enumerate(floors[:_MOST_ROWS]):
        lines.append(f"  {'floor' if number == 0 else '':12} {escape(floor_sentence(SPEAKER, row))}")
    return lines


def truth_lines(outcome: Outcome) -> list[str]:
    """What was injected, and whether each part of the verdict is right."""
    truth = "; ".join(fault_words(fault) for fault in outcome.faults) or "nothing was injected"
    marks = ", ".join(
        f"{name} [{'green' if right else 'red'}]{'right' if right else 'wrong'}[/]"
        for name, right in outcome.correct.document().items()
    )
    seconds = outcome.seconds
    took = ", ".join(
        f"{words} {seconds[key]:.1f} s"
        for key, words in (
            ("setup", "set-up"),
            ("to_first_sign", "first sign after"),
            ("to_verdict", "verdict after"),
            ("total", "all"),
        )
        if key in seconds
    )
    balance = outcome.balance
    return [
        f"[bold]TRUTH    {escape(truth)}[/]",
        f"  judged       {marks}",
        *(f"               {escape(reason)}" for reason in outcome.correct.reasons),
        f"  took         {took}",
        f"  batches      {balance.batches} acknowledged, {balance.lost} lost, {balance.doubled} doubled",
        f"  report       {escape(str(outcome.report))}",
    ]


def fault_words(fault: Fault) -> str:
    """A fault as the driver injected it."""
    place = PLACES[fault.component]
    return f"{_amount(fault)} {place.name} ({SPEAKER.owner(place.owner.value)}){direction_words(SPEAKER, fault.components)}"


def _amount(fault: Fault) -> str:
    """What was done, and how much of it, up to the place."""
    rate = fault.rate
    words = {
        Kind.LOSS: f"{rate:.2%} loss on",
        Kind.BURST_LOSS: f"{rate:.2%} loss in bursts on",
        Kind.CONGESTION: f"a queue of {rate:g} ms on",
        Kind.DELAY: f"{rate:g} ms of delay on",
        Kind.REROUTE: "another path, and no fault, on",
        Kind.MTU: f"packets above {rate:g} octets vanish on",
        Kind.LINK_DOWN: "link down:",
        Kind.SITE_DOWN: "no power at",
        Kind.SERVER_SLOW: f"answers take {rate:g} times as long at",
        Kind.SERVER_STALLED: f"{rate:.0%} of the time the window is closed at",
        Kind.DNS_TIMEOUT: f"{rate:.0%} of the queries stay unanswered by",
        Kind.SERVICE_REFUSED: f"{rate:.0%} of the connections are refused by",
    }
    return words[fault.kind]
