"""A line whose core has two equal paths, with a vantage at each end and traces both ways; routes as traces find them."""

from __future__ import annotations

from typing import Any

from faultline import inventory
from faultline.inventory import Inventory
from faultline.store.traces import TracedFlow, TracedRoute

ADDRESSES = {"pe1": ["10.0.0.1", "10.0.0.2"], "p1": ["10.0.1.1"], "p2": ["10.0.2.1"], "pe2": ["10.0.0.9"]}
PATH = ["lan", "ce", "loop", "pe1", "core", "pe2", "far"]


def component(base: str, kind: str = "segment", owner: str = "carrier_core", **more: Any) -> dict[str, Any]:
    """A component, with its addresses."""
    addresses = {"addresses": ADDRESSES[base]} if base in ADDRESSES else {}
    return {"id": base, "kind": kind, "owner": owner, **addresses, **more}


def document(*codes: str) -> dict[str, Any]:
    """Lines over the same path."""
    ends = {"a": {"before": "loop"}, "z": {"after": "pe2"}}
    return {
        "format": inventory.FORMAT,
        "tenants": [{"id": "bank"}],
        "components": [
            component("lan", owner="customer"),
            component("ce", "device", "customer"),
            component("loop", owner="access"),
            *(component(base, "device") for base in ("pe1", "pe2", "pe3", "p1", "p2")),
            *(component(base) for base in ("up-1", "up-2", "low-1", "low-2")),
            component("core", paths=[["up-1", "p1", "up-2"], ["low-1", "p2", "low-2"]]),
            component("far", owner="destination"),
        ],
        "lines": [
            {
                "code": code,
                "tenant": "bank",
                "a_end": {"name": "A", "prefixes": [f"10.1.{number}.0/24"]},
                "z_end": {"name": "Z", "prefixes": ["10.9.0.0/24"]},
                "path": [*PATH],
            }
            for number, code in enumerate(codes or ("L1",))
        ],
        "vantages": [
            {
                "id": f"{end}-{code}",
                "probe": f"{end}-{code}",
                "observation_point": "wan",
                "address": f"10.8.{number}.{1 if end == 'a' else 9}",
                "positions": [{"line": code, **place}],
            }
            for number, code in enumerate(codes or ("L1",))
            for end, place in ends.items()
        ],
        "sessions": [
            {"id": f"s-{code}", "line": code, "sender": f"a-{code}", "reflector": f"z-{code}"} for code in codes or ("L1",)
        ],
        "traces": [
            {"id": f"t-{way}-{code}", "line": code, "sender": f"{way[0]}-{code}", "target": f"{way[1]}-{code}"}
            for code in codes or ("L1",)
            for way in ("az", "za")
        ],
    }


def known(made: dict[str, Any]) -> Inventory:
    """A document as records."""
    return inventory.parse(made, "made")


def route(*hops: str | None, trace: str = "t-az-L1", port: int = 1) -> TracedRoute:
    """A flow that was traced over these hops."""
    flow = TracedFlow(
        trace=trace,
        probe="p",
        protocol=17,
        source_address="10.8.0.1",
        source_port=port,
        destination_address="10.8.0.9",
        destination_port=862,
    )
    return TracedRoute(flow=flow, traced_ns=9, hops=hops, reached=True, route=hops, since_ns=1)
