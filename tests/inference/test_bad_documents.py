"""Evidence from elsewhere, broken in every way: each mistake has its place, and nothing broken becomes a verdict."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultline.inference import EvidenceError, locate
from faultline.inference.document import read
from faultline.inference.locate import MANY_OBSERVATIONS
from tests.inference.scenes import delay, document, loss

EVERY_KIND: list[dict[str, Any]] = [
    loss(["ce", "loop-a>", "pe1"], 4000, 3, background=5e-5, quality={"suspect_ratio": 0.1}),
    {"kind": "loss", "paths": [{"via": ["pe1"], "weight": 0.5}, {"via": ["pe2"], "weight": 0.5}], "sent": 900, "lost": 1},
    delay(["ce", "loop-a>"], 5300.0),
    {"kind": "failure", "protocol": "tcp", "via": ["ce"], "endpoint": "server", "attempts": 60, "failed": 2, "leak": 0.002},
    {"kind": "response", "endpoint": "server", "n": 30, "median_us": 9e3, "baseline": {"n": 99, "median_us": 8e3, "mad_us": 90}},
    {"kind": "zero_window", "endpoint": "server", "seconds": 60, "closed_seconds": 2},
    {"kind": "counter", "component": "pe1", "name": "if_in_errors", "raised": False},
    {"kind": "event", "component": "loop-a>", "name": "LOS", "raised": True, "sensitivity": 0.9, "source": "trap"},
    {"kind": "mtu", "via": ["ce"], "size": 1500, "sent": 20, "lost": 0},
    {"kind": "silence", "probe": "probe-17", "missed": 1, "expected": 6},
    {"kind": "route_change", "from": "probe-17", "to": "dc", "components": ["ce"]},
]
BROKEN: list[tuple[Any, str]] = [
    (loss(["ce", "nowhere"], 10, 1), "via[1]: 'nowhere' is not listed in components"),
    (loss(["ce"], 10, 11), "lost: 11 is more than sent 10"),
    (loss(["ce"], -10, 0), "sent: -10 is not at least 0"),
    (loss(["ce"], math.nan, 0), "sent: nan is not a number"),
    (loss(["ce"], math.inf, 0), "sent: inf is not a number"),
    (loss(["ce"], 10**400, 0), "is beyond 1e+15"),
    (loss([], 10, 1), "via: not a list of component ids"),
    (loss(["ce", "pe1", "ce"], 10, 1), "via: a circle: 'ce' is crossed 2 times, 1 at most"),
    (loss(["ce", "pe1", "ce", "pe1", "ce"], 10, 1, round_trip=True), "'ce' is crossed 3 times, 2 at most"),
    (loss(["ce"], 10, 1, round_trip="yes"), "round_trip: 'yes' is not true or false"),
    (loss(["ce"], 10, 1, source=["active"]), "source: ['active'] is not active, passive or bracket"),
    ({"kind": "loss", "paths": [{"via": ["ce"], "weight": 0}], "sent": 1, "lost": 0}, "add up to 0, no path was taken"),
    ({"kind": {}}, "kind: {} is not one of"),
    ("loss", "not an object"),
]


@pytest.mark.parametrize(("broken", "told"), BROKEN)
def test_a_mistake_is_told_with_the_observations_index(broken: Any, told: str) -> None:
    """Of a list of good ones, the bad one is named by its place."""
    with pytest.raises(EvidenceError) as caught:
        locate(document([loss(["ce"], 10, 0), broken]))
    (problem,) = caught.value.problems
    assert problem.startswith("observations[1]")
    assert told in problem


@pytest.mark.parametrize(("broken", "told"), BROKEN)
def test_lenient_reading_leaves_the_whole_observation_out_and_counts_it(broken: Any, told: str) -> None:
    """What is left is answered as if the broken one had never been there; the answer says how many were left out, and why."""
    good = loss(["ce"], 10, 0)
    answer = locate(document([good, broken]), lenient=True)
    assert sum(answer.pop("skipped").values()) == 1
    assert told in answer.pop("mistakes")[0]
    assert answer == locate(document([good]))


def test_of_nothing_but_broken_observations_nothing_is_concluded() -> None:
    """No verdict from garbage: it is insufficient evidence, not health."""
    answer = locate(document([broken for broken, _ in BROKEN]), lenient=True)
    assert answer["verdicts"] == []
    assert answer["insufficient"]


def test_a_component_listed_twice_is_refused_or_counted_once() -> None:
    """Lenient reading takes the first; one without a usable kind is left out with the observations that name it."""
    listed: list[Any] = [
        {"id": "ce", "kind": "device", "owner": "customer"},
        {"id": "ce", "kind": "server"},
        {"id": "odd", "kind": ["device"]},
        {"id": "self", "kind": "server", "hosts": ["self"]},
    ]
    evidence = document([loss(["ce"], 10, 0), loss(["odd"], 10, 9)], listed)
    with pytest.raises(EvidenceError) as caught:
        read(evidence)
    assert [problem.split(" is not")[0] for problem in caught.value.problems] == [
        "components[1].id: 'ce' is listed twice",
        "component 'odd': kind ['device']",
        "component 'self': hosts itself",
    ]
    kept = read(evidence, lenient=True)
    assert [c.id for c in kept.components] == ["ce", "self"]
    assert len(kept.observations) == 1
    assert kept.skipped == {"component": 3, "loss": 1}


def test_what_the_document_says_of_itself_must_be_right_even_when_lenient() -> None:
    """Another format, a window that ends before it begins, an unknown rate: nothing in such a file can be trusted."""
    for more in ({"format": "x"}, {"window": {"start": "2026-01-01", "end": "2025-01-01"}}, {"fault_rate": {"cable": 1}}):
        with pytest.raises(EvidenceError):
            read(document([loss(["ce"], 10, 0)]) | more, lenient=True)


def test_a_file_of_mistakes_is_given_up_on() -> None:
    """A hundred thousand bad observations cost neither the memory of their messages nor a screen of them."""
    evidence = document([loss(["x" * 10_000], 1, 0)] * 100_000)
    with pytest.raises(EvidenceError) as caught:
        read(evidence)
    assert len(caught.value.problems) == 1001
    assert "too many mistakes" in caught.value.problems[-1]
    assert len(str(caught.value)) < 5000
    assert read(evidence, lenient=True).skipped == {"loss": 100_000}


# ---- fuzzing -----------------------------------------------------------------------------------------------------
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.sampled_from(
        ["ce", "pe1", "server", "loop-a>", "loss", "tcp", "device", "2026-01-01T00:00:00Z", "", "\ud800", "x" * 200]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["via", "weight", "kind", "n"]), inner, max_size=3)
    ),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document."""
    yield path
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield from places(value[key], (*path, key))


WHOLE = document(EVERY_KIND, expected_faults=1)
PLACES = [place for place in places(WHOLE) if place]


@given(st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=1, max_size=3), st.booleans())
def test_any_document_ends_in_a_verdict_or_a_list_of_mistakes(changes: list[tuple[Any, Any]], lenient: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever stands anywhere in it: a verdict of finite numbers, or `EvidenceError`; never another exception."""
    evidence: Any = copy.deepcopy(WHOLE)
    for place, value in changes:
        holder = evidence
        try:
            for key in place[:-1]:
                holder = holder[key]
            holder[place[-1]] = value
        except (TypeError, KeyError, IndexError):  # an earlier change took the place away
            continue
    try:
        answer = locate(evidence, lenient=lenient)
    except EvidenceError:
        return
    json.dumps(answer, allow_nan=False)
    for entry in answer["verdicts"]:
        assert 0.0 <= entry["confidence"] <= 1.0


def test_very_many_observations_of_few_components_are_answered_as_few_would_be() -> None:
    """Thirty thousand rows over ten links: clean ones are added up first, and the one link that loses is named."""
    rng = np.random.default_rng(7)
    links = [f"link-{number}>" for number in range(10)]
    ways = [links[first : first + 3] for first in range(8)]
    observations = [
        loss(via, 100, int(rng.binomial(100, 5e-5 + (0.01 if "link-4>" in via else 0.0)))) for via in ways for _ in range(3_750)
    ]
    listed = [{"id": link, "kind": "segment", "owner": "access"} for link in links]
    assert len(observations) > MANY_OBSERVATIONS
    begin = time.process_time()
    (entry,) = locate(document(observations, listed))["verdicts"]
    assert (entry["components"], entry["mode"], entry["blames"]) == (["link-4>"], "loss", True)
    assert 0.009 < entry["severity"]["value"] < 0.011
    assert time.process_time() - begin < 30
