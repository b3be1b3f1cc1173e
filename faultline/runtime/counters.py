"""Counters of a stage: in = out + dropped(reason) + held, readable as Prometheus text and as the document of `faultline doctor`.

Everything that moves has a counter; every drop has a reason. A stage is made once, in a service's wiring, and handed on.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

import attrs
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import CollectorRegistry


@attrs.frozen(slots=True, kw_only=True)
class StageSnapshot:
    """The counters of a stage at one moment."""

    name: str
    taken_in: int
    out: int
    dropped: Mapping[str, int]
    held: int

    @property
    def balanced(self) -> bool:
        """Whether in = out + dropped + held."""
        return self.taken_in == self.out + sum(self.dropped.values()) + self.held

    def document(self) -> dict[str, object]:
        """As `faultline doctor --json` prints it."""
        return {
            "name": self.name,
            "in": self.taken_in,
            "out": self.out,
            "dropped": dict(sorted(self.dropped.items())),
            "held": self.held,
            "balanced": self.balanced,
        }


class Stage:
    """Counters of one stage. Safe from several threads."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._in = 0
        self._out = 0
        self._held = 0
        self._dropped: dict[str, int] = {}

    def take(self, count: int = 1) -> None:
        """Units came in; they are held until they go out or are dropped."""
        with self._lock:
            self._in += count
            self._held += count

    def done(self, count: int = 1) -> None:
        """Held units went out."""
        with self._lock:
            self._out += count
            self._held -= count

    def drop(self, reason: str, count: int = 1) -> None:
        """Held units were dropped for a reason (a short snake_case word); a count of 0 leaves no trace."""
        if not count:
            return
        with self._lock:
            self._dropped[reason] = self._dropped.get(reason, 0) + count
            self._held -= count

    def account(self, taken_in: int, *, done: int, dropped: Mapping[str, int]) -> None:
        """Units that others took in, passed on and dropped, as they account for them: nothing is held here.

        An account that does not balance shows as a stage that does not.
        """
        with self._lock:
            self._in += taken_in
            self._out += done
            for reason, count in dropped.items():
                if count:
                    self._dropped[reason] = self._dropped.get(reason, 0) + count

    def snapshot(self) -> StageSnapshot:
        """The counters now."""
        with self._lock:
            return StageSnapshot(name=self.name, taken_in=self._in, out=self._out, dropped=dict(self._dropped), held=self._held)


class Counters:
    """All stages, plain counters and gauges of one service; a Prometheus collector."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stages: dict[str, Stage] = {}
        self._counts: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        self._gauges: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def stage(self, name: str) -> Stage:
        """The stage of that name, made at the first call."""
        with self._lock:
            return self._stages.setdefault(name, Stage(name))

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a plain counter (`faultline_<name>_total`)."""
        key = (name, tuple(sorted(labels.items())))
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + amount

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge (`faultline_<name>`)."""
        with self._lock:
            self._gauges[(name, tuple(sorted(labels.items())))] = value

    def value(self, name: str, **labels: str) -> float:
        """A plain counter's value; 0 when it never counted."""
        with self._lock:
            return self._counts.get((name, tuple(sorted(labels.items()))), 0)

    def snapshots(self) -> list[StageSnapshot]:
        """Every stage, in the order of creation."""
        with self._lock:
            stages = list(self._stages.values())
        return [stage.snapshot() for stage in stages]

    def collect(self) -> Iterable[Metric]:
        """For the Prometheus registry."""
        for shot in self.snapshots():
            prefix = f"faultline_{shot.name}"
            yield CounterMetricFamily(f"{prefix}_in", "units taken in", value=shot.taken_in)
            yield CounterMetricFamily(f"{prefix}_out", "units passed on", value=shot.out)
            dropped = CounterMetricFamily(f"{prefix}_dropped", "units dropped, by reason", labels=["reason"])
            for reason, count in sorted(shot.dropped.items()):
                dropped.add_metric([reason], count)
            yield dropped
            yield GaugeMetricFamily(f"{prefix}_held", "units held", value=shot.held)
        with self._lock:
            counts, gauges = dict(self._counts), dict(self._gauges)
        yield from _families(counts, CounterMetricFamily)
        yield from _families(gauges, GaugeMetricFamily)


def _families(
    values: Mapping[tuple[str, tuple[tuple[str, str], ...]], float],
    family: type[CounterMetricFamily | GaugeMetricFamily],
) -> Iterable[Metric]:
    made: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
    for (name, labels), value in sorted(values.items()):
        if name not in made:
            made[name] = family(f"faultline_{name}", name.replace("_", " "), labels=[key for key, _ in labels])
        made[name].add_metric([text for _, text in labels], value)
    yield from made.values()
