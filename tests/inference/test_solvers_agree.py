"""The two solvers and the screening of large networks must give the same answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultline.inference import screen as screening
from faultline.inference import sparse
from faultline.inference.document import read
from faultline.inference.problem import build
from faultline.inference.pure import PureSolver
from faultline.inference.search import explain
from faultline.inference.sparse import SparseSolver
from faultline.inference.verdict import verdict
from tests.inference.bank import Bank
from tests.inference.scenes import DemoLine, blamed, delay, document, hub, loss


@pytest.fixture(autouse=True)
def _always_in_bulk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparse, "BULK", 1)


def both(evidence: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The verdicts of the two solvers, after their scores were compared."""
    problem = build(read(evidence))
    one, other = PureSolver(problem), SparseSolver(problem)
    scores = [{index: score for score, index in solver.top(10**6)} for solver in (one, other)]
    assert scores[0].keys() == scores[1].keys()
    for index, score in scores[0].items():
        assert scores[1][index] == pytest.approx(score, abs=1e-6, rel=1e-9)
    assert one.total_odds() == pytest.approx(other.total_odds(), rel=1e-6)
    return verdict(problem, explain(problem, one)), verdict(problem, explain(problem, other))


def same(one: Any, other: Any) -> None:
    """Equal, numbers to rounding."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            same(one[key], other[key])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            same(left, right)
    elif isinstance(one, float):
        assert other == pytest.approx(one, rel=1e-4, abs=2e-5)
    else:
        assert one == other


@pytest.mark.parametrize(
    "scene",
    [
        DemoLine(seed=1),
        DemoLine(seed=2, loss={"loop-a>": 0.01, "core<": 0.005}),
        DemoLine(seed=3, shift_ms={"core>": 8}, loss={"core>": 0.01}),
        DemoLine(seed=4, down=frozenset({"loop-z>", "loop-z<"}), down_share=0.6),
        DemoLine(seed=5, starved_us=3000),
    ],
)
def test_the_solvers_agree_on_the_demos_line(scene: DemoLine) -> None:
    """Scores to rounding, and the same verdict in every word."""
    same(*both(scene.evidence()))


@pytest.mark.parametrize(
    "scene",
    [
        Bank(seed=1, loss={"p1-pe3>": 0.02}, traced=False),
        Bank(seed=2, queue_ms={"loop-dc<": 20}, drops=0.03),
        Bank(seed=3, narrow=frozenset({"loop-2>", "loop-2<"}), slow={"srv-2": 4.0}),
        Bank(seed=4, probes="ends", down=frozenset({"loop-1>", "loop-1<"}), down_share=0.5),
        Bank(seed=5, dark=frozenset({"branch-3"}), mute={"dns-1": 0.5}),
        Bank(seed=6, rerouted={"pe2": "p1"}, reroute_ms=5, shift_ms={"dc-lan>": 7}),
    ],
)
def test_the_solvers_agree_on_the_bank(scene: Bank) -> None:
    """Every kind of observation, ways that are known and ways that are not."""
    same(*both(scene.evidence()))


NAMES = [f"c{n}" for n in range(8)]


@st.composite
def networks(draw: st.DrawFn) -> dict[str, Any]:
    """A few components, paths across them, and counts and delays of any kind."""
    parts = [
        {
            "id": name,
            "kind": draw(st.sampled_from(["segment", "device", "link"])),
            "owner": draw(st.sampled_from(["access", "customer"])),
        }
        for name in NAMES
    ]
    via = st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True)
    seen = []
    for _ in range(draw(st.integers(1, 8))):
        sent = draw(st.integers(0, 3000))
        source = draw(st.sampled_from(["active", "passive", "bracket"]))
        lost = min(sent, draw(st.sampled_from([0, 0, 1, 3, 12, 60, 500, 3000])))
        if draw(st.booleans()):
            seen.append(loss(draw(via), sent, lost, source=source, round_trip=draw(st.booleans())))
        else:
            paths = [{"via": draw(via), "weight": 0.5}, {"via": draw(via), "weight": 0.5}]
            seen.append({"kind": "loss", "source": source, "paths": paths, "sent": sent, "lost": lost})
    seen += [
        delay(draw(via), draw(st.sampled_from([-3000, 0, 40, 900, 8000])), queue_us=draw(st.sampled_from([0, 5000])))
        for _ in range(draw(st.integers(0, 3)))
    ]
    names = st.sampled_from(["if_in_errors", "link_down"])
    seen += [
        {"kind": "counter", "component": draw(st.sampled_from(NAMES)), "name": draw(names), "raised": draw(st.booleans())}
        for _ in range(draw(st.integers(0, 2)))
    ]
    return document(seen, parts, expected_faults=draw(st.sampled_from([None, 1])))


@given(networks())
def test_the_solvers_agree_on_any_small_network(evidence: dict[str, Any]) -> None:
    """Whatever is measured over whatever paths."""
    both(evidence)


@pytest.mark.parametrize("faults", [{}, {"loop-3>": 0.01}, {"pe-2": 0.005, "loop-7<": 0.02}, {"core>": 0.003}])
def test_screening_a_large_network_changes_no_verdict(faults: dict[str, float]) -> None:
    """What is set aside beforehand would have held no mass: the same places, modes, severities and nearly the same confidence."""
    evidence = read(hub(60, seed=21, loss_on=faults))
    whole = build(evidence)
    plain = verdict(whole, explain(whole, PureSolver(whole)))
    screened = screening.screen(evidence)
    assert len(screened.kept) < len(evidence.components)
    small = build(screened.evidence, only=screened.kept, beside=screened.odds)
    fast = verdict(small, explain(small, PureSolver(small)))
    assert blamed(fast) == blamed(plain)
    assert [e["mode"] for e in fast["verdicts"]] == [e["mode"] for e in plain["verdicts"]]
    for one, other in zip(fast["verdicts"], plain["verdicts"], strict=True):
        assert one["severity"] == pytest.approx(other["severity"], rel=1e-3)
        assert one["confidence"] == pytest.approx(other["confidence"], abs=0.01)
        assert one["score"]["evidence"] == pytest.approx(other["score"]["evidence"], rel=1e-6)


def test_screening_keeps_delays_and_what_devices_said() -> None:
    """A moved delay and a raised alarm keep their components though no packet was lost."""
    evidence = hub(60, seed=22)
    evidence["observations"] += [
        delay(["ce-5", "loop-5>", "pe-0"], 9000),
        {"kind": "event", "component": "pe-3", "name": "fan", "raised": True},
    ]
    checked = read(evidence)
    kept = {checked.components[c].id for c in screening.screen(checked).kept}
    assert {"ce-5", "loop-5>", "pe-0", "pe-3"} <= kept
