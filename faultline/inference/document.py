"""`faultline-evidence/1`: read, check, and give every mistake with its coordinates.

Goes in: the JSON document. Comes out: `Evidence`, ids replaced by positions, or `EvidenceError` with all mistakes. Knows nothing
of likelihoods.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from faultline.inference.observed import (
    NO_QUALITY,
    Baseline,
    Component,
    Delay,
    Evidence,
    Failure,
    Loss,
    Mtu,
    Observation,
    Path,
    Quality,
    Response,
    RouteChange,
    Silence,
    Told,
    ZeroWindow,
)
from faultline.records.terms import ComponentKind, Owner

FORMAT = "faultline-evidence/1"
DEFAULT_WINDOW_S = 60.0
"""Length assumed when the file names no window: the sliding minute localisation looks at."""
MOST_TOLD = 20
"""Mistakes shown in a message; all of them are in `problems`."""
MOST_PATHS = 4
_MARKS = {">": "<", "<": ">"}


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
        EvidenceError: anything in it is not as the format says; with `lenient`, unknown kinds of observations are only counted.
    """
    reader = _Reader(lenient=lenient)
    evidence = reader.document(document)
    if reader.problems:
        raise EvidenceError(reader.problems)
    return evidence


@attrs.define(slots=True, kw_only=True)
class _Reader:
    """Collects mistakes; every getter returns something usable so that the rest is checked too."""

    lenient: bool
    problems: list[str] = attrs.field(factory=list)
    index: dict[Any, int] = attrs.field(factory=dict)
    skipped: dict[str, int] = attrs.field(factory=dict)

    # ---- the whole ----------------------------------------------------------------------------------------------
    def document(self, document: Any) -> Evidence:
        """Top level."""
        if not isinstance(document, Mapping):
            raise EvidenceError(["the document is not a JSON object"])
        if document.get("format") != FORMAT:
            raise EvidenceError([f"format: {document.get('format')!r} is not {FORMAT!r}"])
        seconds = self._window(document.get("window"))
        components = self._components(document.get("components"))
        rates = self._rates(document.get("fault_rate"))
        expected = document.get("expected_faults")
        if expected is not None:
            expected = self.number(expected, "expected_faults", low=0.0)
        maintenance = self._maintenance(document.get("maintenance"), components)
        observations = self._observations(document.get("observations"))
        return Evidence(
            seconds=seconds,
            components=tuple(components),
            fault_rates=rates,
            expected_faults=expected or None,
            maintenance=maintenance,
            observations=tuple(observations),
            skipped=dict(sorted(self.skipped.items())),
        )

    def _window(self, window: Any) -> float:
        if not window:
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
            self.problems.append(f"{where}: {value!r} is not an ISO 8601 time")
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
                self.problems.append(f"fault_rate.{name}: no such kind; kinds are {', '.join(ComponentKind)}")
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
            where = f"components[{number}]"
            if not isinstance(item, Mapping):
                self.problems.append(f"{where}: not an object")
                continue
            name = item.get("id")
            if not _is_id(name):
                self.problems.append(f"{where}.id: {name!r} is not a string or an integer")
            elif name in self.index:
                self.problems.append(f"{where}.id: {name!r} is listed twice")
            else:
                self.index[name] = len(raw)
                raw.append(item)
        return [self._component(item, f"component {item['id']!r}") for item in raw]

    def _component(self, item: Mapping[str, Any], where: str) -> Component:
        kind, owner = item.get("kind"), item.get("owner")
        if kind not in set(ComponentKind):
            self.problems.append(f"{where}: kind {kind!r} is not one of {', '.join(ComponentKind)}")
            kind = ComponentKind.SEGMENT
        if owner is None:
            owner = Owner.UNKNOWN
        elif owner not in set(Owner):
            self.problems.append(f"{where}: owner {owner!r} is not one of {', '.join(Owner)}")
            owner = Owner.UNKNOWN
        name = item["id"]
        reverse = item.get("reverse")
        if reverse is None and isinstance(name, str) and name[-1:] in _MARKS:
            reverse = name[:-1] + _MARKS[name[-1]]
        hosts = item.get("hosts") or []
        if not isinstance(hosts, list):
            self.problems.append(f"{where}: hosts is not a list of ids")
            hosts = []
        site = item.get("site")
        if site is not None and not _is_id(site):
            self.problems.append(f"{where}: site {site!r} is not a string or an integer")
            site = None
        back = self.index.get(reverse) if _is_id(reverse) else None
        return Component(
            id=name,
            kind=ComponentKind(kind),
            owner=Owner(owner),
            site=site,
            reverse=None if back == self.index[name] else back,
            hosts=tuple(self.index[host] for host in hosts if _is_id(host) and host in self.index),
        )

    def _maintenance(self, value: Any, components: Sequence[Component]) -> frozenset[int]:
        """Positions of the named components; a segment may be named without its direction, a site names what is in it."""
        if value is None:
            return frozenset()
        if not isinstance(value, list):
            self.problems.append("maintenance: not a list of ids")
            return frozenset()
        named = {str(name) for name in value if _is_id(name)}
        for number, name in enumerate(value):
            if not _is_id(name):
                self.problems.append(f"maintenance[{number}]: {name!r} is not a string or an integer")
        if not named:
            return frozenset()
        return frozenset(
            number
            for number, c in enumerate(components)
            if str(c.id) in named or str(c.id).rstrip("<>") in named or (c.site is not None and str(c.site) in named)
        )

    # ---- observations -------------------------------------------------------------------------------------------
    def _observations(self, value: Any) -> list[Observation]:
        if not isinstance(value, list):
            self.problems.append("observations: not a list")
            return []
        read: dict[str, Callable[[Mapping[str, Any], str, int], Observation]] = {
            "loss": self._loss,
            "delay": self._delay,
            "failure": self._failure,
            "response": self._response,
            "zero_window": self._zero_window,
            "counter": self._told,
            "event": self._told,
            "mtu": self._mtu,
            "silence": self._silence,
            "route_change": self._route_change,
        }
        found: list[Observation] = []
        for number, item in enumerate(value):
            where = f"observations[{number}]"
            if not isinstance(item, Mapping):
                self.problems.append(f"{where}: not an object")
                continue
            kind = item.get("kind")
            reading = read.get(kind) if isinstance(kind, str) else None
            if reading is not None:
                found.append(reading(item, where, number))
            elif self.lenient and isinstance(kind, str):
                self.skipped[kind] = self.skipped.get(kind, 0) + 1
            else:
                self.problems.append(f"{where}.kind: {kind!r} is not one of {', '.join(read)}")
        return found

    def _loss(self, item: Mapping[str, Any], where: str, number: int) -> Loss:
        source = item.get("source")
        if source is None:
            source = "active"
        elif source not in {"active", "passive", "bracket"}:
            self.problems.append(f"{where}.source: {source!r} is not active, passive or bracket")
        sent, lost = self._counts(item, where, "sent", "lost")
        return Loss(
            number=number,
            raw=item,
            quality=self._quality(item, where),
            paths=self._paths(item, where),
            round_trip=item.get("round_trip") is True,
            source=source,
            sent=sent,
            lost=lost,
            background=self.maybe(item, "background", where, low=0.0, high=1.0),
            burst=self.maybe(item, "burst", where, low=1.0),
            size=self.maybe(item, "size", where, low=0.0),
        )

    def _delay(self, item: Mapping[str, Any], where: str, number: int) -> Delay:
        n = self.need(item, "n", where, low=0.0)
        return Delay(
            number=number,
            raw=item,
            quality=self._quality(item, where),
            paths=self._paths(item, where),
            round_trip=item.get("round_trip") is True,
            passive=item.get("source") == "passive",
            n=n,
            min_us=self.maybe(item, "min_us", where),
            median_us=self.maybe(item, "median_us", where) if not n else self.need(item, "median_us", where),
            p90_us=self.maybe(item, "p90_us", where),
            baseline=self._baseline(item, where),
        )

    def _failure(self, item: Mapping[str, Any], where: str, number: int) -> Failure:
        protocol = item.get("protocol")
        if protocol not in {"tcp", "dns", "http"}:
            self.problems.append(f"{where}.protocol: {protocol!r} is not tcp, dns or http")
        outcome = item.get("outcome")
        if outcome is not None and not isinstance(outcome, str):
            self.problems.append(f"{where}.outcome: {outcome!r} is not a string")
        attempts, failed = self._counts(item, where, "attempts", "failed")
        return Failure(
            number=number,
            raw=item,
            quality=self._quality(item, where),
            paths=self._paths(item, where, needed=False),
            endpoint=self._reference(item, "endpoint", where, needed=False),
            protocol=str(protocol),
            attempts=attempts,
            failed=failed,
            leak=self.maybe(item, "leak", where, low=0.0, high=1.0),
            outcome=outcome.lower() if isinstance(outcome, str) else None,
        )

    def _response(self, item: Mapping[str, Any], where: str, number: int) -> Response:
        return Response(
            number=number,
            raw=item,
            quality=self._quality(item, where),
            paths=self._paths(item, where, needed=False),
            endpoint=self._reference(item, "endpoint", where),
            n=self.need(item, "n", where, low=0.0),
            median_us=self.need(item, "median_us", where, low=0.0),
            baseline=self._baseline(item, where),
        )

    def _zero_window(self, item: Mapping[str, Any], where: str, number: int) -> ZeroWindow:
        seconds, closed = self._counts(item, where, "seconds", "closed_seconds")
        return ZeroWindow(
            number=number,
            raw=item,
            quality=self._quality(item, where),
            endpoint=self._reference(item, "endpoint", where),
            seconds=seconds,
            closed_seconds=closed,
        )

    def _told(self, item: Mapping[str, Any], where: str, number: int) -> Told:
        name, raised = item.get("name"), item.get("raised")
        if not isinstance(name, str):
            self.problems.append(f"{where}.name: {name!r} is not a string")
        if not isinstance(raised, bool):
            self.problems.append(f"{where}.raised: {raised!r} is not true or false")
        return Told(
            number=number,
            raw=item,
            quality=self._quality(item, where),
            component=self._reference(item, "component", where),
            name=str(name),
            raised=raised is True,
            sensitivity=self.maybe(item, "sensitivity", where, low=0.0, high=1.0),
            false_positive_rate=self.maybe(item, "false_positive_rate", where, low=0.0, high=1.0),
        )

    def _mtu(self, item: Mapping[str, Any], where: str, number: int) -> Mtu:
        sent, lost = self._counts(item, where, "sent", "lost")
        return Mtu(
            number=number,
            raw=item,
            quality=self._quality(item, where),
            paths=self._paths(item, where),
            size=self.need(item, "size", where, low=1.0),
            sent=sent,
            lost=lost,
        )

    def _silence(self, item: Mapping[str, Any], where: str, number: int) -> Silence:
        probe, site = item.get("probe"), item.get("site")
        if not _is_id(probe):
            self.problems.append(f"{where}.probe: {probe!r} is not a string or an integer")
            probe = ""
        if site is not None and not _is_id(site):
            self.problems.append(f"{where}.site: {site!r} is not a string or an integer")
            site = None
        expected, missed = self._counts(item, where, "expected", "missed")
        return Silence(
            number=number,
            raw=item,
            quality=self._quality(item, where),
            paths=self._paths(item, where, needed=False),
            probe=probe or "",
            probe_component=self.index.get(probe),
            site=site,
            site_component=self.index.get(site) if site is not None else None,
            expected=expected,
            missed=missed,
        )

    def _route_change(self, item: Mapping[str, Any], where: str, number: int) -> RouteChange:
        ends = [item.get("from"), item.get("to")]
        for key, end in zip(("from", "to"), ends, strict=True):
            if not _is_id(end):
                self.problems.append(f"{where}.{key}: {end!r} is not a string or an integer")
        listed, changed = (self._listed(item, key, where) for key in ("components", "changed"))
        return RouteChange(
            number=number,
            raw=item,
            quality=self._quality(item, where),
            start=str(ends[0]),
            end=str(ends[1]),
            components=listed,
            changed=changed,
        )

    def _listed(self, item: Mapping[str, Any], key: str, where: str) -> tuple[int, ...]:
        listed = item.get(key) or []
        if not isinstance(listed, list):
            self.problems.append(f"{where}.{key}: not a list of ids")
            return ()
        return tuple(self._known(c, f"{where}.{key}[{n}]") for n, c in enumerate(listed))

    # ---- pieces -------------------------------------------------------------------------------------------------
    def _paths(self, item: Mapping[str, Any], where: str, *, needed: bool = True) -> tuple[Path, ...]:
        paths, via = item.get("paths"), item.get("via")
        if paths is None:
            if via is None and not needed:
                return ()
            return (Path(via=self._via(via, f"{where}.via", empty=not needed), weight=1.0),)
        if via is not None:
            self.problems.append(f"{where}: has both via and paths")
        if not isinstance(paths, list) or not 1 <= len(paths) <= MOST_PATHS:
            self.problems.append(f"{where}.paths: not a list of 1 to {MOST_PATHS} paths")
            return ()
        read, total = [], 0.0
        for n, path in enumerate(paths):
            here = f"{where}.paths[{n}]"
            if not isinstance(path, Mapping):
                self.problems.append(f"{here}: not an object with via and weight")
                continue
            weight = self.need(path, "weight", here, low=0.0, high=1.0)
            read.append(Path(via=self._via(path.get("via"), f"{here}.via", empty=False), weight=weight))
            total += weight
        if total > 1.0 + 1e-6:
            self.problems.append(f"{where}.paths: weights add up to {total:g}, more than 1")
        return tuple(read)

    def _via(self, value: Any, where: str, *, empty: bool) -> tuple[int, ...]:
        if not isinstance(value, list) or (not value and not empty):
            self.problems.append(f"{where}: not a list of component ids")
            return ()
        index = self.index
        try:
            return tuple([index[name] for name in value])
        except (KeyError, TypeError):
            return tuple(self._known(name, f"{where}[{n}]") for n, name in enumerate(value))

    def _known(self, name: Any, where: str) -> int:
        if _is_id(name) and name in self.index:
            return self.index[name]
        self.problems.append(f"{where}: {name!r} is not listed in components")
        return 0

    def _reference(self, item: Mapping[str, Any], key: str, where: str, *, needed: bool = True) -> int | None:
        name = item.get(key)
        if name is None and not needed:
            return None
        return self._known(name, f"{where}.{key}")

    def _counts(self, item: Mapping[str, Any], where: str, whole: str, part: str) -> tuple[float, float]:
        total, some = self.need(item, whole, where, low=0.0), self.need(item, part, where, low=0.0)
        if some > total:
            self.problems.append(f"{where}.{part}: {some:g} is more than {whole} {total:g}")
        return total, min(some, total)

    def _baseline(self, item: Mapping[str, Any], where: str) -> Baseline | None:
        value = item.get("baseline")
        if value is None:
            return None
        here = f"{where}.baseline"
        if not isinstance(value, Mapping):
            self.problems.append(f"{here}: not an object")
            return None
        return Baseline(
            n=self.need(value, "n", here, low=0.0),
            median_us=self.need(value, "median_us", here),
            mad_us=self.need(value, "mad_us", here, low=0.0),
            min_us=self.maybe(value, "min_us", here),
            p90_us=self.maybe(value, "p90_us", here),
        )

    def _quality(self, item: Mapping[str, Any], where: str) -> Quality:
        value = item.get("quality")
        if value is None:
            return NO_QUALITY
        here = f"{where}.quality"
        if not isinstance(value, Mapping):
            self.problems.append(f"{here}: not an object")
            return NO_QUALITY
        ratios = ("capture_loss_ratio", "one_sided_ratio", "suspect_ratio")
        read = {key: self.maybe(value, key, here, low=0.0, high=1.0) or 0.0 for key in ratios}
        read |= {key: self.maybe(value, key, here, low=0.0) or 0.0 for key in ("clock_error_us", "gap_seconds")}
        return Quality(**read)

    def need(
        self, item: Mapping[str, Any], key: str, where: str, *, low: float | None = None, high: float | None = None
    ) -> float:
        """A number that must be there."""
        value = item.get(key)
        if value is None:
            self.problems.append(f"{where}.{key}: missing")
            return low or 0.0
        return self.number(value, f"{where}.{key}", low=low, high=high)

    def maybe(
        self, item: Mapping[str, Any], key: str, where: str, *, low: float | None = None, high: float | None = None
    ) -> float | None:
        """A number that may be absent or null."""
        value = item.get(key)
        return None if value is None else self.number(value, f"{where}.{key}", low=low, high=high)

    def number(self, value: Any, where: str, *, low: float | None = None, high: float | None = None) -> float:
        """A finite number within its bounds."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self.problems.append(f"{where}: {value!r} is not a number")
            return low or 0.0
        if (low is not None and value < low) or (high is not None and value > high):
            bounds = f"at least {low:g}" if high is None else f"between {low:g} and {high:g}"
            self.problems.append(f"{where}: {value!r} is not {bounds}")
            return low or 0.0
        return float(value)


def _is_id(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""
