"""The bank's network as the file an operator would have written (`faultline-inventory/1`).

Goes in: which probes stand, and the source ports that cover the core where they are known. Comes out: plain data for YAML.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.demo.equipment import MANAGEMENT, ports
from appliance.demo.network import (
    BRANCHES,
    CUSTOMER,
    DC_CITY,
    DC_PREFIX,
    DC_SITE,
    ELEMENTS,
    ENDPOINTS,
    SITES,
    TENANT,
    Branch,
    Element,
)
from appliance.demo.probing import (
    RESPONDERS,
    Dial,
    Look,
    Probes,
    Responder,
    Test,
    dials,
    hosts_interfaces,
    looks,
    tests,
    traces,
)


def inventory_document(probes: Probes, source_ports: Mapping[str, int] | None = None) -> dict[str, Any]:
    """What the operator knows. `source_ports`: session → port, for those that another port covers the core with."""
    return {
        "format": "faultline-inventory/1",
        "tenants": [{"id": TENANT, "name": CUSTOMER}],
        "sites": [{"id": site.id, "name": site.name, "owner": site.owner.value} for site in SITES.values()],
        "components": [_component(element) for element in ELEMENTS.values()],
        "lines": [_line(branch, probes) for branch in BRANCHES],
        "vantages": [*(_look(look) for look in looks(probes)), *(_responder(one) for one in RESPONDERS)],
        "sessions": [_session(test, source_ports or {}) for test in tests(probes)],
        "dials": [_dial(dial) for dial in dials()],
        "traces": [
            {"id": trace.id, "line": trace.line, "sender": trace.sender, "target": trace.target} for trace in traces(probes)
        ],
        "interfaces": [
            {"probe": probe, "interface": interface, "component": component}
            for probe, interfaces in hosts_interfaces(probes).items()
            for interface, component in interfaces.items()
        ]
        + ports(),
    }


def _component(element: Element) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": element.id, "kind": element.kind.value, "owner": element.owner.value, "name": element.name}
    if element.site:
        entry["site"] = element.site
    if element.id in MANAGEMENT:
        entry["management"] = [MANAGEMENT[element.id]]
    for key, values in (
        ("between", element.between),
        ("addresses", element.addresses),
        ("hosts", element.hosts),
        ("ports", element.ports),
    ):
        if values:
            entry[key] = list(values)
    if element.paths:
        entry["paths"] = [list(path) for path in element.paths]
    return entry


def _line(branch: Branch, probes: Probes) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "code": branch.line,
        "tenant": TENANT,
        "customer": CUSTOMER,
        "grade": "AA",
        "type": "mpls_vpn",
        "cir_bps": 100_000_000,
        "time_zone": "Asia/Shanghai",
        "a_end": {"name": branch.city, "site": branch.site, "prefixes": [branch.prefix]},
        "z_end": {"name": DC_CITY, "site": DC_SITE, "prefixes": [DC_PREFIX], "hosts": list(ENDPOINTS)},
        "path": list(branch.path),
    }
    # Behind the data centre's switch stands the collector, where no management network leads to it.
    return entry | ({"reports_to": "z_end"} if probes is Probes.ENDS else {})


def _look(look: Look) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": look.id,
        "probe": look.probe,
        "observation_point": look.observation_point,
        "address": look.address,
    }
    if look.site:
        entry["site"] = look.site
    positions = []
    for branch in BRANCHES:
        if branch.line in look.lines:
            after = look.after_on(branch)
            positions.append({"line": branch.line, "between": [after, branch.path[branch.path.index(after) + 1]]})
    return entry | {"positions": positions}


def _responder(one: Responder) -> dict[str, Any]:
    place = {"before": one.before} if one.before else {"after": one.after}
    return {"id": one.id, "address": one.address, "positions": [{"line": line, **place} for line in one.lines]}


def _session(test: Test, source_ports: Mapping[str, int]) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": test.id, "line": test.line, "sender": test.sender, "reflector": test.reflector}
    entry["source_port"] = source_ports.get(test.id, test.source_port)
    if test.packet_octets is not None:
        entry["packet_octets"] = test.packet_octets
    return entry


def _dial(dial: Dial) -> dict[str, Any]:
    entry = {
        "id": dial.id,
        "line": dial.line,
        "sender": dial.sender,
        "protocol": dial.protocol,
        "endpoint": dial.endpoint,
    }
    return entry | ({"query": dial.query} if dial.query else {})
