"""Which components evidence leaves inseparable."""

from __future__ import annotations

from typing import Any

from faultline.inference.columns import Columns
from faultline.records.terms import Mode

KINDS = {"ce": "device", "pe": "device", "srv": "server", "svc": "service", "dns": "resolver", "site": "site"}


def columns(mode: Mode, *observations: dict[str, Any], sites: dict[str, str] | None = None, **hosts: list[str]) -> Columns:
    """Columns of evidence whose components are those that its observations name."""
    named = {c for o in observations for c in (*o.get("via", ()), *(c for p in o.get("paths", ()) for c in p["via"]))}
    named |= {o[key] for o in observations for key in ("endpoint", "component", "site") if key in o} | set(hosts)
    components = []
    for name in sorted(named):
        entry: dict[str, Any] = {"id": name, "kind": KINDS.get(name.split("-")[0].rstrip("<>"), "segment")}
        entry |= {"hosts": hosts[name]} if name in hosts else {}
        components.append(entry | ({"site": sites[name]} if sites and name in sites else {}))
    return Columns({"components": components, "observations": list(observations)}, mode)


def crossing(*via: str, kind: str = "loss", **more: Any) -> dict[str, Any]:
    """An observation of packets that cross these."""
    return {"kind": kind, "via": list(via)} | more


def test_components_in_the_same_observations_are_one_class() -> None:
    """What no observation separates stands together; what one does stands alone."""
    found = columns(Mode.LOSS, crossing("lan>"), crossing("ce", "loop>"))
    assert found.inseparable(["lan>"]) == {"lan>"}
    assert found.inseparable(["loop>"]) == {"ce", "loop>"}


def test_only_observations_that_the_mode_moves_separate() -> None:
    """Delays do not tell losses apart, nor losses delays."""
    rows = (crossing("a>"), crossing("b>"), crossing("a>", "b>", kind="delay"))
    assert columns(Mode.LOSS, *rows).inseparable(["a>"]) == {"a>"}
    assert columns(Mode.DELAY, *rows).inseparable(["a>"]) == {"a>", "b>"}


def test_what_is_in_no_observation_is_alone() -> None:
    """Nothing is known of it, so nothing is like it."""
    assert columns(Mode.LOSS, crossing("a>")).inseparable(["b>"]) == {"b>"}


def test_a_share_of_the_packets_is_not_all_of_them() -> None:
    """Two equal ways are alike, and unlike what every packet crosses."""
    ways = {"kind": "loss", "paths": [{"via": ["a>", "pe"], "weight": 0.5}, {"via": ["b>", "pe"], "weight": 0.5}]}
    found = columns(Mode.LOSS, ways)
    assert found.inseparable(["a>"]) == {"a>", "b>"}
    assert found.inseparable(["pe"]) == {"pe"}


def test_a_device_that_fails_both_ways_looks_like_the_segment_beside_it() -> None:
    """Both directions of a segment together have the column of the device that everything crosses, too."""
    found = columns(Mode.LOSS, crossing("ce", "loop>"), crossing("loop<", "ce"))
    assert found.inseparable(["ce"]) == {"ce", "loop>", "loop<"}
    assert found.inseparable(["loop>", "loop<"]) == {"ce", "loop>", "loop<"}
    assert found.inseparable(["loop>"]) == {"loop>"}


def test_an_endpoint_stands_with_what_hosts_it_until_a_second_service_tells() -> None:
    """A server is as slow as its only service; with a second one that is well they differ."""
    slow = {"kind": "response", "endpoint": "svc-a"}
    assert columns(Mode.SLOW, slow, **{"srv-1": ["svc-a"]}).inseparable(["srv-1"]) == {"srv-1", "svc-a"}
    well = {"kind": "response", "endpoint": "svc-b"}
    assert columns(Mode.SLOW, slow, well, **{"srv-1": ["svc-a", "svc-b"]}).inseparable(["svc-a"]) == {"svc-a"}


def test_a_refusal_says_nothing_of_the_way() -> None:
    """Somebody answered, so the path works: only the end point can be meant; an attempt without answer means both."""
    refused = crossing("a>", kind="failure", endpoint="svc-a", outcome="refused")
    lost = crossing("a>", kind="failure", endpoint="svc-a", outcome="timeout")
    assert columns(Mode.DOWN, refused).of("a>") == frozenset()
    assert columns(Mode.DOWN, lost).of("a>") == {(0, 1.0)}
    assert columns(Mode.FAILING, refused).inseparable(["svc-a"]) == {"svc-a"}


def test_a_site_takes_everything_in_it_along() -> None:
    """Without power nothing inside passes anything on, and the probe falls silent: together that is the site alone."""
    rows = (crossing("ce", "loop>"), {"kind": "silence", "probe": "ce", "site": "site-1"})
    found = columns(Mode.DOWN, *rows, sites={"ce": "site-1"})
    assert found.of("site-1") == {(0, 1.0), (1, 1.0)}
    assert found.inseparable(["site-1"]) == {"site-1"}


def test_classes_are_of_places_over_both_directions() -> None:
    """A device is beside the segment that loses both ways; what nothing crosses is in no class."""
    rows = [crossing("ce", "loop>"), crossing("ce", "loop<"), crossing("pe")]
    found = columns(Mode.LOSS, *rows).classes()
    assert set(found) == {frozenset({"ce", "loop"}), frozenset({"pe"})}
