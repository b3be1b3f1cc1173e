"""What probes are to do and what is planned: sessions, dial tests, traces, interfaces, windows and freezes."""

from __future__ import annotations

import pytest

from faultline import inventory
from faultline.records.terms import TenantId

from .mistaking import Mistakes, check_told, problems_of

MISTAKES: Mistakes = {
    "duplicate session": ("{id: pe2-fw,", "{id: ce-fw,", "sessions[3].id", "a session 'ce-fw' is already", "its own name"),
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
NOT_ALONE = frozenset(
    {
        "duplicate session",
        "duplicate trace",
    }
)
"""What refers to what is gone is told, too."""


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_its_line_its_key_and_what_to_do(name: str, example_text: str) -> None:
    """One mistake in the file is one problem: where, what is wrong, what to do."""
    check_told(example_text, MISTAKES[name], alone=name not in NOT_ALONE)


def test_a_dial_to_a_service_without_address_says_whose_address_is_missing(example_text: str) -> None:
    """The server's: a service has its address. The trace to it says the same; a port only the dial needs."""
    found = problems_of(example_text.replace(", addresses: [10.9.0.11]", ""))
    assert [problem.key for problem in found] == ["dials[0].endpoint", "traces[1].target"]
    assert all("give 'server' its `addresses`" in problem.remedy for problem in found)
    (unheard,) = problems_of(example_text.replace(", ports: [tcp/8200]", ""))
    assert (unheard.key, unheard.wrong) == ("dials[0].endpoint", "'teller' has no tcp port")


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
