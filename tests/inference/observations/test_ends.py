"""Evidence about the ends of a line: round trips, server response, closed windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from faultline.records.histogram import Histogram

MS = 1_000_000
Steady = Callable[..., Histogram]
SOME = {"tcp_segments": 1000}


def of_kind(seen: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Observations of a kind."""
    return [o for o in seen if o["kind"] == kind]


def test_the_nearest_vantage_tells_the_round_trip_to_an_end(ground: Any, steady: Steady) -> None:
    """Six vantages time the same acknowledgements; the one nearest the end has the least of the line in between."""
    rows = []
    for vantage in ("ce-lan", "fw-wan", "fw-lan"):
        ground.usually(vantage, "data_rtt", MS, direction="a_to_z")
        rows.append(ground.tcp(vantage, "a_to_z", SOME, data_rtt=steady(MS)))
    session = ground.session("ce-fw", {"received": 10, "lost_forward": 0, "lost_reverse": 0})
    (seen,) = of_kind(ground.observations(session, *rows), "delay")
    assert seen["via"] == ["dc-lan>", "dc-lan<", "server"]
    assert (seen["source"], seen["round_trip"]) == ("passive", True)
    assert seen["baseline"]["median_us"] == 1000


def test_without_a_test_session_the_farthest_vantage_tells_of_the_line(ground: Any, steady: Steady) -> None:
    """Where nothing else times the middle of a line, the traffic does."""
    rows = []
    for vantage in ("ce-wan", "fw-lan"):
        ground.usually(vantage, "data_rtt", MS, direction="a_to_z")
        rows.append(ground.tcp(vantage, "a_to_z", SOME, data_rtt=steady(MS)))
    near, far = of_kind(ground.observations(*rows), "delay")
    assert near["via"] == ["dc-lan>", "dc-lan<", "server"]
    assert far["via"][:2] == ["loop-a>", "loop-a<"]


def test_towards_a_the_round_trip_exposes_the_a_side(ground: Any, steady: Steady) -> None:
    """`data_rtt` of z_to_a is from the vantage to A and back."""
    ground.usually("ce-lan", "data_rtt", MS, direction="z_to_a")
    seen = of_kind(ground.observations(ground.tcp("ce-lan", "z_to_a", SOME, data_rtt=steady(3 * MS))), "delay")
    assert [o["via"] for o in seen] == [["branch-lan<", "branch-lan>"]]


def test_another_mix_of_traffic_is_not_a_longer_way(ground: Any, steady: Steady) -> None:
    """The median rose, the minimum did not: receivers think longer, and that is no evidence of the line."""
    ground.usually("fw-lan", "data_rtt", MS, direction="a_to_z")
    mix = ground.tcp("fw-lan", "a_to_z", SOME, data_rtt=steady(40 * MS, lowest_ns=MS))
    assert of_kind(ground.observations(mix), "delay") == []
    longer = ground.tcp("fw-lan", "a_to_z", SOME, data_rtt=steady(40 * MS, lowest_ns=39 * MS))
    assert len(of_kind(ground.observations(longer), "delay")) == 1


def test_response_times_speak_of_the_server(ground: Any, steady: Steady) -> None:
    """The server at the end the requests go to, told once, from the vantage nearest to it, with the way between them."""
    rows = []
    for vantage in ("ce-lan", "fw-lan"):
        ground.usually(vantage, "application_response", 8 * MS, direction="a_to_z", mad_ns=900_000.0)
        rows.append(ground.tcp(vantage, "a_to_z", SOME, application_response=steady(90 * MS)))
    (seen,) = of_kind(ground.observations(*rows), "response")
    assert seen["endpoint"] == "server"
    assert seen["via"] == ["dc-lan>", "dc-lan<", "server"]
    assert seen["median_us"] == pytest.approx(90_000, rel=1 / 64)
    assert seen["baseline"] == {"n": 9000, "median_us": 8000.0, "mad_us": 900.0}


def test_requests_towards_a_network_speak_of_no_server(ground: Any, steady: Steady) -> None:
    """The A side of the example ends with a LAN: whose server it is, nobody knows."""
    ground.usually("ce-lan", "application_response", 8 * MS, direction="z_to_a")
    row = ground.tcp("ce-lan", "z_to_a", SOME, application_response=steady(90 * MS))
    assert of_kind(ground.observations(row), "response") == []


def test_a_closed_window_speaks_of_the_host_that_closed_it(ground: Any) -> None:
    """The sender of direction z_to_a is the server; the share is of the time its flows lasted."""
    row = ground.tcp("fw-lan", "z_to_a", {**SOME, "zero_window_ns": 22_000 * MS, "tcp_flows": 6})
    far = ground.tcp("ce-lan", "z_to_a", {**SOME, "zero_window_ns": 22_000 * MS, "tcp_flows": 6})
    assert of_kind(ground.observations(row, far), "zero_window") == [
        {"kind": "zero_window", "endpoint": "server", "seconds": 60.0, "closed_seconds": 22.0},
    ]


def test_an_open_window_is_told_too(ground: Any) -> None:
    """Nothing closed is evidence for the server's health; not measured is nothing."""
    row = ground.tcp("fw-lan", "z_to_a", {**SOME, "zero_window_ns": 0, "tcp_flows": 6})
    assert of_kind(ground.observations(row), "zero_window")[0]["closed_seconds"] == 0
    assert of_kind(ground.observations(ground.tcp("fw-lan", "z_to_a", SOME)), "zero_window") == []


def test_the_client_sides_windows_speak_of_no_component(ground: Any) -> None:
    """Hosts behind the A side are no components of the example."""
    row = ground.tcp("ce-lan", "a_to_z", {**SOME, "zero_window_ns": 22_000 * MS, "tcp_flows": 6})
    assert of_kind(ground.observations(row), "zero_window") == []
