"""The simulated network does what it was told, and its measurements say what happened: no more, no less."""

from __future__ import annotations

import collections
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from appliance.simnet.effects import KINDS, disturbance
from appliance.simnet.flows import Traffic
from appliance.simnet.measuring import Measuring
from appliance.simnet.plant import Plant
from faultline.inventory import Inventory
from faultline.native import decode_batch
from faultline.records.histogram import Histogram
from faultline.records.incident import Base
from faultline.records.terms import SECOND_NS, Direction

BEGIN_NS = 1_767_576_000 * SECOND_NS
TEN_S = 10 * SECOND_NS
A_TO_Z, Z_TO_A = (Direction.A_TO_Z,), (Direction.Z_TO_A,)
EVERY = (Direction.A_TO_Z, Direction.Z_TO_A)


class Ground:
    """A line with one fault from its beginning, measured for an interval."""

    def __init__(self, line: Inventory, *, seed: int = 3, traffic: Traffic | None = None) -> None:
        self.plant = Plant(line)
        self.measuring = Measuring(
            inventory=line,
            plant=self.plant,
            traffic=traffic or Traffic(),
            test_packets_per_s=100,
            seed=seed,
            begin_ns=BEGIN_NS,
        )

    def fail(self, kind: str, component: str, rate: float, directions: tuple[Direction, ...] = EVERY, **when: int) -> None:
        """Add a fault."""
        times = {"begin_ns": BEGIN_NS} | when
        self.plant.disturbances.append(disturbance(kind, Base(component), rate=rate, directions=directions, **times))

    def interval(self, number: int = 0) -> dict[str, list[dict[str, Any]]]:
        """Records by kind; each with its probe."""
        start_ns = BEGIN_NS + number * TEN_S
        found = collections.defaultdict(list)
        for upload in self.measuring.batches(start_ns, start_ns + TEN_S, closed_ns=start_ns + TEN_S + SECOND_NS):
            batch = decode_batch(upload.octets)
            assert batch.problems == []
            assert batch.header["seq"] == number + 1
            assert batch.header["watermark_ns"] == start_ns + TEN_S
            for kind in batch.kinds():
                found[kind] += [row | {"by": upload.probe} for row in pa.table(batch.table(kind)).to_pylist()]
        return found


def sessions(records: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Session records by id."""
    return {row["session"]: row for row in records["session"]}


def upstream(records: dict[str, list[dict[str, Any]]], *, reverse: bool) -> dict[str, tuple[int, int]]:
    """Loss upstream and downstream of every capture, of one direction."""
    prefix = "reverse_" if reverse else ""
    found: dict[str, tuple[int, int]] = {}
    for row in records["flow"]:
        up, down = found.get(f"{row['by']}/{row['observation_point']}", (0, 0))
        place = f"{row['by']}/{row['observation_point']}"
        found[place] = (up + row[f"{prefix}loss_upstream"], down + row[f"{prefix}loss_downstream"])
    return found


def test_the_same_seed_makes_the_same_octets(line: Inventory) -> None:
    """And another seed makes others."""

    def octets(seed: int) -> list[bytes]:
        ground = Ground(line, seed=seed)
        return [u.octets for u in ground.measuring.batches(BEGIN_NS, BEGIN_NS + TEN_S, closed_ns=BEGIN_NS + TEN_S)]

    assert octets(7) == octets(7)
    assert octets(7) != octets(8)


def test_a_healthy_line_loses_next_to_nothing(line: Inventory) -> None:
    """In ten minutes at 600 test packets a second, each way: a few in a hundred thousand, everything measured."""
    ground = Ground(line)
    lost = sent = 0
    for number in range(60):
        for row in ground.interval(number)["session"]:
            sent += 2 * row["sent"]
            lost += row["lost_forward"] + row["lost_reverse"] + row["lost_unattributed"]
    assert sent == 720_000
    assert lost <= 30


@pytest.mark.parametrize("way", [A_TO_Z, Z_TO_A])
def test_loss_on_a_segment_is_seen_by_the_sessions_that_cross_it_in_that_direction(
    line: Inventory, way: tuple[Direction, ...]
) -> None:
    """Loop A loses 5 %: CE-PE1 and CE-FW lose as much on that way, the others nothing."""
    ground = Ground(line)
    ground.fail("loss", "loop-a", 0.05, way)
    found = sessions(ground.interval())
    hit, spared = ("lost_forward", "lost_reverse") if way == A_TO_Z else ("lost_reverse", "lost_forward")
    for name in ("ce-pe1", "ce-fw"):
        assert 25 <= found[name][hit] <= 80
        assert found[name][spared] <= 1
        assert found[name]["sent"] - found[name]["received"] == found[name][hit] + found[name][spared]
    for name in ("pe1-pe2", "pe2-fw"):
        assert found[name]["received"] >= 999


def test_tcp_counts_split_a_loss_into_upstream_and_downstream_of_each_capture(line: Inventory) -> None:
    """The core loses requests: captures before it see repetitions, captures behind it see holes."""
    ground = Ground(line)
    ground.fail("loss", "core", 0.03, A_TO_Z)
    records = ground.interval()
    there = upstream(records, reverse=False)
    for place in ("branch/lan", "branch/wan", "pe1/mirror"):
        assert there[place][0] == 0
        assert 10 <= there[place][1] <= 60
    for place in ("pe2/mirror", "dc/wan", "dc/lan"):
        assert there[place][1] == 0
        assert 8 <= there[place][0] <= 60
    # Holes are proven for most losses only: the last segment of a request leaves none.
    assert there["dc/lan"][0] <= there["branch/lan"][1]
    assert all(up + down <= 2 for up, down in upstream(records, reverse=True).values())


def test_delay_is_in_the_direction_it_was_added_to_and_only_there(line: Inventory) -> None:
    """10 ms on the data-centre loop from Z to A: reverse one-way delays and round trips of what crosses it, no others."""
    clean, slow = Ground(line), Ground(line)
    slow.fail("delay", "loop-z", 10, Z_TO_A)
    before, after = sessions(clean.interval()), sessions(slow.interval())

    def median(row: dict[str, Any], metric: str) -> int:
        return Histogram.decode(row[metric]).quantile(0.5) or 0

    for name in before:
        grown = {m: (median(after[name], m) - median(before[name], m)) / 1e6 for m in ("forward_delay", "reverse_delay", "rtt")}
        expected = 10 if name in {"pe2-fw", "ce-fw"} else 0
        assert abs(grown["forward_delay"]) < 0.3, name
        assert abs(grown["reverse_delay"] - expected) < 0.5, name
        assert abs(grown["rtt"] - expected) < 0.7, name


def test_a_cut_link_stops_everything_and_both_ends_see_it(line: Inventory) -> None:
    """Test packets die unattributed, connections stall, interfaces go down with an event at the moment, and come back."""
    ground = Ground(line)
    ground.fail("link-down", "core", 1, begin_ns=BEGIN_NS + 3 * SECOND_NS, end_ns=BEGIN_NS + 21 * SECOND_NS)
    first, second, third, fourth = (ground.interval(number) for number in range(4))
    crossing = sessions(first)["pe1-pe2"]
    assert (crossing["received"], crossing["lost_unattributed"]) == (300, 700)
    assert crossing["severely_errored_mask"] == 0b1111111000
    assert sessions(second)["pe1-pe2"]["received"] == 0
    assert sessions(second)["ce-pe1"]["received"] >= 999
    down = {(row["by"], row["interface"]) for row in second["interface"] if not row["link_up"]}
    assert down == {("pe1", "core0"), ("pe2", "core0")}
    assert [row["event"] for row in first["link_event"]] == ["link_down", "link_down"]
    assert {row["event_ns"] for row in third["link_event"]} == {BEGIN_NS + 21 * SECOND_NS}
    assert not second["link_event"]
    delivered = [sum(row["packets"] for row in records["flow"]) for records in (first, second, fourth)]
    assert delivered[1] < 0.02 * delivered[2]
    assert all(row["link_up"] for row in fourth["interface"])


def test_a_stalled_connection_repeats_ever_more_seldom(line: Inventory) -> None:
    """Its timer doubles: a capture before the cut sees a handful of repetitions, one behind it sees nothing."""
    ground = Ground(line, traffic=Traffic(connections=1))
    ground.fail("link-down", "loop-z", 1, begin_ns=BEGIN_NS + TEN_S)
    ground.interval(0)
    seen = []
    for number in range(1, 7):
        flows = [row for row in ground.interval(number)["flow"] if row["by"] == "branch"]
        seen.append(sum(row["loss_downstream"] for row in flows) // 2)
        assert not [row for row in flows if row["reverse_packets"]]
    assert seen[0] in {4, 5}
    assert seen[1:] == [1, 1, 0, 0, 1]


def test_what_a_device_loses_both_directions_lose(line: Inventory) -> None:
    """A device has no direction: a fault of one way only is one of both."""
    ground = Ground(line)
    ground.fail("loss", "pe1", 0.05, A_TO_Z)
    found = sessions(ground.interval())["pe1-pe2"]
    assert found["lost_forward"] > 20
    assert found["lost_reverse"] > 20


def test_every_fault_kind_has_an_effect() -> None:
    """The table is what there is; another name is refused with the names there are."""
    assert set(KINDS) == {"loss", "delay", "link-down"}
    with pytest.raises(ValueError, match="one of loss, delay, link-down"):
        disturbance("weather", Base("core"), rate=1, begin_ns=0)
    with pytest.raises(ValueError, match="before it begins"):
        disturbance("loss", Base("core"), rate=1, begin_ns=5, end_ns=5)


def test_usual_delays_belong_to_the_network_not_to_the_seed(line: Inventory) -> None:
    """Two runs with other seeds measure the same line."""
    hops = Plant(line).path(next(iter(line.lines.values())), Direction.A_TO_Z)
    at = np.array([BEGIN_NS], np.int64)
    assert Plant(line).delay_ns(hops, at) == Plant(line).delay_ns(hops, at)
    assert [hop.base for hop in hops][:3] == ["branch-lan", "ce", "loop-a"]
