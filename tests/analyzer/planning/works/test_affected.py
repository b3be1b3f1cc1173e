"""Whom work hits."""

from __future__ import annotations

import attrs

from analyzer.planning.works.affected import Effect, Impact, Period, impact
from faultline.inventory import Freeze, Inventory, PlannedWork
from faultline.records.terms import LineCode

NIGHT = Period(start_ns=1000, end_ns=2000)


def hits(found: Impact) -> dict[str, Effect]:
    """Line → effect."""
    return {hit.line.code: hit.effect for hit in found.hits}


def test_work_on_a_segment_interrupts_the_lines_that_cross_it(known: Inventory) -> None:
    """And no other; what is behind them cannot be reached over them."""
    found = impact(known, ["loop-3"], NIGHT)
    assert hits(found) == {"F-3": Effect.INTERRUPTED}
    assert found.hits[0].services == ("teller",)
    assert found.hits[0].backups == ()


def test_equal_paths_take_each_others_flows(known: Inventory) -> None:
    """Work on one of them diverts lines; on all of them, or on the bundle itself, it interrupts them."""
    assert hits(impact(known, ["p1"], NIGHT)) == dict.fromkeys(("F-1", "F-3", "S-1"), Effect.DIVERTED)
    for both in (["p1", "low"], ["core"]):
        assert hits(impact(known, both, NIGHT)) == dict.fromkeys(("F-1", "F-3", "S-1"), Effect.INTERRUPTED)
    assert hits(impact(known, ["p1", "up"], NIGHT))["F-1"] is Effect.DIVERTED


def test_a_backup_that_crosses_the_same_place_goes_down_too(known: Inventory) -> None:
    """Whichever line of the pair names the other, it is told with what they share."""
    found = {str(hit.line.code): hit for hit in impact(known, ["pe1"], NIGHT).hits}
    assert found["F-1"].backups[0].shared == ("pe1",)
    assert found["F-2"].backups[0].line.code == "F-1"
    assert not found["F-2"].backups[0].takes_over
    alone = impact(known, ["loop-2"], NIGHT).hits[0]
    assert alone.backups[0].line.code == "F-1"
    assert alone.backups[0].takes_over


def test_a_backup_under_other_work_at_that_time_does_not_take_over(known: Inventory) -> None:
    """Windows that overlap are told; windows that touch at a moment do not overlap."""
    other = PlannedWork(components=("loop-2",), start_ns=1999, end_ns=3000)  # type: ignore[arg-type]
    later = attrs.evolve(other, start_ns=2000)
    found = impact(attrs.evolve(known, planned=(other, later)), ["loop-1"], NIGHT)
    assert found.works == (other,)
    assert found.hits[0].backups[0].at_work == other
    assert not found.hits[0].backups[0].takes_over


def test_the_declared_window_itself_is_no_other_window(known: Inventory) -> None:
    """Else every impact would warn of itself."""
    itself = PlannedWork(components=("loop-1",), start_ns=1000, end_ns=2000)  # type: ignore[arg-type]
    assert impact(attrs.evolve(known, planned=(itself,)), ["loop-1"], NIGHT).works == ()


def test_a_server_under_work_leaves_lines_up(known: Inventory) -> None:
    """The line is up, its services are not; a tenant without servers there is not hit."""
    found = impact(known, ["srv"], NIGHT)
    assert hits(found) == dict.fromkeys(("F-1", "F-2", "F-3"), Effect.SERVICES)
    assert found.hits[0].services == ("teller",)


def test_a_site_is_everything_in_it(known: Inventory) -> None:
    """Work on a building's power is work on what stands there."""
    assert set(hits(impact(known, ["hall"], NIGHT))) == {"F-1", "F-2", "S-1"}


def test_lines_out_of_use_are_not_hit(known: Inventory) -> None:
    """Nobody is told of work on a line that was taken down."""
    gone = attrs.evolve(known.lines[LineCode("F-3")], state="removed")
    assert hits(impact(attrs.evolve(known, lines={**known.lines, LineCode("F-3"): gone}), ["loop-3"], NIGHT)) == {}


def test_freezes_of_the_lines_are_told(known: Inventory) -> None:
    """One that names nobody holds for everybody; another tenant's does not."""
    everybody = Freeze(start_ns=0, end_ns=1500)
    others = Freeze(start_ns=0, end_ns=1500, tenants=("second",))  # type: ignore[arg-type]
    over = Freeze(start_ns=0, end_ns=1000)
    found = impact(attrs.evolve(known, freezes=(everybody, others, over)), ["loop-3"], NIGHT)
    assert found.freezes == (everybody,)
