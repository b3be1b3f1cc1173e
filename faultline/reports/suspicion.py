"""How strongly each element of a line is suspected, and how that is said in a few characters.

Goes in: entries of a verdict. Comes out: a `Suspect` an element, both directions told apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from faultline.records.incident import Base, base_of
from faultline.records.terms import Direction
from faultline.reports.material import Suspect
from faultline.reports.numbers import confidence
from faultline.reports.sentences import Speaker

WEAK = 0.2
"""Suspects below this are outlined, not filled."""
LEAST = 0.005
"""Below half a per cent nothing is drawn: with a bank's network behind it every element holds a trace of probability."""


def suspects_of(entries: Sequence[Mapping[str, Any]]) -> dict[Base, Suspect]:
    """Suspicion an element, from the candidates of verdict entries.

    Reported components without candidates carry the entry's confidence.
    """
    found: dict[Base, dict[str, float]] = {}
    for entry in entries:
        candidates = {str(c["id"]): float(c["probability"]) for c in entry.get("candidates", ())}
        for component in entry["components"]:
            candidates.setdefault(str(component), float(entry["confidence"]))
        for component, probability in candidates.items():
            if probability >= LEAST:
                ways = found.setdefault(base_of(component), {})
                mark = component[len(base_of(component)) :]
                ways[mark] = max(probability, ways.get(mark, 0.0))
    return {
        base: Suspect(
            base=base,
            probability=max(ways.values()),
            a_to_z=ways.get(Direction.A_TO_Z.mark, 0.0),
            z_to_a=ways.get(Direction.Z_TO_A.mark, 0.0),
        )
        for base, ways in found.items()
    }


def arrow_of(suspect: Suspect) -> str:
    """`→`, `←`, `↔`; nothing for a thing without directions. The weaker direction counts from a tenth of the stronger."""
    there = suspect.a_to_z > suspect.z_to_a / 10
    back = suspect.z_to_a > suspect.a_to_z / 10
    return {(True, True): "↔", (True, False): "→", (False, True): "←"}.get((there, back), "")


def suspicion_words(speaker: Speaker, suspect: Suspect) -> str:
    """`93 % A → Z, 2 % Z → A`, or the probability alone."""
    ways = [(suspect.a_to_z, Direction.A_TO_Z), (suspect.z_to_a, Direction.Z_TO_A)]
    said = [f"{confidence(p)} {speaker.word(f'direction.short.{way.value}')}" for p, way in ways if p]
    return ", ".join(said) or confidence(suspect.probability)
