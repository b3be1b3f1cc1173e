"""The simulated network does what it was told, and what packets suffer is what its measurements say: no more, no less."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from appliance.demo.kinds import Kind
from appliance.simnet.effects import KINDS, disturbance
from appliance.simnet.plant import Plant
from appliance.simnet.ways import Packets, lot
from faultline.inventory import Inventory
from faultline.records.histogram import Histogram
from faultline.records.terms import SECOND_NS, Direction, LineCode

BEGIN_NS = 1_767_576_000 * SECOND_NS
TEN_S = 10 * SECOND_NS
A_TO_Z, Z_TO_A = (Direction.A_TO_Z,), (Direction.Z_TO_A,)
Records = dict[str, list[dict[str, Any]]]
Make = Callable[..., Any]


def sessions(records: Records) -> dict[str, dict[str, Any]]:
    """Session records by id."""
    return {row["session"]: row for row in records["session"]}


def sides(records: Records, *, reverse: bool) -> dict[str, tuple[int, int]]:
    """Loss upstream and downstream of every capture, of one direction of the first branch's traffic."""
    prefix = "reverse_" if reverse else ""
    found: dict[str, tuple[int, int]] = {}
    for row in records["flow"]:
        if row["source_address"] == "10.1.1.10" and row["tcp_segments"] is not None:
            place = f"{row['by']}/{row['observation_point']}"
            up, down = found.get(place, (0, 0))
            found[place] = (up + row[f"{prefix}loss_upstream"], down + row[f"{prefix}loss_downstream"])
    return found


def median(row: dict[str, Any], metric: str) -> int:
    """Of a distribution of a record."""
    return Histogram.decode(row[metric]).quantile(0.5) or 0


def test_the_same_seed_makes_the_same_octets(ground: Make) -> None:
    """And another seed makes others."""
    octets = [[upload.octets for upload in ground(seed=seed).uploads()] for seed in (7, 7, 8)]
    assert octets[0] == octets[1]
    assert octets[0] != octets[2]


def test_a_healthy_network_loses_next_to_nothing(ground: Make) -> None:
    """A few test packets in a hundred thousand, each way; every dial is answered, every trace arrives."""
    healthy = ground()
    lost = sent = 0
    for number in range(6):
        records = healthy.interval(number)
        for row in records["session"]:
            sent += 2 * row["sent"]
            lost += row["lost_forward"] + row["lost_reverse"] + row["lost_unattributed"]
        assert sum(row["done"] for row in records["dial"]) >= sum(row["scheduled"] for row in records["dial"]) - 1
        assert all(row["reached"] for row in records["path"])
    assert sent > 100_000
    assert lost <= 12


@pytest.mark.parametrize("way", [A_TO_Z, Z_TO_A], ids=["a_to_z", "z_to_a"])
def test_loss_is_seen_by_the_sessions_that_cross_it_in_that_direction(ground: Make, way: tuple[Direction, ...]) -> None:
    """An access loop loses 8 %: what crosses it loses as much on that way, every other session nothing."""
    made = ground()
    made.fail("loss", "loop-1", 0.08, way)
    found = sessions(made.interval())
    hit, spared = ("lost_forward", "lost_reverse") if way == A_TO_Z else ("lost_reverse", "lost_forward")
    for name in ("ce-1-pe", "ce-1-fw"):
        assert 20 <= found[name][hit] <= 65
        assert found[name][spared] <= 1
        assert found[name]["sent"] - found[name]["received"] == found[name][hit] + found[name][spared]
    assert 20 <= found["fw-ce-1"][spared] <= 65
    for name in ("ce-2-pe", "ce-3-fw", "pe1-pe3-1", "fw-srv"):
        assert found[name]["received"] >= found[name]["sent"] - 1


def test_a_member_of_the_core_hurts_only_the_flows_that_take_it(ground: Make) -> None:
    """Of a pair of sessions with neighbouring ports one crosses it and the other does not."""
    made = ground()
    made.fail("loss", "p2-pe3", 0.1, A_TO_Z)
    found = sessions(made.interval())
    pairs = [sorted(found[f"pe{edge}-pe3-{middle}"]["lost_forward"] for middle in (1, 2)) for edge in (1, 2)]
    for spared, hit in pairs:
        assert spared <= 1
        assert hit >= 25


def test_after_a_reroute_flows_take_the_other_path_and_nothing_is_lost(ground: Make) -> None:
    """Traces of the branches behind that edge show the other middle router; those behind the other edge do not change."""
    made = ground()
    made.fail("reroute", "core-1", 1.0, begin_ns=BEGIN_NS + 3 * TEN_S)
    before: dict[tuple[str, int], set[str]] = {}
    after: dict[tuple[str, int], set[str]] = {}
    for number in range(6):
        records = made.interval(number)
        for row in records["path"]:
            seen = before if number < 3 else after
            seen.setdefault((row["trace"], row["source_port"]), set()).add(row["hops"])
        assert all(row["received"] >= row["sent"] - 1 for row in records["session"])
    assert before.keys() == after.keys()
    changed = {trace for (trace, port), hops in before.items() if hops != after[trace, port]}
    # An address that did not answer once is a change of its own, and rare.
    assert {"trace-ce-1-fw", "trace-fw-ce-2", "trace-pe1-pe3", "trace-pe3-pe1"} <= changed
    assert not {"trace-ce-3-fw", "trace-pe2-pe3"} & changed


def test_tcp_counts_split_a_loss_into_upstream_and_downstream_of_each_capture(ground: Make) -> None:
    """A loop loses requests: captures before it see repetitions, captures behind it see holes."""
    made = ground()
    made.fail("loss", "loop-1", 0.04, A_TO_Z)
    records = made.interval()
    there = sides(records, reverse=False)
    for place in ("ce-1/lan", "ce-1/wan"):
        assert there[place][0] == 0
        assert 15 <= there[place][1] <= 70
    for place in ("pe1/mirror", "pe3/mirror", "dc/wan", "dc/lan"):
        assert there[place][1] == 0
        assert 10 <= there[place][0] <= 70
    # Holes are proven for most losses only: the last segment of a request leaves none.
    assert there["dc/lan"][0] <= there["ce-1/lan"][1]
    assert all(up + down <= 2 for up, down in sides(records, reverse=True).values())


def test_delay_is_in_the_direction_it_was_added_to_and_only_there(ground: Make) -> None:
    """10 ms on the data-centre loop from Z to A: delays towards A and round trips of what crosses it, no others."""
    clean, slow = ground(), ground()
    slow.fail("delay", "loop-dc", 10, Z_TO_A)
    before, after = sessions(clean.interval()), sessions(slow.interval())
    for name in ("ce-1-host", "ce-1-pe", "pe1-pe3-1", "ce-1-fw", "pe3-fw", "fw-srv", "fw-ce-1"):
        grown = {m: (median(after[name], m) - median(before[name], m)) / 1e6 for m in ("forward_delay", "reverse_delay", "rtt")}
        home, out = (10, 0) if name in {"ce-1-fw", "pe3-fw"} else (0, 10) if name == "fw-ce-1" else (0, 0)
        assert abs(grown["forward_delay"] - out) < 0.6, name
        assert abs(grown["reverse_delay"] - home) < 0.6, name
        assert abs(grown["rtt"] - home - out) < 0.8, name


def test_a_queue_makes_the_slow_packets_slower_and_leaves_the_fast_ones(ground: Make) -> None:
    """Congestion of 20 ms: the least delay stays, one packet in ten waits so long, a few are dropped and counted."""
    clean, full = ground(), ground()
    full.fail("congestion", "loop-1", 20, A_TO_Z)
    before, after = sessions(clean.interval())["ce-1-pe"], [sessions(full.interval(n))["ce-1-pe"] for n in range(4)]
    usual, grown = Histogram.decode(before["forward_delay"]), Histogram()
    for row in after:
        grown.merge(Histogram.decode(row["forward_delay"]))
    assert abs((grown.min or 0) - (usual.min or 0)) < 1e6
    assert 12 <= ((grown.quantile(0.9) or 0) - (usual.quantile(0.9) or 0)) / 1e6 <= 24
    assert 1 <= sum(row["lost_forward"] for row in after) <= 30
    discards = {(r["by"], r["interface"]): r["out_discards"] for r in full.interval(4)["interface"] if r["out_discards"]}
    assert set(discards) == {("ce-1", "wan0")}


def test_bursts_lose_neighbours_together(ground: Make) -> None:
    """As much is lost in the mean, in runs: whatever crosses at the moment is hit."""
    made = ground()
    made.fail("burst-loss", "loop-2", 0.05, A_TO_Z)
    plant = made.plant
    line = plant._inventory.lines[LineCode("CN-HZ-0018")]
    at_ns = BEGIN_NS + np.arange(0, 12 * TEN_S, 1_000_000, dtype=np.int64)
    column = np.full(at_ns.shape, 100, np.int64)
    places = plant.cross(plant.way(line, Direction.A_TO_Z), Packets(at_ns, column, column), np.random.default_rng(1))
    gone = ~np.isnan(places)
    assert 0.03 <= gone.mean() <= 0.08
    # A packet sent a millisecond after a lost one is lost nine times in ten.
    assert gone[1:][gone[:-1]].mean() > 0.8


def test_only_large_packets_vanish_in_a_narrow_link(ground: Make) -> None:
    """Full-size sessions lose everything, small ones nothing; downloads stall, handshakes and short questions go on."""
    made = ground()
    made.fail("mtu", "loop-1", 1400, Z_TO_A)
    records = made.interval()
    found = sessions(records)
    assert found["ce-1-fw-mtu"]["received"] == 0
    assert found["ce-1-fw"]["received"] >= 499
    assert found["ce-2-fw-mtu"]["received"] == found["ce-2-fw-mtu"]["sent"]
    web = [r for r in records["flow"] if r["by"] == "ce-1" and r["observation_point"] == "lan" and r["destination_port"] == 8080]
    assert sum(row["syn_packets"] for row in web) == len(web)
    assert sum(row["reverse_tcp_payload_octets"] for row in web) == 0
    teller = [r for r in records["flow"] if r["by"] == "ce-1" and r["destination_port"] == 8200]
    assert sum(row["reverse_packets"] for row in teller) > 1000


def test_a_cut_link_stops_everything_and_both_ends_see_it(ground: Make) -> None:
    """Test packets die unattributed, connections stall, interfaces go down with an event at the moment, and come back."""
    made = ground()
    made.fail("link-down", "loop-1", 1, begin_ns=BEGIN_NS + 3 * SECOND_NS, end_ns=BEGIN_NS + 21 * SECOND_NS)
    first, second, third, fourth = (made.interval(number) for number in range(4))
    crossing = sessions(first)["ce-1-pe"]
    assert (crossing["received"], crossing["lost_unattributed"]) == (150, 350)
    assert crossing["severely_errored_mask"] == 0b1111111000
    assert sessions(second)["ce-1-pe"]["received"] == 0
    assert sessions(second)["ce-2-pe"]["received"] >= 499
    down = {(row["by"], row["interface"]) for row in second["interface"] if not row["link_up"]}
    assert down == {("ce-1", "wan0"), ("pe1", "acc1")}
    assert [row["event"] for row in first["link_event"]] == ["link_down", "link_down"]
    assert {row["event_ns"] for row in third["link_event"]} == {BEGIN_NS + 21 * SECOND_NS}
    assert not second["link_event"]
    timed_out = {row["dial"]: row["timed_out"] for row in second["dial"] if row["timed_out"]}
    assert timed_out == {f"ce-1-{what}": 5 for what in ("teller", "web", "file", "dns")}
    mine = [
        sum(row["packets"] for row in records["flow"] if row["source_address"] == "10.1.1.10" and row["by"] == "dc")
        for records in (first, second, fourth)
    ]
    assert mine[1] == 0
    assert mine[2] > 1000
    assert all(row["link_up"] for row in fourth["interface"])


def test_a_stalled_connection_repeats_ever_more_seldom(ground: Make) -> None:
    """Its timer doubles: a capture before the cut sees a handful of repetitions, one behind it sees nothing."""
    made = ground()
    made.fail("link-down", "loop-1", 1, begin_ns=BEGIN_NS + TEN_S)
    made.interval(0)
    seen = []
    for number in range(1, 7):
        flows = [row for row in made.interval(number)["flow"] if row["by"] == "ce-1" and row["destination_port"] == 8201]
        seen.append(sum(row["loss_downstream"] for row in flows) // 2)
        assert not [row for row in flows if row["reverse_packets"]]
    assert seen[0] in {4, 5}
    assert seen[1:] == [1, 1, 0, 0, 1]


def test_a_site_without_power_says_nothing_at_all(ground: Make) -> None:
    """Its probe is silent, its host answers nobody, and the far port of its access loop has no link; others go on."""
    made = ground()
    made.fail("site-down", "branch-1", 1, begin_ns=BEGIN_NS + TEN_S)
    made.interval(0)
    dark = made.interval(1)
    assert "ce-1" not in {row["by"] for rows in dark.values() for row in rows}
    assert {(row["by"], row["interface"]) for row in dark["interface"] if not row["link_up"]} == {("pe1", "acc1")}
    assert sessions(dark)["fw-ce-1"]["received"] == 0
    assert sessions(dark)["fw-ce-2"]["received"] >= 499
    assert not [row for row in dark["flow"] if row["source_address"] == "10.1.1.10" and row["packets"]]


def test_a_slow_server_takes_longer_and_the_network_does_not(ground: Make) -> None:
    """Responses of its services take six times as long; round trips and the other server's responses are as before."""
    clean, slow = ground(), ground()
    slow.fail("server-slow", "srv-1", 6)

    def times(records: Records, port: int, metric: str) -> float:
        found = Histogram()
        for row in records["flow"]:
            if row["by"] == "dc" and row["observation_point"] == "lan" and row["destination_port"] == port and row[metric]:
                found.merge(Histogram.decode(row[metric]))
        return found.quantile(0.5) or 0

    before, after = clean.interval(), slow.interval()
    assert 5 <= times(after, 8200, "application_response") / times(before, 8200, "application_response") <= 7
    assert 0.8 <= times(after, 8080, "application_response") / times(before, 8080, "application_response") <= 1.25
    assert abs(times(after, 8200, "data_rtt") / times(before, 8200, "data_rtt") - 1) < 0.1


def test_a_stalled_server_closes_its_window_for_its_share_of_time(ground: Make) -> None:
    """Its connections advertise it, their clients ask again, and carry less; the other services carry on."""
    clean, stalled = ground(), ground()
    stalled.fail("server-stalled", "svc-file", 0.6)
    share, octets, usual = [], 0, 0
    for number in range(4):
        for row in stalled.interval(number)["flow"]:
            if row["by"] == "ce-1" and row["observation_point"] == "lan" and row["destination_port"] == 8201:
                share.append(row["reverse_zero_window_ns"] / TEN_S)
                octets += row["octets"]
                assert row["zero_window_ns"] == 0
                assert row["reverse_zero_window_events"] > row["zero_window_probes"]
            elif row["reverse_zero_window_ns"]:
                assert row["destination_port"] == 8201
        usual += sum(
            row["octets"]
            for row in clean.interval(number)["flow"]
            if row["by"] == "ce-1" and row["observation_point"] == "lan" and row["destination_port"] == 8201
        )
    assert 0.4 <= sum(share) / len(share) <= 0.8
    assert octets < 0.7 * usual


def test_a_mute_resolver_lets_queries_time_out(ground: Make) -> None:
    """Half of the questions have no answer, wherever they come from; nothing else changes."""
    made = ground()
    made.fail("dns-timeout", "dns-1", 0.5)
    records = made.interval()
    mute = 0
    for row in records["dial"]:
        if row["dial"].endswith("-dns"):
            mute += row["timed_out"]
        else:
            assert row["done"] == row["scheduled"]
    assert 6 <= mute <= 19
    queries = [row for row in records["flow"] if row["destination_port"] == 53 and row["by"] == "dc"]
    assert 0.25 < sum(row["reverse_packets"] for row in queries) / sum(row["packets"] for row in queries) < 0.75


def test_a_service_that_refuses_answers_with_rst(ground: Make) -> None:
    """Every attempt is refused at once: no data, one SYN, one RST a connection; dial tests say refused."""
    made = ground()
    made.fail("service-refused", "svc-web", 1.0)
    records = made.interval()
    assert {row["dial"]: (row["done"], row["refused"]) for row in records["dial"] if row["refused"]} == {
        f"{who}-web": (0, 5) for who in ("ce-1", "ce-2", "ce-3", "ce-4", "fw")
    }
    web = [row for row in records["flow"] if row["destination_port"] == 8080]
    assert web
    assert {(row["syn_packets"], row["reverse_rst_packets"], row["reverse_syn_packets"]) for row in web} == {(1, 1, 0)}
    assert {row["application_response"] for row in web} == {None}


def test_what_a_device_loses_both_directions_lose(ground: Make) -> None:
    """A device has no direction: a fault of one way only is one of both."""
    made = ground()
    made.fail("loss", "pe1", 0.08, A_TO_Z)
    found = sessions(made.interval())["pe1-pe3-1"]
    assert found["lost_forward"] > 15
    assert found["lost_reverse"] > 15


def test_every_fault_of_the_demo_has_an_effect() -> None:
    """The table has all of its kinds but the one that does nothing; another name is refused with the names there are."""
    assert set(KINDS) == {kind.value for kind in Kind} - {"none"}
    with pytest.raises(ValueError, match="one of loss, burst-loss"):
        disturbance("weather", "core-1", rate=1, begin_ns=0)
    with pytest.raises(ValueError, match="before it begins"):
        disturbance("loss", "core-1", rate=1, begin_ns=5, end_ns=5)


def test_usual_delays_belong_to_the_network_not_to_the_seed(bank: Inventory) -> None:
    """Two runs with other seeds measure the same line, whose bundle is crossed by one of its alternatives."""
    line = next(iter(bank.lines.values()))
    one, other = Plant(bank, seed=1), Plant(bank, seed=2)
    column = np.array([lot(17, "10.1.1.1", 40_000, "10.9.0.1", 862)])
    probe = Packets(np.array([BEGIN_NS]), np.array([100]), column)
    way = one.way(line, Direction.A_TO_Z)
    assert one.delay_ns(way, probe) == other.delay_ns(way, probe)
    crossed = [hop.base for hop in one.hops(way, (1,))]
    assert crossed[:7] == ["lan-1", "ce-1", "loop-1", "pe1", "pe1-p2", "p2", "p2-pe3"]
    assert [hop.place for hop in one.hops(way)] == sorted(hop.place for hop in one.hops(way))
