"""Judging a verdict by the contract's rule."""

from __future__ import annotations

from typing import Any

from appliance.demo.faults import Fault, Way
from appliance.demo.judging import Correct, Said, judge
from appliance.demo.kinds import Kind

COMPONENTS = [
    {"id": "loop-1>", "kind": "segment", "owner": "access"},
    {"id": "pe1", "kind": "device", "owner": "carrier_core"},
    {"id": "pe1-p1>", "kind": "segment", "owner": "carrier_core"},
    {"id": "srv-1", "kind": "server", "owner": "destination", "hosts": ["svc-teller"]},
]


def make_evidence(*vias: tuple[str, ...], kind: str = "loss") -> dict[str, Any]:
    """Evidence whose observations cross these components."""
    return {"components": COMPONENTS, "observations": [{"kind": kind, "via": list(via)} for via in vias]}


def make_entry(*components: str, mode: str = "loss", owner: str = "access", **more: Any) -> dict[str, Any]:
    """A verdict entry that blames."""
    return {"components": list(components), "mode": mode, "owner": owner, "confidence": 0.97, "blames": True, "text": ""} | more


def make_fault(component: str = "loop-1", kind: Kind = Kind.LOSS, way: Way = Way.FORWARD) -> Fault:
    """A fault from A to Z."""
    return Fault(kind=kind, component=component, way=way, rate=0.02 if kind is Kind.LOSS else 10)


def judged(faults: list[Fault], entries: list[dict[str, Any]], evidence: dict[str, Any]) -> Correct:
    """The judgement of entries that share their evidence."""
    return judge(faults, [Said(entry=entry, evidence=evidence) for entry in entries])


APART = make_evidence(("loop-1>",), ("pe1", "pe1-p1>"))
TOGETHER = make_evidence(("loop-1>", "pe1", "pe1-p1>"), ("loop-1>", "pe1", "pe1-p1>"))
WRONG = {"component": False, "owner": False, "mode": False}
RIGHT = {"component": True, "owner": True, "mode": True}


def test_the_true_component_alone_is_right() -> None:
    """Place, owner and mode as injected."""
    assert judged([make_fault()], [make_entry("loop-1>")], APART).document() == RIGHT


def test_a_class_no_larger_than_what_evidence_leaves_is_right() -> None:
    """Naming pe1 and the core for a fault of the core is as exact as the evidence allows; naming the loop as well is not."""
    fault = make_fault("pe1-p1")
    assert judged([fault], [make_entry("pe1", "pe1-p1>", owner="carrier_core")], APART).component
    assert not judged([fault], [make_entry("loop-1>", "pe1", "pe1-p1>", owner="carrier_core")], APART).component


def test_an_unseparable_owner_is_right_when_his_share_and_the_text_say_so() -> None:
    """Where the class has several owners, the true one must hold a fifth and be named in the sentence."""
    shares = {"access": 0.4, "carrier_core": 0.6}
    entry = make_entry("loop-1>", "pe1", "pe1-p1>", owner="unknown", owners=shares, text="access network or carrier core")
    assert judged([make_fault()], [entry], TOGETHER).owner
    assert not judged([make_fault()], [entry | {"text": "carrier core"}], TOGETHER).owner
    assert not judged([make_fault()], [entry | {"owners": {"access": 0.1, "carrier_core": 0.9}}], TOGETHER).owner
    assert not judged([make_fault()], [entry | {"text": "access network"}], APART).owner


def test_another_place_or_mode_is_wrong_where_it_is_wrong() -> None:
    """Each answer stands for itself."""
    assert judged([make_fault()], [make_entry("pe1-p1>", owner="carrier_core")], APART).document() == {
        "component": False,
        "owner": False,
        "mode": True,
    }
    answer = judged([make_fault()], [make_entry("loop-1>", mode="delay")], APART)
    assert answer.document() == {"component": True, "owner": True, "mode": False}
    assert answer.reasons == ("loss on loop-1: mode delay instead of loss",)


def test_silence_is_wrong_when_something_was_injected_and_right_when_nothing_was() -> None:
    """No verdict fails every answer of a real fault; with none, blaming fails every answer."""
    assert judged([make_fault()], [], APART).document() == WRONG
    assert judged([], [], APART).document() == RIGHT
    assert judged([], [make_entry("pe1-p1>")], APART).document() == WRONG


def test_several_faults_must_all_be_found() -> None:
    """Each answer holds only if it holds for every fault."""
    faults = [make_fault(), make_fault("pe1-p1", Kind.DELAY)]
    evidence = {
        "components": COMPONENTS,
        "observations": APART["observations"] + make_evidence(("pe1-p1>",), kind="delay")["observations"],
    }
    both = [make_entry("loop-1>"), make_entry("pe1-p1>", mode="delay", owner="carrier_core")]
    assert judged(faults, both, evidence).document() == RIGHT
    assert not judged(faults, both[:1], evidence).component


def test_an_interruption_may_name_both_directions() -> None:
    """Where both directions fail, both may be reported together: that is no larger than the truth."""
    components = [*COMPONENTS, {"id": "loop-1<", "kind": "segment", "owner": "access"}]
    observations = [{"kind": "loss", "via": ["loop-1>"]}, {"kind": "loss", "via": ["loop-1<"]}]
    evidence = {"components": components, "observations": observations}
    fault = make_fault(kind=Kind.LINK_DOWN, way=Way.BOTH)
    assert judged([fault], [make_entry("loop-1>", "loop-1<", mode="down")], evidence).document() == RIGHT


def test_a_span_stands_for_its_members_where_the_evidence_knows_no_finer() -> None:
    """Without a trace the core is one component, and naming it is right; with one it is too large."""
    span = {"id": "core-1>", "kind": "segment", "owner": "carrier_core"}
    coarse = {"components": [span], "observations": [{"kind": "loss", "via": ["core-1>"]}]}
    entry = make_entry("core-1>", owner="carrier_core")
    assert judged([make_fault("pe1-p1")], [entry], coarse).document() == RIGHT
    fine = {"components": [*COMPONENTS, span], "observations": APART["observations"] + coarse["observations"]}
    assert not judged([make_fault("pe1-p1")], [entry], fine).component


def test_a_path_that_changed_is_judged_like_a_healthy_network() -> None:
    """Right exactly when nothing is blamed; beside a fault only the fault counts."""
    change = Fault(kind=Kind.REROUTE, component="core-1", way=Way.BOTH, rate=1)
    assert judged([change], [], APART).document() == RIGHT
    assert judged([change], [make_entry("pe1-p1>", mode="delay")], APART).document() == WRONG
    assert judged([change, make_fault()], [make_entry("loop-1>")], APART).document() == RIGHT


def test_a_slow_server_may_be_named_with_the_service_that_shows_it() -> None:
    """A machine and its only application are one class."""
    components = [*COMPONENTS, {"id": "svc-teller", "kind": "service", "owner": "destination"}]
    evidence = {"components": components, "observations": [{"kind": "response", "endpoint": "svc-teller"}]}
    fault = make_fault("srv-1", Kind.SERVER_SLOW, Way.BOTH)
    entry = make_entry("srv-1", "svc-teller", mode="slow", owner="destination")
    assert judged([fault], [entry], evidence).document() == RIGHT
