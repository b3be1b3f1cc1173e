"""Exported flows as columns: the native module and the rules in plain words say the same of every datagram."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultline.native import ExportDecoder
from tests.collector.exporters import datagrams as d
from tests.collector.exporters.oracle import sort_rows

RECEIVED_NS = 1_800_000_000_000_000_000


def flows_of(datagrams: Iterable[bytes], *, sampling: float | None = None) -> list[dict[str, Any]]:
    """What the native module says, absent values left out."""
    found = ExportDecoder().flows(list(datagrams), "e", received_ns=RECEIVED_NS, sampling=sampling)
    rows: list[dict[str, Any]] = pa.table(found.take_table()).to_pylist()
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def plainly(datagrams: Iterable[bytes], *, sampling: float | None = None) -> list[dict[str, Any]]:
    """What the rules say."""
    decoder = ExportDecoder()
    rows = [row for octets in datagrams for row in decoder.datagram(octets, "e")]
    return sort_rows(rows, received_ns=RECEIVED_NS, sampling=sampling).flows


def corpus(folder: Path) -> list[Path]:
    """Datagrams of many vendors, each folder's in an order in which templates may come late."""
    found = sorted(folder.glob("logstash/spec/**/*.dat")) + sorted(folder.glob("telegraf/**/*.bin"))
    return [path for path in found if path.stat().st_size]


@pytest.mark.parametrize("sampling", [None, 512.0])
def test_every_datagram_of_the_corpora_is_read_alike(corpora: Path, sampling: float | None) -> None:
    """Hundreds of datagrams of two dozen vendors: the same flows, field by field."""
    files = corpus(corpora)
    if not files:
        pytest.skip("no raw datagrams in the corpora")
    flows = 0
    for order in (files, files[::-1]):
        datagrams = [gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes() for path in order]
        native = flows_of(datagrams, sampling=sampling)
        assert native == plainly(datagrams, sampling=sampling)
        flows = max(flows, len(native))
    assert flows > 100


TEMPLATE = d.template_set(0, 300, d.V9_FIELDS)
_ELEMENTS = (
    (8, 4), (27, 16), (12, 4), (1, 4), (1, 8), (23, 4), (85, 8), (2, 4), (22, 4), (21, 4), (152, 8), (153, 8), (150, 4),
    (161, 4), (158, 4), (34, 4), (305, 4), (306, 4), (309, 4), (310, 4), (311, 8), (61, 1), (10, 4), (14, 2), (7, 2),
    (231, 8), (232, 8), (15, 4), (4, 1), (160, 8), (6, 2), (58, 2), (234, 4), (96, 12), (82, 8), (323, 8),
)  # fmt: skip
_FIELDS = st.lists(st.sampled_from(_ELEMENTS), min_size=1, max_size=10)


@given(fields=_FIELDS, octets=st.binary(min_size=0, max_size=200), as_ipfix=st.booleans())
def test_any_template_and_any_octets_are_read_alike(fields: list[tuple[int, int]], octets: bytes, as_ipfix: bool) -> None:  # noqa: FBT001
    """Fields in any order and number with any value: nothing is read differently, and nothing raises."""
    sets = (d.template_set(2 if as_ipfix else 0, 300, fields), d.data_set(300, [octets]))
    make = d.ipfix if as_ipfix else d.netflow9
    datagrams = [make(*sets, sequence=0, export_s=1_800_000_000)]
    assert flows_of(datagrams) == plainly(datagrams)


def test_names_and_sampling_of_options_are_joined() -> None:
    """An interface's name and the exporter's sampling come from options of v9, whichever of the interfaces is the metered one."""
    names = d.options_template(256, [(2, 4)], [(82, 8)])
    sampling = d.options_template(257, [(1, 4)], [(34, 4)])
    said = [d.data_set(256, [(3).to_bytes(4) + b"ge-0/0/1", (4).to_bytes(4) + b"ge-0/0/2"])]
    said += [d.data_set(257, [bytes(4) + (1000).to_bytes(4)])]
    datagrams = [d.netflow9(names, sampling, *said, TEMPLATE, d.data_set(300, [d.record()]), sequence=0, export_s=1_800_000_000)]
    [flow] = flows_of(datagrams)
    assert (flow["interface_name"], flow["sampling_factor"], flow["sampling_source"]) == ("ge-0/0/1", 1000.0, "told")
    assert [flow] == plainly(datagrams)


def test_sflow_is_sampled_packets() -> None:
    """Each sample is a flow of one packet at the time it came, with the factor that the sample tells."""
    flows = flows_of([d.sflow5(sequence=1, samples=2, rate=400)])
    assert [(flow["packets"], flow["octets"], flow["frame_octets"], flow["sampling_factor"]) for flow in flows] == [
        (1, 1000, 1018, 400.0)
    ] * 2
    assert {flow["start_ns"] for flow in flows} == {RECEIVED_NS}
    assert flows == plainly([d.sflow5(sequence=1, samples=2, rate=400)])
