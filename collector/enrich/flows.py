"""Flow tables get their columns tenant, line, vantage and forward direction: looked up once a distinct (point, districts).

Goes in: the Arrow table of a batch and its probe. Comes out: the places found, and for each row the number of its place. No loop
over rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from collector.enrich.places import Place, Places

UNNAMED_POINT = "-"
"""Observation point of records that name none."""


@attrs.frozen(slots=True, kw_only=True)
class Placed:
    """A flow table with its places."""

    table: pa.Table
    places: tuple[Place, ...]
    points: tuple[str, ...]
    """Observation point of each place."""
    index: NDArray[np.int64]
    """For each row the number of its place."""


def place_flows(table: pa.Table, *, probe: str, places: Places) -> Placed:
    """Find the place of every row."""
    points, codes = encoded(pc.fill_null(table.column("observation_point"), UNNAMED_POINT))

    def find(point: int, source: str | None, destination: str | None) -> Place:
        return places.place(probe, points[point], source, destination)

    return place_each(table, points=points, codes=codes, find=find, places=places)


def place_each(
    table: pa.Table,
    *,
    points: Sequence[str],
    codes: NDArray[np.int64],
    find: Callable[[int, str | None, str | None], Place],
    places: Places,
) -> Placed:
    """Find the place of every row, asking once for each distinct (point, district, district).

    Args:
        table: flows.
        points: names of the points where they were seen.
        codes: for each row the number of its point.
        find: the place of a point's number and two addresses.
        places: what knows districts.
    """
    sources, source_codes = by_district(table.column("source_address"), places)
    destinations, destination_codes = by_district(table.column("destination_address"), places)
    combined = (codes * len(sources) + source_codes) * len(destinations) + destination_codes
    distinct, index = np.unique(combined, return_inverse=True)
    numbers: dict[tuple[Place, str], int] = {}
    place_of_pair = np.zeros(len(distinct), np.int64)
    for pair, code in enumerate(distinct.tolist()):
        rest, destination = divmod(code, len(destinations))
        point, source = divmod(rest, len(sources))
        place = find(point, sources[source], destinations[destination])
        place_of_pair[pair] = numbers.setdefault((place, points[point]), len(numbers))
    return Placed(
        table=table,
        places=tuple(place for place, _ in numbers),
        points=tuple(point for _, point in numbers),
        index=place_of_pair[index],
    )


def archived(placed: Placed, *, probe: str, correction_ns: int) -> pa.Table:
    """The table as the archive keeps it: places beside the records, times corrected, and what was added to them."""
    table = with_places(placed)
    for name in ("start_ns", "end_ns", "flow_start_ns", "interval_start_ns") if correction_ns else ():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, pc.add(table.column(name), correction_ns))
    rows = table.num_rows
    table = table.append_column("probe", pa.array([probe] * rows, pa.string()))
    return table.append_column("clock_correction_ns", pa.array(np.full(rows, correction_ns, np.int64)))


def with_places(placed: Placed) -> pa.Table:
    """The table with the place of each record beside it."""
    table, index = placed.table, pa.array(placed.index)
    for name, values in (
        ("tenant", [place.tenant for place in placed.places]),
        ("line", [place.line for place in placed.places]),
        ("vantage", [place.vantage for place in placed.places]),
        ("forward_direction", [place.forward.value if place.forward else None for place in placed.places]),
    ):
        table = table.append_column(name, pa.array(values, pa.string()).take(index))
    return table


def by_district(column: pa.ChunkedArray, places: Places) -> tuple[list[str | None], NDArray[np.int64]]:
    """An address of each district, and for each row the number of its district: strangers of the whole world are one."""
    addresses, codes = encoded(column)
    numbers: dict[int, int] = {}
    found: list[str | None] = []
    of_address = np.zeros(max(1, len(addresses)), np.int64)
    for at, address in enumerate(addresses):
        district = places.district(address)
        number = numbers.get(district)
        if number is None:
            number = numbers[district] = len(found)
            found.append(address)
        of_address[at] = number
    return found, of_address[codes]


def encoded(column: pa.ChunkedArray) -> tuple[list[Any], NDArray[np.int64]]:
    """Distinct values, and for each row the number of its value."""
    found = pc.dictionary_encode(column, null_encoding="encode").combine_chunks()
    return found.dictionary.to_pylist(), np.asarray(found.indices, dtype=np.int64)
