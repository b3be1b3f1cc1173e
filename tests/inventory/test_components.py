"""Components: what can be wrong with what they are made of and say of each other."""

from __future__ import annotations

import pytest
import yaml

from faultline import inventory
from faultline.inventory.endpoints import Endpoints
from faultline.records.terms import TenantId

from .mistaking import Mistakes, check_told

MISTAKES: Mistakes = {
    "id with a space": ("{id: pe2, kind", "{id: p e2, kind", "components[5].id", "cannot be an id", "without spaces"),
    "id with a direction": ("{id: pe2, kind", "{id: pe2>, kind", "components[5].id", "cannot be an id", "without spaces"),
    "duplicate component": (
        "{id: pe2, kind",
        "{id: pe1, kind",
        "components[5].id",
        "a component 'pe1' is already",
        "its own name",
    ),
    "component named as a site": ("{id: pe2, kind", "{id: dc-sh, kind", "components[5].id", "the id of a site", "its own"),
    "owner": ("owner: access, name: Acc", "owner: accezs, name: Acc", "components[2].owner", "'accezs'", "did you mean 'access'"),
    "no owner": ("owner: access, name: Acc", "name: Acc", "components[2]", "'owner' is missing", "one of customer"),
    "kind": ("{id: ce, kind: device", "{id: ce, kind: router", "components[1].kind", "'router' is not one of", "choose one"),
    "site as a component": (
        "{id: ce, kind: device",
        "{id: ce, kind: site",
        "components[1].kind",
        "'site' is not one of",
        "under `sites`",
    ),
    "dangling site": (
        "name: CE router, site: branch-17",
        "name: CE router, site: branch-71",
        "components[1].site",
        "no site",
        "did you",
    ),
    "between of one": ("between: [CE, PE1]", "between: [CE]", "components[2].between", "1 ends", "A side first"),
    "dangling host": (
        "hosts: [teller]",
        "hosts: [tellar]",
        "components[9].hosts[0]",
        "no component 'tellar'",
        "did you mean 'teller'",
    ),
    "a device as host": ("hosts: [teller]", "hosts: [fw]", "components[9].hosts[0]", "'fw' is a device", "kind service"),
    "hosts of a device": ("name: PE1}", "name: PE1, hosts: [teller]}", "components[3].hosts", "hosts nothing", "kind server"),
    "unknown member": (
        "[pe1-p2, p2, p2-pe2]]",
        "[pe1-p2, p2, p2-pe9]]",
        "components[4].paths[1]",
        "no component 'p2-pe9'",
        "did you",
    ),
    "a host as member": (
        "[pe1-p2, p2, p2-pe2]]",
        "[pe1-p2, server]]",
        "components[4].paths[1]",
        "'server' is a server",
        "made of",
    ),
    "a bundle in itself": ("[pe1-p2, p2, p2-pe2]]", "[core]]", "components[4].paths[1]", "inside itself", "made of"),
    "the same path twice": ("[pe1-p2, p2, p2-pe2]]", "[pe1-p1, p1, p1-pe2]]", "components[4].paths[1]", "the same path", "keep"),
    "a member twice": ("[pe1-p2, p2, p2-pe2]]", "[p2, pe1-p2, p2]]", "components[4].paths[1]", "a loop", "once"),
    "paths without members": ("[pe1-p2, p2, p2-pe2]]", "pe1-p2]", "components[4].paths[1]", "where a list", "[[one, two]"),
    "a device of alternatives": (
        "name: PE1}",
        "name: PE1, paths: [[p1]]}",
        "components[3].paths",
        "no alternatives",
        "kind segment",
    ),
    "address": ("[172.20.0.2]", "[172.20.0.2/30]", "components[13].addresses[0]", "not an address", "leave the length out"),
    "address twice": ("[172.20.0.2]", "[172.20.0.2, 172.20.0.2]", "components[13].addresses[1]", "there twice", "keep one"),
    "address of two": ("[172.20.0.6]", "[172.20.0.2]", "components[16].addresses", "172.20.0.2 is also", "one component's"),
    "port": ("ports: [tcp/8200]", "ports: [tcp/8200, 8200]", "components[10].ports[1]", "'8200' is not a port", "e.g. tcp/8200"),
    "ports of a server": (
        "addresses: [10.9.0.11]}",
        "addresses: [10.9.0.11], ports: [tcp/1]}",
        "components[9].ports",
        "nowhere",
        "service",
    ),
}
NOT_ALONE = frozenset(
    {
        "id with a space",
        "id with a direction",
        "duplicate component",
        "component named as a site",
    }
)
"""What refers to what is gone is told, too."""


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_its_line_its_key_and_what_to_do(name: str, example_text: str) -> None:
    """One mistake in the file is one problem: where, what is wrong, what to do."""
    check_told(example_text, MISTAKES[name], alone=name not in NOT_ALONE)


def test_tenants_may_use_the_same_addresses(example_text: str) -> None:
    """Every bank uses 10/8: an address is one component's within one tenant's lines only."""
    document = yaml.safe_load(example_text)
    document["tenants"].append({"id": "other"})
    document["components"].append({"id": "theirs", "kind": "server", "owner": "destination", "addresses": ["10.9.0.11"]})
    line = {**document["lines"][0], "code": "X", "tenant": "other", "path": ["loop-a", "pe1"]}
    document["lines"].append({**line, "z_end": {"name": "Z", "prefixes": ["10.8.0.0/24"], "hosts": ["theirs"]}})
    known = inventory.parse(document, "made")
    endpoints = Endpoints(known)
    port = inventory.ServicePort(protocol=inventory.TransportProtocol.TCP, number=8200)
    assert endpoints.find(TenantId("bank"), "10.9.0.11", port) == "teller"
    assert endpoints.find(TenantId("other"), "10.9.0.11", port) == "theirs"
    assert endpoints.find(TenantId("bank"), "10.9.0.99", port) is None
