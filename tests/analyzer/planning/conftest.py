"""A small network of two banks: a pair whose lines meet in one router, equal paths, servers behind an end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from analyzer.planning.lists import plain
from faultline import inventory
from faultline.inventory import Inventory


def component(base: str, kind: str = "segment", owner: str = "carrier_core", **more: Any) -> dict[str, Any]:
    """A component."""
    return {"id": base, "kind": kind, "owner": owner, **more}


def line(code: str, tenant: str, path: list[str], number: int, **more: Any) -> dict[str, Any]:
    """A line of a tenant."""
    hosts = {"hosts": ["srv"]} if tenant == "first" else {}
    return {
        "code": code,
        "tenant": tenant,
        "grade": "AA",
        "time_zone": "Asia/Shanghai",
        "a_end": {"name": "Ningbo", "prefixes": [f"10.1.{number}.0/24"]},
        "z_end": {"name": "Shanghai", "prefixes": [f"10.9.{number}.0/24"], **hosts},
        "path": path,
        **more,
    }


def network() -> dict[str, Any]:
    """The inventory as plain data."""
    lines = [
        line("F-1", "first", ["loop-1", "pe1", "core", "far"], 1, backup="F-2"),
        line("F-2", "first", ["loop-2", "pe1", "other"], 2),
        line("F-3", "first", ["loop-3", "pe2", "core", "far"], 3, grade="A"),
        line("S-1", "second", ["loop-4", "pe1", "core", "far"], 4),
    ]
    return {
        "format": inventory.FORMAT,
        "tenants": [{"id": "first", "name": "First Bank"}, {"id": "second", "name": "Second Bank"}],
        "sites": [{"id": "hall", "owner": "carrier_core"}],
        "components": [
            *(component(f"loop-{n}", owner="access") for n in (1, 2, 3, 4)),
            component("pe1", "device", site="hall"),
            component("pe2", "device"),
            component("core", paths=[["up", "p1"], ["low", "p2"]]),
            component("up"),
            component("low"),
            component("p1", "device"),
            component("p2", "device"),
            component("other", owner="other_carrier"),
            component("far", owner="access"),
            component("srv", "server", "destination", hosts=["teller"]),
            component("teller", "service", "destination", name="Teller service", ports=["tcp/8200"]),
        ],
        "lines": lines,
    }


@pytest.fixture
def known() -> Inventory:
    """It as records."""
    return inventory.parse(network(), "network")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """It as a file."""
    path = tmp_path / "inventory.yaml"
    path.write_text(plain.dump(network()), encoding="utf-8")
    return path
