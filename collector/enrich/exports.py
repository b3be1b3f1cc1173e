"""Exported flows get their vantage, line, tenant and direction: looked up once a distinct (exporter, interfaces, districts).

Goes in: a table of exported flows. Comes out: the same as for probes' flows, so that everything behind is one. The vantage is the
interface the flow was metered at. Addresses say which line it is, among those that pass the interface; where they say nothing
(addresses behind a provider's line, translated ones), an interface that one line alone passes does.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from collector.enrich.flows import Placed, encoded, place_each
from collector.enrich.places import Nowhere, Place, Places, Port
from faultline.records.terms import UNASSIGNED

MOST_INTERFACES = 1024
"""Of one exporter that the inventory does not know. Beyond them all go by one name: anybody can make numbers up."""
OTHER, UNNAMED = "other", "-"

_KEY = ("exporter", "ingress_interface", "egress_interface", "metered_at_egress", "interface_name")


@attrs.frozen(slots=True, kw_only=True)
class _Metered:
    """Where flows were metered: one distinct row of `_KEY`."""

    exporter: str
    point: str
    port: Port | None
    at_egress: bool


class ExportPlacer:
    """Remembers which unknown interfaces it has named."""

    def __init__(self) -> None:
        self._named: dict[str, set[str]] = {}

    def place(self, table: pa.Table, *, places: Places) -> Placed:
        """Find the place of every row."""
        metered, codes = self._metered(table, places)

        def find(number: int, source: str | None, destination: str | None) -> Place:
            return _place(metered[number], source, destination, places)

        return place_each(table, points=[at.point for at in metered], codes=codes, find=find, places=places)

    def _metered(self, table: pa.Table, places: Places) -> tuple[list[_Metered], NDArray[np.int64]]:
        codes = np.zeros(table.num_rows, np.int64)
        for name in _KEY:
            values, of_column = encoded(table.column(name))
            codes = codes * len(values) + of_column
        _, first, index = np.unique(codes, return_index=True, return_inverse=True)
        rows = table.select(list(_KEY)).take(pa.array(first)).to_pylist()
        return [self._one(row, places) for row in rows], index

    def _one(self, row: dict[str, Any], places: Places) -> _Metered:
        exporter, at_egress = str(row["exporter"]), bool(row["metered_at_egress"])
        ways = ("egress_interface", "ingress_interface") if at_egress else ("ingress_interface", "egress_interface")
        number = next((row[way] for way in ways if row[way]), None)
        # What was not metered where it came in was metered where it went out.
        at_egress = at_egress if number is None else number == row["egress_interface"] and number != row["ingress_interface"]
        name = row["interface_name"]
        port = places.port(exporter, number, name)
        point = name or (str(number) if number is not None else UNNAMED)
        return _Metered(
            exporter=exporter,
            point=point if port else self._bounded(exporter, point),
            port=port,
            at_egress=at_egress,
        )

    def _bounded(self, exporter: str, point: str) -> str:
        named = self._named.setdefault(exporter, set())
        if point not in named:
            if len(named) >= MOST_INTERFACES:
                return OTHER
            named.add(point)
        return point


def _place(at: _Metered, source: str | None, destination: str | None, places: Places) -> Place:
    vantage = at.port.vantage if at.port else f"{at.exporter}/{at.point}"
    passing = at.port.lines if at.port else {}
    if source is None or destination is None:
        found: Any = Nowhere.NO_ADDRESS
    else:
        found = places.between(source, destination, lines=passing.keys())
    if not isinstance(found, Nowhere):
        line, forward = found
        return Place(vantage=vantage, tenant=places.tenant_of(line), line=line, forward=forward)
    if len(passing) == 1:
        [(line, incoming)] = passing.items()
        return Place(
            vantage=vantage, tenant=places.tenant_of(line), line=line, forward=incoming.opposite if at.at_egress else incoming
        )
    return Place(vantage=vantage, tenant=UNASSIGNED, nowhere=found)
