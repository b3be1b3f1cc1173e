"""The largest talkers of a row: candidates that add up, and the ranks that are written of them. Pure.

Candidates are kept as one text in the sums of a row, `{address: [octets, packets, flows]}`, the largest `KEPT` of them. Rows of
ranks are made anew from them whenever the row is written. The guarantee is that of taking the largest of parts: an address that
is among the largest `KEPT` of every part has its exact sums; another one is too low by what it had in parts it was not among.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Mapping

from faultline.records.points import FieldValue

TALKERS = "_talkers"
"""Name of the sum that holds candidates."""
KEPT = 16
RANKS = 10
Counts = tuple[int, int, int]
"""Octets, packets, flows."""


def largest(candidates: Mapping[str, Counts], *, kept: int = KEPT) -> list[tuple[str, Counts]]:
    """The largest candidates, the largest first, and of equals always the same first."""
    return heapq.nsmallest(kept, candidates.items(), key=lambda entry: (-entry[1][0], entry[0]))


def joined(one: Mapping[str, Counts], other: Mapping[str, Counts]) -> dict[str, Counts]:
    """The candidates of two parts."""
    found = dict(one)
    for address, counts in other.items():
        known = found.get(address)
        found[address] = counts if known is None else (known[0] + counts[0], known[1] + counts[1], known[2] + counts[2])
    return dict(largest(found)) if len(found) > 2 * KEPT else found


def written(candidates: Mapping[str, Counts]) -> str:
    """The largest candidates as text."""
    return json.dumps(dict(largest(candidates)), separators=(",", ":"))


def read(text: str) -> dict[str, Counts]:
    """Candidates as they were written."""
    return {address: (counts[0], counts[1], counts[2]) for address, counts in json.loads(text).items()}


def taken_apart(sums: Mapping[str, FieldValue]) -> tuple[Mapping[str, FieldValue], dict[str, Counts]]:
    """The sums of a stored row, and the candidates among them."""
    if TALKERS not in sums:
        return sums, {}
    return {name: value for name, value in sums.items() if name != TALKERS}, read(str(sums[TALKERS]))
