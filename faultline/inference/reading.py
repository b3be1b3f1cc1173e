"""Observations of `faultline-evidence/1`, one reader a kind.

Goes in: an entry of the document's list. Comes out: its record, ids replaced by positions. What is missing or out of its bounds
is a mistake with its place; what is absent stays absent. Lenient reading leaves an observation with a mistake out, whole, and
counts it: half of an observation would be another one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from faultline.inference.checking import Checker, is_id, shown
from faultline.inference.observed import (
    NO_QUALITY,
    Baseline,
    Delay,
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

MOST_PATHS = 4
MOST_MISTAKES = 1000
"""Kept of a document; after so many the rest is not read: it is another kind of file."""
SOURCES = frozenset({"active", "passive", "bracket"})
PROTOCOLS = frozenset({"tcp", "dns", "http"})


@attrs.define(slots=True, kw_only=True)
class ObservationReader(Checker):
    """Reads observations of listed components."""

    lenient: bool
    index: dict[Any, int] = attrs.field(factory=dict)
    """Positions of the components, by id."""
    skipped: dict[str, int] = attrs.field(factory=dict)
    """What lenient reading left out, by kind of observation; `component` for those."""
    excused: list[str] = attrs.field(factory=list)
    """The first mistakes of what was left out."""

    def observations(self, value: Any) -> list[Observation]:
        """All of them, in order."""
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
            where, before = f"observations[{number}]", len(self.problems)
            kind = item.get("kind") if isinstance(item, Mapping) else None
            reading = read.get(kind) if isinstance(kind, str) else None
            if reading is not None:
                observation = reading(item, where, number)
                if len(self.problems) == before:
                    found.append(observation)
            elif isinstance(item, Mapping):
                self.problems.append(f"{where}.kind: {shown(kind)} is not one of {', '.join(read)}")
            else:
                self.problems.append(f"{where}: not an object")
            self.excuse(before, kind if isinstance(kind, str) else "unknown")
            if len(self.problems) >= MOST_MISTAKES:
                self.problems.append(f"{where}: too many mistakes; what follows was not read")
                break
        return found

    def excuse(self, before: int, kind: str) -> None:
        """Where reading is lenient, turn the mistakes since so many into something left out."""
        if not self.lenient or len(self.problems) == before:
            return
        self.skipped[kind] = self.skipped.get(kind, 0) + 1
        if len(self.excused) < MOST_MISTAKES:
            self.excused += self.problems[before:]
        del self.problems[before:]

    def _loss(self, item: Mapping[str, Any], where: str, number: int) -> Loss:
        source = item.get("source")
        if source is None or not self.one_of(source, SOURCES, f"{where}.source:", "active, passive or bracket"):
            source = "active"
        sent, lost = self._counts(item, where, "sent", "lost")
        return Loss(
            number=number,
            raw=item,
            quality=self._quality(item, where),
            paths=self._paths(item, where),
            round_trip=is_round_trip(item),
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
            round_trip=is_round_trip(item),
            passive=item.get("source") == "passive",
            n=n,
            min_us=self.maybe(item, "min_us", where),
            median_us=self.maybe(item, "median_us", where) if not n else self.need(item, "median_us", where),
            p90_us=self.maybe(item, "p90_us", where),
            baseline=self._baseline(item, where),
        )

    def _failure(self, item: Mapping[str, Any], where: str, number: int) -> Failure:
        protocol = item.get("protocol")
        self.one_of(protocol, PROTOCOLS, f"{where}.protocol:", "tcp, dns or http")
        outcome = item.get("outcome")
        if outcome is not None and not isinstance(outcome, str):
            self.problems.append(f"{where}.outcome: {shown(outcome)} is not a string")
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
            self.problems.append(f"{where}.name: {shown(name)} is not a string")
        if not isinstance(raised, bool):
            self.problems.append(f"{where}.raised: {shown(raised)} is not true or false")
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
        if not is_id(probe):
            self.problems.append(f"{where}.probe: {shown(probe)} is not a string or an integer")
            probe = ""
        if site is not None and not is_id(site):
            self.problems.append(f"{where}.site: {shown(site)} is not a string or an integer")
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
            if not is_id(end):
                self.problems.append(f"{where}.{key}: {shown(end)} is not a string or an integer")
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
        """The ways of its packets. Those of a request lead there and back, and may be unknown: then they are not `needed`."""
        paths, via = item.get("paths"), item.get("via")
        turns = item.get("round_trip")
        if turns is not None and not isinstance(turns, bool):
            self.problems.append(f"{where}.round_trip: {shown(turns)} is not true or false")
        visits = 1 if needed and turns is not True else 2
        if paths is None:
            if via is None and not needed:
                return ()
            return (Path(via=self._via(via, f"{where}.via", empty=not needed, visits=visits), weight=1.0),)
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
            read.append(Path(via=self._via(path.get("via"), f"{here}.via", empty=False, visits=visits), weight=weight))
            total += weight
        if not 0.0 < total <= 1.0 + 1e-6:
            self.problems.append(f"{where}.paths: weights add up to {total:g}, {'more than 1' if total else 'no path was taken'}")
        return tuple(read)

    def _via(self, value: Any, where: str, *, empty: bool, visits: int) -> tuple[int, ...]:
        if not isinstance(value, list) or (not value and not empty):
            self.problems.append(f"{where}: not a list of component ids")
            return ()
        index = self.index
        try:
            via = tuple([index[name] for name in value])
        except (KeyError, TypeError):
            return tuple(self._known(name, f"{where}[{n}]") for n, name in enumerate(value))
        if len(set(via)) * visits < len(via) or (visits > 1 and len(set(via)) < len(via)):
            self._cycles(value, via, where, visits)
        return via

    def _cycles(self, value: list[Any], via: tuple[int, ...], where: str, visits: int) -> None:
        """A packet that comes past a place again goes in a circle, and then nothing can be said of where it was lost."""
        worst = max(via, key=via.count)
        times = via.count(worst)
        if times > visits:
            name = value[via.index(worst)]
            self.problems.append(f"{where}: a circle: {shown(name)} is crossed {times} times, {visits} at most")

    def _known(self, name: Any, where: str) -> int:
        if is_id(name) and name in self.index:
            return self.index[name]
        self.problems.append(f"{where}: {shown(name)} is not listed in components")
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
        read |= {key: self.maybe(value, key, here, low=0.0) or 0.0 for key in ("clock_error_us", "gap_seconds", "late_us")}
        return Quality(**read)


def is_round_trip(item: Mapping[str, Any]) -> bool:
    """Whether its packets came back, so that both slices are in its way."""
    return item.get("round_trip") is True
