"""What two vantages of a line make of the flows that both saw, once a window is final."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from collector.enrich.flows import Placed
from collector.enrich.places import Place
from collector.rollup.brackets import MOST_RECORDS, Sighting, Sightings, pairs, sightings_of
from faultline.records.losses import Loss, LossClass, octets_of
from faultline.records.terms import SECOND_NS, Direction
from tests.collector.conftest import BANK, BEGIN_NS, LINE, TEN_S, FakeProbe, Ground, make_flow

_LOSSES = ("retransmissions", "loss_upstream", "loss_downstream", "retransmissions_spurious")
CLEAN: dict[str, Any] = dict.fromkeys((*_LOSSES, *(f"reverse_{name}" for name in _LOSSES)), 0)
MIDDLE_NS = BEGIN_NS + TEN_S // 2


def again(*sequences: int, of: LossClass) -> dict[str, Any]:
    """Columns of a record whose forward segments with these numbers were sent again."""
    listed = [Loss(sequence=number, octets=100, at_ns=MIDDLE_NS, of=of) for number in sequences]
    side = "loss_upstream" if of is LossClass.UPSTREAM else "loss_downstream"
    return {"retransmissions": len(listed), side: len(listed), "loss_events": octets_of(listed)}


def swapped(flow: dict[str, Any]) -> dict[str, Any]:
    """The same biflow, its forward side guessed the other way."""
    twins = {name for name in flow if f"reverse_{name}" in flow or name.startswith("reverse_")}
    turned = {name: value for name, value in flow.items() if name not in twins}
    turned |= {name.removeprefix("reverse_") if name.startswith("reverse_") else f"reverse_{name}": flow[name] for name in twins}
    for part in ("address", "port"):
        turned[f"source_{part}"], turned[f"destination_{part}"] = flow[f"destination_{part}"], flow[f"source_{part}"]
    return turned


def brackets(ground: Ground, branch: dict[str, Any], centre: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Fields by direction after both probes sent one flow."""
    ground.now_ns = BEGIN_NS + TEN_S + SECOND_NS
    for name, flow in (("branch", branch), ("centre", centre)):
        ground.send(FakeProbe(name=name).batch("flows", {"flow": [flow]}, closed_ns=ground.now_ns), name)
    ground.advance(20)
    rows = ground.reader.rows(ground.reader.final_windows()[0])
    return {row.tags["direction"]: dict(row.fields) for row in rows if row.measurement == "line_bracket"}


def test_a_segment_lost_between_two_vantages_is_counted_by_direction(ground: Ground) -> None:
    """The branch saw it twice, the centre once, into a hole; the other direction is clean."""
    branch = make_flow(**CLEAN) | again(5, 900, of=LossClass.DOWNSTREAM)
    centre = make_flow(**CLEAN) | again(900, of=LossClass.UPSTREAM)
    found = brackets(ground, branch, centre)
    clean = {"flows": 1, "beyond": 0, "before": 0, "contradictions": 0, "unsure": 0}
    assert found == {"a_to_z": clean | {"sent": 90, "lost": 2}, "z_to_a": clean | {"sent": 91, "lost": 0}}


def test_vantages_that_guess_a_flows_sides_differently_saw_the_same_flow(ground: Ground) -> None:
    """Of a connection whose beginning was not seen the first packet decides what is forward; on the line nothing changes."""
    branch = make_flow(**CLEAN) | {"reverse_loss_events": octets_of([])} | again(5, of=LossClass.DOWNSTREAM)
    centre = swapped(make_flow(**CLEAN))
    assert brackets(ground, branch, centre)["a_to_z"]["lost"] == 1


def test_flows_that_one_vantage_saw_say_nothing(ground: Ground) -> None:
    """Nothing to match, no row."""
    assert brackets(ground, make_flow(), make_flow(source_port=40001)) == {}


def placed(rows: int) -> Placed:
    """A table of one vantage with its place on the line known."""
    flow = make_flow(**CLEAN) | {"loss_events": None, "reverse_loss_events": None}
    flow |= {"loss_events_left_out": None, "reverse_loss_events_left_out": None}
    types = {"loss_events": pa.binary(), "reverse_loss_events": pa.binary(), "loss_events_left_out": pa.int64()}
    types |= {"reverse_loss_events_left_out": pa.int64()}
    columns = {name: pa.array([value] * rows, types.get(name)) for name, value in flow.items()}
    place = Place(vantage="v-branch", tenant=BANK, line=LINE, forward=Direction.A_TO_Z, at=1.0)
    return Placed(table=pa.table(columns), places=(place,), points=("wan",), index=np.zeros(rows, np.int64))


def test_a_window_of_too_many_records_is_not_matched_by_halves() -> None:
    """A part of the flows would be a part of their losses: beyond the bound nothing is kept and nothing told."""
    one = placed(3)
    ((_, sighting),) = sightings_of(one, np.zeros(3, np.int64), correction_ns=0)
    held, more = Sightings(), Sightings()
    held.add(sighting)
    more.add(
        Sighting(
            table=placed(1).table.select(sighting.table.column_names), places=one.places, index=one.index[:1], correction_ns=0
        )
    )
    held.merge(more)
    assert (held.records, held.is_too_many, len(held.parts)) == (4, False, 2)
    held.records = MOST_RECORDS
    held.merge(more)
    assert held.is_too_many
    assert held.parts == []
    assert list(pairs(held, BEGIN_NS)) == []


def test_what_is_too_much_to_match_is_counted(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """The records are in every other sum; that nothing is said of brackets has a number and a reason."""
    monkeypatch.setattr("collector.rollup.brackets.MOST_RECORDS", 1)
    assert brackets(ground, make_flow(**CLEAN), swapped(make_flow(**CLEAN))) == {}
    assert ground.collector.counters.value("records_unmatched", reason="too_many") == 2


def test_a_vantage_whose_order_on_the_line_nobody_knows_is_not_matched() -> None:
    """Nothing is kept of it."""
    one = placed(2)
    unknown = Placed(table=one.table, places=(Place(vantage="v", tenant=BANK, line=LINE),), points=one.points, index=one.index)
    assert list(sightings_of(unknown, np.zeros(2, np.int64), correction_ns=0)) == []
