"""The demo line: what it is made of, who owns what, where the probes look. Shared by every ground the demo runs on.

Comes out: the path, the inventory as an operator would have written it, and which components the probes can tell apart.
Knows nothing of faults, processes or packets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from appliance.demo.probing import Probes
from faultline.records.terms import ComponentKind, Owner

LINE_CODE = "CN-NB-0017"
CUSTOMER = "First Bank"


@attrs.frozen(slots=True, kw_only=True)
class Element:
    """A component of the path."""

    id: str
    kind: ComponentKind
    owner: Owner
    name: str
    between: tuple[str, str] | None = None


@attrs.frozen(slots=True, kw_only=True)
class Look:
    """A place where a probe captures, between two neighbours of the path."""

    id: str
    probe: str
    interface: str
    """Interface of the node's namespace."""
    observation_point: str
    after: str
    """The component before it, seen from the A end."""


@attrs.frozen(slots=True, kw_only=True)
class Responder:
    """An end of the line that only answers test packets: no probe of ours captures there."""

    id: str
    node: str
    place: Mapping[str, str | list[str]]
    """Its position on the line, as the inventory's file has it."""


@attrs.frozen(slots=True, kw_only=True)
class Test:
    """A test session from a look to another, or to a responder."""

    __test__ = False  # the field's word, not a test of pytest's

    id: str
    sender: str
    reflector: str


PATH = (
    Element(
        id="branch-lan",
        kind=ComponentKind.SEGMENT,
        owner=Owner.CUSTOMER,
        name="Branch LAN",
        between=("branch host", "CE"),
    ),
    Element(id="ce", kind=ComponentKind.DEVICE, owner=Owner.CUSTOMER, name="CE router"),
    Element(id="loop-a", kind=ComponentKind.SEGMENT, owner=Owner.ACCESS, name="Access loop A", between=("CE", "PE1")),
    Element(id="pe1", kind=ComponentKind.DEVICE, owner=Owner.CARRIER_CORE, name="PE1"),
    Element(id="core", kind=ComponentKind.SEGMENT, owner=Owner.CARRIER_CORE, name="Core", between=("PE1", "PE2")),
    Element(id="pe2", kind=ComponentKind.DEVICE, owner=Owner.CARRIER_CORE, name="PE2"),
    Element(
        id="loop-z",
        kind=ComponentKind.SEGMENT,
        owner=Owner.ACCESS,
        name="Data-centre loop",
        between=("PE2", "firewall"),
    ),
    Element(id="fw", kind=ComponentKind.DEVICE, owner=Owner.DESTINATION, name="Firewall"),
    Element(
        id="dc-lan",
        kind=ComponentKind.SEGMENT,
        owner=Owner.DESTINATION,
        name="Data-centre LAN",
        between=("firewall", "server"),
    ),
    Element(id="server", kind=ComponentKind.SERVER, owner=Owner.DESTINATION, name="Application server"),
)
ELEMENTS = {element.id: element for element in PATH}
SEGMENTS = tuple(element.id for element in PATH if element.kind is ComponentKind.SEGMENT)

A_PREFIX = "10.1.17.0/24"
Z_PREFIX = "10.9.0.0/24"

_BRANCH = (
    Look(id="ce-lan", probe="branch", interface="lan0", observation_point="lan", after="branch-lan"),
    Look(id="ce-wan", probe="branch", interface="wan0", observation_point="wan", after="ce"),
)
_EDGES = (
    Look(id="pe1", probe="pe1", interface="acc0", observation_point="mirror", after="loop-a"),
    Look(id="pe2", probe="pe2", interface="acc0", observation_point="mirror", after="pe2"),
)
_CENTRE = (
    Look(id="fw-wan", probe="dc", interface="wan0", observation_point="wan", after="loop-z"),
    Look(id="fw-lan", probe="dc", interface="lan0", observation_point="lan", after="fw"),
)

RESPONDERS = (
    Responder(id="branch-host", node="host", place={"before": "branch-lan"}),
    Responder(id="server-host", node="server", place={"between": ["dc-lan", "server"]}),
)
"""The branch's terminal server and the application's host answer test packets, as many hosts and switches can."""


def looks(probes: Probes) -> tuple[Look, ...]:
    """Where packets are captured, from A to Z."""
    return (*_BRANCH, *(_EDGES if probes is Probes.FULL else ()), *_CENTRE)


def tests(probes: Probes) -> tuple[Test, ...]:
    """Test sessions."""
    carried = (
        Test(id="ce-pe1", sender="ce-wan", reflector="pe1"),
        Test(id="pe1-pe2", sender="pe1", reflector="pe2"),
        Test(id="pe2-fw", sender="pe2", reflector="fw-wan"),
    )
    return (
        Test(id="ce-host", sender="ce-lan", reflector="branch-host"),
        *(carried if probes is Probes.FULL else ()),
        Test(id="ce-fw", sender="ce-wan", reflector="fw-wan"),
        Test(id="fw-server", sender="fw-lan", reflector="server-host"),
    )


def hosts_interfaces(probes: Probes) -> dict[str, dict[str, str]]:
    """Probe → interface of its host → the segment it speaks for.

    With probes at the ends only, nobody reads the carriers' ports, nor the far half of what the carriers hand over: the ports of
    the loops are left out there.
    """
    if probes is Probes.ENDS:
        return {"branch": {"lan0": "branch-lan"}, "dc": {"lan0": "dc-lan"}}
    return {
        "branch": {"lan0": "branch-lan", "wan0": "loop-a"},
        "pe1": {"acc0": "loop-a", "core0": "core"},
        "pe2": {"core0": "core", "acc0": "loop-z"},
        "dc": {"wan0": "loop-z", "lan0": "dc-lan"},
    }


def probe_names(probes: Probes) -> tuple[str, ...]:
    """Probes, from A to Z."""
    return tuple(hosts_interfaces(probes))


def inventory_document(probes: Probes) -> dict[str, Any]:
    """What the operator of the demo line knows, as the file a person writes (`faultline-inventory/1`)."""
    return {
        "format": "faultline-inventory/1",
        "tenants": [{"id": "bank", "name": CUSTOMER}],
        "sites": [{"id": "branch-17", "name": "Branch 17, Ningbo", "owner": Owner.CUSTOMER.value}],
        "components": [_component(element) for element in PATH],
        "lines": [
            {
                "code": LINE_CODE,
                "tenant": "bank",
                "customer": CUSTOMER,
                "grade": "AA",
                "type": "mpls_vpn",
                "cir_bps": 100_000_000,
                "time_zone": "Asia/Shanghai",
                "a_end": {"name": "Ningbo", "site": "branch-17", "prefixes": [A_PREFIX]},
                "z_end": {"name": "Shanghai", "prefixes": [Z_PREFIX]},
                "path": [element.id for element in PATH],
            }
        ],
        "vantages": [
            *(_vantage(look) for look in looks(probes)),
            *({"id": one.id, "positions": [{"line": LINE_CODE, **one.place}]} for one in RESPONDERS),
        ],
        "sessions": [
            {"id": test.id, "line": LINE_CODE, "sender": test.sender, "reflector": test.reflector} for test in tests(probes)
        ],
        "interfaces": [
            {"probe": probe, "interface": interface, "component": component}
            for probe, interfaces in hosts_interfaces(probes).items()
            for interface, component in interfaces.items()
        ],
    }


def _component(element: Element) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": element.id, "kind": element.kind.value, "owner": element.owner.value, "name": element.name}
    if element.between:
        entry["between"] = list(element.between)
    if element.id in {"branch-lan", "ce"}:
        entry["site"] = "branch-17"
    return entry


def _vantage(look: Look) -> dict[str, Any]:
    ids = [element.id for element in PATH]
    return {
        "id": look.id,
        "probe": look.probe,
        "observation_point": look.observation_point,
        "positions": [{"line": LINE_CODE, "between": [look.after, ids[ids.index(look.after) + 1]]}],
    }


def separable(probes: Probes) -> list[tuple[str, ...]]:
    """The path cut at every place where a probe looks: components in one piece cannot be told apart by loss on the way.

    Every look splits what is lost before it from what is lost behind it, and test sessions run between looks, so the looks are
    all the cuts there are. The server answers for its own time only: packets are not lost in it.
    """
    cuts = {look.after for look in looks(probes)}
    pieces: list[list[str]] = [[]]
    for element in PATH:
        if element.kind is ComponentKind.SERVER:
            continue
        pieces[-1].append(element.id)
        if element.id in cuts:
            pieces.append([])
    return [*(tuple(piece) for piece in pieces if piece), ("server",)]


def piece_of(component: str, pieces: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The piece that holds a component."""
    return next(piece for piece in pieces if component in piece)


def listing() -> dict[str, Any]:
    """What can fail, and what the probes can tell apart (`faultline demo --list --json`)."""
    classes = {probes: separable(probes) for probes in Probes}
    return {
        "segments": [
            {
                "id": element.id,
                "kind": element.kind.value,
                "owner": element.owner.value,
                "class": {probes.value: list(piece_of(element.id, classes[probes])) for probes in Probes},
            }
            for element in PATH
        ]
    }
