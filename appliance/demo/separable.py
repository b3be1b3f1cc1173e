"""What each set of probes can tell apart on the bank's network, before any fault.

Goes in: looks, test sessions, dial tests. Comes out: the class of every component, by the rule that verdicts are judged by
(`columns`): components in exactly the same observations, with the same shares, cannot be told apart.

The observations are the ones a healthy window yields, of packets from A to Z: each session over what lies between its ends; the
customers' traffic once before and once behind every look; each dial test over its way and at its end; answers and windows of
every service. What is between the core's paths is shared half and half, but for the sessions that keep to one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from appliance.demo.kinds import TRAITS, Kind
from appliance.demo.network import BRANCHES, ELEMENTS, MIDDLES, PLACES, SITES, SPANS, Branch, Element
from appliance.demo.probing import RESPONDERS, Probes, dials, looks, tests
from faultline.inference.columns import Columns
from faultline.records.terms import ComponentKind, Mode

_MODES = {
    ComponentKind.SITE: Mode.DOWN,
    ComponentKind.SERVER: Mode.SLOW,
    ComponentKind.SERVICE: Mode.SLOW,
    ComponentKind.RESOLVER: Mode.FAILING,
}
"""The mode a component is looked at in; for what packets cross it is loss."""
_CAN_FAIL = {place for kind, traits in TRAITS.items() if kind is not Kind.REROUTE for place in traits.places}
_BY_LINE = {branch.line: branch for branch in BRANCHES}


def separable(probes: Probes) -> dict[str, tuple[str, ...]]:
    """Component → everything that cannot be told from it, itself included, in the order of the network."""
    evidence = _evidence(probes)
    columns = {mode: Columns(evidence, mode) for mode in {Mode.LOSS, *_MODES.values()}}
    found = {}
    for element in PLACES.values():
        alike = columns[_MODES.get(element.kind, Mode.LOSS)].inseparable([element.id])
        found[element.id] = tuple(place for place in PLACES if place in alike)
    return found


def listing() -> dict[str, Any]:
    """What can fail, and what the probes can tell apart (`faultline demo --list --json`)."""
    classes = {probes: separable(probes) for probes in Probes}
    return {
        "segments": [
            {
                "id": element.id,
                "kind": element.kind.value,
                "owner": element.owner.value,
                "class": {probes.value: list(classes[probes][element.id]) for probes in Probes},
            }
            for element in PLACES.values()
            if element.id in _CAN_FAIL
        ]
    }


def _evidence(probes: Probes) -> dict[str, Any]:
    places = _places(probes)
    observations: list[dict[str, Any]] = []
    for test in tests(probes):
        branch = _BY_LINE[test.line]
        low, high = sorted((places[test.sender, test.line], places[test.reflector, test.line]))
        observations.append({"kind": "loss", "paths": _ways(branch, low, high, only=test.member)})
    for look in looks(probes):
        for branch in BRANCHES:
            if branch.line in look.lines:
                place = places[look.id, branch.line]
                spans = ((0, place), (place, len(branch.path)))
                observations += [{"kind": "loss", "paths": _ways(branch, low, high)} for low, high in spans]
        observations += [{"kind": "silence", "probe": look.probe, "site": look.site}] if look.site else []
    for dial in dials():
        branch = _BY_LINE[dial.line]
        ways = _ways(branch, places[dial.sender, dial.line], len(branch.path))
        observations.append({"kind": "failure", "outcome": "timeout", "paths": ways, "endpoint": dial.endpoint})
    observations += [{"kind": "response", "endpoint": service} for service in PLACES if service in {"svc-teller", "svc-web"}]
    return {"components": [_component(element) for element in PLACES.values()], "observations": observations}


def _component(element: Element) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": element.id, "kind": element.kind.value, "owner": element.owner.value}
    return entry | {"hosts": list(element.hosts)} | ({"site": element.site} if element.site in SITES else {})


def _places(probes: Probes) -> dict[tuple[str, str], int]:
    """(vantage, line) → how many elements of the line's path lie before it."""
    found: dict[tuple[str, str], int] = {}
    for branch in BRANCHES:
        for look in looks(probes):
            if branch.line in look.lines:
                found[look.id, branch.line] = branch.path.index(look.after_on(branch)) + 1
        for one in RESPONDERS:
            if branch.line in one.lines:
                found[one.id, branch.line] = 0 if one.before else len(branch.path)
    return found


def _ways(branch: Branch, low: int, high: int, *, only: int | None = None) -> list[dict[str, Any]]:
    """What lies between two places of a line, once for each of the core's alternatives that the packets may take."""
    between = branch.path[low:high]
    if not any(element in SPANS for element in between):
        return [{"via": list(between), "weight": 1.0}]
    members = [m for m in MIDDLES if only in {None, m}]
    return [{"via": _unrolled(between, m), "weight": 1 / len(members)} for m in members]


def _unrolled(path: Sequence[str], middle: int) -> list[str]:
    """With the core's span replaced by its members over one of the middle routers."""
    return [part for element in path for part in (ELEMENTS[element].paths[middle - 1] if element in SPANS else (element,))]
