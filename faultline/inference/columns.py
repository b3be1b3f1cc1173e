"""What evidence leaves inseparable: components that stand in exactly the same observations.

Goes in: evidence (`faultline-evidence/1`), a mode. Comes out: a column for each component, and the classes of equal columns.
Pure; it knows neither faults nor verdicts, and nothing of how likely anything is.

A column holds the observations that the mode can move and that cross the component, each with the share of its packets that do.
Only components that can fail in that mode have one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from faultline.records.incident import base_of
from faultline.records.terms import ComponentKind, Mode

Column = frozenset[tuple[int, float]]
"""(number of the observation, share of it) pairs."""

_ROWS_OF: dict[Mode, frozenset[str]] = {
    Mode.LOSS: frozenset({"loss"}),
    Mode.DOWN: frozenset({"loss", "failure", "counter", "event", "silence"}),
    Mode.DELAY: frozenset({"delay", "response"}),
    Mode.CONGESTION: frozenset({"delay", "response", "loss"}),
    Mode.MTU: frozenset({"mtu", "loss"}),
    Mode.SLOW: frozenset({"response"}),
    Mode.STALLED: frozenset({"zero_window"}),
    Mode.FAILING: frozenset({"failure"}),
    Mode.ROUTE: frozenset({"route_change"}),
}
_ON_THE_WAY = frozenset({ComponentKind.SEGMENT, ComponentKind.LINK, ComponentKind.DEVICE})
_AT_THE_END = frozenset({ComponentKind.SERVER, ComponentKind.SERVICE, ComponentKind.RESOLVER})
_KINDS_OF: dict[Mode, frozenset[ComponentKind]] = {
    Mode.DOWN: _ON_THE_WAY | {ComponentKind.SITE},
    Mode.SLOW: _AT_THE_END,
    Mode.STALLED: _AT_THE_END,
    Mode.FAILING: _AT_THE_END,
    Mode.ROUTE: frozenset({ComponentKind.ROUTE}),
}
"""Kinds that can fail in a mode; for every other mode those on the way."""

_CAME_BACK = frozenset({"refused", "servfail", "nxdomain", "error"})
"""Outcomes that somebody answered with: the way works."""


class Columns:
    """The columns of a mode."""

    def __init__(self, evidence: Mapping[str, Any], mode: Mode) -> None:
        components = {str(entry["id"]): entry for entry in evidence.get("components", ())}
        kinds = _KINDS_OF.get(mode, _ON_THE_WAY)
        self._able = {name for name, entry in components.items() if entry.get("kind") in kinds}
        self._site_of = {name: str(entry["site"]) for name, entry in components.items() if entry.get("site") is not None}
        self._hosts: dict[str, list[str]] = defaultdict(list)
        for name, entry in components.items():
            for service in entry.get("hosts") or ():
                self._hosts[name].append(str(service))
                self._hosts[str(service)].append(name)
        self._columns: dict[str, dict[int, float]] = {name: {} for name in self._able}
        for number, observation in enumerate(evidence.get("observations", ())):
            if observation["kind"] in _ROWS_OF[mode]:
                self._expose(number, observation)

    def of(self, component: str) -> Column:
        """A component's column; empty when nothing that the mode can move crosses it."""
        return frozenset(self._columns.get(component, {}).items())

    def of_all(self, components: Iterable[str]) -> Column:
        """The column of several that fail together: for each observation the largest share of it."""
        most: dict[int, float] = {}
        for component in components:
            for number, share in self.of(component):
                most[number] = max(share, most.get(number, 0.0))
        return frozenset(most.items())

    def inseparable(self, components: Iterable[str]) -> frozenset[str]:
        """Everything that cannot be told from these, which fail together, themselves included.

        What has the column of one of them; and each place whose column, over both its directions, is that of all of them: a
        device that loses both ways looks like the segment beside it that does.
        """
        true = list(components)
        alike = {self.of(component) for component in true} - {frozenset()}
        together = self.of_all(true)
        found = {name for name in self._able if self.of(name) in alike}
        if together:
            for members in self._places().values():
                if self.of_all(members) == together:
                    found |= set(members)
        return frozenset(found) | frozenset(true)

    def classes(self) -> list[frozenset[str]]:
        """Places that cannot be told from each other, over both their directions; what nothing crosses is in no class."""
        alike: dict[Column, list[str]] = defaultdict(list)
        for place, members in self._places().items():
            column = self.of_all(members)
            if column:
                alike[column].append(place)
        return [frozenset(places) for places in alike.values()]

    def _places(self) -> dict[str, list[str]]:
        places: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self._able):
            places[base_of(name)].append(name)
        return places

    def _expose(self, number: int, observation: Mapping[str, Any]) -> None:
        shares = _on_the_way(observation)
        for key in ("component", "endpoint", "site"):
            if observation.get(key) is not None:
                shares[str(observation[key])] = 1.0
        if observation.get("endpoint") is not None:
            shares |= dict.fromkeys(self._hosts[str(observation["endpoint"])], 1.0)
        for component, share in shares.items():
            # What is in a building without power passes nothing on.
            for name in (component, self._site_of.get(component)):
                if name in self._columns:
                    column = self._columns[name]
                    column[number] = max(column.get(number, 0.0), min(1.0, round(share, 6)))


def _on_the_way(observation: Mapping[str, Any]) -> dict[str, float]:
    """Component → share of the observation's packets that cross it; nothing for an answer that came back."""
    shares: dict[str, float] = defaultdict(float)
    if observation.get("outcome") in _CAME_BACK:
        return shares
    for component in observation.get("via") or ():
        shares[str(component)] = 1.0
    for path in observation.get("paths") or ():
        for component in dict.fromkeys(path["via"]):
            shares[str(component)] += float(path["weight"])
    return shares
