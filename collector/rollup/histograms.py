"""Adds the distributions of many records by group, without a loop over records.

Goes in: a binary column of histogram octets (the format of `faultline/records/histogram.py`) and a group number a row. Comes
out: one Histogram a group. All octets are read at once as one row of variable-length numbers; a record whose octets are no
histogram is left out and counted.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faultline.records.histogram import FORMAT, MAX_BUCKET, MAX_OCTETS, Histogram

_LONGEST = 10
"""Octets of the longest number of 64 bits."""
_MORE = 0x80
_MOST_COUNT = 1 << 53
"""Larger counts of one bucket are refused: sums stay far below 64 bits."""

_SPAN = 2 * (MAX_BUCKET + 1)
"""Number of buckets."""

_Ints = NDArray[np.int64]


def merged(column: pa.ChunkedArray, groups: _Ints) -> tuple[dict[int, Histogram], int]:
    """Distributions by group, groups without samples left out; and how many records held no histogram."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    present = np.asarray(array.is_valid())
    array, groups = array.drop_null(), groups[present]
    rows, buckets, counts, bad = _decoded(array)
    if not rows.size:
        return {}, bad
    distinct, inverse = np.unique(groups[rows] * _SPAN + (buckets + MAX_BUCKET + 1), return_inverse=True)
    totals = np.zeros(len(distinct), np.int64)
    np.add.at(totals, inverse, counts)
    found: dict[int, Histogram] = {}
    for key, count in zip(distinct.tolist(), totals.tolist(), strict=True):
        group, place = divmod(key, _SPAN)
        found.setdefault(group, Histogram()).add_bucket(place - MAX_BUCKET - 1, count)
    return found, bad


def _decoded(array: pa.BinaryArray) -> tuple[_Ints, _Ints, _Ints, int]:
    """(row, bucket, count) of every bucket of every sound row, and the number of unsound rows."""
    offsets = np.frombuffer(array.buffers()[1], np.int32, len(array) + 1, array.offset * 4).astype(np.int64)
    data = array.buffers()[2]
    octets = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]] if data is not None else np.zeros(0, np.uint8)
    offsets = offsets - offsets[0]
    sizes = np.diff(offsets)
    empty = np.zeros(0, np.int64)
    if not octets.size:
        return empty, empty, empty, 0
    # A row must end with the last octet of a number, else its number would run into the next row's.
    sound = np.ones(len(sizes), bool)
    filled = sizes > 0
    sound[filled] = (octets[offsets[1:][filled] - 1] < _MORE) & (octets[offsets[:-1][filled]] == FORMAT)
    sound &= sizes <= MAX_OCTETS
    row_of_octet = np.repeat(np.arange(len(sizes)), sizes)
    octets = octets[sound[row_of_octet]]
    row_of_octet = row_of_octet[sound[row_of_octet]]
    values, rows, long = _numbers(octets, row_of_octet)
    sound[long] = False
    first = np.r_[True, rows[1:] != rows[:-1]] if rows.size else np.zeros(0, bool)
    values, rows = values[~first], rows[~first]  # the format octet reads as a number of its own
    odd = np.bincount(rows, minlength=len(sizes)) % 2 == 1
    sound[odd] = False
    keep = sound[rows]
    steps, counts, rows = values[keep][0::2], values[keep][1::2], rows[keep][0::2]
    buckets = _buckets(steps, rows)
    wrong = (counts < 1) | (counts > _MOST_COUNT) | (np.abs(buckets + 0.5) > MAX_BUCKET + 1) | _not_rising(steps, rows)
    sound[rows[wrong]] = False
    keep = sound[rows]
    return rows[keep], buckets[keep], counts[keep].astype(np.int64), int((~sound).sum())


def _numbers(octets: NDArray[np.uint8], row_of_octet: _Ints) -> tuple[NDArray[np.uint64], _Ints, _Ints]:
    """Every LEB128 number, its row, and the rows with one that is too long."""
    ends = np.flatnonzero(octets < _MORE)
    starts = np.r_[0, ends[:-1] + 1] if ends.size else ends
    lengths = ends - starts + 1
    rows = row_of_octet[ends]
    values = np.zeros(len(ends), np.uint64)
    for place in range(min(_LONGEST, int(lengths.max(initial=0)))):
        has = lengths > place
        part = (octets[starts[has] + place] & 0x7F).astype(np.uint64)
        values[has] |= part << np.uint64(7 * place)
    return values, rows, rows[lengths >= _LONGEST]


def _buckets(steps: NDArray[np.uint64], rows: _Ints) -> _Ints:
    """Absolute buckets: the first of a row is zigzag, each later one is a distance."""
    first = np.r_[True, rows[1:] != rows[:-1]] if rows.size else np.zeros(0, bool)
    # Beyond this a step is out of range anyway; capped, the running sum cannot overflow.
    capped = np.minimum(steps, np.uint64(4 * MAX_BUCKET)).astype(np.int64)
    signed = np.where(first, np.where(capped & 1, -((capped + 1) >> 1), capped >> 1), capped)
    running = np.cumsum(signed)
    before = np.repeat((running - signed)[first], np.diff(np.r_[np.flatnonzero(first), len(rows)]))
    found: _Ints = running - before
    return found


def _not_rising(steps: NDArray[np.uint64], rows: _Ints) -> NDArray[np.bool_]:
    first = np.r_[True, rows[1:] != rows[:-1]] if rows.size else np.zeros(0, bool)
    wrong: NDArray[np.bool_] = (steps == 0) & ~first
    return wrong
