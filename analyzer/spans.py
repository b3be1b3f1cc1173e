"""Which stretch of time answers: a fault of now, neither diluted by the healthy past nor kept alive by a past that is over.

Goes in: the localiser's answer over each suffix span (say the last 20 s, 60 s, 10 min) with its evidence. Comes out: the
answer that counts, and which places any span still suspects. The rule is decision record 0010:

- span s asks: did a fault begin s ago and last until now? An entry whose own witnesses, in the shortest span, speak against it
  by more than `GONE_NATS` is over and does not count;
- of the spans that blame, the one whose leading entry has the largest net evidence answers: a healthy past only lowers it;
- asking K spans is K chances to be wrong: the prior of each is divided by K (`prior_share`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from analyzer.support import net_nats, supporters
from faultline.records.incident import Base, base_of

GONE_NATS = 3.0
"""Twenty to one: the newest windows contradict the entry."""


@attrs.frozen(slots=True, kw_only=True)
class SpanAnswer:
    """The localiser's answer over one suffix span."""

    length_ns: int
    evidence: Mapping[str, Any]
    """`faultline-evidence/1`."""
    answer: Mapping[str, Any]
    """`faultline-verdict/1`."""


@attrs.frozen(slots=True, kw_only=True)
class Choice:
    """What a step believes."""

    span: SpanAnswer
    entries: tuple[Mapping[str, Any], ...]
    """Entries that blame or are planned and are not over; most certain first."""
    supported: frozenset[Base]
    """Places that any entry of any span, not over, suspects: blaming or not."""
    over: int
    """Entries set aside because the newest windows contradict them."""


def prior_share(spans: int) -> float:
    """Factor on the fault rate when several spans are asked (Bonferroni)."""
    return 1.0 / max(1, spans)


def choose(answers: Sequence[SpanAnswer]) -> Choice:
    """Pick among answers over suffix spans of the same end.

    Raises:
        ValueError: no answer was given.
    """
    if not answers:
        raise ValueError("no span was answered")
    newest = min(answers, key=lambda a: a.length_ns).evidence.get("observations", ())
    alive = {id(a): [entry for entry in a.answer["verdicts"] if not is_over(entry, a, newest)] for a in answers}
    over = sum(len(a.answer["verdicts"]) - len(alive[id(a)]) for a in answers)
    supported = frozenset(base_of(str(c)) for entries in alive.values() for entry in entries for c in entry["components"])
    telling = [a for a in answers if any(_counts(entry) for entry in alive[id(a)])]
    # Where nothing blames, the longest span has seen the most packets and knows best how healthy it is.
    span = (
        max(telling, key=lambda a: (_strength(alive[id(a)]), -a.length_ns))
        if telling
        else max(answers, key=lambda a: a.length_ns)
    )
    return Choice(span=span, entries=tuple(entry for entry in alive[id(span)] if _counts(entry)), supported=supported, over=over)


def is_over(entry: Mapping[str, Any], answer: SpanAnswer, newest: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the observations that made the entry, looked at in the newest span alone, contradict it."""
    who = supporters(entry, answer.evidence.get("observations", ()))
    return bool(who) and net_nats(entry, newest, who) < -GONE_NATS


def _counts(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("blames") or entry.get("planned"))


def _strength(entries: Sequence[Mapping[str, Any]]) -> float:
    return max(entry_nats(entry) for entry in entries if _counts(entry))


def entry_nats(entry: Mapping[str, Any]) -> float:
    """Net log ratio of an entry: what speaks for it and against it together."""
    return math.fsum(float(row["nats"]) for side in ("evidence", "against") for row in entry.get(side, ()))
