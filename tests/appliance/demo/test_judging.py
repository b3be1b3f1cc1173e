"""Judging a verdict by the contract's rule."""

from __future__ import annotations

from typing import Any

from appliance.demo.faults import Fault, Kind, Way
from appliance.demo.judging import Correct, Said, inseparable, judge
from faultline.records.terms import Mode

COMPONENTS = [
    {"id": "loop-a>", "kind": "segment", "owner": "access"},
    {"id": "pe1", "kind": "device", "owner": "carrier_core"},
    {"id": "core>", "kind": "segment", "owner": "carrier_core"},
    {"id": "server", "kind": "server", "owner": "destination"},
]


def make_evidence(*vias: tuple[str, ...], kind: str = "loss") -> dict[str, Any]:
    """Evidence whose observations cross these components."""
    return {"components": COMPONENTS, "observations": [{"kind": kind, "via": list(via)} for via in vias]}


def make_entry(*components: str, mode: str = "loss", owner: str = "access", **more: Any) -> dict[str, Any]:
    """A verdict entry that blames."""
    return {"components": list(components), "mode": mode, "owner": owner, "confidence": 0.97, "blames": True, "text": ""} | more


def make_fault(component: str = "loop-a", kind: Kind = Kind.LOSS) -> Fault:
    """A fault from A to Z."""
    return Fault(kind=kind, component=component, way=Way.FORWARD, rate=0.02 if kind is Kind.LOSS else 10)


def judged(faults: list[Fault], entries: list[dict[str, Any]], evidence: dict[str, Any]) -> Correct:
    """The judgement of entries that share their evidence."""
    return judge(faults, [Said(entry=entry, evidence=evidence) for entry in entries])


APART = make_evidence(("loop-a>",), ("pe1", "core>"))
TOGETHER = make_evidence(("loop-a>", "pe1", "core>"), ("loop-a>", "pe1", "core>"))
WRONG = Correct(component=False, owner=False, mode=False)
RIGHT = Correct(component=True, owner=True, mode=True)


def test_what_no_observation_separates_is_one_class() -> None:
    """Components in exactly the same observations are inseparable; the server loses no packets and is never among them."""
    assert inseparable("loop-a>", Mode.LOSS, APART) == {"loop-a>"}
    assert inseparable("core>", Mode.LOSS, APART) == {"core>", "pe1"}
    assert inseparable("pe1", Mode.LOSS, TOGETHER) == {"loop-a>", "pe1", "core>"}


def test_only_observations_of_the_modes_kind_separate() -> None:
    """Delay observations do not tell losses apart."""
    evidence = make_evidence(("loop-a>",), ("core>",))
    evidence["observations"] += make_evidence(("loop-a>", "core>"), kind="delay")["observations"]
    assert inseparable("loop-a>", Mode.LOSS, evidence) == {"loop-a>"}
    assert inseparable("loop-a>", Mode.DELAY, evidence) == {"loop-a>", "core>"}


def test_the_true_component_alone_is_right() -> None:
    """Place, owner and mode as injected."""
    assert judged([make_fault()], [make_entry("loop-a>")], APART) == RIGHT


def test_a_class_no_larger_than_what_evidence_leaves_is_right() -> None:
    """Naming pe1 and the core for a fault of the core is as exact as the evidence allows; naming the loop as well is not."""
    fault = make_fault("core")
    assert judged([fault], [make_entry("pe1", "core>", owner="carrier_core")], APART).component
    assert not judged([fault], [make_entry("loop-a>", "pe1", "core>", owner="carrier_core")], APART).component


def test_an_unseparable_owner_is_right_when_his_share_and_the_text_say_so() -> None:
    """Where the class has several owners, the true one must hold a fifth and be named in the sentence."""
    shares = {"access": 0.4, "carrier_core": 0.6}
    entry = make_entry("loop-a>", "pe1", "core>", owner="unknown", owners=shares, text="access network or carrier core")
    assert judged([make_fault()], [entry], TOGETHER).owner
    assert not judged([make_fault()], [entry | {"text": "carrier core"}], TOGETHER).owner
    assert not judged([make_fault()], [entry | {"owners": {"access": 0.1, "carrier_core": 0.9}}], TOGETHER).owner
    assert not judged([make_fault()], [entry | {"text": "access network"}], APART).owner


def test_another_place_or_mode_is_wrong_where_it_is_wrong() -> None:
    """Each answer stands for itself."""
    assert judged([make_fault()], [make_entry("core>", owner="carrier_core")], APART) == Correct(
        component=False, owner=False, mode=True
    )
    assert judged([make_fault()], [make_entry("loop-a>", mode="delay")], APART) == Correct(component=True, owner=True, mode=False)


def test_silence_is_wrong_when_something_was_injected_and_right_when_nothing_was() -> None:
    """No verdict fails every answer of a real fault; with none, blaming fails every answer."""
    assert judged([make_fault()], [], APART) == WRONG
    assert judged([], [], APART) == RIGHT
    assert judged([], [make_entry("core>")], APART) == WRONG


def test_several_faults_must_all_be_found() -> None:
    """Each answer holds only if it holds for every fault."""
    faults = [make_fault(), make_fault("core", Kind.DELAY)]
    evidence = {
        "components": COMPONENTS,
        "observations": APART["observations"] + make_evidence(("core>",), kind="delay")["observations"],
    }
    both = [make_entry("loop-a>"), make_entry("core>", mode="delay", owner="carrier_core")]
    assert judged(faults, both, evidence) == RIGHT
    assert not judged(faults, both[:1], evidence).component
