"""The inventory file: what it becomes, and every mistake with its line, its key and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from faultline import inventory
from faultline.inventory import InventoryError
from faultline.inventory.endpoints import Endpoints
from faultline.inventory.problems import MOST_SHOWN
from faultline.records.terms import ComponentKind, LineCode, Owner, TenantId

from .conftest import EXAMPLE


def problems_of(text: str) -> list[inventory.Problem]:
    """What is wrong with a text."""
    with pytest.raises(InventoryError) as caught:
        inventory.parse(text, "inv.yaml")
    return list(caught.value.problems)


def test_the_example_is_an_inventory(example: inventory.Inventory) -> None:
    """The annotated example reads into records that refer to each other."""
    line = example.lines[LineCode("CN-NB-0017")]
    assert line.customer == "First Bank"
    assert line.cir_bps == 100_000_000
    assert line.state == "in_service"
    assert [example.components[base].owner for base in line.path[:4]] == [
        Owner.CUSTOMER,
        Owner.CUSTOMER,
        Owner.ACCESS,
        Owner.CARRIER_CORE,
    ]
    assert example.components[line.path[-1]].kind is ComponentKind.SERVER
    assert {name: vantage.positions[line.code].place for name, vantage in example.vantages.items()} == {
        "ce-lan": 0.5,
        "ce-wan": 1.5,
        "pe1": 2.5,
        "pe2": 5.5,
        "fw-wan": 6.5,
        "fw-lan": 7.5,
    }
    assert example.planned[0].end_ns - example.planned[0].start_ns == 2 * 3600 * 10**9


def test_a_program_may_give_the_same_structure_as_plain_data(example: inventory.Inventory, example_text: str) -> None:
    """Plain mappings and lists give the same inventory as their YAML text."""
    assert inventory.parse(yaml.safe_load(example_text), "made") == example


def test_the_tenants_name_is_the_customer_when_none_is_given(example_text: str) -> None:
    """A line without a customer is its tenant's."""
    text = example_text.replace("    customer: First Bank ", "    # ")
    assert inventory.parse(text, "x").lines[LineCode("CN-NB-0017")].customer == "First Bank"


def test_ids_are_taken_as_they_are_written(example_text: str) -> None:
    """A code of digits keeps its zeros, and one in Chinese is a code like any other."""
    for code in ("0017", "1e3", "no", "甬沪0017"):
        text = example_text.replace("CN-NB-0017", code)
        assert list(inventory.parse(text, "x").lines) == [code]


MISTAKES: dict[str, tuple[str, str, str, str, str]] = {
    # name: (what is in the example, what stands there instead, key, words of what is wrong, words of what to do)
    "unknown format": ("faultline-inventory/1", "faultline-inventory/9", "format", "is not", "no other"),
    "no format": ("format: faultline-inventory/1", "", "", "'format' is missing", "add `format"),
    "unknown section": ("tenants:", "tenantz:", "tenantz", "unknown key", "did you mean 'tenants'"),
    "missing section": ("tenants:\n  - {id: bank, name: First Bank, vip: gold, calendar: china}", "", "", "'tenants' is missing", "list whose"),
    "empty section": ("tenants:\n  - {id: bank, name: First Bank, vip: gold, calendar: china}", "tenants: []", "tenants", "empty", "list whose"),
    "a section that is no list": (
        "tenants:\n  - {id: bank, name: First Bank, vip: gold, calendar: china}",
        "tenants: bank",
        "tenants",
        "a single value where a list belongs",
        "begin each entry",
    ),
    "an entry that is no mapping": (
        "  - {id: bank, name: First Bank, vip: gold, calendar: china}",
        "  - bank",
        "tenants[0]",
        "where a mapping",
        "key: value",
    ),
    "unknown key": ("grade: AA", "grad: AA", "lines[0].grad", "unknown key", "did you mean 'grade'"),
    "missing id": ("{id: bank, name: First Bank, vip: gold, calendar: china}", "{name: First Bank}", "tenants[0]", "'id' is missing", "others refer to"),
    "empty id": ("{id: bank, name: First Bank, vip: gold, calendar: china}", "{id: , name: First Bank}", "tenants[0].id", "empty", "others refer to"),
    "id with a space": ("{id: pe2, kind", "{id: p e2, kind", "components[5].id", "cannot be an id", "without spaces"),
    "id with a direction": ("{id: pe2, kind", "{id: pe2>, kind", "components[5].id", "cannot be an id", "without spaces"),
    "reserved tenant": ("{id: bank,", "{id: _bank,", "tenants[0].id", "begins with `_`", "Faultline's own"),
    "duplicate component": (
        "{id: pe2, kind",
        "{id: pe1, kind",
        "components[5].id",
        "a component 'pe1' is already",
        "its own name",
    ),
    "duplicate vantage": ("{id: fw-lan,", "{id: fw-wan,", "vantages[5].id", "a vantage 'fw-wan' is already", "its own name"),
    "duplicate session": ("{id: pe2-fw,", "{id: ce-fw,", "sessions[3].id", "a session 'ce-fw' is already", "its own name"),
    "duplicate yaml key": ("    grade: AA", "    code: other", "lines[0].code", "is already in line", "keep one"),
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
    "dangling tenant": ("tenant: bank", "tenant: bnak", "lines[0].tenant", "no tenant 'bnak'", "did you mean 'bank'"),
    "state": ("state: in_service", "state: in-service", "lines[0].state", "is not one of", "did you mean 'in_service'"),
    "rate": ("100_000_000 ", "100M ", "lines[0].cir_bps", "not a whole number above 0", "write digits"),
    "rate of nothing": ("100_000_000 ", "0 ", "lines[0].cir_bps", "not a whole number above 0", "write digits"),
    "time zone": ("Asia/Shanghai", "Asia/Shangai", "lines[0].time_zone", "no time zone", "IANA"),
    "own backup": ("    grade: AA", "    backup: CN-NB-0017", "lines[0].backup", "its own backup", "other line"),
    "dangling backup": ("    grade: AA", "    backup: CN-NB-0071", "lines[0].backup", "no line", "did you mean"),
    "prefix with host bits": (
        "[10.1.17.0/24]",
        "[10.1.17.1/24]",
        "lines[0].a_end.prefixes[0]",
        "not a network",
        "is 10.1.17.0/24",
    ),
    "prefix": ("[10.1.17.0/24]", "[ningbo]", "lines[0].a_end.prefixes[0]", "not a network", "address/length"),
    "no prefixes": (", prefixes: [10.9.0.0/24]", "", "lines[0].z_end", "'prefixes' is missing", "list the networks"),
    "prefix twice": ("[10.9.0.0/24]", "[10.9.0.0/24, 10.9.0.0/24]", "lines[0].z_end.prefixes[1]", "there twice", "keep one"),
    "prefix at both ends": ("[10.9.0.0/24]", "[10.1.17.0/24]", "lines[0].z_end", "behind both ends", "where it is"),
    "dangling path": ("pe2, loop-z, fw", "pe2, loop-x, fw", "lines[0].path[6]", "no component 'loop-x'", "did you mean 'loop-z'"),
    "loop": (
        "pe2, loop-z, fw",
        "pe2, core, fw",
        "lines[0].path[6]",
        "already element 4 of the path: a loop",
        "crosses a component once",
    ),
    "service on a path": ("dc-lan, server]", "dc-lan, server, teller]", "lines[0].path[10]", "is a service", "segments"),
    "no path": ("    path: [", "    # path: [", "lines[0]", "'path' is missing", "from A to Z"),
    "not neighbours": (
        "between: [loop-a, pe1]",
        "between: [loop-a, core]",
        "vantages[2].positions[0].between",
        "not neighbours",
        "path is",
    ),
    "not on the path": (
        "between: [loop-a, pe1]",
        "between: [loop-a, teller]",
        "vantages[2].positions[0].between",
        "not on the",
        "path is",
    ),
    "position of nothing": (
        "between: [loop-a, pe1]",
        "between: [loop-a, pe9]",
        "vantages[2].positions[0].between",
        "no component",
        "did",
    ),
    "three neighbours": (
        "between: [loop-a, pe1]",
        "between: [loop-a, pe1, core]",
        "vantages[2].positions[0].between",
        "3 el",
        "two",
    ),
    "two places": (
        "between: [loop-a, pe1]}",
        "between: [loop-a, pe1], at: pe1}",
        "vantages[2].positions[0]",
        "together",
        "one of",
    ),
    "no place": (
        "{line: CN-NB-0017, between: [loop-a, pe1]}",
        "{line: CN-NB-0017}",
        "vantages[2].positions[0]",
        "no place",
        "one of",
    ),
    "dangling line of a position": (
        "{line: CN-NB-0017, between: [loop-a, pe1]}",
        "{line: CN, at: pe1}",
        "vantages[2].positions[0].line",
        "",
        "",
    ),
    "no positions": (
        "positions: [{line: CN-NB-0017, between: [loop-a, pe1]}]",
        "positions: []",
        "vantages[2].positions",
        "empty",
        "say where",
    ),
    "two positions on a line": (
        "{line: CN-NB-0017, between: [loop-a, pe1]}",
        "{line: CN-NB-0017, at: pe1}, {line: CN-NB-0017, at: core}",
        "vantages[2].positions[1].line",
        "a second position",
        "one place",
    ),
    "the same observation point": (
        "observation_point: wan, site: b",
        "observation_point: lan, site: b",
        "vantages[1].observation_point",
        "",
        "",
    ),
    "point without a probe": (
        "probe: pe1, observation",
        "observation",
        "vantages[2].observation_point",
        "without a probe",
        "name the",
    ),
    "dangling vantage of a session": (
        "reflector: pe1}",
        "reflector: pe7}",
        "sessions[0].reflector",
        "no vantage 'pe7'",
        "did you mean",
    ),
    "session at one place": (
        "reflector: pe1}",
        "reflector: ce-wan}",
        "sessions[0].reflector",
        "the same place",
        "what lies between",
    ),
    "session of no line": (
        "{id: ce-pe1, line: CN-NB-0017",
        "{id: ce-pe1, line: CN-NB-001",
        "sessions[0].line",
        "no line",
        "did you mean",
    ),
    "interface of nobody": (
        "{probe: branch, interface",
        "{probe: branchh, interface",
        "interfaces[0].probe",
        "no probe",
        "did you mean 'branch'",
    ),
    "interface of nothing": (
        "wan0, component: loop-a",
        "wan0, component: loop-b",
        "interfaces[0].component",
        "no component",
        "did you",
    ),
    "interface twice": ("probe: dc, interface", "probe: branch, interface", "interfaces[1].interface", "already in", "its own"),
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
    "bundle and member on a path": ("pe1, core, pe2,", "pe1, core, p1, pe2,", "lines[0].path[5]", "is inside 'core'", "not both"),
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
    "unknown host behind an end": (
        "hosts: [dns-1]}",
        "hosts: [dns-2]}",
        "lines[0].z_end.hosts[0]",
        "no component",
        "did you mean",
    ),
    "a device behind an end": (
        "hosts: [dns-1]}",
        "hosts: [dns-1, p1]}",
        "lines[0].z_end.hosts[1]",
        "'p1' is a device",
        "servers and",
    ),
    "on the path and behind it": ("hosts: [dns-1]}", "hosts: [dns-1, server]}", "lines[0].path[9]", "behind an end", "keep one"),
    "reports to nowhere": (
        "    grade: AA",
        "    reports_to: z",
        "lines[0].reports_to",
        "not one of a_end, z_end",
        "name the end",
    ),
    "session's port": ("source_port: 49152", "source_port: 70000", "sessions[1].source_port", "not between 1 and 65535", "49152"),
    "session's size": ("packet_octets: 1500", "packet_octets: 20", "sessions[4].packet_octets", "not between 72", "1500"),
    "dial of nothing": ("endpoint: teller}", "endpoint: tellar}", "dials[0].endpoint", "no component", "did you mean 'teller'"),
    "dial to a router": ("endpoint: teller}", "endpoint: pe1}", "dials[0].endpoint", "'pe1' is a device", "name a server"),
    "name asked of a server": (
        "endpoint: dns-1, query",
        "endpoint: server, query",
        "dials[1].endpoint",
        "answers no names",
        "resolver",
    ),
    "dns without a name": (", query: teller.bank.example", "", "dials[1]", "'query' is missing", "what to ask for"),
    "tcp with a name": (
        "endpoint: teller}",
        "endpoint: teller, query: x}",
        "dials[0].query",
        "asks for no name",
        "protocol: dns",
    ),
    "protocol of a dial": ("protocol: tcp,", "protocol: http,", "dials[0].protocol", "is not one of tcp, dns", "choose"),
    "trace to nowhere": ("target: fw-lan}", "target: fw-lam}", "traces[0].target", "no vantage and no component", "did you mean"),
    "trace to a vantage without address": (
        "target: fw-lan}",
        "target: fw-wan}",
        "traces[0].target",
        "has no address",
        "`address`",
    ),
    "duplicate trace": (
        "{id: trace-teller,",
        "{id: trace-ce-fw,",
        "traces[1].id",
        "a trace 'trace-ce-fw' is already",
        "its own name",
    ),
    "work on nothing": (
        "{components: [loop-a]",
        "{components: [loop-b]",
        "planned[0].components[0]",
        "no component",
        "did you mean",
    ),
    "work without an offset": ("02:00:00+08:00", "02:00:00", "planned[0].start", "no offset from UTC", "+08:00"),
    "work at no time": ("2026-12-01T02:00:00+08:00", "tonight", "planned[0].start", "not a time", "write date"),
    "work that ends before it begins": ("T04:00:00", "T01:00:00", "planned[0].end", "not after its start", "swap"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_its_line_its_key_and_what_to_do(name: str, example_text: str) -> None:
    """One mistake in the file is one problem: where, what is wrong, what to do; nothing that follows from it is reported."""
    before, instead, key, wrong, remedy = MISTAKES[name]
    at = example_text.index(before)
    text = example_text.replace(before, instead, 1)
    found = problems_of(text)
    problem = next((p for p in found if p.key == key), None)
    assert problem is not None, found
    assert wrong in problem.wrong
    assert remedy in problem.remedy
    assert problem.where == "inv.yaml"
    begin = example_text.count("\n", 0, at) + 1
    if key:
        assert problem.line is not None
        if "is missing" not in problem.wrong:  # that is told where the mapping begins
            assert begin <= problem.line
        assert problem.line <= begin + before.count("\n") + 1
    follow_ups = {
        "unknown section",
        "missing section",
        "empty section",
        "a section that is no list",
        "an entry that is no mapping",
    }
    renamed = {"missing id", "empty id", "id with a space", "id with a direction", "reserved tenant", "component named as a site"}
    if name not in follow_ups | renamed | {p for p in MISTAKES if p.startswith("duplicate")} | {"unknown format"}:
        assert len(found) == 1, found


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(example_text: str) -> None:
    """Three mistakes in one reading are three problems, each with its line in front."""
    text = example_text.replace("owner: access, name: Acc", "owner: accezs, name: Acc").replace("grade: AA", "grad: AA")
    text = text.replace("reflector: pe1}", "reflector: pe7}")
    with pytest.raises(InventoryError) as caught:
        inventory.parse(text, "inv.yaml")
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[1] for line in lines] == ["components[2].owner", "lines[0].grad", "sessions[0].reflector"]
    assert all(line.startswith("inv.yaml:") for line in lines)


def test_one_systematic_mistake_does_not_fill_the_terminal(example_text: str) -> None:
    """The message shows the first problems and the number of the others; `problems` has them all."""
    broken = "".join(f"  - {{id: c{n}, kind: device, owner: nobody}}\n" for n in range(200))
    text = example_text.replace("components:\n", "components:\n" + broken, 1)
    with pytest.raises(InventoryError) as caught:
        inventory.parse(text, "inv.yaml")
    assert len(caught.value.problems) == 200
    assert str(caught.value).count("\n") == MOST_SHOWN
    assert str(caught.value).endswith("and 150 more")


def test_a_dial_to_a_service_without_address_says_whose_address_is_missing(example_text: str) -> None:
    """The server's: a service has its address. The trace to it says the same; a port only the dial needs."""
    found = problems_of(example_text.replace(", addresses: [10.9.0.11]", ""))
    assert [problem.key for problem in found] == ["dials[0].endpoint", "traces[1].target"]
    assert all("give 'server' its `addresses`" in problem.remedy for problem in found)
    (unheard,) = problems_of(example_text.replace(", ports: [tcp/8200]", ""))
    assert (unheard.key, unheard.wrong) == ("dials[0].endpoint", "'teller' has no tcp port")


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


def two_lines(**second: Any) -> dict[str, Any]:
    """Two lines over one loop, both seen by one capture at PE1."""
    line = {
        "code": "L1",
        "tenant": "bank",
        "a_end": {"name": "A", "prefixes": ["10.1.0.0/24"]},
        "z_end": {"name": "Z", "prefixes": ["10.9.0.0/24"]},
        "path": ["loop", "pe"],
    }
    return {
        "format": "faultline-inventory/1",
        "tenants": [{"id": "bank"}],
        "components": [
            {"id": "loop", "kind": "segment", "owner": "access"},
            {"id": "pe", "kind": "device", "owner": "carrier_core"},
        ],
        "lines": [line, {**line, "code": "L2", **second}],
        "vantages": [
            {
                "id": "v",
                "probe": "p",
                "observation_point": "eth0",
                "positions": [{"line": code, "between": ["loop", "pe"]} for code in ("L1", "L2")],
            },
        ],
    }


def test_lines_that_a_capture_cannot_tell_apart_are_refused() -> None:
    """Two lines that join the same two networks and pass the same observation point are one problem, at the vantage."""
    with pytest.raises(InventoryError, match=r"L1 and L2 both join 10\.1\.0\.0/24 and 10\.9\.0\.0/24") as caught:
        inventory.parse(two_lines(), "made")
    assert [p.key for p in caught.value.problems] == ["vantages[0].positions"]


def test_lines_that_differ_at_one_end_or_are_captured_apart_are_no_mistake() -> None:
    """Branches share the data centre's network; the two lines of a pair share both networks and no capture."""
    branch = two_lines(a_end={"name": "B", "prefixes": ["10.2.0.0/24"]})
    assert len(inventory.parse(branch, "made").lines) == 2
    pair = two_lines(backup="L1")
    pair["vantages"] = [
        {"id": f"v{code}", "probe": "p", "observation_point": code, "positions": [{"line": code, "at": "pe"}]}
        for code in ("L1", "L2")
    ]
    assert inventory.parse(pair, "made").lines[LineCode("L2")].backup == "L1"


def test_a_file_that_cannot_be_opened_is_a_problem_of_its_own(tmp_path: Path) -> None:
    """A missing file and a folder give one problem each, not a traceback."""
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(InventoryError, match="cannot be read") as caught:
            inventory.read(path)
        assert len(caught.value.problems) == 1


def test_freezes_name_tenants_or_lines_that_exist(example: inventory.Inventory, example_text: str) -> None:
    """One that names nobody holds for everybody; an unknown tenant and an end before its start are mistakes."""
    lines = list(example.lines.values())
    assert example.freezes[0].tenants == (TenantId("bank"),)
    assert example.freezes[0].holds_for_any(lines)
    assert (
        inventory.parse(example_text.replace("tenants: [bank], reason: year", "reason: year"), "x")
        .freezes[0]
        .holds_for_any(lines)
    )
    for old, new, key in (
        ("tenants: [bank], reason: year", "tenants: [bnak], reason: year", "freezes[0].tenants[0]"),
        ("2027-01-02", "2026-01-02", "freezes[0].end"),
    ):
        assert [problem.key for problem in problems_of(example_text.replace(old, new))] == [key]


def test_a_file_is_read_as_records_and_as_plain_data_at_once(example: inventory.Inventory, tmp_path: Path) -> None:
    """The data gives the same records; values stay as they were written."""
    found, data = inventory.read_with_data(EXAMPLE)
    assert inventory.parse(data, "made") == found
    assert data["lines"][0]["cir_bps"] == "100_000_000"
    assert found == example
    path = tmp_path / "inventory.yaml"
    path.write_text("format: 7", encoding="utf-8")
    with pytest.raises(InventoryError):
        inventory.read_with_data(path)
