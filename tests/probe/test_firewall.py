"""The table for those who run the firewalls: everything a configuration needs, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from probe.cli import app
from probe.config import read_config
from probe.firewall import openings, table

EXAMPLE = Path(__file__).resolve().parents[2] / "packaging" / "examples" / "probe.yaml"


def rows(tmp_path: Path, **more: Any) -> set[tuple[str, ...]]:
    """The openings of a configuration, without what they are for."""
    document = {"probe": "p", "state_dir": "s", "collector": {"url": "https://collector.example.net:8443", "token": "t"}, **more}
    (tmp_path / "probe.yaml").write_text(json.dumps(document))
    found = openings(read_config(tmp_path / "probe.yaml"))
    return {(o.direction, o.protocol, o.host, o.port, o.source_port) for o in found}


def test_a_probe_that_only_delivers_needs_one_opening(tmp_path: Path) -> None:
    """Towards the collector, or the proxy; nothing comes in."""
    closed = {"control": {"enabled": False}}
    assert rows(tmp_path, **closed) == {("out", "tcp", "collector.example.net", "8443", "any")}
    proxied = {"url": "https://collector.example.net", "token": "t", "proxy": "http://proxy.example.net:3128"}
    assert rows(tmp_path, collector=proxied, **closed) == {("out", "tcp", "proxy.example.net", "3128", "any")}


def test_every_part_of_a_configuration_has_its_openings_once(tmp_path: Path) -> None:
    """Sessions with their source ports, the reflector's sources, services, resolvers, traces and routers' answers."""
    found = rows(
        tmp_path,
        sessions=[
            {"id": "a", "target": "pe1", "source_port": 51862},
            {"id": "b", "target": "pe1:8620"},
            {"id": "c", "target": "pe1:8620"},
        ],
        reflector={"listen": ["0.0.0.0:862"], "allow": ["192.0.2.0/24"]},
        dials=[
            {"id": "d", "protocol": "tcp", "target": "198.51.100.11:8200"},
            {"id": "e", "protocol": "dns", "target": "198.51.100.53:53", "query": "www.bank.example"},
        ],
        traces=[{"id": "t", "target": "192.0.2.1:862", "flows": [[5001, 862], [5002, 862]]}],
        control={"allow": ["198.51.100.0/24"]},
    )
    assert found == {
        ("out", "tcp", "collector.example.net", "8443", "any"),
        ("out", "udp", "pe1", "862", "51862"),
        ("out", "udp", "pe1", "8620", "any"),
        ("in", "udp", "192.0.2.0/24", "862", "any"),
        ("out", "tcp", "198.51.100.11", "8200", "any"),
        ("out", "udp", "198.51.100.53", "53", "any"),
        ("out", "udp", "192.0.2.1", "862", "any"),
        ("out", "tcp, udp", "198.51.100.0/24", "any", "any"),
        ("in", "icmp", "any", "3, 11", "any"),
    }


def test_the_command_prints_the_table_or_the_document() -> None:
    """Columns for people, one document for programs."""
    printed = CliRunner().invoke(app, ["ports", "-c", str(EXAMPLE)])
    assert printed.exit_code == 0
    assert printed.stdout.splitlines() == table(openings(read_config(EXAMPLE)))
    assert printed.stdout.startswith("direction  protocol")
    document = json.loads(CliRunner().invoke(app, ["ports", "-c", str(EXAMPLE), "--json"]).stdout)
    assert {opening["direction"] for opening in document["openings"]} == {"out", "in"}
