"""What exported flows were used for and by whom: rows of `application` and `top_talkers`, by columns.

Goes in: a placed table, the parts of its flows by minute, and their counts. Comes out: sums by minute. Only flows of lines: what
is nobody's has no tenant whose business it were.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from collector.enrich.flows import Placed, encoded
from collector.rollup.adding import Sums
from collector.rollup.columns import Ints, added
from collector.rollup.talkers import KEPT, Counts
from faultline.records.terms import Direction

MOST_NAMES = 256
"""Names of applications that one batch may bring: exporters can make them up."""
OTHER = "other"
_KNOWN_PORTS = 1024
_TRANSPORTS = {6: "tcp", 17: "udp"}
_SHOWN = ("octets", "packets", "flows")


class Usage:
    """Of one batch: `rows` are its flows' parts that belong to lines, `groups` their (minute, place)."""

    def __init__(self, placed: Placed, *, row: Ints, groups: Ints, windows: Mapping[int, Sums], starts: Ints) -> None:
        self._placed = placed
        on_line = np.array([place.line is not None for place in placed.places], bool)
        self._chosen = on_line[groups % len(placed.places)]
        self._row = row[self._chosen]
        self._groups = groups[self._chosen]
        self._windows = windows
        self._starts = starts
        self._names, self._applications = applications(placed.table)

    def add(self, columns: Mapping[str, Any], *, reverse: bool) -> None:
        """Counts of every part in one direction."""
        if not self._row.size:
            return
        counts = {name: columns[name].filter(pa.array(self._chosen)) for name in _SHOWN if name in columns}
        self._add_applications(counts, reverse=reverse)
        self._add_talkers(counts)

    def _add_applications(self, counts: Mapping[str, Any], *, reverse: bool) -> None:
        keys = self._groups * len(self._names) + self._applications[self._row]
        for key, sums in added(counts, keys):
            group, application = divmod(key, len(self._names))
            start_ns, place = self._at(group)
            forward = place.forward or Direction.A_TO_Z
            tags = {"direction": (forward.opposite if reverse else forward).value, "application": self._names[application]}
            window = self._windows[start_ns]
            window.add("application", place.tenant, {"line": str(place.line), "vantage": place.vantage, **tags}, sums)

    def _add_talkers(self, counts: Mapping[str, Any]) -> None:
        """Each flow counts for both its ends."""
        ends = [self._placed.table.column(name) for name in ("source_address", "destination_address")]
        addresses, codes = encoded(pa.chunked_array([chunk for end in ends for chunk in end.chunks], pa.string()))
        of_source, of_destination = codes[: self._placed.table.num_rows], codes[self._placed.table.num_rows :]
        groups = np.concatenate([self._groups, self._groups])
        keys = groups * len(addresses) + np.concatenate([of_source[self._row], of_destination[self._row]])
        found: dict[int, dict[str, Counts]] = {}
        for key, *sums in _largest(keys, counts, of=len(addresses)):
            group, number = divmod(key, len(addresses))
            if addresses[number] is not None:
                found.setdefault(group, {})[addresses[number]] = (sums[0], sums[1], sums[2])
        for group, candidates in found.items():
            start_ns, place = self._at(group)
            tags = {"line": str(place.line), "vantage": place.vantage}
            self._windows[start_ns].add("top_talkers", place.tenant, tags, {}, candidates=candidates)

    def _at(self, group: int) -> tuple[int, Any]:
        window, place = divmod(group, len(self._placed.places))
        return int(self._starts[window]), self._placed.places[place]


def _largest(keys: Ints, counts: Mapping[str, Any], *, of: int) -> list[tuple[int, int, int, int]]:
    """The largest of each group by octets: (key, octets, packets, flows). The keys hold the counted parts twice."""
    distinct, index = np.unique(keys, return_inverse=True)
    sums = [_sums(index, counts.get(name), size=len(distinct)) for name in _SHOWN]
    groups = distinct // of
    order = np.lexsort((-sums[0], groups))
    begins = np.flatnonzero(np.r_[True, groups[order][1:] != groups[order][:-1]])
    place = np.arange(len(order)) - np.repeat(begins, np.diff(np.r_[begins, len(order)]))
    kept = order[place < KEPT]
    return list(zip(distinct[kept].tolist(), *(column[kept].tolist() for column in sums), strict=True))


def _sums(index: Ints, column: Any, *, size: int) -> Ints:
    if column is None:
        return np.zeros(size, np.int64)
    values = np.asarray(pc.fill_null(column, 0), dtype=np.float64)
    return np.bincount(index, weights=np.concatenate([values, values]), minlength=size).astype(np.int64)


def applications(table: pa.Table) -> tuple[list[str], NDArray[np.int64]]:
    """Names, and for each flow the number of its application's."""
    told, told_codes = encoded(table.column("application"))
    ports = np.minimum(_port(table, "source_port"), _port(table, "destination_port"))
    protocol = np.asarray(pc.fill_null(table.column("protocol"), 0), dtype=np.int64)
    ports = np.where((ports < _KNOWN_PORTS) & np.isin(protocol, list(_TRANSPORTS)), ports, _KNOWN_PORTS)
    keys = (told_codes * (_KNOWN_PORTS + 1) + ports) * 256 + np.where(ports < _KNOWN_PORTS, protocol, 0)
    distinct, index = np.unique(keys, return_inverse=True)
    numbers: dict[str, int] = {OTHER: 0}
    of_key = np.zeros(len(distinct), np.int64)
    for at, key in enumerate(distinct.tolist()):
        rest, transport = divmod(key, 256)
        name, port = divmod(rest, _KNOWN_PORTS + 1)
        text = told[name] or (f"{_TRANSPORTS[transport]}/{port}" if port < _KNOWN_PORTS else OTHER)
        if text in numbers or len(numbers) < MOST_NAMES:
            of_key[at] = numbers.setdefault(text, len(numbers))
    return list(numbers), of_key[index]


def _port(table: pa.Table, name: str) -> Ints:
    return np.asarray(pc.fill_null(table.column(name), 65_535), dtype=np.int64)
