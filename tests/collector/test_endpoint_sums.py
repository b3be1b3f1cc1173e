"""What each server's clients got, out of flow records: whose service it was, what it did, which attempts to connect failed."""

from __future__ import annotations

from typing import Any

import pytest

from faultline.records.histogram import Histogram
from faultline.records.points import Point
from faultline.records.terms import SECOND_NS
from tests.collector.conftest import BANK, BEGIN_NS, LINE, TEN_S, FakeProbe, Ground, make_flow

MS = 1_000_000


def rows(ground: Ground, *flows: dict[str, Any], until_s: int = 40) -> dict[str, Point]:
    """Rows of the first window by endpoint, once it is final."""
    ground.now_ns = BEGIN_NS + TEN_S
    ground.send(FakeProbe().batch("flows", {"flow": list(flows)}, closed_ns=ground.now_ns))
    ground.advance(until_s)
    return {point.tags["endpoint"]: point for point in ground.points("endpoint_quality") if point.time_ns == BEGIN_NS}


def make_connect(at_ns: int = BEGIN_NS, **changes: Any) -> dict[str, Any]:
    """A SYN, and nothing else."""
    nothing = {"reverse_packets": 0, "reverse_octets": 0, "reverse_frame_octets": 0, "reverse_tcp_segments": 0}
    counts = {"packets": 1, "octets": 60, "frame_octets": 74, "tcp_segments": 0, "end_ns": at_ns}
    flags = {f"{way}{name}": 0 for way in ("", "reverse_") for name in ("syn_packets", "fin_packets", "rst_packets")}
    return make_flow(at_ns, **{**nothing, **counts, **flags, "syn_packets": 1, **changes})


def outcome(point: Point) -> tuple[Any, ...]:
    """Attempts, refused, unanswered."""
    return tuple(point.fields[f"connect_{name}"] for name in ("attempts", "refused", "unanswered"))


def test_traffic_belongs_to_the_service_on_its_port_else_to_the_server(ground: Ground) -> None:
    """Octets by direction, what the endpoint advertised, its response times; strangers have no row."""
    responses = Histogram([8 * MS] * 4).encode()
    teller = make_flow(application_response=responses, zero_window_events=9, zero_window_ns=9)
    stalled = make_flow(reverse_zero_window_events=2, reverse_zero_window_ns=700 * MS)
    found = rows(ground, teller, stalled, make_flow(destination_port=22), make_flow(destination_address="10.2.0.77"))
    assert set(found) == {"svc-teller", "srv-1"}
    service = found["svc-teller"]
    assert (service.tenant, dict(service.tags)) == (BANK, {"line": LINE, "vantage": "v-branch", "endpoint": "svc-teller"})
    assert {name: service.fields[name] for name in ("flows", "octets_to_endpoint", "octets_from_endpoint")} == {
        "flows": 2, "octets_to_endpoint": 20_000, "octets_from_endpoint": 100_000,
    }  # fmt: skip
    assert (service.fields["zero_window_events"], service.fields["zero_window_ns"]) == (2, 700 * MS)
    assert service.fields["application_response_n"] == 4
    assert "application_response_n" not in found["srv-1"].fields


def test_a_resolver_has_a_row_without_what_only_tcp_has(ground: Ground) -> None:
    """Absent is absent: no attempts to connect were measured."""
    udp = {
        name: None for name in make_flow() if name.removeprefix("reverse_").startswith(("tcp_", "retrans", "loss_", "data_rtt"))
    }
    query = make_flow(**udp, protocol=17, destination_address="10.2.0.53", destination_port=53)
    answer = rows(ground, {name: value for name, value in query.items() if value is not None})["dns-1"]
    assert answer.fields == {"flows": 1, "octets_to_endpoint": 10_000, "octets_from_endpoint": 50_000}


def test_a_connection_met_in_its_middle_is_turned_round_only_where_somebody_listens(ground: Ground) -> None:
    """Its first packet was the server's: the source is the service, its zero windows are forward; no attempt is read into it."""
    turned = make_flow(
        source_address="10.2.0.9", source_port=443, destination_address="10.1.0.5", destination_port=40_000,
        zero_window_events=3, zero_window_ns=5, reverse_zero_window_events=8, syn_packets=0, reverse_syn_packets=0,
    )  # fmt: skip
    own = turned | {"source_port": 50_000, "destination_port": 443}
    found = rows(ground, turned, own)
    assert set(found) == {"svc-teller"}
    fields = found["svc-teller"].fields
    assert (fields["octets_to_endpoint"], fields["octets_from_endpoint"]) == (50_000, 10_000)
    assert (fields["zero_window_events"], fields["connect_attempts"]) == (3, 0)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"reverse_packets": 1, "reverse_syn_packets": 1}, (1, 0, 0)),
        ({"packets": 4}, (1, 0, 0)),
        ({"reverse_packets": 1, "reverse_rst_packets": 1}, (1, 1, 0)),
        ({}, (1, 0, 1)),
        ({"packets": 3, "syn_packets": 3, "end_ns": BEGIN_NS + 3 * SECOND_NS}, (1, 0, 1)),
        ({"packets": 2, "rst_packets": 1}, (1, 0, 1)),
        ({"end_ns": BEGIN_NS + 9 * SECOND_NS}, (1, 0, 1)),
        ({"end_ns": BEGIN_NS + 9 * SECOND_NS + 1}, (0, 0, 0)),
        ({"end_reason": 4}, (0, 0, 0)),
        ({"syn_packets": 0, "packets": 0, "reverse_packets": 1, "reverse_rst_packets": 1}, (0, 0, 0)),
        ({"packets": 9, "reverse_packets": 9, "reverse_syn_packets": 1, "reverse_rst_packets": 1}, (1, 0, 0)),
        ({"syn_packets": 0, "packets": 5, "reverse_packets": 5}, (0, 0, 0)),
    ],
    ids=[
        "answered by a SYN", "answers not seen, but the client went on", "refused by a reset", "unanswered", "asked again",
        "given up with a reset", "a second to answer", "the answer may come in the next interval", "the probe stopped",
        "a reset in the interval after its SYN", "closed by a reset later", "under way since long",
    ],
)  # fmt: skip
def test_an_attempt_is_judged_in_the_record_that_decides_it(
    ground: Ground, changes: dict[str, Any], expected: tuple[int, int, int]
) -> None:
    """Refused is a reset to the SYN; unanswered had a second for its answer within the interval."""
    assert outcome(rows(ground, make_connect(**changes))["svc-teller"]) == expected


def test_a_syn_at_the_end_of_an_interval_is_judged_by_the_next(ground: Ground) -> None:
    """Answered there it is an attempt that succeeded; asked again there in vain it is unanswered, once."""
    late_ns = BEGIN_NS + 9 * SECOND_NS + 500 * MS
    probe = FakeProbe()
    ground.now_ns = BEGIN_NS + TEN_S
    first = [make_connect(late_ns), make_connect(late_ns, source_port=40_001)]
    ground.send(probe.batch("flows", {"flow": first}, closed_ns=ground.now_ns))
    ground.advance()
    ground.now_ns += TEN_S
    next_ns = BEGIN_NS + TEN_S
    answered = make_connect(next_ns, packets=1, syn_packets=0, reverse_packets=1, reverse_syn_packets=1, flow_start_ns=late_ns)
    again = make_connect(next_ns + 500 * MS, source_port=40_001, flow_start_ns=late_ns)
    ground.send(probe.batch("flows", {"flow": [answered, again]}, closed_ns=ground.now_ns))
    ground.advance(40)
    found = {point.time_ns: outcome(point) for point in ground.points("endpoint_quality")}
    assert found == {BEGIN_NS: (0, 0, 0), next_ns: (2, 0, 1)}


def test_addresses_are_their_tenants(ground: Ground) -> None:
    """Traffic of no line uses no endpoint, though the address is one's: every bank uses 10/8."""
    found = rows(ground, make_flow(source_address="192.0.2.1"))
    assert found == {}
