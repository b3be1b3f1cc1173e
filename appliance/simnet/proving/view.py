"""Evidence as methods that know only packets and ways see it.

Goes in: a `faultline-evidence/1` document. Comes out: `View`: rows of packets sent and lost, and the classes of components that
stand in the same rows with the same shares, which nothing can tell apart. Reads losses alone; knows no truth.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]


@attrs.frozen(kw_only=True, eq=False)
class View:
    """Rows and classes, by number."""

    sent: Array
    lost: Array
    usual: Array
    """Share that each row usually loses; what is not known is `NaN`."""
    classes: tuple[tuple[str, ...], ...]
    links: Any
    """By class: whether a link is in it."""
    row: Any
    """The crossings: row, class and share of the row's packets, one entry each."""
    cls: Any
    share: Array
    ways: tuple[tuple[int, ...], ...]
    """By row, the classes of its first way in order, each once."""

    @property
    def ratio(self) -> Array:
        """Share lost, by row."""
        found: Array = self.lost / np.maximum(1.0, self.sent)
        return found

    def bad(self, threshold: float) -> Any:
        """Rows that count as failed where only good and bad are told apart."""
        return (self.lost > 0) & (self.ratio >= threshold)

    def by_class(self, values: Array) -> Array:
        """Sum over the rows that cross each class, weighted by share."""
        found = np.bincount(self.cls, weights=values[self.row] * self.share, minlength=len(self.classes))
        return found.astype(np.float64)


def view_of(evidence: Mapping[str, Any]) -> View:
    """Look at a document."""
    losses = [o for o in evidence["observations"] if o["kind"] == "loss"]
    columns: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for number, o in enumerate(losses):
        for component, share in _shares(o).items():
            columns[component].append((number, share))
    alike: dict[tuple[tuple[int, float], ...], list[str]] = defaultdict(list)
    for component, column in columns.items():
        alike[tuple(column)].append(component)
    classes = tuple(tuple(members) for members in alike.values())
    class_of = {component: number for number, members in enumerate(classes) for component in members}
    crossings = [(row, number, share) for number, column in enumerate(alike) for row, share in column]
    devices = {str(c["id"]) for c in evidence["components"] if c["kind"] == "device"}
    usual = [np.nan if o.get("background") is None else float(o["background"]) for o in losses]
    return View(
        sent=np.array([float(o["sent"]) for o in losses]),
        lost=np.array([float(o["lost"]) for o in losses]),
        usual=np.array(usual, dtype=np.float64),
        classes=classes,
        links=np.array([any(c not in devices for c in members) for members in classes], dtype=bool),
        row=np.array([row for row, _, _ in crossings], dtype=np.int64),
        cls=np.array([number for _, number, _ in crossings], dtype=np.int64),
        share=np.array([share for _, _, share in crossings]),
        ways=tuple(tuple(dict.fromkeys(class_of[str(c)] for c in _first_way(o))) for o in losses),
    )


def _first_way(o: Mapping[str, Any]) -> Sequence[Any]:
    way: Sequence[Any] = o["via"] if "via" in o else o["paths"][0]["via"]
    return way


def _shares(o: Mapping[str, Any]) -> Mapping[str, float]:
    if "via" in o:
        return dict.fromkeys(map(str, o["via"]), 1.0)
    shares: dict[str, float] = defaultdict(float)
    for path in o["paths"]:
        for component in dict.fromkeys(path["via"]):
            shares[str(component)] = round(shares[str(component)] + float(path["weight"]), 9)
    return shares
