"""The example line as ground, rows made by hand, and the evidence they become."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from faultline import inventory
from faultline.inference.observations import assemble
from faultline.records.histogram import Histogram
from faultline.records.incident import Base
from faultline.records.points import FieldValue
from faultline.records.terms import SECOND_NS, ProbeId

EXAMPLE = Path(__file__).resolve().parents[3] / "packaging" / "examples" / "inventory.yaml"
LINE = "CN-NB-0017"
BEGIN_NS = 1_796_040_000 * SECOND_NS
MS = 1_000_000


@attrs.frozen(slots=True, kw_only=True)
class Row:
    """A summed roll-up row."""

    measurement: str
    tags: Mapping[str, str]
    fields: Mapping[str, FieldValue]
    histograms: Mapping[str, Histogram] = attrs.field(factory=dict)


@attrs.frozen(slots=True, kw_only=True)
class Usual:
    """A baseline."""

    n: int = 9000
    min_ns: int = 0
    median_ns: int
    mad_ns: float = 10_000.0
    p90_ns: int = 0
    mean: float = 0.0


def around(median_ns: int, *, n: int = 200, lowest_ns: int | None = None) -> Histogram:
    """A steady distribution; `lowest_ns` is one sample below all others."""
    made = Histogram([median_ns] * (n - 1))
    made.add(median_ns if lowest_ns is None else lowest_ns)
    return made


@attrs.frozen(slots=True, kw_only=True)
class Flow:
    """A traced flow."""

    trace: str = "trace-ce-fw"
    source_port: int = 50001
    destination_port: int = 33434


@attrs.frozen(slots=True, kw_only=True)
class Route:
    """What is known of a flow's way."""

    flow: Flow
    route: tuple[str | None, ...]
    traced_ns: int = BEGIN_NS
    since_ns: int = BEGIN_NS - 100 * SECOND_NS
    previous: tuple[str | None, ...] | None = None
    previous_ns: int | None = None


class Ground:
    """Makes rows of the example line and the evidence of a minute."""

    def __init__(self, known: inventory.Inventory) -> None:
        self.inventory = known
        self.baselines: dict[tuple[str, str, str], Usual] = {}

    def usually(self, name: str, metric: str, median_ns: int, *, direction: str = "", mad_ns: float = 10_000.0) -> None:
        """Say what a session's or vantage's metric is usually like."""
        low, high = median_ns - 2 * int(mad_ns), median_ns + 2 * int(mad_ns)
        self.baselines[name, direction, metric] = Usual(median_ns=median_ns, mad_ns=mad_ns, min_ns=low, p90_ns=high)

    def usually_loses(self, vantage: str, metric: str, *, ratio: float, n: int, direction: str = "a_to_z") -> None:
        """Say what is usually lost on a side of a vantage."""
        self.baselines[vantage, direction, metric] = Usual(n=n, median_ns=0, mean=ratio)

    def session(self, session: str, fields: Mapping[str, FieldValue], **histograms: Histogram) -> Row:
        """A row of a test session."""
        tags = {"line": LINE, "session": session}
        return Row(measurement="session", tags=tags, fields=fields, histograms=histograms)

    def tcp(self, vantage: str, direction: str, fields: Mapping[str, FieldValue], **histograms: Histogram) -> Row:
        """A row of a vantage's TCP quality."""
        tags = {"line": LINE, "vantage": vantage, "direction": direction}
        return Row(measurement="line_quality", tags=tags, fields=fields, histograms=histograms)

    def dial(self, dial: str, fields: Mapping[str, FieldValue], **histograms: Histogram) -> Row:
        """A row of a dial test."""
        return Row(measurement="dial", tags={"line": LINE, "dial": dial}, fields=fields, histograms=histograms)

    def endpoint(self, vantage: str, endpoint: str, fields: Mapping[str, FieldValue], **histograms: Histogram) -> Row:
        """A row of what a vantage saw of an endpoint."""
        tags = {"line": LINE, "vantage": vantage, "endpoint": endpoint}
        return Row(measurement="endpoint_quality", tags=tags, fields=fields, histograms=histograms)

    def traced(self, *route: str | None, **more: Any) -> Route:
        """The route of a flow; `flow` has its ports."""
        return Route(flow=Flow(**more.pop("flow", {})), route=route, **more)

    def interface(self, probe: str, interface: str, **fields: FieldValue) -> Row:
        """A row of a host's interface."""
        return Row(measurement="interface", tags={"probe": probe, "interface": interface}, fields=fields)

    def health(self, probe: str, *, point: str = "host", **fields: FieldValue) -> Row:
        """A row of what a probe says of its host, or of a capture."""
        return Row(measurement="probe_health", tags={"probe": probe, "observation_point": point}, fields=fields)

    def evidence(
        self,
        *rows: Row,
        silent: Mapping[ProbeId, tuple[int, int]] | None = None,
        start_ns: int = BEGIN_NS,
        **options: Any,
    ) -> dict[str, Any]:
        """The document of a minute."""
        return assemble(
            rows=rows,
            inventory=self.inventory,
            window=(start_ns, start_ns + 60 * SECOND_NS),
            usual=lambda *, line, name, direction, metric, endpoint="": (
                self.baselines.get((name, endpoint or direction, metric)) if line == LINE else None
            ),
            silent=silent,
            **options,
        )

    def observations(self, *rows: Row, **options: Any) -> list[dict[str, Any]]:
        """Its observations, without the names of their views."""
        found: list[dict[str, Any]] = self.evidence(*rows, **options)["observations"]
        return [{key: value for key, value in observation.items() if key != "view"} for observation in found]


@pytest.fixture(scope="session")
def example() -> inventory.Inventory:
    """The example inventory."""
    return inventory.read(EXAMPLE)


@pytest.fixture(scope="session")
def known(example: inventory.Inventory) -> inventory.Inventory:
    """The example inventory, the core one thing: what most observations are about has nothing to do with its alternatives."""
    core = attrs.evolve(example.components[Base("core")], paths=())
    return attrs.evolve(example, components={**example.components, core.id: core})


@pytest.fixture
def bundled(example: inventory.Inventory) -> Ground:
    """The example line without baselines, its core made of two paths."""
    return Ground(example)


@pytest.fixture
def ground(known: inventory.Inventory) -> Ground:
    """The example line without baselines."""
    return Ground(known)


@pytest.fixture(scope="session")
def make_row() -> type[Row]:
    """Makes rows where a test has many examples."""
    return Row


@pytest.fixture
def steady() -> Callable[..., Histogram]:
    """Makes a steady distribution."""
    return around
