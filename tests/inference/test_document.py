"""Reading `faultline-evidence/1`: every mistake is told with where it is, and nothing that is allowed is refused."""

from __future__ import annotations

from typing import Any

import pytest

from faultline.inference import EvidenceError, locate
from faultline.inference.document import read
from faultline.inference.observed import NO_QUALITY, Delay, Loss
from tests.inference.scenes import delay, document, loss


def problems(evidence: Any, *, lenient: bool = False) -> tuple[str, ...]:
    """What is wrong with a document."""
    with pytest.raises(EvidenceError) as caught:
        read(evidence, lenient=lenient)
    return caught.value.problems


def test_all_mistakes_are_told_at_once_with_their_coordinates() -> None:
    """One reading names the key path of each mistake, not only of the first."""
    found = problems(
        document(
            [
                loss(["ce", "nowhere"], 10, 11),
                {"kind": "delay", "via": [], "n": 5},
                {"kind": "counter", "component": "pe1", "name": "errors", "raised": "yes"},
                {"kind": "failure", "protocol": "smtp", "attempts": 3, "failed": 1, "endpoint": "server"},
                {
                    "kind": "loss",
                    "paths": [{"via": ["ce"], "weight": 0.8}, {"via": ["pe1"], "weight": 0.9}],
                    "sent": 1,
                    "lost": 0,
                },
            ],
            [
                {"id": "ce", "kind": "router"},
                {"id": "pe1", "kind": "device"},
                {"id": "pe1", "kind": "device"},
                {"id": "server", "kind": "server", "owner": "me"},
            ],
            fault_rate={"cable": 1},
            expected_faults=-1,
        )
    )
    for expected in (
        "components[2].id: 'pe1' is listed twice",
        "component 'ce': kind 'router' is not one of",
        "component 'server': owner 'me' is not one of",
        "fault_rate.cable: no such kind",
        "expected_faults: -1 is not at least 0",
        "observations[0].via[1]: 'nowhere' is not listed in components",
        "observations[0].lost: 11 is more than sent 10",
        "observations[1].via: not a list of component ids",
        "observations[1].median_us: missing",
        "observations[2].raised: 'yes' is not true or false",
        "observations[3].protocol: 'smtp' is not tcp, dns or http",
        "observations[4].paths: weights add up to 1.7, more than 1",
    ):
        assert any(problem.startswith(expected) for problem in found), (expected, found)


@pytest.mark.parametrize("text", [None, [], "text", 7, {"format": "faultline-evidence/2"}])
def test_what_is_not_such_a_document_is_refused(text: Any) -> None:
    """Another format or another JSON value is one clear mistake."""
    assert len(problems(text)) == 1


def test_an_unknown_kind_is_a_mistake_or_counted() -> None:
    """Strict reading refuses it; lenient reading skips it, counts it and says so in the answer."""
    evidence = document([loss(["ce"], 1000, 0), {"kind": "weather", "rain": True}])
    assert "observations[1].kind: 'weather'" in problems(evidence)[0]
    assert locate(evidence, lenient=True)["skipped"] == {"weather": 1}


def test_null_is_the_same_as_absent() -> None:
    """Optional keys may be null; required ones may not."""
    evidence = document(
        [loss(["ce"], 1000, 0, background=None, quality=None) | {"source": None}],
        fault_rate=None,
        maintenance=None,
        expected_faults=None,
    )
    (observation,) = read(evidence).observations
    assert isinstance(observation, Loss)
    assert (observation.background, observation.quality, observation.source) == (None, NO_QUALITY, "active")
    assert problems(document([loss(["ce"], 1000, 0) | {"lost": None}])) == ("observations[0].lost: missing",)


def test_ids_may_be_integers() -> None:
    """Strings and integers are ids; a reported component keeps its type."""
    parts = [{"id": 1, "kind": "segment", "owner": "access"}, {"id": 2, "kind": "segment", "owner": "carrier_core"}]
    verdict = locate(document([loss([1], 4000, 60), loss([2], 4000, 0)], parts))
    assert verdict["verdicts"][0]["components"] == [1]


def test_the_other_direction_is_found_by_its_name_too() -> None:
    """A file that does not list `reverse` still has its pairs known by their marks."""
    parts = [{"id": "x>", "kind": "segment"}, {"id": "x<", "kind": "segment"}, {"id": "y", "kind": "segment"}]
    components = read(document([], parts)).components
    assert [c.reverse for c in components] == [1, 0, None]


def test_a_site_that_only_groups_need_not_be_listed() -> None:
    """`site` of a component may name what is no component itself."""
    assert read(document([], [{"id": "ce", "kind": "device", "site": "branch-17"}])).components[0].site == "branch-17"


def test_maintenance_may_name_a_segment_without_its_direction() -> None:
    """Planned work on a segment is work on both of its directions."""
    evidence = read(document([], maintenance=["loop-a"]))
    assert {evidence.components[c].id for c in evidence.maintenance} == {"loop-a>", "loop-a<"}


def test_quality_and_round_trip_are_read() -> None:
    """What is known against a number travels with it."""
    (observation,) = read(
        document([delay(["ce"], 0, round_trip=True, quality={"clock_error_us": 40, "gap_seconds": 2})])
    ).observations
    assert isinstance(observation, Delay)
    assert observation.round_trip
    assert (observation.quality.clock_error_us, observation.quality.gap_seconds) == (40, 2)


@pytest.mark.parametrize("value", [True, "3", float("nan"), float("inf"), -1, [3]])
def test_a_count_is_a_finite_number_that_is_not_negative(value: Any) -> None:
    """Booleans, text and infinities are no counts."""
    assert problems(document([loss(["ce"], 10, 0) | {"sent": value}]))


def test_the_window_is_checked() -> None:
    """An end before its start, or text that is no time, is a mistake; no window means a minute."""
    late = {"start": "2026-01-01T00:01:00Z", "end": "2026-01-01T00:00:00Z"}
    assert problems(document([]) | {"window": late}) == ("window: end is not after start",)
    assert "window.start" in problems(document([]) | {"window": {"start": "soon", "end": "2026-01-01T00:00:00Z"}})[0]
    assert read(document([]) | {"window": None}).seconds == 60
