"""From an explanation to `faultline-verdict/1`.

Goes in: problem, solver and explanation. Comes out: the document. What each observation adds to an entry is the difference of
its log-likelihood with and without that fault, all others being true: the rows add up to the entry's score, exactly.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from faultline.inference.alike import with_its_like
from faultline.inference.faults import NEVER_BLAMED, ONE_EXTENT
from faultline.inference.floor import floor_rows
from faultline.inference.further import next_test, noise_of
from faultline.inference.priors import planned_components
from faultline.inference.problem import Hypothesis, Problem
from faultline.inference.search import Block, Explanation
from faultline.inference.solver import Fault, fault, state_of
from faultline.inference.wording import cause, drops_text, entry_text, next_step, observation_text
from faultline.records.terms import Mode, Owner

FORMAT = "faultline-verdict/1"
HEALTHY = 0.95
"""From this probability on that nothing is wrong, nothing is reported."""
SUSPECT = 0.05
"""Up to this probability that nothing is wrong, blame is possible."""
SET_MASS, SET_CLASSES = 0.95, 8
OWNER_SHARE = 0.8
PLANNED_SHARE = 0.95
"""A class is planned work when so much of its probability is on what is worked on."""
LEAST_NATS = 5e-5
MOST_ROWS = 200
"""Rows of evidence listed a side; the sum of the rest is in `rest`."""
LEAST_SHARE = 0.001


@attrs.frozen(slots=True, kw_only=True)
class _Place:
    """What the posterior says of one block: by component, by owner, by mode."""

    probabilities: Mapping[int, float]
    classes: tuple[tuple[tuple[int, ...], float], ...]
    """Groups by probability, best first."""
    modes: Mapping[Mode, float]
    owners: Mapping[Owner, float]


def verdict(problem: Problem, explanation: Explanation, *, healthy_floor: bool = True) -> dict[str, Any]:
    """The document, without `seconds`, which the edge adds.

    `healthy_floor`: tell the floor of every measured place when nothing is reported; it costs several times the search.
    """
    measured = any(row.modes for row in problem.rows) and bool(problem.hypotheses)
    healthy = explanation.healthy
    if not measured:
        return {"format": FORMAT, "verdicts": [], "insufficient": True, **_skipped(problem)}
    if healthy >= HEALTHY:
        return _answer(problem, [], explanation, insufficient=False, healthy_floor=healthy_floor)
    unsure = healthy > SUSPECT
    entries = []
    for number, block in enumerate(explanation.blocks):
        others = [f for k, f in enumerate(explanation.faults) if k != number]
        entries += _entries(problem, block, others, unsure=unsure)
    entries = _with_symptoms(entries)
    entries.sort(key=lambda e: (not e["blames"], -e["confidence"], -e["score"]["total"], str(e["components"])))
    # What is only suspected is told where nothing better is known, and then nothing is blamed.
    settled = [] if unsure else [entry for entry in entries if entry["_settled"]]
    for entry in entries:
        del entry["_settled"]
    return _answer(problem, settled or entries, explanation, insufficient=not settled, healthy_floor=healthy_floor)


def _answer(
    problem: Problem, entries: list[dict[str, Any]], explanation: Explanation, *, insufficient: bool, healthy_floor: bool
) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "format": FORMAT,
        "verdicts": entries,
        "insufficient": insufficient,
        "healthy": round(explanation.healthy, 6),
    }
    test = _next_test(problem, explanation) if entries else None
    if test is not None:
        answer["next_test"] = test
    if entries or healthy_floor:
        answer["floor"] = floor_rows(problem, [tuple(e["components"]) for e in entries])
    return answer | _skipped(problem)


def _skipped(problem: Problem) -> dict[str, Any]:
    evidence = problem.evidence
    return {"skipped": dict(evidence.skipped), "mistakes": list(evidence.mistakes)} if evidence.skipped else {}


def _next_test(problem: Problem, explanation: Explanation) -> dict[str, Any] | None:
    """The test for the block that is least settled."""
    if not explanation.blocks:
        return None
    places = [(block, _place(problem, block).probabilities) for block in explanation.blocks]
    block, mass = max(places, key=lambda item: _entropy(item[1]))
    return next_test(problem, mass, noise_of(block.hypothesis.mode, block.severities[0].value))


def _entropy(mass: Mapping[int, float]) -> float:
    whole = math.fsum(mass.values())
    return -math.fsum(p / whole * math.log(p / whole) for p in mass.values() if p > 0) if whole else 0.0


# ---- one block ---------------------------------------------------------------------------------------------------
def _place(problem: Problem, block: Block, *, beside: frozenset[int] = frozenset()) -> _Place:
    """Marginals over the block's alternatives; `beside` are components reported in an entry of their own."""
    probabilities: dict[int, float] = defaultdict(float)
    classes: dict[tuple[int, ...], float] = defaultdict(float)
    modes: dict[Mode, float] = defaultdict(float)
    owners: dict[Owner, float] = defaultdict(float)
    for hypothesis, share in block.alternatives:
        modes[hypothesis.mode] += share
        told = [group for group in hypothesis.groups if not beside.issuperset(group)]
        for parts in _as_told(hypothesis.mode, len(told)):
            classes[tuple(c for k in parts for c in told[k])] += share
        for group in told:
            inside = math.fsum(hypothesis.shares[c] for c in group)
            for c in group:
                part = share * hypothesis.shares[c] / inside
                probabilities[c] += part
                owners[problem.components[c].owner] += part / len(told)
    whole = math.fsum(owners.values())
    return _Place(
        probabilities=dict(probabilities),
        classes=tuple(sorted(classes.items(), key=lambda item: (-item[1], item[0]))),
        modes=dict(modes),
        owners={owner: share / whole for owner, share in owners.items()} if whole else {},
    )


def _entries(problem: Problem, block: Block, others: Sequence[Fault], *, unsure: bool) -> list[dict[str, Any]]:
    """One entry, or one a direction where each has a severity of its own."""
    present = fault(block.hypothesis, [s.value for s in block.severities])
    groups = block.hypothesis.groups
    made = []
    for parts in _as_told(block.hypothesis.mode, len(groups)):
        beside = frozenset(c for k, group in enumerate(groups) if k not in parts for c in group)
        place = _place(problem, block, beside=beside)
        made.append(_entry(problem, block, parts, present=present, others=others, place=place, unsure=unsure))
    return made


def _as_told(mode: Mode, groups: int) -> list[tuple[int, ...]]:
    """Which directions are one entry."""
    return [tuple(range(groups))] if mode in ONE_EXTENT and groups else [(number,) for number in range(groups)]


def _with_symptoms(entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a full queue drops, or a narrow link, is no fault of its own: it is told with the one that drops it."""
    kept = []
    for entry in entries:
        origin = next((e for e in entries if e["_settled"] and _drops(e, entry)), None)
        if origin is None:
            kept.append(entry)
            continue
        origin.setdefault("also", []).append({key: entry[key] for key in ("mode", "severity", "evidence")})
        origin["text"] += f" {drops_text(entry)}"
    return kept


def _drops(origin: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    """Whether the losses of an entry are those that another one brings; a narrow link turns back what it does not pass."""
    if entry["mode"] != Mode.LOSS:
        return False
    if origin["mode"] == Mode.MTU:
        return {_base(c) for c in entry["components"]} <= {_base(c) for c in origin["components"]}
    return origin["mode"] == Mode.CONGESTION and set(entry["components"]) <= set(origin["components"])


def _base(component: str | int) -> str:
    return str(component).rstrip("<>")


def _entry(
    problem: Problem,
    block: Block,
    parts: tuple[int, ...],
    *,
    present: Fault,
    others: Sequence[Fault],
    place: _Place,
    unsure: bool,
) -> dict[str, Any]:
    hypothesis, severity = block.hypothesis, block.severities[parts[0]]
    mode = hypothesis.mode
    own = tuple(sorted(c for k in parts for c in hypothesis.groups[k]))
    worked_on = _worked_on(problem, hypothesis, own)
    planned = bool(worked_on)
    group = worked_on or with_its_like(problem, block, own)
    components = [problem.components[c] for c in group]
    rows = _weights(problem, present, parts, others)
    there = _there(block, parts)
    owner = max(place.owners.items(), key=lambda item: (item[1], item[0]), default=(Owner.UNKNOWN, 0.0))
    settled = block.certain and there >= HEALTHY and not _vague(place)
    blames = (
        settled and not unsure and not planned and mode is not Mode.ROUTE and not any(c.kind in NEVER_BLAMED for c in components)
    )
    entry: dict[str, Any] = {
        "components": [c.id for c in components],
        "mode": mode.value,
        "owner": (owner[0] if owner[1] >= OWNER_SHARE else Owner.UNKNOWN).value,
        "confidence": round(_confidence(block, group), 6),
        "planned": planned,
        "blames": blames,
        "severity": _severity(mode, severity.value, severity.low, severity.high),
        "candidates": _candidates(problem, place),
        "owners": {
            o.value: round(share, 4) for o, share in sorted(place.owners.items(), key=lambda i: -i[1]) if share >= LEAST_SHARE
        },
        "modes": {m.value: round(p, 4) for m, p in sorted(place.modes.items(), key=lambda i: -i[1]) if p >= LEAST_SHARE},
        **_sides(problem, rows),
        "score": _score(hypothesis, rows, first=0 in parts),
        "_settled": settled,
    }
    entry["text"] = entry_text(problem, entry, group)
    entry["next_step"] = next_step(entry, components)
    told = cause(problem, [row for row, nats in rows if nats > 0])
    if told:
        entry["cause"] = told
    return {key: entry[key] for key in _ORDER if key in entry}


_ORDER = (
    "components",
    "mode",
    "owner",
    "confidence",
    "planned",
    "blames",
    "text",
    "severity",
    "candidates",
    "owners",
    "modes",
    "evidence",
    "against",
    "rest",
    "score",
    "cause",
    "next_step",
    "_settled",
)


def _worked_on(problem: Problem, hypothesis: Hypothesis, own: tuple[int, ...]) -> tuple[int, ...]:
    """Where a fault is planned work: the parts that are worked on, when they hold what the class has of probability.

    Nothing measured tells the members of a class apart; what is worked on is a thousand times as likely to be down.
    """
    known = planned_components(problem.evidence)
    planned = tuple(c for c in own if c in known)
    whole = math.fsum(hypothesis.shares[c] for c in own)
    return planned if planned and math.fsum(hypothesis.shares[c] for c in planned) >= PLANNED_SHARE * whole else ()


def _there(block: Block, parts: tuple[int, ...]) -> float:
    """Probability that this entry's fault is there at all: not nothing, and not only the other direction."""
    others = {group for k, group in enumerate(block.hypothesis.groups) if k not in parts}
    return 1.0 - block.nothing - math.fsum(share for h, share in block.alternatives if others.issuperset(h.groups))


def _confidence(block: Block, group: tuple[int, ...]) -> float:
    """Probability that one of the reported components is at fault."""
    own, sure = set(group), 0.0
    for hypothesis, share in block.alternatives:
        inside = [
            math.fsum(hypothesis.shares[c] for c in part if c in own) / math.fsum(hypothesis.shares[c] for c in part)
            for part in hypothesis.groups
        ]
        sure += share * max(inside)
    return min(1.0, sure)


def _vague(place: _Place) -> bool:
    """No set of up to eight classes holds 95 % of the mass."""
    whole = math.fsum(share for _, share in place.classes)
    return math.fsum(share for _, share in place.classes[:SET_CLASSES]) < SET_MASS * whole


def _severity(mode: Mode, value: float, low: float, high: float) -> dict[str, float]:
    if mode in {Mode.DOWN, Mode.ROUTE}:
        return {"value": 1.0, "low": 1.0, "high": 1.0}
    return {"value": _short(value), "low": _short(min(low, value)), "high": _short(max(high, value))}


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def _candidates(problem: Problem, place: _Place) -> list[dict[str, Any]]:
    ranked = sorted(place.probabilities.items(), key=lambda item: (-item[1], item[0]))
    return [{"id": problem.components[c].id, "probability": round(p, 6)} for c, p in ranked if p >= LEAST_SHARE]


def _weights(problem: Problem, present: Fault, parts: tuple[int, ...], others: Sequence[Fault]) -> list[tuple[int, float]]:
    """What each row says for these groups of the fault against their absence."""
    maps = present.maps
    left = [k for k in range(len(maps)) if k not in parts]
    rest = Fault(
        attrs.evolve(
            present.hypothesis,
            groups=tuple(present.hypothesis.groups[k] for k in left),
            columns=tuple(present.hypothesis.columns[k] for k in left),
        ),
        tuple(present.severities[k] for k in left),
        tuple(maps[k] for k in left),
    )
    found = []
    for row in dict.fromkeys(row for k in parts for row in maps[k]):
        likelihood = problem.rows[row]
        full = likelihood.loglik(state_of(row, [*others, present]))
        found.append((row, full - likelihood.loglik(state_of(row, [*others, rest] if left else others))))
    return found


def _sides(problem: Problem, rows: Sequence[tuple[int, float]]) -> dict[str, Any]:
    """For and against, heaviest first."""
    sides: dict[str, Any] = {"evidence": [], "against": []}
    rest, hidden = 0.0, 0
    for row, nats in sorted(rows, key=lambda item: (-abs(item[1]), item[0])):
        side = sides["evidence" if nats > 0 else "against"]
        if abs(nats) < LEAST_NATS or len(side) >= MOST_ROWS:
            rest += nats
            hidden += 1
            continue
        observation = problem.observations[row]
        side.append({"observation": observation.number, "nats": round(nats, 6), "text": observation_text(observation)})
    if abs(rest) >= LEAST_NATS:
        sides["rest"] = {"observations": hidden, "nats": round(rest, 6)}
    return sides


def _score(hypothesis: Hypothesis, rows: Sequence[tuple[int, float]], *, first: bool) -> dict[str, float]:
    """Log odds of the fault at its severity: the sum of the rows, and the price of its rarity.

    Both directions of a segment share one prior, which the first of the two entries carries.
    """
    nats = math.fsum(n for _, n in rows)
    prior = hypothesis.log_prior if first else 0.0
    return {"evidence": round(nats, 6), "prior": round(prior, 6), "total": round(nats + prior, 6)}
