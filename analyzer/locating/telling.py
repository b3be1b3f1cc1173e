"""A verdict as a person reads it: what, why, what else, what next; and the table behind it.

Goes in: a `faultline-verdict/1` document. Comes out: text. Adds nothing to what the document says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

STRONGEST = 8
"""Rows of evidence shown a side; the table and `--json` have more."""
MOST_FLOORS = 12
MOST_MISTAKES = 3
_WIDTH = 7


def pretty(verdict: Mapping[str, Any]) -> str:
    """The verdict as a person reads it: what, why, what else, what next."""
    parts: list[str] = []
    entries = verdict["verdicts"]
    if not entries:
        parts.append(_nothing(verdict))
    elif verdict["insufficient"]:
        parts.append("Not enough evidence to blame anything. What is suspected:")
    for number, entry in enumerate(entries, start=1):
        parts.append(_entry(entry, number if len(entries) > 1 else None))
    test = verdict.get("next_test")
    if test:
        parts.append(f"Next test: from {test['from']} to {test['to']} (expected to settle {test['expected_gain_nats']:.2f} nats)")
    floor = _floor(verdict.get("floor", ()))
    if floor:
        parts.append(floor)
    if verdict.get("skipped"):
        skipped = ", ".join(f"{count} of kind {kind!r}" for kind, count in verdict["skipped"].items())
        parts.append("\n".join([f"Skipped observations: {skipped}", *(f"   {m}" for m in verdict["mistakes"][:MOST_MISTAKES])]))
    if "seconds" in verdict:
        parts.append(f"{verdict['seconds']:.2f} s")
    return "\n\n".join(parts)


def table(verdict: Mapping[str, Any]) -> str:
    """Every observation's weight in each entry, and the sums they make: the score of the entry."""
    return "\n\n".join("\n".join(_rows(entry)) for entry in verdict["verdicts"])


def _rows(entry: Mapping[str, Any]) -> Iterator[str]:
    yield f"{', '.join(map(str, entry['components']))}: {entry['mode']}"
    yield f"  {'nats':>10}  {'sum':>10}  observation"
    total = 0.0
    for row in (*entry["evidence"], *entry["against"]):
        total += row["nats"]
        yield f"  {row['nats']:+10.4f}  {total:+10.4f}  {row['observation']:>5}  {row['text']}"
    rest = entry.get("rest")
    if rest:
        total += rest["nats"]
        yield f"  {rest['nats']:+10.4f}  {total:+10.4f}         {rest['observations']} more, each next to nothing"
    score = entry["score"]
    total += score["prior"]
    yield f"  {score['prior']:+10.4f}  {total:+10.4f}         how rare such a fault is"
    yield f"  {score['total']:+10.4f}              the score: log odds at severity {entry['severity']['value']:g}"


def _nothing(verdict: Mapping[str, Any]) -> str:
    if not verdict["insufficient"]:
        return "No fault found."
    if "healthy" not in verdict:
        return "Nothing was measured: no observation looks at any component."
    return "Not enough evidence: too much of the network was not measured."


def _entry(entry: Mapping[str, Any], number: int | None) -> str:
    head = "" if number is None else f"{number}. "
    lines = [head + entry["text"], f"   Next step: {entry['next_step']}"]
    for title, side in (("For", "evidence"), ("Against", "against")):
        rows = entry[side]
        if rows:
            lines.append(f"   {title} (nats):")
            lines += [f"   {row['nats']:+{_WIDTH}.1f}  {row['text']}" for row in rows[:STRONGEST]]
            if len(rows) > STRONGEST:
                lines.append(f"   {sum(r['nats'] for r in rows[STRONGEST:]):+{_WIDTH}.1f}  in {len(rows) - STRONGEST} more")
    score = entry["score"]
    lines.append(f"   {score['evidence']:+.1f} nats of evidence {score['prior']:+.1f} of rarity = {score['total']:+.1f}")
    others = [c for c in entry["candidates"] if c["id"] not in entry["components"] and c["probability"] >= 0.01]  # noqa: PLR2004 - noise
    if others:
        listed = ", ".join(f"{c['id']} {c['probability']:.0%}" for c in others[:STRONGEST])
        lines.append(f"   Else it could be: {listed}")
    return "\n".join(lines)


def _floor(rows: Sequence[Mapping[str, Any]]) -> str:
    """What would have been seen, a place a line. That something died would be seen of course."""
    from faultline.records.terms import Mode  # noqa: PLC0415 - start-up cost belongs to the command that needs it
    from faultline.reports.numbers import severity, span  # noqa: PLC0415

    places: dict[str, list[str]] = {}
    for row in rows:
        if row["mode"] == Mode.DOWN:
            continue
        told = f"{row['mode']} {severity(Mode(row['mode']), row['value'])}"
        if "reference_seconds" in row:
            told += f" ({severity(Mode.LOSS, row['reference'])} in {span(int(row['reference_seconds'] * 1e9))})"
        places.setdefault(", ".join(map(str, row["components"])), []).append(told)
    if not places:
        return ""
    lines = ["Smallest fault these packets would have shown:"]
    lines += [f"   {place}: {', '.join(told)}" for place, told in list(places.items())[:MOST_FLOORS]]
    if len(places) > MOST_FLOORS:
        lines.append(f"   and {len(places) - MOST_FLOORS} more")
    return "\n".join(lines)
