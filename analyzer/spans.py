"""Which stretch of time answers: a fault of now, neither diluted by the healthy past nor kept alive by a past that is over.

Goes in: the localiser's answer over each suffix span (say 20 s, 60 s, 10 min) with its evidence, and the evidence of single
windows. Comes out: the answer that counts, and which places any span still suspects. The rule is decision record 0010:

- an entry whose own witnesses contradict it since its stretch ended is over (`lasting`) and does not count;
- a span that reaches back before its strongest entry began mixes healthy and ill windows, which looks like another mode (a queue
  instead of a longer way) and a smaller severity: the suffix since then is asked as well (`clearer`) and answers in its place;
- of the spans that still blame, the one whose leading entry has the largest net evidence answers: a healthy past only lowers it;
- a span of counts alone sees of a queue what it drops, and much of it: where a span with times says that packets wait, it does
  not answer;
- asking K spans is K chances to be wrong: the prior of each is divided by K (`prior_share`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from analyzer.lasting import Stretch, WindowEvidence, stretch_of
from faultline.records.incident import Base, base_of
from faultline.records.terms import Mode

TIMED = frozenset({Mode.DELAY, Mode.CONGESTION, Mode.SLOW})
"""Modes that only distributions show."""
FEWEST_ILL = 2
"""Windows a suffix must have to be asked for itself: a single one has too few packets to tell modes apart."""


@attrs.frozen(slots=True, kw_only=True)
class SpanAnswer:
    """The localiser's answer over one suffix span."""

    length_ns: int
    evidence: Mapping[str, Any]
    """`faultline-evidence/1`."""
    answer: Mapping[str, Any]
    """`faultline-verdict/1`."""
    timed: bool = True
    """Whether its evidence has delays and response times beside the counts."""


@attrs.frozen(slots=True, kw_only=True)
class Choice:
    """What a step believes."""

    span: SpanAnswer
    entries: tuple[tuple[Mapping[str, Any], Stretch | None], ...]
    """Entries that blame or are planned and are not over, with since when; most certain first."""
    supported: frozenset[Base]
    """Places that any entry of any span, not over, suspects: blaming or not."""
    over: int
    """Entries set aside because they are over."""


def prior_share(spans: int) -> float:
    """Factor on the fault rate when several spans are asked (Bonferroni)."""
    return 1.0 / max(1, spans)


def clearer(answers: Sequence[SpanAnswer], windows: Sequence[WindowEvidence]) -> dict[int, int]:
    """Of each span that reaches back before its strongest entry began, the length of the suffix that holds the fault alone.

    The stretch's first window is healthy in part, as faults do not wait for windows: it is left out when two are left without it.
    """
    found: dict[int, int] = {}
    for answer in answers:
        entries = [(e, s) for e, s in _dated(answer, windows) if _counts(e) and s is not None and not s.over]
        if not entries:
            continue
        _, stretch = max(entries, key=lambda pair: entry_nats(pair[0]))
        ill = [w for w in windows if stretch is not None and w.start_ns >= stretch.start_ns]
        pure = ill[1:] if len(ill) > FEWEST_ILL else ill
        length_ns = windows[-1].end_ns - pure[0].start_ns
        if len(pure) >= FEWEST_ILL and length_ns < answer.length_ns:
            found[answer.length_ns] = length_ns
    return found


def choose(
    answers: Sequence[SpanAnswer], windows: Sequence[WindowEvidence], clearer_of: Mapping[int, int] | None = None
) -> Choice:
    """Pick among answers over suffix spans of the same end, one a length.

    `windows` are single ones, oldest first, as far back as the longest span; `clearer_of` is what `clearer` gave, when those
    suffixes were answered too.

    Raises:
        ValueError: no answer was given.
    """
    if not answers:
        raise ValueError("no span was answered")
    dated = {a.length_ns: _dated(a, windows) for a in answers}
    alive = {length: [(e, s) for e, s in entries if s is None or not s.over] for length, entries in dated.items()}
    over = sum(len(dated[length]) - len(alive[length]) for length in dated)
    supported = frozenset(base_of(str(c)) for entries in alive.values() for entry, _ in entries for c in entry["components"])
    telling = [a for a in answers if any(_counts(entry) for entry, _ in alive[a.length_ns])]
    told = {a.length_ns for a in telling}
    mixed = {length for length, suffix in (clearer_of or {}).items() if suffix in told}
    telling = [a for a in telling if a.length_ns not in mixed]
    waiting = _waiting([entry for a in telling if a.timed for entry, _ in alive[a.length_ns]])
    telling = [a for a in telling if a.timed or waiting.isdisjoint(_leading(alive[a.length_ns]))]
    # Where nothing blames, the longest span has seen the most packets and knows best how healthy it is.
    span = max(answers, key=lambda a: a.length_ns)
    if telling:
        span = max(telling, key=lambda a: (_strength(alive[a.length_ns]), -a.length_ns))
    entries = tuple((entry, stretch) for entry, stretch in alive[span.length_ns] if _counts(entry))
    return Choice(span=span, entries=entries, supported=supported, over=over)


def _dated(answer: SpanAnswer, windows: Sequence[WindowEvidence]) -> list[tuple[Mapping[str, Any], Stretch | None]]:
    return [(entry, _stretch(entry, answer, windows)) for entry in answer.answer["verdicts"]]


def _stretch(entry: Mapping[str, Any], answer: SpanAnswer, windows: Sequence[WindowEvidence]) -> Stretch | None:
    end_ns = windows[-1].end_ns if windows else 0
    inside = [w for w in windows if w.start_ns >= end_ns - answer.length_ns]
    return stretch_of(entry, answer.evidence.get("observations", ()), inside)


def _counts(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("blames") or entry.get("planned"))


def _waiting(entries: Sequence[Mapping[str, Any]]) -> frozenset[Base]:
    """Places where something takes longer."""
    slow = [entry for entry in entries if _counts(entry) and entry["mode"] in TIMED]
    return frozenset(base_of(str(c)) for entry in slow for c in entry["components"])


def _leading(entries: Sequence[tuple[Mapping[str, Any], Stretch | None]]) -> frozenset[Base]:
    """The place of the strongest entry."""
    entry = max((entry for entry, _ in entries if _counts(entry)), key=entry_nats)
    return frozenset(base_of(str(c)) for c in entry["components"])


def _strength(entries: Sequence[tuple[Mapping[str, Any], Stretch | None]]) -> float:
    return max(entry_nats(entry) for entry, _ in entries if _counts(entry))


def entry_nats(entry: Mapping[str, Any]) -> float:
    """Net log ratio of an entry: what speaks for it and against it together."""
    return math.fsum(float(row["nats"]) for side in ("evidence", "against") for row in entry.get(side, ()))
