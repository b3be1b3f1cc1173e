"""The filter language: what it means, held against a plain reading of it, and what it refuses."""

from __future__ import annotations

import ipaddress
import operator
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.search import language
from collector.search.compiling import MACROS, Sql, compile_filter
from collector.search.fields import ALIASES, COLUMNS, FIELDS, Kind
from collector.search.language import Comparison, Condition, Filter, FilterError, Pattern, Range, parse

SITES = {"hq": ["L1", "L2"], "nowhere": []}


def make_flow(**changes: Any) -> dict[str, Any]:
    """A flow as the archive has it."""
    flow: dict[str, Any] = {"source_address": "10.1.0.5", "destination_address": "10.2.0.9", "source_port": 40000}
    flow |= {"destination_port": 443, "protocol": 6, "octets": 1000, "packets": 10, "start_ns": 0, "end_ns": 1_000_000_000}
    flow |= {"line": "L1", "tenant": "bank", "vantage": "v-1"}
    return flow | changes


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB, knowing the macros."""
    made = duckdb.connect(":memory:")
    for macro in MACROS:
        made.execute(macro)
    yield made
    made.close()


def compiled(text: str) -> Sql:
    """The SQL of a filter."""
    return compile_filter(parse(text), lines_of_site=lambda site: SITES.get(site, []))


def fits(engine: duckdb.DuckDBPyConnection, text: str, flow: Mapping[str, Any]) -> bool:
    """Whether DuckDB finds a flow."""
    sql = compiled(text)
    columns = ", ".join(f"?::{kind} AS {name}" for name, kind in COLUMNS.items())
    query = f"SELECT count(*) FROM (SELECT {columns}) WHERE {sql.text}"  # noqa: S608 - what is tested
    [(found,)] = engine.execute(query, [flow.get(name) for name in COLUMNS] + list(sql.parameters)).fetchall()
    return bool(found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", True),
        ("source 10.1.0.5", True),
        ("src 10.1.0.0/16", True),
        ("destination 10.1.0.0/16", False),
        ("address 10.2.0.0/15", True),
        ("address 10.4.0.0/15", False),
        ("net 0.0.0.0/0", True),
        ("net ::/0", False),
        ("source 10.0.0.0/9", True),
        ("source 10.128.0.0/9", False),
        ("port 443", True),
        ("port 400-500", True),
        ("source_port 443", False),
        ("port in (80, 443)", True),
        ("port != 443", False),
        ("port != 80", True),
        ("proto tcp", True),
        ("proto 17", False),
        ("octets > 999 and packets <= 10", True),
        ("octets >= 1k", True),
        ("octets > 1k", False),
        ("bytes 0.5k-1.5k", True),
        ("line L*", True),
        ('line "L*"', False),
        ('line "L1"', True),
        ("line L_", False),
        ("site hq", True),
        ("site nowhere", False),
        ("not site nowhere", True),
        ("application dns", False),
        ("not application dns", True),
        ("application != dns", True),
        ("application *", False),
        ("duration 1s", True),
        ("duration < 1000ms", False),
        ("start < 2026-01-31T08:00", True),
        ("source 10.1.0.5 destination 10.2.0.9", True),
        ("source 10.9.0.5 or (port 443 and not line L2)", True),
        ("not (port 443 or port 80)", False),
        ("not not port 443", True),
        ("exporter 192.0.2.1", False),
        ("loss_ratio < 1%", False),
        ("NOT Port 80 AND PROTO TCP", True),
    ],
)
def test_a_filter_finds_what_it_says(engine: duckdb.DuckDBPyConnection, text: str, *, found: bool) -> None:
    """Each condition means what the reference says, and what a flow lacks fits no condition."""
    assert fits(engine, text, make_flow()) is found


def test_ratios_are_of_both_directions(engine: duckdb.DuckDBPyConnection) -> None:
    """Losses before and behind the vantage, both ways, over all segments."""
    flow = make_flow(tcp_segments=90, reverse_tcp_segments=10, loss_upstream=1, reverse_loss_downstream=1)
    assert fits(engine, "loss_ratio 0.02 loss 2", flow)
    assert fits(engine, "loss_ratio >= 2%", flow)
    assert not fits(engine, "loss_ratio > 2%", flow)


@given(network=st.ip_addresses(v=6).flatmap(lambda a: st.tuples(st.just(a), st.integers(0, 128))), other=st.ip_addresses(v=6))
def test_prefixes_of_ipv6_are_compared_as_numbers(
    engine: duckdb.DuckDBPyConnection, network: tuple[ipaddress.IPv6Address, int], other: ipaddress.IPv6Address
) -> None:
    """However an address is shortened in text, it is in a prefix or not."""
    known = ipaddress.ip_network(network, strict=False)
    if other.ipv4_mapped or known.network_address.ipv4_mapped:
        return
    inside = known[min(known.num_addresses - 1, 12_345)]
    if not inside.ipv4_mapped:  # such texts end in an IPv4 address, which is no group
        assert fits(engine, f"source {known}", make_flow(source_address=str(inside)))
    assert fits(engine, f"source {known}", make_flow(source_address=str(other))) is (other in known)


@pytest.mark.parametrize(
    ("text", "says", "at"),
    [
        ("colour red", "'colour' is no field", 0),
        ("port", "a value of port is missing", 4),
        ("port http", "'http' is no number", 5),
        ("port > 80-90", "compare with one of them", 7),
        ("line > L1", "it can be = or != and nothing else", 5),
        ("(port 80", "')' is missing", 8),
        ("port 80)", "')' was not expected", 7),
        ("port in 80", "'(' expected", 8),
        ("port in (80 90)", "',' or ')' expected", 12),
        ("source 10.1.0.0/40", "is no address", 7),
        ('line "L1', "without its closing quote", 5),
        ("port 80 or", "a condition is missing", 10),
        ("proto 256", "is no protocol", 6),
        ("duration 5", "is no duration", 9),
        ("octets 99999999999999999999", "is no number", 7),
        ("not " * 60 + "port 80", "inside each other", 200),
        ("port 80 " * 501, "more than 500 conditions", 4000),
        ("x" * 10_001, "longer than", 10_000),
        ("start > 9999-99-99", "is no instant", 8),
        ('"port" 80', "is no field", 0),
        ("port ! 80", "means nothing here", 5),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, says: str, at: int) -> None:
    """A person sees which word is meant."""
    with pytest.raises(FilterError, match="at character") as caught:
        parse(text)
    assert says in str(caught.value)
    assert caught.value.at == at


# ---- held against a plain reading ----------------------------------------------------------------------------------
_VALUES: Mapping[Kind, st.SearchStrategy[str]] = {
    Kind.ADDRESS: st.sampled_from(["10.1.0.5", "10.1.0.0/19", "10.0.0.0/9", "2001:db8::/33", "2001:db8::7", "0.0.0.0/0"]),
    Kind.NUMBER: st.sampled_from(["0", "10", "443", "1k", "400-500", "40000"]),
    Kind.PROTOCOL: st.sampled_from(["tcp", "udp", "47"]),
    Kind.TEXT: st.sampled_from(["L1", "L*", "*1", '"L*"', "bank", "%", "v-_", "told"]),
    Kind.SITE: st.sampled_from(["hq", "nowhere"]),
    Kind.RATIO: st.sampled_from(["0", "1%", "0.5"]),
    Kind.DURATION: st.sampled_from(["0s", "20ms", "1s"]),
    Kind.INSTANT: st.sampled_from(["1970-01-01T00:00", "2026-01-31T08:00+08:00"]),
}


@st.composite
def _conditions(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from([*FIELDS, *ALIASES]))
    field = FIELDS[ALIASES.get(name, name)]
    value = draw(_VALUES[field.kind])
    ordered = field.kind in {Kind.NUMBER, Kind.RATIO, Kind.DURATION, Kind.INSTANT} and "-5" not in value
    sign = draw(st.sampled_from(["", "=", "!=", "<", "<=", ">", ">="] if ordered else ["", "=", "!="]))
    return f"{name} {sign} {value}"


FILTERS = st.recursive(
    _conditions(),
    lambda inner: st.one_of(
        inner.map(lambda text: f"not ({text})"),
        st.tuples(inner, st.sampled_from([" and ", " or ", " "]), inner).map(lambda parts: f"({parts[0]}{parts[1]}{parts[2]})"),
    ),
    max_leaves=6,
)
FLOWS = st.fixed_dictionaries(
    {"start_ns": st.sampled_from([0, 10**9, 1_769_900_000 * 10**9]), "tenant": st.just("bank")},
    optional={
        "end_ns": st.sampled_from([10**9, 1_769_900_001 * 10**9]),
        "source_address": st.sampled_from(["10.1.0.5", "10.1.40.1", "10.200.0.1", "2001:db8::7", "2001:db8:8000::"]),
        "destination_address": st.sampled_from(["10.1.0.5", "2001:db8::7"]),
        "source_port": st.sampled_from([443, 40_000]),
        "destination_port": st.sampled_from([443, 450]),
        "protocol": st.sampled_from([6, 17]),
        "octets": st.sampled_from([0, 500, 1000]),
        "reverse_octets": st.sampled_from([0, 500]),
        "line": st.sampled_from(["L1", "L*", "%"]),
        "sampling_source": st.sampled_from(["told", "unknown"]),
        "tcp_segments": st.sampled_from([0, 100]),
        "retransmissions": st.sampled_from([1, 50]),
        "loss_upstream": st.just(1),
        "rtt_server_ns": st.just(20_000_000),
        "rtt_client_ns": st.just(0),
    },
)


@given(text=FILTERS, flow=FLOWS)
def test_the_engine_finds_what_a_plain_reading_finds(engine: duckdb.DuckDBPyConnection, text: str, flow: dict[str, Any]) -> None:
    """Any filter on any flow: SQL and a reading of the conditions one by one agree."""
    assert fits(engine, text, flow) is plainly(parse(text), flow)


def plainly(found: Filter, flow: Mapping[str, Any]) -> bool:
    """Whether a flow fits, read word by word."""
    match found:
        case language.Not(part):
            return not plainly(part, flow)
        case language.All(parts):
            return all(plainly(part, flow) for part in parts)
        case language.Any(parts):
            return any(plainly(part, flow) for part in parts)
        case Condition():
            values = found.values
            if found.field.kind is Kind.SITE:
                values = tuple(line for site in values for line in SITES[str(site)])
            same = any(_is(_of(flow, column), found.comparison, value) for column in found.field.sql for value in values)
            return not same if found.comparison is Comparison.UNEQUAL else same


def _of(flow: Mapping[str, Any], expression: str) -> Any:
    """The value of a field's expression, written out by hand."""

    def total(name: str) -> int:
        return int(flow.get(name) or 0) + int(flow.get(f"reverse_{name}") or 0)

    def share(part: int) -> float | None:
        return part / total("tcp_segments") if total("tcp_segments") else None

    by_hand: dict[str, Any] = {FIELDS[name].sql[0]: total(name) for name in ("octets", "packets", "retransmissions")}
    losses = total("loss_upstream") + total("loss_downstream")
    by_hand |= {FIELDS["loss"].sql[0]: losses, FIELDS["loss_ratio"].sql[0]: share(losses)}
    by_hand |= {FIELDS["resets"].sql[0]: total("rst_packets"), FIELDS["closed_window"].sql[0]: total("zero_window_ns")}
    by_hand[FIELDS["retransmission_ratio"].sql[0]] = share(total("retransmissions"))
    both = flow.keys() >= {"rtt_server_ns", "rtt_client_ns"}
    by_hand[FIELDS["round_trip"].sql[0]] = flow["rtt_server_ns"] + flow["rtt_client_ns"] if both else None
    by_hand[FIELDS["duration"].sql[0]] = flow["end_ns"] - flow["start_ns"] if "end_ns" in flow else None
    return by_hand[expression] if expression in by_hand else flow.get(expression)


def _is(known: Any, comparison: Comparison, value: Any) -> bool:
    if known is None:
        return False
    match value:
        case Range(low, high):
            return bool(low <= known <= high)
        case Pattern(parts):
            text = str(known)
            return text.startswith(parts[0]) and text[len(parts[0]) :].endswith(parts[-1])
        case ipaddress.IPv4Network() | ipaddress.IPv6Network():
            return ipaddress.ip_address(known) in value
    compare = {"=": operator.eq, "!=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
    return bool(compare[comparison.value](known, value))


# ---- what strangers type -------------------------------------------------------------------------------------------
@given(st.text(max_size=60))
def test_no_text_does_anything_but_filter_or_be_refused(engine: duckdb.DuckDBPyConnection, text: str) -> None:
    """Whatever is typed is a filter that runs, or is refused with its place."""
    refused: FilterError | None = None
    try:
        parse(text)
    except FilterError as error:
        refused = error
    if refused is None:
        fits(engine, text, make_flow())
    else:
        assert 0 <= refused.at <= len(text)


@given(st.text(min_size=1, max_size=40))
def test_values_are_parameters_and_never_part_of_the_statement(engine: duckdb.DuckDBPyConnection, value: str) -> None:
    """The statement is the same whatever the value is."""
    quoted = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    sql = compiled(f"line {quoted}")
    assert sql == Sql("line = ?", (value,))
    if "\x00" not in value and value.isprintable():
        assert fits(engine, f"line {quoted}", make_flow(line=value))
