"""Flow records to sums of each server, resolver and service: what its clients got, by columns.

Goes in: a flow table, the group of each record, its endpoint. Comes out: one sum a group and endpoint, for `endpoint_quality`.

An attempt to connect is judged in the record that decides it, and counts there:
- answered: the record holds the endpoint's SYN, or more of the client than its SYNs;
- refused: the client sent SYNs only, and the endpoint's packets are resets only (RFC 9293, section 3.5.2);
- unanswered: the client sent SYNs only, the last of them at least `ANSWER_NS` before the end of the interval, and nothing came
  back. A later SYN's answer may come in the next interval: its attempt is left to the next record, and counts nowhere when
  there is none. So does the reset that comes in the interval after its SYN.
An attempt that goes on through several intervals counts in each that decides it: refused and unanswered ones are never more than
attempts.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from collector.enrich.endpoints import Answering
from collector.rollup.columns import Ints, added, interval_ends
from collector.rollup.histograms import merged
from faultline.records.histogram import Histogram
from faultline.records.points import FieldValue
from faultline.records.terms import SECOND_NS

ANSWER_NS = SECOND_NS
"""How long a client waits before it asks again (RFC 6298, section 2: the first retransmission timeout)."""
_TCP = 6
_CUT = (4, 5)
"""End reasons of records that the probe cut before their interval's end (stopped, table full): an answer may follow."""


@attrs.frozen(slots=True, kw_only=True)
class EndpointSums:
    """What the records of a group add to an endpoint."""

    group: int
    endpoint: str
    sums: dict[str, FieldValue]
    histograms: dict[str, Histogram]


def sum_endpoints(table: pa.Table, groups: Ints, answering: Answering) -> tuple[list[EndpointSums], int]:
    """Sums by group and endpoint, and how many records held no histogram. Records of no endpoint are left out."""
    chosen = answering.index >= 0
    if not chosen.any():
        return [], 0
    table, at_source = table.filter(pa.array(chosen)), answering.at_source[chosen]
    keys = groups[chosen] * len(answering.names) + answering.index[chosen]
    columns = {"flows": np.ones(table.num_rows, np.int64)} | _octets(table, at_source)
    tcp = (_numbers(table, "protocol") == _TCP) & np.asarray(pc.is_valid(table.column("tcp_segments")), dtype=bool)
    not_measured = ~tcp
    masked = {name: pa.array(values, mask=not_measured) for name, values in _zero_windows(table, at_source).items()}
    # Of a connection whose beginning was not seen the sides are guessed: it says nothing of attempts.
    tried = {name: pa.array(values.astype(np.int64), mask=not_measured) for name, values in _attempts(table, ~at_source).items()}
    responses, bad = merged(table.column("application_response"), keys)
    found = []
    for key, sums in added(columns | masked | tried, keys):
        group, number = divmod(key, len(answering.names))
        histograms = {"application_response": responses[key]} if key in responses else {}
        found.append(EndpointSums(group=group, endpoint=answering.names[number], sums=sums, histograms=histograms))
    return found, bad


def _octets(table: pa.Table, at_source: NDArray[np.bool_]) -> dict[str, Any]:
    forward, reverse = _numbers(table, "octets"), _numbers(table, "reverse_octets")
    return {
        "octets_to_endpoint": np.where(at_source, reverse, forward),
        "octets_from_endpoint": np.where(at_source, forward, reverse),
    }


def _zero_windows(table: pa.Table, at_source: NDArray[np.bool_]) -> dict[str, Ints]:
    """Advertised by the endpoint: it does not take what its clients send."""
    return {
        name: np.where(at_source, _numbers(table, name), _numbers(table, f"reverse_{name}"))
        for name in ("zero_window_events", "zero_window_ns")
    }


def _attempts(table: pa.Table, sides_known: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
    """Whether each record decides an attempt, and how."""
    syns, packets = _numbers(table, "syn_packets"), _numbers(table, "packets")
    back, back_syns, back_resets = (_numbers(table, f"reverse_{name}") for name in ("packets", "syn_packets", "rst_packets"))
    # A client that gives up may say so by a reset.
    only_asked = (syns > 0) & (packets == syns + _numbers(table, "rst_packets"))
    refused = only_asked & (back_resets > 0) & (back == back_resets)
    in_time = _numbers(table, "end_ns") <= interval_ends(table) - ANSWER_NS
    cut = np.isin(_numbers(table, "end_reason"), _CUT)
    unanswered = only_asked & (back == 0) & in_time & ~cut
    answered = (back_syns > 0) | ((syns > 0) & ~only_asked)
    found = {
        "connect_attempts": answered | refused | unanswered,
        "connect_refused": refused,
        "connect_unanswered": unanswered,
    }
    return {name: which & sides_known for name, which in found.items()}


def _numbers(table: pa.Table, name: str) -> Ints:
    """A column, absent values as 0."""
    return np.asarray(pc.fill_null(table.column(name), 0), dtype=np.int64)
