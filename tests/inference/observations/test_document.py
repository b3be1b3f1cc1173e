"""The evidence document as a whole."""

from __future__ import annotations

import json
from typing import Any

from faultline.inference.observations import instant
from faultline.records.terms import SECOND_NS

COUNTS = {"received": 980, "lost_forward": 12, "lost_reverse": 3, "lost_unattributed": 5}
PLANNED_NS = 1_796_061_600 * SECOND_NS


def test_the_document_has_every_component_of_the_measured_line(ground: Any) -> None:
    """Each direction of a segment is its own component and names the other; servers name their services."""
    evidence = ground.evidence(ground.session("ce-pe1", COUNTS))
    assert evidence["format"] == "faultline-evidence/1"
    assert evidence["window"] == {"start": "2026-11-30T12:00:00Z", "end": "2026-11-30T12:01:00Z"}
    listed = {c["id"]: c for c in evidence["components"]}
    assert len(listed) == len(evidence["components"]) == 17
    assert listed["dns-1"]["kind"] == "resolver"
    assert listed["loop-a>"] == {"id": "loop-a>", "kind": "segment", "owner": "access", "reverse": "loop-a<"}
    assert listed["branch-lan<"] == {
        "id": "branch-lan<",
        "kind": "segment",
        "owner": "customer",
        "site": "branch-17",
        "reverse": "branch-lan>",
    }
    assert listed["server"]["hosts"] == ["teller"]
    assert listed["teller"] == {"id": "teller", "kind": "service", "owner": "destination"}
    json.dumps(evidence)


def test_everything_named_is_listed(ground: Any) -> None:
    """Each id in a `via`, an end point or a counter is a component."""
    evidence = ground.evidence(
        ground.session("ce-fw", COUNTS),
        ground.tcp("fw-lan", "z_to_a", {"tcp_segments": 10, "zero_window_ns": 0, "tcp_flows": 1}),
        ground.interface("dc", "wan0", link_up=1),
    )
    listed = {c["id"] for c in evidence["components"]}
    for o in evidence["observations"]:
        assert {*o.get("via", ()), *(o[key] for key in ("endpoint", "component") if key in o)} <= listed


def test_nothing_measured_is_an_empty_document(ground: Any) -> None:
    """No rows: no observations, no components; the localiser then knows that it knows nothing."""
    evidence = ground.evidence()
    assert evidence["observations"] == []
    assert evidence["components"] == []


def test_rates_follow_the_one_knob_and_the_share_of_the_prior(ground: Any) -> None:
    """A segment has the configured rate; asking three spans gives each a third of it."""
    rates = ground.evidence(fault_rate_per_hour=3e-6, prior_share=1 / 3)["fault_rate"]
    assert rates["segment"] == rates["link"] == 1e-6
    assert rates["device"] < rates["segment"] < rates["server"]


def test_planned_work_is_told_while_it_lasts(ground: Any) -> None:
    """Both directions of the segment are planned in any window that touches the work, and only then."""
    row = ground.session("ce-pe1", COUNTS)
    assert ground.evidence(row)["maintenance"] == []
    assert ground.evidence(row, start_ns=PLANNED_NS - 59 * SECOND_NS)["maintenance"] == ["loop-a>", "loop-a<"]
    assert ground.evidence(row, start_ns=PLANNED_NS - 60 * SECOND_NS)["maintenance"] == []
    assert ground.evidence(row, start_ns=PLANNED_NS + 7200 * SECOND_NS)["maintenance"] == []


def test_the_order_of_rows_does_not_matter(ground: Any) -> None:
    """The same rows in any order are the same document."""
    rows = [ground.session(name, COUNTS) for name in ("ce-pe1", "pe1-pe2", "ce-fw")]
    rows.append(ground.interface("dc", "wan0", link_up=1))
    assert ground.evidence(*rows) == ground.evidence(*reversed(rows))


def test_instants_have_a_fraction_only_where_there_is_one() -> None:
    """Whole seconds stay whole."""
    assert instant(0) == "1970-01-01T00:00:00Z"
    assert instant(1_500_000_000) == "1970-01-01T00:00:01.5Z"
