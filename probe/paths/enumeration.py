"""How many flows it takes to see every branch of a balanced hop, and how sure one is after some. Pure arithmetic.

The stopping rule of the Multipath Detection Algorithm (Augustin, Friedman, Teixeira, "Multipath tracing with Paris
traceroute", E2EMON 2007), applied hop by hop instead of router by router as in MDA-Lite (Vermeulen et al., "Multilevel MDA-Lite
Paris Traceroute", IMC 2018). Guarantee: at each hop, were there one branch more than was seen, all branches alike, it would have
stayed unseen with no more than the stated probability. Where branches are unevenly weighted or balancing looks at other things
than the flow, a rare branch may be missed more often.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import comb

CONFIDENCE = 0.95


def missed(branches: int, flows: int) -> float:
    """Probability that some of so many equal branches is met by none of so many flows (inclusion and exclusion)."""
    terms = ((-1) ** (left + 1) * comb(branches, left) * (1 - left / branches) ** flows for left in range(1, branches))
    return min(1.0, max(0.0, float(sum(terms))))


def flows_needed(seen: int, *, confidence: float = CONFIDENCE) -> int:
    """Flows after which one branch more than was seen may be ruled out: 6, 11, 16, 21, 27... at 95 %."""
    flows = seen + 1
    while missed(seen + 1, flows) > 1 - confidence:
        flows += 1
    return flows


def further_flows(hops: Mapping[int, Mapping[int, Collection[str]]], *, confidence: float = CONFIDENCE) -> int:
    """Flows still to be traced.

    Args:
        hops: by hop, then by flow that was answered there, the addresses seen.
        confidence: at each hop.
    """
    lacking = [flows_needed(_seen(flows), confidence=confidence) - len(flows) for flows in hops.values() if flows]
    return max(0, *lacking) if lacking else 0


def confidence_of(hops: Mapping[int, Mapping[int, Collection[str]]]) -> float | None:
    """How sure it is, at the least sure hop, that it has no further branch; None when no hop answered."""
    doubts = [missed(_seen(flows) + 1, len(flows)) for flows in hops.values() if flows]
    return 1 - max(doubts) if doubts else None


def _seen(flows: Mapping[int, Collection[str]]) -> int:
    return len({address for addresses in flows.values() for address in addresses})
