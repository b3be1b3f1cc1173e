"""A trace for whoever asked for it: the document of `probe trace --json`, and lines for a person.

What is not known is left out: a hop that did not answer has no address. Nothing is averaged.
"""

from __future__ import annotations

from math import floor
from typing import Any

from probe.paths.hops import Flow, Hop
from probe.paths.terms import Label
from probe.paths.tracing import Traced

_MILLISECOND_NS = 1e6


def document(traced: Traced) -> dict[str, Any]:
    """As the contract names it, and more."""
    discovery, mtu = traced.discovery, traced.mtu
    narrowing = mtu.narrowing if mtu else None
    confidence = discovery.confidence
    found: dict[str, Any] = {
        "destination": str(traced.ends.destination),
        "source": str(traced.ends.source),
        "method": str(traced.method),
        "sockets": traced.sockets,
        "paths": [_path(flow, traced) for flow in discovery.flows.values()],
        "links": links(traced),
        "branches_confidence": None if confidence is None else floor(1e4 * confidence) / 1e4,
        "path_mtu": mtu.path_mtu if mtu else None,
        "path_mtu_reported_by": narrowing.address if narrowing else None,
        "path_mtu_black_hole": narrowing.silent if narrowing else (False if mtu and mtu.path_mtu else None),
        "path_mtu_black_hole_after": _hole(traced),
        "probes_sent": discovery.sent,
        "seconds": round(traced.seconds, 3),
        "complete": complete(traced),
        "notes": list(traced.notes),
    }
    return {name: value for name, value in found.items() if value is not None}


def _hole(traced: Traced) -> dict[str, Any] | None:
    """The last router that large packets reach; None when it is not known, or is before the first one."""
    if traced.hole is None or not traced.hole.found or traced.hole.last_reached is None:
        return None
    ttl, address = traced.hole.last_reached
    return {"ttl": ttl, "address": address}


def complete(traced: Traced) -> bool:
    """Whether every flow came to the destination, in time; silent routers on the way do not count."""
    return traced.in_time and traced.discovery.reached()


def links(traced: Traced) -> list[list[str]]:
    """Pairs of routers that answered at neighbouring distances in one flow, over all flows; over a silent hop there is none."""
    found: dict[tuple[str, str], None] = {}
    for flow in traced.discovery.flows.values():
        by_ttl = {hop.ttl: hop.address for hop in flow.hops}
        for ttl in sorted(by_ttl):
            near, far = by_ttl[ttl], by_ttl.get(ttl + 1)
            if near is not None and far is not None:
                found[near, far] = None
    return [list(pair) for pair in found]


def _path(flow: Flow, traced: Traced) -> dict[str, Any]:
    refused = flow.refusal
    found: dict[str, Any] = {
        "flow_id": flow.ident,
        "source_port": traced.source_ports.get(flow.ident),
        "reached": flow.reached_ttl is not None,
        "refused": {"address": refused.address, "reason": refused.reason} if refused else None,
        "hops": [_hop(hop) for hop in flow.hops],
    }
    return {name: value for name, value in found.items() if value is not None}


def _hop(hop: Hop) -> dict[str, Any]:
    if hop.address is None:
        return {"ttl": hop.ttl, "rtt_ns": [], "sent": hop.sent}
    first, *others = ({"address": address, **_seen(hop, address)} for address in hop.addresses)
    return {"ttl": hop.ttl, **first, "sent": hop.sent, **({"others": others} if others else {})}


def _seen(hop: Hop, address: str) -> dict[str, Any]:
    samples = hop.samples(address)
    labels = next((sample.labels for sample in samples if sample.labels), ())
    rewritten = list(dict.fromkeys(name for sample in samples for name in sample.rewritten))
    found: dict[str, Any] = {"rtt_ns": [sample.rtt_ns for sample in samples]}
    if labels:
        found["mpls"] = [_label(label) for label in labels]
    if rewritten:
        found["rewritten"] = rewritten
    return found


def _label(label: Label) -> dict[str, int]:
    return {"label": label.label, "traffic_class": label.traffic_class, "ttl": label.ttl}


def lines(traced: Traced) -> list[str]:
    """The same for a person: flows with the same routers are told once."""
    told: list[str] = []
    alike: dict[tuple[str | None, ...], list[Flow]] = {}
    for flow in traced.discovery.flows.values():
        alike.setdefault(tuple(hop.address for hop in flow.hops), []).append(flow)
    for flows in alike.values():
        told += [f"flow {', '.join(str(flow.ident) for flow in flows)}", *(_hop_line(hop) for hop in flows[0].hops)]
        if not flows[0].hops:
            told.append("  no probe was sent")
        if refusal := flows[0].refusal:
            told.append(f"  {refusal.address} carries it no further: {refusal.reason}")
    return [*told, *_summary(traced)]


def _hop_line(hop: Hop) -> str:
    if hop.address is None:
        return f"{hop.ttl:4}  no answer to {hop.sent} probes"
    parts = []
    for address in hop.addresses:
        seen = _seen(hop, address)
        trips = " ".join(f"{rtt_ns / _MILLISECOND_NS:.3f}" for rtt_ns in seen["rtt_ns"])
        labels = "".join(f" MPLS {label['label']}" for label in seen.get("mpls", []))
        rewritten = f" (translated before here: {', '.join(seen['rewritten'])})" if "rewritten" in seen else ""
        parts.append(f"{address}  {trips} ms{labels}{rewritten}")
    return f"{hop.ttl:4}  " + "  also ".join(parts)


def _summary(traced: Traced) -> list[str]:
    found = document(traced)
    told = [f"destination {'reached' if found['complete'] else 'not reached by every flow'}"]
    if "branches_confidence" in found:
        told.append(f"no further branches at any hop: {_sure(found['branches_confidence'])} sure")
    if "path_mtu" in found:
        told.append(f"path MTU {found['path_mtu']}" + _why_narrow(found))
    return [*told, *(f"note: {note}" for note in traced.notes)]


def _sure(confidence: float) -> str:
    """In whole percents, rounded down: nothing is surer than it is."""
    return f"{int(100 * confidence)} %"


def _why_narrow(found: dict[str, Any]) -> str:
    if found["path_mtu_black_hole"]:
        after = found.get("path_mtu_black_hole_after")
        where = f" after hop {after['ttl']}, {after['address']}," if after else ""
        return f": larger packets are lost{where} and no router says so (black hole)"
    return f": {found['path_mtu_reported_by']} says so" if "path_mtu_reported_by" in found else ""
