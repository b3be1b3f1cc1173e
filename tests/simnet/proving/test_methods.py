"""Methods of others: each finds what its paper says it finds, and errs where it must."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.simnet.proving.families import FAMILIES, Cell
from appliance.simnet.proving.methods import coverage, elimination, flock, netbouncer, scfs, votes, worst_hop
from appliance.simnet.proving.methods.table import METHODS
from appliance.simnet.proving.view import View, view_of


def seen(*rows: tuple[str, int, int]) -> View:
    """Rows given as `a b c`, packets sent, packets lost; capitals are devices."""
    names = sorted({name for via, _, _ in rows for name in via.split()})
    parts = [{"id": name, "kind": "device" if name.isupper() else "segment", "owner": "access"} for name in names]
    observations = [{"kind": "loss", "via": via.split(), "sent": sent, "lost": lost} for via, sent, lost in rows]
    return view_of({"components": parts, "observations": observations})


def named(view: View, classes: list[int]) -> list[str]:
    """The components blamed."""
    return [name for number in classes for name in view.classes[number]]


STAR = (("a x", 1000, 0), ("b x", 1000, 50), ("c x", 1000, 0), ("b y", 1000, 52), ("a y", 1000, 0), ("c y", 1000, 1))
GOOD: dict[str, Any] = {
    "worst hop": (worst_hop.blame, {"least": 0.01}),
    "elimination": (elimination.blame, {"failed": 0.01, "few": 0.0}),
    "SCFS": (scfs.blame, {"failed": 0.01, "agree": 0.5}),
    "MAX-COVERAGE": (coverage.max_coverage, {"failed": 0.01, "noise": 0}),
    "SCORE": (coverage.score, {"failed": 0.01, "hit": 1.0}),
    "007": (votes.blame, {"least": 0.2, "packets": 1, "first": 1}),
    "NetBouncer": (netbouncer.blame, {"weight": 1e-3, "least": 0.01, "devices": 1.0}),
    "Flock": (flock.blame, {"good": 1e-4, "bad": 5e-3, "price": 8}),
}


@pytest.mark.parametrize("name", list(GOOD))
def test_one_lossy_link_among_clean_ones_is_found_by_every_method(name: str) -> None:
    """Two rows that share nothing but it lose five per cent."""
    blame, setting = GOOD[name]
    view = seen(*STAR)
    assert named(view, blame(view, **setting)) == ["b"]


@pytest.mark.parametrize("name", list(GOOD))
def test_nothing_lost_is_nobodys_fault(name: str) -> None:
    """All rows clean."""
    blame, setting = GOOD[name]
    assert blame(seen(*((via, sent, 0) for via, sent, _ in STAR)), **setting) == []


def test_max_coverage_takes_what_most_bad_rows_cross_and_score_asks_how_many_are_good() -> None:
    """Three bad lines behind one router: the one blames the router, the other sees its good lines."""
    rows = [(f"l{k} R", 1000, 30 if k < 3 else 0) for k in range(12)]
    view = seen(*rows)
    assert named(view, coverage.max_coverage(view, failed=0.01, noise=0)) == ["R"]
    assert named(view, coverage.score(view, failed=0.01, hit=0.9)) == ["l0", "l1", "l2"]


def test_scfs_blames_the_link_nearest_to_the_source_below_which_all_is_bad() -> None:
    """Not the leaves, which might be bad too."""
    view = seen(("a b c", 1000, 30), ("a b d", 1000, 40), ("a e f", 1000, 0))
    assert named(view, scfs.blame(view, failed=0.01, agree=0.5)) == ["b"]


def test_flock_is_caught_by_a_router_that_bad_lines_share_until_it_is_repaired() -> None:
    """Taken first, it hides the lines; left out again, they explain more."""
    rows = [(f"l{k} R", 2000, 100 if k < 3 else 0) for k in range(20)]
    view = seen(*rows)
    setting = {"good": 1e-4, "bad": 7e-3, "price": 8}
    assert named(view, flock.blame(view, **setting)) == ["R"]
    assert sorted(named(view, flock.blame(view, **setting, repair=1))) == ["l0", "l1", "l2"]


def test_netbouncer_blames_a_device_all_of_whose_rows_failed() -> None:
    """And sets its links aside."""
    view = seen(("a D", 1000, 20), ("b D", 1000, 20), ("c D", 1000, 20), ("a E", 1000, 0), ("b E", 1000, 0))
    assert named(view, netbouncer.blame(view, weight=1e-3, least=0.01, devices=1.0)) == ["D"]


@pytest.mark.parametrize("name", list(METHODS))
def test_every_method_answers_on_a_fabric_with_each_of_its_settings(name: str) -> None:
    """Classes that are there, none of them twice."""
    view = view_of(FAMILIES["fat-tree-4"].scenario(Cell(rate=0.02, faults=3), 1).evidence)
    for setting in list(METHODS[name].settings())[::7]:
        classes = METHODS[name].answer(view, setting)
        assert len(set(classes)) == len(classes)
        assert all(0 <= c < len(view.classes) for c in classes)
