"""Traced routes beside declared paths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.planning.doubt import Doubt, Doubtful
from analyzer.planning.measured.routes import route_doubts

from .conftest import ADDRESSES, document, known, route

OVER_P1 = ("10.0.0.1", "10.0.1.1", "10.0.0.9")
Change = Callable[[dict[str, Any]], None]


def told(made: dict[str, Any], *routes: Any) -> list[Doubt]:
    """What routes say."""
    return route_doubts(known(made), routes)


def path(*elements: str) -> Change:
    """The line is declared to take another path; its ends stand where they stood."""

    def change(made: dict[str, Any]) -> None:
        made["lines"][0]["path"] = list(elements)
        made["vantages"][1]["positions"][0] = {"line": "L1", "before": "far"}

    return change


def addresses(base: str, *found: str) -> Change:
    """A component is declared to have other addresses."""

    def change(made: dict[str, Any]) -> None:
        (entry,) = (c for c in made["components"] if c["id"] == base)
        entry.pop("addresses", None)
        entry |= {"addresses": list(found)} if found else {}

    return change


def one_way(made: dict[str, Any]) -> None:
    """The core is declared to have one way only."""
    (entry,) = (c for c in made["components"] if c["id"] == "core")
    entry["paths"] = entry["paths"][:1]


def both(*changes: Change) -> Change:
    """Several changes."""

    def change(made: dict[str, Any]) -> None:
        for one in changes:
            one(made)

    return change


def ends_early(made: dict[str, Any]) -> None:
    """The far vantage is declared before the last router."""
    made["vantages"][1]["positions"][0] = {"line": "L1", "before": "pe2"}


def mixed(made: dict[str, Any]) -> None:
    """As it is: the route itself has both."""


@pytest.mark.parametrize(
    ("hops", "trace"),
    [
        (OVER_P1, "t-az-L1"),
        (("10.0.0.2", "10.0.2.1", "10.0.0.9"), "t-az-L1"),
        ((None, "10.0.1.1", None), "t-az-L1"),
        (("10.0.0.9", "10.0.1.1", "10.0.0.2"), "t-za-L1"),
        ((), "t-az-L1"),
        (("10.0.0.1", "10.0.1.1", "10.0.0.9", "10.8.0.9"), "t-az-L1"),
        (("192.0.2.1",), "of-nobody"),
    ],
)
def test_a_route_that_agrees_says_nothing(hops: tuple[str | None, ...], trace: str) -> None:
    """Either way through the core, either direction, any interface of a router, silence, the destination itself."""
    assert told(document(), route(*hops, trace=trace)) == []


CONTRADICTIONS: dict[str, tuple[Change, tuple[str | None, ...], str, str]] = {
    "another router": (
        path("lan", "ce", "loop", "pe3", "core", "pe2", "far"),
        OVER_P1,
        "declared not to cross pe1, and pe1 answered",
        "put pe1 where it is",
    ),
    "another router of known address": (
        both(path("lan", "ce", "loop", "pe3", "core", "pe2", "far"), addresses("pe3", "10.0.7.7")),
        OVER_P1,
        "declared to cross pe3 before core, and pe1 answered there",
        "put pe1 in the place of pe3",
    ),
    "a router too many": (
        both(path("lan", "ce", "loop", "pe3", "pe1", "core", "pe2", "far"), addresses("pe3", "10.0.7.7")),
        OVER_P1,
        "declared to cross pe3 before pe1, and nothing is there",
        "take pe3 out",
    ),
    "an order": (
        path("lan", "ce", "loop", "pe2", "core", "pe1", "far"),
        OVER_P1,
        "declared to cross pe2, core, pe1, and they answered in the order pe1, core, pe2",
        "correct the order",
    ),
    "an address": (
        addresses("pe1", "10.0.7.7"),
        OVER_P1,
        "declared to cross pe1 before core, and 10.0.0.1 answered there",
        "add 10.0.0.1 to the `addresses` of pe1",
    ),
    "a way of the core": (
        one_way,
        ("10.0.0.1", "10.0.2.1", "10.0.0.9"),
        "declared to cross core between pe1 and pe2, and p2 answered there",
        "add the way over p2 to the `paths` of core",
    ),
    "a way that is none": (
        mixed,
        ("10.0.0.1", "10.0.1.1", "10.0.2.1", "10.0.0.9"),
        "no way of core has p1 and p2 together",
        "add that way",
    ),
    "what lies behind the end": (
        ends_early,
        OVER_P1,
        "pe2 is declared beyond the ends of a trace",
        "correct the path, or where",
    ),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_declaration_that_is_not_so_is_told_once(name: str) -> None:
    """However many flows tell it; with what to do, at the line's path or at the component."""
    change, hops, text, remedy = CONTRADICTIONS[name]
    made = document()
    change(made)
    (doubt,) = told(made, *(route(*hops, port=port) for port in range(5)))
    assert doubt.what is Doubtful.CONTRADICTED_PATH
    assert doubt.refutes
    assert text in doubt.text
    assert "5 traced flows" in doubt.text
    assert remedy in doubt.remedy
    assert (doubt.at.section, doubt.at.name) in {("lines", "L1"), ("components", "core")}


def test_a_silent_hop_may_have_been_what_is_missing() -> None:
    """Only answers one after the other say that nothing stands between them."""
    made = document()
    path("lan", "ce", "loop", "pe3", "pe1", "core", "pe2", "far")(made)
    addresses("pe3", "10.0.7.7")(made)
    assert told(made, route(None, *OVER_P1)) == []


def test_a_probe_in_the_rack_of_a_router_does_not_cross_it() -> None:
    """The router beside which a trace begins may answer or not; one further on is missed."""
    made = document()
    made["vantages"][0]["positions"][0] = {"line": "L1", "between": ["loop", "pe1"]}
    assert told(made, route("10.0.1.1", "10.0.0.9")) == []
    assert told(made, route(*OVER_P1)) == []
    (doubt,) = told(made, route("10.0.0.9"))
    assert "declared to cross core before pe2" in doubt.text


def test_a_router_that_nobody_has_declared_is_told_with_its_lines() -> None:
    """A device without addresses there is asked after."""
    made = document("L1", "L2")
    addresses("pe1")(made)
    (doubt,) = told(made, *(route(*OVER_P1, trace=f"t-az-{code}") for code in ("L1", "L2")))
    assert doubt.what is Doubtful.UNDECLARED_ROUTER
    assert not doubt.refutes
    assert doubt.subjects == ("10.0.0.1", "L1", "L2")
    assert "before core on L1, L2" in doubt.text
    assert "pe1?" in doubt.remedy


def test_a_pair_whose_lines_cross_the_same_undeclared_router_shares_its_route() -> None:
    """One fault takes both: told once, though each names the other."""
    made = document("L1", "L2")
    addresses("pe1")(made)
    made["lines"][0]["backup"], made["lines"][1]["backup"] = "L2", "L1"
    found = told(made, *(route(*OVER_P1, trace=f"t-az-{code}") for code in ("L1", "L2")))
    (doubt,) = (doubt for doubt in found if doubt.what is Doubtful.SHARED_ROUTE)
    assert set(doubt.subjects) == {"L1", "L2"}
    assert "both cross 10.0.0.1" in doubt.text


@given(
    hops=st.lists(st.sampled_from([None, "192.0.2.1", *(a for found in ADDRESSES.values() for a in found)]), max_size=12),
    trace=st.sampled_from(["t-az-L1", "t-za-L1", "x"]),
)
def test_any_route_is_answered(hops: list[str | None], trace: str) -> None:
    """Whatever probes send: every doubt has words and a place, none is there twice."""
    found = told(document(), route(*hops, trace=trace))
    assert len({doubt.text for doubt in found}) == len(found)
    assert all(doubt.text and doubt.remedy and doubt.at.name for doubt in found)
