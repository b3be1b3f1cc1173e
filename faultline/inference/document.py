"""`faultline-evidence/1`: read, check, and give every mistake with its coordinates.

Goes in: the JSON document. Comes out: `Evidence`, ids replaced by positions, or `EvidenceError` with the mistakes. Knows nothing
of likelihoods. What the document says of itself (format, window, rates) must be right even where reading is lenient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from faultline.inference.checking import is_id, shown
from faultline.inference.observed import (
    Component,
    Evidence,
)
from faultline.inference.reading import MOST_MISTAKES, ObservationReader
from faultline.records.terms import ComponentKind, Owner

FORMAT = "faultline-evidence/1"
DEFAULT_WINDOW_S = 60.0
"""Length assumed when the file names no window: the sliding minute localisation looks at."""
MOST_TOLD = 20
"""Mistakes shown in a message; all of them are in `problems`."""
_MARKS = {">": "<", "<": ">"}
_KINDS, _OWNERS = frozenset(ComponentKind), frozenset(Owner)


class EvidenceError(ValueError):
    """The document is not evidence; every mistake with where it is."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        more = len(self.problems) - MOST_TOLD
        shown = "; ".join(self.problems[:MOST_TOLD])
        super().__init__(f"{shown}; and {more} more" if more > 0 else shown)


def read(document: Mapping[str, Any], *, lenient: bool = False) -> Evidence:
    """The document as records.

    Raises:
        EvidenceError: anything in it is not as the format says; with `lenient`, components and observations that are not are left
            out and counted.
    """
    reader = _Reader(lenient=lenient)
    evidence = reader.document(document)
    if reader.problems:
        raise EvidenceError(reader.problems)
    return evidence


@attrs.define(slots=True, kw_only=True)
class _Reader(ObservationReader):
    """Reads the whole."""

    # ---- the whole ----------------------------------------------------------------------------------------------
    def document(self, document: Any) -> Evidence:
        """Top level."""
        if not isinstance(document, Mapping):
            raise EvidenceError(["the document is not a JSON object"])
        if document.get("format") != FORMAT:
            raise EvidenceError([f"format: {shown(document.get('format'))} is not {FORMAT!r}"])
        seconds = self._window(document.get("window"))
        components = self._components(document.get("components"))
        rates = self._rates(document.get("fault_rate"))
        expected = document.get("expected_faults")
        if expected is not None:
            expected = self.number(expected, "expected_faults", low=0.0)
        maintenance = self._maintenance(document.get("maintenance"), components)
        observations = self.observations(document.get("observations"))
        return Evidence(
            seconds=seconds,
            components=tuple(components),
            fault_rates=rates,
            expected_faults=expected or None,
            maintenance=maintenance,
            observations=tuple(observations),
            skipped=dict(sorted(self.skipped.items())),
            mistakes=tuple(self.excused[:MOST_TOLD]),
        )

    def _window(self, window: Any) -> float:
        if window is None or window == {}:
            return DEFAULT_WINDOW_S
        if not isinstance(window, Mapping):
            self.problems.append("window: not an object with start and end")
            return DEFAULT_WINDOW_S
        start, end = (self._time(window.get(key), f"window.{key}") for key in ("start", "end"))
        if start is None or end is None:
            return DEFAULT_WINDOW_S
        if (start.tzinfo is None) != (end.tzinfo is None) or end <= start:
            self.problems.append("window: end is not after start")
            return DEFAULT_WINDOW_S
        return (end - start).total_seconds()

    def _time(self, value: Any, where: str) -> datetime | None:
        if not isinstance(value, str):
            self.problems.append(f"{where}: not an ISO 8601 time")
            return None
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            self.problems.append(f"{where}: {shown(value)} is not an ISO 8601 time")
            return None

    def _rates(self, value: Any) -> Mapping[ComponentKind, float]:
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.problems.append("fault_rate: not an object of rates per component-hour by kind")
            return {}
        rates = {}
        for name, rate in value.items():
            if rate is None:
                continue
            if name not in set(ComponentKind):
                self.problems.append(f"fault_rate.{shown(name)[1:-1]}: no such kind; kinds are {', '.join(ComponentKind)}")
                continue
            rates[ComponentKind(name)] = self.number(rate, f"fault_rate.{name}", low=0.0)
        return rates

    # ---- components ---------------------------------------------------------------------------------------------
    def _components(self, value: Any) -> list[Component]:
        if not isinstance(value, list):
            self.problems.append("components: not a list")
            return []
        raw: list[Mapping[str, Any]] = []
        for number, item in enumerate(value):
            before = len(self.problems)
            self._listing(item, f"components[{number}]", len(raw))
            if len(self.problems) == before:
                raw.append(item)
            self.excuse(before, "component")
            if len(self.problems) >= MOST_MISTAKES:
                self.problems.append(f"components[{number}]: too many mistakes; what follows was not read")
                break
        found = []
        for item in raw:
            before = len(self.problems)
            found.append(self._component(item, f"component {shown(item['id'])}"))
            self.excuse(before, "component")
        return found

    def _listing(self, item: Any, where: str, position: int) -> None:
        """What a component is called and is; its references are read when all are listed."""
        if not isinstance(item, Mapping):
            self.problems.append(f"{where}: not an object")
            return
        name, owner = item.get("id"), item.get("owner")
        if not is_id(name):
            self.problems.append(f"{where}.id: {shown(name)} is not a string or an integer")
            return
        if name in self.index:
            self.problems.append(f"{where}.id: {shown(name)} is listed twice")
            return
        before, called = len(self.problems), f"component {shown(name)}"
        self.one_of(item.get("kind"), _KINDS, f"{called}: kind", f"one of {', '.join(ComponentKind)}")
        if owner is not None:
            self.one_of(owner, _OWNERS, f"{called}: owner", f"one of {', '.join(Owner)}")
        # A component with mistakes is listed all the same where that is told: what names it is not wrong a second time.
        if not self.lenient or len(self.problems) == before:
            self.index[name] = position

    def _component(self, item: Mapping[str, Any], where: str) -> Component:
        name = item["id"]
        hosts = item.get("hosts") or []
        if not isinstance(hosts, list):
            self.problems.append(f"{where}: hosts is not a list of ids")
            hosts = []
        if name in hosts:
            self.problems.append(f"{where}: hosts itself")
        site = item.get("site")
        if site is not None and not is_id(site):
            self.problems.append(f"{where}: site {shown(site)} is not a string or an integer")
            site = None
        back = self._reverse(item, where)
        return Component(
            id=name,
            kind=ComponentKind(item["kind"]),
            owner=Owner(item.get("owner") or Owner.UNKNOWN),
            site=site,
            reverse=None if back == self.index[name] else back,
            hosts=tuple(self.index[host] for host in hosts if is_id(host) and host in self.index),
        )

    def _reverse(self, item: Mapping[str, Any], where: str) -> int | None:
        """Position of the other direction, as the component says or as the marks at the end of names do."""
        name, reverse = item["id"], item.get("reverse")
        if reverse is None and isinstance(name, str) and name[-1:] in _MARKS:
            reverse = name[:-1] + _MARKS[name[-1]]
        elif reverse is not None and not is_id(reverse):
            self.problems.append(f"{where}: reverse {shown(reverse)} is not a string or an integer")
            return None
        return self.index.get(reverse)

    def _maintenance(self, value: Any, components: Sequence[Component]) -> frozenset[int]:
        """Positions of the named components; a segment may be named without its direction, a site names what is in it."""
        if value is None:
            return frozenset()
        if not isinstance(value, list):
            self.problems.append("maintenance: not a list of ids")
            return frozenset()
        named = {str(name) for name in value if is_id(name)}
        for number, name in enumerate(value):
            if not is_id(name):
                self.problems.append(f"maintenance[{number}]: {shown(name)} is not a string or an integer")
        if not named:
            return frozenset()
        return frozenset(
            number
            for number, c in enumerate(components)
            if str(c.id) in named or str(c.id).rstrip("<>") in named or (c.site is not None and str(c.site) in named)
        )
